//! `echo` and `netcat` speak with `nc`, the netcat of OpenBSD, which Debian has.
//! Each end says 16 MiB, not those of the other, and what it hears is compared octet by octet.

use std::process::Command;

use synack_examples::pages::Pattern;
use synack_stack::programs::are_installed;

use crate::network::{self, KERNEL, STACK};
use crate::process::{Process, example};

/// There are others called `nc`, with other options.
const NC: &str = "nc.openbsd";
const LEN: u64 = 16 << 20;
const PORT: &str = "5000";

/// What `nc` says, and what the example says: neither is a part of the other.
fn conversation() -> [Vec<u8>; 2] {
    let mut pattern = Pattern::new(LEN);
    let mut octets = Vec::new();
    while let Some(chunk) = pattern.next_chunk() {
        octets.extend(chunk);
    }
    let backwards = octets.iter().rev().copied().collect();
    [octets, backwards]
}

/// `nc` closes its half after what it has read, and is patient with the other.
fn nc(arguments: &[&str], input: &[u8]) -> Process {
    let mut nc = Command::new(NC);
    Process::start(nc.args(["-N", "-v", "-n", "-w", "60"]).args(arguments), input.to_vec())
}

fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

#[test]
fn nc_hears_from_echo_what_it_said() {
    if !are_installed(&[NC]) {
        return;
    }
    synack_netns::test(|| {
        let mut server = Process::start(&mut example("echo"), Vec::new());
        server.wait_for_output("listening on port 7");
        network::add_ipv6();
        let [said, _] = conversation();
        for host in STACK {
            assert!(nc(&[bare(host), "7"], &said).succeed() == said, "{host}");
            server.wait_for_output(&format!(": {LEN} octets"));
        }
    });
}

#[test]
fn nc_and_netcat_converse_when_netcat_opens() {
    if !are_installed(&[NC]) {
        return;
    }
    synack_netns::test(|| {
        network::make_device();
        let [of_nc, of_ours] = conversation();
        for host in KERNEL {
            let mut listening = nc(&["-l", bare(host), PORT], &of_nc);
            listening.wait_for_message("Listening on");
            let mut netcat = example("netcat");
            netcat.args(["--existing", &format!("{host}:{PORT}")]);
            // `nc -l` leaves at the end of what it hears, whatever it has left to say.
            let mut ours = Process::start_open_ended(&mut netcat, of_ours.clone());
            ours.wait_for_octets(of_nc.len());
            listening.wait_for_octets(of_ours.len());
            ours.end_input();
            assert!(ours.succeed() == of_nc, "{host}");
            assert!(listening.succeed() == of_ours, "{host}");
        }
    });
}

#[test]
fn nc_and_netcat_converse_when_nc_opens() {
    if !are_installed(&[NC]) {
        return;
    }
    synack_netns::test(|| {
        network::make_device();
        let [of_nc, of_ours] = conversation();
        for host in STACK {
            let mut netcat = example("netcat");
            netcat.args(["--existing", "--listen", &format!("{host}:{PORT}")]);
            let mut ours = Process::start(&mut netcat, of_ours.clone());
            ours.wait_for_message("listening on");
            assert!(nc(&[bare(host), PORT], &of_nc).succeed() == of_ours, "{host}");
            assert!(ours.succeed() == of_nc, "{host}");
        }
    });
}
