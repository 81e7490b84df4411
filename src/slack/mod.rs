//! The only room that knows Slack: what it sends us, what we send it, and every word people read there.
//!
//! It turns requests into the arguments of `usecase` and states into messages. It decides nothing and keeps nothing.

pub mod client;
pub mod grammar;
pub mod inbound;
pub mod message;
pub mod view;
