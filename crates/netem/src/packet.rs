//! Packet: what a link must know of what it carries.

use alloc::vec::Vec;
use bytes::Bytes;

/// Something a link can carry: octets that can be read, changed and copied.
///
/// A duplicated packet is a `clone`. A type that holds more than octets (a tag, a time of sending)
/// implements the trait by passing on to what it holds.
pub trait Packet: Clone {
    /// The octets, from the first of the IP header.
    fn octets(&self) -> &[u8];

    /// Lets `change` alter the octets, their number included.
    fn edit(&mut self, change: impl FnOnce(&mut Vec<u8>));

    /// How many octets it takes on the link; queues, rates and the MTU go by this.
    fn len_bytes(&self) -> usize {
        self.octets().len()
    }
}

impl Packet for Vec<u8> {
    fn octets(&self) -> &[u8] {
        self
    }

    fn edit(&mut self, change: impl FnOnce(&mut Self)) {
        change(self);
    }
}

/// An edit copies the octets unless this handle is their only one.
impl Packet for Bytes {
    fn octets(&self) -> &[u8] {
        self
    }

    fn edit(&mut self, change: impl FnOnce(&mut Vec<u8>)) {
        let mut octets = Vec::from(core::mem::take(self));
        change(&mut octets);
        *self = Self::from(octets);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn editing_shared_bytes_leaves_the_other_handle_as_it_was() {
        let original = Bytes::from(vec![1, 2, 3]);
        let mut copy = original.clone();
        copy.edit(|octets| octets[0] = 9);
        assert_eq!(&original[..], [1, 2, 3]);
        assert_eq!(&copy[..], [9, 2, 3]);
    }

    #[test]
    fn an_edit_may_change_the_length() {
        let mut packet = vec![1, 2, 3];
        packet.edit(|octets| octets.truncate(1));
        assert_eq!(packet.len_bytes(), 1);
    }
}
