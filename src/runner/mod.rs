//! What surrounds a command that runs on a grant: its credentials, its signals, its plan, and the watch over the grant.
//!
//! `cli/run` tells the story and has the words; here are the parts. Nothing in this room prints, and nothing outlives the
//! process: whatever happens to us, the server ends the grant.

pub mod child;
pub mod endpoint;
pub mod environment;
pub mod plan;
pub mod schedule;
pub mod supervise;
pub mod vault;
pub mod watch;
