//! The pseudo-headers that the checksums of TCP and ICMPv6 cover.

use core::net::{Ipv4Addr, Ipv6Addr};

use crate::checksum::Sum;

/// The sum of an IPv4 pseudo-header: addresses, protocol, and `length` of header and data.
///
/// Source: RFC 9293 §3.1 (WIRE-6).
#[inline]
pub fn ipv4(source: Ipv4Addr, destination: Ipv4Addr, protocol: u8, length: u16) -> Sum {
    let [high, low] = length.to_be_bytes();
    let mut sum = Sum::new();
    sum.add_word(source.octets());
    sum.add_word(destination.octets());
    sum.add_word([0, protocol, high, low]);
    sum
}

/// The sum of an IPv6 pseudo-header: addresses, upper-layer `length`, and next header.
///
/// `destination` is the final one if there is a routing header (WIRE-19).
///
/// Source: RFC 8200 §8.1 (WIRE-7, IP-1).
#[inline]
pub fn ipv6(source: Ipv6Addr, destination: Ipv6Addr, next_header: u8, length: u32) -> Sum {
    let mut sum = Sum::new();
    for address in [source.octets(), destination.octets()] {
        let (words, _) = address.as_chunks::<4>();
        for word in words {
            sum.add_word(*word);
        }
    }
    sum.add_word(length.to_be_bytes());
    sum.add_word([0, 0, 0, next_header]);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pseudo-header written out as the RFCs draw it, summed as plain octets.
    fn summed(octets: &[u8]) -> u16 {
        let mut sum = Sum::new();
        sum.add(octets);
        sum.fold()
    }

    #[test]
    fn wire_6_the_ipv4_pseudo_header_is_96_bits_as_drawn() {
        let drawn = [192, 0, 2, 1, 198, 51, 100, 7, 0, 6, 0x12, 0x34];
        let sum = ipv4([192, 0, 2, 1].into(), [198, 51, 100, 7].into(), 6, 0x1234);
        assert_eq!(drawn.len() * 8, 96);
        assert_eq!(sum.fold(), summed(&drawn));
    }

    #[test]
    fn wire_7_the_ipv6_pseudo_header_is_320_bits_as_drawn() {
        let source: Ipv6Addr = "2001:db8::1".parse().unwrap();
        let destination: Ipv6Addr = "fe80::a:b:c:d".parse().unwrap();
        let mut drawn = [0; 40];
        drawn[..16].copy_from_slice(&source.octets());
        drawn[16..32].copy_from_slice(&destination.octets());
        drawn[32..36].copy_from_slice(&0x0001_2345_u32.to_be_bytes());
        drawn[39] = 6;
        assert_eq!(drawn.len() * 8, 320);
        assert_eq!(ipv6(source, destination, 6, 0x0001_2345).fold(), summed(&drawn));
    }
}
