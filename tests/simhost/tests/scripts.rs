//! Shows that the conversations in `scripts/` go as they are written, over IPv4, mapped and IPv6.
//! Each script is read and run on a host in virtual time; packetdrill runs the same files.

use std::fs;
use std::path::{Path, PathBuf};

use synack_simhost::script::{Script, Variant};

/// The scripts, by their paths below `scripts/`.
fn scripts() -> Vec<PathBuf> {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts")];
    let mut scripts = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.extension() {
                Some(extension) if extension == "pkt" => scripts.push(path),
                Some(_) => panic!("{} is no script", path.display()),
                None => folders.push(path),
            }
        }
    }
    scripts.sort();
    scripts
}

/// What fails in the scripts that `is_chosen` chooses, and how many ran.
fn run(is_chosen: impl Fn(&str) -> bool) -> (Vec<String>, usize) {
    let (mut failures, mut count) = (Vec::new(), 0);
    for path in scripts().iter().filter(|path| is_chosen(&path.to_string_lossy())) {
        let text = fs::read_to_string(path).unwrap();
        let name = path.file_stem().unwrap().to_string_lossy();
        let script = match Script::parse(&text) {
            Ok(script) => script,
            Err(error) => {
                failures.push(format!("{}: {error}", path.display()));
                continue;
            }
        };
        for variant in [Variant::V4, Variant::Mapped, Variant::V6] {
            let is_for_another = match variant {
                Variant::V4 | Variant::Mapped => name.ends_with("-v6"),
                Variant::V6 => name.ends_with("-v4"),
            };
            if is_for_another {
                continue;
            }
            count += 1;
            if let Err(error) = script.run(variant) {
                failures.push(format!("{} ({variant:?}): {error}", path.display()));
            }
        }
    }
    (failures, count)
}

#[test]
fn every_script_goes_as_it_is_written() {
    let (failures, count) = run(|_| true);
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(count >= 60, "only {count} runs: are the scripts there?");
}

#[test]
fn a_script_that_expects_something_else_fails_at_that_line() {
    let handshake = "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n\
        +0 bind(3, ..., ...) = 0\n\
        +0 listen(3, 1) = 0\n\
        +0 < S 0:0(0) win 1000 <mss 1000>\n";
    for (line, expectation) in [
        (5, "+0 > S. 0:0(0) ack 1 <mss 1400>"),
        (5, "+0 > S. 0:0(0) ack 2 <mss 1460>"),
        (5, "+0 > . 0:0(0) ack 1 <mss 1460>"),
        (5, "+.1 > S. 0:0(0) ack 1 <mss 1460>"),
        (5, "+0 > S. 0:0(0) ack 1 <nop,nop,mss 1460>"),
        (5, "+0 accept(3, ..., ...) = 4"),
        (5, "+0 close(3) = -1 EBADF"),
        (5, "+0 accept(7, ..., ...) = 4"),
        (6, "+0 > S. 0:0(0) ack 1 <mss 1460>\n+0 > S. 0:0(0) ack 1 <mss 1460>"),
        (5, "+0 close(3) = 0"),
    ] {
        let script = Script::parse(&format!("{handshake}{expectation}\n")).unwrap();
        let error = script.run(Variant::V4).expect_err(expectation);
        assert_eq!(error.line(), line, "{expectation}: {error}");
    }
}
