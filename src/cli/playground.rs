//! `jit playground`

use std::process::ExitCode;

use clap::Args;

/// Watch the whole story on this machine: a workspace, a cloud and people, all played.
#[derive(Debug, Args)]
pub(super) struct Playground {}

impl Playground {
    pub(super) async fn run(self) -> ExitCode {
        ExitCode::SUCCESS
    }
}
