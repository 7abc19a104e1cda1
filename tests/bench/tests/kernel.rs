//! Shows that `synack-bench kernel` moves streams both ways over both versions of IP, and what its
//! exit code tells, by running it with a MiB a cell in private networks.

use std::process::{Command, Output};

/// Runs `kernel`, or returns `None` where there can be no private network. In CI there has to be.
fn kernel(arguments: &[&str]) -> Option<Output> {
    if let Err(reason) = synack_netns::availability() {
        assert!(std::env::var_os("CI").is_none(), "not in CI: {reason}");
        eprintln!("not run: {reason}");
        return None;
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_synack-bench"));
    Some(command.arg("kernel").args(arguments).output().unwrap())
}

#[test]
fn every_cell_is_right_and_the_exit_code_says_so() {
    let Some(output) = kernel(&["--size", "1MiB", "--json"]) else { return };
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && error.is_empty(), "{error}");
    let text = String::from_utf8_lossy(&output.stdout);
    let rows: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let cells: Vec<String> = rows
        .iter()
        .map(|row| format!("{} {} {}", row["mtu"], row["ip"], row["direction"]))
        .collect();
    let mut expected = Vec::new();
    for mtu in [1_280, 1_500, 9_000, 65_535] {
        for ip in ["IPv4", "IPv6"] {
            for direction in ["kernel -> synack", "synack -> kernel"] {
                expected.push(format!("{mtu} {ip:?} {direction:?}"));
            }
        }
    }
    assert_eq!(cells, expected);
    for row in rows {
        assert!(row["error"].is_null() && row["seconds"].as_f64().unwrap() > 0.0, "{row}");
        assert_eq!(row["octets"], 1 << 20);
    }
}

#[test]
fn the_table_has_a_line_for_each_cell() {
    let Some(output) = kernel(&["--size", "0", "--mtus", "1500"]) else { return };
    assert!(output.status.success());
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(text.matches("every octet right").count(), 4, "{text}");
}

#[test]
fn an_mtu_that_ipv6_does_not_allow_is_refused() {
    let Some(output) = kernel(&["--mtus", "1279"]) else { return };
    assert!(!output.status.success() && output.stdout.is_empty());
}
