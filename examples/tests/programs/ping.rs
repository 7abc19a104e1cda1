//! Every stack answers `ping`, whatever it serves.
//! `ping` itself compares the octets of what it gets back, up to a full packet of 1,500.

use std::process::Command;

use synack_stack::programs::are_installed;

use crate::network;
use crate::process::{Process, example};

#[test]
fn ping_is_answered_by_a_stack() {
    if !are_installed(&["ping"]) {
        return;
    }
    synack_netns::test(|| {
        let mut server = Process::start(&mut example("echo"), Vec::new());
        server.wait_for_output("listening on port 7");
        network::add_ipv6();
        // Octets of data; the last fill a packet of 1,500.
        for (host, len) in
            [("10.9.0.2", 56), ("10.9.0.2", 1_472), ("fd09::2", 56), ("fd09::2", 1_452)]
        {
            let mut ping = Command::new("ping");
            // With a pattern of its own, which ping compares.
            ping.args(["-n", "-c", "10", "-i", "0.01", "-w", "30", "-p", "a53c", "-M", "do"]);
            ping.args(["-s", &len.to_string(), host]);
            let report = Process::start(&mut ping, Vec::new()).succeed();
            let report = String::from_utf8_lossy(&report);
            assert!(report.contains("10 packets transmitted, 10 received, 0% packet"), "{report}");
            assert!(!report.contains("wrong data byte"), "{report}");
        }
    });
}
