//! Middlebox: what stands in one direction of a path and looks into segments.

use std::collections::VecDeque;

use synack_wire::{Ecn, Flags, SackBlocks, SeqNum, TcpPacket};

use crate::Dice;

/// What a middlebox does.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MiddleboxFaults {
    /// Options taken off SYNs.
    pub strips: Strips,
    /// Whether SACK blocks are taken off.
    pub strips_sack_blocks: bool,
    /// What becomes of ECN.
    pub mangling: Mangling,
    /// The greatest MSS that a SYN may name.
    pub mss_max: Option<u16>,
    /// How often a segment is cut in two. Units: times in a thousand.
    pub split_permille: u32,
    /// How often a pure ACK is lost. Units: times in a thousand.
    pub ack_loss_permille: u32,
    /// Packets to lose by what they are.
    pub targets: Vec<Target>,
}

/// Which options are taken off a SYN or a SYN-ACK.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Strips {
    /// Maximum segment size.
    pub mss: bool,
    /// Window scale.
    pub window_scale: bool,
    /// SACK-permitted.
    pub sack_permitted: bool,
    /// Timestamps.
    pub timestamps: bool,
}

/// What is done to ECN, which no router should do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Mangling {
    /// The ECN field of each packet becomes this.
    pub field: Option<Ecn>,
    /// The flags of ECN are cleared.
    pub flags: bool,
    /// The option of accurate ECN is taken off.
    pub option: bool,
}

/// Loses packets of one kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Target {
    /// Which.
    pub kind: Kind,
    /// The first to lose, counted from 1.
    pub nth: u32,
    /// How many in a row.
    pub count: u32,
}

/// What a packet is for its connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A SYN without ACK.
    Syn,
    /// A SYN with ACK.
    SynAck,
    /// A FIN.
    Fin,
    /// A pure ACK of a FIN.
    LastAck,
    /// A pure ACK that only opens the window.
    WindowUpdate,
    /// Text sent again.
    Retransmission,
    /// A RST.
    Reset,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::Syn,
        Self::SynAck,
        Self::Fin,
        Self::LastAck,
        Self::WindowUpdate,
        Self::Retransmission,
        Self::Reset,
    ];
}

/// The state of a middlebox in one direction.
#[derive(Debug)]
pub(crate) struct Middlebox {
    pub(crate) faults: MiddleboxFaults,
    dice: Dice,
    /// How many of each kind came.
    seen: [u32; Kind::ALL.len()],
    last: Option<Last>,
    /// What was lost by kind, ACK loss included.
    pub(crate) lost: u64,
    /// Segments that were changed or cut.
    pub(crate) changed: u64,
}

/// What was last seen of the latest connection.
#[derive(Clone, Copy, Debug)]
struct Last {
    ports: (u16, u16),
    /// The number after the highest.
    end: SeqNum,
    ack: Option<SeqNum>,
    window: u16,
}

impl Middlebox {
    pub(crate) fn new(faults: MiddleboxFaults, dice: Dice) -> Self {
        Self { faults, dice, seen: [0; Kind::ALL.len()], last: None, lost: 0, changed: 0 }
    }

    /// Does nothing from now on.
    pub(crate) fn heal(&mut self) {
        // What was agreed on in the handshake stays, as a box that changes its mind breaks any TCP.
        let MiddleboxFaults { strips, strips_sack_blocks, mss_max, .. } = self.faults;
        self.faults =
            MiddleboxFaults { strips, strips_sack_blocks, mss_max, ..MiddleboxFaults::default() };
    }

    /// What comes out for `packet`: nothing, one packet, or two. `fin` is the number after the FIN
    /// of the other direction, if one was seen.
    pub(crate) fn pass(&mut self, packet: TcpPacket, fin: Option<SeqNum>) -> VecDeque<TcpPacket> {
        if self.loses(&packet, fin) {
            self.lost += 1;
            return VecDeque::new();
        }
        let mut packet = packet;
        let before = (packet.segment.options.clone(), packet.segment.control, packet.ip.ecn);
        self.strip(&mut packet);
        self.mangle(&mut packet);
        let after = (&packet.segment.options, packet.segment.control, packet.ip.ecn);
        let is_changed = after != (&before.0, before.1, before.2);
        let cut = self.cut(packet);
        self.changed += u64::from(is_changed || cut.len() > 1);
        cut
    }

    fn loses(&mut self, packet: &TcpPacket, fin: Option<SeqNum>) -> bool {
        let kinds = self.kinds(packet, fin);
        let mut is_lost = false;
        for kind in Kind::ALL.into_iter().filter(|kind| kinds[*kind as usize]) {
            let count = &mut self.seen[kind as usize];
            *count += 1;
            let hits = |target: &Target| {
                let after = target.nth.saturating_add(target.count);
                target.kind == kind && (target.nth..after).contains(count)
            };
            is_lost |= self.faults.targets.iter().any(hits);
        }
        let is_pure_ack = packet.segment.is_empty() && !packet.segment.is_rst();
        let draw = self.dice.chance(self.faults.ack_loss_permille);
        is_lost || (is_pure_ack && draw)
    }

    /// Which kinds a packet is of.
    fn kinds(&mut self, packet: &TcpPacket, fin: Option<SeqNum>) -> [bool; Kind::ALL.len()] {
        let segment = &packet.segment;
        let ports = (packet.source.port(), packet.destination.port());
        let last = self.last.filter(|last| last.ports == ports && !segment.is_syn());
        let is_bare = segment.is_empty() && !segment.is_rst();
        let mut kinds = [false; Kind::ALL.len()];
        kinds[Kind::Syn as usize] = segment.is_syn() && segment.ack.is_none();
        kinds[Kind::SynAck as usize] = segment.is_syn() && segment.ack.is_some();
        kinds[Kind::Fin as usize] = segment.is_fin();
        kinds[Kind::Reset as usize] = segment.is_rst();
        kinds[Kind::LastAck as usize] = is_bare && fin.is_some() && segment.ack == fin;
        kinds[Kind::WindowUpdate as usize] = is_bare
            && last.is_some_and(|last| last.ack == segment.ack && last.window < segment.window);
        kinds[Kind::Retransmission as usize] =
            !segment.is_empty() && last.is_some_and(|last| segment.end() <= last.end);
        if !segment.is_rst() {
            let end = last.map_or_else(|| segment.end(), |last| last.end.max(segment.end()));
            self.last = Some(Last { ports, end, ack: segment.ack, window: segment.window });
        }
        kinds
    }

    fn strip(&self, packet: &mut TcpPacket) {
        let segment = &mut packet.segment;
        if self.faults.strips_sack_blocks {
            segment.options.sack = SackBlocks::new();
        }
        if !segment.is_syn() {
            return;
        }
        let Strips { mss, window_scale, sack_permitted, timestamps } = self.faults.strips;
        let options = &mut segment.options;
        options.mss = options.mss.filter(|_| !mss);
        options.window_scale = options.window_scale.filter(|_| !window_scale);
        options.timestamps = options.timestamps.filter(|_| !timestamps);
        options.sack_permitted &= !sack_permitted;
        let mss_max = self.faults.mss_max.unwrap_or(u16::MAX);
        options.mss = options.mss.map(|mss| mss.min(mss_max));
    }

    fn mangle(&self, packet: &mut TcpPacket) {
        let Mangling { field, flags, option } = self.faults.mangling;
        packet.ip.ecn = field.unwrap_or(packet.ip.ecn);
        let segment = &mut packet.segment;
        if flags {
            segment.control = segment.control.without(Flags::AE | Flags::CWR | Flags::ECE);
        }
        segment.options.accurate_ecn = segment.options.accurate_ecn.filter(|_| !option);
    }

    /// Cuts a segment in two, somewhere.
    fn cut(&mut self, packet: TcpPacket) -> VecDeque<TcpPacket> {
        let len = packet.segment.payload.len();
        let is_plain = !packet.segment.is_syn() && packet.segment.urgent.is_none();
        if len < 2 || !is_plain || !self.dice.chance(self.faults.split_permille) {
            return VecDeque::from([packet]);
        }
        let at = self.dice.between(1, u64::from(len) - 1) as u32;
        let (mut first, mut second) = (packet.clone(), packet);
        first.segment.payload.truncate(at);
        first.segment.control = first.segment.control.without(Flags::FIN | Flags::PSH);
        second.segment.payload.advance(at);
        second.segment.seq += at;
        VecDeque::from([first, second])
    }
}
