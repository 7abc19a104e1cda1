//! The variables of a connection as a value, for oracles that judge it from outside.

use synack_wire::SeqNum;

use super::{Connection, State};
use crate::Instant;
use crate::info::Counters;
use crate::timers::Timer;

/// What simulation and fuzzing look at between two calls. Not part of the interface.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "named after the variables of RFC 9293 §3.3.1 that they show")]
pub struct Internals {
    pub state: State,
    pub is_passive: bool,
    pub iss: SeqNum,
    pub snd_una: SeqNum,
    pub snd_nxt: SeqNum,
    pub snd_wnd: u32,
    pub snd_fin: Option<SeqNum>,
    pub snd_shift: u8,
    pub irs: SeqNum,
    pub rcv_nxt: SeqNum,
    pub rcv_adv: SeqNum,
    pub rcv_fin: Option<SeqNum>,
    pub rcv_shift: u8,
    pub timestamps: bool,
    pub sack: bool,
    pub smss: u32,
    pub cwnd: u32,
    pub ssthresh: u32,
    /// Octets believed to be in the network.
    pub pipe: u32,
    /// Octets that are to be sent again.
    pub lost: u32,
    /// Octets written and not sent.
    pub unsent: u64,
    /// Octets received in order and not read.
    pub unread: usize,
    /// Octets received out of order.
    pub out_of_order: usize,
    /// Whether our FIN was asked for and was not sent.
    pub wants_fin: bool,
    /// Records of what was sent, and ranges out of order.
    pub records: usize,
    pub ranges: usize,
    pub counters: Counters,
    /// RTO, back-off included. Units: nanoseconds.
    pub rto_nanos: u64,
    /// By `Timer as usize`.
    pub deadlines: [Option<Instant>; Timer::ALL.len()],
}

impl Connection {
    /// The variables as they are.
    #[doc(hidden)]
    pub fn internals(&self) -> Internals {
        let rto = self.recovery.rto(self.rto_bounds());
        Internals {
            state: self.state,
            is_passive: self.is_passive(),
            iss: self.snd.iss,
            snd_una: self.snd.una,
            snd_nxt: self.snd.nxt,
            snd_wnd: self.snd.wnd,
            snd_fin: self.snd.fin,
            snd_shift: self.snd.shift,
            irs: self.rcv.irs,
            rcv_nxt: self.rcv.nxt,
            rcv_adv: self.rcv.adv,
            rcv_fin: self.rcv.fin,
            rcv_shift: self.rcv.shift,
            timestamps: self.negotiated.timestamps,
            sack: self.negotiated.sack,
            smss: self.smss(),
            cwnd: self.cwnd(),
            ssthresh: self.congestion.ssthresh(),
            pipe: self.recovery.in_flight(),
            lost: self.recovery.lost(),
            unsent: self.unsent(),
            unread: self.recv_buffer.len(),
            out_of_order: self.reassembly.len(),
            wants_fin: self.wants_fin(),
            records: self.recovery.records(),
            ranges: self.reassembly.count(),
            counters: self.tally.counters(self.received),
            rto_nanos: u64::try_from(rto.as_nanos()).unwrap_or(u64::MAX),
            deadlines: Timer::ALL.map(|timer| self.timers.get(timer)),
        }
    }
}
