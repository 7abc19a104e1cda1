//! What simulated networks broke: each the shortest conversation that shows it.
//! A far end is played packet by packet up to the moment in question.

use std::time::Duration;

use synack_tcb::congestion::NewReno;
use synack_tcb::{Connection, KeepAlive, State};

use crate::support::{Change, Conversation, Host, Peer, Received, Setup, control};

fn connection(c: &mut Conversation) -> &mut Connection {
    c.host.connection(c.id)
}

#[test]
fn i_9_a_configuration_starts_no_timer_once_the_connection_is_over() {
    let keep_alive = Some(KeepAlive { idle: Duration::from_secs(9), ..KeepAlive::default() });
    let mut c = Setup::default().open();
    c.close();
    c.ack(2);
    c.fin();
    assert_eq!(c.state(), State::TimeWait);
    c.configure(|config| config.keep_alive = keep_alive);
    assert_eq!(connection(&mut c).deadline(), None);

    let mut c = Setup::default().open();
    c.write(2_500);
    c.abort();
    assert_eq!(c.state(), State::Closed);
    c.configure(|config| config.keep_alive = keep_alive);
    assert_eq!(connection(&mut c).deadline(), None, "what was not sent is awaited no more");
}

#[test]
fn the_hint_to_transmit_does_not_deny_what_recovery_sends_again() {
    let mut c = Setup::sack().open();
    c.write(10_000);
    c.packets();
    // Segments 1, 5 and 10 are lost; one hole shows after the other.
    for (acked, blocks) in [
        (1, &[(1001, 2001)][..]),
        (1, &[(2001, 4001), (1001, 2001)]),
        (1, &[(5001, 9001)]),
        (4001, &[(5001, 9001)]),
    ] {
        c.acked = acked;
        let mut packet = c.sack_of(blocks);
        let now = c.host.now;
        let _ = connection(&mut c).handle_packet(now, &mut packet);
        loop {
            let denied = !connection(&mut c).wants_transmit();
            let packet = connection(&mut c).poll_transmit(now, synack_tcb::TransmitLimits::SINGLE);
            let Some(packet) = packet else { break };
            assert!(!denied, "{packet}");
        }
    }
    assert!(c.info().counters.retransmissions >= 2, "{:?}", c.info().counters);
}

#[test]
fn close_8_what_lies_beyond_the_fin_is_forgotten() {
    let mut c = Setup::sack().open();
    let beyond = c.text_at(500, 100);
    c.receive(beyond);
    c.expect(&["[.] 1 ack 1 sack 500:600"]);
    let fin = c.text_at(1, 300).with_control(synack_wire::Flags::FIN);
    c.receive(fin);
    c.expect(&["[.] 1 ack 302"]);
    assert_eq!((c.state(), c.info().out_of_order), (State::CloseWait, 0));
    connection(&mut c).check_invariants();
}

#[test]
fn zwp_8_answers_to_probes_are_no_duplicate_acks() {
    let mut c = Setup::default().open();
    c.offer(0);
    c.write(1_500);
    let mut probes = vec![];
    for _ in 0..5 {
        c.run_to(c.clock_ms() + 60_000);
        probes.extend(c.packets());
        c.offer(0);
    }
    let answers = c.packets();
    assert!(answers.is_empty(), "an answer draws nothing: {answers:?}");
    assert!(probes.iter().all(|probe| probe.segment.len() == 1));
    let counters = c.info().counters;
    assert_eq!((counters.recoveries, counters.retransmissions, counters.timeouts), (0, 0, 0));
    c.offer(5_000);
    c.expect(&["[.] 1:2 ack 1", "[.] 2:1002 ack 1", "[P.] 1002:1501 ack 1"]);
}

#[test]
fn sm_seqn_2_a_crossing_syn_ack_is_acknowledged_though_ours_was_not_polled_yet() {
    let mut host = Host::new("10.0.0.2");
    let peer = Peer::new("10.0.0.1:4000", "10.0.0.2:80");
    let id = host.connect_to(&peer);
    let nxt = host.only_sent().segment.seq + 1;
    host.receive_together(vec![peer.syn(300), peer.syn_ack(300, nxt)]);
    assert_eq!(host.state(id), State::Established);
    assert_eq!(control(&host.only_sent()), format!("<SEQ={nxt}><ACK=301><CTL=ACK>"));
}

#[test]
fn sm_ack_3_what_is_cut_off_a_segment_that_draws_a_reset_draws_no_ack_beside() {
    let mut host = Host::new("10.0.0.2");
    let peer = Peer::new("10.0.0.1:4000", "10.0.0.2:80");
    let id = host.connect_to(&peer);
    let nxt = host.only_sent().segment.seq + 1;
    host.receive(peer.syn(300));
    host.only_sent();
    // Old text, and the ACK of something that was never sent.
    host.receive(peer.text(299, nxt + 5_000, &[0; 10]));
    assert_eq!(host.state(id), State::SynReceived);
    assert_eq!(control(&host.only_sent()), format!("<SEQ={}><CTL=RST>", nxt + 5_000));
}

#[test]
fn paws_4_a_segment_outside_the_window_does_not_move_ts_recent() {
    let mut c = Setup::timestamps().open();
    c.text(1_000);
    c.write(500);
    c.packets();
    // All of it came before; its ACK is new, and its TSval is far ahead.
    let mut old = c.text_at(1, 1_000).acking(c.iss + 501);
    if let Some(timestamps) = &mut old.segment.options.timestamps {
        timestamps.value = timestamps.value.wrapping_add(1 << 30);
    }
    c.receive(old);
    c.packets();
    assert_eq!(c.info().unacked, 0, "its ACK counts (SM-SEQ-11)");
    c.acked = 501;
    assert_eq!(c.text(1_000), Received::Used(c.id), "what follows is not too old");
}

#[test]
fn i_6_a_fin_by_itself_waits_for_cwnd() {
    let reno = std::sync::Arc::new(NewReno::FACTORY);
    let mut c = Setup::sack().configured(|config| config.congestion = reno).open();
    c.write(10_000);
    c.packets();
    c.run_to(100);
    // Recovery begins, and what is in flight fills cwnd.
    for end in [2_001, 3_001, 4_001] {
        c.sack(&[(1_001, end)]);
    }
    c.packets();
    let info = c.info();
    assert_eq!(info.pipe, info.cwnd);
    c.close();
    c.expect(&[]);
    c.sack(&[(1001, 9001)]);
    c.expect(&["[F.] 10001 ack 1"]);
}
