//! What a controller is told: plain data, filled by the connection and by `recovery/`.
//!
//! Volumes are octets of sequence space, so a FIN counts as one.

use core::time::Duration;

use super::BytesPerSecond;
use crate::Instant;

/// What one ACK told. Units: octets.
///
/// A field that is not known says so (`None`), and a controller must do without it.
#[derive(Clone, Copy, Debug)]
pub struct AckSample {
    /// When the ACK arrived.
    pub now: Instant,
    /// Newly acknowledged cumulatively: how far SND.UNA advanced.
    pub acked_bytes: u32,
    /// Newly acknowledged selectively.
    pub sacked_bytes: u32,
    /// Newly delivered: acknowledged one way or the other and not so before (`RS.newly_acked`).
    pub delivered_bytes: u32,
    /// What cwnd may grow by: `acked_bytes`, or `delivered_bytes` once the path was seen to
    /// reorder. There what is overtaken often holds back SND.UNA, but not what follows it.
    pub growth_bytes: u32,
    /// Newly marked lost by this ACK (`RS.newly_lost`).
    pub lost_bytes: u32,
    /// In flight before this ACK.
    pub in_flight_before: u32,
    /// In flight after it, and after what it shows to be lost was taken off.
    pub in_flight: u32,
    /// The round-trip time that this ACK measured, if it measured one.
    pub rtt: Option<Duration>,
    /// SRTT, with that sample in it.
    pub srtt: Option<Duration>,
    /// The smallest round-trip time of late (RFC 8985 §6.2 step 1), with that sample in it.
    pub min_rtt: Option<Duration>,
    /// The delivery rate that this ACK measured, if it delivered anything.
    pub rate: Option<RateSample>,
    /// Octets delivered since the connection began, with this ACK (`C.delivered`).
    pub delivered_total: u64,
    /// Whether what was acknowledged had been sent under a window that cwnd limited; if not, cwnd
    /// is not to grow (RFC 5681 §3.1, RFC 7661, CC-23).
    pub cwnd_limited: bool,
    /// Whether fast recovery is under way, or ends with this ACK, or proves needless by it, or the
    /// ACK carries ECE: cwnd is set already, and does not grow (CC-19, FRTO-8, ECN-12).
    pub in_recovery: bool,
    /// Whether a round trip began with this ACK: all that had been sent when the last one began is
    /// acknowledged now (RFC 9406 §4.2, HS-1).
    pub round_start: bool,
    /// Whether packets are paced, so that cwnd may grow by more at once without a burst (HS-11).
    pub paced: bool,
}

/// The delivery rate between the sending of the packet delivered last and its ACK.
///
/// Source: draft-ietf-ccwg-bbr, "Delivery Rate Samples" (BBR-17).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RateSample {
    /// `RS.delivered`: octets delivered in the interval.
    pub delivered: u32,
    /// `RS.interval`: the longer one of the times that sending and acknowledging them took.
    pub interval: Duration,
    /// `RS.delivery_rate`; zero if the interval is too short to tell.
    pub delivery_rate: BytesPerSecond,
    /// `RS.prior_delivered`: [`AckSample::delivered_total`] when that packet was sent.
    pub prior_delivered: u64,
    /// `RS.tx_in_flight`: in flight when it had been sent, with itself.
    pub tx_in_flight: u32,
    /// `RS.lost`: octets marked lost since it was sent.
    pub lost: u32,
    /// `RS.is_app_limited`: it was sent while the application, and not the network, set the pace.
    pub is_app_limited: bool,
}

/// A range that was just marked lost (`HandleLostPacket` of draft-ietf-ccwg-bbr). Units: octets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LostSample {
    /// How long it is.
    pub bytes: u32,
    /// In flight when it had been sent, with itself.
    pub tx_in_flight: u32,
    /// Octets marked lost since it was sent, with itself.
    pub lost: u32,
    /// It was sent while the application set the pace.
    pub is_app_limited: bool,
    /// It follows the range that was marked lost before it, so that the two are one loss.
    pub is_adjacent: bool,
}

/// Text, or a FIN, that left for the first time or again. Units: octets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SentSample {
    /// When it left.
    pub now: Instant,
    /// How much of it there is.
    pub bytes: u32,
    /// In flight before it.
    pub in_flight_before: u32,
    /// Sending had stopped for want of text, not because of cwnd.
    pub is_app_limited: bool,
}

/// A reason to slow down.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CongestionSignal {
    /// A segment was lost and recovery by retransmission began.
    Loss,
    /// A router marked a packet instead of dropping it (RFC 3168 §6.1.2).
    Ecn,
    /// The retransmission timer expired.
    Timeout,
}

/// Congestion was met. Told once per episode: once per window for `Loss` and `Ecn`, once per
/// segment for `Timeout` (CC-9, ECN-12). Units: octets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CongestionEvent {
    /// When it was found out.
    pub now: Instant,
    /// How it shows.
    pub signal: CongestionSignal,
    /// FlightSize then (CC-20), without what Limited Transmit sent (CC-15).
    pub flight_size: u32,
    /// In flight then, what is known to be lost taken off (RFC 6675 §4).
    pub in_flight: u32,
}

/// What was taken for congestion was none: the retransmission was not needed. Units: octets.
///
/// Source: RFC 5682 §4, RFC 4015 §3 (FRTO-8); RFC 9438 §4.9 (CUBIC-18).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SpuriousEvent {
    /// When it was found out.
    pub now: Instant,
    /// What it had been taken for.
    pub signal: CongestionSignal,
    /// FlightSize now.
    pub flight_size: u32,
    /// What the ACK that shows it acknowledged.
    pub acked_bytes: u32,
}

/// What a controller begins with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Beginning {
    /// When it begins.
    pub now: Instant,
    /// The sender's maximum segment size. Units: octets.
    pub mss: u32,
    /// cwnd, unless it is inherited: [`initial_window`](super::initial_window), or one segment if
    /// more than one SYN was lost (RFC 6928 §2, IW-2). Units: octets.
    pub initial_window: u32,
    /// Whether SACK is in use, so that more than one loss shows in a round trip.
    pub sack: bool,
    /// Where all chance comes from: differs from connection to connection, and is the same when a
    /// run is repeated.
    pub seed: u64,
    /// What the controller before it had reached, if it takes over a living connection.
    pub inherited: Option<Inherited>,
}

/// What a controller takes over from the one before it. Units: octets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Inherited {
    /// Its congestion window.
    pub cwnd: u32,
    /// Its slow start threshold.
    pub ssthresh: u32,
    /// SRTT, if it was measured.
    pub srtt: Option<Duration>,
    /// The smallest round-trip time of late, if it was measured.
    pub min_rtt: Option<Duration>,
    /// Octets delivered since the connection began ([`AckSample::delivered_total`]).
    pub delivered_total: u64,
}
