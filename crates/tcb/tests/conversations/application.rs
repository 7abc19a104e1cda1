//! What an application sees of a connection (API-*, MUST-12, MUST-45, MUST-48, MUST-49, SHLD-21,
//! SHLD-22). Its calls are answered while a far end sends, closes, resets or falls silent.

use std::time::Duration;

use synack_tcb::{
    CloseReason, EndpointEvent, Events, Instant, Push, ReadError, Release, State, WriteError,
};
use synack_wire::{Flags, TcpPacket};

use crate::support::{Change, Conversation, Opener, Seen, Setup, octets};

fn write(c: &mut Conversation, text: &[u8]) -> Result<usize, WriteError> {
    let now = c.host.now;
    let written = c.host.connection(c.id).write(now, text, Push::Now);
    c.drain();
    written
}

fn reason(c: &mut Conversation) -> Option<CloseReason> {
    c.host.connection(c.id).close_reason()
}

#[test]
fn api_1_must_12_a_fin_is_the_end_of_a_stream_and_no_error() {
    let mut c = Setup::default().open();
    c.text(700);
    c.fin();
    c.packets();
    let events = c.events();
    assert!(events.contains(Events::PEER_CLOSED) && !events.contains(Events::CLOSED));
    assert_eq!(c.read_at_most(1_000), Ok(Some(700)));
    assert_eq!(c.read_at_most(1_000), Ok(None));
    assert_eq!(reason(&mut c), None);
    // The other half goes on.
    c.write(10);
    c.expect(&["[P.] 1:11 ack 702"]);
}

#[test]
fn api_2_must_12_rst_11_a_reset_is_an_error_once_behind_what_was_received() {
    let mut c = Setup::default().open();
    c.text(700);
    c.write(2_000);
    let out_of_order = c.text_at(800, 10);
    c.receive(out_of_order);
    c.packets();
    let reset = c.peer.rst(c.irs + 701);
    c.receive(reset);
    c.expect(&[]);
    let events = c.events();
    let told = Events::CLOSED | Events::READABLE | Events::WRITABLE;
    assert!(events.contains(told) && !events.contains(Events::PEER_CLOSED));
    let error = CloseReason::ResetByPeer;
    assert_eq!(write(&mut c, b"x"), Err(WriteError::Closed(error)));
    assert_eq!(c.read_at_most(600), Ok(Some(600)));
    assert_eq!(c.read_at_most(600), Ok(Some(100)));
    assert_eq!(c.read_at_most(600), Err(ReadError::Closed(error)));
    assert_eq!(c.read_at_most(600), Ok(None));
    assert_eq!(c.read_at_most(600), Ok(None));
    assert_eq!(c.host.deadline(), None);
}

#[test]
fn api_3_rst_10_a_refused_open_and_a_silent_one_are_told_apart() {
    let setup = Setup { opened_by: Opener::Host, ..Setup::default() };
    let mut host = setup.host();
    let syn = setup.begin(&mut host);
    let id = *host.connections.keys().next().unwrap();
    let mut refusal = setup.peer().segment(0, Some(syn.segment.seq + 1), Flags::RST);
    host.receive(refusal.clone());
    assert_eq!(host.connection(id).close_reason(), Some(CloseReason::Refused));
    let now = host.now;
    let error = Err(ReadError::Closed(CloseReason::Refused));
    assert_eq!(host.connection(id).read(now, &mut [0; 8]), error);
    // RST-9: with another ACK it is nobody's.
    let mut host = setup.host();
    let syn = setup.begin(&mut host);
    refusal.segment.ack = Some(syn.segment.seq);
    host.receive(refusal);
    let id = *host.connections.keys().next().unwrap();
    assert_eq!(host.state(id), State::SynSent);
    host.advance(Duration::from_secs(300));
    assert_eq!(host.connection(id).close_reason(), Some(CloseReason::TimedOut));
    let now = host.now;
    let error = Err(ReadError::Closed(CloseReason::TimedOut));
    assert_eq!(host.connection(id).read(now, &mut [0; 8]), error);
}

#[test]
fn api_4_after_close_writes_fail_and_reads_go_on() {
    let mut c = Setup::default().open();
    c.text(100);
    c.close();
    assert_eq!(write(&mut c, b"x"), Err(WriteError::Closing));
    c.acked = 2;
    c.text(100);
    assert_eq!(c.read(), 200);
    assert_eq!(c.read_at_most(1), Err(ReadError::Blocked));
}

#[test]
fn api_5_a_write_takes_what_fits_the_buffer_and_waits_for_no_ack() {
    let mut c = Setup::default().configured(|config| config.send_buffer = 3_000.into()).open();
    c.write(2_000);
    assert_eq!(write(&mut c, &octets(2_000, 2_000)), Ok(1_000));
    assert_eq!(write(&mut c, &octets(3_000, 2_000)), Err(WriteError::Blocked));
    assert_eq!(write(&mut c, &[]), Ok(0));
    assert_eq!((c.info().unacked, c.info().unsent), (3_000, 0));
}

#[test]
fn api_5_a_blocked_writer_is_woken_when_a_third_of_the_buffer_is_free() {
    let mut c = Setup::default().configured(|config| config.send_buffer = 3_000.into()).open();
    c.write(3_000);
    assert_eq!(write(&mut c, &[0]), Err(WriteError::Blocked));
    let _ = c.events();
    for (ack, woken) in [(501, false), (1_000, false), (1_001, true), (1_501, true)] {
        c.ack(ack);
        let is_woken = c.events().contains(Events::WRITABLE);
        assert_eq!((is_woken, c.host.connection(c.id).is_writable()), (woken, woken), "{ack}");
    }
}

#[test]
fn api_7_status_tells_sockets_state_windows_and_amounts() {
    let mut setup = Setup::timestamps();
    setup.options.window_scale = Some(3);
    setup.options.sack_permitted = true;
    let setup = Setup { window: 1_000, ..setup };
    let mut c = setup
        .configured(|config| {
            config.dscp = 46;
            config.user_timeout = Some(Duration::from_secs(77));
        })
        .open();
    c.write(9_500);
    c.text(320);
    let urgent = c.text_at(500, 20).with(|segment| segment.urgent = Some(10));
    c.receive(urgent);
    c.packets();
    let info = c.info();
    assert_eq!((info.local, info.remote), (c.peer.host, c.peer.socket));
    assert_eq!((info.state, info.dscp), (State::Established, 46));
    assert_eq!(info.user_timeout, Duration::from_secs(77));
    assert_eq!((info.snd_wnd, info.unacked, info.unsent), (8_000, 8_000, 1_500));
    assert_eq!((info.rcv_wnd, info.unread, info.out_of_order), ((1 << 20) - 320, 320, 20));
    assert_eq!((info.urgent_left, info.mss), (509, 1_000));
    assert_eq!((info.window_scale, info.timestamps, info.sack), (Some((5, 3)), true, true));
    assert_eq!((info.cwnd, info.pipe), (10_000, 8_000));
    assert_eq!(
        (info.srtt, info.rto),
        (Some(Duration::from_millis(100)), Duration::from_millis(300))
    );
    let counters = info.counters;
    assert_eq!((counters.octets_received, counters.octets_acked), (320, 0));
    // SM-STATUS-2: asking changes nothing.
    assert_eq!(c.info(), info);
    c.drain();
    c.expect(&[]);
}

#[test]
fn api_8_a_dropped_connection_sends_what_was_written_closes_and_is_released() {
    let mut c = Setup::default().open();
    c.write(15_000);
    c.detach();
    assert_eq!(c.packets().len(), 10);
    assert_eq!(c.state(), State::FinWait1);
    c.run_to(100);
    for ack in (2_001..=14_001).step_by(2_000) {
        c.ack(ack);
    }
    let last = c.packets().pop().unwrap();
    assert_eq!(c.line.of(&last), "[FP.] 14001:15001 ack 1");
    c.ack(15_002);
    c.fin();
    c.expect(&["[.] 15002 ack 2"]);
    assert!(c.host.connection(c.id).is_released());
    assert_eq!(c.host.seen(&c.peer), Seen::TimeWait);
    c.pass(60_000);
    assert_eq!((c.host.seen(&c.peer), c.host.deadline()), (Seen::Listen, None));
}

#[test]
fn api_9_rst_13_rst_14_an_abort_sends_one_reset_and_frees_everything() {
    let mut c = Setup::default().open();
    c.write(5_000);
    c.text(500);
    c.packets();
    let now = c.host.now;
    let connection = c.host.connection(c.id);
    connection.abort(now);
    // The reset is still to be sent, so the four-tuple is not free yet.
    assert_eq!(connection.poll_endpoint_event(), None);
    let reset = connection.poll_transmit(now, synack_tcb::TransmitLimits::SINGLE).unwrap();
    assert_eq!(c.line.of(&reset), "[R.] 5001 ack 501");
    let connection = c.host.connection(c.id);
    let event = connection.poll_endpoint_event();
    assert_eq!(event, Some(EndpointEvent::Released(Release::AfterReset)));
    assert_eq!((connection.poll_endpoint_event(), connection.deadline()), (None, None));
    assert_eq!((connection.info().unread, connection.info().unacked), (0, 5_000));
    assert_eq!(write(&mut c, b"x"), Err(WriteError::Closed(CloseReason::Aborted)));
}

/// A conversation with losses, both closing; every octet of every packet of the host, and when.
fn transcript() -> Vec<(Instant, TcpPacket)> {
    let mut setup = Setup::timestamps();
    setup.options.sack_permitted = true;
    let mut c = setup.open();
    let mut all = Vec::new();
    for step in 0..200u32 {
        c.write(700);
        c.text(300);
        if step % 7 == 3 {
            let late = c.text_at(c.next + 100, 50);
            c.receive(late);
        }
        c.run(u64::from(step % 13) * 10);
        if step % 5 != 0 {
            let end = c.acked + c.info().unacked;
            c.ack(end);
        }
        c.read();
        let now = c.host.now;
        all.extend(c.packets().into_iter().map(|packet| (now, packet)));
    }
    all
}

#[test]
fn api_11_isn_6_the_same_inputs_give_the_same_packets() {
    let first = transcript();
    assert!(first.len() > 300);
    assert_eq!(first, transcript());
}

#[test]
fn api_12_attack_g3_a_clock_that_jumps_or_goes_back_sends_one_retransmission() {
    const DAY: Duration = Duration::from_secs(86_400);
    for jump in [Duration::from_secs(200), DAY, 30 * DAY, 400 * DAY] {
        let setup = Setup::default().configured(|config| {
            config.user_timeout = Some(1_000 * DAY);
            config.retransmission_r2 = None;
        });
        let mut c = setup.open();
        c.write(8_000);
        c.packets();
        // The machine slept: no timer fired meanwhile.
        c.host.now = c.host.now + jump;
        c.run(0);
        assert_eq!(c.packets().len(), 1);
        assert_eq!(c.info().counters.timeouts, 1);
        // The answers that waited come in.
        c.ack(8_001);
        c.text(100);
        assert_eq!((c.info().unacked, c.state()), (0, State::Established));
        // And back: nothing panics, and text flows as before.
        c.host.now = c.host.now - jump;
        c.write(1_000);
        c.ack(9_001);
        c.text(100);
        let now = c.host.now;
        c.host.connection(c.id).handle_timeout(now);
        c.drain();
        assert_eq!((c.info().unacked, c.state()), (0, State::Established));
    }
}

#[test]
fn api_12_a_timer_that_is_late_fires_once_and_one_that_is_early_not_at_all() {
    let mut c = Setup::default().open();
    c.write(1_000);
    c.packets();
    for _ in 0..100 {
        let now = c.host.now;
        c.host.connection(c.id).handle_timeout(now);
        c.drain();
        c.expect(&[]);
    }
    c.host.now = c.start + Duration::from_millis(777);
    for _ in 0..100 {
        let now = c.host.now;
        c.host.connection(c.id).handle_timeout(now);
        c.drain();
    }
    c.expect(&["[P.] 1:1001 ack 1"]);
    // The next one counts from when it left.
    c.until(1_376, &[]);
    c.until(1_377, &[(1_377, "[P.] 1:1001 ack 1")]);
}

#[test]
fn must_45_must_48_must_49_shld_22_every_segment_has_the_same_addresses_and_ip_fields() {
    for opened_by in [Opener::Host, Opener::FarEnd] {
        let setup = Setup { opened_by, ..Setup::default() }.configured(|config| {
            config.dscp = 10;
            config.hop_limit = 33;
        });
        let mut host = setup.host();
        let first = setup.begin(&mut host);
        let mut c = setup.finish(host, setup.peer(), &first);
        c.write(2_500);
        c.text(100);
        c.run_to(1_000);
        c.close();
        c.receive(c.peer.rst(c.irs + 200));
        c.abort();
        let packets = c.packets();
        assert!(packets.len() >= 8);
        for packet in packets.iter().chain([&first]) {
            assert_eq!((packet.source, packet.destination), (c.peer.host, c.peer.socket));
            assert_eq!((packet.ip.dscp, packet.ip.hop_limit), (10, 33), "{packet}");
        }
    }
}

#[test]
fn shld_21_the_code_point_can_be_changed_while_the_connection_lives() {
    let mut c = Setup::default().open();
    // Six bits: what does not fit is cut off, and ECN's two are not touched (ECN-20).
    for (asked, sent) in [(46, 46), (0, 0), (63, 63), (64 + 7, 7)] {
        c.configure(|config| config.dscp = asked);
        c.text(1);
        let packet = c.packets().remove(0);
        assert_eq!(packet.ip.dscp, sent);
        assert_eq!(packet.ip.ecn, synack_wire::Ecn::NotEct);
    }
}
