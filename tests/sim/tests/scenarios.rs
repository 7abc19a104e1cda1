//! Conversations over links with one thing wrong each, and what becomes of them.
//! Each is a network of two hosts, A that opens and B that listens, on a virtual clock.

use core::time::Duration;

use bytes::Bytes;
use synack_netem::{LinkConfig, Outage, OutageEffect, Probability};
use synack_sim::{
    Ending, HostConfig, HostId, Kind, MiddleboxFaults, Network, Outcome, Script, Stall, Streams,
    Strips, Target,
};
use synack_tcb::CloseReason;
use synack_wire::{IpFields, Segment, TcpPacket};

const A: HostId = HostId(0);
const B: HostId = HostId(1);
const DELAY: Duration = Duration::from_millis(20);

/// What a scenario changes of two plain hosts and plain links.
#[derive(Clone)]
struct Scene {
    hosts: [HostConfig; 2],
    links: [LinkConfig; 2],
    middleboxes: [MiddleboxFaults; 2],
}

impl Default for Scene {
    fn default() -> Self {
        let host = |address: &str| HostConfig::new(address.parse().unwrap());
        Self {
            hosts: [host("10.0.0.1"), host("10.0.0.2")],
            links: [(); 2].map(|()| LinkConfig { delay: DELAY, ..LinkConfig::default() }),
            middleboxes: [(); 2].map(|()| MiddleboxFaults::default()),
        }
    }
}

impl Scene {
    /// Loses the first packet of a kind, in the direction in which it travels.
    fn losing(kind: Kind, direction: usize) -> Self {
        let mut scene = Self::default();
        scene.middleboxes[direction].targets.push(Target { kind, nth: 1, count: 1 });
        scene
    }

    fn network(&self) -> Network {
        let mut network = Network::new(Streams::new(1));
        for host in &self.hosts {
            network.add_host(host.clone());
        }
        let [there, back] = self.links.clone();
        let [box_there, box_back] = self.middleboxes.clone();
        network.join(A, B, there, box_there);
        network.join(B, A, back, box_back);
        network.listen(B, 80).unwrap();
        network
    }

    /// Runs one conversation to its end and the hosts to rest; returns how long it took.
    #[track_caller]
    fn converse(&self, scripts: [Script; 2]) -> (Network, Duration) {
        let mut network = self.network();
        network.open((A, 4_000), (B, 80), scripts).unwrap().unwrap();
        assert!(network.run_to_end(Duration::from_hours(2)).unwrap(), "it does not end");
        let time = network.time();
        network.run_until(time + Duration::from_hours(1)).unwrap();
        network.check_at_rest().unwrap();
        (network, time)
    }

    /// As [`converse`](Self::converse), and both sides completed.
    #[track_caller]
    fn complete(&self, scripts: [Script; 2]) -> Duration {
        let (network, time) = self.converse(scripts);
        assert!(network.conversations()[0].is_complete(), "{:?}", network.conversations()[0].sides);
        time
    }
}

/// A sends so many octets and closes, B answers with as many.
fn exchange(bytes: u64) -> [Script; 2] {
    [Script::send(bytes), Script::send(bytes).ending(Ending::CloseAfterReceiving)]
}

fn upload(bytes: u64) -> [Script; 2] {
    [Script::send(bytes), Script::receive()]
}

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[test]
fn a_perfect_link_costs_round_trips_only() {
    // SYN and SYN-ACK, text, its ACK with the FIN of B, the ACK of that.
    assert_eq!(Scene::default().complete(upload(100)), DELAY * 4);
    assert!(Scene::default().complete(exchange(1_000_000)) < ms(500));
}

#[test]
fn a_lost_syn_or_syn_ack_costs_one_second() {
    for (kind, direction) in [(Kind::Syn, 0), (Kind::SynAck, 1)] {
        let time = Scene::losing(kind, direction).complete(upload(100));
        assert_eq!(time, DELAY * 4 + ms(1_000), "{kind:?}");
    }
}

#[test]
fn a_lost_fin_or_last_ack_costs_a_timeout() {
    for (kind, direction) in [(Kind::Fin, 0), (Kind::Fin, 1), (Kind::LastAck, 0)] {
        let time = Scene::losing(kind, direction).complete(upload(100));
        assert!(time < DELAY * 4 + ms(500), "{kind:?} {direction}: {time:?}");
    }
}

#[test]
fn zwp_9_a_lost_window_update_is_found_by_a_probe() {
    let mut scene = Scene::losing(Kind::WindowUpdate, 1);
    scene.hosts[1].connection.receive_buffer = 10_000.into();
    let mut scripts = upload(50_000);
    scripts[1].stall = Some(Stall { after_bytes: 1, time: ms(1_000) });
    assert!(scene.complete(scripts) < ms(5_000));
}

#[test]
fn zwp_4_a_reader_may_rest_for_an_hour() {
    let mut scripts = upload(3_000_000);
    let rest = Duration::from_mins(60);
    scripts[1].stall = Some(Stall { after_bytes: 100_000, time: rest });
    let time = Scene::default().complete(scripts);
    assert!(time > rest && time < rest + ms(5_000), "{time:?}");
}

#[test]
fn thirty_per_cent_of_loss_in_both_directions_only_takes_longer() {
    let mut scene = Scene::default();
    scene.links.iter_mut().for_each(|link| link.loss = Probability::percent(30));
    scene.complete(exchange(50_000));
}

#[test]
fn a_partition_of_two_minutes_is_survived_and_one_of_ten_is_not() {
    for (minutes, survives) in [(2, true), (10, false)] {
        let mut scene = Scene::default();
        let until = Duration::from_mins(minutes);
        let outage = Outage { from: ms(100), until, effect: OutageEffect::Lose };
        scene.links.iter_mut().for_each(|link| link.outages.push(outage));
        let (network, time) = scene.converse(exchange(5_000_000));
        let conversation = &network.conversations()[0];
        assert_eq!(conversation.is_complete(), survives, "{:?}", conversation.sides);
        if !survives {
            let failed = Some(Outcome::Failed(CloseReason::UserTimeout));
            assert_eq!(conversation.sides.map(|side| side.outcome), [failed; 2]);
            assert!(time < Duration::from_secs(5 * 60 + 5), "{time:?}");
        }
    }
}

#[test]
fn no_option_at_all_is_enough() {
    let mut scene = Scene::default();
    let strips = Strips { mss: true, window_scale: true, sack_permitted: true, timestamps: true };
    scene.middleboxes.iter_mut().for_each(|middlebox| middlebox.strips = strips);
    scene.complete(exchange(500_000));
}

#[test]
fn attack_a8_crossing_syns_make_one_connection() {
    for loss in [0, 30] {
        let mut scene = Scene::default();
        scene.links.iter_mut().for_each(|link| link.loss = Probability::percent(loss));
        let mut network = scene.network();
        let id = network.open_simultaneously([(A, 4_000), (B, 5_000)], exchange(20_000));
        let id = id.unwrap().unwrap();
        assert!(network.run_to_end(Duration::from_mins(30)).unwrap());
        assert!(network.conversation(id).is_complete());
        let time = network.time();
        network.run_until(time + Duration::from_hours(1)).unwrap();
        network.check_at_rest().unwrap();
    }
}

#[test]
fn f5_a_host_that_starts_again_resets_what_it_does_not_know() {
    let mut network = Scene::default().network();
    let mut scripts = upload(5_000_000);
    scripts[1].stall = Some(Stall { after_bytes: 1, time: Duration::from_mins(60) });
    let id = network.open((A, 4_000), (B, 80), scripts).unwrap().unwrap();
    network.run_until(ms(1_000)).unwrap();
    network.crash(B);
    network.run_until(ms(2_000)).unwrap();
    network.restart(B).unwrap();
    assert!(network.run_to_end(Duration::from_mins(5)).unwrap());
    let [client, server] = network.conversation(id).sides;
    assert_eq!(client.outcome, Some(Outcome::Failed(CloseReason::ResetByPeer)));
    assert_eq!(server.outcome, Some(Outcome::Crashed));
}

#[test]
fn an_abort_is_told_to_the_other_side() {
    let scripts = [
        Script::send(1_000_000).ending(Ending::AbortAfter { bytes: 600_000 }),
        Script::send(0).ending(Ending::CloseAfterReceiving),
    ];
    let (network, _) = Scene::default().converse(scripts);
    let [client, server] = network.conversations()[0].sides;
    assert_eq!(client.outcome, Some(Outcome::Aborted));
    assert_eq!(server.outcome, Some(Outcome::Failed(CloseReason::ResetByPeer)));
}

#[test]
fn the_same_ports_serve_again_and_again() {
    let mut network = Scene::default().network();
    for round in 0..5 {
        // B closes first, so that A is free to open again while B is in TIME-WAIT.
        let scripts =
            [Script::send(9_000).ending(Ending::CloseAfterReceiving), Script::send(9_000)];
        let id = network.open((A, 4_000), (B, 80), scripts).unwrap().unwrap();
        assert!(network.run_to_end(ms(5_000)).unwrap(), "round {round}");
        assert!(network.conversation(id).is_complete(), "round {round}");
        let time = network.time();
        network.run_until(time + ms(500)).unwrap();
    }
}

#[test]
fn g3_clocks_that_stop_or_jump_by_a_month_do_no_harm_to_an_idle_connection() {
    let mut network = Scene::default().network();
    let mut scripts = exchange(200_000);
    scripts[0].stall = Some(Stall { after_bytes: 100_000, time: Duration::from_mins(1) });
    let id = network.open((A, 4_000), (B, 80), scripts).unwrap().unwrap();
    network.run_until(Duration::from_secs(10)).unwrap();
    network.change_clock(B, |clock| clock.set_rate(Duration::from_secs(10), 0));
    network.run_until(Duration::from_secs(20)).unwrap();
    network.change_clock(B, |clock| clock.set_rate(Duration::from_secs(20), 1_000));
    network.run_until(Duration::from_secs(70)).unwrap();
    assert!(network.conversation(id).is_complete());
    let month = Duration::from_hours(30 * 24);
    network.change_clock(A, |clock| clock.put_forward(Duration::from_secs(70), month));
    network.run_until(Duration::from_hours(1)).unwrap();
    network.check_at_rest().unwrap();
}

#[test]
fn g5_two_ends_that_believe_forged_text_do_not_storm_each_other() {
    let mut scene = Scene::default();
    scene.hosts.iter_mut().for_each(|host| host.connection.timestamps = false);
    let mut network = scene.network();
    // Nobody closes: each waits for the other.
    let scripts = [(); 2].map(|()| Script::receive());
    let id = network.open((A, 4_000), (B, 80), scripts).unwrap().unwrap();
    network.run_until(ms(1_000)).unwrap();
    network.distrust(id);
    let sockets = [network.socket((A, 4_000)), network.socket((B, 80))];
    for (side, host) in [A, B].into_iter().enumerate() {
        let view = network.internals(id, side).unwrap();
        let text = TcpPacket {
            source: sockets[1 - side],
            destination: sockets[side],
            ip: IpFields::default(),
            segment_size: None,
            segment: Segment {
                seq: view.rcv_nxt,
                ack: Some(view.snd_una),
                payload: Bytes::from_static(&[0; 500]).into(),
                ..Segment::default()
            },
        };
        network.put_in(host, text).unwrap();
    }
    let before = network.counts().sent;
    network.run_until(ms(61_000)).unwrap();
    let sent = network.counts().sent - before;
    assert!(sent > 4, "they are out of step: {sent}");
    assert!(sent <= 2 * 2 * 60 + 20, "{sent} packets in a minute");
}
