//! The stories, over the wire and against models of the outside world.

mod aws_sts;
mod claiming;
mod ending;
mod harness;
mod main_story;
