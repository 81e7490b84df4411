//! One round of load on a fresh server, ours or the naive one.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use jit::{
    ambient::SystemClock,
    playground::workspace::{Channel, Workspace},
};

use super::{
    bot::{Bot, Cloud, Role, memory},
    load::{self, Load},
    naive,
    signed::{ROLES, commands},
};

/// More than any server here gives in a round.
const MOST_A_SECOND: u64 = 8_000;

/// What a round came to.
pub struct Round {
    /// Which server.
    pub name: &'static str,
    /// What the people saw.
    pub load: Load,
    /// Requests in its store after it was killed.
    pub kept: i64,
    /// Resident kilobytes before the load.
    pub idle: Option<u64>,
    /// Resident kilobytes at most.
    pub peak: Option<u64>,
    /// Messages that it posted to Slack meanwhile.
    pub posts: usize,
}

/// The bot, with a workspace that takes its cards while the load runs.
pub async fn of_jit(number: usize, time: Duration) -> Round {
    let workspace = Workspace::new(Arc::new(SystemClock));
    let slack = workspace.start().await.expect("a free port");
    let role = |role: usize| {
        let channel = Channel::public(&format!("cards-{role:02}"));
        let id = channel.id.clone();
        workspace.add_channel(channel);
        let name = format!("role-{role:02}");
        Role::sts(&name, &format!("arn:aws:iam::123456789012:role/{name}"), id)
    };
    for name in ["requests", "audit"] {
        workspace.add_channel(Channel::public(name));
    }
    _ = workspace.person("approver");
    let cloud = Cloud { endpoint: "http://127.0.0.1:9", roles: (0..ROLES).map(role).collect(), people: Vec::new() };
    let mut bot = Bot::start(&workspace, &slack, &cloud).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let idle = memory(bot.pid(), "VmRSS");
    let requests = requests(number, time, &workspace.app().signing_secret, &bot.address.to_string());
    let load = load::run(bot.address, requests, time, "REQ-").await;
    let peak = memory(bot.pid(), "VmHWM");
    bot.kill();
    let posts = workspace.calls().iter().filter(|call| call.method == "chat.postMessage").count();
    Round { name: "jit", load, kept: kept(&bot.store()).await, idle, peak, posts }
}

/// The naive server.
pub async fn of_naive(number: usize, time: Duration) -> Round {
    let home = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let (store, secret) = (format!("sqlite:{}", home.path().join("naive.db").display()), "a secret");
    let mut process = Command::new(std::env::current_exe().expect("we run"))
        .args([naive::FLAG, &store, secret])
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut line = String::new();
    BufReader::new(process.stdout.take().expect("it is piped")).read_line(&mut line).expect("it says where it is");
    let address = line.trim().parse().expect("an address");
    let idle = memory(process.id(), "VmRSS");
    let load = load::run(address, requests(number, time, secret, line.trim()), time, "kept").await;
    let peak = memory(process.id(), "VmHWM");
    process.kill().and_then(|()| process.wait()).expect("it was running");
    Round { name: "naive", load, kept: kept(&store).await, idle, peak, posts: 0 }
}

fn requests(number: usize, time: Duration, secret: &str, host: &str) -> Vec<Vec<u8>> {
    commands(usize::try_from(MOST_A_SECOND * time.as_secs()).expect("few"), number, secret, host)
}

async fn kept(store: &str) -> i64 {
    let pool = sqlx::SqlitePool::connect(store).await.expect("the store is there");
    sqlx::query_scalar("select count(*) from request").fetch_one(&pool).await.expect("it has the table")
}
