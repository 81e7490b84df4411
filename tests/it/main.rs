//! The stories, over the wire and against models of the outside world.

mod aws_iam;
mod aws_sts;
mod harness;
mod main_story;
