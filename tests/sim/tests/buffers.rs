//! What buffers that grow by themselves are worth: a long fat path is filled without tuning.
//! Each is a network of two hosts in the default configuration, on a virtual clock.

use core::time::Duration;

use synack_netem::Probability;
use synack_netem::Rate;
use synack_sim::{
    ConversationId, HostConfig, HostId, MiddleboxFaults, Network, Path, Pause, Script, Sizes,
    Streams, Thoroughness,
};
use synack_tcb::{BufferSize, ConnectionConfig};

const A: HostId = HostId(0);
const B: HostId = HostId(1);

/// 2.5 MB under way, and a queue of as much.
const LONG_AND_FAT: Path = Path {
    rate: Rate::mbit(100),
    rtt: Duration::from_millis(200),
    loss: Probability::NEVER,
    reordering: Probability::NEVER,
};

/// One connection from A to B.
struct Flow {
    network: Network,
    id: ConversationId,
}

/// What it came to.
#[derive(Debug)]
struct Whole {
    /// Of the rate of the path.
    share: f64,
    /// The widest window that was offered by the side that receives. Units: octets.
    offered_max: u32,
    /// The most that was held by the side that sends. Units: octets.
    held_max: u64,
}

impl Flow {
    fn start(scripts: [Script; 2], configure: impl Fn(&mut ConnectionConfig)) -> Self {
        let mut network = Network::new(Streams::new(1));
        for address in ["10.0.0.1", "10.0.0.2"] {
            let mut host = HostConfig::new(address.parse().unwrap());
            configure(&mut host.connection);
            host.oracle = Thoroughness::Amortized;
            network.add_host(host);
        }
        let [there, back] = LONG_AND_FAT.links();
        network.join(A, B, there, MiddleboxFaults::default());
        network.join(B, A, back, MiddleboxFaults::default());
        network.listen(B, 80).unwrap();
        let id = network.open((A, 4_000), (B, 80), scripts).unwrap().unwrap();
        Self { network, id }
    }

    /// Goes on until side `to` has received `bytes` from the other one.
    fn run(&mut self, to: usize, bytes: u64) -> Whole {
        let (mut offered_max, mut held_max) = (0, 0);
        while self.network.conversation(self.id).sides[to].received < bytes {
            assert!(self.network.step(Duration::from_hours(1)).unwrap(), "it does not end");
            if let Some(receiver) = self.network.internals(self.id, to) {
                offered_max = offered_max.max(receiver.rcv_adv.saturating_since(receiver.rcv_nxt));
            }
            if let Some(sender) = self.network.internals(self.id, 1 - to) {
                held_max = held_max.max(u64::from(sender.snd_nxt - sender.snd_una) + sender.unsent);
            }
        }
        let bits = 8 * bytes;
        let seconds = self.network.time().as_secs_f64();
        let share = bits as f64 / seconds / LONG_AND_FAT.rate.get() as f64;
        Whole { share, offered_max, held_max }
    }
}

/// Who sends to whom: the side that opens, or the one that listens.
const ROLES: [(&str, usize); 2] = [("the opener sends", 1), ("the listener sends", 0)];

fn scripts(to: usize, bytes: u64, receiver: Script) -> [Script; 2] {
    if to == 1 { [Script::send(bytes), receiver] } else { [receiver, Script::send(bytes)] }
}

#[test]
fn rbuf_2_rbuf_8_the_defaults_fill_100_mbit_and_200_ms_in_both_roles() {
    const BYTES: u64 = 500_000_000;
    for (case, to) in ROLES {
        for timestamps in [true, false] {
            let scripts = scripts(to, BYTES, Script::receive());
            let mut flow = Flow::start(scripts, |config| config.timestamps = timestamps);
            let whole = flow.run(to, BYTES);
            let case = format!("{case}, timestamps {timestamps}: {whole:?}");
            assert!(whole.share >= 0.85, "{case}");
            assert!(whole.offered_max <= 6 << 20 && whole.held_max <= 4 << 20, "{case}");
        }
    }
}

#[test]
fn rbuf_6_what_was_the_default_before_fills_a_fraction_of_it() {
    const BYTES: u64 = 50_000_000;
    let mut flow = Flow::start(scripts(1, BYTES, Script::receive()), |config| {
        config.receive_buffer = BufferSize::Fixed(1 << 20);
        config.send_buffer = BufferSize::Fixed(512 << 10);
    });
    let share = flow.run(1, BYTES).share;
    assert!((0.1..0.25).contains(&share), "{share}: 512 KiB in a round trip");
}

#[test]
fn rbuf_5_attack_c7_a_slow_reader_is_offered_no_more_than_it_began_with() {
    const BYTES: u64 = 3_000_000;
    let pause = Some(Pause { permille: 1_000, time_max: Duration::from_millis(20) });
    let slow =
        Script { read_sizes: Sizes::new(1_000, 2_000), read_pause: pause, ..Script::receive() };
    let mut flow = Flow::start(scripts(1, BYTES, slow), |_| {});
    let whole = flow.run(1, BYTES);
    assert!(whole.offered_max <= 1 << 20, "{whole:?}");
}
