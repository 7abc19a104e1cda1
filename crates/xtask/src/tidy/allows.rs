//! Every `allow` and `expect` of a lint says why, in `reason = "…"`.

use super::finding::Finding;
use super::project::Project;
use super::rust_file::{RustFile, Token};

pub(super) fn look(project: &Project) -> Vec<Finding> {
    project
        .rust_files
        .iter()
        .flat_map(|file| {
            attributes(file)
                .into_iter()
                .filter(|tokens| lifts_a_lint(tokens) && !has(tokens, &["reason", "="]))
                .map(|tokens| {
                    Finding::at(&file.path, tokens[0].line, "a lint is lifted without a reason")
                })
        })
        .collect()
}

/// The tokens of each attribute, from `#` to its last bracket.
fn attributes(file: &RustFile) -> Vec<&[Token]> {
    let tokens = &file.tokens;
    let is = |at: usize, text: &str| tokens.get(at).is_some_and(|token| token.text == text);
    let mut attributes = Vec::new();
    for start in (0..tokens.len()).filter(|at| is(*at, "#")) {
        let bracket = if is(start + 1, "!") { start + 2 } else { start + 1 };
        if is(bracket, "[") {
            attributes.push(&tokens[start..=closing(tokens, bracket)]);
        }
    }
    attributes
}

/// The index of the bracket that closes the one at `open`.
fn closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.text.as_str() {
            "[" => depth += 1,
            "]" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    tokens.len() - 1
}

fn lifts_a_lint(attribute: &[Token]) -> bool {
    has(attribute, &["allow", "("]) || has(attribute, &["expect", "("])
}

fn has(tokens: &[Token], sequence: &[&str]) -> bool {
    tokens.windows(sequence.len()).any(|window| window.iter().map(|it| &it.text).eq(sequence))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lint_lifted_without_a_reason_is_found() {
        // Each row: a source text, and how many findings it gives.
        let rows = [
            ("#[allow(dead_code)]\nfn f() {}", 1),
            ("#![allow(dead_code)]", 1),
            ("#[expect(dead_code)]\nfn f() {}", 1),
            ("#[cfg_attr(test, allow(dead_code))]\nfn f() {}", 1),
            ("fn f() { #[allow(unused)] let x = [1]; }", 1),
            ("macro_rules! m { () => { #[allow(unused)] fn g() {} } }", 1),
            ("#[allow(dead_code, reason = \"read by the kernel\")]\nfn f() {}", 0),
            ("#[warn(dead_code)]\nfn f() { x.expect(\"y\"); allow(1); }", 0),
        ];
        for (text, expected) in rows {
            assert_eq!(look(&Project::of(&[("a.rs", text)])).len(), expected, "{text}");
        }
    }
}
