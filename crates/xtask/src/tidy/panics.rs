//! No `unwrap`, and no `expect` without the invariant it relies on, in what users get.

use syn::visit::{self, Visit};

use super::finding::Finding;
use super::project::Project;
use super::rust_file::RustFile;

/// The sources that run inside an application.
const LIBRARIES: [&str; 3] = ["crates/wire/src/", "crates/tcb/src/", "crates/runtime/src/"];

/// Words that can state an invariant; fewer only name a thing.
const INVARIANT_WORDS_MIN: usize = 3;

pub(super) fn look(project: &Project) -> Vec<Finding> {
    project
        .rust_files
        .iter()
        .filter(|file| LIBRARIES.iter().any(|folder| file.path.starts_with(folder)))
        .flat_map(|file| {
            let mut findings = unwraps(file);
            findings.extend(terse_expects(file));
            findings
        })
        .collect()
}

fn unwraps(file: &RustFile) -> Vec<Finding> {
    file.lines_with(&[".", "unwrap", "(", ")"])
        .filter(|line| !file.is_test_line(*line))
        .map(|line| Finding::at(&file.path, line, "`unwrap` outside tests"))
        .collect()
}

fn terse_expects(file: &RustFile) -> Vec<Finding> {
    let mut expects = Expects { messages: Vec::new() };
    expects.visit_file(&file.syntax);
    expects
        .messages
        .into_iter()
        .filter(|(line, _)| !file.is_test_line(*line))
        .filter(|(_, message)| message.split_whitespace().count() < INVARIANT_WORDS_MIN)
        .map(|(line, message)| {
            let message = format!("`expect({message:?})` does not state an invariant");
            Finding::at(&file.path, line, message)
        })
        .collect()
}

/// Collects the literal messages of `expect` calls.
struct Expects {
    messages: Vec<(usize, String)>,
}

impl<'ast> Visit<'ast> for Expects {
    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        if call.method == "expect"
            && let Some(syn::Expr::Lit(literal)) = call.args.first()
            && let syn::Lit::Str(message) = &literal.lit
        {
            self.messages.push((call.method.span().start().line, message.value()));
        }
        visit::visit_expr_method_call(self, call);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(path: &str, text: &str) -> usize {
        look(&Project::of(&[(path, text)])).len()
    }

    #[test]
    fn unwrap_is_found_in_the_libraries_and_not_in_tests() {
        let text = "fn f() {\n    debug_assert!(x.unwrap() > y.z().unwrap());\n}";
        assert_eq!(count("crates/wire/src/seq.rs", text), 2);
        assert_eq!(count("crates/tcb/tests/close.rs", text), 0);
        assert_eq!(count("tests/bench/src/main.rs", text), 0);
        let in_test = format!("#[cfg(test)]\nmod tests {{\n{text}\n}}");
        assert_eq!(count("crates/wire/src/seq.rs", &in_test), 0);
    }

    #[test]
    fn unwrap_or_is_not_unwrap() {
        assert_eq!(count("crates/tcb/src/time.rs", "fn f() { x.unwrap_or(1) }"), 0);
    }

    #[test]
    fn expect_must_state_its_invariant() {
        // Each row: a message, and whether it says why the value is there.
        let rows = [("", 1), ("oops", 1), ("a header", 1), ("the header was checked above", 0)];
        for (message, expected) in rows {
            let text = format!("fn f() {{ x.expect({message:?}); }}");
            assert_eq!(count("crates/runtime/src/cell.rs", &text), expected, "{message:?}");
        }
    }
}
