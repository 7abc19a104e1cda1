//! Transfer: one sender, one receiver, one path, and what can be seen of it from step to step.

use core::time::Duration;

use synack_netem::LinkStats;
use synack_tcb::Internals;

use crate::conversation::ConversationId;
use crate::host::{HostConfig, HostId};
use crate::middlebox::MiddleboxFaults;
use crate::network::{Network, Sent};
use crate::oracle::Thoroughness;
use crate::script::Script;
use crate::streams::Streams;
use crate::violation::Violation;
use crate::{Controller, Path};

/// What is sent over a path, and under which controller.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TransferConfig {
    pub(crate) path: Path,
    pub(crate) controller: Controller,
    /// How much is sent. Units: octets.
    pub(crate) bytes: u64,
    pub(crate) seed: u64,
}

/// A transfer that is under way.
#[derive(Debug)]
pub(crate) struct Transfer {
    network: Network,
    id: ConversationId,
    bytes: u64,
    /// The connections as they were seen last: the sender's, the receiver's.
    seen: [Option<Internals>; 2],
}

impl Transfer {
    /// Opens the connection. Buffers are as large as the path needs, so they limit nothing.
    pub(crate) fn start(config: &TransferConfig) -> Result<Self, Violation> {
        let TransferConfig { path, controller, bytes, seed } = *config;
        let mut network = Network::new(Streams::new(seed));
        let queue_bytes = path.queue_packets_max() * 1_500;
        let path_bytes = usize::try_from(path.bandwidth_delay_bytes()).unwrap_or(usize::MAX);
        let buffer = (4 * path_bytes.saturating_add(queue_bytes)).max(BUFFER_MIN);
        for address in [[10, 0, 0, 1], [10, 0, 0, 2]] {
            let mut host = HostConfig::new(address.into());
            host.connection.send_buffer = buffer.into();
            host.connection.receive_buffer = buffer.into();
            host.connection.congestion = controller.factory();
            host.oracle = Thoroughness::Amortized;
            network.add_host(host);
        }
        let [there, back] = path.links();
        network.join(SENDER, RECEIVER, there, MiddleboxFaults::default());
        network.join(RECEIVER, SENDER, back, MiddleboxFaults::default());
        network.take_note();
        network.listen(RECEIVER, PORT)?;
        let scripts = [Script::send(bytes), Script::receive()];
        let id = network.open((SENDER, 4_000), (RECEIVER, PORT), scripts)?;
        let id = id.expect("no other connection has these addresses");
        Ok(Self { network, id, bytes, seen: [None; 2] })
    }

    /// Goes on to the next event; false when the receiver has everything, or at `until`.
    pub(crate) fn step(&mut self, until: Duration) -> Result<bool, Violation> {
        let goes_on = self.network.step(until)?;
        for side in [0, 1] {
            self.seen[side] = self.network.internals(self.id, side).or(self.seen[side]);
        }
        Ok(goes_on && self.received() < self.bytes)
    }

    /// The time since the beginning.
    pub(crate) fn time(&self) -> Duration {
        self.network.time()
    }

    /// How much the receiver has read. Units: octets.
    pub(crate) fn received(&self) -> u64 {
        self.network.conversation(self.id).sides[1].received
    }

    /// The sender's connection, from the first step on.
    pub(crate) fn sender(&self) -> Option<&Internals> {
        self.seen[0].as_ref()
    }

    /// The receiver's connection, once there is one.
    pub(crate) fn receiver(&self) -> Option<&Internals> {
        self.seen[1].as_ref()
    }

    /// Text that the sender has sent since this was last asked.
    pub(crate) fn take_sent(&mut self) -> impl Iterator<Item = Sent> + use<> {
        self.network.take_notes().into_iter().filter(|sent| sent.from == SENDER)
    }

    /// What the link from the sender to the receiver did.
    pub(crate) fn link(&self) -> LinkStats {
        self.network.link_stats().next().expect("the first link was joined at the start")
    }
}

const SENDER: HostId = HostId(0);
const RECEIVER: HostId = HostId(1);
const PORT: u16 = 80;
/// The least that connections have, however short the path is. Units: octets.
const BUFFER_MIN: usize = 1 << 20;
