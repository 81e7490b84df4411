//! `jit playground`

use std::{process::ExitCode, time::Duration};

use clap::Args;

use super::fail;
use crate::{domain::time::parse_duration, playground::story};

/// Watch the whole story on this machine: a workspace, a cloud and people, all played.
#[derive(Debug, Args)]
pub(super) struct Playground {
    /// End after the story.
    #[arg(long)]
    once: bool,
    /// Wait this long before each step, such as 2s; without it, a moment where somebody watches.
    #[arg(long, value_name = "TIME", value_parser = pace)]
    pace: Option<Duration>,
}

impl Playground {
    pub(super) async fn run(self) -> ExitCode {
        match story::run(story::Options { once: self.once, pace: self.pace }).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(trouble) => fail(&trouble.to_string()),
        }
    }
}

fn pace(text: &str) -> Result<Duration, &'static str> {
    parse_duration(text).ok_or("write a whole number with its unit, such as 2s")
}
