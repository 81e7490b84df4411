//! `jit check`

use std::process::ExitCode;

use clap::Args;

use super::{ConfigFile, colour, say};
use crate::config::{self, ProcessEnvironment, Secrets};

mod live;

/// Check a configuration and say what is in it; changes nothing.
///
/// With --live the tenant is asked about every target in Azure: whether the bot can sign in, which of its permissions are
/// missing, and what the tenant's policy demands. Ends with 1 when something stands in the way of grants.
#[derive(Debug, Args)]
pub(super) struct Check {
    #[command(flatten)]
    config: ConfigFile,
    /// Do not ask for secrets: for a place that has the policy but not the keys, such as a review pipeline.
    #[arg(long)]
    no_secrets: bool,
    /// Ask Azure about what the roles open there: permissions, and the tenant's own rules. Nothing is changed.
    #[arg(long, conflicts_with = "no_secrets")]
    live: bool,
}

impl Check {
    pub(super) async fn run(self) -> ExitCode {
        let secrets = if self.no_secrets { Secrets::MayBeMissing } else { Secrets::Required };
        match config::check(&self.config.path, &ProcessEnvironment, secrets) {
            Ok(summary) if self.live => {
                say(&format!("{summary}\n"));
                live::check(&self.config.path).await
            }
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
