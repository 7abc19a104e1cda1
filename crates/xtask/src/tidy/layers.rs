//! Who may name whom inside `tcb`: endpoint -> listener -> connection -> its four parts.
//!
//! The parts (send, recv, recovery, congestion) do not know each other, except that recovery fills
//! the sample which congestion defines. Everyone may use the plain files at the top. A type that
//! `lib.rs` re-exports counts as what defines it, and no plain file may re-export a layer's types,
//! so there is no way round. Tests may name what they like.

use std::collections::HashMap;

use super::finding::Finding;
use super::paths::{self, UsedPath};
use super::project::Project;
use super::rust_file::RustFile;

/// A folder of `tcb` that has a place in the order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Layer {
    Endpoint,
    Listener,
    Connection,
    Send,
    Recv,
    Recovery,
    Congestion,
}

/// What recovery may name of congestion: the samples it fills, and what is in them.
const SAMPLES: [&str; 5] =
    ["AckSample", "BytesPerSecond", "CongestionSignal", "LostSample", "RateSample"];

const SOURCE: &str = "crates/tcb/src/";

pub(super) fn look(project: &Project) -> Vec<Finding> {
    let files = || project.rust_files.iter().filter(|file| file.path.starts_with(SOURCE));
    let root = files().find(|file| file.path == format!("{SOURCE}lib.rs"));
    let exports = root.map(exports).unwrap_or_default();
    files()
        .flat_map(|file| match Layer::of(&module(file)) {
            Some(layer) => named_from_layer(file, layer, &exports),
            None => re_exported_from_plain(file),
        })
        .collect()
}

impl Layer {
    /// The layer that a path from the root of the crate leads into.
    fn of(module: &[String]) -> Option<Self> {
        let layer = match module.first()?.as_str() {
            "endpoint" => Self::Endpoint,
            "listener" => Self::Listener,
            "connection" => Self::Connection,
            "send" => Self::Send,
            "recv" => Self::Recv,
            "recovery" => Self::Recovery,
            "congestion" => Self::Congestion,
            _ => return None,
        };
        Some(layer)
    }

    fn may_use(self, other: Self) -> bool {
        self == other || self.height() > other.height()
    }

    fn height(self) -> u8 {
        match self {
            Self::Endpoint => 3,
            Self::Listener => 2,
            Self::Connection => 1,
            Self::Send | Self::Recv | Self::Recovery | Self::Congestion => 0,
        }
    }
}

/// What `lib.rs` re-exports: the name there, and the path from the root that it stands for.
fn exports(root: &RustFile) -> HashMap<String, Vec<String>> {
    paths::imports(root)
        .into_iter()
        .map(|import| (import.name, from_root(&[], &import.segments).unwrap_or(import.segments)))
        .collect()
}

fn named_from_layer(
    file: &RustFile,
    layer: Layer,
    exports: &HashMap<String, Vec<String>>,
) -> Vec<Finding> {
    let here = module(file);
    paths::used_paths(file)
        .iter()
        .filter(|path| !file.is_test_line(path.line))
        .filter_map(|path| {
            let target = target(&here, path, exports)?;
            let used = Layer::of(&target)?;
            (!layer.may_use(used) && !is_sample(layer, &target)).then(|| {
                let message = format!("{layer:?} must not name {}", target.join("::"));
                Finding::at(&file.path, path.line, message)
            })
        })
        .collect()
}

/// Where a path leads, from the root of the crate; `None` if it leaves the crate.
fn target(
    here: &[String],
    path: &UsedPath,
    exports: &HashMap<String, Vec<String>>,
) -> Option<Vec<String>> {
    let module: Vec<String> = here.iter().chain(&path.inside).cloned().collect();
    let target = from_root(&module, &path.segments)?;
    let Some(origin) = exports.get(target.first()?) else { return Some(target) };
    Some(origin.iter().chain(&target[1..]).cloned().collect())
}

/// Resolves `crate`, `self` and `super`, seen from `module`.
fn from_root(module: &[String], segments: &[String]) -> Option<Vec<String>> {
    let mut base = match segments.first()?.as_str() {
        "crate" => Vec::new(),
        "self" | "super" => module.to_vec(),
        // At the root, a path may begin with a module of the crate; elsewhere it leaves the crate.
        _ if module.is_empty() => return Some(segments.to_vec()),
        _ => return None,
    };
    for segment in segments {
        match segment.as_str() {
            "crate" | "self" => {}
            "super" => {
                base.pop();
            }
            name => base.push(name.to_owned()),
        }
    }
    Some(base)
}

fn is_sample(layer: Layer, target: &[String]) -> bool {
    layer == Layer::Recovery
        && Layer::of(target) == Some(Layer::Congestion)
        && target.last().is_some_and(|name| SAMPLES.contains(&name.as_str()))
}

fn re_exported_from_plain(file: &RustFile) -> Vec<Finding> {
    let here = module(file);
    if here.is_empty() {
        return re_exported_in_bulk(file);
    }
    paths::imports(file)
        .into_iter()
        .filter(|import| import.is_public)
        .filter_map(|import| {
            let target = from_root(&here, &import.segments)?;
            Layer::of(&target)?;
            let message = format!("a plain file must not re-export {}", target.join("::"));
            Some(Finding::at(&file.path, import.line, message))
        })
        .collect()
}

/// In `lib.rs` a glob would hide from this check, and from the reader, what is re-exported.
fn re_exported_in_bulk(root: &RustFile) -> Vec<Finding> {
    paths::imports(root)
        .into_iter()
        .filter(|import| import.name == "*")
        .map(|import| Finding::at(&root.path, import.line, "name what is re-exported"))
        .collect()
}

/// The module that a file is, from the root of the crate.
fn module(file: &RustFile) -> Vec<String> {
    let path = file.path.trim_start_matches(SOURCE).trim_end_matches(".rs");
    let mut module: Vec<String> = path.split('/').map(str::to_owned).collect();
    if module.last().is_some_and(|last| matches!(last.as_str(), "mod" | "lib")) {
        module.pop();
    }
    module
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "mod connection;\npub use connection::{Connection, state::State as S};\n";

    /// What is said of this text as the file at this place of `tcb`.
    fn said(place: &str, text: &str) -> Vec<String> {
        let path = format!("{SOURCE}{place}");
        let project = Project::of(&[("crates/tcb/src/lib.rs", ROOT), (&path, text)]);
        look(&project).iter().map(Finding::to_string).collect()
    }

    #[test]
    fn what_points_down_or_to_plain_files_is_allowed() {
        let rows = [
            ("endpoint/mod.rs", "use crate::{connection::Connection, listener::Listener};"),
            ("connection/mod.rs", "use crate::{send::SendBuffer, recv, recovery::rtt::Estimator};"),
            ("connection/input/ack.rs", "use super::super::state::State;"),
            ("send/mod.rs", "use crate::{config::ConnectionConfig, time::Instant};"),
            ("send/mod.rs", "mod recv { pub fn f() {} }\nfn g() { recv::f() }"),
            ("recovery/mod.rs", "use crate::congestion::{AckSample, RateSample};"),
            ("config.rs", "use crate::congestion::CongestionFactory;"),
            ("recv/tests.rs", "use crate::send::SendBuffer;"),
            ("recv/mod.rs", "#[cfg(test)]\nmod tests { use crate::send::SendBuffer; }"),
        ];
        for (place, text) in rows {
            assert_eq!(said(place, text), Vec::<String>::new(), "{place}: {text}");
        }
    }

    #[test]
    fn what_points_up_or_sideways_is_found() {
        // Each row: the file, its text, and what it must not name.
        let rows = [
            ("listener/mod.rs", "use crate::endpoint::Endpoint;", "endpoint::Endpoint"),
            ("connection/mod.rs", "use crate::listener;", "listener"),
            ("send/mod.rs", "use crate::{recv::{buffer::X}};", "recv::buffer::X"),
            ("send/buffer.rs", "use super::super::recv::X;", "recv::X"),
            ("recv/mod.rs", "fn f(x: &crate::send::X) {}", "send::X"),
            ("recv/mod.rs", "fn f() { assert!(crate::send::is_empty()) }", "send::is_empty"),
            ("recovery/mod.rs", "use crate::congestion::Reno;", "congestion::Reno"),
            ("congestion/mod.rs", "use crate::recovery::AckSample;", "recovery::AckSample"),
            ("send/mod.rs", "use crate::Connection;", "connection::Connection"),
            ("send/mod.rs", "fn f(s: crate::S) {}", "connection::state::State"),
        ];
        for (place, text, target) in rows {
            let said = said(place, text);
            assert_eq!(said.len(), 1, "{place}: {text}: {said:?}");
            assert!(said[0].ends_with(&format!("must not name {target}")), "{said:?}");
        }
    }

    #[test]
    fn a_plain_file_that_re_exports_a_layer_is_found() {
        assert_eq!(said("info.rs", "pub use crate::connection::State;").len(), 1);
        assert_eq!(said("info.rs", "use crate::connection::State;").len(), 0);
    }

    #[test]
    fn a_glob_in_the_root_is_found() {
        let project = Project::of(&[("crates/tcb/src/lib.rs", "pub use connection::*;")]);
        assert_eq!(look(&project).len(), 1);
    }
}
