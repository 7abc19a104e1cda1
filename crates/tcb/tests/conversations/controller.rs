//! What a congestion controller is told, and in which order (BBR-16, BBR-17).
//! A controller with a fixed window writes everything down. A round trip takes 100 ms.

use std::sync::{Arc, Mutex};

use synack_tcb::Instant;
use synack_tcb::congestion::{
    AckSample, Beginning, CongestionController, CongestionEvent, CongestionFactory,
    CongestionSignal, LostSample, SentSample,
};

use crate::support::{Conversation, Setup};

/// What it was told.
#[derive(Clone, Debug)]
enum Told {
    Sent(SentSample),
    Ack(AckSample),
    Lost(LostSample),
    Congestion(CongestionSignal),
    Recovered(CongestionSignal),
}

/// Writes down what it is told.
#[derive(Clone, Debug, Default)]
struct Scribe(Arc<Mutex<Vec<Told>>>);

impl Scribe {
    fn note(&self, told: Told) {
        self.0.lock().unwrap().push(told);
    }

    fn take(&self) -> Vec<Told> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    /// The samples of the ACKs since the last look.
    fn acks(&self) -> Vec<AckSample> {
        let told = self.take();
        told.iter().filter_map(|it| if let Told::Ack(it) = it { Some(*it) } else { None }).collect()
    }
}

impl CongestionFactory for Scribe {
    fn build(&self, _beginning: &Beginning) -> Box<dyn CongestionController> {
        Box::new(self.clone())
    }
}

impl CongestionController for Scribe {
    fn name(&self) -> &'static str {
        "scribe"
    }

    fn on_sent(&mut self, sent: &SentSample) {
        self.note(Told::Sent(*sent));
    }

    fn on_ack(&mut self, sample: &AckSample) {
        self.note(Told::Ack(*sample));
    }

    fn on_lost(&mut self, _now: Instant, lost: &LostSample) {
        self.note(Told::Lost(*lost));
    }

    fn on_congestion(&mut self, event: &CongestionEvent) {
        self.note(Told::Congestion(event.signal));
    }

    fn on_recovered(&mut self, _now: Instant, signal: CongestionSignal) {
        self.note(Told::Recovered(signal));
    }

    fn on_restart(&mut self, _now: Instant) {}

    fn on_mss(&mut self, _mss: u32) {}

    fn cwnd(&self) -> u32 {
        CWND
    }

    fn ssthresh(&self) -> u32 {
        CWND
    }

    fn governs_recovery(&self) -> bool {
        true
    }
}

const CWND: u32 = 10_000;

/// Ten segments in flight since 0 ms, of `written` octets; it is 100 ms.
fn in_flight(written: usize) -> (Conversation, Scribe) {
    let scribe = Scribe::default();
    let factory = Arc::new(scribe.clone());
    let mut c = Setup::sack().configured(|config| config.congestion = factory).open();
    c.write(written);
    assert_eq!(c.packets().len(), 10);
    c.run_to(100);
    (c, scribe)
}

#[test]
fn bbr_17_samples_of_a_bulk_transfer_tell_the_rate_of_the_path() {
    let (mut c, scribe) = in_flight(100_000);
    // The path delivers 1000 octets every 10 ms, and so the ACKs come and text leaves.
    for segment in 1..=40 {
        c.run_to(100 + 10 * u64::from(segment));
        c.ack(1 + 1_000 * segment);
    }
    let acks = scribe.acks();
    assert_eq!(acks.len(), 40);
    assert_eq!(acks[39].delivered_total, 40_000);
    // A round trip and more after the first ACK, every packet left after one.
    for ack in &acks[20..] {
        let rate = ack.rate.unwrap();
        assert_eq!((rate.delivery_rate.get(), rate.is_app_limited), (100_000, false));
        assert_eq!((rate.tx_in_flight, rate.lost), (10_000, 0));
        assert_eq!(u64::from(rate.delivered), ack.delivered_total - rate.prior_delivered);
    }
}

#[test]
fn bbr_17_samples_of_a_trickle_are_the_applications() {
    let (mut c, scribe) = in_flight(10_000);
    c.ack(10_001);
    scribe.take();
    for segment in 0..5 {
        let ms = 200 + 200 * u64::from(segment);
        c.run_to(ms);
        c.write(1_000);
        assert!(matches!(scribe.take()[..], [Told::Sent(SentSample { is_app_limited: true, .. })]));
        c.run_to(ms + 100);
        c.ack(11_001 + 1_000 * segment);
        let rate = scribe.acks()[0].rate.unwrap();
        assert!(rate.is_app_limited);
        assert_eq!(rate.delivery_rate.get(), 10_000);
    }
    // Text enough for three windows: for a round trip the samples are still the application's.
    c.write(30_000);
    let mut limited = vec![];
    for segment in 1..=20 {
        c.run_to(1_200 + 10 * u64::from(segment));
        c.ack(15_001 + 1_000 * segment);
        limited.push(scribe.acks()[0].rate.unwrap().is_app_limited);
    }
    assert!(limited[0] && !limited[15], "{limited:?}");
    assert!(limited.is_sorted_by_key(|limited| !limited), "{limited:?}");
}

#[test]
fn bbr_16_losses_are_told_one_by_one_and_before_what_they_bring_about() {
    let (mut c, scribe) = in_flight(100_000);
    scribe.take();
    // 1 and 2001 to 4001 are lost.
    c.sack(&[(1_001, 2_001), (4_001, 10_001)]);
    let told = scribe.take();
    let lost = |at: usize| {
        let Told::Lost(it) = &told[at] else { panic!("{told:?}") };
        (it.bytes, it.tx_in_flight, it.lost, it.is_adjacent)
    };
    assert_eq!(lost(0), (1_000, 1_000, 1_000, false));
    assert_eq!(lost(1), (1_000, 3_000, 2_000, false));
    assert_eq!(lost(2), (1_000, 4_000, 3_000, true));
    assert!(matches!(told[3], Told::Congestion(CongestionSignal::Loss)));
    let Told::Ack(ack) = &told[4] else { panic!("{told:?}") };
    assert_eq!((ack.lost_bytes, ack.sacked_bytes, ack.rate.unwrap().lost), (3_000, 7_000, 3_000));
    c.run_to(200);
    c.ack(10_001);
    let told = scribe.take();
    assert!(told.iter().any(|it| matches!(it, Told::Recovered(CongestionSignal::Loss))));
}

#[test]
fn bbr_19_a_timeout_tells_of_all_that_it_takes_for_lost() {
    let (mut c, scribe) = in_flight(10_000);
    scribe.take();
    c.run_to(1_000);
    let told = scribe.take();
    let is_timeout = |it: &Told| matches!(it, Told::Congestion(CongestionSignal::Timeout));
    let at = told.iter().position(is_timeout).unwrap();
    let lost = told[..at].iter().map(|it| if let Told::Lost(it) = it { it.bytes } else { 0 });
    assert!(lost.sum::<u32>() >= 1_000, "{told:?}");
}

#[test]
fn cc_4_cwnd_may_grow_by_what_sack_reports_once_the_path_reorders() {
    let (mut c, scribe) = in_flight(100_000);
    let growth = |c: &mut Conversation, acked: u32, blocks: &[(u32, u32)]| {
        c.acked = acked;
        c.sack(blocks);
        let acks = scribe.acks();
        (acks[0].acked_bytes, acks[0].sacked_bytes, acks[0].growth_bytes)
    };
    // 1 is late, and nobody knows that such things happen here.
    assert_eq!(growth(&mut c, 1, &[(1_001, 2_001)]), (0, 1_000, 0));
    // It comes: what was reported before counts no more than this once.
    assert_eq!(growth(&mut c, 2_001, &[]), (2_000, 0, 1_000));
    // From now on it counts when it is delivered.
    assert_eq!(growth(&mut c, 2_001, &[(3_001, 4_001)]), (0, 1_000, 1_000));
    assert_eq!(growth(&mut c, 4_001, &[]), (2_000, 0, 1_000));
    assert_eq!(growth(&mut c, 5_001, &[]), (1_000, 0, 1_000));
}
