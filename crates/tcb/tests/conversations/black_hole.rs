//! Paths that swallow large packets and say nothing (PLPMTUD-7, RFC 2923 §2.1): how they are found
//! out, and what is not taken for one. The far end receives what the path carries.

use synack_tcb::MtuProbing;
use synack_wire::SeqNum;

use super::path_mtu::{lengths, wide, wide_over_ipv6};
use crate::support::{Conversation, Setup};

/// A far end behind a path that carries packets of up to `limit` octets, and takes `RTT_MS`.
pub(crate) struct FarEnd {
    pub(crate) limit: usize,
    /// Everything below this arrived, in relative numbers.
    pub(crate) nxt: u32,
    /// What arrived above it.
    above: Vec<(u32, u32)>,
    sack: bool,
}

pub(crate) const RTT_MS: u64 = 50;

impl FarEnd {
    pub(crate) fn behind(limit: usize, setup: &Setup) -> Self {
        let sack = setup.options.sack_permitted;
        Self { limit, nxt: 1, above: Vec::new(), sack }
    }

    /// What left so far arrives after a round trip, as far as the path carries it; each packet is
    /// acknowledged.
    pub(crate) fn round(&mut self, c: &mut Conversation) {
        let mut packets = c.packets();
        packets.retain(|packet| packet.len() <= self.limit);
        c.run(RTT_MS);
        for packet in packets {
            let start = packet.segment.seq - SeqNum::new(c.iss.get());
            let len = packet.segment.payload.len();
            if len > 0 {
                self.take((start, start + len));
                self.acknowledge(c);
            }
        }
    }

    /// Rounds until everything below `end` arrived; returns how long that took. Units: ms.
    #[track_caller]
    pub(crate) fn receive_to(&mut self, c: &mut Conversation, end: u32) -> u64 {
        let began = c.clock_ms();
        while self.nxt < end {
            self.round(c);
            assert!(c.clock_ms() - began < 600_000, "{} of {end} arrived", self.nxt);
        }
        c.clock_ms() - began
    }

    /// Rounds with always more to send, until no probe leaves any more; returns how long that took.
    /// Units: ms.
    #[track_caller]
    pub(crate) fn settle(&mut self, c: &mut Conversation) -> u64 {
        let began = c.clock_ms();
        let mut quiet = (0, 0);
        while quiet.1 < 20 {
            if c.info().unsent < 100_000 {
                c.write(100_000);
            }
            let before = self.nxt;
            self.round(c);
            let probes = c.info().counters.mtu_probes;
            let is_quiet = probes == quiet.0 && self.nxt > before;
            quiet = (probes, if is_quiet { quiet.1 + 1 } else { 0 });
            assert!(c.clock_ms() - began < 600_000, "{probes} probes");
        }
        c.clock_ms() - began
    }

    /// Rounds until all that was written arrived.
    #[track_caller]
    pub(crate) fn finish(&mut self, c: &mut Conversation) {
        let end = c.acked + c.info().unacked + c.info().unsent as u32;
        self.receive_to(c, end);
    }

    fn take(&mut self, range: (u32, u32)) {
        self.above.push(range);
        self.above.sort_unstable();
        while let Some(index) = self.above.iter().position(|(start, _)| *start <= self.nxt) {
            let (_, end) = self.above.remove(index);
            self.nxt = self.nxt.max(end);
        }
    }

    fn acknowledge(&self, c: &mut Conversation) {
        c.acked = self.nxt;
        if !self.sack || self.above.is_empty() {
            c.ack(self.nxt);
            return;
        }
        let mut blocks: Vec<(u32, u32)> = Vec::new();
        for (start, end) in self.above.iter().copied() {
            match blocks.last_mut().filter(|last| start <= last.1) {
                Some(last) => last.1 = last.1.max(end),
                None => blocks.push((start, end)),
            }
        }
        blocks.reverse();
        blocks.truncate(4);
        c.sack(&blocks);
    }
}

/// With probing as it is by default.
pub(crate) fn by_default(setup: Setup) -> Setup {
    setup.configured(|config| config.mtu_probing = MtuProbing::default())
}

#[test]
fn plpmtud_7_a_black_hole_is_found_out_and_the_largest_size_that_passes_after_it() {
    for (setup, limit) in [
        (wide(), 1_300),
        (wide(), 600),
        (wide(), 300),
        (wide().offering(|options| options.sack_permitted = false), 1_300),
        (wide_over_ipv6(), 1_400),
        (wide_over_ipv6(), 1_280),
    ] {
        let setup = by_default(setup);
        let mut c = setup.open();
        let mut far = FarEnd::behind(limit, &setup);
        let time_ms = far.settle(&mut c);
        let info = c.info();
        assert!(info.path_mtu as usize <= limit, "{} of {limit}", info.path_mtu);
        assert!(info.path_mtu as usize + 8 > limit, "{} of {limit}", info.path_mtu);
        // RTO doubles from 300 ms, and what nearly every path takes is given up late.
        let bound_ms = if limit < 1_024 { 200_000 } else { 10_000 };
        assert!(time_ms < bound_ms, "{limit}: {time_ms} ms");
        assert!(info.counters.mtu_reductions > 0);
    }
}

#[test]
fn plpmtud_7_the_third_timeout_of_a_large_segment_and_not_the_first_makes_it_smaller() {
    let mut c = by_default(wide()).open();
    c.write(10_000);
    lengths(&mut c);
    let mut seen = Vec::new();
    while seen.len() < 11 {
        c.run(10);
        seen.extend(lengths(&mut c));
    }
    // A probe of the tail is none of a timeout.
    let seen = &seen[usize::from(c.info().counters.loss_probes > 0)..];
    assert_eq!(seen[..6], [1_500, 1_500, 1_024, 1_024, 1_024, 1_024]);
    assert_eq!(seen[6..10], [512, 512, 256, 256], "what nearly every path takes is kept longer");
}

#[test]
fn plpmtud_7_however_long_the_silence_there_is_a_floor() {
    for (setup, floor) in [(wide(), 68), (wide_over_ipv6(), 1_280)] {
        let setup = by_default(setup).configured(|config| {
            config.user_timeout = Some(core::time::Duration::from_hours(1));
            config.retransmission_r2 = None;
        });
        let mut c = setup.open();
        c.write(30_000);
        for _ in 0..3_000 {
            c.run(1_000);
            assert!(lengths(&mut c).iter().all(|length| *length >= floor as usize));
        }
        assert_eq!(c.info().path_mtu, floor);
    }
}

#[test]
fn plpmtud_7_silence_after_small_segments_says_nothing_of_sizes() {
    let mut c = by_default(wide()).open();
    c.write(400);
    c.run(20_000);
    assert!(c.info().counters.timeouts > 4);
    assert_eq!((c.info().path_mtu, c.info().counters.mtu_reductions), (1_500, 0));
}

#[test]
fn plpmtud_7_a_window_that_was_taken_back_is_no_black_hole() {
    let mut c = by_default(wide()).open();
    c.write(10_000);
    for _ in 0..40 {
        c.packets();
        c.offer(0);
        c.run(500);
    }
    assert_eq!((c.info().path_mtu, c.info().counters.mtu_reductions), (1_500, 0));
}

#[test]
fn plpmtud_7_after_an_outage_the_size_is_soon_what_it_was() {
    let setup = by_default(wide());
    let mut c = setup.open();
    let mut far = FarEnd::behind(1_500, &setup);
    c.write(500_000);
    far.receive_to(&mut c, 50_000);
    // Nothing passes for four seconds.
    far.limit = 0;
    for _ in 0..80 {
        far.round(&mut c);
    }
    assert!(c.info().path_mtu < 1_500);
    far.limit = 1_500;
    let time_ms = far.receive_to(&mut c, 300_000);
    let info = c.info();
    assert_eq!((info.path_mtu, info.counters.mtu_probes_lost), (1_500, 0));
    assert_eq!(info.counters.mtu_probes, 1, "the first is as large as the link takes");
    assert!(time_ms < 10_000, "{time_ms} ms");
}

#[test]
fn plpmtud_7_switched_off_a_black_hole_stops_the_connection() {
    let setup = wide();
    let mut c = setup.open();
    let mut far = FarEnd::behind(1_400, &setup);
    c.write(40_000);
    for _ in 0..1_000 {
        far.round(&mut c);
    }
    assert_eq!((far.nxt, c.info().path_mtu), (1, 1_500));
    // A reader of the option may change that while it lives.
    c.configure(|config| config.mtu_probing = MtuProbing::OnBlackHole);
    far.receive_to(&mut c, 40_001);
}
