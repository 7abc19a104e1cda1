//! Programs of the system that a test drives, such as `ss` and `curl`.

use std::io::Write;

/// Whether all of `programs` are installed; if not, says that this test did not run.
///
/// Call it on the thread of the test, which has its name.
///
/// # Panics
/// If one is missing and the environment has `CI=true`: there they have to be.
#[must_use]
pub fn are_installed(programs: &[&str]) -> bool {
    let Some(missing) = missing(programs) else { return true };
    let thread = std::thread::current();
    let test = thread.name().unwrap_or_default();
    let is_required = std::env::var_os("CI").is_some_and(|ci| ci == "true");
    assert!(!is_required, "CI=true, and {test} cannot run: there is no {missing}");
    // Past the harness, which keeps what a passing test prints. With no standard error there is no
    // one to tell.
    let _result = writeln!(std::io::stderr(), "{test} did not run: there is no {missing}");
    false
}

/// The first of `programs` that the shell would not find.
fn missing<'a>(programs: &[&'a str]) -> Option<&'a str> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_found =
        |program: &str| std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
    programs.iter().copied().find(|program| !is_found(program))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_program_that_is_not_installed_is_missing() {
        assert_eq!(missing(&["sh", "cat"]), None);
        assert_eq!(missing(&["sh", "no-such-program", "nor-this"]), Some("no-such-program"));
    }
}
