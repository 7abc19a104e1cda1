//! LinkStats: what became of the packets of one link, by cause.

/// Counts since the link was made, in packets unless the name says otherwise.
///
/// Each packet sent, and each copy made, ends in exactly one place: delivered, lost by one cause,
/// or still inside. [`is_balanced`](Self::is_balanced) checks it. What happened on the way
/// (`corrupted`, `reordered`, `ce_marked`...) is counted beside that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct LinkStats {
    /// Packets given to the link.
    pub sent: u64,
    /// Octets given to the link.
    pub sent_bytes: u64,
    /// Packets and copies handed to the receiver.
    pub delivered: u64,
    /// Octets handed to the receiver.
    pub delivered_bytes: u64,

    /// Larger than the MTU, told to the sender or not.
    pub too_big: u64,
    /// Sent while the link was cut.
    pub lost_outage: u64,
    /// Lost by the filter or by their number.
    pub lost_targeted: u64,
    /// Lost by uniform loss.
    pub lost_uniform: u64,
    /// Lost in a bad phase of burst loss.
    pub lost_burst: u64,
    /// Found the bottleneck's queue full.
    pub queue_dropped: u64,
    /// Dropped by CoDel at the head of the queue.
    pub codel_dropped: u64,
    /// Exceeded a policer's rate.
    pub police_dropped: u64,
    /// Packets and copies for which there was no more room in flight.
    pub flight_dropped: u64,

    /// Copies made by duplication.
    pub duplicated: u64,
    /// Held back so that later packets overtake.
    pub reordered: u64,
    /// Given a delay spike.
    pub spiked: u64,
    /// Octets changed by corruption.
    pub corrupted: u64,
    /// Cut short.
    pub truncated: u64,
    /// Made longer by octets behind their end.
    pub padded: u64,
    /// Marked with Congestion Experienced by this link.
    pub ce_marked: u64,

    /// Packets in the bottleneck's queue now.
    pub queue_packets: usize,
    /// Octets in the bottleneck's queue now.
    pub queue_bytes: usize,
    /// The most packets that were ever in the queue.
    pub queue_packets_peak: usize,
    /// The most octets that were ever in the queue.
    pub queue_bytes_peak: usize,
    /// Packets and copies past the bottleneck, on their way now.
    pub in_flight_packets: usize,
    /// Octets past the bottleneck, on their way now.
    pub in_flight_bytes: usize,
}

impl LinkStats {
    /// Packets and copies that were lost, whatever the cause.
    pub const fn lost(&self) -> u64 {
        self.too_big
            + self.lost_outage
            + self.lost_targeted
            + self.lost_uniform
            + self.lost_burst
            + self.queue_dropped
            + self.codel_dropped
            + self.police_dropped
            + self.flight_dropped
    }

    /// Whether every packet and copy is accounted for exactly once.
    pub const fn is_balanced(&self) -> bool {
        let inside = (self.queue_packets + self.in_flight_packets) as u64;
        self.sent + self.duplicated == self.delivered + self.lost() + inside
    }
}
