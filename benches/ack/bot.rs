//! The real binary, serving from a directory of its own; and what the kernel says about its memory.

use std::{
    fmt::Write as _,
    fs,
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use jit::playground::workspace::{Server, Workspace};
use tempfile::TempDir;

/// A running `jit serve`, which ends with this value.
pub struct Bot {
    /// Where it listens.
    pub address: SocketAddr,
    home: TempDir,
    process: Child,
}

/// What a configuration needs besides the workspace.
pub struct Cloud<'a> {
    /// What `aws.endpoint_url` is to be.
    pub endpoint: &'a str,
    /// What can be asked for.
    pub roles: Vec<Role>,
    /// Who people are in Identity Center: their Slack id and their user name there.
    pub people: Vec<(String, String)>,
}

/// Something that one person's approval opens.
pub struct Role {
    /// What it is called.
    pub name: String,
    /// Where its cards go.
    pub channel: String,
    /// Its one target, as the configuration writes it.
    pub target: String,
}

impl Role {
    /// Sessions of a role in AWS.
    pub fn sts(name: &str, arn: &str, channel: String) -> Self {
        Self { name: name.to_owned(), channel, target: format!("type = \"aws-sts\"\nrole_arn = \"{arn}\"") }
    }
}

impl Bot {
    /// Starts it and waits until it is ready.
    pub async fn start(workspace: &Workspace, slack: &Server, cloud: &Cloud<'_>) -> Self {
        let home = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
        let address = free_address();
        fs::write(home.path().join("jit.toml"), config(address, slack, cloud)).expect("a file");
        let app = workspace.app();
        let log = fs::File::create(home.path().join("log")).expect("a file");
        let process = Command::new(env!("CARGO_BIN_EXE_jit"))
            .args(["serve", "--config", "jit.toml"])
            .current_dir(home.path())
            .env("SLACK_SIGNING_SECRET", app.signing_secret)
            .env("SLACK_BOT_TOKEN", app.token)
            .env("AWS_ACCESS_KEY_ID", "AKIAJITBOT0000000001")
            .env("AWS_SECRET_ACCESS_KEY", "the-bots-own-secret-key")
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the binary starts");
        let mut bot = Self { address, home, process };
        bot.until_ready().await;
        workspace.connect_bot(bot.url("/slack/events"));
        bot
    }

    /// A URL on it.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Its store.
    pub fn store(&self) -> String {
        format!("sqlite:{}", self.home.path().join("jit.db").display())
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Ends it without a farewell: what it has acknowledged must be in the store all the same.
    pub fn kill(&mut self) {
        self.process.kill().and_then(|()| self.process.wait()).expect("it was running");
    }

    async fn until_ready(&mut self) {
        let url = self.url("/readyz");
        for _ in 0..200 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let has_ended = self.process.try_wait().expect("it was started").is_some();
            assert!(!has_ended, "jit serve ended:\n{}", log(self.home.path()));
            if reqwest::get(&url).await.is_ok_and(|answer| answer.status().is_success()) {
                return;
            }
        }
        panic!("jit serve was not ready after ten seconds:\n{}", log(self.home.path()));
    }
}

impl Drop for Bot {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

fn log(home: &Path) -> String {
    fs::read_to_string(home.join("log")).unwrap_or_default()
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port")
}

fn config(listen: SocketAddr, slack: &Server, cloud: &Cloud<'_>) -> String {
    let mut toml = format!(
        r#"
[server]
listen = "{listen}"
public_url = "http://{listen}"
[store]
url = "sqlite:jit.db"
[slack]
signing_secret = {{ env = "SLACK_SIGNING_SECRET" }}
bot_token = {{ env = "SLACK_BOT_TOKEN" }}
api_url = "{}"
team_ids = ["T0ACME"]
requests_channel = "C0REQUESTS"
audit_channel = "C0AUDIT"
[aws]
region = "eu-west-1"
endpoint_url = "{}"
[limits]
requests_per_person_per_hour = 100000
"#,
        slack.api_url(),
        cloud.endpoint
    );
    for (slack, name) in &cloud.people {
        write!(toml, "[[person]]\nslack = \"{slack}\"\naws_identity_center = \"{name}\"\n")
            .expect("strings take everything");
    }
    for Role { name, channel, target } in &cloud.roles {
        write!(
            toml,
            r#"
[[role]]
name = "{name}"
description = "Deploy"
max_duration = "2h"
default_duration = "30m"
channel = "{channel}"
[[role.rule]]
approvals = 1
approvers = ["U0APPROVER"]
[[role.target]]
{target}
"#
        )
        .expect("strings take everything");
    }
    toml
}

/// A line of `/proc/PID/status` in kilobytes: `VmRSS` is what is resident now, `VmHWM` what it was at most. `None`
/// where there is no such file.
pub fn memory(pid: u32, line: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let (_, rest) = status.split_once(&format!("{line}:"))?;
    rest.split_whitespace().next()?.parse().ok()
}
