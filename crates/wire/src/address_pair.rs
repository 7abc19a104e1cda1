//! The two addresses of a packet, of one family by construction.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::checksum::Sum;
use crate::pseudo_header;

/// Source and destination.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum AddressPair {
    V4 { source: Ipv4Addr, destination: Ipv4Addr },
    V6 { source: Ipv6Addr, destination: Ipv6Addr },
}

impl AddressPair {
    /// The pair, if both are of one family.
    #[inline]
    pub(crate) fn new(source: IpAddr, destination: IpAddr) -> Option<Self> {
        match (source, destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => Some(Self::V4 { source, destination }),
            (IpAddr::V6(source), IpAddr::V6(destination)) => Some(Self::V6 { source, destination }),
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => None,
        }
    }

    #[inline]
    pub(crate) fn source(self) -> IpAddr {
        match self {
            Self::V4 { source, .. } => source.into(),
            Self::V6 { source, .. } => source.into(),
        }
    }

    #[inline]
    pub(crate) fn destination(self) -> IpAddr {
        match self {
            Self::V4 { destination, .. } => destination.into(),
            Self::V6 { destination, .. } => destination.into(),
        }
    }

    /// The way back.
    pub(crate) fn reversed(self) -> Self {
        match self {
            Self::V4 { source, destination } => {
                Self::V4 { source: destination, destination: source }
            }
            Self::V6 { source, destination } => {
                Self::V6 { source: destination, destination: source }
            }
        }
    }

    /// The sum of the pseudo-header for an upper layer of `len` octets, at most 65,535.
    #[inline]
    pub(crate) fn pseudo_header(self, protocol: u8, len: u16) -> Sum {
        match self {
            Self::V4 { source, destination } => {
                pseudo_header::ipv4(source, destination, protocol, len)
            }
            Self::V6 { source, destination } => {
                pseudo_header::ipv6(source, destination, protocol, u32::from(len))
            }
        }
    }
}
