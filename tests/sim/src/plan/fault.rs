//! Fault: what can be wrong with a run, and how often it is.

use super::{Plan, applications, hosts, links};
use crate::streams::Dice;

macro_rules! faults {
    ($($(#[doc = $doc:expr])+ $name:ident = $text:literal, $permille:literal, $apply:path;)+) => {
        /// What can be wrong with a run. Each is drawn for itself: whether it is there, and how
        /// strong.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u32)]
        pub enum Fault {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Fault {
            /// Every fault, in the order in which they are applied.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// Its name, as a command line has it.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }

            /// How often a run has it. Units: times in a thousand.
            pub(super) const fn permille(self) -> u32 {
                match self {
                    $(Self::$name => $permille,)+
                }
            }

            /// Puts it into a plan.
            pub(super) fn apply(self, plan: &mut Plan, dice: &mut Dice) {
                match self {
                    $(Self::$name => $apply(plan, dice),)+
                }
            }
        }
    };
}

faults! {
    /// Packets are lost, each by itself.
    UniformLoss = "uniform-loss", 350, links::uniform_loss;
    /// Packets are lost in bursts.
    BurstLoss = "burst-loss", 200, links::burst_loss;
    /// The nth packet of a kind is lost.
    TargetedLoss = "targeted-loss", 250, links::targeted_loss;
    /// Pure ACKs are lost.
    AckLoss = "ack-loss", 150, links::ack_loss;
    /// Packets are overtaken.
    Reordering = "reordering", 300, links::reordering;
    /// Packets come twice, the copy up to a minute later.
    Duplication = "duplication", 250, links::duplication;
    /// Bits are flipped, octets swapped.
    Corruption = "corruption", 200, links::corruption;
    /// Words are swapped, which no checksum sees.
    WordSwaps = "word-swaps", 60, links::word_swaps;
    /// Packets are cut short.
    Truncation = "truncation", 100, links::truncation;
    /// Packets have octets behind their end.
    Padding = "padding", 100, links::padding;
    /// Options are taken off SYNs.
    OptionStripping = "option-stripping", 150, links::option_stripping;
    /// The MSS of SYNs is lowered.
    MssClamp = "mss-clamp", 100, links::mss_clamp;
    /// SACK blocks are taken off.
    SackStripping = "sack-stripping", 60, links::sack_stripping;
    /// Segments are cut in two.
    Splitting = "splitting", 120, links::splitting;
    /// Packets take longer, or shorter.
    Jitter = "jitter", 300, links::jitter;
    /// Packets take half a minute longer now and then.
    Spikes = "spikes", 100, links::spikes;
    /// Links are slow, with queues or policers.
    Bottlenecks = "bottlenecks", 350, links::bottlenecks;
    /// Links are cut, or clogged, for a few seconds.
    Flaps = "flaps", 200, links::flaps;
    /// A link is cut for minutes.
    Partition = "partition", 60, links::partition;
    /// A host takes smaller packets than others.
    Mtu = "mtu", 200, hosts::mtu;
    /// Initial sequence numbers close to where numbers wrap, or change sign.
    Isn = "isn", 500, hosts::isn;
    /// Options of TCP that are off, and other choices of configuration.
    Configuration = "configuration", 400, hosts::configuration;
    /// Buffers of a few segments, or less than one.
    SmallBuffers = "small-buffers", 250, hosts::small_buffers;
    /// User timeouts of seconds.
    ShortTimeouts = "short-timeouts", 50, hosts::short_timeouts;
    /// Keep-alive of seconds.
    KeepAlive = "keep-alive", 100, hosts::keep_alive;
    /// SYN cookies, or a short queue of half-open handshakes.
    SynCookies = "syn-cookies", 80, hosts::syn_cookies;
    /// Devices are full at times.
    FullDevice = "full-device", 150, hosts::full_device;
    /// Output is put off.
    LazyOutput = "lazy-output", 200, hosts::lazy_output;
    /// Timers fire late, or are looked at early.
    CoarseTimers = "coarse-timers", 250, hosts::coarse_timers;
    /// Packets are handled in batches, and joined.
    Batching = "batching", 350, hosts::batching;
    /// Devices take super-segments.
    SuperSegments = "super-segments", 250, hosts::super_segments;
    /// Clocks drift.
    ClockDrift = "clock-drift", 150, hosts::clock_drift;
    /// Clocks are put forward or back.
    ClockJump = "clock-jump", 60, hosts::clock_jump;
    /// Clocks stand still.
    ClockStop = "clock-stop", 80, hosts::clock_stop;
    /// A host stops and starts again.
    Crash = "crash", 80, hosts::crash;
    /// A blind attacker sends segments.
    BlindAttack = "blind-attack", 200, hosts::blind_attack;
    /// An attacker in the path changes packets.
    InPathAttack = "in-path-attack", 60, hosts::in_path_attack;
    /// No one listens.
    NoListener = "no-listener", 20, hosts::no_listener;
    /// Applications write and read in small portions.
    SmallPortions = "small-portions", 200, applications::small_portions;
    /// Applications rest between calls.
    Pauses = "pauses", 250, applications::pauses;
    /// A reader rests for minutes.
    Stalls = "stalls", 120, applications::stalls;
    /// Applications write urgent octets, or say that more follows.
    PushStyles = "push-styles", 120, applications::push_styles;
    /// Several conversations at a time.
    Parallel = "parallel", 150, applications::parallel;
    /// Conversations one after another on the same ports.
    Successors = "successors", 200, applications::successors;
    /// Both sides open.
    SimultaneousOpen = "simultaneous-open", 100, applications::simultaneous_open;
    /// An application aborts.
    Aborts = "aborts", 80, applications::aborts;
    /// An application lets go.
    Drops = "drops", 80, applications::drops;
    /// ECN, and queues that mark.
    Marks = "marks", 400, links::marks;
    /// ECN is tampered with on the way.
    Mangling = "mangling", 80, links::mangling;
    /// Living connections are given other congestion controllers.
    ControllerChanges = "controller-changes", 150, hosts::controller_changes;
    /// Another congestion controller, or pacing.
    Controllers = "controllers", 600, hosts::controllers;
    /// A link takes smaller packets than both hosts, from some time on; it says so or does not.
    PathMtu = "path-mtu", 250, links::path_mtu;
}

impl Fault {
    /// The fault of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|fault| fault.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_found_by_its_name_and_draws_from_a_stream_of_its_own() {
        for (index, fault) in Fault::ALL.iter().enumerate() {
            assert_eq!(Fault::named(fault.name()), Some(*fault));
            assert_eq!(*fault as usize, index);
        }
        assert_eq!(Fault::named("none"), None);
    }
}
