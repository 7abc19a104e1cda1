//! How much may be in flight: the seam for congestion controllers.
//!
//! A controller sees no connection, only samples and signals, so it can be tested with a list of
//! them. What is lost is for `recovery/` to say.

mod reno;
mod restart_window;

use alloc::boxed::Box;
use core::fmt::Debug;
use core::time::Duration;

pub use reno::{NewReno, NewRenoFactory};
pub(crate) use restart_window::RestartWindow;

use crate::Instant;

/// What one ACK told. Units: octets.
#[derive(Clone, Copy, Debug)]
pub struct AckSample {
    /// When the ACK arrived.
    pub now: Instant,
    /// Newly acknowledged cumulatively.
    pub acked_bytes: u32,
    /// Newly acknowledged selectively.
    pub sacked_bytes: u32,
    /// In flight before this ACK.
    pub in_flight_before: u32,
    /// The round-trip time that this ACK measured, if it measured one.
    pub rtt: Option<Duration>,
    /// Whether what was acknowledged had been sent under a window that cwnd limited; if not, cwnd
    /// is not to grow (RFC 5681 §3.1, RFC 7661, CC-23).
    pub cwnd_limited: bool,
    /// Whether fast recovery is under way, or ends with this ACK: cwnd is ssthresh then, and does
    /// not grow.
    pub in_recovery: bool,
}

/// A reason to slow down, told once per episode.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CongestionSignal {
    /// A segment was lost and recovery by retransmission began.
    Loss,
    /// The retransmission timer expired.
    Timeout,
}

/// Governs how much may be in flight. Units: octets.
pub trait CongestionController: Debug + Send {
    /// Takes an ACK that acknowledged something new.
    fn on_ack(&mut self, sample: &AckSample);

    /// Takes a signal of congestion; `flight_size` is FlightSize when it came (CC-20).
    fn on_congestion(&mut self, now: Instant, signal: CongestionSignal, flight_size: u32);

    /// Fast recovery is over.
    fn on_recovered(&mut self, now: Instant);

    /// Sending begins again after an idle time longer than one RTO (RFC 5681 §4.1, CC-22).
    fn on_restart(&mut self, now: Instant);

    /// The sender's maximum segment size is known, or changed. cwnd never grows by it.
    fn on_mss(&mut self, mss: u32);

    /// The congestion window, at least one segment.
    fn cwnd(&self) -> u32;

    /// The slow start threshold.
    fn ssthresh(&self) -> u32;
}

/// Makes the controller of a new connection.
pub trait CongestionFactory: Debug + Send + Sync {
    /// A controller for a connection whose sender's maximum segment size is `mss` octets.
    fn build(&self, now: Instant, mss: u32) -> Box<dyn CongestionController>;
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
