//! Response URLs: the answer to one interaction, five times within thirty minutes.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Refusal;
use crate::playground::workspace::{
    post::{Content, LONGEST_POST},
    state::{ResponseUrl, State},
};

/// What may be said to a response URL.
const KNOWN: [&str; 7] =
    ["text", "blocks", "response_type", "replace_original", "delete_original", "thread_ts", "metadata"];

pub(super) fn run(state: &mut State, id: &str, body: &Value, now: Timestamp) -> Result<Value, Refusal> {
    let url = state.response_urls.get_mut(id).ok_or_else(|| Refusal::new("no_such_url"))?;
    if now > url.expires_at {
        return Err(Refusal::new("expired_url"));
    }
    url.uses_left = url.uses_left.checked_sub(1).ok_or_else(|| Refusal::new("used_url"))?;
    let url = url.clone();
    if body.as_object().is_none_or(|object| object.keys().any(|key| !KNOWN.contains(&key.as_str()))) {
        return Err(Refusal::new("invalid_payload"));
    }
    let origin = url.origin.as_deref();
    if let (true, Some(origin)) = (body["delete_original"] == true, origin) {
        remove(state, &url.channel, origin);
        return Ok(json!({}));
    }
    let content = Content::checked(body["text"].as_str(), body.get("blocks"), LONGEST_POST)?;
    match origin.filter(|_| body["replace_original"] == true) {
        Some(origin) if state.message(&url.channel, origin).is_some() => state.edit(&url.channel, origin, content, now),
        Some(origin) => state.rewhisper(origin, content),
        None => say(state, &url, body, content, now),
    }
    Ok(json!({}))
}

fn say(state: &mut State, url: &ResponseUrl, body: &Value, content: Content, now: Timestamp) {
    if body["response_type"] == "in_channel" {
        let author = state.app.user_id.clone();
        let thread = body["thread_ts"].as_str().map(|ts| (ts, false));
        state.post((&url.channel, &author), content, thread, now);
    } else {
        state.whisper(&url.channel, &url.user, content, now);
    }
}

fn remove(state: &mut State, channel: &str, ts: &str) {
    state.ephemerals.retain(|ephemeral| ephemeral.ts != ts);
    if let Some(message) = state.message_mut(channel, ts) {
        message.is_deleted = true;
    }
}
