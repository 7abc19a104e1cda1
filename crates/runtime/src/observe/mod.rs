//! What a stack tells of itself.

mod counters;

pub(crate) use counters::Counters;
pub use counters::StackStats;
