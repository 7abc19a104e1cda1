//! Operations: what a stack does for a segment, one by one, in the midst of a transfer.
//!
//! Each is a value, made ready by its constructor; `run` does the operation [`TIMES`] times and
//! nothing else, once. So what is counted or timed is the operation, its share of what happens
//! every now and then included.

mod endpoint;
mod exchange;
mod flight;
mod list;
mod octets;
mod stack;
mod wheel_arm;

pub use endpoint::{PollTransmit, Receive, Route};
pub use exchange::{Bulk, Exchange};
pub use flight::{PureAck, Sack};
pub use octets::{Checksum, Emit, EmitHeaders, Parse};
pub use stack::{StackBulk, StackExchange};
pub use wheel_arm::WheelArm;

/// Something that a stack does for a segment, made ready to be done.
pub trait Operation {
    /// Does it, so many [`TIMES`].
    ///
    /// # Panics
    /// When it does not do what it should: a bug.
    fn run(&mut self);
}

/// How often [`Operation::run`] does an operation.
pub const TIMES: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Family;

    fn paused() -> tokio::runtime::Runtime {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().start_paused(true).build().unwrap()
    }

    /// Each checks by itself that it does what it says.
    #[test]
    fn every_operation_runs_by_either_version_of_ip() {
        Checksum::of(1_472).run();
        EmitHeaders::super_segment().run();
        WheelArm::later().run();
        WheelArm::earlier().run();
        for family in [Family::V4, Family::V6] {
            Parse::text(family).run();
            Parse::ack(family).run();
            Emit::text(family).run();
            Emit::ack(family).run();
            Route::among(family, 100).run();
            Receive::segments(family).run();
            Receive::super_segments(family).run();
            PureAck::new(family).run();
            Sack::new(family).run();
            PollTransmit::segments(family).run();
            PollTransmit::super_segments(family).run();
            Bulk::new(family).run();
            Exchange::new(family).run();
            StackBulk::new(family, paused()).run();
            StackExchange::new(family, paused()).run();
        }
    }
}
