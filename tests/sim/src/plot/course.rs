//! Course: a transfer from moment to moment, as far as a picture can show it.

use core::time::Duration;

use synack_wire::SeqNum;

use crate::network::Fate;
use crate::transfer::{Transfer, TransferConfig};
use crate::violation::Violation;
use crate::{Controller, Path};

/// A transfer from moment to moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Course {
    /// The sender, at about equal distances in time; ten times as close in its beginning.
    pub(super) moments: Vec<Moment>,
    /// Text that was lost, sent for the first time or again: when, and its offset in the stream.
    pub(super) lost: Vec<(Duration, u64)>,
    /// Text that was sent again.
    pub(super) again: Vec<(Duration, u64)>,
}

/// The sender at a moment. Units: octets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Moment {
    pub(super) time: Duration,
    /// Offsets in the stream: the end of what was sent, and of what was acknowledged.
    pub(super) sent: u64,
    pub(super) acknowledged: u64,
    pub(super) cwnd: u64,
    pub(super) in_flight: u64,
}

impl Course {
    /// Runs a transfer over `path` for `time`, and keeps about `moments_max` of its moments, and as
    /// many of its beginning.
    pub(super) fn run(
        path: Path,
        controller: Controller,
        time: Duration,
        moments_max: u32,
    ) -> Result<Self, Violation> {
        // More than the path carries meanwhile.
        let bytes = (path.rate.get() as f64 / 8.0 * time.as_secs_f64()) as u64 * 2;
        let mut transfer =
            Transfer::start(&TransferConfig { path, controller, bytes, seed: SEED })?;
        let mut course = Self::default();
        let mut sent_bytes_max = 0;
        let mut next = Duration::ZERO;
        let mut goes_on = true;
        while goes_on {
            goes_on = transfer.step(time)?;
            let Some(&sender) = transfer.sender() else { continue };
            let offset = |seq: SeqNum| u64::from(seq - sender.iss).saturating_sub(1);
            for sent in transfer.take_sent() {
                let (start, end) = (offset(sent.text.start), offset(sent.text.end));
                if start < sent_bytes_max {
                    course.again.push((sent.time, start));
                }
                if sent.fate == Fate::Lost {
                    course.lost.push((sent.time, start));
                }
                sent_bytes_max = sent_bytes_max.max(end);
            }
            if transfer.time() < next {
                continue;
            }
            let is_beginning = transfer.time() < beginning(time);
            let span = if is_beginning { beginning(time) } else { time };
            next = transfer.time() + span / moments_max;
            course.moments.push(Moment {
                time: transfer.time(),
                sent: offset(sender.snd_nxt),
                acknowledged: offset(sender.snd_una),
                cwnd: u64::from(sender.cwnd),
                in_flight: u64::from(sender.pipe),
            });
        }
        Ok(course)
    }
}

/// The part of a transfer of which single packets can be seen.
pub(super) fn beginning(time: Duration) -> Duration {
    time / 10
}

/// All controllers have the same luck.
const SEED: u64 = 3;
