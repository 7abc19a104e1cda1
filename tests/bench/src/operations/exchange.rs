//! Whole ways through two endpoints, from the writer to the reader and back.

use std::hint::black_box;

use super::{Operation, TIMES};
use crate::{Family, Pair};

/// A segment of a bulk transfer: written, sent, received, read, and its share of an ACK.
#[derive(Debug)]
pub struct Bulk {
    pair: Pair,
    text: Vec<u8>,
    into: Vec<u8>,
}

impl Bulk {
    /// In the midst of a transfer.
    pub fn new(family: Family) -> Self {
        let mut pair = Pair::new(family);
        pair.transfer(WARM);
        let mss = match family {
            Family::V4 => 1_448,
            Family::V6 => 1_428,
        };
        Self { pair, text: vec![7; TIMES * mss], into: vec![0; TIMES * mss] }
    }
}

impl Operation for Bulk {
    fn run(&mut self) {
        let before = self.pair.server.segments_in();
        let mut left = self.pair.client.write(self.pair.now, &self.text);
        assert_eq!(left, self.text.len());
        while left > 0 {
            left -= black_box(self.pair.turn(&mut self.into));
        }
        assert_eq!(self.pair.server.segments_in() - before, TIMES as u64);
    }
}

/// An octet to the server and one back.
#[derive(Debug)]
pub struct Exchange(Pair);

impl Exchange {
    /// After a thousand others.
    pub fn new(family: Family) -> Self {
        let mut pair = Pair::new(family);
        for _ in 0..1_000 {
            pair.exchange();
        }
        Self(pair)
    }
}

impl Operation for Exchange {
    fn run(&mut self) {
        for _ in 0..TIMES {
            self.0.exchange();
        }
    }
}

/// What is moved before. Units: octets.
const WARM: usize = 8 << 20;
