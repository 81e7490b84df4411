//! From an approver's click to the first breath of the command that waited for it: `jit run` and `jit serve` as real
//! programs, AWS as moto.

use std::{
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use aws_config::{BehaviorVersion, Region};
use aws_sdk_sts::config::Credentials;
use jit::{
    ambient::{Clock, SystemClock},
    playground::workspace::{Channel, Person, Workspace},
};

use super::{
    aws,
    bot::{Bot, Cloud, Role},
    story::until,
};

/// What was measured.
pub struct Click {
    /// From the click to the command's start, shortest first.
    pub times: Vec<Duration>,
    /// How long AWS takes for one of the two calls in between, shortest first.
    pub cloud: Vec<Duration>,
}

/// Plays it so many times.
pub async fn run(rounds: usize) -> Click {
    let cloud = aws::Cloud::start(Arc::new(SystemClock)).await;
    let workspace = Workspace::new(Arc::new(SystemClock));
    let slack = workspace.start().await.expect("a free port");
    for name in ["requests", "audit"] {
        workspace.add_channel(Channel::public(name));
    }
    let [requester, approver] = ["requester", "approver"].map(|name| workspace.person(name));
    let (endpoint, arn) = (cloud.endpoint_url(), cloud.role("prod-deploy").await);
    let role = Role::sts("prod-deploy", &arn, "C0REQUESTS".to_owned());
    let around = Cloud { endpoint: endpoint.as_str(), roles: vec![role], people: Vec::new() };
    let bot = Bot::start(&workspace, &slack, &around).await;
    let home = tempfile::tempdir().expect("a directory");
    sign_in(&bot, home.path(), &requester).await;
    let mut times = Vec::new();
    for _ in 0..rounds {
        times.push(round(&bot, home.path(), &workspace, &approver).await);
    }
    times.sort();
    Click { times, cloud: one_call(endpoint.as_str(), &arn, rounds).await }
}

fn jit(bot: &Bot, home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_jit"));
    command.env("XDG_STATE_HOME", home).env("JIT_TOKEN_STORE", "file").env("JIT_SERVER", bot.url(""));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

async fn sign_in(bot: &Bot, home: &Path, person: &Person) {
    let said = home.join("login");
    let log = std::fs::File::create(&said).expect("a file");
    let mut login = jit(bot, home).arg("login").stderr(log).spawn().expect("the binary starts");
    let read = || std::fs::read_to_string(&said).unwrap_or_default();
    until(|| read().contains("/jit login ")).await;
    let text = read();
    let code = text.split("/jit login ").nth(1).and_then(|rest| rest.split_whitespace().next()).expect("a code");
    person.types(&format!("/jit login {code}")).await;
    person.clicks("Confirm").await;
    let ended = tokio::task::spawn_blocking(move || login.wait()).await.expect("a thread").expect("it ends");
    assert!(ended.success(), "{}", read());
}

/// The command is `date`, which says when it began.
async fn round(bot: &Bot, home: &Path, workspace: &Workspace, approver: &Person) -> Duration {
    let mut run = jit(bot, home);
    run.args(["run", "--role", "prod-deploy", "--for", "30m", "--reason", "a measurement", "--", "date", "+%s%N"]);
    let run = run.spawn().expect("the binary starts");
    until(|| workspace.channel("requests").screen().contains("[Approve]")).await;
    let clicked = SystemClock.now();
    approver.clicks("Approve").await;
    let ended = tokio::task::spawn_blocking(move || run.wait_with_output()).await.expect("a thread").expect("it ends");
    let began: i128 = String::from_utf8_lossy(&ended.stdout).trim().parse().expect("the command ran");
    let nanos = u64::try_from(began - clicked.as_nanosecond()).expect("the command begins after the click");
    Duration::from_nanos(nanos)
}

/// What one `AssumeRole` takes here, over the same wire.
async fn one_call(endpoint: &str, arn: &str, times: usize) -> Vec<Duration> {
    let keys = Credentials::new(aws::ACCESS_KEY_ID, aws::SECRET_ACCESS_KEY, None, None, "benchmark");
    let config = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .region(Region::new("eu-west-1"))
        .endpoint_url(endpoint.trim_end_matches('/'))
        .credentials_provider(keys);
    let sts = aws_sdk_sts::Client::new(&config.load().await);
    let mut taken = Vec::new();
    for _ in 0..times {
        let began = std::time::Instant::now();
        sts.assume_role().role_arn(arn).role_session_name("benchmark").send().await.expect("moto answers");
        taken.push(began.elapsed());
    }
    taken.sort();
    taken
}
