//! The stories, over the wire and against models of the outside world.

mod asking;
mod aws_sts;
mod deadline;
mod deciding;
mod harness;
mod limits;
mod listing;
mod main_story;
mod policy_change;
mod user_groups;
