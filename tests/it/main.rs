//! The stories, over the wire and against models of the outside world.

mod aws_sts;
mod aws_trouble;
mod claiming;
mod crashes;
mod ending;
mod harness;
mod main_story;
