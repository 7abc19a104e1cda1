//! The tree that the chores look at: its files, its Rust sources parsed, its packages.

pub(crate) mod finding;
pub(crate) mod packages;
pub(crate) mod project;
pub(crate) mod rust_file;
