//! Whether the calling thread is in a private network: the guard before every change.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::sync::OnceLock;

/// Fails unless the calling thread is in a network namespace that was made by this crate.
pub(crate) fn require() -> io::Result<()> {
    if is_private()? {
        return Ok(());
    }
    let reason = "not in a private network namespace, so nothing is changed";
    Err(io::Error::new(io::ErrorKind::PermissionDenied, reason))
}

/// Whether the whole process was moved, before it began or by [`mark_process`].
pub(crate) fn is_process_private() -> io::Result<bool> {
    if MOVED.get().is_some() {
        return Ok(true);
    }
    // Set by another process that started this one inside. If both are in the same namespace, the
    // variable is a stray one, or the other process did not do what it says.
    match std::env::var_os(OUTSIDE) {
        Some(outside) => Ok(identity(PROCESS)? != outside),
        None => Ok(false),
    }
}

/// Remembers that the only thread of this process was moved.
pub(crate) fn mark_process() {
    let _first = MOVED.set(());
}

/// The environment variable that tells a process started inside, and what it was outside.
pub(crate) fn marker() -> io::Result<(&'static str, OsString)> {
    Ok((OUTSIDE, identity(THREAD)?))
}

fn is_private() -> io::Result<bool> {
    // The first thread stays where the process began, so another place is one of ours.
    Ok(is_process_private()? || identity(THREAD)? != identity(PROCESS)?)
}

/// The name by which the kernel tells namespaces apart, such as `net:[4026531833]`.
fn identity(path: &str) -> io::Result<OsString> {
    Ok(Path::new(path).read_link()?.into_os_string())
}

static MOVED: OnceLock<()> = OnceLock::new();

/// The namespace of the first thread of this process.
const PROCESS: &str = "/proc/self/ns/net";
/// The namespace of the calling thread.
pub(crate) const THREAD: &str = "/proc/thread-self/ns/net";
const OUTSIDE: &str = "SYNACK_NETNS_OUTSIDE";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_did_nothing_is_not_in_a_private_network() {
        // Whatever the process is in: under `enter` this test would not hold, and it is not called.
        if std::env::var_os(OUTSIDE).is_none() {
            let error = require().unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        }
    }
}
