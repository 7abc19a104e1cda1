//! What several examples share: an HTTP application, and the glue that puts axum and hyper on a
//! stack.

pub mod connector;
pub mod device;
pub mod listener;
pub mod pages;
pub mod timed;
