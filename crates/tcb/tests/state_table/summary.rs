//! The whole table at once: twelve states by eleven kinds of segment (RFC 9293 §3.10.7).
//! One array holds what each does; every cell is run in every setting and looked at from outside.

use synack_tcb::{CloseReason, DropReason, Events, State};
use synack_wire::{Flags, Options, TcpPacket};

use crate::support::{Change, Fate, Place, Plan, SETTINGS, Said, Seen, Setting, Stage};

/// What a segment is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    ResetExact,
    ResetInWindow,
    Syn,
    NoAck,
    AckOfUnsent,
    AckTooOld,
    AckOfNew,
    AckOfFin,
    Urgent,
    Text,
    Fin,
}

/// What a segment does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Cell {
    /// There is no such segment there.
    None,
    /// Nothing at all.
    Drop(DropReason),
    /// RST(ack) or RST(seq) of the endpoint, and nothing else.
    Reset,
    /// RST(ack) of a handshake, and nothing else.
    ResetAt,
    /// A challenge ACK, and nothing else.
    Challenge(DropReason),
    /// The connection is over, and the application is told this.
    Ends(CloseReason),
    /// The handshake is forgotten without a word.
    ToListen(DropReason),
    /// A SYN,ACK leaves; then it is this.
    Answers(Seen),
    /// The handshake is complete; in SYN-SENT that is acknowledged.
    Opens,
    /// Our text is acknowledged.
    Advances,
    /// It goes to another state without a word.
    Goes(Seen),
    /// The application is told of urgent text.
    Signals,
    /// The text is delivered and acknowledged.
    Delivers,
    /// Everything of it is ignored, without a reason to be told, or with one.
    Ignores(Option<DropReason>),
    /// The FIN is acknowledged and leads there.
    Closes(Seen),
    /// The FIN that came before is acknowledged once more.
    Again,
}

use CloseReason::{Finished, Refused, ResetByPeer};
use DropReason::*;

const KINDS: [Kind; 11] = [
    Kind::ResetExact,
    Kind::ResetInWindow,
    Kind::Syn,
    Kind::NoAck,
    Kind::AckOfUnsent,
    Kind::AckTooOld,
    Kind::AckOfNew,
    Kind::AckOfFin,
    Kind::Urgent,
    Kind::Text,
    Kind::Fin,
];

const CHALLENGES: [Cell; 5] = [
    Cell::Challenge(ResetNotExact),
    Cell::Challenge(UnexpectedSyn),
    Cell::Drop(NoAck),
    Cell::Challenge(AckOfUnsent),
    Cell::Challenge(AckTooOld),
];

/// A row of the states after ESTABLISHED: RST; five that differ nowhere; the rest.
const fn row(rst: Cell, rest: [Cell; 5]) -> [Cell; 11] {
    let [a, b, c, d, e] = CHALLENGES;
    let [v, w, x, y, z] = rest;
    [rst, a, b, c, d, e, v, w, x, y, z]
}

/// Section 8.10. Columns are [`KINDS`].
#[rustfmt::skip]
fn table() -> [(Place, [Cell; 11]); 12] {
    use Cell::*;
    let reset = Ends(ResetByPeer);
    let to = |state| Seen::In(state);
    let no_text = Ignores(Some(TextIgnored));
    let not_exact = Challenge(ResetNotExact);
    [
        (Place::Closed, [
            Drop(ResetForNobody), Drop(ResetForNobody), Reset, Reset, Reset, Reset, Reset, Reset,
            Reset, Reset, Reset,
        ]),
        (Place::Listen, [
            Drop(ResetForListener), Drop(ResetForListener), Answers(Seen::SynReceived),
            Drop(NoSynForListener), Reset, Reset, Reset, Reset, Answers(Seen::SynReceived),
            Answers(Seen::SynReceived), Answers(Seen::SynReceived),
        ]),
        (Place::SynSent, [
            Ends(Refused), Ends(Refused), Answers(to(State::SynReceived)), Drop(NoSyn), ResetAt,
            ResetAt, Opens, None, Signals, Delivers, Closes(to(State::CloseWait)),
        ]),
        (Place::SynReceivedPassive, [
            ToListen(DropReason::Reset), not_exact, ToListen(ReturnToListen), Drop(NoAck), ResetAt,
            ResetAt, Opens, None, Signals, Delivers, Closes(to(State::CloseWait)),
        ]),
        (Place::SynReceivedActive, [
            Ends(Refused), not_exact, Challenge(UnexpectedSyn), Drop(NoAck), ResetAt, ResetAt,
            Opens, None, Signals, Delivers, Closes(to(State::CloseWait)),
        ]),
        (Place::Established, row(reset, [
            Advances, None, Signals, Delivers, Closes(to(State::CloseWait)),
        ])),
        (Place::FinWait1, row(reset, [
            Advances, Goes(to(State::FinWait2)), Signals, Delivers, Closes(to(State::Closing)),
        ])),
        (Place::FinWait2, row(reset, [None, None, Signals, Delivers, Closes(Seen::TimeWait)])),
        (Place::CloseWait, row(reset, [
            Advances, None, Ignores(Option::None), no_text, Again,
        ])),
        (Place::Closing, row(reset, [
            Advances, Goes(Seen::TimeWait), Ignores(Option::None), no_text, Again,
        ])),
        (Place::LastAck, row(reset, [
            Advances, Ends(Finished), Ignores(Option::None), no_text, Again,
        ])),
        (Place::TimeWait, [
            Drop(TimeWait), Drop(TimeWait), Challenge(UnexpectedSyn), Drop(NoAck),
            Challenge(AckOfUnsent), Challenge(AckTooOld), Drop(TimeWait), Drop(TimeWait),
            Drop(TimeWait), Drop(TimeWait), Again,
        ]),
    ]
}

#[test]
fn sm_8_10_every_state_with_every_kind_of_segment() {
    each_cell(Plan::new);
}

#[test]
fn sm_8_10_the_same_with_timestamps() {
    each_cell(|setting| Plan::new(setting).with_timestamps());
}

/// Runs each cell of the table in each setting, for conversations that begin like this.
fn each_cell(plan: impl Fn(Setting) -> Plan) {
    let mut cells = 0;
    for setting in SETTINGS {
        for (place, row) in table() {
            for (kind, cell) in KINDS.into_iter().zip(row) {
                let _said = Said(format!("{kind:?} in {place:?}, {setting:?}"));
                let sends = Place::SENDS.contains(&place);
                let text: &[u8] = if sends { b"unacknowledged" } else { b"" };
                let mut stage = plan(setting).with(|plan| plan.text = text).stage(place);
                check(&mut stage, place, kind, cell);
                cells += usize::from(cell != Cell::None);
            }
        }
    }
    assert_eq!(cells, SETTINGS.len() * (12 * 11 - 7), "seven cells stand for nothing");
}

/// The segment that a column stands for: as the far end would send it, with this one thing to it.
fn packet(s: &Stage, place: Place, kind: Kind) -> TcpPacket {
    let opening = matches!(place, Place::Listen | Place::SynSent);
    // What is in flight stays so.
    let opens = matches!(place, Place::SynReceivedPassive | Place::SynReceivedActive);
    let bare = if opens { s.ack() } else { s.ack().acking(s.snd_una) };
    let bare = match (place, opening) {
        (Place::Listen, _) => offering(s, s.syn(s.irs)),
        (_, true) => offering(s, s.syn_ack(s.irs)),
        (_, false) => bare,
    };
    let fin = bare.segment.control | Flags::FIN;
    match kind {
        // In SYN-SENT an acceptable ACK is what makes a RST exact, and nothing else.
        Kind::ResetExact if place == Place::SynSent => s.rst(s.irs).acking(s.snd_nxt),
        Kind::ResetInWindow if place == Place::SynSent => s.rst(s.irs + 9).acking(s.snd_nxt),
        Kind::ResetExact => s.rst(s.rcv_nxt),
        Kind::ResetInWindow => s.rst(s.rcv_nxt + 1),
        Kind::Syn if opening => offering(s, s.syn(s.irs)),
        Kind::Syn if place == Place::TimeWait => s.syn_ack(s.rcv_nxt + 1),
        Kind::Syn => s.syn(s.rcv_nxt + 1),
        Kind::NoAck => s.ack().without_ack(),
        Kind::AckOfUnsent => s.ack().acking(s.snd_nxt + 1),
        Kind::AckTooOld => s.ack().acking(s.snd_una - 65_536),
        Kind::AckOfNew if place == Place::SynSent => bare,
        Kind::AckOfNew if Place::SENDS.contains(&place) => bare.acking(s.snd_una + 1),
        Kind::AckOfNew | Kind::AckOfFin => s.ack(),
        Kind::Urgent => bare.with(|segment| segment.urgent = Some(2)),
        Kind::Text => bare.with_text(b"text"),
        Kind::Fin if Place::HAS_PEER_FIN.contains(&place) => {
            bare.with_control(fin).at(s.rcv_nxt - 1)
        }
        Kind::Fin => bare.with_control(fin),
    }
}

/// A SYN of the far end with everything that it offers.
fn offering(s: &Stage, syn: TcpPacket) -> TcpPacket {
    let timestamps = syn.segment.options.timestamps;
    syn.with_options(Options { timestamps, ..s.plan.offer.clone() })
}

fn check(s: &mut Stage, place: Place, kind: Kind, cell: Cell) {
    if cell == Cell::None {
        return;
    }
    let packet = packet(s, place, kind);
    match cell {
        Cell::None => {}
        Cell::Drop(reason) => s.refuses(packet, reason, []),
        Cell::Reset => {
            let reset = s.nobodys_rst(&packet);
            s.refuses(packet, NoConnection, [reset]);
        }
        Cell::ResetAt => {
            let reset = s.host_rst_at(packet.segment.ack.unwrap());
            s.refuses(packet, UnacceptableAck, [reset]);
        }
        Cell::Challenge(reason) => s.challenges(packet, reason),
        Cell::Again => s.acknowledges(packet, RepeatedFin),
        Cell::Ends(Finished) => {
            s.takes(packet, Fate::Used, []);
            s.ended(Finished);
        }
        Cell::Ends(told) => s.ends(packet, Reset, told),
        Cell::ToListen(reason) => {
            s.takes(packet, Fate::Refused(reason), []);
            s.is(Seen::Listen);
            assert_eq!(s.host.endpoint.half_open(), 0);
        }
        Cell::Answers(seen) => {
            s.host.receive(packet);
            let answer = s.host.only_sent();
            s.note_syn();
            if place == Place::Listen {
                s.note_clock(&answer.segment.options);
            }
            assert_eq!(answer, s.host_syn_ack());
            s.is(seen);
            s.told(Events::NONE);
        }
        Cell::Ignores(reason) => {
            s.takes(packet, reason.map_or(Fate::Used, Fate::Refused), []);
            s.is(place.seen());
            s.told(Events::NONE);
            let info = s.connection().info();
            assert_eq!((info.urgent_left, info.unread, info.out_of_order), (0, 0, 0));
        }
        Cell::Goes(seen) => {
            s.takes(packet, Fate::Used, []);
            s.is(seen);
            s.told(Events::WRITABLE);
        }
        Cell::Advances => {
            let before = s.connection().info().unacked;
            s.takes(packet, Fate::Used, []);
            s.is(place.seen());
            s.told(Events::WRITABLE);
            assert_eq!(s.connection().info().unacked, before - 1);
        }
        Cell::Opens | Cell::Signals | Cell::Delivers | Cell::Closes(_) => {
            check_used(s, place, packet, cell);
        }
    }
}

/// What goes through all eight steps; in a handshake its ACK completes that first.
fn check_used(s: &mut Stage, place: Place, packet: TcpPacket, cell: Cell) {
    let is_first = matches!(place, Place::SynReceivedPassive | Place::SynReceivedActive);
    let is_handshake = is_first || place == Place::SynSent;
    if place == Place::SynSent {
        s.note_syn();
    }
    let stays = if is_handshake { Seen::In(State::Established) } else { place.seen() };
    let (octets, events, seen) = if cell == Cell::Delivers {
        (4, Events::READABLE, stays)
    } else if cell == Cell::Signals {
        (0, Events::URGENT, stays)
    } else if let Cell::Closes(seen) = cell {
        (1, Events::PEER_CLOSED | Events::READABLE, seen)
    } else {
        (0, Events::NONE, stays)
    };
    let opened = if is_handshake { Events::CONNECTED | Events::WRITABLE } else { Events::NONE };
    let fate = if place == Place::SynReceivedPassive { Fate::Accepted } else { Fate::Used };
    s.rcv_nxt += octets;
    let answers = octets > 0 || place == Place::SynSent;
    let ack = answers.then(|| s.host_ack());
    s.takes(packet, fate, ack);
    s.is(seen);
    s.told(events | opened);
    let text: &[u8] = if cell == Cell::Delivers { b"text" } else { b"" };
    let id = s.id();
    assert_eq!(s.host.read(id), text);
    s.sent([]);
}
