//! Sample: one transfer for a time, and what it came to.

use core::fmt;
use core::time::Duration;

use synack_tcb::Internals;

use super::Spread;
use crate::transfer::{Transfer, TransferConfig};
use crate::violation::Violation;

/// What a transfer came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sample {
    /// Octets that the receiver's application read.
    pub received_bytes: u64,
    /// From the call that opened the connection to the end of the sample.
    pub time: Duration,
    /// When the first slow start ended, and cwnd before; `None` if it went on to the end.
    pub slow_start: Option<SlowStartEnd>,
    /// Recoveries that losses began.
    pub recoveries: u32,
    /// Expiries of the retransmission timer.
    pub timeouts: u32,
    /// Recoveries of either kind that proved needless.
    pub needless: u32,
    /// Segments that the receiver had already when they came again.
    pub spurious: u32,
    /// Packets that the path lost by chance.
    pub lost: u64,
    /// Packets that the queue had no room for.
    pub overflowed: u64,
}

/// The end of the first slow start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SlowStartEnd {
    /// Since the call that opened the connection.
    pub time: Duration,
    /// cwnd at its most. Units: octets.
    pub cwnd: u32,
}

/// Takes one figure from a sample.
type Figure = fn(&Sample) -> f64;

/// Is told of the moments of a transfer.
pub type Follower<'a> = &'a mut dyn FnMut(&dyn fmt::Display);

impl Sample {
    /// The figures that a summary shows, by name.
    pub(super) const FIGURES: [(&'static str, Figure); 9] = [
        ("Mbit/s", Self::goodput_mbit),
        ("slow start, s", |it| it.slow_start.map_or(it.time, |end| end.time).as_secs_f64()),
        ("cwnd at its end, kB", |it| it.slow_start.map_or(0.0, |end| f64::from(end.cwnd) / 1e3)),
        ("recoveries", |it| f64::from(it.recoveries)),
        ("timeouts", |it| f64::from(it.timeouts)),
        ("needless", |it| f64::from(it.needless)),
        ("spurious segments", |it| f64::from(it.spurious)),
        ("lost", |it| it.lost as f64),
        ("overflowed", |it| it.overflowed as f64),
    ];

    /// What the application got. Units: millions of bits per second.
    pub fn goodput_mbit(&self) -> f64 {
        self.received_bytes as f64 * 8.0 / self.time.as_secs_f64() / 1e6
    }

    pub(super) fn take(
        spread: &Spread,
        seed: u64,
        mut follower: Option<Follower<'_>>,
    ) -> Result<Self, Violation> {
        let Spread { path, controller, time, .. } = *spread;
        // More than the path carries meanwhile.
        let bytes = (path.rate.get() as f64 / 8.0 * time.as_secs_f64()) as u64 * 2;
        let mut transfer = Transfer::start(&TransferConfig { path, controller, bytes, seed })?;
        let mut slow_start = None;
        let mut cwnd_max = 0;
        let mut seen = None;
        let mut goes_on = true;
        while goes_on && transfer.time() < time {
            goes_on = transfer.step(time)?;
            let Some(&sender) = transfer.sender() else { continue };
            cwnd_max = cwnd_max.max(sender.cwnd);
            if sender.ssthresh == u32::MAX {
                // It had not ended: what ended it was taken back.
                slow_start = None;
            } else if slow_start.is_none() {
                slow_start = Some(SlowStartEnd { time: transfer.time(), cwnd: cwnd_max });
            }
            let moment = Moment::of(&transfer, &sender);
            if let Some(follow) = &mut follower
                && seen.replace(moment) != Some(moment)
            {
                follow(&At(transfer.time(), moment));
            }
        }
        let counters = transfer.sender().map(|it| it.counters).unwrap_or_default();
        let link = transfer.link();
        Ok(Self {
            received_bytes: transfer.received(),
            time,
            slow_start,
            recoveries: counters.recoveries,
            timeouts: counters.timeouts,
            needless: counters.spurious,
            spurious: transfer.receiver().map_or(0, |it| it.counters.duplicates_in),
            lost: link.lost_uniform,
            overflowed: link.queue_dropped,
        })
    }
}

/// A transfer at a moment. Units: octets since the beginning, or octets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Moment {
    una: u32,
    nxt: u32,
    cwnd: u32,
    ssthresh: u32,
    pipe: u32,
    lost: u32,
    retransmissions: u32,
    recoveries: u32,
    timeouts: u32,
    needless: u32,
    spurious: u32,
}

impl Moment {
    fn of(transfer: &Transfer, sender: &Internals) -> Self {
        Self {
            una: sender.snd_una - sender.iss,
            nxt: sender.snd_nxt - sender.iss,
            cwnd: sender.cwnd,
            ssthresh: sender.ssthresh,
            pipe: sender.pipe,
            lost: sender.lost,
            retransmissions: sender.counters.retransmissions,
            recoveries: sender.counters.recoveries,
            timeouts: sender.counters.timeouts,
            needless: sender.counters.spurious,
            spurious: transfer.receiver().map_or(0, |it| it.counters.duplicates_in),
        }
    }
}

/// A moment and its time, on a line.
struct At(Duration, Moment);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(time, moment) = self;
        let Moment { una, nxt, cwnd, pipe, lost, retransmissions, .. } = moment;
        write!(f, "{:>11.6} una {una} nxt {nxt} cwnd {cwnd}", time.as_secs_f64())?;
        match moment.ssthresh {
            u32::MAX => write!(f, " ssthresh -")?,
            ssthresh => write!(f, " ssthresh {ssthresh}")?,
        }
        let Moment { recoveries, timeouts, needless, spurious, .. } = moment;
        write!(f, " pipe {pipe} lost {lost} again {retransmissions}")?;
        write!(f, " recoveries {recoveries} timeouts {timeouts} needless {needless}")?;
        write!(f, " spurious {spurious}")
    }
}
