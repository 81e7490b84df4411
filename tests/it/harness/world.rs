//! The world of a story: the real router and a real SQLite file, a clock that stands still until it is told to move,
//! a Slack workspace, an AWS and an Azure that can be told to fail, and people who type and click.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use jit::{
    ambient::{Clock, ManualClock, SeededEntropy, SystemClock},
    app::{App, Wiring},
    config,
    domain::access::AccessKey,
    http,
    job::worker::Worker,
    playground::workspace::{Channel, Group, Person, Server, User, Workspace},
    provider::aws::Tuning,
    store::Tx,
    telemetry,
};
use tempfile::TempDir;
use tokio::{net::TcpListener, runtime::Runtime, task::JoinHandle};

use super::{
    aws::Cloud,
    azure::{Azure, directory::CLIENT_SECRET},
    checks,
    crash::Fuse,
};

/// Everything a story needs.
pub struct World {
    pub clock: ManualClock,
    pub slack: Workspace,
    pub cloud: Cloud,
    pub azure: Azure,
    /// The role behind `prod-deploy`.
    pub role_arn: String,
    pub app: Arc<App>,
    /// Secrets that people were shown: they must turn up nowhere else.
    pub shown_secrets: Vec<String>,
    /// Error codes with which Slack is meant to refuse calls in this story.
    pub expects_refused: Vec<&'static str>,
    /// Whether a card may stand twice in this story, because the app could not look for it.
    pub expects_copies: bool,
    /// What somebody else gives in this story: it stays when no grant covers it.
    pub standing: BTreeSet<AccessKey>,
    bot: Option<Serving>,
    /// Whether the bot's connections break when it is killed, as those of a process do.
    is_apart: bool,
    slack_server: Server,
    dir: TempDir,
    environment: BTreeMap<String, String>,
    listen: std::net::SocketAddr,
    tuning: Tuning,
    lives: u64,
    /// When the next crash is to be.
    pub(super) fuse: Option<Fuse>,
}

/// The usual configuration. `{listen}`, `{api}`, `{aws}` and `{role}` are filled in.
const CONFIG: &str = r#"
[server]
listen = "{listen}"
public_url = "http://{listen}"

[store]
url = "sqlite:{store}"

[slack]
signing_secret = { env = "SLACK_SIGNING_SECRET" }
bot_token = { env = "SLACK_BOT_TOKEN" }
api_url = "{api}"
team_ids = ["T0ACME"]
requests_channel = "C0REQUESTS"
audit_channel = "C0AUDIT"
alerts_channel = "C0ALERTS"

[aws]
region = "eu-west-1"
endpoint_url = "{aws}"

[groups]
sre = ["U0REQUESTER", "U0APPROVER", "S0ONCALL"]
leads = ["U0LEAD"]

[[role]]
name = "prod-deploy"
description = "Deploy to production"
max_duration = "2h"
default_duration = "30m"
requesters = ["sre", "leads"]
approval_timeout = "1h"

[[role.rule]]
when = { up_to = "30m" }
approvals = 1
approvers = ["sre"]

[[role.rule]]
approvals = 2
approvers = ["sre", "leads"]

[[role.target]]
type = "aws-sts"
role_arn = "{role}"
external_id = { env = "JIT_EXTERNAL_ID" }

[[role]]
name = "sandbox"
description = "Play in the sandbox"
max_duration = "8h"
reason = "optional"

[[role.rule]]
approvals = 1
approvers = ["sre", "U0OUTSIDER"]
self_approval = true

[[role.target]]
type = "aws-sts"
role_arn = "{role}"
early_end = "none"
"#;

impl World {
    /// A world at noon, with the usual people, channels and roles.
    pub async fn start() -> Self {
        Self::with(|config| config).await
    }

    /// A world whose configuration is the usual one, changed by `edit`.
    pub async fn with(edit: impl FnOnce(String) -> String) -> Self {
        Self::tuned(Cloud::tuning(), edit).await
    }

    /// The same, with another patience towards AWS.
    pub async fn tuned(tuning: Tuning, edit: impl FnOnce(String) -> String) -> Self {
        Self::begun("2026-11-21T12:00:00Z".parse().unwrap(), tuning, edit).await
    }

    /// A world in which it is as late as on this machine: for stories with programs that have no other clock.
    pub async fn today(edit: impl FnOnce(String) -> String) -> Self {
        let mut world = Self::begun(SystemClock.now(), Cloud::tuning(), edit).await;
        world.is_apart = true;
        world.restart().await;
        world
    }

    async fn begun(at: Timestamp, tuning: Tuning, edit: impl FnOnce(String) -> String) -> Self {
        let clock = ManualClock::at(at);
        let cloud = Cloud::start(Arc::new(clock.clone())).await;
        let azure = Azure::start(Arc::new(clock.clone())).await;
        let role_arn = cloud.role("prod-deploy").await;
        let slack = workspace(Arc::new(clock.clone()));
        let slack_server = slack.start().await.unwrap();
        let (listener, dir) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), TempDir::new().unwrap());
        let listen = listener.local_addr().unwrap();
        let text = configuration(listen, &dir.path().join("jit.db"), &slack_server, &cloud, &role_arn);
        std::fs::write(dir.path().join("jit.toml"), edit(text)).unwrap();
        let environment = environment(&slack);
        slack.connect_bot(format!("http://{listen}/slack/events"));
        let tunings = (&tuning, azure.tuning());
        let app = bring_up(&dir.path().join("jit.toml"), &environment, &clock, tunings, 1).await;
        let bot = Some(Serving::begin(listener, app.clone(), false));
        let shown_secrets = Vec::new();
        Self {
            clock,
            slack,
            cloud,
            azure,
            role_arn,
            app,
            shown_secrets,
            expects_refused: Vec::new(),
            expects_copies: false,
            standing: BTreeSet::new(),
            bot,
            is_apart: false,
            slack_server,
            dir,
            environment,
            listen,
            tuning,
            lives: 1,
            fuse: None,
        }
    }

    /// People of the workspace, by name; whoever is new joins it.
    pub fn people<const N: usize>(&self, names: [&str; N]) -> [Person; N] {
        names.map(|name| self.slack.person(name))
    }

    /// What a channel shows, with everything that differs from run to run replaced.
    pub fn screen(&self, channel: &str) -> String {
        self.tidy(&self.slack.channel(channel).screen())
    }

    /// What a person's direct messages with the bot show.
    pub fn dm(&self, person: &Person) -> String {
        self.tidy(&person.dm().screen())
    }

    /// What only this person was told since last asked.
    pub fn private(&self, person: &Person) -> String {
        self.tidy(&person.private())
    }

    /// Replaces what differs from run to run: names of roles, short codes, keys and seals.
    pub fn tidy(&self, text: &str) -> String {
        let text = text.replace(&self.role_arn, "arn:aws:iam::123456789012:role/prod-deploy");
        let text = text.replace(&self.listen.to_string(), "jit.example.com");
        let rules = [
            (r"\b(REQ|GRANT)-[0-9A-Z]{4}\b", "$1-CODE"),
            (r"#(\d+) [0-9a-f]{8}\b", "#$1 seal"),
            (r"\bASIA[0-9A-Z]{16}\b", "ASIA…"),
            (r"`[0-9a-f]{12}`", "`policy`"),
            (r"/claim/[0-9a-f]{64}", "/claim/TOKEN"),
        ];
        rules.iter().fold(text, |text, (pattern, with)| {
            regex::Regex::new(pattern).unwrap().replace_all(&text, *with).into_owned()
        })
    }

    /// Runs jobs until none is due. Short waits for Slack's pace pass by themselves; anything longer is the story's to
    /// tell.
    pub async fn settle(&mut self) {
        loop {
            self.run_due().await.unwrap();
            self.answered().await;
            let soon = self.clock.now() + SignedDuration::from_secs(3);
            let jobs = self.read(|tx| Box::pin(async move { tx.unfinished_jobs().await })).await;
            let next =
                jobs.iter().find(|(job, at, error)| job.kind().starts_with('p') && *at <= soon && error.is_none());
            match next {
                Some((job, at, _)) if job.kind() != "prune" => self.clock.advance_to(*at),
                _ => return,
            }
        }
    }

    /// Waits until private answers that are on their way have arrived.
    pub async fn answered(&self) {
        self.app.answers.close();
        self.app.answers.wait().await;
        self.app.answers.reopen();
    }

    /// Lets time pass, stopping at every job that becomes due on the way, as the worker would.
    pub async fn advance(&mut self, by: SignedDuration) {
        let until = self.clock.now() + by;
        loop {
            self.settle().await;
            let jobs = self.read(|tx| Box::pin(async move { tx.unfinished_jobs().await })).await;
            match jobs.first().filter(|(_, at, _)| *at <= until && *at > self.clock.now()) {
                Some((_, at, _)) => self.clock.advance_to(*at),
                None => break,
            }
        }
        self.clock.advance_to(until);
        self.settle().await;
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub fn worker(&self) -> Worker {
        self.app.worker()
    }

    /// `kill -9`: nobody answers any more.
    pub async fn kill(&mut self) {
        if let Some(bot) = self.bot.take() {
            bot.end().await;
        }
        // what the writer was handed is written now or never
        self.app.ctx.store.close().await;
    }

    /// `kill -9`, and a start on what is left on disk.
    pub async fn restart(&mut self) {
        self.kill().await;
        self.lives += 1;
        let listener = bind_again(self.listen).await;
        let tunings = (&self.tuning, self.azure.tuning());
        self.app = bring_up(&self.config_file(), &self.environment, &self.clock, tunings, self.lives).await;
        self.bot = Some(Serving::begin(listener, self.app.clone(), self.is_apart));
    }

    pub fn config_file(&self) -> PathBuf {
        self.dir.path().join("jit.toml")
    }

    pub fn store_file(&self) -> PathBuf {
        self.dir.path().join("jit.db")
    }

    /// Changes the configuration file; `reload` or `restart` lets it count.
    pub fn edit_config(&self, edit: impl FnOnce(String) -> String) {
        let text = std::fs::read_to_string(self.config_file()).unwrap();
        std::fs::write(self.config_file(), edit(text)).unwrap();
    }

    /// Looks into the store.
    pub async fn read<T>(
        &self,
        work: impl for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, jit::store::StoreError>>,
    ) -> T {
        self.app.ctx.store.read(work).await.unwrap()
    }

    /// The address of a path of the bot's.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.listen)
    }

    /// Calls the Web API with the bot's token, as somebody may who is not the bot.
    pub async fn slack_api(&self, method: &str, args: serde_json::Value) {
        let url = format!("{}/{method}", self.slack_server.api_url());
        let call = reqwest::Client::new().post(url).bearer_auth(self.slack.app().token).json(&args);
        let answer: serde_json::Value = call.send().await.unwrap().json().await.unwrap();
        assert_eq!(answer["ok"], true, "{answer}");
    }

    /// Everything the design says must never happen has not happened.
    pub fn finish(mut self) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            self.settle().await;
            checks::all(&self).await;
            self.kill().await;
            drop(self.slack_server);
        })
    }
}

/// The usual configuration, with everything filled in.
pub(super) fn configuration(
    listen: std::net::SocketAddr,
    store: &std::path::Path,
    slack: &Server,
    cloud: &Cloud,
    role_arn: &str,
) -> String {
    CONFIG
        .replace("{listen}", &listen.to_string())
        .replace("{store}", store.to_str().unwrap())
        .replace("{api}", &slack.api_url())
        .replace("{aws}", cloud.endpoint_url().as_str())
        .replace("{role}", role_arn)
}

/// The usual people, groups and channels.
pub(super) fn workspace(clock: Arc<dyn Clock>) -> Workspace {
    let slack = Workspace::new(clock);
    for name in ["requester", "approver", "lead", "outsider", "oncall1"] {
        slack.add_user(User::named(name));
    }
    slack.add_group(Group::of("oncall", ["oncall1"]));
    for channel in ["requests", "audit", "alerts"] {
        slack.add_channel(Channel::public(channel));
    }
    slack
}

/// The secrets, where the configuration says they are.
pub(super) fn environment(slack: &Workspace) -> BTreeMap<String, String> {
    let app = slack.app();
    [
        ("SLACK_SIGNING_SECRET", app.signing_secret.as_str()),
        ("SLACK_BOT_TOKEN", app.token.as_str()),
        ("JIT_EXTERNAL_ID", "the-external-id-of-this-install"),
        ("AZURE_CLIENT_SECRET", CLIENT_SECRET),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

async fn bring_up(
    file: &std::path::Path,
    environment: &BTreeMap<String, String>,
    clock: &ManualClock,
    (aws, azure): (&Tuning, jit::provider::azure::Tuning),
    life: u64,
) -> Arc<App> {
    let config = config::load(file, environment).unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    let wiring = Wiring {
        clock: Arc::new(clock.clone()),
        entropy: Arc::new(SeededEntropy::new(life)),
        environment: Arc::new(environment.clone()),
        aws: aws.clone(),
        azure,
        demo: None,
        metrics: telemetry::metrics(),
    };
    App::start(config, wiring).await.unwrap()
}

/// The bot's server.
enum Serving {
    /// Beside the story.
    Beside(JoinHandle<()>),
    /// On threads of its own, with which its connections end.
    Apart(Option<Runtime>),
}

impl Serving {
    fn begin(listener: TcpListener, app: Arc<App>, is_apart: bool) -> Self {
        let service = http::router(app).into_make_service_with_connect_info::<std::net::SocketAddr>();
        if !is_apart {
            return Self::Beside(tokio::spawn(async move { axum::serve(listener, service).await.unwrap() }));
        }
        let threads = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = listener.into_std().unwrap();
        threads.spawn(async move { axum::serve(TcpListener::from_std(listener).unwrap(), service).await.unwrap() });
        Self::Apart(Some(threads))
    }

    async fn end(mut self) {
        if let Self::Beside(task) = &mut self {
            task.abort();
            let _ = task.await;
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        if let Self::Apart(threads) = self
            && let Some(threads) = threads.take()
        {
            threads.shutdown_background();
        }
    }
}

/// The address is free as soon as the listener of the life before is dropped.
async fn bind_again(address: std::net::SocketAddr) -> TcpListener {
    for _ in 0..200 {
        if let Ok(listener) = TcpListener::bind(address).await {
            return listener;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("{address} did not become free");
}

pub fn seconds(count: i64) -> SignedDuration {
    SignedDuration::from_secs(count)
}

pub fn minutes(count: i64) -> SignedDuration {
    SignedDuration::from_mins(count)
}

pub fn hours(count: i64) -> SignedDuration {
    SignedDuration::from_hours(count)
}
