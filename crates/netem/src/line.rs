//! Line: the rate of a bottleneck, as the time when it will be free again.

use crate::Bottleneck;
use crate::rate::Fraction;
use core::time::Duration;

/// A serial line that sends one packet after the other, with an allowance for bursts.
///
/// A token bucket in its virtual scheduling form: `full_at` is when the bucket will be full again,
/// so it is at most now for a line that rested, and the burst's own time ahead of now for one whose
/// bucket is just empty.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Line {
    full_at: Duration,
    fraction: Fraction,
}

impl Line {
    /// When the next packet may begin; may lie in the past.
    pub(crate) fn free_at(&self, of: &Bottleneck) -> Duration {
        self.full_at.saturating_sub(of.rate.time_for(of.burst_bytes))
    }

    /// Sends `len_bytes` from `now` on; returns when the last bit has left.
    pub(crate) fn send(&mut self, now: Duration, len_bytes: usize, of: &Bottleneck) -> Duration {
        if self.full_at < now {
            *self = Self { full_at: now, fraction: Fraction::default() };
        }
        let time = self.fraction.time_for(of.rate, len_bytes);
        self.full_at = self.full_at.saturating_add(time);
        self.free_at(of).max(now)
    }

    /// Goes on under another rate and burst: a packet on the line stays as it was, and what the
    /// bucket holds is kept as far as the new one takes it.
    pub(crate) fn change(&mut self, now: Duration, old: &Bottleneck, new: &Bottleneck) {
        let free_at = self.free_at(old);
        let saved = old.rate.octets_in(now.saturating_sub(free_at)).min(old.burst_bytes);
        let missing = match self.full_at <= now {
            true => 0,
            false => new.burst_bytes.saturating_sub(saved),
        };
        *self = Self {
            full_at: free_at.max(now).saturating_add(new.rate.time_for(missing)),
            fraction: Fraction::default(),
        };
    }

    /// Sends `len_bytes` if they conform to rate and burst at `now`; otherwise leaves all as it
    /// was.
    pub(crate) fn police(&mut self, now: Duration, len_bytes: usize, of: &Bottleneck) -> Policing {
        let mut after = *self;
        if after.send(now, len_bytes, of) > now {
            return Policing::Exceeds;
        }
        *self = after;
        Policing::Conforms
    }
}

/// What a policer says to a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Policing {
    /// It passes.
    Conforms,
    /// It is dropped.
    Exceeds,
}
