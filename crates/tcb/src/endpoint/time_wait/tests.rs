//! TIME-WAIT answers what its peer may still send, and lets the next connection in when it is safe.
//! Each row is a record, a segment, and what is made of it; numbers lie around the wrap.

use super::*;
use crate::TsRecent;
use crate::keyed_hash::Purpose;

const NOW: Instant = Instant::from_millis(1_000_000);
/// SND.NXT and RCV.NXT of the records.
const SND_NXT: SeqNum = SeqNum::new(2);
const RCV_NXT: SeqNum = SeqNum::new(u32::MAX - 1);
const RECENT: u32 = u32::MAX;

fn path() -> FourTuple {
    FourTuple::new("10.0.0.2:80".parse().unwrap(), "10.0.0.1:4000".parse().unwrap())
}

/// Whether the connection used timestamps.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Clock {
    On,
    Off,
}

fn time_wait(clock: Clock) -> TimeWait {
    let recent = TsRecent { value: RECENT, taken_at: NOW };
    let timestamps = TimeWaitTimestamps { recent, offset: 5 };
    TimeWait {
        path: path(),
        entered: NOW,
        snd_nxt: SND_NXT,
        ack_lowest: SND_NXT - 1_000,
        rcv_nxt: RCV_NXT,
        window: 1_000,
        rcv_wnd: 1_000 << 3,
        timestamps: (clock == Clock::On).then_some(timestamps),
        ip: IpFields::default(),
    }
}

fn table_with(config: &EndpointConfig, clock: Clock) -> TimeWaitTable {
    let mut table = TimeWaitTable::new(config, KeyedHash::derive(&[1; 32], Purpose::Demux));
    assert_eq!(table.insert(time_wait(clock)), Inserted::WithinBound);
    table
}

fn table(clock: Clock) -> TimeWaitTable {
    table_with(&EndpointConfig::default(), clock)
}

fn segment(seq: SeqNum, control: Flags, value: Option<u32>) -> Segment {
    let timestamps = value.map(|value| Timestamps { value, echo: 0 });
    let options = Options { timestamps, ..Options::default() };
    Segment { seq, control, options, ..Segment::default() }
}

fn acked(segment: Segment) -> Segment {
    Segment { ack: Some(SND_NXT), ..segment }
}

/// In a word: what is made of a segment by a table that holds one record.
fn outcome(table: &mut TimeWaitTable, now: Instant, segment: &Segment) -> &'static str {
    match table.handle(now, &path(), segment) {
        Some(Outcome::Reopen { last }) => {
            assert_eq!(last, SND_NXT);
            "reopen"
        }
        Some(Outcome::Reply(reply)) => {
            assert_eq!((reply.segment.seq, reply.segment.ack), (SND_NXT, Some(RCV_NXT)));
            assert_eq!((reply.segment.flags(), reply.segment.window), (Flags::ACK, 1_000));
            "ack"
        }
        Some(Outcome::Drop(_)) => "drop",
        None => "gone",
    }
}

#[test]
fn sm_twsyn_1_to_6_tw_5_to_10_which_syn_lets_the_next_connection_in() {
    let syn = |seq: SeqNum, value| segment(seq, Flags::SYN, value);
    for (case, clock, syn, expected) in [
        ("tw_5 newer", Clock::On, syn(RCV_NXT - 9, Some(0)), "reopen"),
        ("tw_6 equal, number above", Clock::On, syn(RCV_NXT, Some(RECENT)), "reopen"),
        ("tw_6 equal, number not above", Clock::On, syn(RCV_NXT - 1, Some(RECENT)), "ack"),
        ("tw_10 older", Clock::On, syn(RCV_NXT + 9, Some(RECENT - 1)), "ack"),
        ("tw_7 none, number above", Clock::On, syn(RCV_NXT, None), "reopen"),
        ("tw_7 none, number not above", Clock::On, syn(RCV_NXT - 1, None), "ack"),
        ("tw_8 newly", Clock::Off, syn(RCV_NXT - 9, Some(0)), "reopen"),
        ("tw_9 never, number above", Clock::Off, syn(RCV_NXT, None), "reopen"),
        ("tw_9 never, above over the wrap", Clock::Off, syn(SeqNum::new(7), None), "reopen"),
        ("tw_9 never, number not above", Clock::Off, syn(RCV_NXT - 1, None), "ack"),
        (
            "with FIN it is a SYN",
            Clock::Off,
            { segment(RCV_NXT, Flags::SYN | Flags::FIN, None) },
            "reopen",
        ),
        (
            "with RST it is a RST",
            Clock::Off,
            { segment(RCV_NXT, Flags::SYN | Flags::RST, None) },
            "drop",
        ),
        ("sm_syn_4 with ACK it is none", Clock::Off, acked(syn(RCV_NXT, None)), "ack"),
    ] {
        assert_eq!(outcome(&mut table(clock), NOW, &syn), expected, "{case}");
    }
}

#[test]
fn tw_3_tw_4_everything_else_is_dropped_or_challenged() {
    let plain = |seq: SeqNum| acked(segment(seq, Flags::NONE, None));
    let text =
        |seq: SeqNum| Segment { payload: bytes::Bytes::from_static(b"old").into(), ..plain(seq) };
    let rst = |seq: SeqNum| segment(seq, Flags::RST, None);
    let acks = |ack: SeqNum| Segment { ack: Some(ack), ..plain(RCV_NXT) };
    for (case, segment, expected) in [
        ("sm_ack_16 a pure ACK", plain(RCV_NXT), "drop"),
        ("sm_ack_16 text in the window", text(RCV_NXT), "drop"),
        ("text from before", text(RCV_NXT - 100), "ack"),
        ("a pure ACK from before", plain(RCV_NXT - 100), "ack"),
        ("beyond the window", plain(RCV_NXT + 8_000), "ack"),
        ("sm_seq_10 the FIN again", acked(segment(RCV_NXT - 1, Flags::FIN, None)), "ack"),
        ("text and FIN again", { Segment { control: Flags::FIN, ..text(RCV_NXT - 4) } }, "ack"),
        ("sm_rst_5 RST at RCV.NXT", rst(RCV_NXT), "drop"),
        ("RST in the window", rst(RCV_NXT + 1), "drop"),
        ("sm_seq_8 RST outside", rst(RCV_NXT - 1), "drop"),
        ("sm_ack_1 no ACK", segment(RCV_NXT, Flags::NONE, None), "drop"),
        ("sm_ack_5 ACK of unsent", acks(SND_NXT + 1), "ack"),
        ("sm_ack_4 ACK too old", acks(SND_NXT - 1_001), "ack"),
        ("an old ACK", acks(SND_NXT - 1_000), "drop"),
    ] {
        let mut table = table(Clock::Off);
        assert_eq!(outcome(&mut table, NOW + Duration::from_secs(1), &segment), expected, "{case}");
        let restarted = table.deadline() != Some(NOW + Duration::from_secs(60));
        assert_eq!(restarted, segment.is_fin(), "{case}");
    }
}

#[test]
fn sm_paws_in_time_wait_the_timestamp_is_looked_at_first() {
    let plain = |value| acked(segment(RCV_NXT - 100, Flags::NONE, value));
    for (case, segment, expected) in [
        ("sm_paws_1 older", acked(segment(RCV_NXT, Flags::NONE, Some(RECENT - 1))), "ack"),
        ("sm_paws_2 missing", plain(None), "drop"),
        ("newer, but from before", plain(Some(1)), "ack"),
        ("sm_paws_3 a RST has none", segment(RCV_NXT, Flags::RST, None), "drop"),
    ] {
        assert_eq!(outcome(&mut table(Clock::On), NOW, &segment), expected, "{case}");
    }
}

#[test]
fn tw_2_a_fin_again_is_acknowledged_and_the_time_starts_anew() {
    let mut table = table(Clock::On);
    let fin = acked(segment(RCV_NXT - 1, Flags::FIN, Some(7)));
    let later = NOW + Duration::from_secs(59);
    let Some(Outcome::Reply(reply)) = table.handle(later, &path(), &fin) else { panic!() };
    let clock = timestamp_clock(later, 5);
    assert_eq!(reply.segment.options.timestamps, Some(Timestamps { value: clock, echo: RECENT }));
    assert_eq!(table.deadline(), Some(later + Duration::from_secs(60)));
    // SM-PAWS-5: it lies below the window, so what it told counts for nothing.
    let syn = segment(RCV_NXT - 9, Flags::SYN, Some(6));
    assert_eq!(outcome(&mut table, later, &syn), "reopen");
}

#[test]
fn tw_1_must_13_time_wait_lasts_twice_the_msl() {
    let config = EndpointConfig { msl: Duration::from_secs(120), ..EndpointConfig::default() };
    let mut table = table_with(&config, Clock::Off);
    let plain = acked(segment(RCV_NXT, Flags::NONE, None));
    let over = NOW + Duration::from_secs(240);
    assert_eq!(table.deadline(), Some(over));
    assert_eq!(outcome(&mut table, over - Duration::from_nanos(1), &plain), "drop");
    assert_eq!(outcome(&mut table, over, &plain), "gone", "also if the timer was not acted on yet");
    assert_eq!((table.len(), table.deadline()), (0, None));
}

#[test]
fn dec_2_a_switch_lets_a_reset_end_time_wait_if_it_is_exact() {
    let config = EndpointConfig { reset_ends_time_wait: true, ..EndpointConfig::default() };
    let mut table = table_with(&config, Clock::Off);
    assert_eq!(outcome(&mut table, NOW, &segment(RCV_NXT + 1, Flags::RST, None)), "drop");
    assert_eq!(table.len(), 1);
    assert_eq!(outcome(&mut table, NOW, &segment(RCV_NXT, Flags::RST, None)), "drop");
    assert_eq!(table.len(), 0);
}

#[test]
fn blind_8_ten_challenges_in_five_seconds_and_the_fin_is_answered_all_the_same() {
    let mut table = table(Clock::Off);
    let old = acked(segment(RCV_NXT - 100, Flags::NONE, None));
    let fin = acked(segment(RCV_NXT - 1, Flags::FIN, None));
    let answers = (0..25).filter(|_| outcome(&mut table, NOW, &old) == "ack").count();
    assert_eq!(answers, 10);
    assert_eq!(outcome(&mut table, NOW, &fin), "ack");
    assert!(matches!(table.refuse(NOW, &path()), Outcome::Drop(_)));
    assert!(matches!(table.refuse(NOW + Duration::from_secs(5), &path()), Outcome::Reply(_)));
}

#[test]
fn tw_13_f3_a_record_takes_at_most_128_octets_and_there_are_only_so_many() {
    // Path, time and links stand beside the record.
    assert!(size_of::<Record>() + 40 + 8 + 8 <= 128, "{}", size_of::<Record>());
    let config = EndpointConfig { time_wait_max: 1_000, ..EndpointConfig::default() };
    let mut table = TimeWaitTable::new(&config, KeyedHash::derive(&[1; 32], Purpose::Demux));
    let mut dropped = 0;
    for index in 0..1_000_000u32 {
        let [_, a, b, c] = index.to_be_bytes();
        let remote = ([10, a, b, c], 4_000).into();
        let path = FourTuple::new("10.0.0.2:80".parse().unwrap(), remote);
        let inserted = table.insert(TimeWait { path, ..time_wait(Clock::On) });
        dropped += u32::from(inserted == Inserted::OldestDropped);
    }
    assert_eq!((table.len(), dropped), (1_000, 999_000));
}

#[test]
fn paws_8_an_old_timestamp_is_refused_unless_the_recent_one_is_24_days_old() {
    let day = Duration::from_secs(24 * 60 * 60);
    for (age, outcome_of_old) in [(23 * day, "ack"), (25 * day, "drop")] {
        let hash = KeyedHash::derive(&[1; 32], Purpose::Demux);
        let mut table = TimeWaitTable::new(&EndpointConfig::default(), hash);
        let recent = TsRecent { value: RECENT, taken_at: NOW };
        let timestamps = Some(TimeWaitTimestamps { recent, offset: 5 });
        let entered = NOW + age;
        let _ = table.insert(TimeWait { timestamps, entered, ..time_wait(Clock::On) });
        let old = acked(segment(RCV_NXT, Flags::NONE, Some(RECENT - 1)));
        assert_eq!(outcome(&mut table, entered, &old), outcome_of_old);
    }
}
