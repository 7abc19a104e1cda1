//! Between the script's numbers and those on the wire: packets built, and packets compared.

use core::net::SocketAddr;

use bytes::Bytes;
use synack_wire::{
    ChecksumTrust, Ecn, Flags, IpFields, Options, Parsed, Payload, SackBlocks, Segment, SeqNum,
    SeqRange, TcpPacket, Timestamps, emit_icmp_error, parse,
};

use super::icmp::IcmpLine;
use super::packet::{PacketLine, TcpOption};

/// One connection, as the script and as the wire have it. The peer's numbers are the script's.
#[derive(Clone, Debug)]
pub(super) struct Live {
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    /// Our first number on the wire, less the script's.
    seq_offset: Option<u32>,
    /// Our first timestamp on the wire, less the script's.
    timestamp_offset: Option<u32>,
}

/// A packet that left, taken apart.
#[derive(Clone, Debug)]
pub(super) struct Departed {
    pub(super) at_us: u64,
    pub(super) packet: TcpPacket,
    pub(super) options: Vec<TcpOption>,
}

impl Departed {
    /// Reads a packet from its octets.
    pub(super) fn read(at_us: u64, octets: Bytes) -> Result<Self, String> {
        let options = options_of(&octets);
        match parse(octets, ChecksumTrust::Verify) {
            Ok(Parsed::Tcp { packet, option_fault: None }) => Ok(Self { at_us, packet, options }),
            other => Err(format!("what left is no TCP packet: {other:?}")),
        }
    }
}

impl Live {
    pub(super) fn new(local: SocketAddr, remote: SocketAddr) -> Self {
        Self { local, remote, seq_offset: None, timestamp_offset: None }
    }

    /// The packet that a line describes, as it arrives.
    pub(super) fn build(&self, line: &PacketLine) -> Result<Bytes, String> {
        let offset = self.seq_offset.unwrap_or(0);
        let fill = Bytes::from(vec![0; line.len as usize]);
        let packet = TcpPacket {
            source: self.remote,
            destination: self.local,
            ip: IpFields { ecn: Ecn::from_bits(line.ecn.unwrap_or(0)), ..IpFields::default() },
            segment_size: None,
            segment: Segment {
                seq: SeqNum::new(line.seq),
                ack: line.ack.map(|ack| SeqNum::new(ack.wrapping_add(offset))),
                control: line.flags.without(Flags::ACK | Flags::URG),
                window: line.win.unwrap_or(0),
                urgent: line.urgent,
                options: self.options(line, offset)?,
                payload: Payload::from(fill),
            },
        };
        packet.to_bytes().map_err(|error| format!("{error:?}"))
    }

    /// The ICMP error that a line describes, as it arrives from the peer.
    pub(super) fn build_icmp(&self, line: &IcmpLine) -> Result<Bytes, String> {
        let quoted = TcpPacket {
            source: self.local,
            destination: self.remote,
            ip: IpFields::default(),
            segment_size: None,
            segment: Segment {
                seq: SeqNum::new(line.seq.wrapping_add(self.seq_offset.unwrap_or(0))),
                payload: Payload::from(Bytes::from(vec![0; line.len as usize])),
                ..Segment::default()
            },
        };
        let quoted = quoted.to_bytes().map_err(|error| format!("{error:?}"))?;
        let error = emit_icmp_error(line.kind, self.remote.ip(), &quoted);
        error.map(Bytes::from).map_err(|error| format!("{error:?}"))
    }

    fn options(&self, line: &PacketLine, seq_offset: u32) -> Result<Options, String> {
        let mut options = Options::default();
        for option in line.options.iter().flatten() {
            match option {
                TcpOption::Nop | TcpOption::End => {}
                TcpOption::Mss(mss) => options.mss = Some(*mss),
                TcpOption::WindowScale(shift) => options.window_scale = Some(*shift),
                TcpOption::SackOk => options.sack_permitted = true,
                TcpOption::Timestamps(value, echo) => {
                    let offset = self.timestamp_offset.unwrap_or(0);
                    let echo = if *echo == 0 { 0 } else { echo.wrapping_add(offset) };
                    options.timestamps = Some(Timestamps { value: *value, echo });
                }
                TcpOption::Sack(blocks) => {
                    let live = |number: u32| SeqNum::new(number.wrapping_add(seq_offset));
                    options.sack = SackBlocks::default();
                    for (start, end) in blocks {
                        let block = SeqRange::new(live(*start), live(*end));
                        options.sack.push(block);
                    }
                }
                TcpOption::Other(kind) => return Err(format!("option kind {kind}")),
            }
        }
        Ok(options)
    }

    /// Compares a packet, or several that continue each other, with what the line wants.
    pub(super) fn check(&mut self, line: &PacketLine, sent: &[Departed]) -> Result<(), String> {
        let (Some(first), Some(last)) = (sent.first(), sent.last()) else {
            return Err("nothing left".to_owned());
        };
        let segment = &first.packet.segment;
        if line.flags.contains(Flags::SYN) && segment.is_syn() {
            let offset = segment.seq.get().wrapping_sub(line.seq);
            self.seq_offset.get_or_insert(offset);
        }
        let offset = self.seq_offset.unwrap_or(0);
        let difference = |what: &str, wanted: String, was: String| {
            if wanted == was { Ok(()) } else { Err(format!("{what}: wanted {wanted}, was {was}")) }
        };
        let control = sent.iter().fold(Flags::NONE, |flags, it| flags | it.packet.segment.control);
        let ack = segment.ack.map_or(Flags::NONE, |_| Flags::ACK)
            | segment.urgent.map_or(Flags::NONE, |_| Flags::URG);
        // Of what was joined, PSH counts on the last only.
        let is_pushed = last.packet.segment.control.contains(Flags::PSH);
        let push = if is_pushed { Flags::PSH } else { Flags::NONE };
        let was_control = control.without(Flags::PSH) | push | ack;
        difference("flags", format!("{:?}", line.flags), format!("{was_control:?}"))?;
        let seq = segment.seq.get().wrapping_sub(offset);
        difference("first number", line.seq.to_string(), seq.to_string())?;
        let len: u32 = sent.iter().map(|it| it.packet.segment.payload.len()).sum();
        difference("length", line.len.to_string(), len.to_string())?;
        let ack = segment.ack.map(SeqNum::get);
        difference("ack", format!("{:?}", line.ack), format!("{ack:?}"))?;
        if let Some(win) = line.win {
            difference("window", win.to_string(), segment.window.to_string())?;
        }
        difference("urgent", format!("{:?}", line.urgent), format!("{:?}", segment.urgent))?;
        if let Some(ecn) = line.ecn {
            let was = first.packet.ip.ecn as u8;
            difference("ECN bits", ecn.to_string(), was.to_string())?;
        }
        self.check_options(line, &first.options)
    }

    fn check_options(&mut self, line: &PacketLine, was: &[TcpOption]) -> Result<(), String> {
        if let Some(live) = timestamp_of(was) {
            let scripted = line.options.as_deref().and_then(timestamp_of).unwrap_or(0);
            self.timestamp_offset.get_or_insert_with(|| live.wrapping_sub(scripted));
        }
        let Some(wanted) = &line.options else { return Ok(()) };
        // Our own clock is not the script's: its value is for the echo only.
        let told = |options: &[TcpOption]| {
            let told = options.iter().map(|option| {
                if let TcpOption::Timestamps(_, echo) = option {
                    return format!("TS ecr {echo}");
                }
                option.to_string()
            });
            told.collect::<Vec<_>>().join(",")
        };
        let (wanted, was) = (told(wanted), told(was));
        if wanted == was { Ok(()) } else { Err(format!("options: wanted <{wanted}>, was <{was}>")) }
    }
}

fn timestamp_of(options: &[TcpOption]) -> Option<u32> {
    options.iter().find_map(|option| match option {
        TcpOption::Timestamps(value, _) => Some(*value),
        TcpOption::Nop
        | TcpOption::End
        | TcpOption::Mss(_)
        | TcpOption::WindowScale(_)
        | TcpOption::SackOk
        | TcpOption::Sack(_)
        | TcpOption::Other(_) => None,
    })
}

/// The options of a packet as they stand, padding included. It was built here, so its lengths are
/// right; what is cut short is left out.
fn options_of(packet: &[u8]) -> Vec<TcpOption> {
    let ip_len = if packet.first().is_some_and(|octet| octet >> 4 == 4) { 20 } else { 40 };
    let header = packet.get(ip_len..).unwrap_or_default();
    let header_len = header.get(12).map_or(0, |octet| usize::from(octet >> 4) * 4);
    let mut rest = header.get(20..header_len).unwrap_or_default();
    let mut options = Vec::new();
    while let Some((&kind, after)) = rest.split_first() {
        let (option, len) = match (kind, after) {
            (0, _) => (TcpOption::End, 1),
            (1, _) => (TcpOption::Nop, 1),
            (2, [4, high, low, ..]) => (TcpOption::Mss(u16::from_be_bytes([*high, *low])), 4),
            (3, [3, shift, ..]) => (TcpOption::WindowScale(*shift), 3),
            (4, _) => (TcpOption::SackOk, 2),
            (5, [len, blocks @ ..]) => {
                let len = usize::from(*len);
                let blocks = blocks.get(..len.saturating_sub(2)).unwrap_or_default();
                let block = |octets: &[u8]| (number(octets, 0), number(octets, 4));
                (TcpOption::Sack(blocks.chunks_exact(8).map(block).collect()), len)
            }
            (8, [10, both @ ..]) => (TcpOption::Timestamps(number(both, 0), number(both, 4)), 10),
            (kind, [len, ..]) => (TcpOption::Other(kind), usize::from(*len)),
            (kind, []) => (TcpOption::Other(kind), 1),
        };
        options.push(option);
        rest = rest.get(len.max(1)..).unwrap_or_default();
    }
    options
}

fn number(octets: &[u8], at: usize) -> u32 {
    let four = octets.get(at..).and_then(|octets| octets.first_chunk());
    four.map_or(0, |four| u32::from_be_bytes(*four))
}
