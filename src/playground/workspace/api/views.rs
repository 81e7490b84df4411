//! `views.*`: modals and home tabs.

use serde_json::{Map, Value, json};

use super::{Refusal, method::Invocation};
use crate::playground::workspace::{View, check, state::Trigger};

/// The most modals in a stack, and the largest view in bytes.
const STACK: usize = 3;
const LARGEST_VIEW: usize = 250_000;

pub(super) fn open(call: &mut Invocation<'_>) -> Result<Value, Refusal> {
    let content = checked(call, "modal")?;
    let trigger = exchange_trigger(call)?;
    call.state.modals.retain(|modal| modal.user != trigger.user);
    let id = call.state.push_modal(&trigger.user, content);
    answer(call, &id)
}

pub(super) fn push(call: &mut Invocation<'_>) -> Result<Value, Refusal> {
    let content = checked(call, "modal")?;
    let trigger = exchange_trigger(call)?;
    if trigger.view.is_none() {
        return Err(Refusal::new("not_found"));
    }
    if call.state.modals.iter().filter(|modal| modal.user == trigger.user).count() >= STACK {
        return Err(Refusal::new("push_limit_reached"));
    }
    let id = call.state.push_modal(&trigger.user, content);
    answer(call, &id)
}

pub(super) fn update(call: &mut Invocation<'_>) -> Result<Value, Refusal> {
    let content = checked(call, "modal")?;
    let (id, external) = (call.args.text("view_id"), call.args.text("external_id"));
    let view = call.state.modals.iter().find(|view| {
        id == Some(&view.id)
            || external.is_some_and(|external| view.content.get("external_id") == Some(&json!(external)))
    });
    let view = view.ok_or_else(|| Refusal::new("not_found"))?;
    same_hash(call, view)?;
    let id = view.id.clone();
    call.state.replace_modal(&id, content);
    answer(call, &id)
}

pub(super) fn publish(call: &mut Invocation<'_>) -> Result<Value, Refusal> {
    let content = checked(call, "home")?;
    let user = call.args.required("user_id");
    if !call.state.users.contains_key(user) {
        return Err(Refusal::new("user_not_found"));
    }
    if let Some(home) = call.state.homes.get(user) {
        same_hash(call, home)?;
    }
    let id = call.state.publish_home(user, content);
    answer(call, &id)
}

fn checked(call: &Invocation<'_>, kind: &str) -> Result<Map<String, Value>, Refusal> {
    let Some(Value::Object(view)) = call.args.value("view") else {
        return Err(Refusal::because(
            "invalid_arguments",
            vec!["[ERROR] must be an object [json-pointer:/view]".to_owned()],
        ));
    };
    let json = Value::Object(view.clone());
    if json.to_string().len() > LARGEST_VIEW {
        return Err(Refusal::new("view_too_large"));
    }
    let mut problems = check::view(&json);
    if view.get("type").is_some_and(|found| found != kind) {
        problems.push(format!("[ERROR] must be a view of type `{kind}` [json-pointer:/view/type]"));
    }
    if problems.is_empty() { Ok(view.clone()) } else { Err(Refusal::because("invalid_arguments", problems)) }
}

/// Uses up the trigger of the call.
fn exchange_trigger(call: &mut Invocation<'_>) -> Result<Trigger, Refusal> {
    let trigger = call.state.triggers.get_mut(call.args.required("trigger_id"));
    let trigger = trigger.ok_or_else(|| Refusal::new("invalid_trigger_id"))?;
    if trigger.is_used {
        return Err(Refusal::new("exchanged_trigger_id"));
    }
    if call.now > trigger.expires_at {
        return Err(Refusal::new("expired_trigger_id"));
    }
    trigger.is_used = true;
    Ok(trigger.clone())
}

fn same_hash(call: &Invocation<'_>, view: &View) -> Result<(), Refusal> {
    let is_same = call.args.text("hash").is_none_or(|hash| hash == view.hash);
    if is_same { Ok(()) } else { Err(Refusal::new("hash_conflict")) }
}

fn answer(call: &Invocation<'_>, id: &str) -> Result<Value, Refusal> {
    let view = call.state.view(id).ok_or_else(|| Refusal::new("not_found"))?;
    Ok(json!({ "view": view.to_json(&call.state.app, &call.state.team.id, &json!({})) }))
}
