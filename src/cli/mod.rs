//! The command line: a file for each subcommand, and the words it prints.

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};

mod audit;
mod check;
mod playground;
pub(crate) mod serve;

/// Slack approval bot for time-bound cloud access.
#[derive(Debug, Parser)]
#[command(name = "jit", version, about, after_help = "Start with `jit playground`: it needs no account anywhere.")]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the bot.
    Serve(serve::Serve),
    /// Check a configuration and say what is in it; changes nothing.
    Check(check::Check),
    /// Read and verify the audit trail.
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Watch the whole story on this machine: a workspace, a cloud and people, all played.
    Playground(playground::Playground),
}

/// Which configuration to use.
#[derive(Debug, Args)]
struct ConfigFile {
    /// The configuration file.
    #[arg(long = "config", env = "JIT_CONFIG", value_name = "FILE")]
    path: PathBuf,
}

/// Runs a subcommand. Ends with 0 when it did what it is for, 1 when it found something wrong, 2 when it could not be
/// done.
#[must_use]
pub fn run(cli: Cli) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("no threads to run on: {error}")),
    };
    runtime.block_on(async {
        match cli.command {
            Command::Serve(serve) => serve.run().await,
            Command::Check(check) => check.run(),
            Command::Audit(audit) => audit.run().await,
            Command::Playground(playground) => playground.run().await,
        }
    })
}

/// Says why a command could not be done.
fn fail(why: &str) -> ExitCode {
    eprintln!("jit: {why}");
    ExitCode::from(2)
}

/// Whether colours are welcome on standard error.
fn colour() -> bool {
    use std::io::IsTerminal;
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
