//! What losses and reordering cost a transfer: retransmissions, time, and never a timeout more.
//! Each is a network of two hosts, A that sends and B that listens, on a virtual clock.

use core::time::Duration;

use synack_netem::LinkConfig;
use synack_sim::{
    Controller, Ending, HostConfig, HostId, MiddleboxFaults, Network, Script, Streams,
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
        Self { links, bytes: 20_000_000, seed: 1, controller, timestamps: true, ending }
    }

    #[track_caller]
    fn run(&self) -> Outcome {
        let mut network = Network::new(Streams::new(self.seed));
        for address in ["10.0.0.1", "10.0.0.2"] {
            let mut host = HostConfig::new(address.parse().unwrap());
            host.connection.congestion = self.controller.factory();
            host.connection.timestamps = self.timestamps;
            host.connection.send_buffer = 4 << 20;
            host.connection.receive_buffer = 4 << 20;
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
