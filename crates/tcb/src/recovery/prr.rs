//! Proportional rate reduction: how what is in flight comes down to ssthresh in fast recovery
//! (RFC 9937).
//!
//! For each octet delivered somewhat less than one may leave, so that half a round trip of silence
//! is avoided as well as a burst; and when losses brought what is in flight below ssthresh already,
//! it grows back no faster than slow start would.

/// The variables of one episode. Units: octets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Prr {
    /// What is in flight when it is over.
    ssthresh: u32,
    /// RecoverFS: what was in flight when it began, at least 1.
    recover_flight: u32,
    /// prr_delivered.
    delivered: u32,
    /// prr_out.
    out: u32,
    /// In flight + SndCnt, after the last ACK.
    cwnd: u32,
}

/// What an ACK did, as far as the reduction is concerned. Units: octets.
#[derive(Clone, Copy, Debug)]
pub(super) struct PrrAck {
    /// DeliveredData: newly delivered, one way or the other.
    pub(super) delivered: u32,
    /// In flight after it, and after what it shows to be lost was taken off.
    pub(super) in_flight: u32,
    pub(super) progress: Progress,
    /// SMSS.
    pub(super) mss: u32,
}

/// Whether recovery is under way to succeed (SafeACK, PRR-7).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Progress {
    /// SND.UNA advanced and nothing more was found to be lost.
    Safe,
    Unsafe,
}

impl Prr {
    /// An episode begins that is to bring `recover_flight` octets down to `ssthresh`.
    ///
    /// Source: RFC 9937 §6.1 (PRR-1, PRR-2).
    pub(super) fn new(ssthresh: u32, recover_flight: u32) -> Self {
        let recover_flight = recover_flight.max(1);
        Self { ssthresh, recover_flight, delivered: 0, out: 0, cwnd: 0 }
    }

    /// Takes an ACK of the episode, the one that begins it included, but not the one that ends it.
    ///
    /// Source: RFC 9937 §6.2 (PRR-3 to PRR-9).
    pub(super) fn on_ack(&mut self, ack: PrrAck) {
        let PrrAck { delivered, in_flight, progress, mss } = ack;
        if delivered == 0 {
            return;
        }
        self.delivered = self.delivered.saturating_add(delivered);
        let mut allowed = if in_flight > self.ssthresh {
            self.proportional()
        } else {
            let grown = match progress {
                Progress::Safe => mss,
                Progress::Unsafe => 0,
            };
            let conserved = self.delivered.saturating_sub(self.out).max(delivered);
            conserved.saturating_add(grown).min(self.ssthresh - in_flight)
        };
        if self.out == 0 {
            // The fast retransmit leaves whatever else holds, and as a whole.
            allowed = allowed.max(mss);
        }
        // With nothing in flight no ACK would come, and one segment may always be (RFC 5681 §3.1).
        self.cwnd = in_flight.saturating_add(allowed).max(mss);
    }

    /// Losses were found and nothing was delivered: by a timer, or by an ACK that came late. What
    /// may leave stays the same (PRR-4), but a segment may, since otherwise no ACK might come.
    pub(super) fn on_lost(&mut self, in_flight_before: u32, in_flight: u32, mss: u32) {
        let allowed = self.cwnd.saturating_sub(in_flight_before).max(mss);
        self.cwnd = in_flight.saturating_add(allowed);
    }

    /// Something left, new or again.
    ///
    /// Source: RFC 9937 §6.3.
    pub(super) fn on_sent(&mut self, len: u32) {
        self.out = self.out.saturating_add(len);
    }

    /// The window of the episode.
    pub(super) fn cwnd(&self) -> u32 {
        self.cwnd
    }

    /// `ceil(prr_delivered * ssthresh / RecoverFS) - prr_out`.
    fn proportional(&self) -> u32 {
        let share = u64::from(self.delivered) * u64::from(self.ssthresh);
        let due = share.div_ceil(u64::from(self.recover_flight));
        u32::try_from(due.saturating_sub(u64::from(self.out))).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests;
