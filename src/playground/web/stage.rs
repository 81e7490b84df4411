//! Everything that the page shows and moves: the workspace, the clouds, the bot and the clock, with a store in a temporary
//! directory that goes when the playground ends.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use super::{
    Options,
    bot::{Bot, free_address},
    cast::{self, Cast},
    lever::SlackWeather,
    policy,
};
use crate::{
    ambient::{Clock, MovableClock, SystemEntropy},
    app::{StartError, Wiring},
    config,
    playground::{
        stage::Folder,
        story::Trouble,
        workspace::{Fault, Server, Times, Workspace},
    },
    provider::{aws, azure, demo::DemoCloud},
    telemetry,
};

/// The stage; clones share it.
pub(super) type Shared = Arc<Stage>;

/// What the page plays on.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) workspace: Workspace,
    pub(super) clouds: DemoCloud,
    pub(super) bot: Bot,
    pub(super) clock: MovableClock,
    pub(super) cast: Cast,
    /// Where calls of AWS go, if not to the demo cloud.
    pub(super) emulator: Option<String>,
    slack: Mutex<SlackWeather>,
    /// The newest message that each person has seen of each channel.
    seen: Mutex<BTreeMap<(String, String), String>>,
    changed: watch::Sender<()>,
    _server: Server,
    folder: Folder,
}

impl Stage {
    /// Starts everything.
    pub(super) async fn set(options: &Options) -> Result<Shared, Trouble> {
        let folder = Folder::new(&SystemEntropy)?;
        let clock = MovableClock::default();
        let workspace = Workspace::of_team(cast::TEAM, Arc::new(clock.clone()));
        let server = workspace.start().await?;
        let address = free_address()?;
        let places = policy::Places { folder: folder.path(), api_url: server.api_url(), bot: address };
        let policy = policy::prepare(options, &places)?;
        let app = workspace.app();
        let secrets = [(policy::SIGNING_SECRET, app.signing_secret), (policy::BOT_TOKEN, app.token)];
        let secrets: BTreeMap<String, String> = secrets.map(|(name, value)| (name.to_owned(), value)).into();
        let checked = config::load(&folder.config(), &secrets).map_err(StartError::Config)?;
        let cast = Cast::of(&checked, &policy);
        cast.enter(&workspace);
        workspace.connect_bot(format!("http://{address}/slack/events"));
        let clouds = DemoCloud::default();
        let wiring = Wiring {
            clock: Arc::new(clock.clone()),
            entropy: Arc::new(SystemEntropy),
            environment: Arc::new(secrets),
            aws: if options.aws_endpoint.is_some() { aws::Tuning::for_emulator() } else { aws::Tuning::default() },
            azure: azure::Tuning::default(),
            demo: Some(clouds.clone()),
            metrics: telemetry::metrics(),
        };
        let bot = Bot::new(address, folder.config(), wiring);
        bot.start().await?;
        Ok(Arc::new(Self {
            workspace,
            clouds,
            bot,
            clock,
            cast,
            emulator: options.aws_endpoint.as_ref().map(ToString::to_string),
            slack: Mutex::default(),
            seen: Mutex::default(),
            changed: watch::Sender::default(),
            _server: server,
            folder,
        }))
    }

    /// Ends it. What the bot was at is cut off, as it may be at any time.
    pub(super) fn strike(&self) {
        self.bot.kill();
        self.folder.clear();
    }

    /// What time it is here.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Sets the clock forward.
    pub(super) fn advance(&self, by: SignedDuration) {
        self.clock.advance(by);
        self.bot.nudge();
        self.tell();
    }

    /// How Slack feels.
    pub(super) fn slack_weather(&self) -> SlackWeather {
        *lock(&self.slack)
    }

    /// Has Slack feel so from now on.
    pub(super) fn set_slack_weather(&self, weather: SlackWeather) {
        *lock(&self.slack) = weather;
        self.workspace.clear_faults();
        let fault = match weather {
            SlackWeather::Fine => None,
            SlackWeather::Slow => Some(Fault::Slow(lever_pause())),
            SlackWeather::Failing => Some(Fault::ServerError),
            SlackWeather::Unreachable => Some(Fault::Unreachable),
        };
        if let Some(fault) = fault {
            self.workspace.fault("*", fault, Times::UntilCleared);
        }
        self.tell();
    }

    /// Somebody has seen a channel up to its newest message.
    pub(super) fn saw(&self, user: &str, channel: &str) {
        let newest = self.workspace.window().messages(channel).last().map(|message| message.ts.clone());
        if let Some(newest) = newest {
            lock(&self.seen).insert((user.to_owned(), channel.to_owned()), newest);
        }
    }

    /// Up to which message somebody has seen a channel.
    pub(super) fn seen(&self, user: &str, channel: &str) -> Option<String> {
        lock(&self.seen).get(&(user.to_owned(), channel.to_owned())).cloned()
    }

    /// Something is not as it was that nobody else tells of.
    pub(super) fn tell(&self) {
        self.changed.send_replace(());
    }

    /// Tells when something has changed that [`Stage::tell`] is for.
    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }
}

/// How long a slow Slack takes for each answer.
fn lever_pause() -> std::time::Duration {
    std::time::Duration::from_secs(3)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
