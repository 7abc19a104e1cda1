//! A parsed source file, which knows its lines of test code from the rest.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use anyhow::Context;
use proc_macro2::{TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use super::project::File;

/// A Rust source file of the tree.
pub(crate) struct RustFile {
    /// From the root, with forward slashes.
    pub(crate) path: String,
    /// The lines, without their ends.
    pub(crate) lines: Vec<String>,
    /// The syntax tree. Bodies of macro calls are not parsed: look for those in `tokens`.
    pub(crate) syntax: syn::File,
    /// All tokens in order, those inside macro calls too, with the delimiters as tokens.
    pub(crate) tokens: Vec<Token>,
    /// Inline modules and items that exist only under `cfg(test)`, and `#[test]` functions.
    pub(crate) test_lines: Vec<RangeInclusive<usize>>,
    /// Whether the whole file is test code.
    pub(crate) is_test_file: bool,
}

/// A token and the line it begins on.
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) line: usize,
}

impl RustFile {
    /// Whether this line, counted from 1, is test code.
    pub(crate) fn is_test_line(&self, line: usize) -> bool {
        self.is_test_file || self.test_lines.iter().any(|range| range.contains(&line))
    }

    /// The lines on which this sequence of tokens begins.
    pub(crate) fn lines_with<'a>(&'a self, sequence: &'a [&str]) -> impl Iterator<Item = usize> {
        self.tokens
            .windows(sequence.len())
            .filter(move |window| window.iter().map(|token| &token.text).eq(sequence))
            .map(|window| window[0].line)
    }
}

/// Parses the Rust files among `files`.
pub(crate) fn parse_all(files: &[File]) -> anyhow::Result<Vec<RustFile>> {
    let mut parsed = Vec::new();
    let mut test_modules = BTreeSet::new();
    for file in files.iter().filter(|file| file.path.ends_with(".rs")) {
        let text = file.text.as_deref().unwrap_or_default();
        let rust_file =
            parse(&file.path, text).with_context(|| format!("cannot parse {}", file.path))?;
        test_modules.extend(modules_for_tests(&rust_file));
        parsed.push(rust_file);
    }
    for file in &mut parsed {
        file.is_test_file = is_test_path(&file.path)
            || test_modules
                .iter()
                .any(|module| file.path == format!("{module}.rs") || is_inside(&file.path, module));
    }
    Ok(parsed)
}

fn parse(path: &str, text: &str) -> syn::Result<RustFile> {
    let syntax = syn::parse_file(text)?;
    let mut tokens = Vec::new();
    flatten(text.parse::<TokenStream>()?, &mut tokens);
    let mut finder = TestCode { ranges: Vec::new() };
    finder.visit_file(&syntax);
    Ok(RustFile {
        path: path.to_owned(),
        lines: text.lines().map(str::to_owned).collect(),
        syntax,
        tokens,
        test_lines: finder.ranges,
        is_test_file: false,
    })
}

/// Puts every token of `stream` behind `into`, groups as their delimiters and content.
pub(crate) fn flatten(stream: TokenStream, into: &mut Vec<Token>) {
    for tree in stream {
        let line = tree.span().start().line;
        match tree {
            TokenTree::Group(group) => {
                let (open, close) = delimiters(group.delimiter());
                into.push(Token { text: open.to_owned(), line });
                flatten(group.stream(), into);
                into.push(Token { text: close.to_owned(), line: group.span_close().start().line });
            }
            TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => {
                into.push(Token { text: tree.to_string(), line });
            }
        }
    }
}

fn delimiters(delimiter: proc_macro2::Delimiter) -> (&'static str, &'static str) {
    match delimiter {
        proc_macro2::Delimiter::Parenthesis => ("(", ")"),
        proc_macro2::Delimiter::Brace => ("{", "}"),
        proc_macro2::Delimiter::Bracket => ("[", "]"),
        proc_macro2::Delimiter::None => ("", ""),
    }
}

/// Whether a file is test code by where it lies: `tests.rs`, or a package's `tests` or `benches`.
///
/// The packages in the top-level folder `tests` are programs; only their own tests count.
fn is_test_path(path: &str) -> bool {
    let within = path.strip_prefix("tests/").unwrap_or(path);
    within.ends_with("/tests.rs")
        || within.split('/').any(|folder| matches!(folder, "tests" | "benches"))
}

/// The paths, without `.rs`, of modules declared in `file` that exist only under `cfg(test)`.
fn modules_for_tests(file: &RustFile) -> Vec<String> {
    let stem = file.path.trim_end_matches(".rs");
    let (folder, name) = stem.rsplit_once('/').unwrap_or(("", stem));
    let beside = if matches!(name, "mod" | "lib" | "main") { folder } else { stem };
    let mut modules = Vec::new();
    for item in &file.syntax.items {
        if let syn::Item::Mod(module) = item
            && module.content.is_none()
            && is_for_tests(&module.attrs)
        {
            modules.push(format!("{beside}/{}", module.ident));
        }
    }
    modules
}

fn is_inside(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

/// Collects the line ranges of test code.
struct TestCode {
    ranges: Vec<RangeInclusive<usize>>,
}

impl<'ast> Visit<'ast> for TestCode {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if is_for_tests(attributes(item)) {
            let span = item.span();
            self.ranges.push(span.start().line..=span.end().line);
            return;
        }
        visit::visit_item(self, item);
    }

    fn visit_impl_item(&mut self, item: &'ast syn::ImplItem) {
        if let syn::ImplItem::Fn(function) = item
            && is_for_tests(&function.attrs)
        {
            let span = item.span();
            self.ranges.push(span.start().line..=span.end().line);
            return;
        }
        visit::visit_impl_item(self, item);
    }
}

/// Whether these attributes keep an item for tests: `#[cfg(test)]`, `#[test]`, `#[tokio::test]`.
fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        if !attribute.path().is_ident("cfg") {
            return attribute.path().segments.last().is_some_and(|last| last.ident == "test");
        }
        let syn::Meta::List(list) = &attribute.meta else { return false };
        let mut tokens = Vec::new();
        flatten(list.tokens.clone(), &mut tokens);
        let has = |name| tokens.iter().any(|token| token.text == name);
        has("test") && !has("not")
    })
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the enum of another crate, which grows")]
fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Enum(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Macro(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Trait(item) => &item.attrs,
        syn::Item::Type(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use crate::tree::project::Project;

    #[test]
    fn code_under_cfg_test_is_told_from_the_rest() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\nfn c() {}\n";
        let project = Project::of(&[("crates/wire/src/seq.rs", text)]);
        let tests: Vec<usize> =
            (1..=6).filter(|line| project.rust_files[0].is_test_line(*line)).collect();
        assert_eq!(tests, [2, 3, 4, 5]);
    }

    #[test]
    fn code_under_cfg_not_test_is_not_test_code() {
        let project = Project::of(&[("crates/wire/src/seq.rs", "#[cfg(not(test))]\nfn a() {}\n")]);
        assert!(!project.rust_files[0].is_test_line(2));
    }

    #[test]
    fn a_file_is_test_code_by_its_place_or_by_its_declaration() {
        let project = Project::of(&[
            ("crates/tcb/src/recv/model.rs", "fn a() {}"),
            ("crates/tcb/src/recv/mod.rs", "#[cfg(test)]\nmod model;"),
            ("crates/tcb/src/recv/reassembly/tests.rs", "fn a() {}"),
            ("crates/tcb/tests/handshake.rs", "fn a() {}"),
            ("tests/bench/src/main.rs", "fn a() {}"),
            ("tests/stack/tests/bulk.rs", "fn a() {}"),
        ]);
        let of_tests: Vec<bool> = project.rust_files.iter().map(|file| file.is_test_file).collect();
        assert_eq!(of_tests, [true, false, true, true, false, true]);
    }

    #[test]
    fn tokens_inside_macro_calls_are_seen() {
        let project = Project::of(&[("a.rs", "fn a() {\n    assert!(x.unwrap() > 1);\n}\n")]);
        let lines: Vec<usize> =
            project.rust_files[0].lines_with(&[".", "unwrap", "(", ")"]).collect();
        assert_eq!(lines, [2]);
    }
}
