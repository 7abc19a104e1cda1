//! Shows that a test in a private network passes, fails or says it did not run, for any user.
//! How: this binary starts itself for one test that ends as the environment says.

use std::io::ErrorKind::{InvalidInput, PermissionDenied};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// The test that is started: it passes or fails as it is told, and does nothing by itself.
#[test]
fn ends_as_told() {
    let Ok(told) = std::env::var(TOLD) else {
        return;
    };
    synack_netns::test(|| assert_eq!(told, "pass", "the reason of the body"));
}

#[test]
fn a_test_ends_as_its_body_does_for_every_user() {
    for user in users() {
        for told in ["pass", "fail"] {
            let Some((passed, output)) = start(user, told, "true") else {
                println!("did not run: user {user:?} cannot start this program");
                continue;
            };
            match absence(user) {
                None => {
                    assert_eq!(passed, told == "pass", "{user:?}: {output}");
                    let has_reason = output.contains("the reason of the body");
                    assert_eq!(has_reason, told == "fail", "{user:?}: {output}");
                }
                // Under CI=true, what cannot run fails, whatever it would have done.
                Some(reason) => {
                    assert!(!passed, "{user:?}: {output}");
                    assert!(output.contains(reason), "{user:?}: {output}");
                }
            }
        }
    }
}

#[test]
fn a_test_that_cannot_run_says_so_and_passes_where_it_is_not_required() {
    for user in users() {
        let Some(reason) = absence(user) else {
            continue; // it can run: shown above
        };
        let Some((passed, output)) = start(user, "fail", "") else {
            continue;
        };
        assert!(passed, "{output}");
        assert!(output.contains(&format!("ends_as_told did not run: {reason}")), "{output}");
    }
}

/// This user and, where this one is root, an ordinary one.
fn users() -> Vec<Option<u32>> {
    let mut users = vec![None];
    if std::fs::metadata("/proc/self").unwrap().uid() == 0 {
        users.push(Some(NOBODY));
    }
    users
}

/// Why the test cannot run for this user, as far as the device file tells.
fn absence(user: Option<u32>) -> Option<&'static str> {
    let Ok(file) = std::fs::metadata("/dev/net/tun") else {
        return Some("there is no /dev/net/tun");
    };
    let is_open = file.permissions().mode() & 0o006 == 0o006;
    let is_root = user.is_none() && users().len() > 1;
    (!is_open && !is_root).then_some("/dev/net/tun is closed to this user")
}

/// Whether the test passed, and what was printed. `None` if the user may not start this program.
fn start(user: Option<u32>, told: &str, ci: &str) -> Option<(bool, String)> {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["ends_as_told", "--exact"]).env(TOLD, told).env("CI", ci);
    if let Some(user) = user {
        command.uid(user).gid(user).current_dir("/");
    }
    let output = match command.output() {
        Ok(output) => output,
        // The file is closed to that user; this user may not change; there is no such user here.
        Err(error) if [PermissionDenied, InvalidInput].contains(&error.kind()) => return None,
        Err(error) => panic!("cannot start this program again: {error}"),
    };
    let text = [output.stdout, output.stderr].concat();
    Some((output.status.success(), String::from_utf8_lossy(&text).into_owned()))
}

const TOLD: &str = "SYNACK_NETNS_TEST_ENDS";
/// A user that owns nothing.
const NOBODY: u32 = 65_534;
