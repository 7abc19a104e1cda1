//! Attackers: a blind one, whose segments must change nothing, and one in the path, who may do
//! anything but break an invariant.

use bytes::Bytes;
use synack_tcb::{FourTuple, Internals, State};
use synack_wire::{
    Flags, IcmpError, IcmpErrorKind, IpFields, Options, Payload, Segment, SeqNum, TcpPacket,
    Timestamps,
};

use crate::conversation::ConversationId;
use crate::host::HostId;
use crate::network::Network;
use crate::streams::Dice;
use crate::violation::Violation;

impl Network {
    /// Sends a host a segment that someone may have made up who knows the addresses and ports of a
    /// connection, and not its numbers: none of them may harm it.
    pub(crate) fn attack_blindly(
        &mut self,
        host: HostId,
        dice: &mut Dice,
    ) -> Result<(), Violation> {
        let Some((path, view)) = self.victim(host, dice) else { return Ok(()) };
        self.counts_mut().forged += 1;
        if dice.chance(150) {
            return self.attack_by_icmp(host, path, &view, dice);
        }
        let Some(segment) = blind_segment(&view, dice) else { return Ok(()) };
        self.inject(host, path, segment)
    }

    /// Sends a host a packet that really passed by, with a few fields changed.
    pub(crate) fn attack_in_path(
        &mut self,
        host: HostId,
        dice: &mut Dice,
    ) -> Result<(), Violation> {
        let passed: Vec<_> = self.passed_to(host).collect();
        if passed.is_empty() {
            return Ok(());
        }
        let mut packet = passed[dice.below(passed.len() as u64) as usize].clone();
        for _ in 0..dice.between(1, 3) {
            mutate(&mut packet.segment, dice);
        }
        let path = FourTuple::of_arriving(&packet);
        self.poison(path);
        self.counts_mut().forged += 1;
        self.inject(host, path, packet.segment)
    }

    /// A connection of a host, and how it stands.
    fn victim(&self, host: HostId, dice: &mut Dice) -> Option<(FourTuple, Internals)> {
        let slots = &self.hosts()[host.0].slots;
        let index = dice.below(slots.len() as u64) as usize;
        let slot = slots.get(index)?;
        Some((slot.connection.path(), *slot.watch.last()))
    }

    fn inject(&mut self, host: HostId, path: FourTuple, segment: Segment) -> Result<(), Violation> {
        let packet = TcpPacket {
            source: path.remote(),
            destination: path.local(),
            ip: IpFields::default(),
            segment_size: None,
            segment,
        };
        self.put_in(host, packet)
    }

    /// Judges a conversation no more by what it says: an attacker who knows its numbers got to it.
    pub fn distrust(&mut self, id: ConversationId) {
        self.poison(self.conversation(id).path);
    }

    /// Lets a packet arrive at a host that no other host sent.
    ///
    /// # Errors
    /// The first invariant that does not hold.
    pub fn put_in(&mut self, host: HostId, packet: TcpPacket) -> Result<(), Violation> {
        self.say(host, format_args!("forged  {packet}"));
        self.arrive(host, vec![packet])
    }

    /// RFC 5927: an error about a number that is not outstanding is ignored, and in a synchronized
    /// state none is fatal.
    fn attack_by_icmp(
        &mut self,
        host: HostId,
        path: FourTuple,
        view: &Internals,
        dice: &mut Dice,
    ) -> Result<(), Violation> {
        let is_opening = matches!(view.state, State::SynSent | State::SynReceived);
        let in_flight = u64::from(view.snd_nxt - view.snd_una);
        let seq = if is_opening || dice.chance(500) {
            view.snd_nxt + dice.below(1 << 31) as u32
        } else {
            view.snd_una + dice.below(in_flight) as u32
        };
        let error = IcmpError {
            kind: dice.pick(&ERRORS),
            reporter: path.remote().ip(),
            source: path.local(),
            destination: path.remote(),
            seq,
            packet_len: 1_500,
            payload_len: None,
        };
        self.say(host, format_args!("forged  {error:?}"));
        self.take_icmp(host, &error)
    }
}

/// A segment that a blind attacker may hit upon; `None` where there is none for this state.
fn blind_segment(view: &Internals, dice: &mut Dice) -> Option<Segment> {
    if matches!(view.state, State::TimeWait | State::Closed) {
        return None;
    }
    let far = 1 + dice.below(1 << 30) as u32;
    let text = Payload::from(Bytes::from(vec![0xee; dice.between(1, 1_400) as usize]));
    let window = dice.bits() as u16;
    if view.state == State::SynSent {
        // RST without the right ACK, and SYN-ACKs of something else.
        let ack = dice.chance(500).then_some(view.snd_nxt + far);
        let control = if dice.chance(500) { Flags::RST } else { Flags::NONE };
        return Some(Segment { seq: SeqNum::new(far), ack, control, window, ..Segment::default() });
    }
    let wnd = view.rcv_adv - view.rcv_nxt;
    let inside = (wnd > 1).then(|| view.rcv_nxt + 1 + dice.below(u64::from(wnd) - 1) as u32);
    let ack = Some(view.snd_una);
    let random = Timestamps { value: dice.bits() as u32, echo: dice.bits() as u32 };
    let options = Options { timestamps: view.timestamps.then_some(random), ..Options::default() };
    let plain = Segment { seq: view.rcv_nxt, ack, window, options, ..Segment::default() };
    let reset = Segment { control: Flags::RST, ..plain.clone() };
    let syn = Segment { control: Flags::SYN, ack: None, ..plain.clone() };
    let is_opening = view.state == State::SynReceived;
    Some(match dice.below(9) {
        0 => Segment { seq: view.rcv_adv + far, ..reset },
        1 => Segment { seq: view.rcv_nxt - far, ..reset },
        2 => Segment { seq: inside?, ..reset },
        // In SYN-RECEIVED a SYN in the window returns to LISTEN (SM-SYN-1).
        3 if !is_opening => Segment { seq: view.rcv_nxt + far, ..syn },
        4 if !is_opening => Segment { seq: view.rcv_nxt, ..syn },
        5 => Segment { ack: Some(view.snd_nxt + far), payload: text, ..plain },
        6 => Segment { ack: Some(view.snd_una - (1 << 30)), payload: text, ..plain },
        7 if view.timestamps => Segment { options: Options::default(), payload: text, ..plain },
        8 => Segment { seq: view.rcv_nxt - far, ..plain },
        _ => return None,
    })
}

/// Changes one field.
fn mutate(segment: &mut Segment, dice: &mut Dice) {
    let near = (dice.magnitude(1, 1 << 20) as u32).wrapping_mul(if dice.chance(500) {
        1
    } else {
        u32::MAX
    });
    match dice.below(10) {
        0 => segment.seq += near,
        1 => segment.ack = segment.ack.map(|ack| ack + near),
        2 => segment.ack = None,
        3 => segment.window = dice.pick(&[0, 1, 2, 535, 65_535]),
        4 => {
            segment.control = Flags::from_bits(dice.bits() as u16).without(Flags::ACK | Flags::URG)
        }
        5 => segment.urgent = Some(dice.bits() as u16),
        6 => segment.options.timestamps = None,
        7 => {
            if let Some(timestamps) = &mut segment.options.timestamps {
                timestamps.value = timestamps.value.wrapping_add(near);
                timestamps.echo = dice.bits() as u32;
            }
        }
        8 => {
            let start = segment.ack.unwrap_or_default() + near;
            let block = synack_wire::SeqRange::with_len(start, dice.magnitude(1, 100_000) as u32);
            let _ = segment.options.sack.try_push(block);
        }
        _ => {
            segment.payload =
                Payload::from(Bytes::from(vec![0xdd; dice.between(0, 1_400) as usize]));
        }
    }
}

/// What an ICMP error may say.
const ERRORS: [IcmpErrorKind; 11] = [
    IcmpErrorKind::NetUnreachable,
    IcmpErrorKind::HostUnreachable,
    IcmpErrorKind::ProtocolUnreachable,
    IcmpErrorKind::PortUnreachable,
    IcmpErrorKind::FragmentationNeeded { mtu: 68 },
    IcmpErrorKind::FragmentationNeeded { mtu: 0 },
    IcmpErrorKind::FragmentationNeeded { mtu: 600 },
    IcmpErrorKind::PacketTooBig { mtu: 0 },
    IcmpErrorKind::PacketTooBig { mtu: 1_290 },
    IcmpErrorKind::TimeExceeded,
    IcmpErrorKind::SourceQuench,
];
