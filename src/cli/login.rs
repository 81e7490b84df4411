//! `jit login`, `jit logout` and `jit whoami`

use std::process::ExitCode;

use clap::Args;

use super::{
    Output,
    failure::{EXIT_CODES, Ending, Failure},
    json, moment,
    remote::{Remote, store},
    say,
    voice::Voice,
};
use crate::{
    api::{Kind, LoginAsk, LoginState, LoginStatus, Whoami as Who},
    client::{
        LONGEST_WAIT,
        tokens::{Kept, Session},
    },
    runner::child::Signals,
};

/// Sign in: type the code that is shown in Slack, and confirm it there.
///
/// The session is kept in the system's keyring, or in a file that nobody else may read; `JIT_TOKEN_STORE=file` leaves the
/// keyring alone. It ends by itself; `jit logout` and `/jit sessions` in Slack end it sooner.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct Login {
    #[command(flatten)]
    remote: Remote,
}

/// Sign out: the session is revoked, and forgotten on this machine.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct Logout {
    #[command(flatten)]
    remote: Remote,
}

/// Say who one is to the server, and until when.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct Whoami {
    #[command(flatten)]
    remote: Remote,
    /// How to write it.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

impl Login {
    pub(super) async fn run(self) -> ExitCode {
        match self.sign_in().await {
            Ok(words) => {
                say(&words);
                Ending::Done.into()
            }
            Err(failure) => failure.report(),
        }
    }

    async fn sign_in(&self) -> Result<String, Failure> {
        let client = self.remote.stranger()?;
        let login = client.begin_login(&LoginAsk { machine: machine(), user: user() }).await?;
        let voice = Voice::new();
        voice.says(&format!("type this in Slack, and confirm it there:\n\n    /jit login {}\n", login.code));
        let mut signals =
            Signals::catch().map_err(|error| Failure::new(Ending::Usage, format!("no signals: {error}")))?;
        let status = loop {
            voice.waits(&format!("waiting for Slack until {}", moment(login.expires_at)));
            let status = tokio::select! {
                status = client.login(&login, LONGEST_WAIT) => status.inspect_err(|_| voice.is_done())?,
                caught = signals.next_end() => {
                    voice.is_done();
                    return Err(Failure::signal(caught.code(), "not signed in: the code is of no use any more"));
                }
            };
            match status.state {
                LoginState::Waiting => {}
                LoginState::Confirmed | LoginState::Refused | LoginState::Expired => break status,
            }
        };
        voice.is_done();
        let server = client.server().to_string();
        let session = session(status)?;
        let until = moment(session.expires_at);
        let whose = session.whose.clone();
        let kept = store().keep(&server, session, true);
        let kept = kept.map_err(|error| Failure::new(Ending::Usage, error.to_string()))?;
        let place = match kept {
            Kept::Keyring => "the system's keyring".to_owned(),
            Kept::File(path) => format!("`{}`, which nobody else may read", path.display()),
        };
        Ok(format!("You are signed in to {server} as {whose} until {until}. The session is in {place}.\n"))
    }
}

/// The session that a login gave, or what is in the way.
fn session(status: LoginStatus) -> Result<Session, Failure> {
    let not = |words: &str| Err(Failure::new(Ending::SignedOut, words));
    match (status.state, status.token, status.expires_at) {
        (LoginState::Confirmed, Some(token), Some(expires_at)) => {
            Ok(Session { token, whose: status.person.unwrap_or_default(), expires_at })
        }
        (LoginState::Confirmed, ..) => {
            not("the session was handed out before, and is handed out once: run `jit login` again")
        }
        (LoginState::Refused, ..) => not("it was refused in Slack"),
        (LoginState::Expired | LoginState::Waiting, ..) => {
            not("nobody typed the code in Slack in time: run `jit login` again")
        }
    }
}

impl Logout {
    pub(super) async fn run(self) -> ExitCode {
        match self.sign_out().await {
            Ok(words) => {
                say(&words);
                Ending::Done.into()
            }
            Err(failure) => failure.report(),
        }
    }

    async fn sign_out(&self) -> Result<String, Failure> {
        let client = self.remote.stranger()?;
        let (tokens, server) = (store(), client.server().to_string());
        let Some(session) = tokens.session(&server, client.around.clock.now()) else {
            return Ok(format!("You are not signed in to {server}.\n"));
        };
        let revoked = client.signed_in(session.token.expose().to_owned().into()).logout().await;
        let forgotten = tokens.forget(&server);
        forgotten.map_err(|error| Failure::new(Ending::Usage, error.to_string()))?;
        match revoked.map_err(|trouble| (trouble.code(), trouble)) {
            Ok(()) => Ok(format!("You are signed out of {server}.\n")),
            Err((Some(crate::api::ProblemCode::SessionExpired | crate::api::ProblemCode::Unauthenticated), _)) => {
                Ok(format!("You are signed out of {server}: the session was over already.\n"))
            }
            Err((_, trouble)) => {
                let failure = Failure::from(trouble);
                Err(failure.and(&format!(
                    "The session is forgotten here, but was not revoked: it ends by itself {}, or by `/jit sessions` in Slack.",
                    moment(session.expires_at)
                )))
            }
        }
    }
}

impl Whoami {
    pub(super) async fn run(self) -> ExitCode {
        match self.who().await {
            Ok(who) => {
                say(&match self.output {
                    Output::Text => text(&who),
                    Output::Json => json(&who),
                });
                Ending::Done.into()
            }
            Err(failure) => failure.report(),
        }
    }

    async fn who(&self) -> Result<Who, Failure> {
        let connected = self.remote.connect().await?;
        let who = connected.client.whoami().await?;
        connected.leave().await;
        Ok(who)
    }
}

fn text(who: &Who) -> String {
    let kind = match who.kind {
        Kind::Person => "",
        Kind::Workload => "the pipeline ",
    };
    let auditor = if who.is_auditor { ", who may read the audit trail" } else { "" };
    format!("{kind}{} ({}){auditor}, signed in until {}\n", who.name, who.id, moment(who.session_expires_at))
}

/// What this machine is called.
fn machine() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    if name.is_empty() { "an unnamed machine".to_owned() } else { name }
}

/// What the user is called here.
fn user() -> Option<String> {
    ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok()).filter(|name| !name.is_empty())
}
