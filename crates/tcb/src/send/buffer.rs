//! What the application wrote and the peer has not acknowledged.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

use bytes::{Bytes, BytesMut};
use synack_wire::Payload;

/// Blocks grow with what is queued: a small answer takes little, a bulk transfer large slices.
const BLOCK_LENS: [usize; 3] = [512, 4 << 10, 64 << 10];
/// Blocks kept to be written again, until the connection is quiet: a third of the largest default
/// buffer of 4 MiB, which is what a writer that is woken finds free, so that a bulk transfer
/// allocates none.
const SPARES_MAX: usize = 22;

/// The send buffer: a stream of octets, addressed by offset from the first ever written.
///
/// Text is copied once, on writing, into a tail block. What is sent are shared slices of the
/// blocks, so neither sending nor sending again copies. A block's written part is sealed when it is
/// first sent, so small writes merge until then. Nothing is freed before it is acknowledged
/// (SEQ-11).
///
/// The blocks are there from the first octet on, until the connection is quiet.
#[derive(Debug, Default)]
pub(crate) struct SendBuffer {
    blocks: Option<Box<Blocks>>,
    /// Offset of the first octet held.
    start: u64,
    /// Offset after the last octet held.
    end: u64,
}

/// What octets are held in.
#[derive(Debug, Default)]
struct Blocks {
    /// Sealed slices, each with the offset of its first octet; none is empty, and they touch.
    sealed: VecDeque<Sealed>,
    /// Written and not yet sealed; begins where the last sealed slice ends.
    tail: BytesMut,
    /// Blocks that were acknowledged whole, to be written again.
    spares: Vec<BytesMut>,
}

#[derive(Debug)]
struct Sealed {
    start: u64,
    octets: Bytes,
}

impl SendBuffer {
    /// Octets held.
    pub(crate) fn len(&self) -> usize {
        (self.end - self.start) as usize
    }

    /// Offset of the first octet held: everything before it was released.
    pub(crate) fn start(&self) -> u64 {
        self.start
    }

    /// Offset after the last octet written.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// Whether it takes memory beside what it holds.
    pub(crate) fn has_spare(&self) -> bool {
        self.blocks.is_some() && self.len() == 0
    }

    /// Appends a copy of as much of `data` as leaves no more than `capacity` octets held.
    pub(crate) fn write(&mut self, data: &[u8], capacity: usize) -> usize {
        let taken = data.len().min(capacity.saturating_sub(self.len()));
        let mut left = &data[..taken];
        while !left.is_empty() {
            let queued = self.len();
            let blocks = self.blocks.get_or_insert_default();
            let room = blocks.tail_room(self.end, queued);
            let (now, later) = left.split_at(left.len().min(room));
            blocks.tail.extend_from_slice(now);
            self.end += now.len() as u64;
            left = later;
        }
        taken
    }

    /// Appends as much of `data` as leaves no more than `capacity` octets held, without a copy;
    /// what was taken is split off `data`.
    pub(crate) fn write_bytes(&mut self, data: &mut Bytes, capacity: usize) -> usize {
        let taken = data.len().min(capacity.saturating_sub(self.len()));
        if taken > 0 {
            let blocks = self.blocks.get_or_insert_default();
            blocks.seal(self.end);
            blocks.sealed.push_back(Sealed { start: self.end, octets: data.split_to(taken) });
            self.end += taken as u64;
        }
        taken
    }

    /// Puts the octets from offset `from` on, `len` of them, into an empty payload: as slices, or
    /// copied into one slice when they lie in more than a payload gathers.
    pub(crate) fn slice(&mut self, from: u64, len: u32, payload: &mut Payload) {
        let to = self.end.min(from + u64::from(len));
        debug_assert!(from >= self.start && from <= to, "sent text is still held");
        let Some(blocks) = &mut self.blocks else { return };
        if self.end - (blocks.tail.len() as u64) < to {
            blocks.seal(self.end);
        }
        blocks.slice(from, to, payload);
    }

    /// Drops everything before offset `to`: it was acknowledged.
    pub(crate) fn release(&mut self, to: u64) {
        debug_assert!(to >= self.start && to <= self.end, "acknowledged text was written");
        self.start = to;
        let is_empty = self.len() == 0;
        if let Some(blocks) = &mut self.blocks {
            blocks.release(to);
            if is_empty {
                blocks.tail.clear();
            }
        }
    }

    /// Forgets everything held (a reset, an abort).
    pub(crate) fn clear(&mut self) {
        *self = Self { blocks: None, start: self.end, end: self.end };
    }

    /// Gives back the memory of blocks that hold nothing.
    pub(crate) fn shrink(&mut self) {
        if self.len() == 0 {
            self.clear();
        }
    }
}

impl Blocks {
    /// Puts the sealed octets between two offsets into an empty payload.
    fn slice(&self, from: u64, to: u64, payload: &mut Payload) {
        let first = self.sealed.partition_point(|slice| slice.start <= from).saturating_sub(1);
        for slice in self.sealed.iter().skip(first).take_while(|slice| slice.start < to) {
            if payload.try_push(slice.part(from, to)).is_err() {
                *payload = self.copy(first, from, to);
                return;
            }
        }
    }

    /// Drops the slices that end before offset `to`.
    fn release(&mut self, to: u64) {
        while let Some(first) = self.sealed.front() {
            if first.start + first.octets.len() as u64 > to {
                return;
            }
            let Some(done) = self.sealed.pop_front() else { return };
            if self.spares.len() < SPARES_MAX
                && done.octets.len() >= BLOCK_LENS[1]
                && let Ok(mut block) = done.octets.try_into_mut()
            {
                block.clear();
                self.spares.push(block);
            }
        }
    }

    /// Room in the tail block, after a new one was begun if the old one is full. `queued` octets
    /// are held, the last of them before offset `end`.
    fn tail_room(&mut self, end: u64, queued: usize) -> usize {
        let room = self.tail.capacity() - self.tail.len();
        if room > 0 {
            return room;
        }
        let block =
            BLOCK_LENS[usize::from(queued >= BLOCK_LENS[0]) + usize::from(queued >= BLOCK_LENS[1])];
        self.seal(end);
        // The block is its own once every slice of it was acknowledged: ping-pong reuses one block.
        if !self.tail.try_reclaim(block) {
            let spare = self.spares.pop();
            let spare = spare.and_then(|mut spare| spare.try_reclaim(block).then_some(spare));
            self.tail = spare.unwrap_or_else(|| BytesMut::with_capacity(block));
        }
        self.tail.capacity() - self.tail.len()
    }

    /// Turns what the tail holds, which ends before offset `end`, into a shared slice.
    fn seal(&mut self, end: u64) {
        if self.tail.is_empty() {
            return;
        }
        let start = end - self.tail.len() as u64;
        self.sealed.push_back(Sealed { start, octets: self.tail.split().freeze() });
    }

    fn copy(&self, first: usize, from: u64, to: u64) -> Payload {
        let mut octets = BytesMut::with_capacity((to - from) as usize);
        for slice in self.sealed.iter().skip(first).take_while(|slice| slice.start < to) {
            octets.extend_from_slice(&slice.part(from, to));
        }
        Payload::from(octets.freeze())
    }
}

impl Sealed {
    /// The part of this slice that lies between two offsets.
    fn part(&self, from: u64, to: u64) -> Bytes {
        let begin = from.saturating_sub(self.start) as usize;
        let end = ((to - self.start) as usize).min(self.octets.len());
        self.octets.slice(begin.min(end)..end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    /// A pattern in which no two octets at a distance below 251 are the same.
    fn text(from: u64, len: usize) -> Vec<u8> {
        (from..from + len as u64).map(|offset| (offset % 251) as u8).collect()
    }

    fn slice(buffer: &mut SendBuffer, from: u64, len: u32) -> Payload {
        let mut payload = Payload::new();
        buffer.slice(from, len, &mut payload);
        payload
    }

    #[test]
    fn any_range_comes_back_as_written_whatever_the_writes_were() {
        let mut buffer = SendBuffer::default();
        let mut written = 0;
        for len in [1, 2, 510, 1, 5000, 3, 70_000, 9, 131_072] {
            let taken = buffer.write(&text(written, len), usize::MAX);
            assert_eq!(taken, len);
            written += len as u64;
            // Sealing at odd places must not show.
            slice(&mut buffer, written - 1, 1);
        }
        let mut owned = Bytes::from(text(written, 777));
        assert_eq!(buffer.write_bytes(&mut owned, usize::MAX), 777);
        written += 777;
        for from in (0..written).step_by(613) {
            let payload = slice(&mut buffer, from, 1460);
            let len = (written - from).min(1460) as usize;
            assert_eq!(payload.to_vec(), text(from, len), "from {from}");
        }
        assert_eq!(slice(&mut buffer, 0, u32::MAX).to_vec(), text(0, written as usize));
    }

    #[test]
    fn seq_11_nothing_is_freed_before_it_is_acknowledged_and_all_of_it_then() {
        let mut buffer = SendBuffer::default();
        buffer.write(&text(0, 10_000), usize::MAX);
        for acked in [1, 512, 513, 4608, 9999] {
            buffer.release(acked);
            assert_eq!(buffer.start(), acked);
            let rest = (10_000 - acked) as usize;
            assert_eq!(buffer.len(), rest);
            assert_eq!(slice(&mut buffer, acked, u32::MAX).to_vec(), text(acked, rest));
        }
        buffer.release(10_000);
        assert!(buffer.len() == 0 && buffer.blocks.is_some_and(|blocks| blocks.sealed.is_empty()));
    }

    #[test]
    fn a_write_takes_what_fits_the_capacity() {
        let mut buffer = SendBuffer::default();
        assert_eq!(buffer.write(&text(0, 100), 60), 60);
        assert_eq!(buffer.write(&text(60, 40), 60), 0);
        let mut bytes = Bytes::from(text(60, 40));
        buffer.release(10);
        assert_eq!(buffer.write_bytes(&mut bytes, 60), 10);
        assert_eq!(bytes, text(70, 30));
        assert_eq!(slice(&mut buffer, 10, 60).to_vec(), text(10, 60));
    }

    #[test]
    fn a_ping_pong_writes_into_one_block_for_ever() {
        let mut buffer = SendBuffer::default();
        let mut block = None;
        for offset in 0..10_000u64 {
            buffer.write(&text(offset, 1), usize::MAX);
            let payload = slice(&mut buffer, offset, 1);
            assert_eq!(payload.to_vec(), text(offset, 1));
            let address = payload.slices()[0].as_ptr() as usize / 512;
            drop(payload);
            buffer.release(offset + 1);
            if offset > 600 {
                let block = *block.get_or_insert(address);
                assert!(address.abs_diff(block) <= 1, "the block is written again");
            }
        }
    }
}
