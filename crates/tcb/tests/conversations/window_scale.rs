//! Window scaling (WS-*): what is negotiated, where fields are shifted, edges that rounding moves.
//! Far ends with and without the option open, take text in windows of theirs and fill ours.

use std::time::Duration;

use synack_tcb::{BUFFER_LEN_MAX, ConnectionConfig, TransmitLimits};
use synack_wire::{Options, TcpPacket};

use crate::support::{Change, Conversation, Host, Opener, Received, Setup};

fn far_end_offers(shift: Option<u8>) -> Setup {
    Setup::default().offering(|options| options.window_scale = shift)
}

/// The SYN, or SYN-ACK, that the host begins with.
fn first_packet(setup: &Setup) -> TcpPacket {
    setup.begin(&mut setup.host())
}

#[test]
fn ws_1_ws_15_a_syn_has_the_option_and_a_syn_ack_only_in_answer_to_it() {
    let host_opens = Setup { opened_by: Opener::Host, ..Setup::default() };
    let off = |setup: Setup| setup.configured(|config| config.window_scaling = false);
    // The receive buffer of 1 MiB takes a shift of 5.
    for (case, setup, option) in [
        ("a SYN", host_opens.clone(), Some(5)),
        ("a SYN, configured off", off(host_opens), None),
        ("a SYN-ACK to an offer", far_end_offers(Some(0)), Some(5)),
        ("a SYN-ACK to no offer", far_end_offers(None), None),
        ("a SYN-ACK, configured off", off(far_end_offers(Some(7))), None),
    ] {
        assert_eq!(first_packet(&setup).segment.options.window_scale, option, "{case}");
    }
}

#[test]
fn ws_2_scaling_is_on_only_if_both_offered_it() {
    for opened_by in [Opener::Host, Opener::FarEnd] {
        for (ours, theirs, scale) in [
            (true, Some(3), Some((5, 3))),
            (true, None, None),
            (false, Some(3), None),
            (false, None, None),
        ] {
            let setup = far_end_offers(theirs).configured(|config| config.window_scaling = ours);
            let mut c = Setup { opened_by, window: 1_000, ..setup }.open();
            assert_eq!(c.info().window_scale, scale);
            c.offer(500);
            assert_eq!(c.info().snd_wnd, if scale.is_some() { 4_000 } else { 500 });
            c.text(1);
            assert_eq!(c.info().rcv_wnd > 65_535, scale.is_some());
        }
    }
}

#[test]
fn ws_3_ws_9_the_option_on_a_segment_without_syn_is_ignored() {
    let mut c = Setup { window: 1_000, ..Setup::scaling(2) }.open();
    let late = Options { window_scale: Some(14), ..Options::default() };
    assert_eq!(c.receive(c.template().with_options(late)), Received::Used(c.id));
    assert_eq!((c.info().window_scale, c.info().snd_wnd), (Some((5, 2)), 4_000));
}

#[test]
fn ws_4_open_10_the_window_of_a_syn_is_never_scaled() {
    for opened_by in [Opener::Host, Opener::FarEnd] {
        let setup = Setup { opened_by, ..Setup::scaling(7) };
        assert_eq!(first_packet(&setup).segment.window, u16::MAX, "as much as the field can say");
    }
    // The SYN-ACK that opens says 1000 octets; the next segment says 1000 << 7.
    let mut c = Setup { opened_by: Opener::Host, window: 1_000, ..Setup::scaling(7) }.open();
    assert_eq!(c.info().snd_wnd, 1_000);
    c.write(3_000);
    c.expect(&["[.] 1:1001 ack 1"]);
    c.ack(1_001);
    assert_eq!(c.info().snd_wnd, 128_000);
    c.expect(&["[.] 1001:2001 ack 1", "[P.] 2001:3001 ack 1"]);
}

#[test]
fn ws_5_every_other_window_is_shifted_both_ways() {
    for shift in 0..=14 {
        let mut c = Setup { window: 3, ..Setup::scaling(shift) }.open();
        assert_eq!(c.info().snd_wnd, 3 << shift);
        c.offer(u16::MAX);
        assert_eq!(c.info().snd_wnd, 65_535 << shift);
        c.write(1);
        let segment = c.only_sent();
        // 1 MiB in units of 32 octets.
        assert_eq!(segment.window, 32_768);
    }
}

#[test]
fn ws_6_attack_e11_a_shift_above_14_is_used_as_14_and_none_above_is_sent() {
    for shift in 0..=u8::MAX {
        let mut c = Setup { window: 1, ..Setup::scaling(shift) }.open();
        assert_eq!(c.info().snd_wnd, 1 << shift.min(14));
    }
    for buffer in [BUFFER_LEN_MAX, usize::MAX] {
        let setup = Setup::scaling(0).configured(|config| config.receive_buffer = buffer.into());
        assert_eq!(first_packet(&setup).segment.options.window_scale, Some(14));
    }
}

#[test]
fn ws_7_ws_9_a_buffer_made_larger_later_shows_as_far_as_the_first_shift_reaches() {
    let mut c =
        Setup::scaling(0).configured(|config| config.receive_buffer = 200_000.into()).open();
    assert_eq!(c.info().window_scale, Some((2, 0)));
    c.configure(|config| config.receive_buffer = (10 << 20).into());
    c.line.windows = true;
    c.text(1_000);
    c.expect(&["[.] 1 ack 1001 win 65535"]);
    assert_eq!(c.info().rcv_wnd, 65_535 << 2);
    assert_eq!(c.info().window_scale, Some((2, 0)));
}

#[test]
fn ws_8_rec_1_no_window_is_larger_than_65535_shifted_by_14() {
    let setup = Setup::scaling(14).configured(|config| config.receive_buffer = usize::MAX.into());
    let mut c = setup.open();
    c.write(1);
    assert_eq!((c.only_sent().window, c.info().rcv_wnd), (u16::MAX, 65_535 << 14));
    assert_eq!(c.info().snd_wnd, 65_535 << 14);
}

#[test]
fn ws_10_the_congestion_window_is_not_scaled() {
    let mut c = Setup::scaling(14).open();
    c.host.limits = TransmitLimits { super_segment_max: 60_000 };
    assert_eq!(c.info().cwnd, 10_000);
    c.write(100_000);
    c.expect(&["[.] 1:10001 ack 1"]);
}

/// A far end that shifts by 3 and offered 2000 octets; 2000 are in flight.
fn in_flight_2000() -> Conversation {
    let mut c = Setup { window: 250, ..Setup::scaling(3) }.open();
    c.write(2_000);
    c.expect(&["[.] 1:1001 ack 1", "[P.] 1001:2001 ack 1"]);
    c
}

#[test]
fn ws_11_ws_12_an_edge_that_rounding_moved_left_stops_nothing() {
    let mut c = in_flight_2000();
    c.pass(100);
    // The far end took 3 octets and holds the edge at 2001, of which its field can say 1996.
    c.window = 249;
    c.ack(4);
    assert_eq!(c.info().snd_wnd, 1_992);
    c.write(100);
    c.expect(&[]);
    c.until(400, &[(400, "[.] 4:1004 ack 1")]);
    c.window = 124;
    c.ack(1_004);
    c.expect(&["[.] 1004:2001 ack 1"]);
    c.window = 250;
    c.ack(2_001);
    c.expect(&["[P.] 2001:2101 ack 1"]);
}

#[test]
fn ws_12_what_was_in_the_window_is_first_sent_again_whatever_the_window_is_now() {
    let mut c = Setup { window: 500, ..Setup::scaling(3) }.open();
    c.write(4_000);
    c.packets();
    c.until(300, &[(300, "[.] 1:1001 ack 1")]);
    // The window shrank by half: its edge is at 2505.
    c.window = 188;
    c.ack(1_001);
    c.expect(&["[.] 1001:2001 ack 1", "[.] 2001:3001 ack 1"]);
    // A second retransmission keeps to the window.
    c.until(900, &[(900, "[.] 1001:2001 ack 1")]);
}

#[test]
fn ws_14_the_first_transmission_stays_inside_the_newest_window() {
    for (written, expected) in [(2_992, &["[P.] 2001:2993 ack 1"][..]), (2_993, &[])] {
        let mut c = Setup { window: 250, ..Setup::scaling(3) }.open();
        c.write(written);
        c.expect(&["[.] 1:1001 ack 1", "[.] 1001:2001 ack 1"]);
        // 1992 octets from 1001 on, so 992 more: all that is left, or a silly part of it.
        c.window = 249;
        c.ack(1_001);
        c.expect(expected);
    }
}

#[test]
fn ws_13_shld_14_the_highest_edge_ever_said_is_honoured_though_later_fields_say_less() {
    let mut c =
        Setup::scaling(0).configured(|config| config.receive_buffer = 100_001.into()).open();
    assert_eq!(c.info().window_scale, Some((1, 0)));
    let mut edge = 0;
    for len in [1, 1, 1, 3, 7, 998, 1, 2, 1_000, 1_000, 1, 1] {
        c.text(len);
        let segment = c.only_sent();
        let says = (segment.ack.unwrap() - c.irs) + (u32::from(segment.window) << 1);
        // By less than 2^shift, which RFC 7323 §2.4 allows.
        assert!(says + 1 >= edge, "{says} is left of {edge}");
        edge = edge.max(says);
    }
    // All of it arrives at once: not an octet is refused.
    while c.next < edge {
        let len = 1_000.min(edge - c.next);
        assert_eq!(c.text(len), Received::Used(c.id));
    }
    c.run_to(40);
    let last = c.packets().pop().unwrap().segment;
    assert_eq!((last.ack.unwrap() - c.irs, last.window), (edge, 0));
    assert_eq!(c.read(), edge as usize - 1);
}

/// A host that opened, and whose SYN left, is configured before the far end's SYN arrives.
fn configured_in_syn_sent(change: impl FnOnce(&mut ConnectionConfig)) -> (Setup, Host, TcpPacket) {
    let setup = Setup { opened_by: Opener::Host, ..Setup::scaling(3) };
    let setup = setup.offering(|options| options.sack_permitted = true);
    let mut host = setup.host();
    let syn = setup.begin(&mut host);
    let (id, now) = (*host.connections.keys().next().unwrap(), host.now);
    host.connection(id).configure(now, change);
    (setup, host, syn)
}

#[test]
fn ws_9_trap_59_a_buffer_made_larger_in_syn_sent_leaves_the_shift_that_was_offered() {
    let (setup, host, syn) =
        configured_in_syn_sent(|config| config.receive_buffer = (64 << 20).into());
    assert_eq!(syn.segment.options.window_scale, Some(5));
    let mut c = setup.finish(host, setup.peer(), &syn);
    assert_eq!(c.info().window_scale, Some((5, 3)));
    c.line.windows = true;
    c.text(1);
    // As much as the field can say: 65535 << 5.
    c.expect(&["[.] 1 ack 2 win 65535"]);
    assert_eq!(c.info().rcv_wnd, 65_535 << 5);
}

#[test]
fn trap_59_a_syn_sent_again_is_the_same_whatever_was_configured_since() {
    let (_, mut host, syn) = configured_in_syn_sent(|config| {
        config.receive_buffer = 1_000.into();
        (config.window_scaling, config.timestamps, config.sack) = (false, false, false);
    });
    host.advance(Duration::from_secs(1));
    let again = host.only_sent();
    let plain = |packet: &TcpPacket| {
        let mut segment = packet.segment.clone();
        segment.options.timestamps.as_mut().unwrap().value = 0;
        segment
    };
    assert_eq!(plain(&again), plain(&syn));
}

#[test]
fn ws_2_shld_14_what_a_syn_offered_stands_though_it_was_configured_off_since() {
    let (setup, host, syn) = configured_in_syn_sent(|config| {
        config.receive_buffer = 1_000.into();
        (config.window_scaling, config.sack) = (false, false);
    });
    let mut c = setup.finish(host, setup.peer(), &syn);
    assert_eq!((c.info().window_scale, c.info().sack), (Some((5, 3)), true));
    // The SYN said 65535 octets, and no edge goes back.
    assert_eq!(c.info().rcv_wnd, 65_535);
    assert_eq!(c.receive(c.text_at(64_001, 1_000)), Received::Used(c.id));
}
