//! Everything the workspace remembers, and the look-ups over it.
//!
//! One plain value behind one lock: the Web API, the response URLs and the people all change it in short steps, so no
//! step is ever seen half done.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Call, Channel, Ephemeral, Group, Message, User, View, ids::Ids};

/// How long an interaction may be answered by its `trigger_id`: Slack's own limit.
const TRIGGER_LIFE: SignedDuration = SignedDuration::from_secs(3);
/// How long a response URL works, and how often: Slack's own limits.
const RESPONSE_URL_LIFE: SignedDuration = SignedDuration::from_mins(30);
const RESPONSE_URL_USES: u32 = 5;

/// Every scope that the model asks for somewhere, and the one that slash commands come with.
const SCOPES: [&str; 14] = [
    "channels:history",
    "channels:read",
    "chat:write",
    "chat:write.public",
    "commands",
    "groups:history",
    "groups:read",
    "im:history",
    "im:read",
    "im:write",
    "reactions:write",
    "usergroups:read",
    "users:read",
    "users:read.email",
];

/// The workspace's own name and id.
#[derive(Debug, Clone)]
pub(super) struct Team {
    pub(super) id: String,
    pub(super) domain: String,
    pub(super) name: String,
}

/// The bot as Slack knows it.
#[derive(Debug, Clone)]
pub struct App {
    /// `A…`.
    pub id: String,
    /// The id of the bot's user.
    pub user_id: String,
    /// `B…`.
    pub bot_id: String,
    /// The bot token for the Web API.
    pub token: String,
    /// The secret that requests to the bot are signed with.
    pub signing_secret: String,
    /// The deprecated verification token in every payload.
    pub verification_token: String,
    /// The scopes that the token was granted.
    pub scopes: BTreeSet<String>,
}

/// A URL that answers one interaction.
#[derive(Debug, Clone)]
pub(super) struct ResponseUrl {
    pub(super) channel: String,
    pub(super) user: String,
    /// The message or ephemeral that was clicked.
    pub(super) origin: Option<String>,
    pub(super) uses_left: u32,
    pub(super) expires_at: Timestamp,
}

/// The right to open a modal for somebody.
#[derive(Debug, Clone)]
pub(super) struct Trigger {
    pub(super) user: String,
    /// The modal that the interaction took place in, if it was in one.
    pub(super) view: Option<String>,
    pub(super) expires_at: Timestamp,
    pub(super) is_used: bool,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) team: Team,
    pub(super) app: App,
    /// Where this workspace listens, such as `http://127.0.0.1:4804`.
    pub(super) own_url: String,
    pub(super) bot_url: Option<String>,
    pub(super) posts_per_second: Option<usize>,
    pub(super) users: BTreeMap<String, User>,
    pub(super) groups: BTreeMap<String, Group>,
    pub(super) channels: BTreeMap<String, Channel>,
    pub(super) messages: Vec<Message>,
    pub(super) ephemerals: Vec<Ephemeral>,
    pub(super) response_urls: BTreeMap<String, ResponseUrl>,
    pub(super) triggers: BTreeMap<String, Trigger>,
    /// Open modals, each person's bottom first.
    pub(super) modals: Vec<View>,
    /// Published home views by user.
    pub(super) homes: BTreeMap<String, View>,
    pub(super) calls: Vec<Call>,
    pub(super) ids: Ids,
}

impl State {
    /// An empty workspace with this id.
    pub(super) fn new(team_id: &str) -> Self {
        let bot = User { is_bot: true, email: None, team_id: team_id.to_owned(), ..User::named("jit") };
        let app = App {
            id: "A0JIT".to_owned(),
            user_id: bot.id.clone(),
            bot_id: "B0JIT".to_owned(),
            token: "xoxb-workspace-model".to_owned(),
            signing_secret: "workspace-model-signing-secret".to_owned(),
            verification_token: "deprecated-verification-token".to_owned(),
            scopes: SCOPES.map(str::to_owned).into(),
        };
        Self {
            team: Team { id: team_id.to_owned(), domain: "acme".to_owned(), name: "Acme".to_owned() },
            app,
            own_url: String::new(),
            bot_url: None,
            posts_per_second: None,
            users: BTreeMap::from([(bot.id.clone(), bot)]),
            groups: BTreeMap::new(),
            channels: BTreeMap::new(),
            messages: Vec::new(),
            ephemerals: Vec::new(),
            response_urls: BTreeMap::new(),
            triggers: BTreeMap::new(),
            modals: Vec::new(),
            homes: BTreeMap::new(),
            calls: Vec::new(),
            ids: Ids::default(),
        }
    }

    pub(super) fn user_named(&self, name: &str) -> Option<&User> {
        self.users.get(name).or_else(|| self.users.values().find(|user| user.name == name))
    }

    /// A channel by id or name; direct messages have ids only.
    pub(super) fn channel_named(&self, name: &str) -> Option<&Channel> {
        let name = name.trim_start_matches('#');
        let named = || self.channels.values().find(|channel| !channel.is_direct() && channel.name == name);
        self.channels.get(name).or_else(named)
    }

    /// The direct messages between the bot and `user`, opened if need be.
    pub(super) fn open_direct(&mut self, user: &User) -> String {
        let channel = Channel::direct(user);
        let id = channel.id.clone();
        self.channels.entry(id.clone()).or_insert(channel);
        id
    }

    /// A message that was not deleted.
    pub(super) fn message(&self, channel: &str, ts: &str) -> Option<&Message> {
        self.messages.iter().find(|message| message.channel == channel && message.ts == ts && !message.is_deleted)
    }

    /// The same, to be changed.
    pub(super) fn message_mut(&mut self, channel: &str, ts: &str) -> Option<&mut Message> {
        self.messages.iter_mut().find(|message| message.channel == channel && message.ts == ts && !message.is_deleted)
    }

    /// Whether `user` reads along in the channel with this id.
    pub(super) fn is_member(&self, channel: &str, user: &str) -> bool {
        let (channel, user) = (self.channels.get(channel), self.users.get(user));
        channel.zip(user).is_some_and(|(channel, user)| channel.has(user))
    }

    /// A fresh trigger for something `user` just did, in `view` if it was in a modal.
    pub(super) fn issue_trigger(&mut self, user: &str, view: Option<String>, now: Timestamp) -> String {
        let id = self.ids.trigger();
        let trigger = Trigger { user: user.to_owned(), view, expires_at: now + TRIGGER_LIFE, is_used: false };
        self.triggers.insert(id.clone(), trigger);
        id
    }

    /// A fresh response URL for something `user` just did in `channel`, on the message `origin` if on one.
    pub(super) fn issue_response_url(
        &mut self,
        user: &str,
        channel: &str,
        origin: Option<&str>,
        now: Timestamp,
    ) -> String {
        let id = self.ids.next("R");
        let url = format!("{}/response/{id}", self.own_url);
        let response_url = ResponseUrl {
            channel: channel.to_owned(),
            user: user.to_owned(),
            origin: origin.map(str::to_owned),
            uses_left: RESPONSE_URL_USES,
            expires_at: now + RESPONSE_URL_LIFE,
        };
        self.response_urls.insert(id, response_url);
        url
    }

    /// The user as interaction payloads show them.
    pub(super) fn user_json(&self, id: &str) -> Value {
        let user = self.users.get(id);
        let name = user.map(|user| &user.name);
        json!({ "id": id, "username": name, "name": name, "team_id": user.map(|user| &user.team_id) })
    }
}
