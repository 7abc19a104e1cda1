//! Timestamps and PAWS in every state (RFC 7323 §3.2, §4.3, §5.3).
//! The far end's clock stands just below its wrap; segments with other values are compared.

use std::time::Duration;

use synack_tcb::{CloseReason, DropReason, State};
use synack_wire::{Options, Timestamps};

use crate::support::{Change, Fate, Place, Plan, Seen, Setting, Stage, each, each_planned};

const DAYS_24: Duration = Duration::from_secs(24 * 24 * 60 * 60);

fn with_clock(setting: Setting) -> Plan {
    Plan::new(setting).with_timestamps()
}

#[test]
fn sm_paws_1_trap_24_an_older_timestamp_is_challenged() {
    each_planned(Place::AFTER_SYN_SENT, with_clock, |s, _| {
        for past in [-1, i32::MIN + 1] {
            let old = s.ts_recent.wrapping_add_signed(past);
            for packet in [s.ack(), s.text(b"text"), s.fin(), s.ack().acking(s.snd_nxt + 9)] {
                s.challenges(packet.with_timestamps(old, 0), DropReason::Paws);
            }
        }
    });
}

#[test]
fn sm_paws_1_trap_26_after_24_days_a_timestamp_proves_nothing() {
    let quiet = [Place::Established, Place::FinWait2, Place::CloseWait];
    each_planned(quiet, with_clock, |s, place| {
        let old = s.ts_recent.wrapping_sub(1);
        s.host.advance(DAYS_24);
        s.challenges(s.ack().with_timestamps(old, 0), DropReason::Paws);
        s.host.advance(Duration::from_millis(1));
        s.takes(s.ack().with_timestamps(old, 0), Fate::Used, []);
        s.is(place.seen());
        // And it is the most recent one now (SM-PAWS-5).
        (s.peer_clock, s.ts_recent) = (old, old);
        s.acknowledges(s.text(b"?").at(s.rcv_nxt - 1), DropReason::Duplicate);
    });
}

#[test]
fn sm_paws_2_without_a_timestamp_a_segment_is_dropped_silently() {
    each_planned(Place::AFTER_SYN_SENT, with_clock, |s, _| {
        for packet in [s.ack(), s.text(b"text"), s.fin(), s.ack().at(s.rcv_nxt + 70_000)] {
            let bare = packet.with_options(Options::default());
            s.refuses(bare, DropReason::TimestampMissing, []);
        }
    });
}

#[test]
fn sm_paws_2_a_syn_without_a_timestamp_is_judged_as_a_syn() {
    each_planned(Place::CONNECTED, with_clock, |s, _| {
        let syn = s.syn(s.rcv_nxt + 1).with_options(Options::default());
        s.challenges(syn, DropReason::UnexpectedSyn);
    });
    each_planned([Place::SynReceivedActive], with_clock, |s, _| {
        let syn = s.syn(s.rcv_nxt + 1).with_options(Options::default());
        s.challenges(syn, DropReason::UnexpectedSyn);
    });
    each_planned([Place::SynReceivedPassive], with_clock, |s, _| {
        let syn = s.syn(s.rcv_nxt + 1).with_options(Options::default());
        s.takes(syn, Fate::Refused(DropReason::ReturnToListen), []);
        s.is(Seen::Listen);
    });
}

#[test]
fn sm_paws_3_trap_23_a_reset_needs_no_timestamp_and_no_newer_one() {
    for past in [None, Some(-1_000), Some(0), Some(1_000)] {
        let reset = |s: &Stage, seq| {
            let options = Options {
                timestamps: past.map(|past| Timestamps {
                    value: s.ts_recent.wrapping_add_signed(past),
                    echo: 0,
                }),
                ..Options::default()
            };
            s.rst(seq).with_options(options)
        };
        each_planned(Place::CONNECTED, with_clock, |s, _| {
            // In the window: challenged, and the challenge echoes what it did before.
            s.challenges(reset(s, s.rcv_nxt + 1), DropReason::ResetNotExact);
            s.ends(reset(s, s.rcv_nxt), DropReason::Reset, CloseReason::ResetByPeer);
        });
    }
}

#[test]
fn sm_paws_4_without_agreement_any_timestamp_is_ignored() {
    each(Place::TAKES_TEXT, |s, _| {
        for value in [5, 4, u32::MAX, 0x8000_0000] {
            let text = s.text(b"text").acking(s.snd_una).with_timestamps(value, value);
            s.rcv_nxt += 4;
            s.takes(text, Fate::Used, [s.host_ack()]);
        }
    });
}

#[test]
fn sm_paws_5_trap_25_an_accepted_segment_moves_the_recent_timestamp() {
    for past in [0, 1, i32::MAX] {
        each_planned(Place::CONNECTED, with_clock, |s, place| {
            let newer = s.ts_recent.wrapping_add_signed(past);
            let ack = s.ack().acking(s.snd_una).with_timestamps(newer, 0);
            s.takes(ack, Fate::Used, []);
            s.is(place.seen());
            (s.peer_clock, s.ts_recent) = (newer, newer);
            echoes(s);
        });
    }
}

#[test]
fn sm_paws_5_the_number_before_trimming_counts() {
    each_planned(Place::TAKES_TEXT, with_clock, |s, _| {
        let first = s.text(b"text").acking(s.snd_una);
        s.rcv_nxt += 4;
        s.takes(first, Fate::Used, [s.host_ack()]);
        // Begins below Last.ACK.sent, and ends above it.
        let newer = s.peer_clock.wrapping_add(3);
        let longer = s.text(b"textmore").at(s.rcv_nxt - 4).acking(s.snd_una);
        s.rcv_nxt += 4;
        (s.peer_clock, s.ts_recent) = (newer, newer);
        s.takes(longer.with_timestamps(newer, 0), Fate::Used, [s.host_ack()]);
        assert_eq!(s.user_reads(), Ok(Some(b"textmore".to_vec())));
    });
}

#[test]
fn sm_paws_5_dec_19_a_segment_that_is_not_used_moves_nothing() {
    each_planned(Place::CONNECTED, with_clock, |s, _| {
        let newer = s.peer_clock.wrapping_add(1_000);
        let newer = |packet: synack_wire::TcpPacket| packet.with_timestamps(newer, 0);
        s.challenges(newer(s.ack().acking(s.snd_nxt + 1)), DropReason::AckOfUnsent);
        s.challenges(newer(s.ack().acking(s.snd_una - 65_536)), DropReason::AckTooOld);
        s.challenges(newer(s.ack().at(s.rcv_nxt + 70_000)), DropReason::OutOfWindow);
        s.challenges(newer(s.syn(s.rcv_nxt + 1)), DropReason::UnexpectedSyn);
        s.refuses(newer(s.ack().without_ack()), DropReason::NoAck, []);
        s.acknowledges(
            newer(s.text(b"?").at(s.rcv_nxt - 1)).acking(s.snd_una),
            DropReason::Duplicate,
        );
    });
}

#[test]
fn sm_paws_5_trap_25_a_segment_above_the_last_ack_sent_moves_nothing() {
    each_planned(Place::TAKES_TEXT, with_clock, |s, place| {
        let newer = s.peer_clock.wrapping_add(1_000);
        let above = s.text(b"later").at(s.rcv_nxt + 4).acking(s.snd_una);
        // TS.Recent is still echoed, with the ACK that says what is missing.
        s.takes(above.with_timestamps(newer, 0), Fate::Used, [s.host_ack()]);
        s.is(place.seen());
        // The segment that fills the gap carries an older one than what waits: it is taken.
        let text = s.text(b"text").acking(s.snd_una);
        s.rcv_nxt += 9;
        s.takes(text, Fate::Used, [s.host_ack()]);
    });
}

#[test]
fn sm_paws_5_paws_4_a_repeated_fin_lies_below_the_window_and_moves_nothing() {
    each_planned(Place::HAS_PEER_FIN, with_clock, |s, _| {
        let newer = s.peer_clock.wrapping_add(7);
        let fin = s.fin().at(s.rcv_nxt - 1).acking(s.snd_una);
        s.acknowledges(fin.clone().with_timestamps(newer, 0), DropReason::RepeatedFin);
        s.acknowledges(fin, DropReason::RepeatedFin);
    });
}

/// What the host echoes shows in any ACK of it.
#[track_caller]
fn echoes(s: &mut Stage) {
    let octet = s.text(b"?").at(s.rcv_nxt - 1).acking(s.snd_una);
    s.acknowledges(octet, DropReason::Duplicate);
}

#[test]
fn ts_4_a_reset_of_ours_carries_the_timestamp_too() {
    each_planned([Place::Established, Place::FinWait1, Place::CloseWait], with_clock, |s, _| {
        let reset = s.host_rst_own();
        assert!(reset.segment.options.timestamps.is_some());
        s.user_aborts();
        s.sent([reset]);
        assert_eq!(s.connection().state(), State::Closed);
    });
}
