//! Somebody in the workspace, who types and clicks.
//!
//! Everything a person does reaches the bot the way Slack brings it: as a signed request with the payload Slack would
//! make. Nobody can press what is not on their screen; a test that tries stops with what was there instead.

use serde_json::{Value, json};
use url::form_urlencoded::Serializer;

use super::{
    ChannelKind, Delivery, Message, Pings, Version, Workspace,
    click::{self, Button},
    delivery::{About, Parcel},
    filling, typing,
};

/// A person in a workspace; clones are the same person.
#[derive(Debug, Clone)]
pub struct Person {
    workspace: Workspace,
    id: String,
}

impl Person {
    pub(super) fn new(workspace: Workspace, id: String) -> Self {
        Self { workspace, id }
    }

    /// The user id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The user name.
    #[must_use]
    pub fn name(&self) -> String {
        self.workspace.state().users.get(&self.id).map(|user| user.name.clone()).unwrap_or_default()
    }

    pub(super) fn workspace(&self) -> &Workspace {
        &self.workspace
    }

    /// Types a slash command in the direct messages with the bot.
    pub async fn types(&self, command: &str) -> Delivery {
        let channel = self.dm().id().to_owned();
        self.types_in(&channel, command).await
    }

    /// Types a slash command in a channel, by name or id.
    ///
    /// # Panics
    /// When there is no such channel, the person is not in it, or the text does not begin with `/`.
    pub async fn types_in(&self, channel: &str, command: &str) -> Delivery {
        let parcel = self.command(channel, command);
        self.workspace.deliver(parcel).await
    }

    /// Writes an ordinary message in a channel, by name or id; the bot is not told.
    ///
    /// # Panics
    /// When there is no such channel.
    pub fn says(&self, channel: &str, text: &str) {
        let (channel, now) = (self.workspace.channel(channel).id().to_owned(), self.workspace.now());
        let mut state = self.workspace.state();
        let text = typing::escaped(&state, text);
        let version = Version { pings: Pings::of(&text, &[]), text, blocks: Vec::new(), metadata: None, at: now };
        let ts = state.ids.ts(now);
        state.messages.push(Message {
            channel,
            ts,
            thread_ts: None,
            is_broadcast: false,
            author: self.id.clone(),
            versions: vec![version],
            // Whoever wrote it has seen it.
            versions_seen: 1,
            is_deleted: false,
            reactions: Vec::new(),
        });
    }

    /// Presses the button with this label, action id or value on the newest message that has it, confirming if asked.
    ///
    /// # Panics
    /// When nothing on the person's screen has such a button.
    pub async fn clicks(&self, button: &str) -> Delivery {
        let found = click::on_screen(&self.workspace.state(), &self.id, button);
        self.press(found).await
    }

    /// The page that a button opens in the browser, on the newest message that has it.
    ///
    /// # Panics
    /// When nothing on the person's screen has such a button, or it opens no page.
    #[must_use]
    pub fn link(&self, button: &str) -> String {
        let found = click::on_screen(&self.workspace.state(), &self.id, button);
        found.url().unwrap_or_else(|| panic!("`{button}` opens no page"))
    }

    /// Presses a button on this message and no other.
    ///
    /// # Panics
    /// When the message has no such button now.
    pub async fn clicks_on(&self, message: &Message, button: &str) -> Delivery {
        let found = click::on_message(&self.workspace.state(), message, None, button);
        self.press(found).await
    }

    /// Presses a button that an earlier version of the message had (0 is the first), as a client does that missed the
    /// edits.
    ///
    /// # Panics
    /// When that version had no such button.
    pub async fn clicks_stale(&self, message: &Message, version: usize, button: &str) -> Delivery {
        let found = click::on_message(&self.workspace.state(), message, Some(version), button);
        self.press(found).await
    }

    /// Presses a button on the bot's home tab.
    ///
    /// # Panics
    /// When the home tab has no such button.
    pub async fn clicks_at_home(&self, button: &str) -> Delivery {
        let found = {
            let state = self.workspace.state();
            click::on_view(state.homes.get(&self.id), button)
        };
        self.press(found).await
    }

    /// Presses a button inside the modal in front of them.
    ///
    /// # Panics
    /// When there is no modal, or no such button in it.
    pub async fn clicks_in_modal(&self, button: &str) -> Delivery {
        let found = click::on_view(self.workspace.state().top_modal(&self.id), button);
        self.press(found).await
    }

    /// Fills in the modal in front of them and submits it. Each value goes to the input with that label, block id or
    /// action id.
    ///
    /// # Panics
    /// When there is no modal, an input named is not in it, or a required one is left empty: Slack's client would not
    /// send that either.
    pub async fn submits(&self, values: &[(&str, &str)]) -> Delivery {
        let parcel = self.submission(values);
        self.workspace.deliver(parcel).await
    }

    /// Closes the modal in front of them; the bot is told if it asked for that.
    ///
    /// # Panics
    /// When there is no modal.
    pub async fn closes_modal(&self) -> Option<Delivery> {
        let parcel = self.dismissal()?;
        Some(self.workspace.deliver(parcel).await)
    }

    /// Opens the bot's home tab.
    pub async fn opens_home(&self) -> Delivery {
        let channel = self.dm().id().to_owned();
        let parcel = self.home_opened(&channel);
        self.workspace.deliver(parcel).await
    }

    /// Uses a global shortcut of the bot.
    pub async fn shortcut(&self, callback_id: &str) -> Delivery {
        let now = self.workspace.now();
        let payload = {
            let mut state = self.workspace.state();
            let action_ts = state.ids.ts(now);
            let trigger = state.issue_trigger(&self.id, None, now);
            click::envelope(
                &state,
                &self.id,
                "shortcut",
                json!({ "callback_id": callback_id, "trigger_id": trigger, "action_ts": action_ts }),
            )
        };
        self.workspace.deliver(self.interaction(About::Interaction, &payload, None)).await
    }

    pub(super) async fn press(&self, button: Button) -> Delivery {
        let now = self.workspace.now();
        let payload = click::payload(&mut self.workspace.state(), &self.id, &button, now);
        let confirmation = button.confirmation(&self.workspace.state());
        self.workspace.deliver(self.interaction(About::Interaction, &payload, confirmation)).await
    }

    fn interaction(&self, about: About, payload: &Value, confirmation: Option<String>) -> Parcel {
        let body = Serializer::new(String::new()).append_pair("payload", &payload.to_string()).finish();
        Parcel { about, by: self.id.clone(), body, confirmation }
    }

    fn command(&self, channel: &str, command: &str) -> Parcel {
        assert!(command.starts_with('/'), "`{command}` is no slash command; `says` writes messages");
        let (name, text) = command.split_once(' ').unwrap_or((command, ""));
        let now = self.workspace.now();
        let mut state = self.workspace.state();
        let channel = state.channel_named(channel).unwrap_or_else(|| panic!("there is no channel `{channel}`")).clone();
        assert!(
            state.is_member(&channel.id, &self.id),
            "{} is not in #{} and cannot type there",
            self.id,
            channel.name
        );
        let channel_name = match channel.kind {
            ChannelKind::Private => "privategroup",
            ChannelKind::Public | ChannelKind::Direct { .. } => &channel.name,
        };
        let text = typing::escaped(&state, text.trim());
        let response_url = state.issue_response_url(&self.id, &channel.id, None, now);
        let trigger = state.issue_trigger(&self.id, None, now);
        let user_name = state.users.get(&self.id).map(|user| user.name.clone()).unwrap_or_default();
        let body = Serializer::new(String::new())
            .append_pair("token", &state.app.verification_token)
            .append_pair("team_id", &state.team.id)
            .append_pair("team_domain", &state.team.domain)
            .append_pair("channel_id", &channel.id)
            .append_pair("channel_name", channel_name)
            .append_pair("user_id", &self.id)
            .append_pair("user_name", &user_name)
            .append_pair("command", name)
            .append_pair("text", &text)
            .append_pair("api_app_id", &state.app.id)
            .append_pair("is_enterprise_install", "false")
            .append_pair("response_url", &response_url)
            .append_pair("trigger_id", &trigger)
            .finish();
        Parcel { about: About::Command { channel: channel.id }, by: self.id.clone(), body, confirmation: None }
    }

    fn submission(&self, values: &[(&str, &str)]) -> Parcel {
        let now = self.workspace.now();
        let mut state = self.workspace.state();
        let view = state.top_modal(&self.id).unwrap_or_else(|| panic!("{} has no modal open", self.id)).clone();
        let filled = filling::filled(&state, &view, values);
        let trigger = state.issue_trigger(&self.id, Some(view.id.clone()), now);
        let shown = view.to_json(&state.app, &state.team.id, &filled);
        let own = json!({ "trigger_id": trigger, "view": shown, "response_urls": [] });
        let payload = click::envelope(&state, &self.id, "view_submission", own);
        self.interaction(About::Submission { view: view.id }, &payload, None)
    }

    fn dismissal(&self) -> Option<Parcel> {
        let mut state = self.workspace.state();
        let view = state.top_modal(&self.id).unwrap_or_else(|| panic!("{} has no modal open", self.id)).clone();
        state.modals.retain(|modal| modal.id != view.id);
        let shown = view.to_json(&state.app, &state.team.id, &json!({}));
        let payload = click::envelope(&state, &self.id, "view_closed", json!({ "view": shown, "is_cleared": false }));
        let is_wanted = view.content.get("notify_on_close") == Some(&json!(true));
        is_wanted.then(|| self.interaction(About::Interaction, &payload, None))
    }

    fn home_opened(&self, channel: &str) -> Parcel {
        let now = self.workspace.now();
        let mut state = self.workspace.state();
        let (event_ts, event_id) = (state.ids.ts(now), state.ids.next("Ev"));
        let (app, team) = (&state.app, &state.team.id);
        let mut event = json!({
            "type": "app_home_opened", "user": self.id, "channel": channel, "tab": "home", "event_ts": event_ts,
        });
        if let Some(home) = state.homes.get(&self.id) {
            event["view"] = home.to_json(app, team, &json!({}));
        }
        let body = json!({
            "token": app.verification_token, "team_id": team, "api_app_id": app.id, "event": event,
            "type": "event_callback", "event_id": event_id, "event_time": now.as_second(),
            "authorizations": [{
                "enterprise_id": null, "team_id": team, "user_id": app.user_id, "is_bot": true,
                "is_enterprise_install": false,
            }],
            "is_ext_shared_channel": false,
        });
        Parcel { about: About::Event, by: self.id.clone(), body: body.to_string(), confirmation: None }
    }
}
