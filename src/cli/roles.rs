//! `jit roles`

use std::{fmt::Write as _, process::ExitCode, time::Duration};

use clap::Args;

use super::{
    Output,
    failure::{EXIT_CODES, Failure, ended},
    json,
    remote::Remote,
    say,
};
use crate::{
    api::{Gives, Role},
    domain::time::short,
};

/// List what can be asked for, for how long, and who approves.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct Roles {
    #[command(flatten)]
    remote: Remote,
    /// How to write it.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

impl Roles {
    pub(super) async fn run(self) -> ExitCode {
        ended(self.list().await)
    }

    async fn list(&self) -> Result<(), Failure> {
        let connected = self.remote.connect().await?;
        let roles = connected.client.roles().await?;
        match self.output {
            Output::Text if roles.is_empty() => say("There is nothing that you may ask for.\n"),
            Output::Text => say(&roles.iter().map(text).collect::<Vec<_>>().join("\n")),
            Output::Json => say(&json(&roles)),
        }
        connected.leave().await;
        Ok(())
    }
}

fn text(role: &Role) -> String {
    let time = |seconds| short(Duration::from_secs(seconds));
    let mut text = format!("{}  {}\n", role.name, role.description);
    let reason = match (&role.ticket, role.reason_required) {
        (Some(ticket), _) => format!(", with a ticket ({ticket}) in the reason"),
        (None, true) => ", with a reason".to_owned(),
        (None, false) => String::new(),
    };
    let _ = writeln!(
        text,
        "    {} to {}, {} when nobody says{reason}",
        time(role.min_duration_seconds),
        time(role.max_duration_seconds),
        time(role.default_duration_seconds)
    );
    for target in &role.targets {
        let gives = match target.gives {
            Gives::Credentials => "credentials for",
            Gives::Assignment => "access to",
        };
        let _ = writeln!(text, "    gives {gives} {}", target.resource);
    }
    for rule in &role.rules {
        let _ = writeln!(text, "    {rule}");
    }
    text
}
