//! How long a file, a function and a line may be.

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use super::finding::Finding;
use super::project::Project;
use super::rust_file::RustFile;

/// Lines of a file, not counting the items in it that exist only under `cfg(test)`.
const FILE_LINES_MAX: usize = 500;
/// Lines of a function from `fn` to its last brace.
const FUNCTION_LINES_MAX: usize = 70;
/// Characters of a line.
const COLUMNS_MAX: usize = 100;

pub(super) fn look(project: &Project) -> Vec<Finding> {
    project
        .rust_files
        .iter()
        .flat_map(|file| {
            let mut findings = Vec::new();
            findings.extend(long_file(file));
            findings.extend(long_functions(file));
            findings.extend(long_lines(file));
            findings
        })
        .collect()
}

fn long_file(file: &RustFile) -> Option<Finding> {
    // In a test file its tests are the content, so they count.
    let apart = |line: usize| !file.is_test_file && file.is_test_line(line);
    let count = (1..=file.lines.len()).filter(|line| !apart(*line)).count();
    let of = if file.is_test_file { "" } else { " without tests" };
    (count > FILE_LINES_MAX)
        .then(|| Finding::about(&file.path, format!("{count} lines{of}, at most {FILE_LINES_MAX}")))
}

fn long_functions(file: &RustFile) -> Vec<Finding> {
    let mut functions = Functions { found: Vec::new() };
    functions.visit_file(&file.syntax);
    functions
        .found
        .into_iter()
        .filter(|function| function.lines > FUNCTION_LINES_MAX)
        .map(|Function { name, line, lines }| {
            let message = format!("`{name}` has {lines} lines, at most {FUNCTION_LINES_MAX}");
            Finding::at(&file.path, line, message)
        })
        .collect()
}

fn long_lines(file: &RustFile) -> Vec<Finding> {
    file.lines
        .iter()
        .enumerate()
        .filter_map(|(index, line)| {
            let columns = line.chars().count();
            let message = format!("{columns} columns, at most {COLUMNS_MAX}");
            (columns > COLUMNS_MAX).then(|| Finding::at(&file.path, index + 1, message))
        })
        .collect()
}

struct Function {
    name: String,
    line: usize,
    lines: usize,
}

struct Functions {
    found: Vec<Function>,
}

impl Functions {
    fn push(&mut self, signature: &syn::Signature, body: &syn::Block) {
        let line = signature.fn_token.span().start().line;
        let lines = body.span().end().line - line + 1;
        self.found.push(Function { name: signature.ident.to_string(), line, lines });
    }
}

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.push(&function.sig, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.push(&function.sig, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        if let Some(body) = &function.default {
            self.push(&function.sig, body);
        }
        visit::visit_trait_item_fn(self, function);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(path: &str, text: &str) -> Vec<String> {
        look(&Project::of(&[(path, text)])).iter().map(Finding::to_string).collect()
    }

    fn lines(count: usize) -> String {
        "// A line.\n".repeat(count)
    }

    #[test]
    fn a_file_of_more_than_500_lines_is_found() {
        assert_eq!(said("a.rs", &lines(500)), Vec::<String>::new());
        assert_eq!(said("a.rs", &lines(501)), ["a.rs: 501 lines without tests, at most 500"]);
    }

    #[test]
    fn tests_inside_a_file_do_not_count_and_test_files_do() {
        let with_tests = format!("{}#[cfg(test)]\nmod tests {{\n{}}}\n", lines(500), lines(60));
        assert_eq!(said("a.rs", &with_tests), Vec::<String>::new());
        assert_eq!(said("a/tests.rs", &with_tests), ["a/tests.rs: 563 lines, at most 500"]);
    }

    #[test]
    fn a_function_of_more_than_70_lines_is_found_wherever_it_stands() {
        let body = |count| format!("{{\n{}}}\n", lines(count));
        for (before, after) in [("", ""), ("impl X {\n", "}"), ("trait X {\n", "}")] {
            let text = |count| format!("{before}/// Docs.\nfn long() {}{after}", body(count));
            assert_eq!(said("a.rs", &text(68)), Vec::<String>::new());
            let said = said("a.rs", &text(69));
            assert_eq!(said.len(), 1, "{before}");
            assert!(said[0].ends_with("`long` has 71 lines, at most 70"), "{said:?}");
        }
    }

    #[test]
    fn a_line_of_more_than_100_characters_is_found() {
        let comment = |count: usize| format!("// {}", "é".repeat(count - 3));
        assert_eq!(said("a.rs", &comment(100)), Vec::<String>::new());
        assert_eq!(said("a.rs", &comment(101)), ["a.rs:1: 101 columns, at most 100"]);
    }
}
