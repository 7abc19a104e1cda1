//! The measurements: what each gives, and what it needs of the stack and the machine.

mod bulk;
mod connection_rate;
mod flows;
mod idle;
mod ping_pong;

use std::fmt;

use self::bulk::Direction;
use super::Setting;
use super::running::Running;

/// A measurement.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(super) enum Test {
    /// Octets from the client to the stack, on one connection
    Rx,
    /// Octets from the stack to the client, on one connection
    Tx,
    /// `rx` with packets of 9000 octets
    Rx9000,
    /// `tx` with packets of 9000 octets
    Tx9000,
    /// `rx` with packets of 65535 octets
    Rx65535,
    /// `tx` with packets of 65535 octets
    Tx65535,
    /// Octets on 64 connections at once, to the stack and from it
    Flows64,
    /// One octet there and back, on one connection; client and stack share a core
    Rr,
    /// 1 KiB there and back, on one connection; client and stack share a core
    Rr1k,
    /// Connect, one octet there and back, close; one after the other; on one core
    Crr,
    /// The same, 64 at once
    Crr64,
    /// Memory of 1,000 and 10,000 idle connections, and ping-pong beside them; on one core
    Mem,
}

/// What a test has found out about a stack.
#[derive(Clone, Debug)]
pub(super) struct Figure {
    /// What was measured: the name of the test, or of a part of it.
    pub(super) quantity: &'static str,
    pub(super) value: f64,
    pub(super) unit: &'static str,
    /// What else was seen, by name; the unit is at the end of the name.
    pub(super) details: Vec<(&'static str, f64)>,
}

impl Test {
    /// Runs the test against a stack.
    ///
    /// # Errors
    /// When the stack refuses, resets or stalls a connection.
    pub(super) fn run(self, stack: &Running, setting: &Setting) -> anyhow::Result<Vec<Figure>> {
        let bulk = |direction| bulk::measure(self.name(), direction, stack, setting);
        let figures = match self {
            Self::Rx | Self::Rx9000 | Self::Rx65535 => vec![bulk(Direction::Receive)?],
            Self::Tx | Self::Tx9000 | Self::Tx65535 => vec![bulk(Direction::Send)?],
            Self::Flows64 => vec![
                flows::measure(Direction::Receive, stack, setting)?,
                flows::measure(Direction::Send, stack, setting)?,
            ],
            Self::Rr => vec![ping_pong::measure("rr", 1, stack, setting)?],
            Self::Rr1k => vec![ping_pong::measure("rr1k", 1024, stack, setting)?],
            Self::Crr => vec![connection_rate::sequential(stack, setting)?],
            Self::Crr64 => vec![connection_rate::concurrent(stack, setting)?],
            Self::Mem => idle::measure(stack, setting)?,
        };
        Ok(figures)
    }

    /// Whether the test is run in this round, counted from 0.
    pub(super) fn is_due(self, round: u32) -> bool {
        match self {
            Self::Mem => round == 0,
            Self::Rx
            | Self::Tx
            | Self::Rx9000
            | Self::Tx9000
            | Self::Rx65535
            | Self::Tx65535
            | Self::Flows64
            | Self::Rr
            | Self::Rr1k
            | Self::Crr
            | Self::Crr64 => true,
        }
    }

    /// Whether client and stack belong on one core: in a test that takes turns, the figure would be
    /// that of idle cores waking up.
    pub(super) fn takes_turns(self) -> bool {
        match self {
            Self::Rr | Self::Rr1k | Self::Crr | Self::Mem => true,
            Self::Rx
            | Self::Tx
            | Self::Rx9000
            | Self::Tx9000
            | Self::Rx65535
            | Self::Tx65535
            | Self::Flows64
            | Self::Crr64 => false,
        }
    }

    /// The MTU of the test, in octets: its own, or what is set for all others.
    pub(super) fn mtu(self, setting: &Setting) -> u16 {
        match self {
            Self::Rx9000 | Self::Tx9000 => 9_000,
            Self::Rx65535 | Self::Tx65535 => 65_535,
            Self::Rx
            | Self::Tx
            | Self::Flows64
            | Self::Rr
            | Self::Rr1k
            | Self::Crr
            | Self::Crr64
            | Self::Mem => setting.mtu,
        }
    }

    /// Octets of buffer that suit the test, for stacks whose buffers are fixed.
    pub(super) fn buffer_octets(self) -> u32 {
        match self {
            Self::Rx
            | Self::Tx
            | Self::Rx9000
            | Self::Tx9000
            | Self::Rx65535
            | Self::Tx65535
            | Self::Flows64
            | Self::Rr
            | Self::Rr1k => 1 << 20,
            Self::Crr | Self::Crr64 | Self::Mem => 1 << 16,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Rx => "rx",
            Self::Tx => "tx",
            Self::Rx9000 => "rx9000",
            Self::Tx9000 => "tx9000",
            Self::Rx65535 => "rx65535",
            Self::Tx65535 => "tx65535",
            Self::Flows64 => "flows64",
            Self::Rr => "rr",
            Self::Rr1k => "rr1k",
            Self::Crr => "crr",
            Self::Crr64 => "crr64",
            Self::Mem => "mem",
        }
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
