//! Writing messages: the checks that every message passes, whichever way it comes, and how it is kept.
//!
//! The Web API, response URLs and the bot's immediate answers all end here, so none of them is a way round a limit.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Ephemeral, Message, Pings, Version, api::Refusal, check, state::State};

/// The longest `text` of a new message, and of an edit.
pub(super) const LONGEST_POST: usize = 40_000;
pub(super) const LONGEST_EDIT: usize = 4_000;
/// Slack refuses a message whose blocks hold too much text together, somewhere between 9 597 (seen accepted) and 11 341
/// (seen refused) characters: bolt-js issue 2867. The model draws the line at the safe end.
const LONGEST_BLOCKS: usize = 9_600;
/// The largest metadata.
const LARGEST_METADATA: usize = 8_000;

/// What a message is to say, checked.
#[derive(Debug, Clone)]
pub(super) struct Content {
    text: String,
    blocks: Vec<Value>,
    /// `None` keeps what the message had.
    metadata: Option<Value>,
}

impl Content {
    /// Checks `text` and `blocks` as Slack would, and that blocks come with a text for screen readers.
    pub(super) fn checked(text: Option<&str>, blocks: Option<&Value>, longest: usize) -> Result<Self, Refusal> {
        let text = text.unwrap_or_default();
        let blocks = match blocks {
            None => Vec::new(),
            Some(Value::Array(blocks)) => blocks.clone(),
            Some(_) => return Err(Refusal::new("invalid_blocks_format")),
        };
        if text.trim().is_empty() {
            let error = if blocks.is_empty() { "no_text" } else { "missing_text_for_accessibility" };
            return Err(Refusal::new(error));
        }
        if text.chars().count() > longest {
            return Err(Refusal::new("msg_too_long"));
        }
        let problems = check::message_blocks(&blocks);
        if !problems.is_empty() {
            return Err(Refusal::because("invalid_blocks", problems));
        }
        if check::text_length(&json!(blocks)) > LONGEST_BLOCKS {
            return Err(Refusal::new("msg_blocks_too_long"));
        }
        Ok(Self { text: text.to_owned(), blocks, metadata: None })
    }

    /// Adds the app's own data; Slack wants a type and an object, and takes `{}` for "none any more".
    pub(super) fn with_metadata(self, metadata: Option<&Value>) -> Result<Self, Refusal> {
        let Some(metadata) = metadata else { return Ok(self) };
        let Some(object) = metadata.as_object() else { return Err(Refusal::new("metadata_must_be_object")) };
        let is_whole = object.get("event_type").is_some_and(Value::is_string)
            && object.get("event_payload").is_some_and(Value::is_object)
            && object.len() == 2;
        if !object.is_empty() && !is_whole {
            return Err(Refusal::new("invalid_metadata_format"));
        }
        if metadata.to_string().len() > LARGEST_METADATA {
            return Err(Refusal::new("metadata_too_large"));
        }
        Ok(Self { metadata: Some(metadata.clone()), ..self })
    }

    /// Keeps the blocks that the message has, as an edit that does not mention them does.
    pub(super) fn keeping_blocks(self, blocks: Vec<Value>) -> Self {
        Self { blocks, ..self }
    }

    fn into_version(self, kept: Option<Value>, now: Timestamp) -> Version {
        let metadata = self.metadata.or(kept).filter(|metadata| *metadata != json!({}));
        let pings = Pings::of(&self.text, &self.blocks);
        Version { text: self.text, blocks: self.blocks, metadata, pings, at: now }
    }
}

impl State {
    /// Posts into a channel and gives the timestamp.
    pub(super) fn post(
        &mut self,
        (channel, author): (&str, &str),
        content: Content,
        thread: Option<(&str, bool)>,
        now: Timestamp,
    ) -> String {
        let ts = self.ids.ts(now);
        let content = self.with_ids(content);
        self.messages.push(Message {
            channel: channel.to_owned(),
            ts: ts.clone(),
            thread_ts: thread.map(|(ts, _)| ts.to_owned()),
            is_broadcast: thread.is_some_and(|(_, is_broadcast)| is_broadcast),
            author: author.to_owned(),
            versions: vec![content.into_version(None, now)],
            versions_seen: 0,
            is_deleted: false,
            reactions: Vec::new(),
        });
        ts
    }

    /// Gives a message a new version; a message that is gone stays gone.
    pub(super) fn edit(&mut self, channel: &str, ts: &str, content: Content, now: Timestamp) {
        let content = self.with_ids(content);
        if let Some(message) = self.message_mut(channel, ts) {
            let kept = message.present().metadata.clone();
            message.versions.push(content.into_version(kept, now));
        }
    }

    /// Shows something to one person only and gives the timestamp.
    pub(super) fn whisper(&mut self, channel: &str, user: &str, content: Content, now: Timestamp) -> String {
        let ts = self.ids.ts(now);
        let Content { text, blocks, .. } = self.with_ids(content);
        let (channel, user) = (channel.to_owned(), user.to_owned());
        self.ephemerals.push(Ephemeral { channel, user, ts: ts.clone(), text, blocks, is_seen: false });
        ts
    }

    /// Puts something else in the place of an ephemeral.
    pub(super) fn rewhisper(&mut self, ts: &str, content: Content) {
        let content = self.with_ids(content);
        if let Some(ephemeral) = self.ephemerals.iter_mut().find(|ephemeral| ephemeral.ts == ts) {
            (ephemeral.text, ephemeral.blocks, ephemeral.is_seen) = (content.text, content.blocks, false);
        }
    }

    fn with_ids(&mut self, mut content: Content) -> Content {
        self.add_ids(&mut content.blocks);
        content
    }

    /// Gives blocks and interactive elements the ids that Slack gives those that come without.
    pub(super) fn add_ids(&mut self, blocks: &mut [Value]) {
        for block in blocks {
            for element in interactive_elements(block) {
                if element.get("action_id").is_none() {
                    element["action_id"] = json!(self.ids.next("act"));
                }
            }
            if block.get("block_id").is_none() {
                block["block_id"] = json!(self.ids.next("blk"));
            }
        }
    }
}

/// The elements of a block that can carry an action id.
fn interactive_elements(block: &mut Value) -> Vec<&mut Value> {
    let key = match block["type"].as_str() {
        Some("actions") => "elements",
        Some("section") => "accessory",
        Some("input") => "element",
        _ => return Vec::new(),
    };
    match block.get_mut(key) {
        Some(Value::Array(elements)) => elements.iter_mut().collect(),
        Some(element) if element["type"] != "image" => vec![element],
        _ => Vec::new(),
    }
}
