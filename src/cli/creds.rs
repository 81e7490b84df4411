//! `jit creds`, `jit env` and `jit console`: what a live grant gives, in the forms that tools take.
//!
//! Nothing of it is kept: every call claims anew.

use std::{io::IsTerminal, process::ExitCode, process::Stdio};

use clap::{Args, ValueEnum};
use serde_json::json as value;

use super::{
    failure::{EXIT_CODES, Ending, Failure},
    json,
    remote::Remote,
    say, tell,
    waiting::live_grant,
};
use crate::{
    api::{Credentials, CredentialsAsk},
    runner::endpoint::expiration,
};

/// Print credentials of a live grant.
///
/// In `~/.aws/config`, `credential_process = jit creds --role prod-deploy --format aws-process` lets every tool of AWS fetch
/// them. Each call claims anew and keeps nothing.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct Creds {
    #[command(flatten)]
    which: Which,
    /// In which form.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    remote: Remote,
}

/// Print credentials of a live grant for a shell: `eval "$(jit env --role prod-deploy)"`.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct Env {
    #[command(flatten)]
    which: Which,
    /// For which shell.
    #[arg(long, value_enum, default_value_t)]
    shell: Shell,
    #[command(flatten)]
    remote: Remote,
}

/// Open the cloud's console in a browser, signed in.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct Console {
    #[command(flatten)]
    which: Which,
    /// Print the link and open nothing. Whoever has it is signed in.
    #[arg(long)]
    print: bool,
    #[command(flatten)]
    remote: Remote,
}

/// Which grant is meant.
#[derive(Debug, Args)]
struct Which {
    /// The grant, such as GRANT-7K3M.
    #[arg(required_unless_present = "role")]
    grant: Option<String>,
    /// Instead of a grant: the live grant of this role, and of several the one that lasts longest.
    #[arg(long, conflicts_with = "grant")]
    role: Option<String>,
    /// Which of the grant's resources, where it opens several.
    #[arg(long, value_name = "ARN")]
    resource: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Format {
    /// What `credential_process` in `~/.aws/config` takes.
    #[default]
    AwsProcess,
    /// Exports for a shell.
    Env,
    /// The API's own answer.
    Json,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Shell {
    /// sh, bash, zsh and the like.
    #[default]
    Sh,
    /// fish.
    Fish,
    /// PowerShell.
    Powershell,
}

impl Which {
    fn words(&self) -> &str {
        self.grant.as_deref().or(self.role.as_deref()).unwrap_or_default()
    }

    fn ask(&self) -> CredentialsAsk {
        CredentialsAsk { plan_sha256: None, resource: self.resource.clone() }
    }

    async fn claim(&self, remote: &Remote) -> Result<Credentials, Failure> {
        let connected = remote.connect().await?;
        let grant = live_grant(&connected.client, self.words()).await?;
        let credentials = connected.client.credentials(&grant.id.to_string(), &self.ask()).await?;
        connected.leave().await;
        Ok(credentials)
    }
}

impl Creds {
    pub(super) async fn run(self) -> ExitCode {
        match self.which.claim(&self.remote).await {
            Ok(credentials) => {
                say(&match self.format {
                    Format::AwsProcess => process(&credentials),
                    Format::Env => exports(&credentials, Shell::Sh),
                    Format::Json => json(&credentials),
                });
                Ending::Done.into()
            }
            Err(failure) => failure.report(),
        }
    }
}

impl Env {
    pub(super) async fn run(self) -> ExitCode {
        match self.which.claim(&self.remote).await {
            Ok(credentials) => {
                say(&exports(&credentials, self.shell));
                if std::io::stdout().is_terminal() {
                    tell(&format!(
                        "these are secrets. `eval \"$(jit env {})\"` takes them without showing them.",
                        self.which.words()
                    ));
                }
                Ending::Done.into()
            }
            Err(failure) => failure.report(),
        }
    }
}

impl Console {
    pub(super) async fn run(self) -> ExitCode {
        match self.link().await {
            Ok(link) if self.print || !open(&link) => {
                say(&format!("{link}\n"));
                Ending::Done.into()
            }
            Ok(_) => {
                tell("the console opens in your browser");
                Ending::Done.into()
            }
            Err(failure) => failure.report(),
        }
    }

    async fn link(&self) -> Result<String, Failure> {
        let connected = self.remote.connect().await?;
        let grant = live_grant(&connected.client, self.which.words()).await?;
        let console = connected.client.console(&grant.id.to_string(), &self.which.ask()).await?;
        connected.leave().await;
        Ok(console.url.expose().to_owned())
    }
}

/// Hands the link to the desktop, which takes it as an argument and no other way. Whoever shares the machine can see
/// arguments: that is what `--print` is for.
fn open(link: &str) -> bool {
    let has_desktop = cfg!(target_os = "macos")
        || ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| std::env::var_os(name).is_some_and(|it| !it.is_empty()));
    if !has_desktop {
        return false;
    }
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let mut command = std::process::Command::new(program);
    command.arg(link).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// What the AWS tools take from a `credential_process`.
fn process(credentials: &Credentials) -> String {
    json(&value!({
        "Version": 1,
        "AccessKeyId": credentials.access_key_id,
        "SecretAccessKey": credentials.secret_access_key.expose(),
        "SessionToken": credentials.session_token.expose(),
        "Expiration": expiration(credentials.expires_at),
    }))
}

/// Credentials as variables of the environment.
pub(super) fn variables(credentials: &Credentials) -> Vec<(String, String)> {
    [
        ("AWS_ACCESS_KEY_ID", credentials.access_key_id.clone()),
        ("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key.expose().to_owned()),
        ("AWS_SESSION_TOKEN", credentials.session_token.expose().to_owned()),
        ("AWS_CREDENTIAL_EXPIRATION", expiration(credentials.expires_at)),
        ("AWS_REGION", credentials.region.clone()),
        ("AWS_DEFAULT_REGION", credentials.region.clone()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}

fn exports(credentials: &Credentials, shell: Shell) -> String {
    let quoted = |value: &str, quote: &str| format!("'{}'", value.replace('\'', quote));
    let line = |(name, value): (String, String)| match shell {
        Shell::Sh => format!("export {name}={}\n", quoted(&value, r"'\''")),
        Shell::Fish => format!("set -gx {name} {};\n", quoted(&value, r"\'")),
        Shell::Powershell => format!("$Env:{name} = {}\n", quoted(&value, "''")),
    };
    // A profile would win over them in some tools.
    let first = match shell {
        Shell::Sh => "unset AWS_PROFILE AWS_DEFAULT_PROFILE\n",
        Shell::Fish => "set -e AWS_PROFILE; set -e AWS_DEFAULT_PROFILE;\n",
        Shell::Powershell => "Remove-Item Env:AWS_PROFILE, Env:AWS_DEFAULT_PROFILE -ErrorAction SilentlyContinue\n",
    };
    std::iter::once(first.to_owned()).chain(variables(credentials).into_iter().map(line)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials() -> Credentials {
        Credentials {
            access_key_id: "ASIAEXAMPLE".into(),
            secret_access_key: "it's/secret".to_owned().into(),
            session_token: "token==".to_owned().into(),
            expires_at: "2026-11-21T12:30:00.5Z".parse().unwrap(),
            region: "eu-west-1".into(),
            resource: "arn:aws:iam::111122223333:role/prod-deploy".into(),
        }
    }

    #[test]
    fn the_aws_tools_take_them() {
        insta::assert_snapshot!(process(&credentials()), @r#"
        {
          "AccessKeyId": "ASIAEXAMPLE",
          "Expiration": "2026-11-21T12:30:00Z",
          "SecretAccessKey": "it's/secret",
          "SessionToken": "token==",
          "Version": 1
        }
        "#);
    }

    #[test]
    fn shells_take_them() {
        insta::assert_snapshot!(exports(&credentials(), Shell::Sh), @r"
        unset AWS_PROFILE AWS_DEFAULT_PROFILE
        export AWS_ACCESS_KEY_ID='ASIAEXAMPLE'
        export AWS_SECRET_ACCESS_KEY='it'\''s/secret'
        export AWS_SESSION_TOKEN='token=='
        export AWS_CREDENTIAL_EXPIRATION='2026-11-21T12:30:00Z'
        export AWS_REGION='eu-west-1'
        export AWS_DEFAULT_REGION='eu-west-1'
        ");
        let fish = exports(&credentials(), Shell::Fish);
        assert!(fish.contains(r"set -gx AWS_SECRET_ACCESS_KEY 'it\'s/secret';"), "{fish}");
        let powershell = exports(&credentials(), Shell::Powershell);
        assert!(powershell.contains("$Env:AWS_SECRET_ACCESS_KEY = 'it''s/secret'"), "{powershell}");
    }
}
