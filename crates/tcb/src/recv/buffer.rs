//! Octets in order, as chunks: what waits for the reader, and what one range of reassembly holds.

use alloc::boxed::Box;
use alloc::collections::VecDeque;

use bytes::{Buf, Bytes, BytesMut};

/// A queue of octets.
///
/// A long payload is kept as the slice it came in; a short one is copied behind the last octets, so
/// that it does not hold a whole receive block (robustness C4, RBUF-9). What it is kept in is there
/// from the first octet on, until the connection is quiet.
#[derive(Debug, Default)]
pub(crate) struct RecvBuffer {
    kept: Option<Box<Kept>>,
    len: usize,
}

/// What octets are kept in.
#[derive(Debug, Default)]
struct Kept {
    /// Slices, none empty; everything in `tail` comes after them.
    chunks: VecDeque<Bytes>,
    /// Copies of short payloads.
    tail: BytesMut,
}

/// How much is allocated for a copy of a short payload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum CopyRoom {
    /// A block, as more will follow.
    Block,
    /// What it takes, and what appending to a vector costs: of ranges there are many, and each may
    /// hold a single octet (robustness C2).
    Tight,
}

impl RecvBuffer {
    /// Octets held.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing is held.
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether it takes memory beside what it holds.
    pub(crate) fn has_spare(&self) -> bool {
        self.kept.is_some() && self.is_empty()
    }

    /// Appends a slice; copies it if it is shorter than `copy_below`.
    pub(crate) fn push(&mut self, slice: Bytes, copy_below: usize, room: CopyRoom) {
        if slice.is_empty() {
            return;
        }
        self.len += slice.len();
        let kept = self.kept.get_or_insert_default();
        if slice.len() < copy_below {
            kept.append_copy(&slice, room);
            return;
        }
        kept.seal();
        kept.chunks.push_back(slice);
    }

    /// Prepends a slice; copies it if it is shorter than `copy_below`, together with what it comes
    /// before if that is as short: octets that come last first must not cost a chunk each (RBUF-9).
    pub(crate) fn push_front(&mut self, slice: Bytes, copy_below: usize) {
        if slice.is_empty() {
            return;
        }
        self.len += slice.len();
        let Kept { chunks, tail } = &mut **self.kept.get_or_insert_default();
        if slice.len() >= copy_below {
            chunks.push_front(slice);
            return;
        }
        let first: &[u8] = chunks.front().map_or(tail, |chunk| chunk);
        if first.len() >= copy_below {
            chunks.push_front(Bytes::copy_from_slice(&slice));
            return;
        }
        let mut joined = BytesMut::with_capacity(slice.len() + first.len());
        joined.extend_from_slice(&slice);
        joined.extend_from_slice(first);
        match chunks.front_mut() {
            Some(first) => *first = joined.freeze(),
            None => *tail = joined,
        }
    }

    /// Appends everything that `other` holds.
    pub(crate) fn append(&mut self, other: Self, room: CopyRoom) {
        let Some(mut other_kept) = other.kept else { return };
        self.len += other.len;
        let kept = self.kept.get_or_insert_default();
        if other_kept.chunks.is_empty() {
            kept.append_copy(&other_kept.tail, room);
            return;
        }
        kept.seal();
        kept.chunks.append(&mut other_kept.chunks);
        kept.tail = other_kept.tail;
    }

    /// The first octets that lie together; empty if nothing is held.
    pub(crate) fn first(&self) -> &[u8] {
        self.kept.as_ref().map_or(&[], |kept| kept.first())
    }

    /// Copies octets out until `into` is full or nothing is left.
    pub(crate) fn read(&mut self, into: &mut [u8]) -> usize {
        let Some(kept) = &mut self.kept else { return 0 };
        let mut filled = 0;
        while filled < into.len() {
            let first = kept.first();
            let count = first.len().min(into.len() - filled);
            if count == 0 {
                break;
            }
            into[filled..filled + count].copy_from_slice(&first[..count]);
            filled += count;
            kept.advance(count);
        }
        self.len -= filled;
        filled
    }

    /// Copies octets until `into` is full or all were copied, and leaves them where they are.
    pub(crate) fn copy_to(&self, into: &mut [u8]) -> usize {
        let Some(kept) = &self.kept else { return 0 };
        let chunks = kept.chunks.iter().map(|chunk| &chunk[..]).chain([&kept.tail[..]]);
        let mut filled = 0;
        for chunk in chunks {
            let count = chunk.len().min(into.len() - filled);
            into[filled..filled + count].copy_from_slice(&chunk[..count]);
            filled += count;
        }
        filled
    }

    /// The first octets that lie together, without a copy, left where they are; empty if nothing is
    /// held.
    pub(crate) fn first_bytes(&mut self) -> Bytes {
        let Some(kept) = &mut self.kept else { return Bytes::new() };
        if kept.chunks.is_empty() {
            kept.seal();
        }
        kept.chunks.front().cloned().unwrap_or_default()
    }

    /// Drops the first `count` octets, or all of them when there are fewer.
    pub(crate) fn discard(&mut self, count: usize) {
        let Some(kept) = &mut self.kept else { return };
        let mut left = count.min(self.len);
        self.len -= left;
        while left > 0 {
            let step = left.min(kept.first().len());
            kept.advance(step);
            left -= step;
        }
    }

    /// Takes out at most `octets_max` that lie together, without a copy where they were kept as a
    /// slice; empty if nothing is held.
    pub(crate) fn read_bytes(&mut self, octets_max: usize) -> Bytes {
        let Some(kept) = &mut self.kept else { return Bytes::new() };
        let octets = match kept.chunks.front_mut() {
            Some(chunk) if chunk.len() <= octets_max => kept.chunks.pop_front().unwrap_or_default(),
            Some(chunk) => chunk.split_to(octets_max),
            None => kept.tail.split_to(octets_max.min(kept.tail.len())).freeze(),
        };
        self.len -= octets.len();
        octets
    }

    /// Drops everything.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Gives back the memory of blocks that hold nothing.
    pub(crate) fn shrink(&mut self) {
        if self.is_empty() {
            self.clear();
        }
    }
}

impl Kept {
    /// The first octets that lie together; empty if nothing is held.
    fn first(&self) -> &[u8] {
        match self.chunks.front() {
            Some(chunk) => chunk,
            None => &self.tail,
        }
    }

    /// Drops `count` octets of the first chunk, or of the tail.
    fn advance(&mut self, count: usize) {
        let Some(chunk) = self.chunks.front_mut() else {
            self.tail.advance(count);
            if self.tail.is_empty() {
                // Back to the whole block, unless a reader holds a slice of it.
                let _ = self.tail.try_reclaim(TAIL_LEN);
            }
            return;
        };
        if count < chunk.len() {
            chunk.advance(count);
            return;
        }
        self.chunks.pop_front();
    }

    fn append_copy(&mut self, octets: &[u8], room: CopyRoom) {
        if self.tail.capacity() - self.tail.len() < octets.len() {
            let least = if room == CopyRoom::Block { TAIL_LEN } else { 0 };
            self.tail.reserve(octets.len().max(least));
        }
        self.tail.extend_from_slice(octets);
    }

    /// Makes a chunk of what the tail holds, so that a slice can come after it.
    fn seal(&mut self) {
        if !self.tail.is_empty() {
            self.chunks.push_back(self.tail.split().freeze());
        }
    }
}

/// Room for short payloads that is allocated at once.
const TAIL_LEN: usize = 2 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Operation {
        Push(Vec<u8>),
        PushFront(Vec<u8>),
        Append(Vec<Vec<u8>>),
        Read(usize),
        ReadBytes(usize),
        Peek(usize),
        PeekBytes,
        Discard(usize),
        Shrink,
    }

    fn operation() -> impl Strategy<Value = Operation> {
        let octets = || proptest::collection::vec(any::<u8>(), 0..40);
        prop_oneof![
            octets().prop_map(Operation::Push),
            octets().prop_map(Operation::PushFront),
            proptest::collection::vec(octets(), 0..4).prop_map(Operation::Append),
            (0..60usize).prop_map(Operation::Read),
            (0..60usize).prop_map(Operation::ReadBytes),
            (0..60usize).prop_map(Operation::Peek),
            Just(Operation::PeekBytes),
            (0..60usize).prop_map(Operation::Discard),
            Just(Operation::Shrink),
        ]
    }

    proptest! {
        /// Against a naive model: one vector.
        #[test]
        fn octets_leave_in_the_order_of_their_places(
            operations in proptest::collection::vec(operation(), 0..60),
            copy_below in 0..40usize,
            room in prop_oneof![Just(CopyRoom::Block), Just(CopyRoom::Tight)],
        ) {
            let mut buffer = RecvBuffer::default();
            let mut model: Vec<u8> = vec![];
            for operation in operations {
                match operation {
                    Operation::Push(octets) => {
                        model.extend(&octets);
                        buffer.push(octets.into(), copy_below, room);
                    }
                    Operation::PushFront(octets) => {
                        model.splice(0..0, octets.iter().copied());
                        buffer.push_front(octets.into(), copy_below);
                    }
                    Operation::Append(parts) => {
                        let mut other = RecvBuffer::default();
                        for part in parts {
                            model.extend(&part);
                            other.push(part.into(), copy_below, CopyRoom::Tight);
                        }
                        buffer.append(other, room);
                    }
                    Operation::Read(count) => {
                        let mut into = vec![0; count];
                        let count = buffer.read(&mut into);
                        let expected: Vec<u8> = model.drain(..count).collect();
                        prop_assert_eq!(&into[..count], expected);
                        prop_assert!(count == into.len() || buffer.is_empty());
                    }
                    Operation::ReadBytes(count) => {
                        let octets = buffer.read_bytes(count);
                        prop_assert!(octets.len() <= count);
                        let expected: Vec<u8> = model.drain(..octets.len()).collect();
                        prop_assert_eq!(octets.as_ref(), expected);
                        prop_assert!(!octets.is_empty() || count == 0 || buffer.is_empty());
                    }
                    Operation::Peek(count) => {
                        let mut into = vec![0; count];
                        prop_assert_eq!(buffer.copy_to(&mut into), count.min(model.len()));
                        prop_assert!(into.iter().zip(&model).all(|(copy, octet)| copy == octet));
                    }
                    Operation::PeekBytes => {
                        let first = buffer.first_bytes();
                        prop_assert!(model.starts_with(&first));
                        prop_assert_eq!(first.is_empty(), model.is_empty());
                    }
                    Operation::Discard(count) => {
                        buffer.discard(count);
                        model.drain(..count.min(model.len()));
                    }
                    Operation::Shrink => buffer.shrink(),
                }
                prop_assert_eq!(buffer.len(), model.len());
                prop_assert!(model.starts_with(buffer.first()));
                prop_assert_eq!(buffer.first().is_empty(), model.is_empty());
            }
        }
    }
}
