//! Datagram: a packet on a link, with what it was before the link spoiled it.

use bytes::Bytes;
use synack_netem::Packet;

/// Octets on their way.
#[derive(Clone, Debug)]
pub struct Datagram {
    octets: Bytes,
    original: Bytes,
}

impl Datagram {
    /// What a host emitted.
    pub(crate) fn new(octets: Bytes) -> Self {
        Self { original: octets.clone(), octets }
    }

    /// The octets as they were emitted.
    pub(crate) fn original(&self) -> Bytes {
        self.original.clone()
    }

    /// The octets as they arrive.
    pub(crate) fn into_octets(self) -> Bytes {
        self.octets
    }
}

impl Packet for Datagram {
    fn octets(&self) -> &[u8] {
        &self.octets
    }

    fn edit(&mut self, change: impl FnOnce(&mut Vec<u8>)) {
        self.octets.edit(change);
    }
}
