//! Shows that the oracle objects to what it is there to object to, and to nothing else.
//! Each row is a connection before and after an event, one of them changed in one variable.

use synack_tcb::{CloseReason, Internals, KeepAlive, State, Timer};
use synack_wire::{Flags, IpFields, Segment};

use super::*;
use crate::host::{Host, HostConfig, HostId};
use crate::streams::Streams;

const NOW: Instant = Instant::from_millis(1_000_000);
const STEADY: Punctuality = Punctuality { late_max: Duration::ZERO, is_clock_steady: true };

/// An ESTABLISHED connection with 1,000 octets in flight, near the wrap.
fn established() -> Internals {
    let mut host = Host::new(HostId(0), HostConfig::new([10, 0, 0, 1].into()), Streams::new(1));
    let remote = "10.0.0.2:80".parse().unwrap();
    let (_, connection) = host.endpoint.connect(NOW, synack_tcb::Open::to(remote)).unwrap();
    let iss = SeqNum::new(u32::MAX - 500);
    let irs = SeqNum::new(u32::MAX - 700);
    let mut deadlines = [None; Timer::ALL.len()];
    deadlines[Timer::Retransmit as usize] = Some(NOW + Duration::from_secs(1));
    deadlines[Timer::UserTimeout as usize] = Some(NOW + Duration::from_mins(5));
    Internals {
        state: State::Established,
        iss,
        snd_una: iss + 1,
        snd_nxt: iss + 1_001,
        snd_wnd: 5_000,
        irs,
        rcv_nxt: irs + 101,
        rcv_adv: irs + 50_101,
        pipe: 1_000,
        smss: 1_000,
        cwnd: 10_000,
        deadlines,
        ..connection.internals()
    }
}

fn packet(segment: Segment) -> TcpPacket {
    TcpPacket {
        source: "10.0.0.1:1".parse().unwrap(),
        destination: "10.0.0.2:80".parse().unwrap(),
        ip: IpFields::default(),
        segment_size: None,
        segment,
    }
}

/// New text of `len` octets at SND.NXT.
fn text(view: &Internals, len: usize) -> TcpPacket {
    packet(Segment {
        seq: view.snd_nxt,
        ack: Some(view.rcv_nxt),
        window: 50_000,
        payload: bytes::Bytes::from(vec![0; len]).into(),
        ..Segment::default()
    })
}

/// What the whole oracle, without the connection itself, says to a change.
fn verdict(old: Internals, new: Internals, cause: &Cause<'_>) -> Result<(), Invariant> {
    let config = ConnectionConfig::default();
    let change = Change { now: NOW, old: &old, new: &new, config: &config };
    let judge = || {
        SequenceWatch::default().judge(change, cause)?;
        transitions::judge(change, cause, false, None)?;
        CongestionWatch::default().judge(change, cause)?;
        TimerWatch::new(NOW, STEADY).judge(change, cause, None)?;
        memory(change)
    };
    judge().map_err(|violation| violation.invariant)
}

#[test]
fn what_does_not_change_is_no_violation() {
    let view = established();
    for cause in [Cause::Write, Cause::Read, Cause::Timeout, Cause::Stall, Cause::Polled] {
        assert_eq!(verdict(view, view, &cause), Ok(()), "{cause:?}");
    }
}

#[test]
fn each_variable_that_must_not_do_something_is_watched() {
    let old = established();
    let new = old;
    let order = Invariant::SequenceOrder;
    for (case, new, invariant) in [
        ("SND.UNA back", Internals { snd_una: old.iss, ..new }, order),
        ("SND.UNA too far", Internals { snd_una: old.snd_nxt + 1, ..new }, order),
        ("SND.NXT back", Internals { snd_nxt: old.snd_nxt - 1, ..new }, order),
        ("SND.NXT by itself", Internals { snd_nxt: old.snd_nxt + 1, ..new }, order),
        ("RCV.NXT back", Internals { rcv_nxt: old.rcv_nxt - 1, ..new }, order),
        ("the right edge back", Internals { rcv_adv: old.rcv_adv - 1, ..new }, order),
        ("another ISS", Internals { iss: old.iss - 1, ..new }, order),
        ("a state for nothing", Internals { state: State::FinWait1, ..new }, Invariant::Transition),
        ("cwnd below a segment", Internals { cwnd: 999, ..new }, Invariant::Congestion),
        ("cwnd above all windows", Internals { cwnd: 1 << 31, ..new }, Invariant::Congestion),
        ("ssthresh too low", Internals { ssthresh: 1_999, ..new }, Invariant::Congestion),
        ("RTO below its floor", Internals { rto_nanos: 1_000, ..new }, Invariant::Timeouts),
        ("too much unread", Internals { unread: 7 << 20, ..new }, Invariant::Memory),
        ("too much unsent", Internals { unsent: 5 << 20, ..new }, Invariant::Memory),
        ("too many ranges", Internals { ranges: 1_025, ..new }, Invariant::Memory),
    ] {
        assert_eq!(verdict(old, new, &Cause::Write), Err(invariant), "{case}");
    }
}

#[test]
fn i_5_and_i_6_new_text_fits_the_window_and_cwnd() {
    let old = established();
    for (case, snd_wnd, pipe, len, expected) in [
        ("within both", 5_000, 2_000, 1_000, Ok(())),
        ("up to the edge", 2_000, 2_000, 1_000, Ok(())),
        ("beyond the edge", 1_999, 2_000, 1_000, Err(Invariant::Windows)),
        ("a probe", 1_000, 1_001, 1, Ok(())),
        ("beyond cwnd by a segment", 5_000, 11_000, 1_000, Ok(())),
        ("beyond cwnd by more", 5_000, 11_001, 1_000, Err(Invariant::Congestion)),
    ] {
        let old = Internals { snd_wnd, ..old };
        let new = Internals { snd_nxt: old.snd_nxt + len, pipe, ..old };
        let packet = text(&old, len as usize);
        assert_eq!(verdict(old, new, &Cause::Transmit(&packet)), expected, "{case}");
    }
}

#[test]
fn i_5_the_right_edge_as_told_goes_back_by_less_than_a_granule() {
    let view = Internals { rcv_shift: 5, ..established() };
    let config = ConnectionConfig::default();
    let change = Change { now: NOW, old: &view, new: &view, config: &config };
    for (case, window, received, expected) in [
        ("further", 1_001, 0, Ok(())),
        ("the same", 1_000, 0, Ok(())),
        ("back by a granule", 999, 0, Err(Invariant::Windows)),
        ("an octet more was received, which the field cannot say", 999, 1, Ok(())),
    ] {
        let mut watch = SequenceWatch::default();
        let says = |window: u16, received: u32| {
            let ack = Some(view.rcv_nxt + received);
            packet(Segment { seq: view.snd_nxt, ack, window, ..Segment::default() })
        };
        watch.judge(change, &Cause::Transmit(&says(1_000, 0))).unwrap();
        let result = watch.judge(change, &Cause::Transmit(&says(window, received)));
        assert_eq!(result.map_err(|violation| violation.invariant), expected, "{case}");
    }
}

#[test]
fn i_8_the_timeout_doubles_and_nothing_is_given_up_early() {
    let old = established();
    let mut new = old;
    new.counters.timeouts += 1;
    new.rto_nanos = 2 * old.rto_nanos;
    assert_eq!(verdict(old, new, &Cause::Timeout), Ok(()));
    let same = Internals { rto_nanos: old.rto_nanos, ..new };
    assert_eq!(verdict(old, same, &Cause::Timeout), Err(Invariant::Timeouts));
    assert_eq!(verdict(old, new, &Cause::Write), Err(Invariant::Timeouts));

    let config = ConnectionConfig::default();
    let closed = Internals { state: State::Closed, ..old };
    for (reason, minutes, holds) in [
        (CloseReason::UserTimeout, 4, false),
        (CloseReason::UserTimeout, 5, true),
        (CloseReason::TimedOut, 14, false),
        (CloseReason::TimedOut, 15, true),
    ] {
        let mut watch = TimerWatch::new(NOW, STEADY);
        let now = NOW + Duration::from_mins(minutes);
        let change = Change { now, old: &old, new: &closed, config: &config };
        let result = watch.judge(change, &Cause::Timeout, Some(reason));
        assert_eq!(result.is_ok(), holds, "{reason:?} after {minutes} minutes");
    }
}

#[test]
fn i_8_keep_alive_may_give_up_a_silent_peer() {
    let keep_alive = KeepAlive { interval: Duration::from_secs(10), ..KeepAlive::default() };
    let config = ConnectionConfig { keep_alive: Some(keep_alive), ..ConnectionConfig::default() };
    let old = established();
    let closed = Internals { state: State::Closed, ..old };
    for (seconds, holds) in [(99, false), (100, true)] {
        let now = NOW + Duration::from_secs(seconds);
        let change = Change { now, old: &old, new: &closed, config: &config };
        let mut watch = TimerWatch::new(NOW, STEADY);
        let result = watch.judge(change, &Cause::Timeout, Some(CloseReason::TimedOut));
        assert_eq!(result.is_ok(), holds, "after {seconds} s");
    }
}

#[test]
fn i_9_what_is_owed_has_a_timer() {
    let view = established();
    let judge = |view: &Internals, now| {
        let mut watch = TimerWatch::new(NOW, STEADY);
        let config = ConnectionConfig::default();
        let change = Change { now, old: view, new: view, config: &config };
        watch.judge(change, &Cause::Timeout, None)?;
        watch.judge_drained(now, view, true)
    };
    assert_eq!(judge(&view, NOW), Ok(()));
    let bare = Internals { deadlines: [None; Timer::ALL.len()], ..view };
    assert!(judge(&bare, NOW).is_err(), "something is in flight");
    let idle = Internals { snd_una: view.snd_nxt, ..bare };
    assert_eq!(judge(&idle, NOW), Ok(()));
    let orphan = Internals { state: State::FinWait2, ..idle };
    assert!(judge(&orphan, NOW).is_err(), "no one waits for the FIN of an orphan's peer");
    assert!(judge(&view, NOW + Duration::from_secs(1)).is_err(), "a timer that fired stays due");
}

#[test]
fn i_12_a_packet_draws_one_bare_segment_and_a_reset_no_reset() {
    let view = established();
    let arrived = |control| Arrived::of(&packet(Segment { control, ..Segment::default() }));
    let ack = packet(Segment { ack: Some(view.rcv_nxt), ..Segment::default() });
    let reset = packet(Segment { control: Flags::RST, ..Segment::default() });
    let judge = |arrived: &Arrived, sent: &[&TcpPacket]| {
        let mut watch = AmplificationWatch::default();
        watch.judge(&Cause::Packet(arrived))?;
        sent.iter().try_for_each(|packet| watch.judge(&Cause::Transmit(packet)))?;
        watch.judge_drained()
    };
    assert_eq!(judge(&arrived(Flags::NONE), &[&ack]), Ok(()));
    assert!(judge(&arrived(Flags::NONE), &[&ack, &ack]).is_err());
    assert_eq!(judge(&arrived(Flags::NONE), &[&reset]), Ok(()));
    assert!(judge(&arrived(Flags::RST), &[&reset]).is_err());
}

#[test]
fn i_14_text_waits_neither_long_nor_in_two_segments() {
    let config = ConnectionConfig::default();
    let old = established();
    let judge = |octets: u32, waited| {
        let mut watch = AcknowledgmentWatch::new(&old, STEADY);
        let mut arrived = Arrived::of(&text(&old, 1_000));
        arrived.used = true;
        let new = Internals { rcv_nxt: old.rcv_nxt + octets, ..old };
        let change = Change { now: NOW, old: &old, new: &new, config: &config };
        watch.judge(change, &Cause::Packet(&arrived));
        watch.judge_drained(NOW + waited, &new, &config)
    };
    let delay = config.ack_delay;
    assert_eq!(judge(1_000, delay), Ok(()));
    assert!(judge(1_000, delay + Duration::from_nanos(1)).is_err());
    assert!(judge(2_000, Duration::ZERO).is_err());
}

#[test]
fn i_17_segments_lead_where_the_table_has_it_and_nowhere_else() {
    use State::*;
    let base = established();
    let fin_sent = Internals { snd_fin: Some(base.snd_nxt - 1), ..base };
    let plain = Segment { seq: base.rcv_nxt, ack: Some(base.snd_una), ..Segment::default() };
    let fin = Segment { control: Flags::FIN, ..plain.clone() };
    let acks_all = Segment { ack: Some(base.snd_nxt), ..plain.clone() };
    let fin_acks_all = Segment { control: Flags::FIN, ..acks_all.clone() };
    let reset = Segment { control: Flags::RST, ack: None, ..plain.clone() };
    let reset_elsewhere = Segment { seq: base.rcv_nxt + 1, ..reset.clone() };
    let syn = Segment { control: Flags::SYN, ..plain.clone() };
    for (from, segment, allowed) in [
        (Established, &plain, vec![Established]),
        (Established, &fin, vec![CloseWait]),
        (Established, &reset, vec![Closed]),
        (Established, &reset_elsewhere, vec![Established]),
        (Established, &syn, vec![Established]),
        (FinWait1, &plain, vec![FinWait1]),
        (FinWait1, &acks_all, vec![FinWait1, FinWait2]),
        (FinWait1, &fin, vec![Closing]),
        (FinWait1, &fin_acks_all, vec![Closing, FinWait2, TimeWait]),
        (FinWait2, &fin, vec![TimeWait]),
        (CloseWait, &fin, vec![CloseWait]),
        (Closing, &acks_all, vec![Closing, TimeWait]),
        (LastAck, &plain, vec![LastAck]),
        (LastAck, &acks_all, vec![LastAck, Closed]),
        (TimeWait, &reset, vec![TimeWait]),
    ] {
        for to in State::ALL {
            let old = Internals { state: from, ..fin_sent };
            let new = Internals { state: to, ..old };
            let config = ConnectionConfig::default();
            let change = Change { now: NOW, old: &old, new: &new, config: &config };
            let mut arrived = Arrived::of(&packet(segment.clone()));
            arrived.used = true;
            let ended =
                if segment.is_rst() { CloseReason::ResetByPeer } else { CloseReason::Finished };
            let reason = (to == Closed).then_some(ended);
            let result = transitions::judge(change, &Cause::Packet(&arrived), false, reason);
            let case = format!("{from} to {to} on {}", packet(segment.clone()));
            assert_eq!(result.is_ok(), allowed.contains(&to), "{case}");
        }
    }
}
