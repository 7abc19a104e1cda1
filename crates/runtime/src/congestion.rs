//! Congestion controllers, and the seam for one of your own.
//!
//! The stack comes with [`Cubic`] (the default), [`NewReno`] and [`Bbr`]. Another one is a type
//! that implements [`CongestionController`] and one that makes it, a [`CongestionFactory`]; nothing
//! in the stack needs to know of it. It is chosen for a whole stack
//! ([`StackBuilder::congestion`](crate::StackBuilder::congestion)), for a listener
//! ([`Listen::congestion`](crate::Listen::congestion)), for a connection that is opened
//! ([`Connect::congestion`](crate::Connect::congestion)), or while a connection lives
//! ([`TcpStream::set_congestion`](crate::TcpStream::set_congestion)).

pub use synack_tcb::Instant;
pub use synack_tcb::congestion::{
    AckSample, Bbr, BbrFactory, Beginning, BytesPerSecond, CongestionController, CongestionEvent,
    CongestionFactory, CongestionSignal, Cubic, CubicFactory, CubicOptions, Inherited, LostSample,
    NewReno, NewRenoFactory, RateSample, SentSample, SpuriousEvent, WindowOptions, initial_window,
};
