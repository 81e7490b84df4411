//! What the stories run on: models of the outside world, and the means to look into it.

mod acting;
pub mod aws;
pub mod azure;
pub mod browser;
pub mod checks;
pub mod cli;
pub mod client;
mod crash;
pub mod estate;
pub mod issuer;
pub mod ledger;
pub mod made_up;
pub mod process;
pub mod roles;
mod steps;
mod waiting;
pub mod world;

pub use steps::{masked, newest_dm, state, user};
pub use world::{World, hours, minutes, seconds};
