//! What the story is played on: the workspace, the demo cloud and the real bot, each on a free loopback port, with a
//! store in a temporary directory that goes when the story is over.

use std::{
    collections::BTreeMap,
    fs::{self, DirBuilder},
    io,
    net::SocketAddr,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::{
    story::Trouble,
    workspace::{Channel, Group, Person, Server, Workspace},
};
use crate::{
    ambient::{Entropy, SystemClock, SystemEntropy},
    app::{App, StartError, Wiring},
    config::{self, Config},
    domain::{
        audit::{Broken, Verifier},
        ids::PLAYGROUND_TEAM,
    },
    provider::{aws, azure, demo::DemoCloud},
    store::StoreError,
    telemetry,
};

/// The policy of the playground, without its addresses.
const POLICY: &str = include_str!("../../config/playground.toml");
/// Where cards go.
pub(super) const REQUESTS: &str = "access-requests";
/// Where the feed goes.
pub(super) const AUDIT: &str = "access-audit";
/// Where alarms go.
const ALERTS: &str = "access-alerts";
/// How many events are read at a time.
const PAGE: u32 = 500;

/// The workspace, the cloud and the bot.
pub(super) struct Stage {
    pub(super) workspace: Workspace,
    pub(super) slack: Server,
    pub(super) cloud: DemoCloud,
    /// Where the bot listens.
    pub(super) bot: String,
    pub(super) folder: Folder,
    app: Arc<App>,
    serving: JoinHandle<()>,
    stop: CancellationToken,
}

impl Stage {
    /// Starts everything.
    pub(super) async fn set() -> Result<Self, Trouble> {
        let folder = Folder::new(&SystemEntropy)?;
        let workspace = workspace();
        let slack = workspace.start().await?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (config, secrets) = config(&folder, &workspace, &slack.api_url(), address)?;
        let (cloud, bot) = (DemoCloud::default(), format!("http://{address}"));
        workspace.connect_bot(format!("{bot}/slack/events"));
        let wiring = Wiring {
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            environment: Arc::new(secrets),
            aws: aws::Tuning::default(),
            azure: azure::Tuning::default(),
            demo: Some(cloud.clone()),
            metrics: telemetry::metrics(),
        };
        let app = App::start(config, wiring).await?;
        let stop = CancellationToken::new();
        let serving = tokio::spawn(crate::cli::serve::run(app.clone(), listener, stop.clone()));
        Ok(Self { workspace, slack, cloud, bot, folder, app, serving, stop })
    }

    /// Somebody by name.
    pub(super) fn person(&self, name: &str) -> Person {
        self.workspace.person(name)
    }

    /// Who has what in the demo cloud, one line each.
    pub(super) fn in_the_cloud(&self) -> String {
        let name = |id: &str| self.workspace.person(id).name();
        let contents = self.cloud.contents();
        let lines: Vec<String> = contents
            .iter()
            .map(|(key, entry)| format!("{} has *{}*", name(&entry.holder.to_string()), key.resource))
            .collect();
        if lines.is_empty() { "nobody has anything".to_owned() } else { lines.join("\n") }
    }

    /// Walks the whole trail as `jit audit verify` does. Answers with its last event and the hash of that.
    pub(super) async fn verify(&self) -> Result<Result<(i64, String), Broken>, StoreError> {
        let store = &self.app.ctx.store;
        store
            .read(|tx| {
                Box::pin(async move {
                    let (head, mut verifier) = (tx.audit_head().await?, Verifier::default());
                    loop {
                        let events = tx.events_after(verifier.head().0, PAGE).await?;
                        if let Some(broken) = events.iter().find_map(|event| verifier.check(event).err()) {
                            return Ok(Err(broken));
                        }
                        if events.is_empty() {
                            return Ok(verifier.finish(head.seq, &head.hash).map(|()| (head.seq, head.hash)));
                        }
                    }
                })
            })
            .await
    }

    /// Ends the bot in good order; the workspace, the cloud and the directory go with the stage.
    pub(super) async fn strike(self) -> Result<(), Trouble> {
        self.stop.cancel();
        self.serving.await.map_err(|broke_off| io::Error::other(broke_off).into())
    }
}

/// Ann, Bob and Carol at Acme; the latter two are on call.
fn workspace() -> Workspace {
    let workspace = Workspace::of_team(PLAYGROUND_TEAM, Arc::new(SystemClock));
    for name in PEOPLE {
        _ = workspace.person(name);
    }
    workspace.add_group(Group::of("oncall", ["bob", "carol"]));
    workspace.add_group(Group::of("leads", []));
    workspace.add_group(Group::of("staff", PEOPLE));
    for channel in [REQUESTS, AUDIT, ALERTS] {
        workspace.add_channel(Channel::public(channel));
    }
    workspace
}

/// Who is in the workspace.
pub(super) const PEOPLE: [&str; 3] = ["ann", "bob", "carol"];

type Environment = BTreeMap<String, String>;

/// Puts the addresses into the policy, writes it down and reads it back the way every configuration is read.
fn config(
    folder: &Folder,
    workspace: &Workspace,
    api_url: &str,
    bot: SocketAddr,
) -> Result<(Config, Environment), Trouble> {
    let store = folder.path().join("jit.db");
    let places = [
        ("server", "listen", bot.to_string()),
        ("server", "public_url", format!("http://{bot}")),
        ("store", "url", format!("sqlite:{}", store.display())),
        ("slack", "api_url", api_url.to_owned()),
    ];
    let mut policy: toml::Table = POLICY.parse().map_err(io::Error::other)?;
    for (table, key, value) in places {
        if let Some(table) = policy.get_mut(table).and_then(toml::Value::as_table_mut) {
            table.insert(key.to_owned(), value.into());
        }
    }
    fs::write(folder.config(), policy.to_string())?;
    let app = workspace.app();
    let secrets = [("PLAYGROUND_SIGNING_SECRET", app.signing_secret), ("PLAYGROUND_BOT_TOKEN", app.token)];
    let secrets: Environment = secrets.map(|(name, value)| (name.to_owned(), value)).into();
    let config = config::load(&folder.config(), &secrets).map_err(StartError::Config)?;
    Ok((config, secrets))
}

/// A directory of our own that is removed when it is dropped.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Makes one that nobody else may look into.
    pub(super) fn new(entropy: &dyn Entropy) -> io::Result<Self> {
        let mut random = [0; 8];
        entropy.fill(&mut random);
        let path = std::env::temp_dir().join(format!("jit-playground-{}", hex::encode(random)));
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Removes it now.
    pub(super) fn clear(&self) {
        // What cannot be removed is left to whoever clears the system's temporary files.
        _ = fs::remove_dir_all(&self.0);
    }

    /// The configuration that the bot runs with.
    pub(super) fn config(&self) -> PathBuf {
        self.0.join("jit.toml")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        self.clear();
    }
}
