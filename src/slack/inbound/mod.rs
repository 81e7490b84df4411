//! What Slack sends us, from signed bytes to a value that says who did what.

use jiff::Timestamp;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use url::Url;

use super::grammar::{self, Command, Misunderstood};
use crate::domain::ids::{ChannelId, GrantId, RequestId, UserGroupId, UserId};

mod form;
mod signature;

pub use form::{ASK_FORM, AskField, AskForm, Submission};
pub use signature::{Unsigned, verify, verify_age};

/// A request from Slack whose signature was good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inbound {
    /// Slack checks that we are there.
    SslCheck,
    /// Slack checks that the address is ours: to be echoed.
    UrlVerification {
        /// What to echo.
        challenge: String,
    },
    /// Somebody typed `/jit …`.
    Command(SlashCommand),
    /// Somebody clicked a button.
    Click(Click),
    /// Somebody filled in a form of ours.
    Submission(Submission),
    /// Somebody opened the bot's home tab.
    HomeOpened {
        /// From which workspace.
        team: String,
        /// Who.
        user: UserId,
    },
    /// A user group is not what it was.
    UserGroupChanged {
        /// From which workspace.
        team: String,
        /// Which group.
        group: UserGroupId,
    },
    /// Something that calls for no answer.
    Other {
        /// From which workspace, where it says.
        team: Option<String>,
        /// What it was.
        what: String,
    },
}

/// A slash command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlashCommand {
    /// From which workspace.
    pub team: String,
    /// Who typed it.
    pub user: UserId,
    /// The command itself, `/jit` unless the app was set up under another name.
    pub slash: String,
    /// What they meant.
    pub command: Result<Command, Misunderstood>,
    /// The same for a repeated delivery, and for no other.
    pub delivery: String,
}

/// A click on a button of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Click {
    /// The workspace of the message.
    pub team: String,
    /// The workspace of the person, where it says.
    pub user_team: Option<String>,
    /// Who clicked.
    pub user: UserId,
    /// Which button; `None` when this version does not know it.
    pub button: Option<Button>,
    /// Where a private answer goes.
    pub response_url: Option<Url>,
    /// Where it was clicked: a private answer goes there when the address above does not work.
    pub channel: Option<ChannelId>,
    /// Which message it was on.
    pub message: Option<(ChannelId, String)>,
    /// What lets us open a form for whoever clicked, within three seconds.
    pub trigger: String,
    /// The same for a repeated delivery, and for no other.
    pub delivery: String,
}

/// The buttons that our messages have. They carry ids and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Button {
    /// Approve a request.
    Approve(RequestId),
    /// Deny a request.
    Deny(RequestId),
    /// Get a link to the credentials of a grant.
    Claim(GrantId),
    /// Give a grant back.
    End(GrantId),
    /// Take a grant back.
    Revoke(GrantId),
    /// Try again what is stuck.
    Retry(GrantId),
    /// What is stuck was removed by hand.
    RemovedByHand(GrantId),
    /// Opens the page with the credentials in the browser; Slack tells us all the same.
    OpenLink,
    /// Opens the form for asking.
    Ask,
}

impl Button {
    /// The action id that Slack sends with a click.
    #[must_use]
    pub fn action_id(self) -> &'static str {
        match self {
            Self::Approve(_) => "approve",
            Self::Deny(_) => "deny",
            Self::Claim(_) => "claim",
            Self::End(_) => "end",
            Self::Revoke(_) => "revoke",
            Self::Retry(_) => "retry",
            Self::RemovedByHand(_) => "removed_by_hand",
            Self::OpenLink => "open_link",
            Self::Ask => ASK_FORM,
        }
    }

    /// The value that Slack sends with a click.
    #[must_use]
    pub fn value(self) -> String {
        match self {
            Self::Approve(request) | Self::Deny(request) => request.to_string(),
            Self::Claim(grant)
            | Self::End(grant)
            | Self::Revoke(grant)
            | Self::Retry(grant)
            | Self::RemovedByHand(grant) => grant.to_string(),
            Self::OpenLink => String::new(),
            Self::Ask => ASK_FORM.to_owned(),
        }
    }

    fn read(action_id: &str, value: &str) -> Option<Self> {
        let action_id = action_id.split('.').next().unwrap_or_default();
        match action_id {
            "approve" => value.parse().ok().map(Self::Approve),
            "deny" => value.parse().ok().map(Self::Deny),
            "claim" => value.parse().ok().map(Self::Claim),
            "end" => value.parse().ok().map(Self::End),
            "revoke" => value.parse().ok().map(Self::Revoke),
            "retry" => value.parse().ok().map(Self::Retry),
            "removed_by_hand" => value.parse().ok().map(Self::RemovedByHand),
            "open_link" => Some(Self::OpenLink),
            ASK_FORM => Some(Self::Ask),
            _ => None,
        }
    }
}

/// A signed request that we cannot read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a signed request of an unknown form: {0}")]
pub struct Unreadable(pub &'static str);

/// Reads the body of a request whose signature was good. `content_type` tells forms from JSON.
///
/// # Errors
/// When it is none of the forms that Slack sends.
pub fn read(content_type: &str, body: &str) -> Result<Inbound, Unreadable> {
    if content_type.starts_with("application/json") || body.trim_start().starts_with('{') {
        return event(body);
    }
    let form: Form = form_of(body)?;
    if form.ssl_check.as_deref() == Some("1") {
        return Ok(Inbound::SslCheck);
    }
    if let Some(payload) = &form.payload {
        return interaction(payload);
    }
    form.command()
}

#[derive(Debug, Default)]
struct Form {
    ssl_check: Option<String>,
    payload: Option<String>,
    command: Option<String>,
    text: Option<String>,
    team_id: Option<String>,
    user_id: Option<String>,
    trigger_id: Option<String>,
    response_url: Option<String>,
}

fn form_of(body: &str) -> Result<Form, Unreadable> {
    let mut form = Form::default();
    for (name, value) in url::form_urlencoded::parse(body.as_bytes()) {
        let place = match &*name {
            "ssl_check" => &mut form.ssl_check,
            "payload" => &mut form.payload,
            "command" => &mut form.command,
            "text" => &mut form.text,
            "team_id" => &mut form.team_id,
            "user_id" => &mut form.user_id,
            "trigger_id" => &mut form.trigger_id,
            "response_url" => &mut form.response_url,
            _ => continue,
        };
        if place.replace(value.into_owned()).is_some() {
            return Err(Unreadable("a field that stands there twice"));
        }
    }
    Ok(form)
}

impl Form {
    fn command(self) -> Result<Inbound, Unreadable> {
        let slash = self.command.ok_or(Unreadable("neither a command nor a payload"))?;
        let user = self.user_id.ok_or(Unreadable("a command without a user"))?;
        let team = self.team_id.unwrap_or_default();
        let text = self.text.unwrap_or_default();
        let [trigger, url] = [self.trigger_id, self.response_url].map(Option::unwrap_or_default);
        let delivery = delivery_key(&["command", &trigger, &url, &user, &slash, &text]);
        let command = grammar::parse(&text);
        Ok(Inbound::Command(SlashCommand { team, user: UserId(user), slash, command, delivery }))
    }
}

#[derive(Deserialize)]
struct Interaction {
    #[serde(rename = "type")]
    kind: String,
    team: Option<Team>,
    user: Option<Clicker>,
    #[serde(default)]
    trigger_id: String,
    response_url: Option<String>,
    #[serde(default)]
    actions: Vec<Action>,
    container: Option<Container>,
    channel: Option<Channel>,
    view: Option<form::View>,
}

#[derive(Deserialize)]
struct Channel {
    id: String,
}

#[derive(Deserialize)]
struct Team {
    id: String,
}

#[derive(Deserialize)]
struct Clicker {
    id: String,
    team_id: Option<String>,
}

#[derive(Deserialize)]
#[expect(clippy::struct_field_names, reason = "as Slack has them")]
struct Action {
    #[serde(default)]
    action_id: String,
    #[serde(default)]
    value: String,
    #[serde(default)]
    action_ts: String,
}

#[derive(Deserialize)]
struct Container {
    channel_id: Option<String>,
    message_ts: Option<String>,
    #[serde(default)]
    is_ephemeral: bool,
}

fn interaction(payload: &str) -> Result<Inbound, Unreadable> {
    let payload: Interaction =
        serde_json::from_str(payload).map_err(|_| Unreadable("a payload that is not an interaction"))?;
    let user = payload.user.ok_or(Unreadable("an interaction without a user"))?;
    // An installation for a whole organisation sends no team, but the person's.
    let team = payload.team.map(|team| team.id).or_else(|| user.team_id.clone());
    if let Some(view) = payload.view.as_ref().filter(|_| payload.kind == "view_submission") {
        let delivery = delivery_key(&["submission", &payload.trigger_id, &view.id, &user.id]);
        let (team, user_team) = (team.unwrap_or_default(), user.team_id);
        let form = view.ask_form();
        return Ok(Inbound::Submission(Submission { team, user_team, user: UserId(user.id), form, delivery }));
    }
    let Some(action) = payload.actions.first().filter(|_| payload.kind == "block_actions") else {
        return Ok(Inbound::Other { team, what: payload.kind });
    };
    let url = payload.response_url.as_deref().unwrap_or_default();
    let Action { action_id, value, action_ts } = action;
    let delivery = delivery_key(&["click", &payload.trigger_id, url, &user.id, action_id, value, action_ts]);
    let channel = payload.channel.map(|channel| channel.id);
    let channel = channel.or_else(|| payload.container.as_ref()?.channel_id.clone()).map(ChannelId);
    let message = payload
        .container
        .filter(|container| !container.is_ephemeral)
        .and_then(|container| container.channel_id.map(ChannelId).zip(container.message_ts));
    Ok(Inbound::Click(Click {
        team: team.unwrap_or_default(),
        user_team: user.team_id,
        user: UserId(user.id),
        button: Button::read(&action.action_id, &action.value),
        channel,
        response_url: payload.response_url.and_then(|url| Url::parse(&url).ok()),
        message,
        trigger: payload.trigger_id,
        delivery,
    }))
}

#[derive(Deserialize)]
struct EventEnvelope {
    #[serde(rename = "type")]
    kind: String,
    challenge: Option<String>,
    team_id: Option<String>,
    event: Option<Event>,
}

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    subteam: Option<Subteam>,
    subteam_id: Option<String>,
    /// Only an id in the events that we look at.
    user: Option<serde_json::Value>,
    tab: Option<String>,
}

#[derive(Deserialize)]
struct Subteam {
    id: String,
}

fn event(body: &str) -> Result<Inbound, Unreadable> {
    let envelope: EventEnvelope = serde_json::from_str(body).map_err(|_| Unreadable("JSON that is not an event"))?;
    if let Some(challenge) = envelope.challenge.filter(|_| envelope.kind == "url_verification") {
        return Ok(Inbound::UrlVerification { challenge });
    }
    if let (Some(event), Some(team)) = (&envelope.event, &envelope.team_id)
        && event.kind == "app_home_opened"
        && event.tab.as_deref() == Some("home")
        && let Some(user) = event.user.as_ref().and_then(serde_json::Value::as_str)
    {
        return Ok(Inbound::HomeOpened { team: team.clone(), user: UserId(user.to_owned()) });
    }
    let (kind, group) = match envelope.event {
        Some(event) => (event.kind, event.subteam.map(|group| group.id).or(event.subteam_id)),
        None => (envelope.kind, None),
    };
    match (group, envelope.team_id) {
        (Some(group), Some(team)) if kind.starts_with("subteam_") => {
            Ok(Inbound::UserGroupChanged { team, group: UserGroupId(group) })
        }
        (_, team) => Ok(Inbound::Other { team, what: kind }),
    }
}

/// Slack names a delivery by its trigger and by the URL for its answers; the rest is there so that two different ones are never taken for one.
fn delivery_key(parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    hex::encode(hasher.finalize())
}

/// How old a request from Slack may be, in either direction.
pub const MAX_AGE: jiff::SignedDuration = jiff::SignedDuration::from_mins(5);

/// Whether a moment that Slack wrote lies within [`MAX_AGE`] of ours.
#[must_use]
pub fn is_fresh(seconds: i64, now: Timestamp) -> bool {
    now.as_second().abs_diff(seconds) <= MAX_AGE.as_secs().unsigned_abs()
}
