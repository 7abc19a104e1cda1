//! ICMP echo: the request as it came, and the reply to it, made in place.

use core::net::IpAddr;

use bytes::{Buf, Bytes, BytesMut};

use crate::address_pair::AddressPair;
use crate::parse::IpHeader;
use crate::{IpFields, checksum, icmp, ipv4, ipv6};

/// An ICMP or ICMPv6 echo request whose lengths and checksums are right.
///
/// Whether to answer is for the caller: only if [`destination`](Self::destination) is its own
/// address and [`source`](Self::source) one host (RFC 1122 §3.2.2.6; RFC 4443 §4.2).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EchoRequest {
    addresses: AddressPair,
    fields: IpFields,
    /// IPv4's identification, as in the request; meaningless for IPv6.
    identification: u16,
    /// Where the ICMP message begins.
    start: usize,
    /// The whole packet, trimmed to its own length field.
    packet: Bytes,
}

impl EchoRequest {
    /// `packet` begins with `ip`, and the message behind it was found to be an echo request.
    pub(crate) fn new(packet: Bytes, ip: &IpHeader) -> Self {
        let identification = match packet.get(4..6) {
            Some(&[high, low]) => u16::from_be_bytes([high, low]),
            _ => 0,
        };
        let (addresses, fields, start) = (ip.addresses, ip.fields, ip.start);
        Self { addresses, fields, identification, start, packet }
    }

    /// Who asks.
    pub fn source(&self) -> IpAddr {
        self.addresses.source()
    }

    /// Who is asked: we, or a group that we may belong to.
    pub fn destination(&self) -> IpAddr {
        self.addresses.destination()
    }

    /// The request as received, IP header included.
    pub fn packet(&self) -> &Bytes {
        &self.packet
    }

    /// The reply, from the address that was asked, in the buffer of the request.
    ///
    /// Copies only if the buffer is shared. IP options and extension headers are left out; the DSCP
    /// is that of the request; so are IPv4's DF bit and identification, which the asker keeps
    /// unique for the pair of addresses as RFC 6864 §4 wants.
    ///
    /// Source: RFC 792; RFC 1122 §3.2.2.6; RFC 4443 §4.2.
    pub fn into_reply(self) -> Bytes {
        let Self { addresses, fields, identification, start, packet } = self;
        let fields = IpFields {
            dont_fragment: fields.dont_fragment,
            dscp: fields.dscp,
            ..IpFields::default()
        };
        let mut reply = packet.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&shared[..]));
        let message_len = u16::try_from(reply.len().saturating_sub(start)).unwrap_or(u16::MAX);
        // The new header ends where the old one, at least as long, ended.
        match addresses.reversed() {
            AddressPair::V4 { source, destination } => {
                reply.advance(start.saturating_sub(ipv4::HEADER_LEN));
                let total_len = message_len.saturating_add(20);
                let (addresses, protocol) = ([source, destination], icmp::PROTOCOL_V4);
                let header = ipv4::emit(addresses, protocol, total_len, identification, &fields);
                write_reply(&mut reply, &header, ECHO_REPLY_V4);
            }
            AddressPair::V6 { source, destination } => {
                reply.advance(start.saturating_sub(ipv6::HEADER_LEN));
                let header =
                    ipv6::emit([source, destination], icmp::PROTOCOL_V6, message_len, &fields);
                write_reply(&mut reply, &header, ECHO_REPLY_V6);
            }
        }
        reply.freeze()
    }
}

/// Puts `header` before the message and makes the message a reply.
///
/// The addresses of ICMPv6's pseudo-header only trade places, so its sum changes by the type alone.
fn write_reply<const N: usize>(packet: &mut [u8], header: &[u8; N], reply: u8) {
    let Some((place, message)) = packet.split_first_chunk_mut::<N>() else { return };
    *place = *header;
    let Some([kind, code, high, low]) = message.first_chunk_mut() else { return };
    let old = u16::from_be_bytes([*kind, *code]);
    let new = u16::from_be_bytes([reply, *code]);
    let checksum = checksum::update(u16::from_be_bytes([*high, *low]), old, new);
    *kind = reply;
    [*high, *low] = checksum.to_be_bytes();
}

/// Echo reply (RFC 792).
const ECHO_REPLY_V4: u8 = 0;
/// Echo reply (RFC 4443 §4.2).
const ECHO_REPLY_V6: u8 = 129;
