//! Where the code cites a row: in comments of what is no test.

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use super::row_ids::{OpenRange, RowIds};
use crate::tree::finding::Finding;
use crate::tree::project::Project;
use crate::tree::rust_file::RustFile;

/// A comment that says that a row is done here.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Citation {
    pub(super) id: String,
    pub(super) path: String,
    /// The item around it, such as `Pacer::on_sent`; empty for the head of a file.
    pub(super) item: String,
}

/// All citations in `crates/*/src`, in order of path; what cites no row is found.
pub(super) fn collect(
    project: &Project,
    ids: &RowIds,
    findings: &mut Vec<Finding>,
) -> Vec<Citation> {
    let mut citations = Vec::new();
    for file in project.rust_files.iter().filter(|file| is_read(&file.path)) {
        let items = items(file);
        let mut open = OpenRange::default();
        for (index, line) in file.lines.iter().enumerate() {
            let number = index + 1;
            let Some(comment) = comment(line).filter(|_| !file.is_test_line(number)) else {
                open = OpenRange::default();
                continue;
            };
            let named = ids.in_prose(comment, &mut open);
            let item = item_at(file, &items, number);
            for id in named.ids {
                citations.push(Citation { id, path: file.path.clone(), item: item.clone() });
            }
            for id in named.unknown {
                findings.push(Finding::at(&file.path, number, format!("there is no row {id}")));
            }
        }
    }
    citations.dedup();
    citations
}

/// The chores are not the product; their comments may speak of ids.
fn is_read(path: &str) -> bool {
    path.starts_with("crates/") && path.contains("/src/") && !path.starts_with("crates/xtask/")
}

/// The text of the comment on this line.
fn comment(line: &str) -> Option<&str> {
    let (at, _) = line.match_indices("//").find(|(at, _)| {
        // Two slashes within quotes are of an address, say.
        line[..*at].matches('"').count().is_multiple_of(2)
    })?;
    Some(line[at..].trim_start_matches(['/', '!']).trim())
}

/// An item and its lines, its documentation among them.
struct Item {
    name: String,
    first: usize,
    last: usize,
}

fn items(file: &RustFile) -> Vec<Item> {
    let mut finder = Items { found: Vec::new(), inside: Vec::new() };
    finder.visit_file(&file.syntax);
    finder.found
}

/// The name of the innermost item at this line, or of the one that the comment stands above.
///
/// What heads a file is of no item.
fn item_at(file: &RustFile, items: &[Item], line: usize) -> String {
    if file.lines.get(line - 1).is_some_and(|text| text.trim_start().starts_with("//!")) {
        return String::new();
    }
    let is_comment = |line: usize| {
        file.lines.get(line - 1).is_some_and(|text| text.trim_start().starts_with("//"))
    };
    let below = (line..).find(|line| !is_comment(*line)).unwrap_or(line);
    let starts_below = items.iter().find(|item| item.first == below);
    let around = items.iter().filter(|item| (item.first..=item.last).contains(&line));
    let innermost = around.min_by_key(|item| item.last - item.first);
    innermost.or(starts_below).map(|item| item.name.clone()).unwrap_or_default()
}

/// Collects items, and what stands around them.
struct Items {
    found: Vec<Item>,
    inside: Vec<String>,
}

impl Items {
    fn push(&mut self, name: &str, at: impl Spanned) {
        let span = at.span();
        let path: Vec<&str> = self.inside.iter().map(String::as_str).chain([name]).collect();
        let (first, last) = (span.start().line, span.end().line);
        self.found.push(Item { name: path.join("::"), first, last });
    }
}

impl<'ast> Visit<'ast> for Items {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let Some(name) = name(item) else { return visit::visit_item(self, item) };
        self.push(&name, item);
        self.inside.push(name);
        visit::visit_item(self, item);
        self.inside.pop();
    }

    fn visit_impl_item(&mut self, item: &'ast syn::ImplItem) {
        if let syn::ImplItem::Fn(function) = item {
            self.push(&function.sig.ident.to_string(), item);
        }
        if let syn::ImplItem::Const(constant) = item {
            self.push(&constant.ident.to_string(), item);
        }
    }

    fn visit_trait_item(&mut self, item: &'ast syn::TraitItem) {
        if let syn::TraitItem::Fn(function) = item {
            self.push(&function.sig.ident.to_string(), item);
        }
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        if let Some(name) = &field.ident {
            self.push(&name.to_string(), field);
        }
    }

    fn visit_variant(&mut self, variant: &'ast syn::Variant) {
        self.push(&variant.ident.to_string(), variant);
    }
}

/// The name of an item that has one; an `impl` has that of its type.
#[expect(clippy::wildcard_enum_match_arm, reason = "the enum of another crate, which grows")]
fn name(item: &syn::Item) -> Option<String> {
    let name = match item {
        syn::Item::Const(item) => &item.ident,
        syn::Item::Enum(item) => &item.ident,
        syn::Item::Fn(item) => &item.sig.ident,
        syn::Item::Mod(item) => &item.ident,
        syn::Item::Static(item) => &item.ident,
        syn::Item::Struct(item) => &item.ident,
        syn::Item::Trait(item) => &item.ident,
        syn::Item::Type(item) => &item.ident,
        syn::Item::Impl(item) => {
            let syn::Type::Path(path) = item.self_ty.as_ref() else { return None };
            &path.path.segments.last()?.ident
        }
        _ => return None,
    };
    Some(name.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cited(text: &str) -> (Vec<(String, String)>, usize) {
        let project = Project::of(&[("crates/tcb/src/a.rs", text)]);
        let mut ids = RowIds::default();
        for id in ["WS-1", "WS-2", "WS-3"] {
            ids.insert(id);
        }
        let mut findings = Vec::new();
        let citations = collect(&project, &ids, &mut findings);
        (citations.into_iter().map(|it| (it.id, it.item)).collect(), findings.len())
    }

    #[test]
    fn a_citation_names_the_item_around_it() {
        // Each row: a source text, and the item that cites WS-1 in it.
        let rows = [
            ("//! Windows (WS-1).\nfn f() {}\n", ""),
            ("/// Does it (WS-1).\nfn f() {}\n", "f"),
            ("fn f() {\n    // RFC 7323 §2.2 (WS-1).\n}\n", "f"),
            ("struct A;\nimpl A {\n    /// Of WS-1.\n    fn f() {}\n}\n", "A::f"),
            ("struct A {\n    /// Of WS-1.\n    b: u8,\n}\n", "A::b"),
            ("enum A {\n    B, // WS-1\n}\n", "A::B"),
            ("// WS-1.\nconst C: u8 = 1;\n", "C"),
        ];
        for (text, item) in rows {
            assert_eq!(cited(text), (vec![("WS-1".to_owned(), item.to_owned())], 0), "{text}");
        }
    }

    #[test]
    fn tests_and_code_cite_nothing_and_a_row_that_is_not_there_is_found() {
        assert_eq!(cited("#[cfg(test)]\nmod tests {\n    // WS-1\n}\n").0, []);
        assert_eq!(cited("const A: &str = \"https://a/WS-1\";\n").0, []);
        assert_eq!(cited("// WS-9\nfn f() {}\n"), (vec![], 1));
        assert_eq!(cited("// FIN-WAIT-1, UTF-8, and I-9\nfn f() {}\n"), (vec![], 0));
    }

    #[test]
    fn a_range_may_go_over_the_end_of_a_line() {
        let ids: Vec<String> =
            cited("/// By WS-1 to\n/// WS-3.\nfn f() {}\n").0.into_iter().map(|it| it.0).collect();
        assert_eq!(ids, ["WS-1", "WS-2", "WS-3"]);
    }
}
