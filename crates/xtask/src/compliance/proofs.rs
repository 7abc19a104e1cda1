//! The tests that show rows: by their names, their documentation, or what their tables say.

use super::row_ids::{OpenRange, RowIds};
use crate::tree::finding::Finding;
use crate::tree::project::Project;
use crate::tree::rust_file::{RustFile, Token};

/// A test.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Proof {
    pub(super) path: String,
    pub(super) name: String,
    /// Whether it runs only when asked for.
    pub(super) is_ignored: bool,
    /// The rows that it shows.
    pub(super) ids: Vec<String>,
}

/// All tests of the tree; a test after a row that is not there is found.
pub(super) fn collect(project: &Project, ids: &RowIds, findings: &mut Vec<Finding>) -> Vec<Proof> {
    let mut proofs = Vec::new();
    // The chores have no part in the protocol.
    for file in project.rust_files.iter().filter(|file| !file.path.starts_with("crates/xtask/")) {
        for test in tests(file) {
            let mut named = ids.in_name(&test.name);
            for id in &named.unknown {
                let message = format!("`{}` is named after {id}, which is no row", test.name);
                findings.push(Finding::at(&file.path, test.line, message));
            }
            for line in &test.docs {
                named.ids.extend(ids.in_prose(line, &mut OpenRange::default()).ids);
            }
            for literal in &test.literals {
                named.ids.extend(leading_ids(ids, literal));
            }
            named.ids.sort_unstable();
            named.ids.dedup();
            let (path, is_ignored) = (file.path.clone(), test.is_ignored);
            proofs.push(Proof { path, name: test.name, is_ignored, ids: named.ids });
        }
    }
    proofs
}

/// The ids that a row of a table or a message begins with: `sm_rst_1 RST ...`, `SHLD-9: R1`.
fn leading_ids(ids: &RowIds, literal: &str) -> Vec<String> {
    let named = |word: &str| {
        let in_prose = ids.in_prose(word, &mut OpenRange::default()).ids;
        if in_prose.is_empty() { ids.in_name(word).ids } else { in_prose }
    };
    let words = literal.split([' ', ':', ',']).filter(|word| !word.is_empty());
    words.map(named).take_while(|ids| !ids.is_empty()).flatten().collect()
}

/// A test as its tokens tell of it.
struct Test {
    name: String,
    line: usize,
    is_ignored: bool,
    docs: Vec<String>,
    literals: Vec<String>,
}

/// Tokens are read and not the syntax tree, as some tests stand inside calls of macros.
fn tests(file: &RustFile) -> Vec<Test> {
    let tokens = &file.tokens;
    let mut tests = Vec::new();
    let mut attributes: Vec<&[Token]> = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let text = |index: usize| tokens.get(index).map_or("", |token| token.text.as_str());
        match (text(at), text(at + 1)) {
            ("#", "[") => {
                let end = closing(tokens, at + 1);
                attributes.push(&tokens[at + 2..end]);
                at = end;
            }
            ("fn", _) if attributes.iter().any(|attribute| is_test(attribute)) => {
                let open = (at..tokens.len()).find(|index| text(*index) == "{").unwrap_or(at);
                let end = closing(tokens, open);
                tests.push(test(&tokens[at + 1], &attributes, &tokens[open..end]));
                attributes.clear();
                at = end;
            }
            ("{" | "}" | ";" | "fn", _) => attributes.clear(),
            (_, _) => {}
        }
        at += 1;
    }
    tests
}

fn test(name: &Token, attributes: &[&[Token]], body: &[Token]) -> Test {
    let begins = |attribute: &[Token], word| attribute.first().is_some_and(|it| it.text == word);
    let docs = attributes.iter().filter(|it| begins(it, "doc")).filter_map(|it| it.last());
    Test {
        name: name.text.clone(),
        line: name.line,
        is_ignored: attributes.iter().any(|it| begins(it, "ignore")),
        docs: docs.map(|token| token.text.clone()).collect(),
        literals: body.iter().filter_map(|token| literal(&token.text)).map(str::to_owned).collect(),
    }
}

/// Whether an attribute is `test`, `tokio::test` or their like.
fn is_test(attribute: &[Token]) -> bool {
    let path = attribute.iter().take_while(|token| !matches!(token.text.as_str(), "(" | "="));
    path.last().is_some_and(|token| token.text == "test")
}

/// The content of a string literal.
fn literal(token: &str) -> Option<&str> {
    token.strip_prefix('"')?.strip_suffix('"')
}

/// The index of the delimiter that closes the one at `open`.
fn closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate().skip(open) {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return index;
        }
    }
    tokens.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proofs(text: &str) -> (Vec<Proof>, usize) {
        let project = Project::of(&[("crates/tcb/tests/a.rs", text)]);
        let mut ids = RowIds::default();
        for id in ["WS-1", "WS-2", "SM-ACK-6"] {
            ids.insert(id);
        }
        let mut findings = Vec::new();
        (collect(&project, &ids, &mut findings), findings.len())
    }

    #[test]
    fn a_test_shows_what_its_name_its_documentation_and_its_tables_say() {
        // Each row: a source text, and the ids of its one test.
        let rows: [(&str, &[&str]); 8] = [
            ("#[test]\nfn ws_1_is_so() {}", &["WS-1"]),
            ("#[tokio::test(start_paused = true)]\nasync fn sm_ack_6_is_so() {}", &["SM-ACK-6"]),
            ("/// Of WS-2.\n#[test]\nfn ws_1_is_so() {}", &["WS-1", "WS-2"]),
            ("#[test]\nfn f() { g(\"sm_ack_6 it moves\"); }", &["SM-ACK-6"]),
            ("#[test]\nfn f() { assert!(true, \"WS-2: that\"); }", &["WS-2"]),
            ("#[test]\nfn f() { g(\"ws_1, WS-2: that\"); }", &["WS-1", "WS-2"]),
            ("#[test]\nfn f() { assert!(true, \"unlike WS-2\"); } // WS-1", &[]),
            ("proptest! {\n    #[test]\n    fn ws_1_is_so(a in 0..9) {}\n}", &["WS-1"]),
        ];
        for (text, ids) in rows {
            let (proofs, findings) = proofs(text);
            assert_eq!((proofs.len(), findings), (1, 0), "{text}");
            assert_eq!(proofs[0].ids, ids, "{text}");
            assert!(!proofs[0].is_ignored, "{text}");
        }
    }

    #[test]
    fn what_is_no_test_shows_nothing_and_what_is_ignored_is_known() {
        assert_eq!(proofs("fn ws_1_is_so() {}\n#[test]\nfn f() {}").0[0].name, "f");
        assert!(proofs("#[test]\n#[ignore = \"long\"]\nfn ws_1_is_so() {}").0[0].is_ignored);
    }

    #[test]
    fn a_test_after_a_row_that_is_not_there_is_found() {
        assert_eq!(proofs("#[test]\nfn ws_9_is_so() {}").1, 1);
    }
}
