//! A packet of a conversation as one line, in relative numbers.

use synack_tcb::Instant;
use synack_wire::{SeqNum, TcpPacket};

/// How packets of the host are written.
///
/// ```text
/// [P.] 1:1001 ack 1        text 1..=1000, PSH and ACK set
/// [.] 1001 ack 1 sack 5:9  a pure ACK with a SACK block
/// [.] 1001 ack 1 win 500   with `windows`: the field as it is
/// [.] 1001 ack 1 ts 30/-5  with `timestamps`: TSval and TSecr in ms since ESTABLISHED
/// ```
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    pub(crate) iss: SeqNum,
    pub(crate) irs: SeqNum,
    pub(crate) start: Instant,
    /// The host's timestamp clock at `start`, and the far end's.
    pub(crate) clocks: (u32, u32),
    /// Whether the window is written.
    pub(crate) windows: bool,
    /// Whether timestamps are written.
    pub(crate) timestamps: bool,
}

impl Line {
    pub(crate) fn of(&self, packet: &TcpPacket) -> String {
        let segment = &packet.segment;
        let options = &segment.options;
        let mut line = format!("[{}] {}", segment.flags(), segment.seq - self.iss);
        if !segment.payload.is_empty() {
            line += &format!(":{}", segment.seq + segment.payload.len() - self.iss);
        }
        if let Some(ack) = segment.ack {
            line += &format!(" ack {}", ack - self.irs);
        }
        if self.windows {
            line += &format!(" win {}", segment.window);
        }
        if let Some(urgent) = segment.urgent {
            line += &format!(" urg {urgent}");
        }
        for (index, block) in options.sack.iter().enumerate() {
            let name = if index == 0 { " sack" } else { "" };
            line += &format!("{name} {}:{}", block.start - self.irs, block.end - self.irs);
        }
        if let Some(timestamps) = options.timestamps.filter(|_| self.timestamps) {
            let value = timestamps.value.wrapping_sub(self.clocks.0).cast_signed();
            let echo = timestamps.echo.wrapping_sub(self.clocks.1).cast_signed();
            line += &format!(" ts {value}/{echo}");
        }
        line
    }
}
