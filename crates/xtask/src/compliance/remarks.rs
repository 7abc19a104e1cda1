//! What no comment and no name tells: `docs/compliance.toml`, written by hand.

use std::collections::BTreeMap;

use anyhow::Context;
use serde::Deserialize;

use crate::tree::project::Project;

/// The file.
pub(super) const PATH: &str = "docs/compliance.toml";

/// Remarks on rows, by id.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Remarks {
    /// The labels of RFC 9293, in the order of its appendix B.
    pub(super) rfc_9293: Vec<String>,
    /// Sections of `requirements.md` that are optional, and built all the same.
    pub(super) optional_built: Vec<String>,
    /// Where a row is done that no comment can cite.
    #[serde(default)]
    pub(super) done: BTreeMap<String, String>,
    /// Tests that show a row and are named after something else.
    #[serde(default)]
    pub(super) shown: BTreeMap<String, Vec<String>>,
    /// Why a row is not done.
    #[serde(default)]
    pub(super) not_done: BTreeMap<String, String>,
}

impl Remarks {
    /// Reads the file.
    ///
    /// # Errors
    /// When it is missing, or is not of this form.
    pub(super) fn read(project: &Project) -> anyhow::Result<Self> {
        let text = project.text(PATH).with_context(|| format!("no {PATH}"))?;
        toml::from_str(text).with_context(|| format!("cannot read {PATH}"))
    }
}
