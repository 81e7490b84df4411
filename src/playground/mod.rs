//! A Slack of our own on loopback, and the story that `jit playground` plays in it.
//!
//! The bot reaches the [`workspace`] only through HTTP, as it reaches Slack, so that part knows nothing of the rest of
//! the crate but [`crate::ambient`], and the rest of the crate knows nothing of it; the tests run the bot against it
//! too. The [`story`] starts the real bot beside it and needs no account anywhere.

mod page;
mod prompt;
mod stage;
pub mod story;
mod watch;
pub mod web;
pub mod workspace;
