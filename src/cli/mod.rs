//! The command line: a file for each subcommand, and the words it prints.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
};

use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;
use serde::Serialize;

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
mod completions;
mod creds;
mod drift;
mod end;
mod failure;
mod grants;
mod login;
mod playground;
mod remote;
mod request;
mod roles;
mod run;
pub(crate) mod serve;
mod status;
mod voice;
mod waiting;

/// Slack approval bot for time-bound cloud access.
#[derive(Debug, Parser)]
#[command(name = "jit", version, about, after_help = "Start with `jit playground`: it needs no account anywhere.")]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// Without words of its own: each command's are its help, the first sentence of them stands in the list.
#[derive(Debug, Subcommand)]
enum Command {
    Login(login::Login),
    Logout(login::Logout),
    Whoami(login::Whoami),
    Roles(roles::Roles),
    Request(request::Request),
    Cancel(request::Cancel),
    Status(status::Status),
    Wait(status::Wait),
    Run(run::Run),
    Creds(creds::Creds),
    Env(creds::Env),
    Console(creds::Console),
    Extend(end::Extend),
    End(end::End),
    Completions(completions::Completions),
    Serve(serve::Serve),
    Check(check::Check),
    #[command(subcommand)]
    Audit(audit::Audit),
    Drift(drift::Drift),
    Grants(grants::Grants),
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

impl Output {
    /// Shows it: by these words, or as it is.
    fn show(self, it: &impl Serialize, words: &str) {
        match self {
            Self::Text => say(&format!("{words}\n")),
            Self::Json => say(&json(it)),
        }
    }
}

/// Runs a subcommand. Those that look after a bot end with 0 when they did what they are for, 1 when they found something
/// wrong, and 2 when it could not be done. Those that talk to a bot have codes of their own, which their help explains.
#[must_use]
pub fn run(cli: Cli) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("no threads to run on: {error}")),
    };
    runtime.block_on(async {
        match cli.command {
            Command::Login(login) => login.run().await,
            Command::Logout(logout) => logout.run().await,
            Command::Whoami(whoami) => whoami.run().await,
            Command::Roles(roles) => roles.run().await,
            Command::Request(request) => request.run().await,
            Command::Cancel(cancel) => cancel.run().await,
            Command::Status(status) => status.run().await,
            Command::Wait(wait) => wait.run().await,
            Command::Run(run) => Box::pin(run.run()).await,
            Command::Creds(creds) => creds.run().await,
            Command::Env(env) => env.run().await,
            Command::Console(console) => console.run().await,
            Command::Extend(extend) => extend.run().await,
            Command::End(end) => end.run().await,
            Command::Completions(completions) => completions.run(),
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

/// A value for programs, readable for people too.
fn json(it: &impl serde::Serialize) -> String {
    let value = serde_json::to_value(it).unwrap_or(serde_json::Value::Null);
    format!("{value:#}\n")
}

/// Says something to people. What is being done goes on whether or not anybody is there to read it: a terminal may be gone.
fn tell(text: &str) {
    use std::io::Write;
    let _whether_or_not_anybody_reads = writeln!(std::io::stderr().lock(), "jit: {text}");
}

/// Says why a command could not be done.
fn fail(why: &str) -> ExitCode {
    tell(why);
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn help_says_all_that_a_command_says_of_itself() {
        let cli = Cli::command();
        for (name, words) in [("run", "no more heartbeats"), ("drift", "share by leases"), ("login", "keyring")] {
            let long = cli.find_subcommand(name).unwrap().get_long_about().unwrap().to_string();
            assert!(long.contains(words), "jit {name} --help: {long}");
        }
        for command in cli.get_subcommands() {
            let about = command.get_about().unwrap().to_string();
            assert!(about.len() < 110, "{}: the list of commands is no place for this: {about}", command.get_name());
        }
    }
}
