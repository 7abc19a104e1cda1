//! Transfers over paths that take smaller packets than both ends, with and without a word of it.
//! Each is a network of two hosts, A that sends and B that listens, on a virtual clock.

use core::time::Duration;

use synack_netem::{Excess, LinkConfig, Mtu, Probability};
use synack_sim::{HostConfig, HostId, MiddleboxFaults, Network, Script, Streams};
use synack_tcb::MtuProbing;

const A: HostId = HostId(0);
const B: HostId = HostId(1);
const LEN: u64 = 2_000_000;

/// One direction of a path, of 20 ms, which takes packets of this size.
fn link(mtu: Option<Mtu>) -> LinkConfig {
    LinkConfig { mtu, delay: Duration::from_millis(20), ..LinkConfig::default() }
}

fn narrow(bytes: usize, excess: Excess) -> Option<Mtu> {
    Some(Mtu { bytes, excess })
}

/// Two hosts in one family, the first of which probes as said.
fn network(is_ipv6: bool, mtu_probing: MtuProbing, there: LinkConfig) -> Network {
    let addresses = if is_ipv6 { ["fd00::1", "fd00::2"] } else { ["10.0.0.1", "10.0.0.2"] };
    let mut network = Network::new(Streams::new(7));
    for address in addresses {
        let mut host = HostConfig::new(address.parse().unwrap());
        host.connection.mtu_probing = mtu_probing;
        network.add_host(host);
    }
    network.join(A, B, there, MiddleboxFaults::default());
    network.join(B, A, link(None), MiddleboxFaults::default());
    network.listen(B, 80).unwrap();
    network
}

/// Runs a transfer to its end: every octet is checked where it is read. Returns how long it took.
#[track_caller]
fn complete(network: &mut Network) -> Duration {
    let began = network.time();
    assert!(network.run_to_end(Duration::from_mins(5)).unwrap(), "it does not end");
    assert!(network.conversations().iter().all(|it| it.is_complete()));
    network.time() - began
}

fn upload(network: &mut Network, port: u16) {
    let scripts = [Script::send(LEN), Script::receive()];
    network.open((A, port), (B, 80), scripts).unwrap().unwrap();
}

#[test]
fn pmtu_2_pmtu_3_pmtu_8_a_router_that_tells_costs_a_round_trip() {
    for (is_ipv6, bytes) in [(false, 1_400), (false, 600), (true, 1_280)] {
        let plain = {
            let mut network = network(is_ipv6, MtuProbing::Off, link(None));
            upload(&mut network, 4_000);
            complete(&mut network)
        };
        let there = link(narrow(bytes, Excess::Reported));
        let mut network = network(is_ipv6, MtuProbing::Off, there);
        upload(&mut network, 4_000);
        let time = complete(&mut network);
        // Smaller segments: IW and growth are by the segment. What was too large leaves again in a
        // slow start of its own.
        let rounds = if bytes < 1_000 { 10 } else { 5 };
        let bound = plain + Duration::from_millis(40) * rounds;
        assert!(time < bound, "{bytes}: {time:?}, {plain:?} over a wide path");
        assert!(network.counts().reports > 0);
    }
}

#[test]
fn plpmtud_7_a_black_hole_costs_seconds_and_no_octet() {
    for (is_ipv6, bytes, bound) in [(false, 1_400, 5), (false, 1_050, 5), (true, 1_300, 5)] {
        let there = link(narrow(bytes, Excess::Silent));
        let mut network = network(is_ipv6, MtuProbing::default(), there);
        upload(&mut network, 4_000);
        let time = complete(&mut network);
        assert!(time < Duration::from_secs(bound), "{bytes}: {time:?}");
        assert_eq!(network.counts().reports, 0);
    }
}

#[test]
fn plpmtud_4_a_search_under_loss_ends_where_the_path_does() {
    for loss in [0, 1, 3] {
        let mut there = link(narrow(1_400, Excess::Silent));
        there.loss = Probability::percent(loss);
        let mut network = network(false, MtuProbing::Always, there);
        upload(&mut network, 4_000);
        let time = complete(&mut network);
        assert!(time < Duration::from_secs(120), "{loss} %: {time:?}");
    }
}

#[test]
fn pmtu_11_pmtu_14_a_path_that_narrows_under_way_stops_nobody() {
    for excess in [Excess::Reported, Excess::Silent] {
        let mut network = network(false, MtuProbing::default(), link(None));
        for port in 4_000..4_004 {
            upload(&mut network, port);
        }
        network.run_until(Duration::from_millis(250)).unwrap();
        network.set_link(0, link(narrow(1_300, excess)));
        let time = complete(&mut network);
        assert!(time < Duration::from_secs(10), "{excess:?}: {time:?}");
        assert_eq!(network.counts().reports > 0, excess == Excess::Reported);
        let too_big: u64 = network.link_stats().map(|stats| stats.too_big).sum();
        assert!(too_big > 0, "it was not over by then");
    }
}

#[test]
fn attack_b10_after_a_router_lied_throughput_comes_back_within_bounded_time() {
    // For a second the path takes 552 octets, and says so; then as much as ever.
    let mut network = network(false, MtuProbing::default(), link(narrow(552, Excess::Reported)));
    upload(&mut network, 4_000);
    network.run_until(Duration::from_secs(1)).unwrap();
    network.set_link(0, link(None));
    complete(&mut network);
    // What was remembered is forgotten after ten minutes: a transfer is as fast as over a path that
    // nobody lied about.
    network.run_until(network.time() + Duration::from_mins(10)).unwrap();
    upload(&mut network, 4_001);
    let time = complete(&mut network);
    let mut honest = self::network(false, MtuProbing::default(), link(None));
    upload(&mut honest, 4_001);
    let honest = complete(&mut honest);
    assert!(time * 9 <= honest * 10, "{time:?}, and {honest:?} without the lie");
}
