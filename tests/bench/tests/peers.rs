//! Shows that `synack-bench peers` measures stacks which keep the whole protocol, and says so when
//! one does not, by running it for moments in private networks, with the kernel as the client.

use std::process::{Command, Output};

/// Runs `peers`, or returns `None` where there can be no private network. In CI there has to be.
fn peers(arguments: &[&str]) -> Option<Output> {
    if let Err(reason) = synack_netns::availability() {
        assert!(std::env::var_os("CI").is_none(), "not in CI: {reason}");
        eprintln!("not run: {reason}");
        return None;
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_synack-bench"));
    command.args(["peers", "--json", "--rounds", "2", "--seconds", "0.05"]).args(arguments);
    Some(command.output().unwrap())
}

/// The JSON objects that were printed.
fn rows(output: &Output) -> Vec<serde_json::Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn assert_measured(output: &Output, stacks: &[&str], tests: &[&str]) {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && error.is_empty(), "{error}");
    let rows = rows(output);
    assert_eq!(rows.len(), stacks.len() * tests.len(), "{rows:?}");
    for row in rows {
        assert!(stacks.iter().any(|stack| row["stack"] == *stack), "{row}");
        assert!(tests.iter().any(|test| row["test"] == *test), "{row}");
        assert!(row["median"].as_f64().unwrap() > 0.0, "{row}");
        assert_eq!((row["rounds"].as_u64(), row["failures"].as_u64()), (Some(2), Some(0)), "{row}");
    }
}

#[test]
fn the_null_stacks_and_the_kernel_are_measured() {
    let stacks = ["null", "null-copy", "null-vnet-copy", "kernel-veth", "kernel-loopback"];
    let tests = ["rx", "tx", "rr", "crr64"];
    let arguments = ["--stacks", &stacks.join(","), "--tests", &tests.join(",")];
    let Some(output) = peers(&arguments) else { return };
    assert_measured(&output, &stacks, &tests);
    for row in rows(&output) {
        let is_kernel = row["stack"].as_str().unwrap().starts_with("kernel");
        assert!(row["of_ceiling"].is_null() == (is_kernel || row["stack"] == "null-vnet"), "{row}");
    }
}

#[cfg(feature = "peers")]
#[test]
fn the_stacks_of_others_are_measured() {
    let stacks = ["smoltcp", "tokio-smoltcp", "netstack-smoltcp"];
    let Some(output) = peers(&["--stacks", &stacks.join(","), "--tests", "rx,rr1k"]) else {
        return;
    };
    assert_measured(&output, &stacks, &["rx", "rr1k"]);
}

#[test]
fn synack_is_judged_beside_its_ceiling() {
    let arguments = ["--stacks", "null,null-copy,synack", "--tests", "rx9000,tx65535,rr"];
    let Some(output) = peers(&arguments) else { return };
    let rows = rows(&output);
    let (judged, measured): (Vec<_>, Vec<_>) = rows.iter().partition(|row| !row["goal"].is_null());
    assert_eq!(measured.len(), 3 * 3, "{measured:?}");
    let names: Vec<&str> = judged.iter().map(|row| row["row"].as_str().unwrap()).collect();
    let expected = [
        "rx9000: synack, of null-copy",
        "tx65535: synack, of null-copy",
        "rr: synack, of null",
        "rr: synack: p99_us of p50_us",
    ];
    assert_eq!(names, expected);
    for row in judged {
        assert!(row["figure"].as_f64().is_some_and(|figure| figure > 0.0), "{row}");
        assert!(row["holds"].is_boolean() && row["details"]["synack"].is_number(), "{row}");
    }
}

#[test]
fn a_stack_that_does_not_serve_is_a_failed_row() {
    let Some(output) = peers(&["--stacks", "null", "--tests", "rr", "--with", "broken=false"])
    else {
        return;
    };
    assert!(output.status.success());
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("broken rr: the stack ended: exit status: 1"), "{error}");
    let rows = rows(&output);
    let broken = rows.iter().find(|row| row["stack"] == "broken").unwrap();
    assert_eq!((broken["failures"].as_u64(), broken["median"].as_f64()), (Some(2), None));
}

#[test]
fn an_unknown_stack_is_refused_before_anything_is_measured() {
    let Some(output) = peers(&["--stacks", "nul"]) else { return };
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("no stack is called nul"));
}
