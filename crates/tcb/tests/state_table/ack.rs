//! The ACK check in every state (RFC 9293 §3.10.7.4; RFC 5961 §5).
//! ACKs from far too old to far too new arrive; numbers, windows and states are compared.

use std::time::Duration;

use synack_tcb::{CloseReason, DropReason, Events, State};
use synack_wire::TcpPacket;

use crate::support::{Change, Fate, Place, Plan, Seen, Setting, Stage, each, each_planned};

const HANDSHAKE: [Place; 2] = [Place::SynReceivedPassive, Place::SynReceivedActive];

fn with_text(setting: Setting) -> Plan {
    Plan::new(setting).with(|plan| plan.text = b"0123456789")
}

#[test]
fn sm_ack_1_without_ack_nothing_of_a_segment_is_used() {
    each(Place::AFTER_SYN_SENT, |s, _| {
        let urgent = s.ack().with(|segment| segment.urgent = Some(9));
        for packet in [s.ack(), s.text(b"text"), s.fin(), urgent, s.ack().with_window(1)] {
            s.refuses(packet.without_ack(), DropReason::NoAck, []);
        }
    });
}

#[test]
fn sm_ack_2_the_ack_of_our_syn_establishes() {
    each(HANDSHAKE, |s, place| {
        let fate = if place == HANDSHAKE[0] { Fate::Accepted } else { Fate::Used };
        s.takes(s.ack().with_window(5_000), fate, []);
        s.is(Seen::In(State::Established));
        s.told(Events::CONNECTED | Events::WRITABLE);
        let info = s.connection().internals();
        assert_eq!((info.snd_una, info.snd_nxt), (s.snd_nxt, s.snd_nxt));
        assert_eq!(info.snd_wnd, 5_000);
        assert_eq!(s.host.deadline(), None, "no timer is left");
        // SND.WL1 and SND.WL2: the same segment again is an update, an older one is not.
        s.snd_una = s.snd_nxt;
        s.takes(s.ack().with_window(6_000), Fate::Used, []);
        assert_eq!(s.connection().internals().snd_wnd, 6_000);
    });
}

#[test]
fn sm_ack_2_rto_8_trap_21_only_an_unambiguous_ack_times_the_round_trip() {
    for again in [false, true] {
        each(HANDSHAKE, |s, place| {
            if again {
                s.host.advance(Duration::from_secs(1));
                assert!(s.host.only_sent().segment.is_syn());
            }
            s.host.advance(Duration::from_millis(70));
            if s.host.seen(&s.peer) == Seen::SynReceived {
                let id = s.host.accept(s.ack());
                s.id = Some(id);
            } else {
                s.host.receive(s.ack());
            }
            // After a simultaneous open it may answer the SYN or the SYN,ACK.
            let is_timed = !again && place == Place::SynReceivedPassive;
            let srtt = is_timed.then_some(Duration::from_millis(70));
            assert_eq!(s.connection().info().srtt, srtt);
        });
    }
}

#[test]
fn sm_ack_2_api_3_text_and_fin_of_the_last_ack_are_used() {
    each(HANDSHAKE, |s, place| {
        let fate = if place == HANDSHAKE[0] { Fate::Accepted } else { Fate::Used };
        let last = s.fin().with_text(b"text");
        s.rcv_nxt += 5;
        s.takes(last, fate, [s.host_ack()]);
        s.is(Seen::In(State::CloseWait));
        s.told(Events::CONNECTED | Events::WRITABLE | Events::READABLE | Events::PEER_CLOSED);
        assert_eq!(s.user_reads(), Ok(Some(b"text".to_vec())));
        assert_eq!(s.user_reads(), Ok(None));
    });
}

#[test]
fn sm_ack_3_dec_10_trap_27_any_other_ack_of_a_handshake_draws_a_reset() {
    each(HANDSHAKE, |s, _| {
        for ack in [s.iss, s.iss - 1, s.iss + 2, s.iss - 70_000, s.iss + 70_000] {
            for packet in [s.ack(), s.text(b"text"), s.fin(), s.ack().with_window(0)] {
                let packet = packet.acking(ack);
                s.refuses(packet, DropReason::UnacceptableAck, [s.host_rst_at(ack)]);
            }
        }
    });
}

#[test]
fn sm_ack_4_blind_6_an_ack_below_any_window_is_challenged() {
    each_planned(Place::SYNCHRONIZED, with_text, |s, _| {
        for past in [65_536, 65_537, 1 << 30] {
            let text = s.text(b"text").with_window(7).acking(s.snd_una - past);
            s.challenges(text, DropReason::AckTooOld);
        }
    });
}

#[test]
fn sm_ack_4_robustness_b4_an_ack_below_iss_is_challenged_whatever_the_window() {
    each_planned(Place::CONNECTED, with_text, |s, _| {
        s.challenges(s.text(b"text").acking(s.iss - 2), DropReason::AckTooOld);
    });
}

#[test]
fn sm_ack_5_trap_27_an_ack_of_what_was_not_sent_is_challenged_and_nothing_used() {
    each_planned(Place::SYNCHRONIZED, with_text, |s, _| {
        for past in [1, 2, 65_536, 1 << 30] {
            let text = s.text(b"text").with_window(7).acking(s.snd_nxt + past);
            s.challenges(text, DropReason::AckOfUnsent);
        }
        let fin = s.fin().acking(s.snd_nxt + 1);
        s.challenges(fin, DropReason::AckOfUnsent);
    });
}

#[test]
fn sm_ack_6_rto_14_rto_13_an_ack_of_new_text_advances_and_starts_the_timer_anew() {
    each_planned(Place::SENDS, with_text, |s, place| {
        s.host.advance(Duration::from_millis(50));
        s.takes(s.ack().acking(s.snd_una + 4), Fate::Used, []);
        s.is(place.seen());
        s.told(Events::WRITABLE);
        let info = s.connection().internals();
        assert_eq!((info.snd_una, info.snd_nxt), (s.snd_una + 4, s.snd_nxt));
        let rto = s.connection().info().rto;
        assert_eq!(s.host.deadline(), Some(s.host.now + rto), "RTO-14");
        assert!(s.connection().info().srtt.is_some());
        // What is left is still in flight, and what is sent again begins there.
        s.host.advance(rto);
        let again = s.host.sent();
        assert_eq!(again[0].segment.seq, s.snd_una + 4);
    });
}

#[test]
fn sm_ack_6_rto_13_when_all_is_acknowledged_no_timer_runs() {
    each_planned([Place::Established, Place::CloseWait], with_text, |s, place| {
        s.takes(s.ack(), Fate::Used, []);
        s.is(place.seen());
        assert_eq!(s.connection().info().unacked, 0);
        assert_eq!(s.host.deadline(), None);
    });
}

#[test]
fn sm_ack_7_of_a_segment_with_an_old_ack_the_rest_is_used() {
    each_planned(Place::TAKES_TEXT, with_text, |s, place| {
        for ack in [s.snd_una, s.snd_una - 1, s.iss + 1] {
            let text = s.text(b"text").acking(ack);
            let una = s.connection().internals().snd_una;
            s.rcv_nxt += 4;
            s.takes(text, Fate::Used, [s.host_ack()]);
            assert_eq!(s.connection().internals().snd_una, una);
        }
        s.is(place.seen());
        assert_eq!(s.user_reads(), Ok(Some(b"texttexttext".to_vec())));
    });
}

#[test]
fn sm_ack_8_trap_7_the_window_is_taken_from_the_newest_segment() {
    each_planned(Place::SENDS, with_text, |s, _| {
        let update =
            |s: &Stage, ack: u32, window: u16| s.ack().acking(s.snd_una + ack).with_window(window);
        let older = |s: &Stage, window: u16| update(s, 1, window).at(s.rcv_nxt + 1);
        for (case, packet, window) in [
            ("the same numbers again", update(s, 0, 100), 100),
            ("a newer ACK", update(s, 2, 200), 200),
            ("an older ACK with the same number", update(s, 1, 300), 200),
            ("a later number, and the ACK older than SND.UNA", older(s, 400), 200),
            ("the newest ACK once more", update(s, 2, 500), 500),
            ("a later number", update(s, 2, 600).at(s.rcv_nxt + 9), 600),
            ("an earlier number", update(s, 2, 700), 600),
            ("an earlier number and a newer ACK", update(s, 3, 800), 600),
        ] {
            s.host.receive(packet);
            s.host.sent();
            assert_eq!(s.connection().internals().snd_wnd, window, "{case}");
        }
    });
}

#[test]
fn sm_ack_8_zwp_1_a_closed_window_on_text_that_waits_is_probed() {
    let slow = |setting| Plan::new(setting).with(|plan| plan.window = 4);
    each_planned([Place::Established, Place::CloseWait], slow, |s, _| {
        s.write(b"0123456789");
        // Half the largest window there ever was, and no more than fits.
        let first = s.host_segment(s.snd_nxt, synack_wire::Flags::NONE).with_text(b"0123");
        s.sent([first]);
        s.snd_nxt += 4;
        s.takes(s.ack().with_window(0), Fate::Used, []);
        let probe = s.host_segment(s.snd_nxt, synack_wire::Flags::NONE).with_text(b"4");
        s.host.advance(Duration::from_millis(200));
        s.sent([probe]);
        // A window ends it: all that fits leaves, the octet of the probe in it.
        let open = s.ack().with_window(1_000);
        s.host.receive(open);
        let sent = s.host.sent();
        let text: Vec<u8> =
            sent.iter().flat_map(|packet| packet.segment.payload.to_vec()).collect();
        assert_eq!(text.len(), 5 + usize::from(sent[0].segment.seq == s.snd_nxt));
        s.snd_nxt += 6;
        s.takes(s.ack().with_window(1_000), Fate::Used, []);
        assert_eq!(s.host.deadline(), None);
    });
}

#[test]
fn sm_ack_8_zwp_12_a_closed_window_on_text_in_flight_leaves_the_timer_running() {
    each_planned(Place::SENDS, with_text, |s, _| {
        let deadline = s.host.deadline();
        s.takes(s.ack().acking(s.snd_una).with_window(0), Fate::Used, []);
        assert_eq!(s.host.deadline(), deadline, "of the retransmission");
        s.host.advance(Duration::from_millis(200));
        let again = s.host.only_sent().segment;
        assert_eq!((again.seq, again.payload.len()), (s.snd_una, 10), "SHLD-17: all of it");
    });
}

#[test]
fn sm_ack_9_in_fin_wait_1_the_ack_of_our_fin_leads_to_fin_wait_2() {
    each_planned([Place::FinWait1], with_text, |s, place| {
        s.takes(s.ack().acking(s.snd_nxt - 1), Fate::Used, []);
        s.is(place.seen());
        s.events();
        // Text of the segment is used in FIN-WAIT-2.
        let text = s.text(b"text");
        s.rcv_nxt += 4;
        s.takes(text, Fate::Used, [s.host_ack()]);
        s.is(Seen::In(State::FinWait2));
        s.told(Events::READABLE);
    });
}

#[test]
fn sm_ack_10_sm_timer_5_in_fin_wait_2_nothing_is_left_to_do_but_to_wait() {
    each([Place::FinWait2], |s, place| {
        assert_eq!((s.connection().info().unacked, s.host.deadline()), (0, None));
        s.takes(s.ack(), Fate::Used, []);
        s.is(place.seen());
        s.told(Events::NONE);
        s.host.advance(Duration::from_secs(86_400));
        s.sent([]);
        s.is(place.seen());
    });
}

#[test]
fn sm_ack_11_in_closing_the_ack_of_our_fin_leads_to_time_wait() {
    each_planned([Place::Closing], with_text, |s, _| {
        s.takes(s.ack(), Fate::Used, []);
        s.is(Seen::TimeWait);
        assert_eq!(s.connection().deadline(), None, "all other timers are stopped");
        assert_eq!(s.host.deadline(), Some(s.host.now + Duration::from_secs(60)));
        s.host.advance(Duration::from_secs(60));
        s.sent([]);
        s.is(s.gone());
    });
}

#[test]
fn sm_ack_12_sm_ack_14_before_that_closing_and_last_ack_go_on_sending() {
    each_planned([Place::Closing, Place::LastAck], with_text, |s, place| {
        s.takes(s.ack().acking(s.snd_nxt - 1).with_window(900), Fate::Used, []);
        s.is(place.seen());
        let info = s.connection().info();
        assert_eq!((info.unacked, info.snd_wnd), (1, 900));
        let rto = info.rto;
        s.host.advance(rto);
        s.sent([s.host_fin(s.snd_nxt - 1)]);
    });
}

#[test]
fn sm_ack_13_in_last_ack_the_ack_of_our_fin_ends_it() {
    each_planned([Place::LastAck], with_text, |s, _| {
        s.takes(s.ack(), Fate::Used, []);
        s.ended(CloseReason::Finished);
        assert_eq!(s.user_reads(), Ok(None), "no error to one that waited for the close");
    });
}

#[test]
fn sm_ack_16_tw_3_trap_12_in_time_wait_nothing_else_is_answered() {
    each([Place::TimeWait], |s, _| {
        s.host.advance(Duration::from_secs(30));
        let fin_again: TcpPacket = s.fin();
        for packet in [s.ack(), s.text(b"text"), fin_again, s.ack().acking(s.snd_una - 1)] {
            s.refuses(packet, DropReason::TimeWait, []);
        }
    });
}
