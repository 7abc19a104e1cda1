//! URG and text in every state (RFC 9293 §3.10.7.4, §3.8.5, §3.8.6.3; RFC 5681 §4.2).
//! Text in order, out of order, too much, too late; what is delivered and acknowledged is compared.

use std::time::Duration;

use bytes::Bytes;
use synack_tcb::{CloseReason, DropReason, Events, ReadError};
use synack_wire::{Flags, Options, SackBlocks, SeqRange, TcpPacket};

use crate::support::{Change, Fate, Place, Plan, SETTINGS, Setting, Stage, each, each_planned};

/// ACKs of text in order wait.
fn patient(setting: Setting) -> Plan {
    Plan::new(setting).with(|plan| plan.config.quick_acks = 0)
}

fn with_sack(setting: Setting) -> Plan {
    patient(setting).with(|plan| plan.offer.sack_permitted = true)
}

fn urgent(packet: TcpPacket, ahead: u16) -> TcpPacket {
    packet.with(|segment| segment.urgent = Some(ahead))
}

#[test]
fn sm_urg_1_must_32_each_advance_of_the_urgent_pointer_is_told() {
    each_planned(Place::TAKES_TEXT, patient, |s, _| {
        for (index, (case, ahead, told, left)) in (1..).zip([
            ("text ahead is urgent", 5, true, 5),
            ("nothing new", 5, false, 5),
            ("the pointer goes back", 3, false, 5),
            ("it advances", 9, true, 9),
            ("as far as the field can say", 65_535, true, 65_535),
        ]) {
            // Each has another window: none is a duplicate ACK.
            let packet = urgent(s.ack().acking(s.snd_una).with_window(index), ahead);
            s.takes(packet, Fate::Used, []);
            let events = if told { Events::URGENT } else { Events::NONE };
            assert_eq!(s.events(), events, "{case}");
            assert_eq!(s.connection().info().urgent_left, left, "{case}");
        }
    });
}

#[test]
fn sm_urg_1_urg_5_a_pointer_behind_the_reader_is_nothing_new() {
    each(Place::TAKES_TEXT, |s, _| {
        // It points at the octet after the urgent ones, so 0 points at nothing (URG-1).
        s.takes(urgent(s.ack().acking(s.snd_una), 0), Fate::Used, []);
        s.told(Events::NONE);
        let text = urgent(s.text(b"ab").acking(s.snd_una), 1);
        s.rcv_nxt += 2;
        s.takes(text, Fate::Used, [s.host_ack()]);
        s.told(Events::URGENT | Events::READABLE);
        assert_eq!(s.user_reads(), Ok(Some(b"a".to_vec())));
        assert_eq!(s.user_reads(), Ok(Some(b"b".to_vec())));
        let again = urgent(s.text(b"ab").at(s.rcv_nxt - 2).acking(s.snd_una), 1);
        s.acknowledges(again, DropReason::Duplicate);
    });
}

#[test]
fn sm_urg_1_must_32_a_segment_out_of_order_tells_it_at_once() {
    each_planned(Place::TAKES_TEXT, patient, |s, _| {
        let later = urgent(s.text(b"later").at(s.rcv_nxt + 4).acking(s.snd_una), 5);
        s.takes(later, Fate::Used, [s.host_ack()]);
        s.told(Events::URGENT);
        assert_eq!(s.connection().info().urgent_left, 9);
    });
}

#[test]
fn sm_urg_2_after_the_peers_fin_urgent_pointers_are_ignored() {
    each(Place::HAS_PEER_FIN, |s, place| {
        let fate =
            if place == Place::TimeWait { Fate::Refused(DropReason::TimeWait) } else { Fate::Used };
        s.takes(urgent(s.ack().acking(s.snd_una), 9), fate, []);
        s.told(Events::NONE);
        assert_eq!(s.connection().info().urgent_left, 0);
    });
}

#[test]
fn sm_urg_3_trap_51_an_old_pointer_is_forgotten_before_it_comes_round() {
    const LEN: u32 = 60_000;
    let payload = Bytes::from(vec![0; LEN as usize]);
    for setting in [SETTINGS[0], SETTINGS[4]] {
        // Each read opens the window by more than half of it, which is told at once.
        let wide = |plan: &mut Plan| plan.config.receive_buffer = 65_535.into();
        let mut stage = patient(setting).with(wide).stage(Place::Established);
        let s = &mut stage;
        let text = urgent(s.text(b"!"), 1);
        s.rcv_nxt += 1;
        s.takes(text, Fate::Used, []);
        s.told(Events::URGENT | Events::READABLE);
        assert_eq!(s.user_reads(), Ok(Some(b"!".to_vec())));
        // A little more than half the sequence space: the old pointer would seem to lie ahead.
        for _ in 0..=(1 << 31) / LEN {
            s.host.receive(s.ack().with(|segment| segment.payload = payload.clone().into()));
            s.rcv_nxt += LEN;
            assert_eq!(s.host.read(s.id()).len(), LEN as usize);
            s.host.sent();
            assert!(!s.events().contains(Events::URGENT));
            assert_eq!(s.connection().info().urgent_left, 0);
        }
        s.host.receive(urgent(s.ack(), 1));
        s.told(Events::URGENT);
    }
}

#[test]
fn sm_text_1_dack_1_text_in_order_is_delivered_and_every_second_segment_acknowledged() {
    each_planned(Place::TAKES_TEXT, patient, |s, place| {
        let full = vec![b'x'; 1_000];
        for acked in [false, true, false, true] {
            let text = s.text(&full).acking(s.snd_una);
            s.rcv_nxt += 1_000;
            let ack = acked.then(|| s.host_ack());
            s.takes(text, Fate::Used, ack);
            s.note_edge();
            s.told(Events::READABLE);
        }
        s.is(place.seen());
        assert_eq!(s.connection().info().unread, 4_000);
        // RCV.WND is what is left of what was offered, until SWS-6 allows more.
        assert_eq!(s.connection().info().rcv_wnd, s.rcv_adv - s.rcv_nxt);
    });
}

#[test]
fn sm_text_1_what_waited_is_delivered_when_it_becomes_contiguous() {
    each_planned(Place::TAKES_TEXT, patient, |s, _| {
        for (past, text) in [(8, b"ccdd"), (4, b"bbcc")] {
            let text = s.text(text).at(s.rcv_nxt + past).acking(s.snd_una);
            s.takes(text, Fate::Used, [s.host_ack()]);
        }
        s.told(Events::NONE);
        let text = s.text(b"aabb").acking(s.snd_una);
        s.rcv_nxt += 12;
        s.takes(text, Fate::Used, [s.host_ack()]);
        s.told(Events::READABLE);
        let id = s.id();
        assert_eq!(s.host.read(id), b"aabbbbccccdd");
        assert_eq!(s.connection().info().out_of_order, 0);
    });
}

#[test]
fn sm_text_2_cc_11_text_out_of_order_is_kept_and_sacked_at_once() {
    each_planned(Place::TAKES_TEXT, with_sack, |s, place| {
        let start = s.rcv_nxt + 10;
        let text = s.text(b"later").at(start).acking(s.snd_una);
        let mut sack = SackBlocks::new();
        sack.push(SeqRange::new(start, start + 5));
        let says = Options { sack, ..Options::default() };
        s.takes(text, Fate::Used, [s.host_ack().with_options(says)]);
        s.is(place.seen());
        s.told(Events::NONE);
        let info = s.connection().info();
        assert_eq!((info.unread, info.out_of_order), (0, 5));
        assert_eq!(s.user_reads(), Err(ReadError::Blocked));
    });
}

#[test]
fn sm_text_2_octets_that_came_first_stay() {
    each_planned(Place::TAKES_TEXT, patient, |s, _| {
        for (past, text) in [(2, b"2345" as &[u8]), (1, b"xxxxxxx")] {
            let text = s.text(text).at(s.rcv_nxt + past).acking(s.snd_una);
            s.takes(text, Fate::Used, [s.host_ack()]);
        }
        let text = s.text(b"0yy").acking(s.snd_una);
        s.rcv_nxt += 8;
        s.takes(text, Fate::Used, [s.host_ack()]);
        let id = s.id();
        assert_eq!(s.host.read(id), b"0x2345xx");
    });
}

#[test]
fn sm_text_2_trap_68_an_empty_segment_above_rcv_nxt_draws_nothing() {
    each_planned(Place::TAKES_TEXT, patient, |s, place| {
        for past in [1, 1_000, 65_534] {
            let ack = s.ack().at(s.rcv_nxt + past).acking(s.snd_una);
            // Each has another window: none is a duplicate ACK.
            s.takes(ack.with_window(past as u16), Fate::Used, []);
        }
        // Nor while something is missing.
        s.host.receive(s.text(b"later").at(s.rcv_nxt + 10).acking(s.snd_una));
        s.host.sent();
        s.takes(s.ack().at(s.rcv_nxt + 15).acking(s.snd_una), Fate::Used, []);
        s.is(place.seen());
    });
}

#[test]
fn sm_text_3_cc_12_a_segment_that_fills_a_gap_is_acknowledged_at_once() {
    each_planned(Place::TAKES_TEXT, patient, |s, _| {
        s.host.receive(s.text(b"dd").at(s.rcv_nxt + 6).acking(s.snd_una));
        s.host.receive(s.text(b"bb").at(s.rcv_nxt + 2).acking(s.snd_una));
        s.host.sent();
        let first = s.text(b"aa").acking(s.snd_una);
        s.rcv_nxt += 4;
        s.takes(first, Fate::Used, [s.host_ack()]);
        let second = s.text(b"cc").acking(s.snd_una);
        s.rcv_nxt += 4;
        s.takes(second, Fate::Used, [s.host_ack()]);
        let id = s.id();
        assert_eq!(s.host.read(id), b"aabbccdd");
        // Nothing is missing any more: the next one waits.
        let third = s.text(b"ee").acking(s.snd_una);
        s.takes(third, Fate::Used, []);
    });
}

#[test]
fn sm_text_4_of_too_much_text_what_fits_is_taken() {
    let small = |setting| patient(setting).with(|plan| plan.config.receive_buffer = 10.into());
    each_planned(Place::TAKES_TEXT, small, |s, place| {
        let text = s.text(b"0123456789abcdef").acking(s.snd_una);
        s.rcv_nxt += 10;
        s.takes(text, Fate::Used, [s.host_ack().with_window(0)]);
        s.is(place.seen());
        assert_eq!(s.user_reads(), Ok(Some(b"0123456789".to_vec())));
    });
}

#[test]
fn sm_text_5_dec_15_text_that_no_one_will_read_is_reset() {
    each([Place::FinWait1, Place::FinWait2], |s, _| {
        let id = s.id();
        s.host.detach(id);
        s.sent([]);
        let text = s.text(b"text").acking(s.snd_una);
        s.takes(text, Fate::Refused(DropReason::TextAfterClose), [s.host_rst_own()]);
        s.ended(CloseReason::Aborted);
    });
    // A FIN is no text, and what is old was read.
    each([Place::FinWait1, Place::FinWait2], |s, place| {
        let id = s.id();
        s.host.detach(id);
        s.acknowledges(s.text(b"?").at(s.rcv_nxt - 1).acking(s.snd_una), DropReason::Duplicate);
        let fin = s.fin().acking(s.snd_una);
        s.rcv_nxt += 1;
        s.takes(fin, Fate::Used, [s.host_ack()]);
        s.is(place.after_fin());
    });
}

#[test]
fn sm_text_6_after_the_peers_fin_text_is_ignored() {
    each(Place::HAS_PEER_FIN, |s, place| {
        for past in [0, 1, 1_000] {
            let text = s.text(b"text").at(s.rcv_nxt + past).acking(s.snd_una);
            s.refuses(text.clone(), place.refuses_text(), []);
            s.refuses(text.with_control(Flags::PSH | Flags::FIN), place.refuses_text(), []);
        }
    });
}

#[test]
fn sm_text_1_sm_timer_8_an_ack_that_waits_leaves_after_40_ms() {
    each_planned(Place::TAKES_TEXT, patient, |s: &mut Stage, _| {
        let text = s.text(b"text").acking(s.snd_una);
        s.rcv_nxt += 4;
        s.takes(text, Fate::Used, []);
        s.host.advance(Duration::from_millis(40) - Duration::from_nanos(1));
        s.sent([]);
        s.host.advance(Duration::from_nanos(1));
        s.sent([s.host_ack()]);
    });
}
