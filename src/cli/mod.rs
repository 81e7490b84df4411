//! The command line: a file for each subcommand, and the words it prints.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
};

use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;

use crate::{
    ambient::{SystemClock, SystemEntropy},
    app::Wiring,
    config::ProcessEnvironment,
    domain::principal::Principal,
    provider::{aws, azure},
    store::{StoreError, Tx},
    telemetry,
};

mod audit;
mod check;
mod drift;
mod grants;
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
    /// Compare what the clouds have with what the grants say.
    Drift(drift::Drift),
    /// List the grants that are not over, and what of them does not move.
    Grants(grants::Grants),
    /// Try everything on this machine, in a browser: a workspace, clouds and people, all played.
    Playground(playground::Playground),
}

/// Which configuration to use.
#[derive(Debug, Args)]
struct ConfigFile {
    /// The configuration file.
    #[arg(long = "config", env = "JIT_CONFIG", value_name = "FILE")]
    path: PathBuf,
}

/// How to write a report.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Output {
    /// For people.
    #[default]
    Text,
    /// For programs: one JSON value.
    Json,
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
            Command::Check(check) => check.run().await,
            Command::Audit(audit) => audit.run().await,
            Command::Drift(drift) => drift.run().await,
            Command::Grants(grants) => grants.run().await,
            Command::Playground(playground) => playground.run().await,
        }
    })
}

/// Prints a report. Whoever reads may have seen enough before its end.
fn say(report: &str) {
    use std::io::Write;
    let _whether_or_not_anybody_reads = std::io::stdout().lock().write_all(report.as_bytes());
}

/// Says why a command could not be done.
fn fail(why: &str) -> ExitCode {
    eprintln!("jit: {why}");
    ExitCode::from(2)
}

/// The program's surroundings as they are: the machine's clock, the process' environment, AWS itself.
fn wiring() -> Wiring {
    Wiring {
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
        environment: Arc::new(ProcessEnvironment),
        aws: aws::Tuning::default(),
        azure: azure::Tuning::default(),
        demo: None,
        metrics: telemetry::metrics(),
    }
}

/// A moment as people read it.
fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// Somebody by name and Slack id, as far as the name is known.
fn who(id: &Principal, names: &Names) -> String {
    names.get(id).map_or_else(|| id.to_string(), |name| format!("{name} ({id})"))
}

/// What people are called.
type Names = BTreeMap<Principal, String>;

/// What these people are called, as far as Slack has said so.
async fn names(tx: &mut Tx, holders: BTreeSet<Principal>) -> Result<Names, StoreError> {
    let mut names = Names::new();
    for holder in holders {
        if let Some(id) = holder.person()
            && let Some(person) = tx.lookup_person(id).await?
        {
            names.insert(holder, person.name);
        }
    }
    Ok(names)
}

/// Whether colours are welcome on standard error.
fn colour() -> bool {
    use std::io::IsTerminal;
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
