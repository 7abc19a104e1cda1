//! What losses and reordering cost a transfer: retransmissions, time, and never a timeout more.
//! Each is a network of two hosts, A that sends and B that listens, on a virtual clock.

use core::time::Duration;

use synack_netem::{LinkConfig, Probability, Rate, ReorderBy, Reordering};
use synack_sim::{
    Controller, Ending, HostConfig, HostId, MiddleboxFaults, Network, Path, Script, Streams,
    Thoroughness,
};
use synack_tcb::Internals;

const A: HostId = HostId(0);
const B: HostId = HostId(1);

/// One transfer.
#[derive(Clone)]
struct Transfer {
    links: [LinkConfig; 2],
    bytes: u64,
    seed: u64,
    controller: Controller,
    timestamps: bool,
    receive_buffer: usize,
    /// With `CloseAfterReceiving` neither closes, and it is over when all is received.
    ending: Ending,
}

/// What it came to.
#[derive(Clone, Copy, Debug)]
struct Outcome {
    time: Duration,
    /// Of A and of B, just before they were over.
    ends: [Internals; 2],
}

impl Transfer {
    fn over(link: LinkConfig) -> Self {
        let links = [link.clone(), link];
        let controller = Controller::named("cubic").unwrap();
        let ending = Ending::CloseAfterSending;
        Self {
            links,
            bytes: 20_000_000,
            seed: 1,
            controller,
            timestamps: true,
            receive_buffer: 8 << 20,
            ending,
        }
    }

    #[track_caller]
    fn run(&self) -> Outcome {
        let mut network = Network::new(Streams::new(self.seed));
        for address in ["10.0.0.1", "10.0.0.2"] {
            let mut host = HostConfig::new(address.parse().unwrap());
            host.oracle = Thoroughness::Amortized;
            host.connection.congestion = self.controller.factory();
            host.connection.timestamps = self.timestamps;
            host.connection.send_buffer = (8 << 20).into();
            host.connection.receive_buffer = self.receive_buffer.into();
            network.add_host(host);
        }
        let [there, back] = self.links.clone();
        network.join(A, B, there, MiddleboxFaults::default());
        network.join(B, A, back, MiddleboxFaults::default());
        network.listen(B, 80).unwrap();
        let scripts = [Script::send(self.bytes).ending(self.ending), Script::receive()];
        let id = network.open((A, 4_000), (B, 80), scripts).unwrap().unwrap();
        let mut ends = [None; 2];
        loop {
            let conversation = network.conversation(id);
            let is_received = conversation.sides[1].received == self.bytes;
            let is_closed =
                self.ending == Ending::CloseAfterReceiving || conversation.is_complete();
            if is_received && is_closed {
                break;
            }
            assert!(network.step(Duration::from_hours(1)).unwrap(), "it does not end");
            for side in [0, 1] {
                ends[side] = network.internals(id, side).or(ends[side]);
            }
        }
        Outcome { time: network.time(), ends: ends.map(|end| end.expect("both were open")) }
    }
}

impl Outcome {
    fn timeouts(&self) -> u32 {
        self.ends.iter().map(|end| end.counters.timeouts).sum()
    }
}

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// With a plain link of 20 ms: whatever packet is lost first, loss by loss.
fn each_single_loss(bytes: u64, mut judge: impl FnMut(u64, &Outcome, &Outcome)) {
    let link = LinkConfig { delay: ms(20), ..LinkConfig::default() };
    let whole = Transfer { bytes, ..Transfer::over(link) };
    let without = whole.run();
    // The first packet is the SYN.
    for nth in 2..=2 + without.ends[0].counters.segments_out {
        let mut lossy = whole.clone();
        lossy.links[0].lose_nth = vec![nth];
        judge(nth, &lossy.run(), &without);
    }
}

#[test]
fn tlp_6_tlp_9_no_single_loss_of_text_needs_the_timeout() {
    for segments in [1, 2, 3, 5, 9, 10, 20] {
        each_single_loss(segments * 1_448, |nth, lossy, without| {
            assert_eq!(lossy.timeouts(), 0, "{segments} segments, packet {nth}");
            // 2 SRTT until the probe, and a delayed ACK; then as long as it takes anyway.
            let rtt = ms(40);
            let limit = without.time + 2 * rtt + ms(200) + 2 * rtt;
            assert!(lossy.time <= limit, "{segments} segments, packet {nth}: {:?}", lossy.time);
        });
    }
}

#[test]
fn tlp_3_a_lost_tail_is_repaired_after_two_round_trips() {
    let link = LinkConfig { delay: ms(20), ..LinkConfig::default() };
    for segments in [1, 2, 5, 10] {
        let (bytes, ending) = (segments * 1_448, Ending::CloseAfterReceiving);
        let mut transfer = Transfer { bytes, ending, ..Transfer::over(link.clone()) };
        let without = transfer.run();
        // The ACK of the SYN-ACK rides on the first segment.
        transfer.links[0].lose_nth = vec![1 + segments];
        let lossy = transfer.run();
        assert_eq!((lossy.timeouts(), lossy.ends[0].counters.loss_probes), (0, 1));
        let more = lossy.time - without.time;
        // Two round trips, and the time for which the ACK of one segment may be delayed.
        assert!(more <= 2 * ms(40) + ms(200), "{segments} segments: {more:?}");
    }
}

/// Of one packet in 33, late by up to half a round trip.
fn reordering(path: &Path) -> Reordering {
    let by = ReorderBy::Time { max: path.rtt / 2 };
    Reordering { probability: Probability::percent(3), by }
}

/// Runs a transfer with and without reordering, and compares what it came to.
#[track_caller]
fn judge_reordering(case: &str, transfer: &Transfer, reordering: Reordering) {
    let without = transfer.run();
    let mut reordered = transfer.clone();
    reordered.links[0].reordering = Some(reordering);
    let with = reordered.run();
    let goodput = without.time.as_secs_f64() / with.time.as_secs_f64();
    assert!(goodput > 0.95, "{case}: {goodput} of the goodput");
    let [sender, receiver] = with.ends.map(|end| end.counters);
    let (spurious, sent) = (u64::from(receiver.duplicates_in), sender.segments_out);
    assert!(spurious * 100 <= sent, "{case}: {spurious} needless of {sent}");
    assert_eq!(with.timeouts(), 0, "{case}");
}

/// Paths, controllers and seeds for it.
fn each_reordered(mut judge: impl FnMut(&str, Transfer, &Path)) {
    for (mbit, rtt_ms, bytes) in [(10, 40, 12_500_000), (100, 20, 30_000_000)] {
        let never = Probability::NEVER;
        let path = Path { rate: Rate::mbit(mbit), rtt: ms(rtt_ms), loss: never, reordering: never };
        for name in ["reno", "cubic"] {
            for seed in 1..=3 {
                let controller = Controller::named(name).unwrap();
                let links = path.links();
                let any = Transfer::over(LinkConfig::default());
                let transfer = Transfer { links, bytes, seed, controller, ..any };
                judge(&format!("{name}, {path}, seed {seed}"), transfer, &path);
            }
        }
    }
}

#[test]
fn rack_9_rack_11_reordering_alone_costs_next_to_nothing() {
    each_reordered(|case, transfer, path| {
        // The window of the peer fills the path, but not its queue: nothing is ever lost.
        let path_bytes = usize::try_from(path.bandwidth_delay_bytes()).unwrap();
        let transfer = Transfer { receive_buffer: path_bytes * 7 / 4, ..transfer };
        judge_reordering(case, &transfer, reordering(path));
    });
}

#[test]
fn rack_9_rack_11_reordering_and_a_queue_that_overflows_cost_no_more_than_the_queue() {
    each_reordered(|case, transfer, path| {
        // Without timestamps, for what is late and was sent before a segment that was sent again
        // is dropped by the receiver if it comes after it (RFC 7323 §5.3, the second example).
        judge_reordering(case, &Transfer { timestamps: false, ..transfer }, reordering(path));
    });
}
