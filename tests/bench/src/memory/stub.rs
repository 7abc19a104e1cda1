//! A peer that remembers nothing: what it answers to a packet is in that packet.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use synack::{BufferPool, Capabilities, Device, Outgoing, Received};
use synack_wire::{Flags, Options, Segment, SeqNum, TcpPacket, Timestamps};

/// The device that leads to it, whatever the address.
#[derive(Default)]
pub(super) struct Stub(Mutex<Answers>);

#[derive(Default)]
struct Answers {
    packets: VecDeque<Bytes>,
    reader: Option<Waker>,
}

/// The socket that the connection of this number goes to; of one address no more than a client has
/// ports.
pub(super) fn socket(number: usize) -> SocketAddr {
    let host = u32::try_from(number / CONNECTIONS_EACH).unwrap_or(u32::MAX);
    (IpAddr::V4(Ipv4Addr::from_bits(FIRST.to_bits().saturating_add(host))), 80).into()
}

/// The answer to a packet: a SYN-ACK to a SYN, the same text to text, and nothing to an ACK.
pub(super) fn answer(packet: &TcpPacket) -> Option<TcpPacket> {
    let segment = &packet.segment;
    let seq = segment.ack.unwrap_or(ISS);
    let timestamps = segment.options.timestamps;
    // Its clock is the sender's.
    let timestamps = timestamps.map(|it| Timestamps { value: it.value, echo: it.value });
    let is_syn = segment.is_syn();
    if segment.is_empty() {
        return None;
    }
    let options = Options {
        mss: is_syn.then_some(1_460),
        window_scale: is_syn.then_some(7),
        sack_permitted: is_syn,
        timestamps,
        ..Options::default()
    };
    let control = if is_syn { Flags::SYN } else { Flags::PSH };
    let payload = segment.payload.clone();
    Some(TcpPacket {
        source: packet.destination,
        destination: packet.source,
        ip: packet.ip,
        segment_size: None,
        segment: Segment {
            seq,
            ack: Some(segment.end()),
            control,
            window: u16::MAX,
            options,
            payload,
            ..Segment::default()
        },
    })
}

impl Stub {
    fn answers(&self) -> MutexGuard<'_, Answers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Device for Stub {
    fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        _pool: &mut BufferPool,
    ) -> Poll<io::Result<Received>> {
        let mut answers = self.answers();
        if let Some(packet) = answers.packets.pop_front() {
            return Poll::Ready(Ok(Received::unverified(packet)));
        }
        answers.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    fn poll_writable(&self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn try_send(&self, packet: Outgoing<'_>) -> io::Result<()> {
        let Some(answer) = packet.as_tcp().and_then(answer) else { return Ok(()) };
        let mut scratch = Vec::new();
        let octets = Bytes::copy_from_slice(Outgoing::tcp(&answer, &mut scratch).contiguous()?);
        let mut answers = self.answers();
        answers.packets.push_back(octets);
        let reader = answers.reader.take();
        drop(answers);
        reader.into_iter().for_each(Waker::wake);
        Ok(())
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::of_mtu(1_500)
    }
}

/// Where the peers begin.
const FIRST: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 1);
/// A third of the ports that a client draws from.
const CONNECTIONS_EACH: usize = 10_000;
const ISS: SeqNum = SeqNum::new(1_000);
