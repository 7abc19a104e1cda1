//! Violation: what a run found wrong.

use core::fmt;
use core::time::Duration;

/// What must hold at any time, by the numbers that tests and commits cite (robustness I-1 to I-18).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Invariant {
    /// I-1: what is delivered is a prefix of what was sent.
    Prefix,
    /// I-2: an end of stream comes once, and only after all octets.
    EndOfStream,
    /// I-3: nothing comes after a failure was reported.
    AfterFailure,
    /// I-4: sequence variables are in order and do not go back.
    SequenceOrder,
    /// I-5: nothing new leaves beyond the peer's window; our right edge does not go back.
    Windows,
    /// I-6: the congestion window is in its bounds, and what is in flight within it.
    Congestion,
    /// I-8: timeouts back off and stay in their bounds; the connection is given up in time.
    Timeouts,
    /// I-9: what is owed has a timer; few timers run, and none in the past.
    Timers,
    /// I-10: TIME-WAIT lasts as long as it should.
    TimeWait,
    /// I-11: memory is bounded, and given back.
    Memory,
    /// I-12: few packets answer a packet, and no reset a reset.
    Amplification,
    /// I-13: on a healed network everything ends.
    Liveness,
    /// I-14: text is acknowledged soon.
    Acknowledgment,
    /// I-15: out-of-order ranges and SACKed ranges lie where they may.
    Ranges,
    /// I-16: every packet emitted is legal.
    Emission,
    /// I-17: states follow each other as the reference has it.
    Transition,
    /// I-18: the work of an event is bounded.
    Work,
    /// An assertion inside the code under test failed.
    Panic,
}

impl Invariant {
    /// Its number.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Prefix => "I-1",
            Self::EndOfStream => "I-2",
            Self::AfterFailure => "I-3",
            Self::SequenceOrder => "I-4",
            Self::Windows => "I-5",
            Self::Congestion => "I-6",
            Self::Timeouts => "I-8",
            Self::Timers => "I-9",
            Self::TimeWait => "I-10",
            Self::Memory => "I-11",
            Self::Amplification => "I-12",
            Self::Liveness => "I-13",
            Self::Acknowledgment => "I-14",
            Self::Ranges => "I-15",
            Self::Emission => "I-16",
            Self::Transition => "I-17",
            Self::Work => "I-18",
            Self::Panic => "panic",
        }
    }
}

/// An invariant that did not hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// Which.
    pub invariant: Invariant,
    /// When, by the true time of the simulation; set by the network.
    pub at: Duration,
    /// What was seen.
    pub what: String,
}

impl Violation {
    /// A violation, at a time that the network fills in.
    pub fn new(invariant: Invariant, what: impl Into<String>) -> Self {
        Self { invariant, at: Duration::ZERO, what: what.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {:.6} s: {}", self.invariant.id(), self.at.as_secs_f64(), self.what)
    }
}

impl core::error::Error for Violation {}

/// Fails with `invariant` unless `holds`; the text is made only then.
pub(crate) fn ensure(
    holds: bool,
    invariant: Invariant,
    what: impl FnOnce() -> String,
) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(Violation::new(invariant, what())) }
}
