//! Dynamic right-sizing: how large the receive buffer should be for what the application reads.

use core::time::Duration;

use synack_wire::SeqNum;

use crate::Instant;
use crate::time::Span;

/// What is measured to size the receive buffer.
///
/// What was read in a round trip is what the sender was allowed a round trip before. While that
/// grows, the window is what holds the sender back, or soon will be: the buffer grows ahead of it.
/// An application that does not read moves nothing (RBUF-5), nor does a peer that sends what is
/// not read (robustness C7). No RFC says how; this is the way of Linux (RBUF-2).
#[derive(Clone, Copy, Debug)]
pub(crate) struct RecvTuning {
    /// What the buffer should hold; zero until a round said so. It never goes back.
    wanted: u32,
    /// The most that was read in one round.
    round_max: u32,
    /// Where the reader was when this round began.
    round_start: SeqNum,
    round_began: Instant,
    /// The round trip as this end sees it.
    rtt: Option<Span>,
    /// The last echo of our clock that timed something.
    echo: Option<u32>,
    /// The end of a window that was offered, and when: text beyond it took a round trip at least.
    window: Option<(SeqNum, Instant)>,
}

/// Where the application is in what arrives. Units: octets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader {
    /// The number of the next octet to be read.
    pub(crate) position: SeqNum,
    /// A full-sized segment of the peer.
    pub(crate) mss: u16,
}

impl RecvTuning {
    /// Before the connection is established.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            wanted: 0,
            round_max: 0,
            round_start: SeqNum::new(0),
            round_began: now,
            rtt: None,
            echo: None,
            window: None,
        }
    }

    /// The handshake is complete, and took `rtt` if that could be measured: the first round begins.
    pub(crate) fn on_established(&mut self, now: Instant, rtt: Option<Duration>, reader: Reader) {
        self.rtt = rtt.filter(|rtt| !rtt.is_zero()).map(Span::from);
        self.round_began = now;
        self.round_start = reader.position;
        // What an initial window brings is no sign of growth.
        self.round_max = u32::from(reader.mss) * SEGMENTS_SLACK;
    }

    /// What the buffer should hold; zero if nothing is known. Units: octets.
    pub(crate) fn wanted(&self) -> u32 {
        self.wanted
    }

    /// A full-sized segment echoed our timestamp `echo`, which was sent `age` ago.
    ///
    /// Only the first segment of those with one echo is prompt. A shorter time counts at once: an
    /// application that had nothing to say makes them longer, and nothing makes them shorter.
    ///
    /// Source: RBUF-1.
    pub(crate) fn on_echo(&mut self, echo: u32, age: Duration) {
        if self.echo.replace(echo) == Some(echo) {
            return;
        }
        let rtt = match self.rtt() {
            // One tick of the clock may be no time at all, and the handshake was timed by a better
            // one.
            Some(rtt) if age <= TICK => rtt.min(TICK),
            Some(rtt) if age > rtt => rtt + (age - rtt) / 8,
            Some(_) | None => age,
        };
        self.rtt = Some(rtt.into());
    }

    /// Without timestamps: everything up to `nxt` has arrived, and up to `adv` is allowed. Text
    /// beyond what was allowed at a time was sent because an ACK went there and back.
    ///
    /// Source: RBUF-1.
    pub(crate) fn on_text(&mut self, now: Instant, nxt: SeqNum, adv: SeqNum) {
        if let Some((end, began)) = self.window {
            if nxt <= end {
                return;
            }
            let time = now.since(began);
            if !time.is_zero() {
                self.rtt = Some(self.rtt().map_or(time, |rtt| rtt.min(time)).into());
            }
        }
        self.window = Some((adv, now));
    }

    /// The application read. At the end of a round in which it read more than in any before, the
    /// buffer should hold twice that, and in proportion more while the sender speeds up.
    ///
    /// Source: RBUF-2, RBUF-5; robustness C7.
    pub(crate) fn on_read(&mut self, now: Instant, reader: Reader) {
        let Some(rtt) = self.rtt() else { return };
        if now.since(self.round_began) < rtt {
            return;
        }
        let read = reader.position.saturating_since(self.round_start);
        self.round_start = reader.position;
        self.round_began = now;
        if read <= self.round_max {
            return;
        }
        let before = u64::from(self.round_max.max(1));
        self.round_max = read;
        let read = u64::from(read);
        let twice = 2 * read + u64::from(reader.mss) * u64::from(SEGMENTS_SLACK);
        // Slow start doubles what arrives, and what is granted now arrives a round trip later.
        let speeding_up = (twice * (read - before) / before).min(twice);
        let wanted = u32::try_from(twice + speeding_up).unwrap_or(u32::MAX);
        self.wanted = self.wanted.max(wanted);
    }

    fn rtt(&self) -> Option<Duration> {
        self.rtt.map(Duration::from)
    }
}

/// Full-sized segments beside what was measured: an initial window and some (RFC 6928 §2), as in
/// Linux.
const SEGMENTS_SLACK: u32 = 16;
/// Of our timestamp clock (TS-13).
const TICK: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use super::*;

    const RTT: Duration = Duration::from_millis(100);
    const MSS: u16 = 1_000;

    fn at(ms: u64) -> Instant {
        Instant::from_millis(1_000 + ms)
    }

    fn reader(position: u32) -> Reader {
        Reader { position: SeqNum::new(position), mss: MSS }
    }

    fn timed(rtt: Option<Duration>) -> RecvTuning {
        let mut tuning = RecvTuning::new(at(0));
        tuning.on_established(at(0), rtt, reader(0));
        tuning
    }

    #[test]
    fn rbuf_2_twice_what_was_read_in_a_round_trip_and_more_while_it_grows() {
        for (case, read, wanted) in [
            ("as much as an initial window", 16_000, 0),
            ("a little more", 17_000, 50_000 + 3_125),
            ("twice as much", 32_000, 160_000),
            ("far more", 100_000, 432_000),
        ] {
            let mut tuning = timed(Some(RTT));
            tuning.on_read(at(99), reader(read - 1));
            assert_eq!(tuning.wanted(), 0, "{case}: the round is not over");
            tuning.on_read(at(100), reader(read));
            assert_eq!(tuning.wanted(), wanted, "{case}");
        }
    }

    #[test]
    fn rbuf_2_the_next_round_must_bring_more_and_less_takes_nothing_back() {
        let mut tuning = timed(Some(RTT));
        tuning.on_read(at(100), reader(32_000));
        tuning.on_read(at(200), reader(64_000));
        assert_eq!(tuning.wanted(), 160_000, "as much as before");
        tuning.on_read(at(300), reader(65_000));
        assert_eq!(tuning.wanted(), 160_000, "less");
        tuning.on_read(at(400), reader(129_000));
        assert_eq!(tuning.wanted(), 288_000, "more");
        tuning.on_read(at(9_000), reader(130_000));
        tuning.on_read(at(9_100), reader(170_000));
        assert_eq!(tuning.wanted(), 288_000, "less, after a pause");
    }

    #[test]
    fn rbuf_5_attack_c7_an_application_that_reads_little_needs_little() {
        let mut tuning = timed(Some(RTT));
        // All day long it takes a segment every ten milliseconds.
        for times in 1..10_000 {
            tuning.on_read(at(times * 10), reader(times as u32 * 1_000));
            assert_eq!(tuning.wanted(), 0);
        }
    }

    #[test]
    fn rbuf_1_a_round_trip_by_timestamps_becomes_shorter_at_once_and_longer_by_and_by() {
        let ms = Duration::from_millis;
        for (case, handshake, ages, rtt) in [
            ("the handshake was not timed", None, &[ms(70)][..], ms(70)),
            ("longer", Some(ms(80)), &[ms(160)], ms(90)),
            ("shorter", Some(ms(80)), &[ms(60)], ms(60)),
            ("less than a tick, after less", Some(ms(1) / 20), &[ms(1)], ms(1) / 20),
            ("less than a tick, after more", Some(ms(80)), &[ms(1)], ms(1)),
        ] {
            let mut tuning = timed(handshake);
            for (echo, age) in (7..).zip(ages) {
                tuning.on_echo(echo, *age);
                tuning.on_echo(echo, *age * 50);
            }
            assert_eq!(tuning.rtt(), Some(rtt), "{case}");
        }
    }

    #[test]
    fn rbuf_1_without_timestamps_a_window_takes_a_round_trip_at_least() {
        let mut tuning = timed(None);
        tuning.on_text(at(0), SeqNum::new(1), SeqNum::new(10_001));
        tuning.on_text(at(40), SeqNum::new(10_001), SeqNum::new(20_001));
        assert_eq!(tuning.rtt(), None, "all of it was allowed at first");
        tuning.on_text(at(50), SeqNum::new(10_002), SeqNum::new(20_001));
        assert_eq!(tuning.rtt(), Some(Duration::from_millis(50)));
        tuning.on_text(at(130), SeqNum::new(20_002), SeqNum::new(30_001));
        assert_eq!(tuning.rtt(), Some(Duration::from_millis(50)), "a slow one says nothing");
        tuning.on_text(at(160), SeqNum::new(30_002), SeqNum::new(40_001));
        assert_eq!(tuning.rtt(), Some(Duration::from_millis(30)));
    }

    #[test]
    fn rbuf_2_nothing_that_is_measured_overflows() {
        let mut tuning = timed(Some(Duration::ZERO));
        for position in [u32::MAX / 2, u32::MAX - 1, 5, u32::MAX / 2 + 4] {
            tuning.on_read(at(0), Reader { mss: u16::MAX, ..reader(position) });
        }
        tuning.on_echo(0, Duration::MAX);
        tuning.on_echo(1, Duration::MAX);
        assert!(tuning.rtt.is_some());
    }
}
