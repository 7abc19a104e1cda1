//! What is wrong with a script, or with what it was run on.

use core::fmt;

/// A line, and what is wrong there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ScriptError {
    line: usize,
    message: String,
}

impl ScriptError {
    pub(super) fn new(line: usize, message: impl Into<String>) -> Self {
        Self { line, message: message.into() }
    }

    /// The line, from 1.
    pub fn line(&self) -> usize {
        self.line
    }
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

impl core::error::Error for ScriptError {}
