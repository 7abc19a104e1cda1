//! The congestion window and what is in flight: I-6.

use synack_tcb::congestion::initial_window;
use synack_tcb::{Counters, State};
use synack_wire::TcpPacket;

use super::{Cause, Change};
use crate::violation::{Invariant, Violation, ensure};

/// What may leave although the window is full.
#[derive(Debug, Default)]
pub(super) struct CongestionWatch {
    /// A recovery began, the timer expired, or something proved too large: one segment leaves
    /// whatever the window says (RFC 5681 §3.2 step 3, RFC 6298 §5.4, RFC 1191 §6.4).
    has_free_segment: bool,
}

impl CongestionWatch {
    pub(super) fn judge(&mut self, change: Change<'_>, cause: &Cause<'_>) -> Result<(), Violation> {
        bounds(change)?;
        let Change { old, new, .. } = change;
        let starts = |counters: Counters| {
            (
                counters.timeouts,
                counters.recoveries,
                counters.mtu_reductions,
                counters.mtu_probes_lost,
            )
        };
        self.has_free_segment |= starts(new.counters) != starts(old.counters);
        if let Cause::Transmit(packet) = cause {
            self.in_flight(change, packet)?;
        }
        Ok(())
    }

    /// Text that leaves fits cwnd; a segment more is granted (Limited Transmit, a FIN).
    fn in_flight(&mut self, change: Change<'_>, packet: &TcpPacket) -> Result<(), Violation> {
        let Change { old, new, .. } = change;
        if packet.segment.is_empty() || packet.segment.is_syn() || new.pipe <= old.pipe {
            return Ok(());
        }
        let is_again = new.snd_nxt == old.snd_nxt;
        if is_again && core::mem::take(&mut self.has_free_segment) {
            return Ok(());
        }
        // A loss probe of new text is a segment more, however much is in flight (RFC 8985 §7.3).
        let is_probe = new.counters.loss_probes != old.counters.loss_probes;
        let limit = if is_probe { new.cwnd.max(old.pipe) } else { new.cwnd };
        // A FIN takes a number and no room.
        let segment_max = new.smss + u32::from(packet.segment.is_fin());
        ensure(new.pipe <= limit.saturating_add(segment_max), Invariant::Congestion, || {
            format!("{} octets in flight under cwnd {} after {packet}", new.pipe, new.cwnd)
        })
    }
}

fn bounds(change: Change<'_>) -> Result<(), Violation> {
    let Change { old, new, .. } = change;
    let ensure = |holds: bool, what: &str| {
        ensure(holds, Invariant::Congestion, || {
            format!("{what}: smss {}, cwnd {}, ssthresh {}", new.smss, new.cwnd, new.ssthresh)
        })
    };
    ensure(new.cwnd >= new.smss, "cwnd is below a segment")?;
    ensure(new.cwnd <= CWND_MAX, "cwnd is above the largest window")?;
    // RFC 5681 §3.1: max(FlightSize / 2, 2 * SMSS), also when it is lowered.
    ensure(new.ssthresh >= new.smss.saturating_mul(2), "ssthresh is below two segments")?;
    if old.state != State::Established && new.state == State::Established {
        // RFC 6928 §2.
        ensure(new.cwnd <= initial_window(new.smss), "the initial window is too large")?;
    }
    Ok(())
}

/// RFC 7323 §2.3: no window can be larger.
const CWND_MAX: u32 = 65_535 << 14;
