//! All connections of a stack at one moment.

use synack_tcb::ConnectionInfo;

/// What a stack holds at one moment, from [`Stack::connections`](crate::Stack::connections).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Connections {
    /// Connections from SYN-SENT and ESTABLISHED to LAST-ACK, in no order that means anything.
    pub open: Vec<ConnectionInfo>,
    /// Handshakes that a SYN to a listener began: SYN-RECEIVED.
    pub half_open: usize,
    /// Connections in TIME-WAIT.
    pub time_wait: usize,
}

impl Connections {
    /// Adds what another shard of the stack holds.
    pub(crate) fn append(&mut self, part: Self) {
        let Self { mut open, half_open, time_wait } = part;
        self.open.append(&mut open);
        self.half_open += half_open;
        self.time_wait += time_wait;
    }
}
