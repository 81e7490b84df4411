//! `jit check`

use std::process::ExitCode;

use clap::Args;

use super::{ConfigFile, colour};
use crate::config::{self, ProcessEnvironment, Secrets};

/// Check a configuration and say what is in it; changes nothing.
#[derive(Debug, Args)]
pub(super) struct Check {
    #[command(flatten)]
    config: ConfigFile,
    /// Do not ask for secrets: for a place that has the policy but not the keys, such as a review pipeline.
    #[arg(long)]
    no_secrets: bool,
}

impl Check {
    pub(super) fn run(self) -> ExitCode {
        let secrets = if self.no_secrets { Secrets::MayBeMissing } else { Secrets::Required };
        match config::check(&self.config.path, &ProcessEnvironment, secrets) {
            Ok(summary) => {
                println!("{summary}");
                ExitCode::SUCCESS
            }
            Err(problems) => {
                eprintln!("{}", problems.render(colour()));
                ExitCode::FAILURE
            }
        }
    }
}
