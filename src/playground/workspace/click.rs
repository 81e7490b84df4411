//! Finds the button somebody presses and writes the payload that Slack makes of it.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Ephemeral, Message, Spot, View, render, state::State};

/// A button where somebody sees it.
#[derive(Debug)]
pub(super) struct Button {
    element: Value,
    block_id: Value,
    place: Place,
}

#[derive(Debug)]
enum Place {
    /// On a message, in the version that the person sees.
    Message {
        message: Box<Message>,
        version: usize,
    },
    Ephemeral(Box<Ephemeral>),
    View(Box<View>),
}

impl Button {
    /// The page it opens in the browser, if it opens one.
    pub(super) fn url(&self) -> Option<String> {
        self.element["url"].as_str().map(str::to_owned)
    }

    /// What the confirmation dialog says, if there is one.
    pub(super) fn confirmation(&self, state: &State) -> Option<String> {
        let confirm = self.element.get("confirm")?;
        let [title, text, yes] = ["title", "text", "confirm"].map(|key| render::text_shown(state, &confirm[key]));
        Some(format!("{title}: {text} [{yes}]"))
    }
}

/// The button on the newest message or ephemeral that `user` sees.
///
/// # Panics
/// When there is none.
pub(super) fn on_screen(state: &State, user: &str, wanted: &str) -> Button {
    let messages =
        state.messages.iter().filter(|message| !message.is_deleted && state.is_member(&message.channel, user));
    let on_messages = messages.filter_map(|message| {
        let version = message.versions.len() - 1;
        let place = || Place::Message { message: Box::new(message.clone()), version };
        Some((&message.ts, found(&message.present().blocks, wanted, place)?))
    });
    let ephemerals = state.ephemerals.iter().filter(|ephemeral| ephemeral.user == user);
    let on_ephemerals = ephemerals.filter_map(|ephemeral| {
        let place = || Place::Ephemeral(Box::new(ephemeral.clone()));
        Some((&ephemeral.ts, found(&ephemeral.blocks, wanted, place)?))
    });
    let newest = on_messages.chain(on_ephemerals).max_by(|(one, _), (other, _)| one.cmp(other));
    newest.map_or_else(
        || panic!("{user} sees no button `{wanted}`, only {:?}", labels(state, user)),
        |(_, button)| button,
    )
}

/// The button with these ids in this place, if `user` sees it there. On a message also one that it had before its last
/// edits: whoever points at it may not have got them yet.
pub(super) fn at(state: &State, user: &str, spot: &Spot, ids: (&str, &str)) -> Option<Button> {
    match spot {
        Spot::Message { channel, ts } => {
            let message = state.message(channel, ts).filter(|_| state.is_member(channel, user))?;
            let place = |version| Place::Message { message: Box::new(message.clone()), version };
            let mut newest_first = message.versions.iter().enumerate().rev();
            newest_first.find_map(|(number, version)| named(&version.blocks, ids, || place(number)))
        }
        Spot::Ephemeral { ts } => {
            let ephemeral = state.ephemerals.iter().find(|it| it.user == user && it.ts == *ts)?;
            named(&ephemeral.blocks, ids, || Place::Ephemeral(Box::new(ephemeral.clone())))
        }
        Spot::View { id } => {
            let view = state.view(id).filter(|view| view.user == user)?;
            named(view.blocks(), ids, || Place::View(Box::new(view.clone())))
        }
    }
}

fn named(blocks: &[Value], (block, action): (&str, &str), place: impl FnOnce() -> Place) -> Option<Button> {
    let block = blocks.iter().find(|it| it["block_id"] == block)?;
    let element = elements(block).find(|it| it["type"] == "button" && it["action_id"] == action)?;
    Some(Button { element: element.clone(), block_id: block["block_id"].clone(), place: place() })
}

/// The button on a message, in its present or an earlier version.
///
/// # Panics
/// When there is none.
pub(super) fn on_message(state: &State, message: &Message, version: Option<usize>, wanted: &str) -> Button {
    let message = state.messages.iter().find(|known| known.channel == message.channel && known.ts == message.ts);
    let message = message.expect("the message is in the workspace");
    let version = version.unwrap_or(message.versions.len() - 1);
    let blocks = &message.versions[version].blocks;
    let button = found(blocks, wanted, || Place::Message { message: Box::new(message.clone()), version });
    button.unwrap_or_else(|| panic!("no button `{wanted}` on:\n{}", render::drawn(state, blocks)))
}

/// The button in a view.
///
/// # Panics
/// When there is none.
pub(super) fn on_view(view: Option<&View>, wanted: &str) -> Button {
    let view = view.expect("there is a view to press a button in");
    let button = found(view.blocks(), wanted, || Place::View(Box::new(view.clone())));
    button.unwrap_or_else(|| panic!("no button `{wanted}` in the view {}", view.id))
}

/// The payload of a click.
pub(super) fn payload(state: &mut State, user: &str, button: &Button, now: Timestamp) -> Value {
    let mut action = json!({
        "type": "button", "action_id": button.element["action_id"], "block_id": button.block_id,
        "text": button.element["text"], "action_ts": state.ids.ts(now),
    });
    for key in ["value", "style", "url", "confirm"] {
        if let Some(value) = button.element.get(key) {
            action[key] = value.clone();
        }
    }
    let view = if let Place::View(view) = &button.place { Some(view.id.clone()) } else { None };
    let trigger = state.issue_trigger(user, view, now);
    let mut own = json!({ "trigger_id": trigger, "state": { "values": {} }, "actions": [action] });
    match &button.place {
        Place::Message { message, version } => {
            let Message { channel, ts, versions, .. } = &**message;
            add_place(state, &mut own, user, (channel, ts), false, now);
            let (app, team) = (&state.app, &state.team.id);
            own["message"] = message.version_to_json(&versions[*version], app, team, true);
        }
        // Slack does not say again what an ephemeral message said.
        Place::Ephemeral(ephemeral) => {
            add_place(state, &mut own, user, (&ephemeral.channel, &ephemeral.ts), true, now);
        }
        Place::View(view) => {
            own["container"] = json!({ "type": "view", "view_id": view.id });
            own["view"] = view.to_json(&state.app, &state.team.id, &json!({}));
        }
    }
    envelope(state, user, "block_actions", own)
}

/// What all interaction payloads have in common, around what one has of its own.
pub(super) fn envelope(state: &State, user: &str, kind: &str, own: Value) -> Value {
    let mut payload = json!({
        "type": kind, "user": state.user_json(user), "api_app_id": state.app.id, "token": state.app.verification_token,
        "team": { "id": state.team.id, "domain": state.team.domain }, "enterprise": null,
        "is_enterprise_install": false,
    });
    if let (Value::Object(payload), Value::Object(own)) = (&mut payload, own) {
        payload.extend(own);
    }
    payload
}

fn add_place(
    state: &mut State,
    own: &mut Value,
    user: &str,
    (channel, ts): (&str, &str),
    is_ephemeral: bool,
    now: Timestamp,
) {
    let name = state.channels.get(channel).map(|channel| channel.name.clone());
    own["response_url"] = json!(state.issue_response_url(user, channel, Some(ts), now));
    own["channel"] = json!({ "id": channel, "name": name });
    own["container"] =
        json!({ "type": "message", "message_ts": ts, "channel_id": channel, "is_ephemeral": is_ephemeral });
}

/// The labels of all buttons that `user` sees on messages.
pub(super) fn labels(state: &State, user: &str) -> Vec<String> {
    let messages =
        state.messages.iter().filter(|message| !message.is_deleted && state.is_member(&message.channel, user));
    let blocks = messages.flat_map(|message| &message.present().blocks);
    let ephemerals = state.ephemerals.iter().filter(|ephemeral| ephemeral.user == user);
    let elements = blocks.chain(ephemerals.flat_map(|ephemeral| &ephemeral.blocks)).flat_map(elements);
    let buttons = elements.filter(|element| element["type"] == "button");
    buttons.map(|button| render::text_shown(state, &button["text"])).collect()
}

fn elements(block: &Value) -> impl Iterator<Item = &Value> {
    block["elements"].as_array().into_iter().flatten().chain(block.get("accessory"))
}

/// The first button with this label, action id or value.
fn found(blocks: &[Value], wanted: &str, place: impl FnOnce() -> Place) -> Option<Button> {
    let mut pressable = blocks.iter().flat_map(|block| elements(block).map(move |element| (block, element)));
    let is_wanted = |element: &Value| {
        element["type"] == "button"
            && [&element["text"]["text"], &element["action_id"], &element["value"]]
                .into_iter()
                .any(|name| name == wanted)
    };
    let (block, element) = pressable.find(|(_, element)| is_wanted(element))?;
    Some(Button { element: element.clone(), block_id: block["block_id"].clone(), place: place() })
}
