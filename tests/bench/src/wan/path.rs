//! The path of a single run: what the command line says about it, as links.

use std::time::Duration;

use synack_netem::{
    Bottleneck, BurstLoss, Capacity, CoDel, Distribution, Duplication, EcnUse, Jitter, LinkConfig,
    Probability, Queue, Rate,
};
use synack_sim::Path;

use super::end::Ecn;

#[derive(clap::Args)]
pub(super) struct PathArguments {
    /// Mbit/s of the narrow place, in both directions
    #[arg(long, default_value = "100", value_parser = positive)]
    rate: f64,
    /// Milliseconds of a round trip without any queue
    #[arg(long, default_value = "20", value_parser = positive)]
    rtt: f64,
    /// Packets of the sender that are lost, each by itself, in a hundred
    #[arg(long, default_value = "0", value_parser = percent)]
    loss: Probability,
    /// Packets of the sender that are lost in bursts of five on the average, in a hundred
    #[arg(long, default_value = "0", value_parser = percent)]
    burst_loss: Probability,
    /// Packets of the sender that 3 to 8 others overtake, in a hundred
    #[arg(long, default_value = "0", value_parser = percent)]
    reorder: Probability,
    /// Packets of the sender that come twice, in a hundred
    #[arg(long, default_value = "0", value_parser = percent)]
    duplicate: Probability,
    /// Milliseconds by which the delay of each direction varies, either way; order is kept
    #[arg(long, default_value = "0", value_parser = not_negative)]
    jitter: f64,
    /// What the queue before the narrow place does
    #[arg(long, value_enum, default_value = "drop-tail")]
    queue: QueueKind,
    /// Packets that the queue holds [default: what the path holds, at least 32]
    #[arg(long)]
    queue_packets: Option<usize>,
}

/// What a queue does with what is too much.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
enum QueueKind {
    /// Drops what finds it full
    DropTail,
    /// Drops by CoDel
    Codel,
    /// Marks by CoDel what can be marked, and drops the rest
    CodelEcn,
    /// Marks what finds it half full, if it can be marked; drops what finds it full
    Mark,
}

impl PathArguments {
    /// The path, as far as a path goes.
    pub(super) fn path(&self) -> Path {
        Path {
            rate: Rate::bits_per_second((self.rate * 1e6) as u64),
            rtt: Duration::from_secs_f64(self.rtt / 1e3),
            loss: self.loss,
            reordering: self.reorder,
        }
    }

    /// The links: there, and back.
    pub(super) fn links(&self) -> [LinkConfig; 2] {
        let path = self.path();
        let [mut there, mut back] = path.links();
        there.bottleneck = Some(self.bottleneck(path.rate, path.queue_packets_max()));
        if self.burst_loss != Probability::NEVER {
            there.burst_loss = Some(burst_loss(self.burst_loss));
        }
        if self.duplicate != Probability::NEVER {
            let delay_max = path.rtt / 4;
            there.duplication = Some(Duplication { probability: self.duplicate, delay_max });
        }
        if self.jitter > 0.0 {
            let amount = Duration::from_secs_f64(self.jitter / 1e3);
            let jitter = Jitter { amount, distribution: Distribution::Bell };
            for link in [&mut there, &mut back] {
                link.jitter = Some(jitter);
            }
        }
        [there, back]
    }

    /// Whether ends are to ask for ECN: if the queue marks.
    pub(super) fn ecn(&self) -> Ecn {
        match self.queue {
            QueueKind::CodelEcn | QueueKind::Mark => Ecn::Asked,
            QueueKind::DropTail | QueueKind::Codel => Ecn::NotAsked,
        }
    }

    fn bottleneck(&self, rate: Rate, packets_max: usize) -> Bottleneck {
        let packets = self.queue_packets.unwrap_or(packets_max);
        let capacity = Capacity::packets(packets);
        let codel = |ecn| Queue::CoDel { capacity, codel: CoDel::RFC_8289, ecn };
        let queue = match self.queue {
            QueueKind::DropTail => Queue::DropTail { capacity },
            QueueKind::Codel => codel(EcnUse::Drop),
            QueueKind::CodelEcn => codel(EcnUse::Mark),
            QueueKind::Mark => Queue::MarkAbove { capacity, bytes: packets * 1_500 / 2 },
        };
        Bottleneck { rate, burst_bytes: 0, queue }
    }
}

/// Bursts in which every packet is lost, five on the average, so often that `share` of all are.
fn burst_loss(share: Probability) -> BurstLoss {
    let leave = 1.0 / 5.0;
    let share = share.as_f64();
    // In the long run, enter / (enter + leave) of the packets are in a burst.
    let enter = leave * share / (1.0 - share);
    BurstLoss {
        enter: Probability::new(enter),
        leave: Probability::new(leave),
        loss_while_bad: Probability::ALWAYS,
    }
}

fn percent(text: &str) -> Result<Probability, String> {
    let percent = not_negative(text)?;
    if percent > 100.0 {
        return Err("more than a hundred".to_owned());
    }
    Ok(Probability::new(percent / 100.0))
}

fn positive(text: &str) -> Result<f64, String> {
    not_negative(text)
        .and_then(|value| if value > 0.0 { Ok(value) } else { Err("zero".to_owned()) })
}

fn not_negative(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    // Also refuses what is not finite, and times and rates that mean nothing.
    if (0.0..=1e6).contains(&value) {
        Ok(value)
    } else {
        Err("not within 0 and a million".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        path: PathArguments,
    }

    fn links(arguments: &str) -> [LinkConfig; 2] {
        Cli::try_parse_from(["wan"].into_iter().chain(arguments.split_whitespace()))
            .unwrap()
            .path
            .links()
    }

    #[test]
    fn what_is_not_said_is_a_plain_path() {
        let [there, back] = links("");
        assert_eq!(there, back);
        assert_eq!(there.delay, Duration::from_millis(10));
        assert_eq!(there.bottleneck, Some(Bottleneck::drop_tail(Rate::mbit(100), 166)));
    }

    #[test]
    fn loss_and_disorder_meet_the_sender_alone_and_jitter_both() {
        let [there, back] = links("--loss 0.1 --burst-loss 2 --reorder 1 --duplicate 3 --jitter 2");
        assert_eq!(there.loss, Probability::new(0.001));
        assert!(there.burst_loss.is_some() && there.reordering.is_some());
        assert!(there.duplication.is_some());
        assert_eq!(there.jitter, back.jitter);
        assert_eq!(back.jitter.unwrap().amount, Duration::from_millis(2));
        assert_eq!((back.loss, back.burst_loss, back.duplication), Default::default());
    }

    #[test]
    fn bursts_lose_the_share_that_was_asked_for() {
        let BurstLoss { enter, leave, .. } = burst_loss(Probability::percent(2));
        let share = enter.as_f64() / (enter.as_f64() + leave.as_f64());
        assert!((share - 0.02).abs() < 1e-9);
    }

    #[test]
    fn nonsense_is_refused() {
        for arguments in ["--rate 0", "--loss 101", "--loss -1", "--rtt nan", "--jitter x"] {
            let words = ["wan"].into_iter().chain(arguments.split_whitespace());
            assert!(Cli::try_parse_from(words).is_err(), "{arguments}");
        }
    }
}
