//! Duplicate ACKs without SACK: what each says about the network (RFC 5681 §3.2, RFC 6582).

/// Duplicate ACKs since SND.UNA last advanced, and the octets they say have left the network.
///
/// RFC 5681 inflates cwnd by a segment for each duplicate ACK. Here the same octets are taken off
/// what is in flight, which allows the same to be sent and leaves cwnd to the controller.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DuplicateAcks {
    count: u32,
    /// Units: octets.
    credit: u32,
    /// What they were believed so far, partial ACKs not taken off. Units: octets.
    credited: u32,
    /// The most that they are believed: FlightSize when recovery began. Units: octets.
    outstanding: Option<u32>,
    /// New text that the first two allowed to leave (Limited Transmit). Units: octets.
    limited_transmit: u32,
}

impl DuplicateAcks {
    /// Takes a duplicate ACK: a segment left the network, though not more than were outstanding. A
    /// peer that sends more of them gains nothing (robustness D7).
    ///
    /// The first two allow new segments by Limited Transmit, later ones by inflation. Source: RFC
    /// 5681 §3.2 (LT-1, CC-16, CC-17).
    pub(crate) fn on_duplicate(&mut self, mss: u32, flight_size: u32) {
        self.count = self.count.saturating_add(1);
        let left = self.outstanding.unwrap_or(flight_size).saturating_sub(self.credited);
        let credit = mss.min(left);
        self.credited += credit;
        self.credit += credit;
    }

    /// Recovery begins with FlightSize `flight_size`.
    pub(crate) fn on_recovery(&mut self, flight_size: u32) {
        self.outstanding = Some(flight_size);
    }

    /// New text left outside recovery.
    pub(crate) fn on_sent(&mut self, len: u32) {
        if self.count > 0 {
            self.limited_transmit = self.limited_transmit.saturating_add(len);
        }
    }

    /// Octets that Limited Transmit sent (RFC 3042 §2, LT-1).
    pub(crate) fn limited_transmit(&self) -> u32 {
        self.limited_transmit
    }

    /// SND.UNA advanced outside recovery.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }

    /// SND.UNA advanced by `acked` within recovery: deflate by as much, less a segment if at least
    /// a segment was acknowledged. Source: RFC 6582 §3.2 step 3 (NR-4).
    pub(crate) fn on_partial_ack(&mut self, acked: u32, mss: u32) {
        self.credit = self.credit.saturating_sub(acked);
        if acked >= mss {
            self.credit = self.credit.saturating_add(mss);
        }
    }

    /// How many came since SND.UNA advanced.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// Octets that they say have left the network.
    pub(crate) fn credit(&self) -> u32 {
        self.credit
    }
}

/// Duplicate ACKs that mean a loss (RFC 5681 §3.2, CC-13; RFC 6675 §2 DupThresh).
pub(crate) const DUPLICATES_FOR_LOSS: u32 = 3;
