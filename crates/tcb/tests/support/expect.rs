//! What a packet does to a stage: exactly what leaves, what the application is told, what changed,
//! and that nothing else did.

use std::fmt::Debug;

use synack_tcb::{
    CloseReason, ConnectionInfo, Counters, DropReason, Events, Instant, Internals, SoftError,
};
use synack_wire::TcpPacket;

use super::{Change, Place, Plan, Received, SETTINGS, Seen, Setting, Stage};

/// Runs a test in each of these states and each setting.
pub(crate) fn each(
    places: impl IntoIterator<Item = Place> + Clone,
    test: impl FnMut(&mut Stage, Place),
) {
    each_planned(places, Plan::new, test);
}

/// As [`each`], for conversations that begin otherwise.
pub(crate) fn each_planned(
    places: impl IntoIterator<Item = Place> + Clone,
    plan: impl Fn(Setting) -> Plan,
    mut test: impl FnMut(&mut Stage, Place),
) {
    for setting in SETTINGS {
        for place in places.clone() {
            let _said = Said(format!("in {place:?}, {setting:?}"));
            test(&mut plan(setting).stage(place), place);
        }
    }
}

/// Runs a test in each setting.
pub(crate) fn each_setting(mut test: impl FnMut(Setting)) {
    for setting in SETTINGS {
        let _said = Said(format!("in {setting:?}"));
        test(setting);
    }
}

/// What is said when a test fails while it lives.
pub(crate) struct Said(pub(crate) String);

impl Drop for Said {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.0);
        }
    }
}

/// What becomes of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fate {
    /// A connection used it.
    Used,
    /// It opened a connection.
    Accepted,
    /// It was not used, or not all of it. Where the endpoint answers, the answer is all that it
    /// says.
    Refused(DropReason),
}

/// Everything that can be seen of a host and its connection but what was counted on the way.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Picture {
    pub(crate) seen: Seen,
    info: Option<ConnectionInfo>,
    internals: Option<Internals>,
    reason: Option<CloseReason>,
    soft_error: Option<SoftError>,
    deadline: Option<Instant>,
    connections: usize,
    half_open: usize,
    time_waits: usize,
}

impl Stage {
    pub(crate) fn picture(&self) -> Picture {
        let connection = self.id.map(|id| &self.host.connections[&id]);
        let info = connection.map(|connection| {
            let mut info = connection.info();
            forget_counts(&mut info.counters);
            info
        });
        let internals = connection.map(|connection| {
            let mut internals = connection.internals();
            forget_counts(&mut internals.counters);
            internals
        });
        Picture {
            seen: self.host.seen(&self.peer),
            info,
            internals,
            reason: connection.and_then(|connection| connection.close_reason()),
            soft_error: connection.and_then(|connection| connection.last_soft_error()),
            deadline: self.host.deadline(),
            connections: self.host.endpoint.connections(),
            half_open: self.host.endpoint.half_open(),
            time_waits: self.host.endpoint.time_waits(),
        }
    }

    /// The host takes a packet, with this fate, and sends this.
    #[track_caller]
    pub(crate) fn takes(
        &mut self,
        packet: TcpPacket,
        fate: Fate,
        answer: impl IntoIterator<Item = TcpPacket>,
    ) {
        let received = self.host.receive(packet);
        let answer = Vec::from_iter(answer);
        let said = match received {
            Received::Used(_) => Fate::Used,
            Received::Accepted(id) => {
                self.id = Some(id);
                self.host.take_accepted();
                Fate::Accepted
            }
            Received::Refused(_, reason) | Received::Dropped(reason) => Fate::Refused(reason),
            Received::Replied if !answer.is_empty() => fate,
            Received::Replied => panic!("an answer was not expected: {:?}", self.host.sent()),
        };
        assert_eq!(said, fate);
        self.sent(answer);
    }

    /// The host sent this since the last look, and no more.
    #[track_caller]
    pub(crate) fn sent(&mut self, expected: impl IntoIterator<Item = TcpPacket>) {
        let sent = self.host.sent();
        let expected = Vec::from_iter(expected);
        let lines = |packets: &[TcpPacket]| -> Vec<String> {
            packets.iter().map(ToString::to_string).collect()
        };
        assert_eq!(lines(&sent), lines(&expected));
        assert_eq!(sent, expected);
    }

    /// The host does not use a packet: nothing changes, nobody is told, and this leaves.
    #[track_caller]
    pub(crate) fn refuses(
        &mut self,
        packet: TcpPacket,
        reason: DropReason,
        answer: impl IntoIterator<Item = TcpPacket>,
    ) {
        let before = self.picture();
        self.takes(packet, Fate::Refused(reason), answer);
        self.unchanged(&before);
    }

    /// As [`refuses`](Self::refuses), with a challenge ACK, counted as one.
    #[track_caller]
    pub(crate) fn challenges(&mut self, packet: TcpPacket, reason: DropReason) {
        let before = self.challenge_acks();
        self.refuses(packet, reason, [self.host_ack()]);
        let counted = self.id.map_or(0, |_| 1);
        if self.host.seen(&self.peer) != Seen::TimeWait {
            assert_eq!(self.challenge_acks(), before + counted);
        }
    }

    /// As [`refuses`](Self::refuses), with an ACK that no limit holds back.
    #[track_caller]
    pub(crate) fn acknowledges(&mut self, packet: TcpPacket, reason: DropReason) {
        let before = self.challenge_acks();
        self.refuses(packet, reason, [self.host_ack()]);
        assert_eq!(self.challenge_acks(), before);
    }

    /// The packet ends the connection.
    #[track_caller]
    pub(crate) fn ends(&mut self, packet: TcpPacket, reason: DropReason, told: CloseReason) {
        self.takes(packet, Fate::Refused(reason), []);
        self.ended(told);
    }

    /// The connection is over: the application was told why, nothing is left of it, and nothing
    /// leaves any more.
    #[track_caller]
    pub(crate) fn ended(&mut self, told: CloseReason) {
        self.sent([]);
        assert_eq!(self.host.seen(&self.peer), self.gone());
        assert_eq!(self.connection().close_reason(), Some(told));
        assert!(self.events().contains(Events::CLOSED | Events::READABLE | Events::WRITABLE));
        assert!(self.connection().is_released());
        assert_eq!(self.host.endpoint.connections(), 0);
        assert_eq!(self.host.deadline(), None, "no timer is left");
    }

    /// Nothing can be seen to have changed, and a far end that asks finds the numbers as they were.
    #[track_caller]
    pub(crate) fn unchanged(&mut self, before: &Picture) {
        self.same(&self.picture(), before);
        assert_eq!(self.events(), Events::NONE, "nobody is told");
        self.answers_as_before(before.seen);
        self.same(&self.picture(), before);
    }

    #[track_caller]
    fn same<T: PartialEq + Debug>(&self, after: &T, before: &T) {
        assert_eq!(after, before, "something changed");
    }

    /// Asks for SND.NXT and RCV.NXT by a duplicate that must be answered whatever was before.
    #[track_caller]
    fn answers_as_before(&mut self, seen: Seen) {
        match seen {
            Seen::Closed | Seen::Listen => {}
            Seen::In(synack_tcb::State::SynSent) => {
                self.host.receive(self.ack().acking(self.iss));
                self.sent([self.host_rst_at(self.iss)]);
            }
            Seen::SynReceived => {
                let offer = self.plan.offer.clone();
                self.host.receive(self.syn(self.irs).with_options(offer));
                self.sent([self.host_syn_ack()]);
            }
            Seen::In(_) => {
                let octet = self.text(b"?").at(self.rcv_nxt - 1).acking(self.snd_una);
                self.host.receive(octet);
                self.sent([self.host_ack()]);
            }
            // Every answer there counts against the limit.
            Seen::TimeWait => {}
        }
    }

    #[track_caller]
    pub(crate) fn is(&self, seen: Seen) {
        assert_eq!(self.host.seen(&self.peer), seen);
    }

    /// What the application was told since the last look.
    #[track_caller]
    pub(crate) fn told(&mut self, events: Events) {
        assert_eq!(self.events(), events);
    }

    pub(crate) fn challenge_acks(&self) -> u32 {
        self.id.map_or(0, |id| self.host.connections[&id].info().counters.challenge_acks)
    }
}

/// A segment that is not used is counted all the same.
fn forget_counts(counters: &mut Counters) {
    (counters.segments_in, counters.segments_out) = (0, 0);
    (counters.duplicates_in, counters.challenge_acks) = (0, 0);
}
