//! The copy that a stack with buffers must make: through a ring, so that it costs as much cache.

pub(super) struct Ring {
    octets: Vec<u8>,
    at: usize,
}

impl Ring {
    pub(super) fn new() -> Self {
        Self { octets: vec![7; SIZE + PIECE_MAX], at: 0 }
    }

    /// Copies octets in.
    pub(super) fn store(&mut self, octets: &[u8]) {
        let from = self.advance(octets.len());
        self.octets[from..from + octets.len()].copy_from_slice(octets);
    }

    /// The next octets to copy out.
    pub(super) fn piece(&mut self, count: usize) -> &[u8] {
        let from = self.advance(count);
        &self.octets[from..from + count]
    }

    fn advance(&mut self, count: usize) -> usize {
        if self.at > SIZE {
            self.at = 0;
        }
        let from = self.at;
        self.at += count;
        from
    }
}

/// Octets of a usual socket buffer.
const SIZE: usize = 1 << 20;
/// Longer than any packet.
const PIECE_MAX: usize = 1 << 16;
