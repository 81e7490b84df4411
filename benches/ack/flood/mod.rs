//! What happens when very many grants end in the same second: how late each access is gone, beside the barest program that
//! takes as many away.
//!
//! Everything is real but the cloud and Slack, which are doubles that take what they get: the bot's worker, its store on
//! disk, the SDK over HTTP. Lateness is read from the trail afterwards.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use jit::{
    ambient::{Clock, SystemClock},
    domain::{catalog::ProviderName, job::Lane, time::whole_second},
};
use sqlx::SqlitePool;

use self::cloud::{Assignment, DIRECTORY, Double, INSTANCE};
use super::bot::memory;

pub mod bare;
pub mod bot;
mod cloud;
mod seed;

/// In how many accounts the access is.
const ACCOUNTS: usize = 20;
/// A second is always enough to make so many grants, on a slow machine.
const SEEDED_A_SECOND: usize = 250;
/// How long the revocations may take before something is wrong with them.
const PATIENCE: Duration = Duration::from_mins(10);

/// How large it is to be.
#[derive(Clone, Copy)]
pub struct Plan {
    /// How many grants end.
    pub count: usize,
    /// For how long it is looked at how fast they go with AWS' quota kept.
    pub paced: Duration,
}

/// What came of it.
pub struct Flood {
    /// How many grants ended.
    pub count: usize,
    /// How late AWS was asked to take each access away, least first.
    pub asked: Vec<Duration>,
    /// How late each access was seen to be gone, least first.
    pub gone: Vec<Duration>,
    /// The same for the bare program, counted from its start.
    pub bare: Vec<Duration>,
    /// Calls of the cloud that the bot made for all of them.
    pub calls: usize,
    /// Resident kilobytes at most.
    pub peak: Option<u64>,
    /// Revocations a second with the quota kept.
    pub paced: f64,
}

/// Runs it.
pub async fn run(plan: Plan) -> Flood {
    let double = Double::start().await;
    let [home, paced_home] = [(); 2].map(|()| tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory"));
    for home in [&home, &paced_home] {
        fs::write(home.path().join("jit.toml"), config(&double.url, home.path())).expect("a file");
    }
    let (config, store) = (bot::read_config(home.path()), home.path().join("jit.db"));
    let seeding = SignedDuration::from_secs(i64::try_from(10 + plan.count / SEEDED_A_SECOND).expect("few"));
    let due = whole_second(SystemClock.now() + seeding);
    let assigned = seed::seed(&config, &store, plan.count, due).await;
    copy(home.path(), paced_home.path()).await;

    double.reset(&assigned);
    let (gone, peak) = revoked(home.path(), plan.count, due).await;
    assert_eq!(double.assigned(), 0, "all is gone");
    let after = |at: &Timestamp| Duration::try_from(at.duration_since(due)).unwrap_or_default();
    let asked = sorted(double.deleted().iter().map(after));
    let sweeping = ["ListAccountAssignments", "DescribePermissionSet"];
    let calls = double.calls().iter().filter(|(action, _)| !sweeping.contains(&action.as_str())).map(|(_, n)| n).sum();

    double.reset(&assigned);
    let bare = bare_revoked(&double, plan.count);
    assert_eq!(double.assigned(), 0, "all is gone");

    let paced = paced(&double, &assigned, paced_home.path(), plan.paced).await;
    Flood { count: plan.count, asked, gone, bare, calls, peak, paced }
}

/// Lets the bot do it.
async fn revoked(home: &Path, count: usize, due: Timestamp) -> (Vec<Duration>, Option<u64>) {
    let bot = Running::start(&[bot::FLAG, home.to_str().expect("a path"), "free"]);
    let early = due.duration_since(SystemClock.now());
    assert!(early > SignedDuration::from_secs(2), "it took too long to make {count} grants: {early} left");
    tokio::time::sleep(Duration::try_from(early).expect("not yet due")).await;
    let store = open(home).await;
    let began = std::time::Instant::now();
    while open_accesses(&store).await > 0 {
        assert!(began.elapsed() < PATIENCE, "{} are left after {PATIENCE:?}", open_accesses(&store).await);
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    let peak = memory(bot.0.id(), "VmHWM");
    drop(bot);
    let late: Vec<i64> = sqlx::query_scalar(
        "select audit_event.at - ends_at from audit_event join grant_ on grant_.id = grant_id where kind = 'access_removed'",
    )
    .fetch_all(&store)
    .await
    .expect("the trail is there");
    assert_eq!(late.len(), count, "each is told once");
    (sorted(late.into_iter().map(|late| Duration::from_micros(u64::try_from(late).expect("none was early")))), peak)
}

fn bare_revoked(double: &Double, count: usize) -> Vec<Duration> {
    let width = Lane::Provider(ProviderName::AwsIdentityCenter).width();
    let mut bare = Running::start(&[bare::FLAG, &double.url, &count.to_string(), &width.to_string()]);
    let late: Vec<u64> = serde_json::from_str(&bare.line()).expect("numbers");
    sorted(late.into_iter().map(Duration::from_micros))
}

/// How many go in a second with the quota kept, once that has come to its pace.
async fn paced(double: &Double, assigned: &BTreeSet<Assignment>, home: &Path, time: Duration) -> f64 {
    double.reset(assigned);
    let _bot = Running::start(&[bot::FLAG, home.to_str().expect("a path"), "paced"]);
    let store = open(home).await;
    tokio::time::sleep(time / 3).await;
    let before = open_accesses(&store).await;
    tokio::time::sleep(time).await;
    let done = u32::try_from(before - open_accesses(&store).await).expect("none comes back");
    f64::from(done) / time.as_secs_f64()
}

/// A part of the benchmark that runs in a process of its own, and ends with this value.
struct Running(Child, BufReader<std::process::ChildStdout>);

impl Running {
    fn start(arguments: &[&str]) -> Self {
        let mut process = Command::new(std::env::current_exe().expect("we run"))
            .args(arguments)
            .env("JIT_LOG", std::env::var("BENCH_LOG").unwrap_or_else(|_| "error".into()))
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let output = BufReader::new(process.stdout.take().expect("it is piped"));
        let mut running = Self(process, output);
        if arguments[0] == bot::FLAG {
            assert_eq!(running.line().trim(), "ready");
        }
        running
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.1.read_line(&mut line).expect("it writes");
        line
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

async fn open(home: &Path) -> SqlitePool {
    SqlitePool::connect(&format!("sqlite:{}", home.join("jit.db").display())).await.expect("the store is there")
}

async fn copy(from: &Path, to: &Path) {
    let copy = sqlx::query("vacuum into $1").bind(to.join("jit.db").display().to_string());
    copy.execute(&open(from).await).await.expect("room on the disk");
}

async fn open_accesses(store: &SqlitePool) -> i64 {
    let count = sqlx::query_scalar("select count(*) from access where state <> 'gone'");
    count.fetch_one(store).await.expect("it has the table")
}

fn sorted(times: impl Iterator<Item = Duration>) -> Vec<Duration> {
    let mut times: Vec<Duration> = times.collect();
    times.sort_unstable();
    times
}

/// Account and permission set of a role, and of the grants that have it.
fn target_of(number: usize) -> (String, &'static str) {
    let account = 111_122_223_300 + number % ACCOUNTS;
    (account.to_string(), "arn:aws:sso:::permissionSet/ssoins-1111111111111111/ps-1111111111111111")
}

fn config(double: &str, home: &Path) -> String {
    let mut toml = format!(
        r#"
[server]
listen = "127.0.0.1:0"
public_url = "http://127.0.0.1"
[store]
url = "sqlite:{}/jit.db"
[slack]
signing_secret = {{ env = "SLACK_SIGNING_SECRET" }}
bot_token = {{ env = "SLACK_BOT_TOKEN" }}
api_url = "{double}/slack"
team_ids = ["T0ACME"]
requests_channel = "C0REQUESTS"
audit_channel = "C0AUDIT"
[aws]
region = "eu-west-1"
endpoint_url = "{double}"
identity_center = {{ instance_arn = "{INSTANCE}", identity_store_id = "{DIRECTORY}" }}
"#,
        home.display()
    );
    for number in 0..ACCOUNTS {
        let (account, set) = target_of(number);
        write!(
            toml,
            r#"
[[role]]
name = "role-{number:02}"
max_duration = "2h"
channel = "C0CARDS{number:02}"
[[role.rule]]
approvals = 1
approvers = ["U0APPROVER"]
[[role.target]]
type = "aws-identity-center"
account = "{account}"
permission_set_arn = "{set}"
"#
        )
        .expect("strings take everything");
    }
    toml
}
