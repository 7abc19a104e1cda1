//! What happened, as a table that a person can read.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

/// One transfer.
pub(crate) struct Row {
    /// Who fetched from whom.
    pub(crate) way: String,
    /// The server's address.
    pub(crate) address: IpAddr,
    /// Whether every octet was right.
    pub(crate) is_right: bool,
    pub(crate) megabits_per_second: f64,
    pub(crate) handshake: Duration,
    /// As the stack measured it.
    pub(crate) srtt: Duration,
    /// Segments that the stack sent again.
    pub(crate) retransmissions: u32,
    /// The state that the stack's end came to.
    pub(crate) last_state: String,
}

/// All transfers.
#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
    /// Connections that did not close by themselves.
    pub(crate) left_open: usize,
}

impl Row {
    pub(crate) fn named(mut self, way: String) -> Self {
        self.way = way;
        self
    }
}

impl Report {
    pub(crate) fn push(&mut self, row: Row) {
        self.rows.push(row);
    }

    pub(crate) fn is_all_right(&self) -> bool {
        self.left_open == 0 && self.rows.iter().all(|row| row.is_right)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<20} {:<10} {:>7} {:>12} {:>10} {:>9} {:>6} {:>10}",
            "client -> server",
            "address",
            "octets",
            "throughput",
            "handshake",
            "srtt",
            "resent",
            "at the end"
        )?;
        for row in &self.rows {
            let octets = if row.is_right { "right" } else { "WRONG" };
            let throughput = format!("{:.0} Mbit/s", row.megabits_per_second);
            let (handshake, srtt) = (micros(row.handshake), micros(row.srtt));
            writeln!(
                f,
                "{:<20} {:<10} {octets:>7} {throughput:>12} {handshake:>10} {srtt:>9} {:>6} {:>10}",
                row.way, row.address, row.retransmissions, row.last_state
            )?;
        }
        match self.left_open {
            0 => write!(f, "Every connection closed in order."),
            left => write!(f, "{left} connections did not close and were reset."),
        }
    }
}

fn micros(time: Duration) -> String {
    format!("{} us", time.as_micros())
}
