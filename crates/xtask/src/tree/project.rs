//! What the checks look at: the files of the working tree, and the packages of the workspace.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use super::packages::{self, Package, Resolved};
use super::rust_file::{self, RustFile};

/// The tree and its packages, read once for all checks.
pub(crate) struct Project {
    /// The folder of the workspace.
    pub(crate) root: PathBuf,
    /// Files that git tracks or would, by path from the root, in order of path.
    pub(crate) files: Vec<File>,
    /// Those of them that are Rust, parsed.
    pub(crate) rust_files: Vec<RustFile>,
    /// The members of the workspace, and the packages built apart from it.
    pub(crate) packages: Vec<Package>,
    /// What those packages are built from, with every feature on.
    pub(crate) resolved: Resolved,
}

/// A file of the tree.
pub(crate) struct File {
    /// From the root, with forward slashes.
    pub(crate) path: String,
    /// The content, or `None` if it is not UTF-8.
    pub(crate) text: Option<String>,
}

impl Project {
    /// Reads the workspace at `root`, or the one around the current directory.
    pub(crate) fn load(root: Option<&Path>) -> anyhow::Result<Self> {
        let root = match root {
            Some(root) => root.to_owned(),
            None => workspace_root()?,
        };
        let mut files = Vec::new();
        for path in paths(&root)? {
            let octets =
                std::fs::read(root.join(&path)).with_context(|| format!("cannot read {path}"))?;
            files.push(File { path, text: String::from_utf8(octets).ok() });
        }
        let rust_files = rust_file::parse_all(&files)?;
        let (packages, resolved) = packages::load(&root)?;
        Ok(Self { root, files, rust_files, packages, resolved })
    }

    /// A project of these files and no packages, for the tests of a check.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let files: Vec<File> = files
            .iter()
            .map(|(path, text)| File { path: (*path).to_owned(), text: Some((*text).to_owned()) })
            .collect();
        let rust_files = rust_file::parse_all(&files).unwrap();
        let (packages, resolved) = (Vec::new(), Resolved::default());
        Self { root: PathBuf::new(), files, rust_files, packages, resolved }
    }

    /// The text of the file at `path`, if there is one.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files.iter().find(|file| file.path == path)?.text.as_deref()
    }
}

/// The root of the workspace that the current directory is in.
fn workspace_root() -> anyhow::Result<PathBuf> {
    let metadata = cargo_metadata::MetadataCommand::new().no_deps().exec()?;
    Ok(metadata.workspace_root.into_std_path_buf())
}

/// The paths of all files that are tracked, or new and not ignored, and that exist.
fn paths(root: &Path) -> anyhow::Result<Vec<String>> {
    // A build machine often checks out as one user and builds as another; listing names is safe.
    let output = Command::new("git")
        .args(["-c", "safe.directory=*", "ls-files", "-z"])
        .args(["--cached", "--others", "--exclude-standard", "--deduplicate"])
        .current_dir(root)
        .output()
        .context("cannot run git")?;
    if !output.status.success() {
        bail!("git ls-files failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let listing = String::from_utf8(output.stdout).context("a path is not UTF-8")?;
    let mut paths: Vec<String> = listing
        .split('\0')
        .filter(|path| !path.is_empty() && root.join(path).is_file())
        .map(str::to_owned)
        .collect();
    paths.sort_unstable();
    Ok(paths)
}
