//! What was said: messages with all their versions, and ephemerals.
//!
//! Each remembers whether it was looked at, because a test that leaves a message unread has not looked at all that the
//! bot did.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{App, Pings};

/// What a message says, from one edit to the next.
#[derive(Debug, Clone, PartialEq)]
pub struct Version {
    /// The text: the notification, and what is shown when there are no blocks.
    pub text: String,
    /// The blocks, with the ids that Slack adds.
    pub blocks: Vec<Value>,
    /// The app's own data on the message.
    pub metadata: Option<Value>,
    /// Whom it mentions.
    pub pings: Pings,
    /// When it was written.
    pub at: Timestamp,
}

/// A message in a channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// The channel's id.
    pub channel: String,
    /// The timestamp that identifies it in its channel.
    pub ts: String,
    /// The message it replies to.
    pub thread_ts: Option<String>,
    /// Whether a reply also shows in the channel.
    pub is_broadcast: bool,
    /// The author's user id.
    pub author: String,
    /// All versions, oldest first; never empty.
    pub versions: Vec<Version>,
    /// How many of the versions existed when somebody last looked.
    pub versions_seen: usize,
    /// Whether it was deleted.
    pub is_deleted: bool,
    /// Reactions: name and user id.
    pub reactions: Vec<(String, String)>,
}

impl Message {
    /// What it says now.
    ///
    /// # Panics
    /// Never: a message is made with its first version.
    #[must_use]
    pub fn present(&self) -> &Version {
        self.versions.last().expect("a message has at least one version")
    }

    /// The message as the Web API and interaction payloads show it, in its present version.
    pub(super) fn to_json(&self, app: &App, team: &str, with_metadata: bool) -> Value {
        self.version_to_json(self.present(), app, team, with_metadata)
    }

    /// The message as a client that missed the later edits still shows it.
    pub(super) fn version_to_json(&self, version: &Version, app: &App, team: &str, with_metadata: bool) -> Value {
        let mut json = json!({
            "type": "message", "ts": self.ts, "user": self.author, "team": team, "text": version.text,
        });
        if self.author == app.user_id {
            json["bot_id"] = json!(app.bot_id);
            json["app_id"] = json!(app.id);
        }
        if !version.blocks.is_empty() {
            json["blocks"] = json!(version.blocks);
        }
        if let Some(thread_ts) = &self.thread_ts {
            json["thread_ts"] = json!(thread_ts);
        }
        if self.versions.len() > 1 {
            json["edited"] = json!({ "user": self.author, "ts": format!("{}.000000", version.at.as_second()) });
        }
        if let (true, Some(metadata)) = (with_metadata, &version.metadata) {
            json["metadata"] = metadata.clone();
        }
        if !self.reactions.is_empty() {
            let reactions =
                self.reactions.iter().map(|(name, user)| json!({"name": name, "count": 1, "users": [user]}));
            json["reactions"] = reactions.collect();
        }
        json
    }
}

/// A message that one person sees until they reload.
#[derive(Debug, Clone, PartialEq)]
pub struct Ephemeral {
    /// The channel's id.
    pub channel: String,
    /// The id of the user who sees it.
    pub user: String,
    /// The timestamp that identifies it.
    pub ts: String,
    /// The text.
    pub text: String,
    /// The blocks, with the ids that Slack adds.
    pub blocks: Vec<Value>,
    /// Whether the person has looked at it as it is now.
    pub is_seen: bool,
}
