//! Whatever is sent, called and waited for, the endpoint's tables agree and its answers stay
//! bounded. Random sequences of packets near the numbers that matter, of calls, and of times.

use std::time::Duration;

use proptest::prelude::*;
use synack_tcb::{EndpointConfig, ListenerConfig, Open, SynCookies};
use synack_wire::{Flags, SeqNum, TcpPacket};

use crate::support::{Change, Host, Peer};

/// One thing that happens.
#[derive(Clone, Debug)]
enum Step {
    /// A segment from one of a few far ends, with numbers near what the host said last.
    Arrive {
        from: u16,
        flags: u16,
        seq: i8,
        ack: Option<i8>,
        text: u8,
        stamp: Option<i8>,
    },
    Connect {
        to: u16,
    },
    /// A call on the nth of the connections.
    Call(usize, Call),
    Accepted,
    Listen,
    CloseListener,
    Wait {
        millis: u64,
    },
}

/// Mostly exact, sometimes a little off.
fn offset() -> impl Strategy<Value = i8> {
    prop_oneof![6 => Just(0i8), 1 => -2i8..4]
}

/// Mostly what a peer sends, sometimes anything.
fn flags() -> impl Strategy<Value = u16> {
    let usual = [Flags::NONE, Flags::SYN, Flags::FIN, Flags::RST].map(Flags::bits);
    prop_oneof![2 => Just(usual[0]), 3 => Just(usual[1]), 1 => Just(usual[2]), 1 => 0..0x40u16]
}

/// What the application does with a connection.
#[derive(Clone, Copy, Debug)]
enum Call {
    Write,
    Close,
    Abort,
    Read,
}

fn call() -> impl Strategy<Value = Step> {
    let calls = vec![Call::Write, Call::Write, Call::Close, Call::Close, Call::Abort, Call::Read];
    (any::<usize>(), prop::sample::select(calls)).prop_map(|(nth, call)| Step::Call(nth, call))
}

fn step() -> impl Strategy<Value = Step> {
    let segment = (0..3u16, flags(), offset(), prop::option::weighted(0.7, offset()), 0..3u8);
    let stamp = prop::option::weighted(0.2, -2i8..3);
    let arrive = (segment, stamp).prop_map(|((from, flags, seq, ack, text), stamp)| Step::Arrive {
        from,
        flags,
        seq,
        ack,
        text,
        stamp,
    });
    prop_oneof![
        20 => arrive,
        1 => (0..3u16).prop_map(|to| Step::Connect { to }),
        6 => call(),
        1 => Just(Step::Accepted),
        1 => Just(Step::Listen),
        1 => Just(Step::CloseListener),
        3 => prop::sample::select(vec![1, 1_000, 70_000]).prop_map(|millis| Step::Wait { millis }),
    ]
}

/// The host, and for each far end the numbers that the host expects and used last.
struct Scene {
    host: Host,
    expected: [(SeqNum, SeqNum); 3],
}

impl Scene {
    fn new(syn_cookies: SynCookies) -> Self {
        let config = EndpointConfig {
            connections_max: 3,
            time_wait_max: 2,
            ephemeral_ports: (80, 80),
            ..EndpointConfig::default()
        };
        let mut host = Host::with("10.0.0.2", config);
        host.listen_with(80, Self::listener(syn_cookies));
        let start = SeqNum::new(u32::MAX - 3);
        Self { host, expected: [(start, start); 3] }
    }

    fn listener(syn_cookies: SynCookies) -> ListenerConfig {
        ListenerConfig { backlog: 2, half_open_max: 2, syn_cookies, ..ListenerConfig::default() }
    }

    fn peer(index: u16) -> Peer {
        Peer::new("10.0.0.1:4000", "10.0.0.2:80").with_port(4_000 + index)
    }

    fn arrive(&mut self, step: &Step) {
        let Step::Arrive { from, flags, seq, ack, text, stamp } = step else { return };
        let (peer, (theirs, ours)) = (Self::peer(*from), self.expected[usize::from(*from)]);
        let near = |number: SeqNum, offset: i8| number + i32::from(offset).cast_unsigned();
        let control = Flags::from_bits(*flags).without(Flags::ACK | Flags::URG);
        let ack = ack.map(|offset| near(ours, offset));
        let mut packet =
            peer.segment(near(theirs, *seq), ack, control).with_text(&[7; 3][..usize::from(*text)]);
        if let Some(stamp) = stamp {
            packet = packet.with_timestamps(i32::from(*stamp).cast_unsigned(), 0);
        }
        let is_reset = packet.segment.is_rst();
        let before = self.host.sent();
        self.note(before);
        self.host.receive(packet);
        let sent = self.host.sent();
        // I-12: no RST for a RST, no more than a few packets for one.
        assert!(!is_reset || sent.iter().all(|packet| !packet.segment.is_rst()), "{sent:?}");
        assert!(sent.len() <= 3, "{sent:?}");
        self.note(sent);
    }

    /// Remembers the numbers that the host used.
    fn note(&mut self, sent: Vec<TcpPacket>) {
        for packet in sent {
            let index = usize::from(packet.destination.port() - 4_000);
            let theirs = packet.segment.ack.unwrap_or(self.expected[index].0);
            self.expected[index] = (theirs, packet.segment.end());
        }
    }

    fn run(&mut self, step: &Step, syn_cookies: SynCookies) {
        let now = self.host.now;
        let host = &mut self.host;
        match step {
            Step::Arrive { .. } => self.arrive(step),
            Step::Connect { to } => {
                let peer = Self::peer(*to);
                let _ = host.try_connect(Open { local: Some(peer.host), ..Open::to(peer.socket) });
            }
            Step::Call(nth, call) => {
                let nth = nth % host.connections.len().max(1);
                let Some(id) = host.connections.keys().copied().nth(nth) else { return };
                let connection = host.connection(id);
                match call {
                    Call::Write => drop(connection.write(now, b"text", synack_tcb::Push::Now)),
                    Call::Close => connection.close(now),
                    Call::Abort => connection.abort(now),
                    Call::Read => drop(connection.read_bytes(now, 10)),
                }
                host.drain();
            }
            Step::Accepted => drop(host.take_accepted()),
            Step::Listen => {
                let on = synack_tcb::ListenOn::Socket("0.0.0.0:80".parse().unwrap());
                let _ = host.endpoint.listen(on, Self::listener(syn_cookies));
            }
            Step::CloseListener => {
                if let Some(id) = host.endpoint.listener_for("10.0.0.2:80".parse().unwrap()) {
                    host.endpoint.close_listener(now, id);
                    host.drain();
                }
            }
            Step::Wait { millis } => host.advance(Duration::from_millis(*millis)),
        }
        let host = &mut self.host;
        host.connections.retain(|_, connection| !connection.is_released());
        assert_eq!(host.connections.len(), host.endpoint.connections());
        #[cfg(debug_assertions)]
        host.endpoint.check_invariants();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn i_11_i_12_tables_agree_and_everything_is_forgotten_in_the_end(
        steps in prop::collection::vec(step(), 1..60),
        always in any::<bool>(),
    ) {
        let syn_cookies = if always { SynCookies::Always } else { SynCookies::WhenFull };
        let mut scene = Scene::new(syn_cookies);
        for step in &steps {
            scene.run(step, syn_cookies);
        }
        // Everyone leaves: nothing is left but the listener (F2, I-11).
        let host = &mut scene.host;
        for id in host.connections.keys().copied().collect::<Vec<_>>() {
            host.detach(id);
        }
        host.advance(Duration::from_secs(2_000));
        let endpoint = &host.endpoint;
        let left = (endpoint.connections(), endpoint.half_open(), endpoint.time_waits());
        prop_assert_eq!(left, (0, 0, 0));
        prop_assert_eq!(endpoint.deadline(), None);
    }
}
