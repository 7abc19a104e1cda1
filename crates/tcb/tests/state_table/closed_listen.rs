//! Segments in CLOSED and LISTEN (RFC 9293 §3.10.7.1, §3.10.7.2).
//! The far end sends each to a host where nobody is, or where a listener is.

use std::time::Duration;

use synack_tcb::{DropReason, Events, ListenerConfig, State, SynCookies};
use synack_wire::{Flags, Options, Timestamps};

use crate::support::{Change, Fate, Place, Plan, Received, Said, Seen, Stage, each, each_setting};

#[test]
fn sm_closed_1_trap_30_a_reset_for_nobody_draws_nothing() {
    each([Place::Closed], |s, _| {
        let reset = s.rst(s.rcv_nxt);
        let also = [Flags::SYN | Flags::RST, Flags::FIN | Flags::RST];
        let more = also.map(|control| reset.clone().with_control(control));
        let acked = reset.clone().acking(s.snd_nxt);
        for packet in [reset.clone(), acked, reset.with_text(b"text")].into_iter().chain(more) {
            s.refuses(packet, DropReason::ResetForNobody, []);
        }
    });
}

#[test]
fn sm_closed_2_trap_20_without_ack_the_reset_acknowledges_all_that_came() {
    each([Place::Closed], |s, _| {
        let bare = s.ack().without_ack();
        for (case, packet, len) in [
            ("nothing", bare.clone(), 0),
            ("text", bare.clone().with_text(b"text"), 4),
            ("SYN", s.syn(s.irs), 1),
            ("FIN", bare.clone().with_control(Flags::FIN), 1),
            ("all of it", bare.with_text(b"text").with_control(Flags::SYN | Flags::FIN), 6),
        ] {
            let _said = Said(case.to_owned());
            let reset = s.nobodys_rst(&packet);
            assert_eq!((reset.segment.seq.get(), reset.segment.ack), (0, Some(s.irs + len)));
            s.refuses(packet, DropReason::NoConnection, [reset]);
        }
    });
}

#[test]
fn sm_closed_3_trap_27_trap_33_with_ack_the_reset_has_its_number() {
    each([Place::Closed], |s, _| {
        for packet in [s.ack(), s.text(b"text"), s.fin(), s.syn_ack(s.irs)] {
            for ack in [s.iss, s.iss + 1, s.iss - 1, s.iss + (1 << 31)] {
                let packet = packet.clone().acking(ack);
                let reset = s.nobodys_rst(&packet);
                assert_eq!((reset.segment.seq, reset.segment.ack), (ack, None));
                s.refuses(packet, DropReason::NoConnection, [reset]);
            }
        }
    });
}

#[test]
fn sm_closed_4_a_timestamp_is_echoed_and_no_clock_told() {
    each([Place::Closed], |s, _| {
        for packet in [s.ack(), s.syn(s.irs)] {
            let packet = packet.with_timestamps(77, 5);
            let reset = s.nobodys_rst(&packet);
            let echoed = Some(Timestamps { value: 0, echo: 77 });
            assert_eq!(reset.segment.options.timestamps, echoed);
            s.refuses(packet, DropReason::NoConnection, [reset]);
        }
    });
}

#[test]
fn sm_listen_1_sm_listen_6_a_reset_draws_nothing() {
    each([Place::Listen], |s, _| {
        let reset = s.rst(s.irs);
        let with_syn = reset.clone().with_control(Flags::SYN | Flags::RST);
        for packet in [reset.clone(), reset.acking(s.iss + 1), with_syn] {
            s.refuses(packet, DropReason::ResetForListener, []);
        }
    });
}

#[test]
fn sm_listen_2_trap_27_an_ack_draws_a_reset() {
    each([Place::Listen], |s, _| {
        for packet in [s.ack(), s.text(b"text"), s.fin(), s.syn_ack(s.irs)] {
            let reset = s.nobodys_rst(&packet);
            s.refuses(packet, DropReason::NoConnection, [reset]);
        }
    });
}

#[test]
fn sm_listen_2_an_ack_with_a_cookie_opens_and_the_rest_of_it_is_used() {
    each([Place::Closed], |s, _| {
        listen_with(s, |config| config.syn_cookies = SynCookies::Always);
        s.host.receive(s.peer.syn(s.irs));
        let cookie = s.host.only_sent();
        assert_eq!((s.host.endpoint.half_open(), s.host.deadline()), (0, None), "no state");
        s.iss = cookie.segment.seq;
        s.note_syn();
        (s.snd_una, s.snd_nxt) = (s.iss + 1, s.iss + 1);
        assert_eq!(cookie, s.host_syn_ack());
        let forged = s.text(b"text").acking(s.iss + 2);
        s.refuses(forged.clone(), DropReason::NoConnection, [s.nobodys_rst(&forged)]);
        let last = s.text(b"text").with_control(Flags::FIN);
        s.rcv_nxt += 5;
        s.takes(last, Fate::Accepted, [s.host_ack()]);
        s.is(Seen::In(State::CloseWait));
        assert_eq!(s.user_reads(), Ok(Some(b"text".to_vec())));
    });
}

#[test]
fn sm_listen_3_a_syn_is_answered_with_what_both_ends_want() {
    for bits in 0..16 {
        each_setting(|setting| {
            let offer = Options {
                mss: (bits & 1 != 0).then_some(1_000),
                window_scale: (bits & 2 != 0).then_some(3),
                sack_permitted: bits & 4 != 0,
                timestamps: (bits & 8 != 0).then_some(Timestamps { value: 77, echo: 0 }),
                ..Options::default()
            };
            // That the SYN,ACK is exactly the one expected is asserted on the way.
            let plan = Plan::new(setting).with(|plan| plan.offer = offer.clone());
            let mut s = plan.with(|plan| plan.window = 5_000).stage(Place::SynReceivedPassive);
            assert_eq!(s.host.deadline(), Some(s.host.now + Duration::from_secs(1)));
            assert_eq!(s.host.endpoint.connections(), 0, "a handshake is no connection yet");
            s.snd_una = s.snd_nxt;
            s.takes(s.ack(), Fate::Accepted, []);
            let info = s.connection().internals();
            assert_eq!((info.iss, info.irs), (s.iss, s.irs));
            assert_eq!((info.snd_una, info.snd_nxt), (s.iss + 1, s.iss + 1));
            assert_eq!((info.rcv_nxt, info.rcv_adv), (s.irs + 1, s.rcv_adv));
            assert_eq!(info.snd_wnd, 5_000 << offer.window_scale.unwrap_or(0));
            assert_eq!((info.timestamps, info.sack), (bits & 8 != 0, bits & 4 != 0));
            let default = if setting.is_ipv6 { 1_220 } else { 536 };
            let options = if info.timestamps { 12 } else { 0 };
            assert_eq!(info.smss, offer.mss.map_or(default, u32::from) - options);
        });
    }
}

#[test]
fn sm_listen_4_sm_listen_6_trap_35_text_and_fin_of_a_syn_count_when_they_come_again() {
    each([Place::Listen], |s, _| {
        let syn = s.syn(s.irs).with_text(b"early").with_control(Flags::SYN | Flags::FIN);
        s.note_syn();
        s.takes(syn, Fate::Used, [s.host_syn_ack()]);
        s.is(Seen::SynReceived);
        s.snd_nxt = s.iss + 1;
        s.snd_una = s.snd_nxt;
        s.takes(s.ack(), Fate::Accepted, []);
        s.told(Events::CONNECTED | Events::WRITABLE);
        let again = s.text(b"early").with_control(Flags::FIN);
        s.rcv_nxt += 6;
        s.takes(again, Fate::Used, [s.host_ack()]);
        s.is(Seen::In(State::CloseWait));
        assert_eq!(s.user_reads(), Ok(Some(b"early".to_vec())));
        assert_eq!(s.user_reads(), Ok(None));
    });
}

#[test]
fn sm_listen_5_without_room_a_syn_is_dropped_or_gets_a_cookie_but_no_reset() {
    for syn_cookies in [SynCookies::Never, SynCookies::WhenFull] {
        each([Place::Closed], |s, _| {
            listen_with(s, |config| {
                (config.half_open_max, config.syn_cookies) = (0, syn_cookies);
            });
            let received = s.host.receive(s.syn(s.irs));
            let sent = s.host.sent();
            s.is(Seen::Listen);
            assert_eq!(s.host.endpoint.half_open(), 0);
            if syn_cookies == SynCookies::Never {
                assert_eq!(received, Received::Dropped(DropReason::SynQueueFull));
                assert_eq!(sent, []);
                return;
            }
            let [cookie] = &sent[..] else { panic!("{sent:?}") };
            assert!(cookie.segment.is_syn() && !cookie.segment.is_rst());
            assert_eq!(cookie.segment.ack, Some(s.irs + 1));
        });
    }
}

#[test]
fn sm_listen_7_sm_fin_1_neither_syn_nor_ack_nor_rst_draws_nothing() {
    each([Place::Listen], |s, _| {
        let bare = s.ack().without_ack();
        let urgent = bare.clone().with(|segment| segment.urgent = Some(1));
        let fin = bare.clone().with_control(Flags::FIN);
        for packet in [bare.clone(), bare.with_text(b"text"), fin, urgent] {
            s.refuses(packet, DropReason::NoSynForListener, []);
        }
    });
}

/// A listener that is configured otherwise.
fn listen_with(s: &mut Stage, change: impl FnOnce(&mut ListenerConfig)) {
    let mut config = ListenerConfig::default();
    change(&mut config);
    s.host.listen_with(80, config);
}
