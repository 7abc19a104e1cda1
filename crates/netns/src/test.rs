//! A private network for one test.

use crate::child::{self, Exit, Output};
use crate::{Namespace, Unavailable, availability, private};
use std::io::Write;
use std::thread;

/// Runs the body of a `#[test]` in a private network, on a thread of its own.
///
/// With the privileges of root, or of an [entered](crate::enter) process, the body runs in this
/// process. Otherwise this program, which must be a test binary of the standard harness, is started
/// once more for this one test inside of a user namespace, and the result taken from there.
///
/// Where neither can be had, or there is no TUN device, it says on standard error that the test did
/// not run, and why. If the environment has `CI=true`, that is a failure.
///
/// ```no_run
/// #[test]
/// fn loopback_is_up() {
///     synack_netns::test(|| {
///         std::net::TcpListener::bind("127.0.0.1:80").unwrap();
///     });
/// }
/// ```
///
/// # Panics
/// If `body` does, here or in the other process; if the test did not run and `CI=true`.
pub fn test(body: impl FnOnce() + Send) {
    let name = thread::current().name().unwrap_or_default().to_owned();
    if let Err(reason) = availability() {
        return report_absence(&name, &reason);
    }
    match Namespace::new() {
        Ok(namespace) => {
            if private::is_process_private().unwrap_or(false) {
                say(&ran_inside(&name));
            }
            namespace.run(body);
        }
        Err(reason) if private::is_process_private().unwrap_or(false) => {
            panic!("no second network inside of a private one: {reason}")
        }
        Err(_) => run_inside(&name),
    }
}

/// Runs the test with this name in another process, inside of a user namespace.
fn run_inside(name: &str) {
    let program = std::env::current_exe().expect("the kernel knows which program this is");
    let arguments = [name, "--exact", "--include-ignored", "--nocapture", "--test-threads=1"];
    let arguments = arguments.map(Into::into);
    let mut child = match child::start(program.as_os_str(), &arguments, Output::Captured) {
        Ok(child) => child,
        Err(reason) => return report_absence(name, &reason),
    };
    let output = child.take_output();
    print!("{output}");
    match child.wait() {
        // A harness that found no test of this name is content as well, so it must have been heard.
        Ok(Exit::Code(0)) => {
            assert!(output.contains(&ran_inside(name)), "the test {name} was not found inside");
        }
        Ok(Exit::Code(code)) => panic!("failed in a private network, with exit code {code}"),
        Ok(Exit::Signal(signal)) => panic!("killed in a private network, by signal {signal}"),
        Err(reason) => panic!("lost sight of the test in a private network: {reason}"),
    }
}

fn report_absence(name: &str, reason: &Unavailable) {
    let is_required = std::env::var_os("CI").is_some_and(|ci| ci == "true");
    assert!(!is_required, "CI=true, and {name} cannot run: {reason}");
    say(&format!("{name} did not run: {reason}"));
}

/// What a test says in the other process when it begins.
fn ran_inside(name: &str) -> String {
    format!("{name} runs in a private network")
}

/// Writes a line that the harness does not keep to itself.
fn say(line: &str) {
    // Without a standard error there is no one to tell.
    let _result = writeln!(std::io::stderr(), "{line}");
}
