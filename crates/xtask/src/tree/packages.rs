//! Packages as `cargo metadata` tells of them: what each declares, and what that resolves to.

use std::collections::HashMap;
use std::path::Path;

use anyhow::Context;
use cargo_metadata::{CargoOpt, DependencyKind, Metadata, MetadataCommand};

/// Packages that need a compiler the others do not, so cargo knows them apart from the workspace.
const BUILT_APART: [&str; 1] = ["tests/fuzz"];

/// A package of the project.
pub(crate) struct Package {
    pub(crate) name: String,
    /// From the root, such as `crates/wire`.
    pub(crate) folder: String,
    /// What its manifest declares, optional dependencies too.
    pub(crate) dependencies: Vec<Dependency>,
}

/// A line of a manifest.
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) purpose: Purpose,
}

/// What a dependency is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Purpose {
    /// The package itself, or its build script.
    Build,
    /// Its tests, benches and examples only.
    Test,
}

/// What packages are built from: a graph without the dependencies that only tests have.
#[derive(Default)]
pub(crate) struct Resolved {
    pub(crate) nodes: Vec<Node>,
}

/// A package at one version.
pub(crate) struct Node {
    pub(crate) name: String,
    /// Indices into [`Resolved::nodes`].
    pub(crate) uses: Vec<usize>,
}

impl Resolved {
    /// The node of the package with this name.
    pub(crate) fn index_of(&self, name: &str) -> Option<usize> {
        self.nodes.iter().position(|node| node.name == name)
    }
}

/// Asks cargo about the workspace at `root`, with every feature on.
pub(crate) fn load(root: &Path) -> anyhow::Result<(Vec<Package>, Resolved)> {
    let metadata = MetadataCommand::new()
        .manifest_path(root.join("Cargo.toml"))
        .features(CargoOpt::AllFeatures)
        .exec()
        .context("cargo metadata failed")?;
    let mut packages = packages_of(&metadata, root);
    for folder in BUILT_APART {
        let manifest = root.join(folder).join("Cargo.toml");
        if manifest.is_file() {
            let apart = MetadataCommand::new().manifest_path(manifest).no_deps().exec()?;
            packages.extend(packages_of(&apart, root));
        }
    }
    Ok((packages, resolved(&metadata)))
}

fn packages_of(metadata: &Metadata, root: &Path) -> Vec<Package> {
    metadata
        .workspace_packages()
        .into_iter()
        .map(|package| Package {
            name: package.name.to_string(),
            folder: folder(package.manifest_path.as_std_path(), root),
            dependencies: package.dependencies.iter().map(dependency).collect(),
        })
        .collect()
}

/// The folder of a manifest, from the root.
fn folder(manifest: &Path, root: &Path) -> String {
    // The root may have been given through a symbolic link; cargo answers with the real path.
    let real_root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    let folder = manifest.parent().unwrap_or(manifest);
    folder.strip_prefix(real_root).unwrap_or(folder).to_string_lossy().into_owned()
}

fn dependency(declared: &cargo_metadata::Dependency) -> Dependency {
    Dependency { name: declared.name.clone(), purpose: purpose(declared.kind) }
}

fn purpose(kind: DependencyKind) -> Purpose {
    match kind {
        DependencyKind::Development => Purpose::Test,
        DependencyKind::Normal | DependencyKind::Build | DependencyKind::Unknown => Purpose::Build,
    }
}

fn resolved(metadata: &Metadata) -> Resolved {
    let Some(resolve) = &metadata.resolve else { return Resolved::default() };
    let index_by_id: HashMap<_, _> =
        resolve.nodes.iter().enumerate().map(|(index, node)| (&node.id, index)).collect();
    let nodes = resolve
        .nodes
        .iter()
        .map(|node| Node {
            name: metadata[&node.id].name.to_string(),
            uses: node
                .deps
                .iter()
                .filter(|edge| edge.dep_kinds.iter().any(|it| purpose(it.kind) == Purpose::Build))
                .filter_map(|edge| index_by_id.get(&edge.pkg).copied())
                .collect(),
        })
        .collect();
    Resolved { nodes }
}
