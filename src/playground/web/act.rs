//! What people do: each reaches the bot as the signed request that Slack would make of it.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{Form, State},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    seat::{Asked, Seat},
    stage::{Shared, Stage},
    view::block::choices,
};
use crate::playground::workspace::{Delivery, Person, Spot};

/// What comes of it for the page, besides what changes in the workspace: something to say, errors beside the fields of a
/// modal, a page to open.
type Outcome = Json<Value>;

/// A message or a command.
#[derive(Debug, Deserialize)]
pub(super) struct Said {
    text: String,
    #[serde(flatten)]
    asked: Asked,
}

/// Says something, where somebody sits.
pub(super) async fn say(State(stage): State<Shared>, Form(said): Form<Said>) -> Outcome {
    let seat = Seat::find(&stage, &said.asked);
    let person = seat.person(&stage);
    let text = said.text.trim();
    let Some(channel) = seat.channel() else { return toast("Nothing can be written on the home tab.") };
    if text.is_empty() {
        return Json(json!({}));
    }
    if !text.starts_with('/') {
        let is_written = person.writes(channel, seat.thread.as_deref(), text);
        return if is_written { Json(json!({})) } else { toast("You are not in this channel.") };
    }
    let command = text.split_whitespace().next().unwrap_or_default();
    if command != "/jit" {
        return toast(&format!("{command} is not a valid command. The bot here listens to /jit."));
    }
    if seat.thread.is_some() {
        return toast("/jit is not supported in threads. Sorry!");
    }
    told(&person.types_in(channel, text).await)
}

/// A button.
#[derive(Debug, Deserialize)]
pub(super) struct Pressed {
    #[serde(rename = "as")]
    who: String,
    kind: String,
    place: String,
    #[serde(default)]
    channel: String,
    block: String,
    action: String,
}

/// Presses a button.
pub(super) async fn press(State(stage): State<Shared>, Form(pressed): Form<Pressed>) -> Outcome {
    let Some(person) = player(&stage, &pressed.who) else { return toast("There is nobody of that name.") };
    let spot = match pressed.kind.as_str() {
        "message" => Spot::Message { channel: pressed.channel, ts: pressed.place },
        "ephemeral" => Spot::Ephemeral { ts: pressed.place },
        _ => Spot::View { id: pressed.place },
    };
    match person.presses(&spot, &pressed.block, &pressed.action).await {
        Some(delivery) => told(&delivery),
        None => toast("This button is not there any more."),
    }
}

/// A modal that was filled in: the fields by the ids of their blocks.
pub(super) async fn submit(State(stage): State<Shared>, Form(fields): Form<Vec<(String, String)>>) -> Outcome {
    let one =
        |key: &str| fields.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone()).unwrap_or_default();
    let Some(person) = player(&stage, &one("as")) else { return toast("There is nobody of that name.") };
    let inputs = {
        let window = stage.workspace.window();
        let view = window.modal(person.id()).filter(|view| view.id == one("view"));
        let Some(view) = view else { return toast("This is not in front of you any more.") };
        view.blocks().iter().filter(|block| block["type"] == "input").cloned().collect::<Vec<Value>>()
    };
    let mut filled: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in &fields {
        let name = name.strip_prefix("field:").unwrap_or_default();
        if !name.is_empty() && !value.is_empty() {
            let all = filled.entry(name.to_owned()).or_default();
            *all = if all.is_empty() { value.clone() } else { format!("{all},{value}") };
        }
    }
    let errors: BTreeMap<&str, &str> = inputs.iter().filter_map(|input| objection(input, &filled)).collect();
    if !errors.is_empty() {
        return Json(json!({ "errors": errors }));
    }
    let known = |name: &String| inputs.iter().any(|input| input["block_id"] == **name);
    let values: Vec<(&str, &str)> =
        filled.iter().filter(|(name, _)| known(name)).map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let delivery = person.submits(&values).await;
    let errors = delivery.json().and_then(|answer| answer.get("errors").cloned());
    errors.map_or_else(|| told(&delivery), |errors| Json(json!({ "errors": errors })))
}

/// What Slack's own client finds wrong with a field, before anything is sent.
fn objection<'i>(input: &'i Value, filled: &BTreeMap<String, String>) -> Option<(&'i str, &'static str)> {
    let name = input["block_id"].as_str()?;
    let element = &input["element"];
    let Some(value) = filled.get(name) else {
        let is_optional = input["optional"] == true;
        return (!is_optional).then_some((name, "Please complete this required field."));
    };
    let offered = |value: &str| choices(element).any(|option| option["value"] == value);
    let is_choice = choices(element).next().is_some();
    let fits = !is_choice || value.split(',').all(offered);
    (!fits).then_some((name, "Choose one of what is offered."))
}

/// A view, or an ephemeral message, and whose it is.
#[derive(Debug, Deserialize)]
pub(super) struct Shut {
    #[serde(rename = "as")]
    who: String,
    place: String,
}

/// Closes a modal.
pub(super) async fn close(State(stage): State<Shared>, Form(shut): Form<Shut>) -> Outcome {
    let Some(person) = player(&stage, &shut.who) else { return toast("There is nobody of that name.") };
    let is_in_front = stage.workspace.window().modal(person.id()).is_some_and(|view| view.id == shut.place);
    if is_in_front && let Some(delivery) = person.closes_modal().await {
        return told(&delivery);
    }
    Json(json!({}))
}

/// Dismisses what one alone sees.
pub(super) async fn dismiss(State(stage): State<Shared>, Form(shut): Form<Shut>) -> Outcome {
    if let Some(person) = player(&stage, &shut.who) {
        person.dismisses(&shut.place);
    }
    Json(json!({}))
}

fn player(stage: &Stage, id: &str) -> Option<Person> {
    let is_known = stage.cast.people.iter().any(|persona| persona.id == id);
    is_known.then(|| stage.workspace.person(id))
}

/// What Slack's client would say of a delivery that went wrong.
fn told(delivery: &Delivery) -> Outcome {
    match delivery.problem.as_deref() {
        None => Json(json!({})),
        Some(problem) => toast(&format!("Slack says that this went nowhere: {problem}")),
    }
}

fn toast(text: &str) -> Outcome {
    Json(json!({ "toast": text }))
}
