//! Shows that a whole process enters a private network: with one thread or several, as any user.
//! How: this program starts itself in each of these ways, and the started one says where it is.

use std::io::ErrorKind::{InvalidInput, PermissionDenied};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Output};
use synack_netns::{Interface, Unavailable, availability, enter};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["inside", "alone"] => report(),
        ["inside", "threaded"] => threaded(report),
        ["inside", "twice"] => {
            if enter().is_ok() {
                let first = network();
                enter().unwrap();
                assert_eq!(network(), first, "a second call entered another network");
            }
            report()
        }
        ["inside", "availability"] => {
            println!("{:?}", availability());
            ExitCode::SUCCESS
        }
        ["inside", other] => panic!("no such part: {other}"),
        // Asked for a list of tests, by a runner that would start each alone.
        [..] if arguments.iter().any(|argument| argument == "--list") => ExitCode::SUCCESS,
        [..] => {
            test_all();
            ExitCode::SUCCESS
        }
    }
}

/// Runs `body` while a second thread is alive.
fn threaded(body: fn() -> ExitCode) -> ExitCode {
    let (hold, wait) = std::sync::mpsc::channel::<()>();
    let second = std::thread::spawn(move || wait.recv());
    let code = body();
    drop(hold);
    assert!(second.join().unwrap().is_err());
    code
}

/// Enters, and says in which network it then is; ends with a number of its own.
fn report() -> ExitCode {
    if let Err(reason) = enter() {
        println!("{reason:?}");
        return ExitCode::FAILURE;
    }
    let loopback = Interface::named("lo").unwrap();
    loopback.add_address("192.0.2.9/32".parse().unwrap()).unwrap();
    // On another thread, and with a port that only root may use: both are so inside.
    let bind = || std::net::UdpSocket::bind("192.0.2.9:7").unwrap();
    let socket = std::thread::spawn(bind).join().unwrap();
    socket.send_to(b"x", socket.local_addr().unwrap()).unwrap();
    println!("{}", network());
    ExitCode::from(OWN_CODE)
}

fn network() -> String {
    std::fs::read_link("/proc/self/ns/net").unwrap().display().to_string()
}

fn test_all() {
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|process| owner(&process) == 0);
    let mut users = vec![None];
    // An ordinary user can be tried only by root, who is none.
    users.extend(is_root.then_some(Some(NOBODY)));
    let mut ran = 0;
    for user in users {
        let Some(output) = start("availability", user) else {
            println!("did not run: user {user:?} cannot start this program");
            continue;
        };
        let text = String::from_utf8(output.stdout).unwrap();
        assert_availability(text.trim(), user.is_none() && is_root);
        for part in ["alone", "threaded", "twice"] {
            let output = start(part, user).expect("it has just been started");
            let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            if output.status.code() == Some(1) {
                assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{part}: {text}");
                println!("did not run: {part} as {user:?}: {text}");
                continue;
            }
            assert_eq!(output.status.code(), Some(OWN_CODE.into()), "{part}: {output:?}");
            assert!(text.starts_with("net:["), "{part}: {output:?}");
            assert_ne!(text, network(), "{part}: it is where it was");
            ran += 1;
            println!("{part} as {user:?}: ok");
        }
    }
    println!("{ran} ways into a private network");
}

/// Starts this program for one of its parts. `None` if the user may not.
fn start(part: &str, user: Option<u32>) -> Option<Output> {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["inside", part]);
    if let Some(user) = user {
        command.uid(user).gid(user).current_dir("/");
    }
    match command.output() {
        Ok(output) => Some(output),
        // The file is closed to that user; this user may not change; there is no such user here.
        Err(error) if [PermissionDenied, InvalidInput].contains(&error.kind()) => None,
        Err(error) => panic!("cannot start this program again: {error}"),
    }
}

/// What must be said about availability, as far as the device file tells.
fn assert_availability(said: &str, is_root: bool) {
    let expected: Result<(), _> = match std::fs::metadata("/dev/net/tun") {
        Err(_) => Err(Unavailable::NoTunDevice),
        Ok(file) if !is_root && file.permissions().mode() & 0o006 != 0o006 => {
            Err(Unavailable::TunDeviceClosed)
        }
        // Whether the driver and the namespaces are there, the file does not tell.
        Ok(_) => return assert!(!said.contains("Closed"), "{said}"),
    };
    assert_eq!(said, format!("{expected:?}"));
}

fn owner(file: &std::fs::Metadata) -> u32 {
    std::os::unix::fs::MetadataExt::uid(file)
}

/// What the started program ends with, so that a code is seen to come through.
const OWN_CODE: u8 = 42;
/// A user that owns nothing.
const NOBODY: u32 = 65_534;
