//! Whole stacks, by their public interface: joined in memory, on tokio's paused clock.
//! Each file shows one thing; `pair` holds the two stacks that most of them use.

mod echo;
mod pair;
