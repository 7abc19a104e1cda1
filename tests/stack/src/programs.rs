//! Programs of the system that a test drives, such as `ss` and `curl`.

use std::io::Write;
use std::path::Path;

/// Whether all of `programs` are installed; if not, says that this test did not run.
///
/// Call it on the thread of the test, which has its name.
///
/// # Panics
/// If one is missing and the environment has `CI=true`: there they have to be.
#[must_use]
pub fn are_installed(programs: &[&str]) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_missing = |program: &&&str| !std::env::split_paths(&path).any(|it| has(&it, program));
    let Some(missing) = programs.iter().find(is_missing) else { return true };
    let thread = std::thread::current();
    let test = thread.name().unwrap_or_default();
    let is_required = std::env::var_os("CI").is_some_and(|ci| ci == "true");
    assert!(!is_required, "CI=true, and {test} cannot run: there is no {missing}");
    // Past the harness, which keeps what a passing test prints. With no standard error there is no
    // one to tell.
    let _result = writeln!(std::io::stderr(), "{test} did not run: there is no {missing}");
    false
}

fn has(folder: &Path, program: &str) -> bool {
    folder.join(program).is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_is_installed_and_nonsense_is_not() {
        assert!(are_installed(&["sh", "cat"]));
        let is_required = std::env::var_os("CI").is_some_and(|ci| ci == "true");
        let nonsense = || are_installed(&["sh", "no-program-of-this-name"]);
        assert_eq!(std::panic::catch_unwind(nonsense).ok(), (!is_required).then_some(false));
    }
}
