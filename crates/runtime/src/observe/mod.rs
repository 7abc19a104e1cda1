//! What a stack tells of itself.

mod connections;
mod counters;

pub use connections::Connections;
pub(crate) use counters::Counters;
pub use counters::StackStats;
