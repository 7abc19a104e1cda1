//! What an ACK says about a loss probe, and how long one waits.
//! The probe repeated 9000 to 10000 of what was sent, or it was new text up to 10000.
use super::*;
use alloc::vec;
use alloc::vec::Vec;

const ISS: SeqNum = SeqNum::new(u32::MAX - 9_500);

fn arrival(ack: u32, sack: &[SeqRange], is_duplicate: bool) -> AckArrival<'_> {
    AckArrival {
        now: Instant::from_millis(500),
        ack: ISS + ack,
        nxt: ISS + 12_000,
        sack: Some(sack),
        is_duplicate,
        echoed_at: None,
        mss: 1_000,
    }
}

fn blocks(ranges: &[(u32, u32)]) -> Vec<SeqRange> {
    ranges.iter().map(|(from, to)| SeqRange::new(ISS + *from, ISS + *to)).collect()
}

fn again() -> TailProbe {
    let mut probe = TailProbe::default();
    probe.on_measured();
    probe.on_sent(Probed::Again(SeqRange::new(ISS + 9_000, ISS + 10_000)));
    probe
}

#[test]
fn tlp_12_tlp_13_what_an_ack_says_about_a_segment_sent_again() {
    use Probing::{Harmless, Repaired};
    for (case, ack, sack, is_duplicate, probing, is_over) in [
        ("below it", 9_000, vec![], false, Harmless, false),
        ("up to it: the segment or the probe", 10_000, vec![], false, Harmless, false),
        ("a duplicate report of it", 10_000, vec![(9_000, 10_000)], true, Harmless, true),
        ("a duplicate report with more", 11_000, vec![(9_000, 10_000)], false, Harmless, true),
        ("all of it but a FIN", 10_000, vec![(8_500, 9_999)], true, Harmless, true),
        ("a duplicate report of part of it", 10_000, vec![(9_500, 10_000)], true, Harmless, false),
        ("the rest had been lost", 10_001, vec![(9_500, 10_000)], false, Repaired, true),
        ("of something else", 10_000, vec![(8_000, 9_000)], true, Harmless, false),
        ("a repeated ACK without SACK", 10_000, vec![], true, Harmless, true),
        ("a repeated ACK below it", 9_000, vec![], true, Harmless, false),
        ("beyond it", 10_001, vec![], false, Repaired, true),
        ("beyond it, of something else", 11_000, vec![(8_000, 9_000)], false, Repaired, true),
    ] {
        let mut probe = again();
        let sack = blocks(&sack);
        assert_eq!(probe.on_ack(&arrival(ack, &sack, is_duplicate)), probing, "{case}");
        assert_eq!(probe.outstanding.is_none(), is_over, "{case}");
    }
}

#[test]
fn tlp_11_new_text_that_arrives_shows_no_loss() {
    for (ack, is_over) in [(9_999, false), (10_000, true), (11_000, true)] {
        let mut probe = TailProbe::default();
        probe.on_sent(Probed::New { end: ISS + 10_000 });
        assert_eq!(probe.on_ack(&arrival(ack, &[], false)), Probing::Harmless);
        assert_eq!(probe.outstanding.is_none(), is_over, "{ack}");
    }
}

#[test]
fn tlp_7_tlp_15_a_probe_needs_a_sample_since_the_last_and_none_on_its_way() {
    let mut probe = TailProbe::default();
    assert!(!probe.is_allowed(), "nothing was measured");
    probe.on_measured();
    assert!(probe.is_allowed());
    let mut probe = again();
    assert!(!probe.is_allowed());
    probe.on_measured();
    assert!(!probe.is_allowed(), "it is on its way");
    probe.reset();
    assert!(probe.is_allowed());
    let mut probe = again();
    probe.reset();
    assert!(!probe.is_allowed(), "nothing was measured since");
}

#[test]
fn tlp_3_to_tlp_5_two_round_trips_and_a_delayed_ack() {
    let mut recovery = LossRecovery::new(ISS);
    assert_eq!(recovery.probe_timeout(10_000, 1_000), Duration::from_secs(1));
    recovery.rtt.on_sample(Duration::from_nanos(300), 1);
    assert_eq!(recovery.probe_timeout(10_000, 1_000), GRANULARITY, "no timer can be finer");
    let mut recovery = LossRecovery::new(ISS);
    recovery.rtt.on_sample(Duration::from_millis(70), 1);
    for (flight_size, pto_ms) in [(1, 340), (1_000, 340), (1_001, 140), (100_000, 140)] {
        let pto = recovery.probe_timeout(flight_size, 1_000);
        assert_eq!(pto, Duration::from_millis(pto_ms), "{flight_size}");
    }
}
