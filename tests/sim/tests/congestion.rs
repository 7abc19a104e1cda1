//! What congestion control makes of marks, and of a change of controllers in the middle of a flow.
//! Each is a network of two hosts, A that sends and B that listens, on a virtual clock.

use core::time::Duration;
use std::sync::Arc;

use synack_netem::{Bottleneck, Capacity, EcnUse, LinkConfig, LinkStats, Rate};
use synack_sim::{
    Controller, ConversationId, HostConfig, HostId, MiddleboxFaults, Network, Script, Streams,
};
use synack_tcb::congestion::{
    CongestionFactory, CubicFactory, CubicOptions, NewRenoFactory, WindowOptions,
};
use synack_tcb::{ConnectionConfig, EcnPolicy, Internals};

const A: HostId = HostId(0);
const B: HostId = HostId(1);
const RATE: Rate = Rate::mbit(20);
const RTT: Duration = Duration::from_millis(40);
const BYTES: u64 = 20_000_000;
const CUBIC: CubicOptions = CubicOptions::DEFAULT;

/// One flow from A to B over a slow line.
struct Flow {
    network: Network,
    id: ConversationId,
}

/// What one came to.
struct Whole {
    /// Of the line's rate.
    share: f64,
    sender: Internals,
    link: LinkStats,
}

impl Flow {
    fn start(queue: Bottleneck, configure: impl Fn(&mut ConnectionConfig)) -> Self {
        let mut network = Network::new(Streams::new(1));
        for address in ["10.0.0.1", "10.0.0.2"] {
            let mut host = HostConfig::new(address.parse().unwrap());
            configure(&mut host.connection);
            host.connection.send_buffer = (4 << 20).into();
            host.connection.receive_buffer = (4 << 20).into();
            network.add_host(host);
        }
        let back = LinkConfig { delay: RTT / 2, ..LinkConfig::default() };
        let there = LinkConfig { bottleneck: Some(queue), ..back.clone() };
        network.join(A, B, there, MiddleboxFaults::default());
        network.join(B, A, back, MiddleboxFaults::default());
        network.listen(B, 80).unwrap();
        let scripts = [Script::send(BYTES), Script::receive()];
        let id = network.open((A, 4_000), (B, 80), scripts).unwrap().unwrap();
        Self { network, id }
    }

    fn sender(&self) -> Internals {
        self.network.internals(self.id, 0).unwrap()
    }

    fn received(&self) -> u64 {
        self.network.conversation(self.id).sides[1].received
    }

    /// Goes on until B has so much.
    fn run_to(&mut self, bytes: u64) -> Internals {
        let mut sender = None;
        while self.received() < bytes {
            assert!(self.network.step(Duration::from_hours(1)).unwrap(), "it does not end");
            sender = self.network.internals(self.id, 0).or(sender);
        }
        sender.unwrap()
    }

    /// The share of the line's rate that B received, since `from` octets at `time`.
    fn share_since(&self, (from, time): (u64, Duration)) -> f64 {
        let bits = 8 * (self.received() - from);
        bits as f64 / (self.network.time() - time).as_secs_f64() / RATE.get() as f64
    }

    fn whole(mut self) -> Whole {
        let sender = self.run_to(BYTES);
        let share = self.share_since((0, Duration::ZERO));
        Whole { share, sender, link: self.network.link_stats().next().unwrap() }
    }
}

fn codel() -> Bottleneck {
    Bottleneck::codel(RATE, Capacity::packets(1_000), EcnUse::Mark)
}

#[test]
fn ecn_12_abe_1_abe_2_a_flow_that_is_marked_keeps_its_goodput_and_loses_nothing() {
    let window = WindowOptions::DEFAULT;
    let abe = WindowOptions { alternative_backoff: true, ..window };
    let cubic = |window| Arc::new(CubicFactory { options: CubicOptions { window, ..CUBIC } });
    let controllers: [(_, [Arc<dyn CongestionFactory>; 2]); 2] = [
        ("reno", [window, abe].map(|options| Arc::new(NewRenoFactory { options }) as _)),
        ("cubic", [window, abe].map(|window| cubic(window) as _)),
    ];
    let of = |ecn, factory: &Arc<dyn CongestionFactory>| {
        let flow = Flow::start(codel(), |config| {
            config.ecn = ecn;
            config.congestion = factory.clone();
        });
        flow.whole()
    };
    for (name, factories) in controllers {
        let dropped = of(EcnPolicy::Off, &factories[0]);
        assert!(dropped.link.codel_dropped > 0 && dropped.sender.counters.retransmissions > 0);
        assert_eq!((dropped.link.ce_marked, dropped.sender.counters.mark_reductions), (0, 0));
        let marked = factories.map(|it| of(EcnPolicy::Ask, &it));
        for Whole { sender, link, .. } in &marked {
            assert_eq!((link.lost(), sender.counters.retransmissions), (0, 0), "{name}");
            let reductions = u64::from(sender.counters.mark_reductions);
            assert!((1..=link.ce_marked).contains(&reductions), "{name}: once a window");
        }
        let [marked, gentle] = marked.map(|whole| whole.share);
        // Losses are found, and answered, as soon as marks are, and likewise (PRR-11).
        let goodput = dropped.share;
        assert!(marked > goodput - 0.01, "{name}: {marked}, and {goodput} with losses");
        assert!(gentle > marked + 0.02 && gentle > 0.9, "{name}: {gentle}, {marked} without ABE");
    }
}

#[test]
fn accecn_13_every_mark_of_the_line_is_counted_at_both_ends() {
    let mut flow = Flow::start(codel(), |config| {
        config.ecn = EcnPolicy::Ask;
        config.accurate_ecn = true;
    });
    let sender = flow.run_to(BYTES);
    let receiver = flow.network.internals(flow.id, 1).unwrap();
    let link = flow.network.link_stats().next().unwrap();
    assert!(link.ce_marked > 10 && link.lost() == 0, "{link:?}");
    // What the line still holds is not counted yet, and the last ACKs are on their way.
    let received = u64::from(receiver.counters.marks_in);
    let counted = u64::from(sender.counters.marks_out);
    assert!(received <= link.ce_marked && link.ce_marked <= received + 3, "{received}");
    assert!(counted <= received && received <= counted + 3, "{counted} of {received}");
    assert!(sender.counters.mark_reductions > 0 && sender.counters.retransmissions == 0);
}

#[test]
fn cc_25_from_cubic_to_bbr_to_newreno_and_back_under_way() {
    let queue = Bottleneck::drop_tail(RATE, 66);
    let named = |name| Controller::named(name).unwrap();
    let mut flow = Flow::start(queue, |config| config.congestion = named("cubic").factory());
    flow.run_to(BYTES / 4);
    for (name, until) in [("bbr", BYTES / 2), ("reno", BYTES * 3 / 4), ("cubic", BYTES)] {
        let before = flow.sender();
        let since = (flow.received(), flow.network.time());
        flow.network.set_congestion(A, named(name)).unwrap();
        let after = flow.sender();
        assert_eq!(after.cwnd, before.cwnd, "{name} goes on from the window");
        assert_eq!(after.rto_nanos, before.rto_nanos, "and from the round-trip time");
        let end = flow.run_to(until);
        let share = flow.share_since(since);
        assert!(share > 0.85, "{name}: {share} of the rate");
        let timeouts = end.counters.timeouts - before.counters.timeouts;
        assert_eq!(timeouts, 0, "{name}");
    }
}
