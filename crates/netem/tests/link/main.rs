//! Shows what a link does to packets, fault by fault and all together.
//! How: one module a topic; `drive` sends and polls as a simulator does.

mod codel;
mod drive;
mod loss;
mod order;
mod queues;
mod repeatable;
mod timing;
