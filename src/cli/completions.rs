//! `jit completions`

use std::process::ExitCode;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

/// Print a script that completes commands and options in a shell.
///
/// For bash: `jit completions bash > ~/.local/share/bash-completion/completions/jit`
#[derive(Debug, Args)]
pub(super) struct Completions {
    /// For which shell.
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub(super) fn run(&self) -> ExitCode {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut super::Cli::command(), "jit", &mut script);
        super::say(&String::from_utf8_lossy(&script));
        ExitCode::SUCCESS
    }
}
