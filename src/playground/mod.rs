//! A Slack of our own on loopback: the workspace model that the tests and `jit playground` run the bot against.
//!
//! The bot reaches it only through HTTP, as it reaches Slack, so this room knows nothing of the rest of the crate but
//! [`crate::ambient`], and the rest of the crate knows nothing of it.

pub mod workspace;
