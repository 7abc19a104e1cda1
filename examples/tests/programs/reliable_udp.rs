//! `reliable_udp` moves its octets between two processes without any privilege.
//! They meet on the loopback of the machine, as any two programs may: no namespace, no device.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::process::{Process, path_of_example};

/// Runs both roles on an address of this test's own, `sender` with its further arguments.
fn transfer(number: u8, mebibytes: u64, impairments: &[&str]) -> String {
    let program = Program::new();
    // All of 127.0.0.0/8 is this machine: another run of this test is elsewhere in it.
    let [_, _, high, low] = std::process::id().to_be_bytes();
    let sockets =
        [format!("127.{number}.{high}.{low}:5001"), format!("127.{number}.{high}.{low}:5002")];
    let mut receive = program.command();
    receive.args(["receive", "--local", &sockets[0], "--remote", &sockets[1]]);
    let mut receiver = Process::start(&mut receive, Vec::new());
    receiver.wait_for_output("waiting");
    let mut send = program.command();
    send.args(["send", "--local", &sockets[1], "--remote", &sockets[0]]);
    send.args(["--mebibytes", &mebibytes.to_string()]).args(impairments);
    let report = Process::start(&mut send, Vec::new()).succeed();
    let received = receiver.succeed();
    let expected = format!("received {} octets, every one right", mebibytes << 20);
    assert!(String::from_utf8_lossy(&received).contains(&expected));
    String::from_utf8(report).unwrap()
}

/// The example, for an ordinary user; if this is root, in a place where others may run it.
struct Program {
    path: PathBuf,
    for_nobody: Option<TempDir>,
}

impl Program {
    fn new() -> Self {
        let path = path_of_example("reliable_udp");
        if !can_become_nobody() {
            return Self { path, for_nobody: None };
        }
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
        let copy = folder.path().join("reliable_udp");
        // By a process of its own: while this one has the file open for writing, a child that
        // another test forks has it too, and then it cannot be run.
        let installing = Command::new("install").args(["-m", "755"]).arg(path).arg(&copy).status();
        assert!(installing.unwrap().success());
        Self { path: copy, for_nobody: Some(folder) }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        if self.for_nobody.is_some() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }
}

/// Whether this is root, and there are other users: a user namespace may have but one.
fn can_become_nobody() -> bool {
    let trying = Command::new("true").uid(NOBODY).gid(NOBODY).status();
    trying.is_ok_and(|status| status.success())
}

/// The user and group of who has no rights, as they are on Debian.
const NOBODY: u32 = 65_534;

#[test]
fn reliable_udp_moves_256_mebibytes() {
    transfer(77, 256, &[]);
}

#[test]
fn reliable_udp_moves_16_mebibytes_through_loss_and_delay() {
    let report = transfer(78, 16, &["--loss-percent", "1", "--delay-ms", "20"]);
    // Otherwise there was no loss, or no delay.
    let retransmissions: u32 = between(&report, "; ", " of ").parse().unwrap();
    let round_trip_ms: f64 = between(&report, "round trip ", " ms").parse().unwrap();
    assert!(retransmissions > 50 && round_trip_ms >= 40.0, "{report}");
}

/// What stands between `before` and the `after` that follows it.
fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let (_, rest) = text.split_once(before).unwrap();
    rest.split_once(after).unwrap().0
}
