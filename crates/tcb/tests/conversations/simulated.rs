//! What simulated networks broke: each the shortest conversation that shows it.
//! A far end is played packet by packet up to the moment in question.

use std::time::Duration;

use synack_tcb::{Connection, KeepAlive, State};

use crate::support::{Change, Conversation, Setup};

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
    // Segments 2, 5 and 10 are lost; IsLost holds for the first at first.
    for blocks in [&[(1001, 2001)][..], &[(2001, 4001), (1001, 2001)], &[(5001, 9001)]] {
        let packet = c.sack_of(blocks);
        let now = c.host.now;
        let _ = connection(&mut c).handle_packet(now, packet);
        loop {
            let denied = !connection(&mut c).wants_transmit();
            let packet = connection(&mut c).poll_transmit(now, synack_tcb::TransmitLimits::SINGLE);
            let Some(packet) = packet else { break };
            assert!(!denied, "{packet}");
        }
    }
    assert!(c.info().counters.retransmissions >= 3, "{:?}", c.info().counters);
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
