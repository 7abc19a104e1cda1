//! Cell: one transfer of a grid, and what it came to.

use core::time::Duration;

use synack_netem::Probability;
use synack_wire::SeqNum;

use crate::network::Fate;
use crate::transfer::{Transfer, TransferConfig};
use crate::violation::Violation;
use crate::{Controller, Path};

/// One transfer of a grid.
#[derive(Clone, Copy, Debug)]
pub struct Cell {
    /// The way that it takes.
    pub path: Path,
    /// Who governs how much is in flight.
    pub controller: Controller,
}

/// What a transfer came to.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Figures {
    /// Octets that the receiver's application read.
    pub received_bytes: u64,
    /// From the call that opened the connection to the last of these octets.
    pub time: Duration,
    /// How long a loss took to be repaired: from the loss to the ACK that covers the text, on the
    /// average and at worst.
    pub recovery: Option<Recovery>,
    /// Segments that the receiver had, in full or in part, when they came again.
    pub spurious: u32,
    /// Expiries of the retransmission timer.
    pub timeouts: u32,
    /// The most packets that ever waited before the narrow place.
    pub queue_packets_peak: usize,
}

/// How long losses took to be repaired.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Recovery {
    /// On the average.
    pub mean: Duration,
    /// At worst.
    pub max: Duration,
}

impl Cell {
    /// How much is sent: enough to leave slow start behind, and for a few losses by chance as far
    /// as that is worth computing. Units: octets.
    pub fn transfer_bytes(&self) -> u64 {
        let Path { loss, .. } = self.path;
        let of_path = self.path.bandwidth_delay_bytes() * ROUND_TRIPS_MIN;
        // A cast from float to integer saturates, also for what 0 divides.
        let of_losses = (LOSSES_MIN / loss.as_f64()) as u64;
        let packets = if loss == Probability::NEVER { 0 } else { of_losses.min(PACKETS_MAX) };
        (packets.max(PACKETS_MIN) * PACKET_BYTES).max(of_path)
    }

    /// Runs the transfer, at most for a day of its own time.
    ///
    /// # Errors
    /// The first invariant that does not hold.
    pub fn run(&self) -> Result<Figures, Violation> {
        let Self { path, controller } = *self;
        let config = TransferConfig { path, controller, bytes: self.transfer_bytes(), seed: SEED };
        let mut transfer = Transfer::start(&config)?;
        let mut repairs = Repairs::default();
        let mut goes_on = true;
        while goes_on {
            goes_on = transfer.step(TIME_MAX)?;
            for sent in transfer.take_sent().filter(|sent| sent.fate == Fate::Lost) {
                repairs.waiting.push((sent.text.end, sent.time));
            }
            if let Some(sender) = transfer.sender() {
                repairs.on_acknowledged(transfer.time(), sender.snd_una);
            }
        }
        Ok(Figures {
            received_bytes: transfer.received(),
            time: transfer.time(),
            recovery: repairs.recovery(),
            spurious: transfer.receiver().map_or(0, |it| it.counters.duplicates_in),
            timeouts: transfer.sender().map_or(0, |it| it.counters.timeouts),
            queue_packets_peak: transfer.link().queue_packets_peak,
        })
    }
}

impl Figures {
    /// What the application got. Units: bits per second.
    pub fn goodput(&self) -> f64 {
        self.received_bytes as f64 * 8.0 / self.time.as_secs_f64()
    }
}

/// Losses and when they were repaired.
#[derive(Debug, Default)]
struct Repairs {
    /// Lost and not yet acknowledged: the end of the text, the time of the loss.
    waiting: Vec<(SeqNum, Duration)>,
    una: Option<SeqNum>,
    count: u32,
    sum: Duration,
    max: Duration,
}

impl Repairs {
    /// Everything before `una` has been acknowledged.
    fn on_acknowledged(&mut self, time: Duration, una: SeqNum) {
        if self.una.replace(una) == Some(una) {
            return;
        }
        let Self { waiting, count, sum, max, .. } = self;
        waiting.retain(|(end, lost_at)| {
            let is_repaired = *end <= una;
            if is_repaired {
                let took = time - *lost_at;
                *count += 1;
                *sum += took;
                *max = took.max(*max);
            }
            !is_repaired
        });
    }

    fn recovery(&self) -> Option<Recovery> {
        let mean = self.sum.checked_div(self.count)?;
        Some(Recovery { mean, max: self.max })
    }
}

/// Packets of a transfer, whatever its path. Units: full packets.
const PACKETS_MIN: u64 = 8_000;
/// Packets that are sent to meet losses.
const PACKETS_MAX: u64 = 24_000;
/// The text of a full packet. Units: octets.
const PACKET_BYTES: u64 = 1_448;
/// How many losses by chance a transfer is to meet on the average.
const LOSSES_MIN: f64 = 8.0;
/// What the path holds is sent so many times, so that a transfer is more than its slow start.
const ROUND_TRIPS_MIN: u64 = 3;
/// Longer than a transfer takes whose every tenth packet is lost. Units: virtual time.
const TIME_MAX: Duration = Duration::from_hours(24);
/// All cells have the same luck, as far as their paths agree.
const SEED: u64 = 1;

#[cfg(test)]
mod tests {
    use super::*;
    use synack_netem::Rate;

    #[test]
    fn a_loss_counts_until_the_ack_that_covers_it() {
        let ms = Duration::from_millis;
        let (first, second) = (SeqNum::new(u32::MAX - 10), SeqNum::new(10));
        let mut repairs =
            Repairs { waiting: vec![(first, ms(1)), (second, ms(2))], ..Repairs::default() };
        repairs.on_acknowledged(ms(5), first - 1);
        assert_eq!(repairs.recovery(), None);
        repairs.on_acknowledged(ms(11), first);
        assert_eq!(repairs.recovery(), Some(Recovery { mean: ms(10), max: ms(10) }));
        repairs.on_acknowledged(ms(32), second + 5);
        assert_eq!(repairs.recovery(), Some(Recovery { mean: ms(20), max: ms(30) }));
        assert!(repairs.waiting.is_empty());
    }

    #[test]
    fn an_ideal_path_is_filled_and_nothing_comes_twice() {
        let path = Path {
            rate: Rate::mbit(10),
            rtt: Duration::from_millis(20),
            loss: Probability::NEVER,
            reordering: Probability::NEVER,
        };
        for controller in Controller::ALL {
            let figures = Cell { path, controller: *controller }.run().unwrap();
            assert!(figures.goodput() > 0.8 * 10e6, "{}: {figures:?}", controller.name);
            assert!(figures.goodput() < 10e6, "{}: {figures:?}", controller.name);
            assert_eq!(figures.spurious, 0, "{}", controller.name);
        }
    }
}
