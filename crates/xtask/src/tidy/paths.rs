//! Every path that a source file names: in `use`, in expressions and types, inside macro calls.

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use super::rust_file::{self, RustFile, Token};

/// A path of the source, such as `crate::recv::RecvBuffer`.
#[derive(Debug)]
pub(super) struct UsedPath {
    pub(super) segments: Vec<String>,
    pub(super) line: usize,
    /// The inline modules around it, outermost first.
    pub(super) inside: Vec<String>,
}

/// A name that a `use` item gives to a path.
pub(super) struct Import {
    pub(super) segments: Vec<String>,
    /// What it is called here; `*` for all there is.
    pub(super) name: String,
    pub(super) line: usize,
    /// Whether others see it.
    pub(super) is_public: bool,
}

/// All paths of more than one segment in `file`, in no particular order.
pub(super) fn used_paths(file: &RustFile) -> Vec<UsedPath> {
    let mut collector = Collector { paths: Vec::new(), inside: Vec::new() };
    collector.visit_file(&file.syntax);
    collector.paths
}

/// What the `use` items at the top of `file` bring in.
pub(super) fn imports(file: &RustFile) -> Vec<Import> {
    let mut imports = Vec::new();
    for item in &file.syntax.items {
        let syn::Item::Use(item) = item else { continue };
        let is_public = !matches!(item.vis, syn::Visibility::Inherited);
        let mut leaves = Vec::new();
        flatten_use(&item.tree, &mut Vec::new(), &mut leaves);
        imports.extend(leaves.into_iter().map(|Leaf { segments, name, line }| Import {
            segments,
            name,
            line,
            is_public,
        }));
    }
    imports
}

struct Collector {
    paths: Vec<UsedPath>,
    inside: Vec<String>,
}

impl Collector {
    fn push(&mut self, segments: Vec<String>, line: usize) {
        if segments.len() > 1 {
            self.paths.push(UsedPath { segments, line, inside: self.inside.clone() });
        }
    }
}

impl<'ast> Visit<'ast> for Collector {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        self.inside.push(module.ident.to_string());
        visit::visit_item_mod(self, module);
        self.inside.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let mut leaves = Vec::new();
        flatten_use(&item.tree, &mut Vec::new(), &mut leaves);
        for leaf in leaves {
            self.push(leaf.segments, leaf.line);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.push(segments, path.span().start().line);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        visit::visit_macro(self, call);
        let mut tokens = Vec::new();
        rust_file::flatten(call.tokens.clone(), &mut tokens);
        for (segments, line) in paths_of_tokens(&tokens) {
            self.push(segments, line);
        }
    }
}

/// A leaf of a `use` tree.
struct Leaf {
    segments: Vec<String>,
    name: String,
    line: usize,
}

fn flatten_use(tree: &syn::UseTree, prefix: &mut Vec<String>, leaves: &mut Vec<Leaf>) {
    let line = tree.span().start().line;
    let mut leaf = |last: String, name: String| {
        // `use a::b::{self}` names `a::b`.
        let last = Some(last).filter(|last| last != "self" || prefix.is_empty());
        let segments = prefix.iter().cloned().chain(last).collect();
        leaves.push(Leaf { segments, name, line });
    };
    match tree {
        syn::UseTree::Path(path) => {
            prefix.push(path.ident.to_string());
            flatten_use(&path.tree, prefix, leaves);
            prefix.pop();
        }
        syn::UseTree::Group(group) => {
            for tree in &group.items {
                flatten_use(tree, prefix, leaves);
            }
        }
        syn::UseTree::Name(name) => leaf(name.ident.to_string(), name.ident.to_string()),
        syn::UseTree::Rename(rename) => leaf(rename.ident.to_string(), rename.rename.to_string()),
        syn::UseTree::Glob(_) => leaf("*".to_owned(), "*".to_owned()),
    }
}

/// The paths in a row of tokens: names joined by `::`.
fn paths_of_tokens(tokens: &[Token]) -> Vec<(Vec<String>, usize)> {
    let is_name = |token: &Token| {
        token.text.chars().next().is_some_and(|first| first.is_alphabetic() || first == '_')
    };
    let joins = |at: usize| {
        matches!(tokens.get(at..at + 2), Some([a, b]) if a.text == ":" && b.text == ":")
            && tokens.get(at + 2).is_some_and(is_name)
    };
    let mut paths = Vec::new();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        at += 1;
        if !is_name(token) {
            continue;
        }
        let mut segments = vec![token.text.clone()];
        while joins(at) {
            segments.push(tokens[at + 2].text.clone());
            at += 3;
        }
        paths.push((segments, token.line));
    }
    paths
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::project::Project;

    fn paths(text: &str) -> Vec<String> {
        let project = Project::of(&[("a.rs", text)]);
        used_paths(&project.rust_files[0]).iter().map(|path| path.segments.join("::")).collect()
    }

    #[test]
    fn paths_are_found_in_use_expressions_types_and_macros() {
        // Each row: a source text, and the paths in it.
        let rows: [(&str, &[&str]); 6] = [
            ("use a::{b, c::{self, d as e}, f::*};", &["a::b", "a::c", "a::c::d", "a::f::*"]),
            ("fn f() { a::b(1); }", &["a::b"]),
            ("fn f(x: &a::B) {}", &["a::B"]),
            ("fn f() { assert!(!{ x.y(a::b::c()) }, \"a::d\"); }", &["a::b::c"]),
            ("impl a::B for c::D {}", &["a::B", "c::D"]),
            ("fn f() { g(1) }", &[]),
        ];
        for (text, expected) in rows {
            assert_eq!(paths(text), expected, "{text}");
        }
    }

    #[test]
    fn imports_keep_the_name_they_give() {
        let project = Project::of(&[("a.rs", "pub use a::B as C;\nuse d::E;")]);
        let imports = imports(&project.rust_files[0]);
        let names: Vec<_> = imports.iter().map(|it| (it.name.as_str(), it.is_public)).collect();
        assert_eq!(names, [("C", true), ("E", false)]);
    }
}
