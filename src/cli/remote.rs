//! Which bot a command talks to, and as whom.

use std::{path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use secrecy::SecretString;
use sha2::{Digest, Sha256};

use super::failure::{Ending, Failure};
use crate::{
    client::{
        Client, Server, Surroundings,
        proof::Source,
        tokens::{self, Choice, Session, Tokens},
    },
    domain::time::parse_duration,
};

/// Which bot to talk to, and as whom.
#[derive(Debug, Args)]
pub(super) struct Remote {
    /// Where jit runs, such as `https://jit.example.com`; the one that was signed in to last when nobody says.
    #[arg(long, env = "JIT_SERVER", value_name = "URL", help_heading = "The server")]
    server: Option<String>,
    /// As whom.
    #[arg(long = "as", env = "JIT_AS", value_enum, default_value_t, help_heading = "The server")]
    identity: Identity,
    /// Whom a pipeline's proof is for; the server's address when nobody says.
    #[arg(long, env = "JIT_AUDIENCE", value_name = "TEXT", help_heading = "The server")]
    audience: Option<String>,
    /// For how long to go on trying when the server does not answer.
    #[arg(long, env = "JIT_PATIENCE", value_name = "TIME", default_value = "1m", value_parser = time, help_heading = "The server")]
    patience: Duration,
}

/// Who one can be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Identity {
    /// A pipeline where there is what it takes, otherwise whoever has signed in.
    #[default]
    Auto,
    /// Whoever has signed in by `jit login`.
    Person,
    /// A job of GitHub Actions, by its OIDC token.
    Github,
    /// A job of GitLab or elsewhere, by the OIDC token in `JIT_ID_TOKEN`.
    Gitlab,
    /// A machine in AWS, by its role: a presigned `GetCallerIdentity`.
    Aws,
    /// The same, by a token of `GetWebIdentityToken`.
    AwsToken,
}

/// A client with a session.
#[derive(Debug)]
pub(super) struct Connected {
    pub(super) client: Client,
    /// Whether the session is for this command alone.
    fleeting: bool,
}

impl Connected {
    /// Ends a session that nobody needs any more.
    pub(super) async fn leave(self) {
        if self.fleeting {
            let _it_ends_by_itself = self.client.patient_for(Duration::ZERO).logout().await;
        }
    }
}

/// A length of time on the command line.
pub(super) fn time(text: &str) -> Result<Duration, &'static str> {
    parse_duration(text).ok_or("write a whole number with its unit, such as 30s, 30m or 1h30m")
}

impl Remote {
    /// The server that is meant.
    pub(super) fn server(&self) -> Result<Server, Failure> {
        let named = self.server.clone().filter(|server| !server.is_empty());
        let server = named.or_else(|| store().last_server()).ok_or_else(|| {
            Failure::new(
                Ending::Usage,
                "no server is named: use --server URL, or set JIT_SERVER, or `jit login --server URL` once",
            )
        })?;
        server.parse().map_err(|why: String| Failure::new(Ending::Usage, why))
    }

    /// A client that nobody has signed in to.
    pub(super) fn stranger(&self) -> Result<Client, Failure> {
        Ok(Client::new(self.server()?, self.patience, Surroundings::default())?)
    }

    /// A client with a session: of a pipeline by what it can prove, or of whoever has signed in.
    pub(super) async fn connect(&self) -> Result<Connected, Failure> {
        let client = self.stranger()?;
        let now = client.around.clock.now();
        let person = || store().session(&client.server().to_string(), now);
        let source = match self.identity {
            Identity::Person => None,
            Identity::Github => Some(Source::GitHub),
            Identity::Gitlab => Some(Source::GitLab),
            Identity::Aws => Some(Source::Aws),
            Identity::AwsToken => Some(Source::AwsWebIdentity),
            // A machine's role is the last resort: people work on such machines too.
            Identity::Auto => {
                Source::at_hand(&client.around.variable).filter(|source| *source != Source::Aws || person().is_none())
            }
        };
        match (source, person()) {
            (Some(source), _) => self.as_pipeline(client, source, now).await,
            (None, Some(session)) => {
                let token = SecretString::from(session.token.expose().to_owned());
                Ok(Connected { client: client.signed_in(token), fleeting: false })
            }
            (None, None) => Err(Failure::new(
                Ending::SignedOut,
                format!(
                    "you are not signed in to {}. `jit login` signs you in; a pipeline needs an OIDC token (GitHub: \
                     `permissions: id-token: write`; GitLab: `id_tokens: JIT_ID_TOKEN`) or `--as aws`",
                    client.server()
                ),
            )),
        }
    }

    async fn as_pipeline(&self, client: Client, source: Source, now: Timestamp) -> Result<Connected, Failure> {
        let audience = self.audience.clone().unwrap_or_else(|| client.server().to_string());
        let (name, pipelines) = (kept_as(&client, source), Tokens::in_folder(&folder(), Choice::FileAlone));
        let kept = name.as_ref().and_then(|name| pipelines.session(name, now));
        let client = client.proving(source, audience);
        if let Some(session) = kept {
            let token = SecretString::from(session.token.expose().to_owned());
            return Ok(Connected { client: client.signed_in(token), fleeting: false });
        }
        let session = client.sign_in().await?;
        let kept = name.map(|name| {
            let session = Session { token: session.token, whose: session.workload, expires_at: session.expires_at };
            pipelines.keep(&name, session, false)
        });
        Ok(Connected { client, fleeting: !matches!(kept, Some(Ok(_))) })
    }
}

/// A token in the environment proves something once, so the session that it gave is kept for the job's next command.
fn kept_as(client: &Client, source: Source) -> Option<String> {
    match source {
        Source::GitLab => {
            let token = (client.around.variable)("JIT_ID_TOKEN")?;
            Some(format!("{} by {}", client.server(), &hex::encode(Sha256::digest(token.trim()))[..32]))
        }
        Source::GitHub | Source::Aws | Source::AwsWebIdentity => None,
    }
}

fn folder() -> PathBuf {
    tokens::folder(|name| std::env::var(name).ok())
}

/// Where people's sessions are. `JIT_TOKEN_STORE=file` leaves the system's keyring alone.
pub(super) fn store() -> Tokens {
    let file_alone = std::env::var("JIT_TOKEN_STORE").is_ok_and(|store| store == "file");
    Tokens::in_folder(&folder(), if file_alone { Choice::FileAlone } else { Choice::Either })
}
