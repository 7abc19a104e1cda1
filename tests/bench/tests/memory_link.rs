//! Shows that `synack-bench memory-link` measures both stacks and judges ours.
//! It is run for moments.
#![cfg(feature = "peers")]

use std::process::Command;

#[test]
fn both_quantities_are_judged_beside_smoltcp() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_synack-bench"));
    command.args(["memory-link", "--json", "--rounds", "1", "--seconds", "0.05"]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    let rows: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), 2);
    for row in rows {
        assert!(row["figure"].as_f64().is_some_and(|figure| figure > 0.0), "{row}");
        assert_eq!((row["goal"].as_f64(), row["holds"].is_boolean()), (Some(1.5), true), "{row}");
        let both = row["details"].as_object().unwrap();
        assert!(both.len() == 2 && both.values().all(|rate| rate.as_f64() > Some(0.0)), "{row}");
    }
}
