//! The stories, over the wire and against models of the outside world.

mod asking;
mod aws_sts;
mod aws_trouble;
mod claiming;
mod crashes;
mod deadline;
mod deciding;
mod disk_full;
mod ending;
mod feed;
mod harness;
mod killed;
mod limits;
mod listing;
mod main_story;
mod playground;
mod policy_change;
mod serving;
mod slack_door;
mod slack_trouble;
mod slack_visitors;
mod tampering;
mod tidy;
mod user_groups;
