//! The stories, over the wire and against models of the outside world.

mod aws_sts;
mod harness;
mod identity_center;
mod identity_center_facts;
mod main_story;
