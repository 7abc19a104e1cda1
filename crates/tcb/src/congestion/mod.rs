//! How much may be in flight: the seam for congestion controllers.
//!
//! A controller sees no connection, only samples and signals, so it can be tested with a list of
//! them. What is lost is for `recovery/` to say; when the next packet may leave, for the pacer.
//!
//! For one ACK the calls come in this order: [`on_spurious`], [`on_recovered`], [`on_lost`] for
//! each range that it shows to be lost, [`on_congestion`], [`on_ack`].
//!
//! [`on_spurious`]: CongestionController::on_spurious
//! [`on_recovered`]: CongestionController::on_recovered
//! [`on_lost`]: CongestionController::on_lost
//! [`on_congestion`]: CongestionController::on_congestion
//! [`on_ack`]: CongestionController::on_ack

mod bbr;
mod cubic;
mod fraction;
mod hystart;
pub(crate) mod pacing;
mod rate;
mod reno;
mod restart_window;
mod sample;
#[cfg(test)]
mod testing;
mod unopened;
mod validation;
mod window;
mod windowed_max;

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt::Debug;
use core::time::Duration;

pub use bbr::{Bbr, BbrFactory};
pub use cubic::{Cubic, CubicFactory, CubicOptions};
pub(crate) use fraction::Fraction;
pub use rate::BytesPerSecond;
pub use reno::{NewReno, NewRenoFactory};
pub(crate) use restart_window::RestartWindow;
pub use sample::{
    AckSample, Beginning, CongestionEvent, CongestionSignal, Inherited, LostSample, RateSample,
    SentSample, SpuriousEvent,
};
pub(crate) use unopened::Unopened;
pub use window::WindowOptions;
pub(crate) use windowed_max::WindowedMax;

use crate::Instant;

/// Governs how much may be in flight. Units: octets.
///
/// Only what every controller must answer has no default.
pub trait CongestionController: Debug + Send {
    /// What it is called, in lower case; for [`ConnectionInfo`](crate::ConnectionInfo).
    fn name(&self) -> &'static str;

    /// The handshake is complete, and took `rtt` if it could be measured.
    fn on_established(&mut self, _now: Instant, _rtt: Option<Duration>) {}

    /// Text leaves.
    fn on_sent(&mut self, _sent: &SentSample) {}

    /// Takes an ACK that acknowledged something new.
    fn on_ack(&mut self, sample: &AckSample);

    /// A range was marked lost: by an ACK, or by the reordering timer.
    fn on_lost(&mut self, _now: Instant, _lost: &LostSample) {}

    /// Takes a signal of congestion.
    fn on_congestion(&mut self, event: &CongestionEvent);

    /// All that had been sent when `signal` was met is acknowledged. Nothing is to be done if
    /// [`on_congestion`](Self::on_congestion) set cwnd for good, and no window was inflated since.
    fn on_recovered(&mut self, _now: Instant, _signal: CongestionSignal) {}

    /// What was taken for congestion was none: undoes the last reduction.
    fn on_spurious(&mut self, _event: &SpuriousEvent) {}

    /// Sending begins again after an idle time longer than one RTO (RFC 5681 §4.1, CC-22).
    fn on_restart(&mut self, now: Instant);

    /// The sender's maximum segment size is known, or changed. cwnd never grows by it.
    fn on_mss(&mut self, mss: u32);

    /// The congestion window, at least one segment.
    fn cwnd(&self) -> u32;

    /// The slow start threshold.
    fn ssthresh(&self) -> u32;

    /// The rate at which packets leave; `None` leaves it to the configuration whether, and by
    /// cwnd and SRTT how fast, they are paced (PACE-1).
    fn pacing_rate(&self) -> Option<BytesPerSecond> {
        None
    }

    /// Whether its cwnd holds in fast recovery too. If not, proportional rate reduction brings what
    /// is in flight down to ssthresh (RFC 9937 §6), and cwnd counts again when that is over.
    fn governs_recovery(&self) -> bool {
        false
    }
}

/// Makes the controller of a connection.
pub trait CongestionFactory: Debug + Send + Sync {
    /// A controller that begins with `beginning`.
    fn build(&self, beginning: &Beginning) -> Box<dyn CongestionController>;
}

/// So that a factory may be shared, and chosen at run time.
impl<F: CongestionFactory + ?Sized> CongestionFactory for Arc<F> {
    fn build(&self, beginning: &Beginning) -> Box<dyn CongestionController> {
        (**self).build(beginning)
    }
}

/// The initial window: `min(10 * mss, max(2 * mss, 14600))` octets.
///
/// Source: RFC 6928 §2 (IW-1); the default instead of RFC 5681's value (DEC-8).
pub fn initial_window(mss: u32) -> u32 {
    let mss = mss.max(1);
    mss.saturating_mul(10).min(mss.saturating_mul(2).max(14_600))
}

/// The most that cwnd may be: the largest window (RFC 7323 §2.3, WS-8).
pub(crate) const CWND_MAX: u32 = 65_535 << 14;

#[cfg(test)]
mod tests;
