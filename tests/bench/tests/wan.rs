//! Shows that `synack-bench wan` runs every end over emulated paths and judges what it finds.
//! It is run for moments in private networks; what is asked of goodput suits a slow machine.

use std::process::{Command, Output};

use serde_json::Value;

/// Runs `wan`, or returns `None` where there can be no private network. In CI there has to be.
fn wan(arguments: &str) -> Option<Output> {
    if let Err(reason) = synack_netns::availability() {
        assert!(std::env::var_os("CI").is_none(), "not in CI: {reason}");
        eprintln!("not run: {reason}");
        return None;
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_synack-bench"));
    command.args(["wan", "--json", "--rounds", "1"]).args(arguments.split_whitespace());
    Some(command.output().unwrap())
}

/// The JSON objects that were printed.
#[track_caller]
fn rows(output: &Output) -> Vec<Value> {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Mbit/s of a single run over 10 Mbit/s and 4 ms.
#[track_caller]
fn goodput(arguments: &str) -> Option<f64> {
    let output = wan(&format!("--rate 10 --rtt 4 --seconds 0.5 {arguments}"))?;
    let rows = rows(&output);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(rows.len(), 1);
    Some(rows[0]["figure"].as_f64().unwrap_or_else(|| panic!("{arguments}: {error}")))
}

#[test]
fn a_plain_path_is_filled_and_never_exceeded() {
    for left in ["kernel-cubic", "kernel-reno", "synack-cubic", "synack-reno"] {
        for right in ["kernel-cubic", "synack-reno"] {
            let Some(goodput) = goodput(&format!("--left {left} --right {right}")) else { return };
            assert!(goodput > 5.0 && goodput < 10.0, "{left} to {right}: {goodput} Mbit/s");
        }
    }
}

#[cfg(feature = "peers")]
#[test]
fn smoltcp_sends_and_receives() {
    for ends in ["--left kernel-reno --right smoltcp-cubic", "--left smoltcp-cubic"] {
        let Some(goodput) = goodput(ends) else { return };
        assert!(goodput > 1.0 && goodput < 10.0, "{ends}: {goodput} Mbit/s");
    }
}

#[test]
fn what_the_path_is_told_to_do_is_done() {
    let spoilt = "--left kernel-reno --loss 5 --burst-loss 1 --duplicate 5 --reorder 5 --jitter 1";
    let Some(worse) = goodput(spoilt) else { return };
    let plain = goodput("--left kernel-reno").unwrap();
    assert!(worse < plain, "{worse} of {plain} Mbit/s");
    for (queue, marks) in [("codel", false), ("codel-ecn", true), ("mark", true)] {
        let arguments = format!("--left kernel-reno --queue {queue} --rate 10 --rtt 4");
        let output = wan(&format!("{arguments} --seconds 1")).unwrap();
        let row = &rows(&output)[0];
        assert!(row["figure"].as_f64().unwrap() > 1.0, "{row}");
        assert_eq!(row["details"]["ce_marked"].as_f64().unwrap() > 0.0, marks, "{row}");
    }
}

#[test]
fn the_matrix_judges_each_path_and_all_of_them() {
    let Some(output) = wan("--quick --only reno --seconds 0.6") else { return };
    let rows = rows(&output);
    let names: Vec<&str> = rows.iter().map(|row| row["row"].as_str().unwrap()).collect();
    let beside_kernel = |end: &str| {
        let is_named =
            |name: &&&str| name.starts_with("synack-reno over kernel-reno") && name.contains(end);
        names.iter().filter(is_named).count()
    };
    assert_eq!(beside_kernel("lost"), 5 + 1, "{names:?}");
    assert_eq!((beside_kernel("geometric mean"), beside_kernel("worst cell")), (1, 1), "{names:?}");
    for row in rows {
        assert!(row["figure"].as_f64().is_some_and(|figure| figure > 0.0), "{row}");
        assert_eq!(row["goal"].is_null(), row["holds"].is_null(), "{row}");
    }
}

#[test]
fn what_is_not_there_is_refused_before_anything_is_measured() {
    let Some(output) = wan("--left kernel-vegas") else { return };
    assert!(!output.status.success());
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("no such end; there are kernel-cubic"), "{error}");
    let output = wan("--only vegas").unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("no comparison has vegas"));
}
