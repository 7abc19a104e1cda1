//! Receive blocks: one packet, one block, taken back when no slice of it is left.
//!
//! ```text
//!            take                    give
//!   ring ──────────▶ Block ─ device ──────▶ Bytes of the packet ──▶ tcb ──▶ reader
//!    ▲                                │                                       │ drops
//!    └── a handle of the whole block ─┘        unique again: may be taken ◀───┘
//! ```
//!
//! A block is allocated once. `BytesMut::split` gives it its count of references, and from then on
//! `freeze` and `try_into_mut` only change the type, so that receiving allocates nothing.

use std::collections::VecDeque;
use std::io;
use std::task::Poll;

use bytes::{Bytes, BytesMut};

/// The blocks of one device.
#[derive(Debug)]
pub struct BufferPool {
    /// Whole blocks that were given out, oldest first, each with slices of it that may still live.
    given: VecDeque<Bytes>,
    /// A block that was taken and not used.
    spare: Option<BytesMut>,
    block_len: usize,
    /// Blocks that the pool keeps a hand on; what is beyond is freed by whoever drops it last.
    blocks_max: usize,
}

/// A block to receive one packet in. Dropping it wastes the block.
#[derive(Debug)]
pub struct Block(BytesMut);

impl BufferPool {
    /// A pool of blocks of `block_len` octets: the longest packet that the device can deliver.
    pub fn new(block_len: usize) -> Self {
        let block_len = block_len.max(1);
        let blocks_max = (RING_LEN_MAX / block_len).max(KEPT_WHEN_IDLE);
        Self { given: VecDeque::new(), spare: None, block_len, blocks_max }
    }

    /// Octets in a block.
    pub fn block_len(&self) -> usize {
        self.block_len
    }

    /// A block that no one else holds.
    ///
    /// The oldest one that is free again; a new one if there is none among the first few.
    pub fn take(&mut self) -> Block {
        if let Some(block) = self.spare.take() {
            return Block(block);
        }
        for _ in 0..self.given.len().min(SEARCH_MAX) {
            let Some(oldest) = self.given.pop_front() else { break };
            match oldest.try_into_mut() {
                Ok(block) => return Block(block),
                // Its packet waits for a reader. Look at it again after the others.
                Err(held) => self.given.push_back(held),
            }
        }
        Block(new_block(self.block_len))
    }

    /// Makes a packet of the first `len` octets of `block`.
    pub fn give(&mut self, block: Block, len: usize) -> Bytes {
        let mut packet = block.0.freeze();
        if self.given.len() < self.blocks_max {
            self.given.push_back(packet.clone());
        }
        packet.truncate(len);
        packet
    }

    /// Takes back a block in which nothing was received.
    pub fn put_back(&mut self, block: Block) {
        self.spare = Some(block.0);
    }

    /// Makes a packet of what `receive` writes into a block, unless it waits or fails.
    ///
    /// # Errors
    /// As `receive`.
    pub fn poll_fill(
        &mut self,
        receive: impl FnOnce(&mut [u8]) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<Bytes>> {
        let mut block = self.take();
        match receive(block.octets()) {
            Poll::Ready(Ok(len)) => Poll::Ready(Ok(self.give(block, len))),
            Poll::Ready(Err(error)) => {
                self.put_back(block);
                Poll::Ready(Err(error))
            }
            Poll::Pending => {
                self.put_back(block);
                Poll::Pending
            }
        }
    }

    /// Frees the blocks that nobody uses, but for a few.
    pub fn shrink(&mut self) {
        for _ in 0..self.given.len() {
            if self.given.len() <= KEPT_WHEN_IDLE {
                return;
            }
            let Some(oldest) = self.given.pop_front() else { return };
            if !oldest.is_unique() {
                self.given.push_back(oldest);
            }
        }
    }
}

impl Block {
    /// The octets, whatever they held before.
    pub fn octets(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

/// A block of the kind that counts its references, so that it never changes kind again.
fn new_block(len: usize) -> BytesMut {
    let mut block = BytesMut::zeroed(len);
    block.split()
}

/// How many blocks are looked at for a free one before a new one is made.
///
/// While a share `s` of the ring is held, a take looks at `1 / s` blocks on average; the ring grows
/// until one in eight is free.
const SEARCH_MAX: usize = 8;
/// What a pool keeps a hand on: what a path of 100 Mbit/s and 200 ms holds, and as much again.
/// Units: octets.
const RING_LEN_MAX: usize = 5 << 20;
/// Blocks kept by a stack at rest: a few round trips of a slow exchange.
const KEPT_WHEN_IDLE: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn receive(pool: &mut BufferPool, octets: &[u8]) -> Bytes {
        let mut block = pool.take();
        block.octets()[..octets.len()].copy_from_slice(octets);
        pool.give(block, octets.len())
    }

    #[test]
    fn a_block_comes_back_when_its_last_slice_is_dropped() {
        let mut pool = BufferPool::new(100);
        let packet = receive(&mut pool, b"headers text");
        let place = packet.as_ptr();
        let text = packet.slice(8..);
        drop(packet);
        assert_ne!(receive(&mut pool, b"x").as_ptr(), place, "a slice is still held");
        assert_eq!(text, b"text"[..]);
        drop(text);
        assert_eq!(receive(&mut pool, b"y").as_ptr(), place);
    }

    #[test]
    fn receiving_allocates_nothing_once_the_blocks_are_there() {
        let mut pool = BufferPool::new(1_500);
        let held: Vec<Bytes> = (0..20).map(|_| receive(&mut pool, &[1; 1_500])).collect();
        drop(held);
        let counts = allocation_counter::measure(|| {
            for round in 0..1_000 {
                let packet = receive(&mut pool, &[2; 900]);
                let kept = packet.slice(40..);
                drop(packet);
                assert_eq!(kept.len(), 860, "round {round}");
            }
        });
        assert_eq!(counts.count_total, 0);
    }

    #[test]
    fn a_block_that_was_not_used_is_taken_next() {
        let mut pool = BufferPool::new(10);
        let mut block = pool.take();
        let place = block.octets().as_ptr();
        pool.put_back(block);
        assert_eq!(pool.take().octets().as_ptr(), place);
    }

    #[test]
    fn a_taken_block_has_its_whole_length_after_a_short_packet() {
        let mut pool = BufferPool::new(64);
        drop(receive(&mut pool, b"short"));
        assert_eq!(pool.take().octets().len(), 64);
    }

    #[test]
    fn the_octets_of_the_ring_are_bounded_however_much_is_held() {
        for block_len in [1_500, 65_575] {
            let mut pool = BufferPool::new(block_len);
            let held: Vec<Bytes> = (0..5_000).map(|_| receive(&mut pool, b"held")).collect();
            assert!(pool.given.len() > KEPT_WHEN_IDLE);
            assert!(pool.given.len() * block_len <= RING_LEN_MAX);
            assert!(held.iter().all(|packet| packet == &b"held"[..]));
        }
    }

    #[test]
    fn a_stack_at_rest_keeps_few_blocks_and_every_one_that_is_held() {
        let mut pool = BufferPool::new(8);
        let mut held: Vec<Bytes> = (0..100).map(|_| receive(&mut pool, b"held")).collect();
        held.truncate(40);
        pool.shrink();
        assert_eq!(pool.given.len(), 40);
        drop(held);
        pool.shrink();
        assert_eq!(pool.given.len(), KEPT_WHEN_IDLE);
    }
}
