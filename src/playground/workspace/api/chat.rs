//! `chat.*` and `reactions.*`: what is said in channels.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{Refusal, method::Invocation};
use crate::playground::workspace::{
    ChannelKind, Message,
    post::{Content, LONGEST_EDIT, LONGEST_POST},
};

pub(super) fn post_message(call: &mut Invocation<'_>) -> Result<Value, Refusal> {
    let channel = destination(call)?;
    pace(call, &channel)?;
    let content = Content::checked(call.args.text("text"), call.args.value("blocks"), LONGEST_POST)?;
    let content = content.with_metadata(call.args.value("metadata"))?;
    let thread = call.args.text("thread_ts");
    if thread.is_some_and(|ts| call.state.message(&channel, ts).is_none()) {
        return Err(Refusal::new("thread_not_found"));
    }
    let thread = thread.map(|ts| (ts, call.args.flag("reply_broadcast")));
    let author = call.state.app.user_id.clone();
    let ts = call.state.post((&channel, &author), content, thread, call.now);
    Ok(json!({ "channel": channel, "ts": ts, "message": shown(call, &channel, &ts) }))
}

pub(super) fn update(call: &mut Invocation<'_>) -> Result<Value, Refusal> {
    let (channel, message) = own_message(call, "cant_update_message")?;
    let (ts, blocks) = (message.ts.clone(), message.present().blocks.clone());
    if call.state.channels.get(&channel).is_some_and(|channel| channel.is_archived) {
        return Err(Refusal::new("is_inactive"));
    }
    let content = Content::checked(call.args.text("text"), call.args.value("blocks"), LONGEST_EDIT)?;
    let content = content.with_metadata(call.args.value("metadata"))?;
    let content = if call.args.value("blocks").is_none() { content.keeping_blocks(blocks) } else { content };
    call.state.edit(&channel, &ts, content, call.now);
    let message = shown(call, &channel, &ts);
    Ok(json!({ "channel": channel, "ts": ts, "text": message["text"], "message": message }))
}

pub(super) fn delete(call: &mut Invocation<'_>) -> Result<Value, Refusal> {
    let (channel, message) = own_message(call, "cant_delete_message")?;
    let ts = message.ts.clone();
    if let Some(message) = call.state.message_mut(&channel, &ts) {
        message.is_deleted = true;
    }
    Ok(json!({ "channel": channel, "ts": ts }))
}

pub(super) fn post_ephemeral(call: &mut Invocation<'_>) -> Result<Value, Refusal> {
    let user = call.args.required("user");
    let channel = destination(call)?;
    if !call.state.channels[&channel].has_bot {
        return Err(Refusal::new("not_in_channel"));
    }
    if !call.state.users.contains_key(user) {
        return Err(Refusal::new("user_not_found"));
    }
    if !call.state.is_member(&channel, user) {
        return Err(Refusal::new("user_not_in_channel"));
    }
    let content = Content::checked(call.args.text("text"), call.args.value("blocks"), LONGEST_POST)?;
    let ts = call.state.whisper(&channel, user, content, call.now);
    Ok(json!({ "message_ts": ts }))
}

pub(super) fn permalink(call: &mut Invocation<'_>) -> Result<Value, Refusal> {
    let (channel, ts) = (call.visible_channel("channel")?, call.args.required("message_ts"));
    if call.state.message(&channel, ts).is_none() {
        return Err(Refusal::new("message_not_found"));
    }
    let domain = &call.state.team.domain;
    let permalink = format!("https://{domain}.slack.com/archives/{channel}/p{}", ts.replace('.', ""));
    Ok(json!({ "channel": channel, "permalink": permalink }))
}

pub(super) fn react(call: &mut Invocation<'_>) -> Result<Value, Refusal> {
    let (channel, ts) = (call.visible_channel("channel")?, call.args.required("timestamp"));
    let reaction = (call.args.required("name").to_owned(), call.state.app.user_id.clone());
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-+'".contains(c);
    if reaction.0.is_empty() || !reaction.0.chars().all(is_name) {
        return Err(Refusal::new("invalid_name"));
    }
    let message = call.state.message_mut(&channel, ts).ok_or_else(|| Refusal::new("message_not_found"))?;
    if message.reactions.contains(&reaction) {
        return Err(Refusal::new("already_reacted"));
    }
    message.reactions.push(reaction);
    Ok(json!({}))
}

/// The channel to post into; a user's id opens the direct messages with them.
fn destination(call: &mut Invocation<'_>) -> Result<String, Refusal> {
    let name = call.args.required("channel");
    if name.starts_with(['U', 'W']) {
        let user = call.state.users.get(name).filter(|user| !user.is_deleted).cloned();
        let user = user.ok_or_else(|| Refusal::new("channel_not_found"))?;
        return if user.is_bot { Err(Refusal::new("cannot_dm_bot")) } else { Ok(call.state.open_direct(&user)) };
    }
    let channel =
        call.state.channel_named(name).filter(|channel| channel.has_bot || channel.kind == ChannelKind::Public);
    let channel = channel.ok_or_else(|| Refusal::new("channel_not_found"))?;
    if channel.is_archived {
        return Err(Refusal::new("is_archived"));
    }
    if !channel.has_bot && !call.state.app.scopes.contains("chat:write.public") {
        return Err(Refusal::new("not_in_channel"));
    }
    Ok(channel.id.clone())
}

/// Refuses a post that comes too soon, where the workspace was told to.
fn pace(call: &Invocation<'_>, channel: &str) -> Result<(), Refusal> {
    let Some(limit) = call.state.posts_per_second else { return Ok(()) };
    let since = call.now - SignedDuration::from_secs(1);
    let recent = call.state.messages.iter().filter(|message| {
        message.channel == channel && message.author == call.state.app.user_id && message.versions[0].at > since
    });
    if recent.count() < limit { Ok(()) } else { Err(Refusal::throttled(1)) }
}

/// The message that the call is about, if it is the bot's own.
fn own_message<'c>(call: &'c Invocation<'_>, otherwise: &str) -> Result<(String, &'c Message), Refusal> {
    let channel = call.visible_channel("channel")?;
    let message = call.state.message(&channel, call.args.required("ts"));
    let message = message.ok_or_else(|| Refusal::new("message_not_found"))?;
    if message.author == call.state.app.user_id { Ok((channel, message)) } else { Err(Refusal::new(otherwise)) }
}

fn shown(call: &Invocation<'_>, channel: &str, ts: &str) -> Value {
    let message = call.state.message(channel, ts);
    message.map_or(Value::Null, |message| message.to_json(&call.state.app, &call.state.team.id, true))
}
