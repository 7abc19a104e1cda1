//! Two hosts, A at port 4000 and B at port 80, that begin with the numbers of a figure.

use synack_tcb::{ConnectionId, State};
use synack_wire::{SeqNum, TcpPacket};

use crate::support::{Host, Peer, Received, Said, Seen, control, time_of_iss};

const ADDRESSES: [(&str, &str); 2] =
    [("10.0.0.1:4000", "10.0.0.2:80"), ("[fd00::1]:4000", "[fd00::2]:80")];

/// Two hosts whose first numbers are chosen, and what they send to each other.
pub(crate) struct Two {
    pub(crate) a: Host,
    pub(crate) b: Host,
    /// B as A sees it, and A as B sees it.
    pub(crate) peer_of_a: Peer,
    pub(crate) peer_of_b: Peer,
    pub(crate) iss_a: SeqNum,
    pub(crate) iss_b: SeqNum,
    pub(crate) a_id: Option<ConnectionId>,
    pub(crate) b_id: Option<ConnectionId>,
}

/// The example of the figures, in both families: with its own numbers, and near the wraps.
pub(crate) fn each(figure: (u32, u32), test: impl Fn(&mut Two)) {
    let (a, b) = figure;
    let near = |edge: u32| (edge.wrapping_sub(1), edge.wrapping_sub(2));
    for (a_socket, b_socket) in ADDRESSES {
        for (iss_a, iss_b) in [(a, b), near(0), near(1), near(1 << 31), (0, u32::MAX)] {
            let _said = Said(format!("{a_socket}, {iss_a} and {iss_b}"));
            let (iss_a, iss_b) = (SeqNum::new(iss_a), SeqNum::new(iss_b));
            let peer_of_a = Peer::new(b_socket, a_socket);
            let peer_of_b = Peer::new(a_socket, b_socket);
            let a = host(&peer_of_a, iss_a);
            let b = host(&peer_of_b, iss_b);
            let (a_id, b_id) = (None, None);
            test(&mut Two { a, b, peer_of_a, peer_of_b, iss_a, iss_b, a_id, b_id });
        }
    }
}

pub(crate) fn host(peer: &Peer, iss: SeqNum) -> Host {
    let address = peer.host.ip().to_string();
    let mut host = Host::new(&address);
    host.now = time_of_iss(&address, peer, iss);
    host
}

/// A packet as the figures write it. Numbers count from A's or B's first.
pub(crate) fn line(packet: &TcpPacket) -> String {
    control(packet)
}

impl Two {
    /// `<SEQ=..><ACK=..><CTL=..>` of a packet from A, in numbers past each ISS.
    pub(crate) fn a_says(&self, seq: u32, ack: Option<u32>, rest: &str) -> String {
        figure(self.iss_a + seq, ack.map(|ack| self.iss_b + ack), rest)
    }

    pub(crate) fn b_says(&self, seq: u32, ack: Option<u32>, rest: &str) -> String {
        figure(self.iss_b + seq, ack.map(|ack| self.iss_a + ack), rest)
    }

    pub(crate) fn connect_a(&mut self) {
        self.a_id = Some(self.a.connect_to(&self.peer_of_a));
    }

    /// The one packet that A sent must read so; it is returned.
    #[track_caller]
    pub(crate) fn a_sent(&mut self, expected: &str) -> TcpPacket {
        let packet = self.a.only_sent();
        assert_eq!(line(&packet), expected);
        packet
    }

    #[track_caller]
    pub(crate) fn b_sent(&mut self, expected: &str) -> TcpPacket {
        let packet = self.b.only_sent();
        assert_eq!(line(&packet), expected);
        packet
    }

    pub(crate) fn a_takes(&mut self, packet: TcpPacket) -> Received {
        let received = self.a.receive(packet);
        if let Received::Accepted(id) = received {
            self.a_id = Some(id);
        }
        received
    }

    pub(crate) fn b_takes(&mut self, packet: TcpPacket) -> Received {
        let received = self.b.receive(packet);
        if let Received::Accepted(id) = received {
            self.b_id = Some(id);
        }
        received
    }

    #[track_caller]
    pub(crate) fn are(&self, a: Seen, b: Seen) {
        assert_eq!((self.a.seen(&self.peer_of_a), self.b.seen(&self.peer_of_b)), (a, b));
    }

    /// Both ESTABLISHED, opened by A.
    pub(crate) fn open(&mut self) {
        self.b.listen(80);
        self.connect_a();
        let syn = self.a.only_sent();
        self.b_takes(syn);
        let syn_ack = self.b.only_sent();
        self.a_takes(syn_ack);
        let ack = self.a.only_sent();
        self.b_takes(ack);
        self.are(Seen::In(State::Established), Seen::In(State::Established));
    }

    pub(crate) fn a_id(&self) -> ConnectionId {
        self.a_id.expect("A has a connection")
    }

    pub(crate) fn b_id(&self) -> ConnectionId {
        self.b_id.expect("B has a connection")
    }

    /// Carries packets until both are silent, but loses those that `lose` names.
    pub(crate) fn settle(&mut self, mut lose: impl FnMut(&TcpPacket) -> bool) {
        for _ in 0..10_000 {
            let (from_a, from_b) = (self.a.sent(), self.b.sent());
            if from_a.is_empty() && from_b.is_empty() {
                return;
            }
            from_a.into_iter().filter(|packet| !lose(packet)).for_each(|packet| {
                self.b_takes(packet);
            });
            from_b.into_iter().for_each(|packet| {
                self.a_takes(packet);
            });
        }
        panic!("they never fall silent");
    }
}

pub(crate) fn figure(seq: SeqNum, ack: Option<SeqNum>, rest: &str) -> String {
    let ack = ack.map_or(String::new(), |ack| format!("<ACK={ack}>"));
    format!("<SEQ={seq}>{ack}{rest}")
}

pub(crate) const SYN: &str = "<CTL=SYN>";
pub(crate) const SYN_ACK: &str = "<CTL=SYN,ACK>";
pub(crate) const ACK: &str = "<CTL=ACK>";
pub(crate) const FIN: &str = "<CTL=FIN,ACK>";
pub(crate) const RST: &str = "<CTL=RST>";
