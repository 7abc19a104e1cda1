//! Workspaces in a folder of their own, for the chores to be run on.

use std::process::Command;

/// Writes `files`, later ones over earlier ones, into a folder that git knows as a tree.
pub(crate) fn of<'a>(files: impl Iterator<Item = &'a (&'a str, &'a str)>) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let init = Command::new("git").args(["init", "--quiet"]).arg(folder.path()).status().unwrap();
    assert!(init.success());
    folder
}
