//! A stateful model of one Slack workspace: who is in it, what was posted, and what everybody sees.
//!
//! The bot talks to its Web API over HTTP ([`Workspace::start`]); people type and click through [`Person`], which sends
//! the bot the signed requests that Slack would send. It refuses what Slack refuses, fails on demand ([`Fault`]), and
//! remembers what nobody has looked at yet. It is not a mock: nothing in it is scripted, and nothing is random.

mod api;
mod check;
mod click;
mod delivery;
mod directory;
mod fault;
mod filling;
mod hands;
mod held;
mod ids;
mod landing;
mod message;
mod mrkdwn;
mod person;
mod ping;
mod post;
mod render;
mod screen;
mod serve;
mod state;
mod surface;
#[cfg(test)]
mod tests;
mod typing;
mod window;

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use tokio::sync::watch;

use crate::ambient::Clock;

pub use api::{Call, CallOutcome};
pub use delivery::{Answer, Delivery, Resend, sign};
pub use directory::{Channel, ChannelKind, Group, User};
pub use fault::{Fault, Times};
pub use hands::Spot;
pub use message::{Ephemeral, Message, Version};
pub use person::Person;
pub use ping::Pings;
pub use screen::ChannelScreen;
pub use serve::Server;
pub use state::App;
pub use surface::View;
pub use window::Window;

use fault::Faults;
use held::Held;
use state::State;

/// A Slack workspace with the bot installed in it; clones are the same workspace.
#[derive(Debug, Clone)]
pub struct Workspace(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    faults: Faults,
    http: reqwest::Client,
    changed: watch::Sender<()>,
}

impl Workspace {
    /// An empty workspace `T0ACME` that lives by `clock`, with the bot installed and nobody else in it.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self::of_team(directory::TEAM_ID, clock)
    }

    /// The same with another id: a workspace that the bot should not listen to.
    #[must_use]
    pub fn of_team(id: &str, clock: Arc<dyn Clock>) -> Self {
        let (state, http) = (Mutex::new(State::new(id)), delivery::client());
        let (faults, changed) = (Faults::default(), watch::Sender::default());
        Self(Arc::new(Shared { clock, state, faults, http, changed }))
    }

    /// Tells, from now on, whenever anything in the workspace has changed.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<()> {
        self.0.changed.subscribe()
    }

    /// The workspace's id, as `slack.team_ids` wants it.
    #[must_use]
    pub fn team_id(&self) -> String {
        self.state().team.id.clone()
    }

    /// What the app needs to work here: its token, its signing secret, its ids.
    #[must_use]
    pub fn app(&self) -> App {
        self.state().app.clone()
    }

    /// Where people's commands and clicks are sent: the full URL of the bot's `/slack/events`.
    pub fn connect_bot(&self, request_url: impl Into<String>) {
        self.state().bot_url = Some(request_url.into());
    }

    /// Replaces the scopes that the bot's token was granted; at first it has every one that the model knows.
    pub fn grant_scopes<'a>(&self, scopes: impl IntoIterator<Item = &'a str>) {
        self.state().app.scopes = scopes.into_iter().map(str::to_owned).collect();
    }

    /// Adds or replaces a user.
    pub fn add_user(&self, user: User) {
        self.state().users.insert(user.id.clone(), user);
    }

    /// Adds or replaces a user group.
    pub fn add_group(&self, group: Group) {
        self.state().groups.insert(group.id.clone(), group);
    }

    /// Adds or replaces a channel.
    pub fn add_channel(&self, channel: Channel) {
        self.state().channels.insert(channel.id.clone(), channel);
    }

    /// Somebody by name or id; whoever is not known yet joins the workspace on first mention.
    #[must_use]
    pub fn person(&self, name: &str) -> Person {
        let mut state = self.state();
        let known = state.user_named(name).map(|user| user.id.clone());
        let id = known.unwrap_or_else(|| {
            let user = User { team_id: state.team.id.clone(), ..User::named(name) };
            let id = user.id.clone();
            state.users.insert(id.clone(), user);
            id
        });
        drop(state);
        Person::new(self.clone(), id)
    }

    /// The screen of a channel, by name or id.
    ///
    /// # Panics
    /// When there is no such channel: a typing error in a test.
    #[must_use]
    pub fn channel(&self, name: &str) -> ChannelScreen {
        let id = self.state().channel_named(name).map(|channel| channel.id.clone());
        let id = id.unwrap_or_else(|| panic!("there is no channel `{name}` in the workspace"));
        ChannelScreen::new(self.clone(), id)
    }

    /// Every call that the bot made, oldest first.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    /// The calls and immediate answers of the bot that the workspace refused: mistakes, unless a test asked for them.
    #[must_use]
    pub fn refused(&self) -> Vec<Call> {
        self.state().calls.iter().filter(|call| matches!(call.outcome, CallOutcome::Refused { .. })).cloned().collect()
    }

    /// Lets a channel take at most `posts` messages a second, as Slack does; `None` (the default) lifts the limit.
    pub fn limit_posts_per_second(&self, posts: Option<usize>) {
        self.state().posts_per_second = posts;
    }

    /// Makes `method` (or all, with `"*"`; response URLs are `"response_url"`) fail in this way, the given times.
    pub fn fault(&self, method: &str, fault: Fault, times: Times) {
        self.0.faults.add(method, None, fault, times);
    }

    /// The same, only for calls whose `channel` is this one, by name or id (a user's id for direct messages).
    pub fn fault_in(&self, channel: &str, method: &str, fault: Fault, times: Times) {
        let id = self.state().channel_named(channel).map_or_else(|| channel.to_owned(), |channel| channel.id.clone());
        self.0.faults.add(method, Some(id), fault, times);
    }

    /// Ends all faults and lets go of the calls that hang: whoever still waits is served.
    pub fn clear_faults(&self) {
        self.0.faults.clear();
    }

    fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    fn state(&self) -> Held<'_> {
        Held::new(self.0.state.lock().unwrap_or_else(PoisonError::into_inner), &self.0.changed)
    }
}
