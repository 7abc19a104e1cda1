//! `own_congestion` lets four controllers send, and its own take over from another.
//! Every one is named with what it reached; the figures are the machine's.

use crate::process::{Process, example};

#[test]
fn own_congestion_compares_the_controllers() {
    let mut command = example("own_congestion");
    let out = Process::start(command.args(["--seconds", "1"]), Vec::new()).succeed();
    let out = String::from_utf8(out).unwrap();
    let names: Vec<_> = out.lines().filter_map(|line| line.split_whitespace().next()).collect();
    let expected =
        ["8", "controller", "reno", "cubic", "bbr", "by-delay", "taking", "cubic", "by-delay"];
    assert_eq!(names[..expected.len()], expected, "{out}");
    for line in out.lines().skip(2).take(4) {
        let megabits: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        assert!(megabits > 0.0 && megabits <= 8.0, "{line}");
    }
}
