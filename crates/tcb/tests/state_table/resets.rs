//! Which segments draw a reset, and which never do (RFC 9293 §3.5.2, §3.10.7).
//! Every combination of control bits, with numbers around every edge, in every state.

use synack_tcb::State;
use synack_wire::{Flags, SeqNum, TcpPacket};

use crate::support::{Change, Place, Plan, SETTINGS, Said, Seen, Stage};

/// What a segment of the grid is.
#[derive(Clone, Copy, Debug)]
struct Odd {
    control: Flags,
    ack: Option<SeqNum>,
    seq: SeqNum,
    text: &'static [u8],
}

impl Odd {
    fn packet(self, s: &Stage) -> TcpPacket {
        let packet = s.text(self.text).at(self.seq).with_control(self.control);
        packet.with(|segment| segment.ack = self.ack)
    }
}

/// Runs a test with each segment of the grid, each on a host that has seen no other.
fn each_odd(places: &[Place], test: impl Fn(&mut Stage, Place, Odd)) {
    for setting in SETTINGS {
        for place in places {
            let edges = Plan::new(setting).stage(*place);
            for odd in grid(&edges) {
                let _said = Said(format!("{odd:?} in {place:?}, {setting:?}"));
                test(&mut Plan::new(setting).stage(*place), *place, odd);
            }
        }
    }
}

fn grid(s: &Stage) -> Vec<Odd> {
    let controls = (0..16).map(|bits| {
        let set = [Flags::FIN, Flags::SYN, Flags::RST, Flags::PSH];
        let set = set.into_iter().enumerate().filter(|(index, _)| bits >> index & 1 != 0);
        set.fold(Flags::NONE, |flags, (_, flag)| flags | flag)
    });
    let acks = [s.snd_una, s.snd_una - 1, s.snd_nxt, s.snd_nxt + 1, s.snd_una - 100_000];
    let acks: Vec<_> = acks.into_iter().map(Some).chain([None]).collect();
    let seqs = [s.irs, s.rcv_nxt, s.rcv_nxt - 1, s.rcv_nxt + 1, s.rcv_adv, s.rcv_nxt + (1 << 31)];
    let texts: [&[u8]; 2] = [b"", b"text"];
    let mut grid = vec![];
    for control in controls {
        for ack in &acks {
            for seq in seqs {
                grid.extend(texts.map(|text| Odd { control, ack: *ack, seq, text }));
            }
        }
    }
    grid
}

#[test]
fn sm_rstgen_1_where_nobody_is_all_but_a_reset_is_reset() {
    each_odd(&[Place::Closed], |s, _, odd| {
        let packet = odd.packet(s);
        s.host.receive(packet.clone());
        if packet.segment.is_rst() {
            s.sent([]);
        } else {
            s.sent([s.nobodys_rst(&packet)]);
        }
        s.is(Seen::Closed);
    });
}

#[test]
fn sm_rstgen_2_before_a_connection_an_ack_of_what_was_never_sent_is_reset() {
    each_odd(&[Place::Listen, Place::SynSent], |s, place, odd| {
        let packet = odd.packet(s);
        let acceptable = packet.segment.ack == Some(s.iss + 1) && place == Place::SynSent;
        let resets = !packet.segment.is_rst() && packet.segment.ack.is_some() && !acceptable;
        s.host.receive(packet.clone());
        if !resets {
            let sent = s.host.sent();
            assert!(sent.iter().all(|packet| !packet.segment.is_rst()), "{sent:?}");
            return;
        }
        let reset = if place == Place::Listen {
            s.nobodys_rst(&packet)
        } else {
            s.host_rst_at(packet.segment.ack.unwrap())
        };
        s.sent([reset]);
        s.is(place.seen());
    });
}

#[test]
fn sm_rstgen_2_in_syn_received_only_if_its_number_is_acceptable() {
    each_odd(&[Place::SynReceivedPassive, Place::SynReceivedActive], |s, place, odd| {
        let packet = odd.packet(s);
        s.host.receive(packet.clone());
        let sent = s.host.sent();
        let resets = sent.iter().filter(|packet| packet.segment.is_rst());
        let segment = &packet.segment;
        // A copy of the SYN is stripped, and is acceptable then.
        let copy = segment.is_syn() && odd.seq == s.irs;
        let len = if copy { segment.len() - 1 } else { segment.len() };
        let seq = if copy { odd.seq + 1 } else { odd.seq };
        let window = synack_wire::SeqRange::new(s.rcv_nxt, s.rcv_adv);
        let is_in = window.contains(seq) || (len > 0 && window.contains(seq + (len - 1)));
        let is_plain = !segment.is_rst() && (!segment.is_syn() || copy);
        let is_wrong = segment.ack.is_some_and(|ack| ack != s.snd_nxt);
        let expected = usize::from(is_in && is_plain && is_wrong);
        assert_eq!(resets.count(), expected, "{sent:?}");
        if expected == 1 {
            assert_eq!(sent, [s.host_rst_at(segment.ack.unwrap())]);
            s.is(place.seen());
        }
    });
}

#[test]
fn sm_rstgen_3_a_synchronized_connection_answers_with_an_ack_and_never_a_reset() {
    each_odd(&Place::SYNCHRONIZED, |s, place, odd| {
        let packet = odd.packet(s);
        s.host.receive(packet.clone());
        let sent = s.host.sent();
        assert!(sent.len() <= 1, "{sent:?}");
        assert!(sent.iter().all(|packet| !packet.segment.is_rst()), "{sent:?}");
        // An ACK of what was not sent, or a number out of the window, changes no state.
        let ack = packet.segment.ack;
        let harmless = ack.is_none() || ack == Some(s.snd_nxt + 1);
        let exact_reset = packet.segment.is_rst() && odd.seq == s.rcv_nxt;
        let opens_anew = place == Place::TimeWait && packet.segment.is_syn() && ack.is_none();
        if harmless && !exact_reset && !opens_anew {
            s.is(place.seen());
        }
        if packet.segment.is_rst() && !exact_reset && place == Place::Established {
            s.is(Seen::In(State::Established));
        }
    });
}
