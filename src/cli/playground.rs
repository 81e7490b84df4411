//! `jit playground`

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::Args;
use url::Url;

use super::fail;
use crate::{
    domain::time::parse_duration,
    playground::{story, web},
};

/// Try everything on this machine, in a browser: a workspace, clouds and people, all played.
#[derive(Debug, Args)]
pub(super) struct Playground {
    /// Play with the roles and rules of this file. Its targets are played too: nothing real is opened.
    #[arg(long, value_name = "FILE", conflicts_with = "terminal")]
    config: Option<PathBuf>,
    /// Send calls of AWS to this emulator instead of the demo cloud.
    #[arg(long, value_name = "URL", value_parser = emulator, conflicts_with = "terminal")]
    aws_endpoint: Option<Url>,
    /// Have the page on this port of this machine instead of a free one.
    #[arg(long, default_value_t = 0, hide_default_value = true, conflicts_with = "terminal")]
    port: u16,
    /// Tell a story in the terminal instead.
    #[arg(long)]
    terminal: bool,
    /// End after the story.
    #[arg(long, requires = "terminal")]
    once: bool,
    /// Wait this long before each step of the story, such as 2s; without it, a moment where somebody watches.
    #[arg(long, value_name = "TIME", value_parser = pace, requires = "terminal")]
    pace: Option<Duration>,
}

impl Playground {
    pub(super) async fn run(self) -> ExitCode {
        let played = if self.terminal {
            story::run(story::Options { once: self.once, pace: self.pace }).await
        } else {
            web::run(web::Options { config: self.config, aws_endpoint: self.aws_endpoint, port: self.port }).await
        };
        match played {
            Ok(()) => ExitCode::SUCCESS,
            Err(trouble) => fail(&trouble.to_string()),
        }
    }
}

fn pace(text: &str) -> Result<Duration, &'static str> {
    parse_duration(text).ok_or("write a whole number with its unit, such as 2s")
}

fn emulator(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    url.ok_or("write the emulator's address, such as http://127.0.0.1:5000")
}
