//! Shards: several endpoints that are one stack to everybody else.
//!
//! They share addresses, listeners and the secret, and no memory. Each four-tuple is one shard's,
//! and which one is a keyed hash that any of them can compute: so no table of connections or ports
//! is shared, and a packet that comes to the wrong shard is sent on without asking anyone.

use core::num::NonZeroU16;

use crate::config::EndpointConfig;
use crate::keyed_hash::{KeyedHash, Purpose};
use crate::{FourTuple, ListenerConfig};

/// One of the endpoints of a stack: its number, and how many there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shard {
    index: u16,
    count: NonZeroU16,
}

/// Whose a four-tuple is.
///
/// Both directions of a path are the same shard's, so that a connection of the stack to itself does
/// not leave it. The zone of a link-local address does not count: who quotes a packet, as ICMP
/// does, does not know it.
#[derive(Clone, Copy, Debug)]
pub struct ShardMap {
    key: KeyedHash,
    count: NonZeroU16,
}

impl Shard {
    /// The shard of a stack that has no other.
    pub const ONLY: Self = Self { index: 0, count: NonZeroU16::MIN };

    /// All shards of a stack with `count` of them, in order.
    pub fn all(count: NonZeroU16) -> impl ExactSizeIterator<Item = Self> {
        (0..count.get()).map(move |index| Self { index, count })
    }

    /// Its number, from 0.
    pub const fn index(self) -> usize {
        self.index as usize
    }

    /// How many there are.
    pub const fn count(self) -> NonZeroU16 {
        self.count
    }

    /// Its part of a bound that holds for the stack; at least 1, if the bound is not 0.
    fn part(self, whole: usize) -> usize {
        whole.div_ceil(usize::from(self.count.get()))
    }

    /// Likewise.
    fn part_u32(self, whole: u32) -> u32 {
        whole.div_ceil(u32::from(self.count.get()))
    }

    /// What of the stack's configuration holds for this shard.
    ///
    /// Destinations are not divided among shards: each is told of all path MTUs.
    pub(crate) fn part_of(self, config: EndpointConfig) -> EndpointConfig {
        EndpointConfig {
            connections_max: self.part(config.connections_max),
            time_wait_max: self.part(config.time_wait_max),
            resets_per_second_max: self.part_u32(config.resets_per_second_max),
            ..config
        }
    }

    /// What of a listener's configuration holds for the copy that this shard has.
    pub(crate) fn part_of_listener(self, config: ListenerConfig) -> ListenerConfig {
        ListenerConfig {
            backlog: self.part_u32(config.backlog),
            half_open_max: self.part_u32(config.half_open_max),
            ..config
        }
    }
}

impl ShardMap {
    /// The map of a stack with this secret and so many shards.
    pub fn new(secret: &[u8; 32], count: NonZeroU16) -> Self {
        Self { key: KeyedHash::derive(secret, Purpose::Shards), count }
    }

    /// The number of the shard that `path`, or its [reverse](FourTuple::reversed), belongs to.
    pub fn owner(&self, path: &FourTuple) -> usize {
        if self.count == NonZeroU16::MIN {
            return 0;
        }
        let ends = path.in_zone(0);
        let either_way = ends.key_octets().min(ends.reversed().key_octets());
        let hash = self.key.for_table(&either_way);
        // The high bits, spread evenly over the shards.
        ((u128::from(hash) * u128::from(self.count.get())) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    fn path(port: u16) -> FourTuple {
        FourTuple::new("10.0.0.1:80".parse().unwrap(), ([10, 0, 0, 2], port).into())
    }

    fn count(count: u16) -> NonZeroU16 {
        NonZeroU16::new(count).unwrap()
    }

    #[test]
    fn four_tuples_are_spread_evenly_over_the_shards() {
        for shards in [1, 2, 3, 7] {
            let map = ShardMap::new(&[4; 32], count(shards));
            let mut owned = [0; 7];
            (0..7_000).for_each(|port| owned[map.owner(&path(port))] += 1);
            let (used, unused) = owned.split_at(usize::from(shards));
            let expected = 7_000 / i32::from(shards);
            assert!(used.iter().all(|owned| (owned - expected).abs() < 150), "{owned:?}");
            assert!(unused.iter().all(|owned| *owned == 0), "{owned:?}");
        }
    }

    #[test]
    fn g1_whose_a_four_tuple_is_cannot_be_known_without_the_secret() {
        let (one, other) = (ShardMap::new(&[1; 32], count(2)), ShardMap::new(&[2; 32], count(2)));
        let same = (0..4_000).filter(|port| one.owner(&path(*port)) == other.owner(&path(*port)));
        assert!((1_800..2_200).contains(&same.count()));
    }

    #[test]
    fn both_directions_and_every_zone_are_the_same_shards() {
        let map = ShardMap::new(&[4; 32], count(16));
        for port in 0..1_000 {
            assert_eq!(map.owner(&path(port)), map.owner(&path(port).reversed()));
            let local = |zone| format!("[fe80::1%{zone}]:80").parse().unwrap();
            let remote = |zone| format!("[fe80::2%{zone}]:{port}").parse().unwrap();
            let in_zone = |zone| FourTuple::new(local(zone), remote(zone));
            assert_eq!(map.owner(&in_zone(1)), map.owner(&in_zone(2)));
        }
    }

    #[test]
    fn the_parts_of_a_bound_are_no_less_than_the_whole_and_never_nothing() {
        for (shards, whole, part) in [(1, 9, 9), (2, 9, 5), (4, 1_024, 256), (4, 1, 1), (4, 0, 0)] {
            let all = Shard::all(count(shards));
            assert_eq!(all.len(), usize::from(shards));
            for shard in all {
                let endpoint = EndpointConfig {
                    connections_max: whole,
                    time_wait_max: whole,
                    resets_per_second_max: whole as u32,
                    ..EndpointConfig::default()
                };
                let endpoint = shard.part_of(endpoint);
                assert_eq!((endpoint.connections_max, endpoint.time_wait_max), (part, part));
                assert_eq!(endpoint.resets_per_second_max, part as u32);
                let backlog = whole as u32;
                let listener =
                    ListenerConfig { backlog, half_open_max: backlog, ..Default::default() };
                let listener = shard.part_of_listener(listener);
                assert_eq!((listener.backlog, listener.half_open_max), (part as u32, part as u32));
            }
        }
    }
}
