//! `conversations.*`: the channels and what was said in them.

use serde_json::{Value, json};

use super::{Refusal, method::Invocation};
use crate::playground::workspace::{Channel, ChannelKind, Message, ids::micros};

/// How many messages or channels a page holds when the call does not say.
const PAGE: usize = 100;

pub(super) fn open(call: &mut Invocation<'_>) -> Result<Value, Refusal> {
    let users = call.args.list("users");
    let id = match (call.args.text("channel"), users.as_slice()) {
        (Some(id), _) => {
            let channel = call.state.channels.get(id).filter(|channel| channel.is_direct());
            channel.ok_or_else(|| Refusal::new("channel_not_found"))?.id.clone()
        }
        (None, []) => return Err(Refusal::new("users_list_not_supplied")),
        (None, [user]) => {
            let user = call.state.users.get(user).cloned().ok_or_else(|| Refusal::new("user_not_found"))?;
            match (user.is_deleted, user.is_bot) {
                (true, _) => return Err(Refusal::new("user_disabled")),
                (_, true) => return Err(Refusal::new("cannot_dm_bot")),
                (false, false) => call.state.open_direct(&user),
            }
        }
        (None, _) => {
            return Err(Refusal::because(
                "invalid_arguments",
                vec!["[ERROR] the workspace model has no group messages".to_owned()],
            ));
        }
    };
    let channel = &call.state.channels[&id];
    let short = json!({ "id": id });
    Ok(json!({ "channel": if call.args.flag("return_im") { described(call, channel) } else { short } }))
}

pub(super) fn info(call: &mut Invocation<'_>) -> Result<Value, Refusal> {
    let id = call.visible_channel("channel")?;
    let channel = &call.state.channels[&id];
    call.needs_scope(&format!("{}:read", scope_family(channel)))?;
    Ok(json!({ "channel": described(call, channel) }))
}

pub(super) fn list(call: &mut Invocation<'_>) -> Result<Value, Refusal> {
    let types = match call.args.list("types") {
        types if types.is_empty() => vec!["public_channel".to_owned()],
        types => types,
    };
    for (kind, scope) in [("public_channel", "channels:read"), ("private_channel", "groups:read"), ("im", "im:read")] {
        if types.iter().any(|wanted| wanted == kind) {
            call.needs_scope(scope)?;
        }
    }
    let channels = call.state.channels.values().filter(|channel| {
        let kind = match channel.kind {
            ChannelKind::Public => "public_channel",
            ChannelKind::Private => "private_channel",
            ChannelKind::Direct { .. } => "im",
        };
        let is_visible = channel.has_bot || channel.kind == ChannelKind::Public;
        let is_wanted = types.iter().any(|wanted| wanted == kind);
        is_visible && is_wanted && !(channel.is_archived && call.args.flag("exclude_archived"))
    });
    let start = call.args.number("cursor").unwrap_or(0);
    let limit = call.args.number("limit").unwrap_or(PAGE).max(1);
    let mut channels = channels.skip(start);
    let page: Vec<Value> = channels.by_ref().take(limit).map(|channel| described(call, channel)).collect();
    let next = channels.next().map_or_else(String::new, |_| (start + limit).to_string());
    Ok(json!({ "channels": page, "response_metadata": { "next_cursor": next } }))
}

/// Newest first; replies in threads only where they were broadcast.
pub(super) fn history(call: &mut Invocation<'_>) -> Result<Value, Refusal> {
    let id = call.visible_channel("channel")?;
    let channel = &call.state.channels[&id];
    call.needs_scope(&format!("{}:history", scope_family(channel)))?;
    if !channel.has_bot {
        return Err(Refusal::new("not_in_channel"));
    }
    let between = Between::of(call)?;
    let mut found = call.state.messages.iter().rev().filter(|message| {
        let shows = message.thread_ts.is_none() || message.is_broadcast;
        message.channel == id && !message.is_deleted && shows && between.has(message)
    });
    let limit = call.args.number("limit").unwrap_or(PAGE).clamp(1, 999);
    let with_metadata = call.args.flag("include_all_metadata");
    let page: Vec<&Message> = found.by_ref().take(limit).collect();
    let has_more = found.next().is_some();
    // The cursor is where this page ended: the next one begins before it.
    let next = page.last().filter(|_| has_more).map_or_else(String::new, |message| message.ts.clone());
    let (app, team) = (&call.state.app, &call.state.team.id);
    let messages: Vec<Value> = page.iter().map(|message| message.to_json(app, team, with_metadata)).collect();
    Ok(json!({
        "messages": messages, "has_more": has_more, "pin_count": 0, "response_metadata": { "next_cursor": next },
    }))
}

/// The stretch of time that a history is asked for.
struct Between {
    oldest: Option<i64>,
    latest: Option<i64>,
    cursor: Option<i64>,
    is_inclusive: bool,
}

impl Between {
    fn of(call: &Invocation<'_>) -> Result<Self, Refusal> {
        let read = |name, error| match call.args.text(name) {
            None | Some("") => Ok(None),
            Some(ts) => micros(ts).map(Some).ok_or_else(|| Refusal::new(error)),
        };
        Ok(Self {
            oldest: read("oldest", "invalid_ts_oldest")?,
            latest: read("latest", "invalid_ts_latest")?,
            cursor: read("cursor", "invalid_cursor")?,
            is_inclusive: call.args.flag("inclusive"),
        })
    }

    fn has(&self, message: &Message) -> bool {
        let Some(at) = micros(&message.ts) else { return false };
        let on_edge = |edge: i64| self.is_inclusive && at == edge;
        self.oldest.is_none_or(|oldest| at > oldest || on_edge(oldest))
            && self.latest.is_none_or(|latest| at < latest || on_edge(latest))
            && self.cursor.is_none_or(|cursor| at < cursor)
    }
}

impl Invocation<'_> {
    /// The id of the channel named by an argument, if the bot can see it.
    pub(super) fn visible_channel(&self, argument: &str) -> Result<String, Refusal> {
        let channel = self.state.channels.get(self.args.required(argument));
        let channel = channel.filter(|channel| channel.has_bot || channel.kind == ChannelKind::Public);
        channel.map(|channel| channel.id.clone()).ok_or_else(|| Refusal::new("channel_not_found"))
    }
}

fn scope_family(channel: &Channel) -> &'static str {
    match channel.kind {
        ChannelKind::Public => "channels",
        ChannelKind::Private => "groups",
        ChannelKind::Direct { .. } => "im",
    }
}

fn described(call: &Invocation<'_>, channel: &Channel) -> Value {
    let members = call.state.users.values().filter(|user| channel.has(user)).count() + usize::from(channel.has_bot);
    let mut json = json!({
        "id": channel.id, "created": 1_700_000_000, "is_archived": channel.is_archived, "is_member": channel.has_bot,
        "is_channel": channel.kind == ChannelKind::Public, "is_group": false, "is_im": channel.is_direct(),
        "is_mpim": false, "is_private": channel.kind != ChannelKind::Public, "is_general": false, "is_shared": false,
        "num_members": members,
    });
    if let ChannelKind::Direct { user } = &channel.kind {
        json["user"] = json!(user);
    } else {
        json["name"] = json!(channel.name);
        json["name_normalized"] = json!(channel.name);
    }
    json
}
