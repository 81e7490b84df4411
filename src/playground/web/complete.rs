//! Completions of what is being typed, and how the command is used: from the bot's own grammar and today's roles.

use axum::extract::{Query, State};
use maud::{Markup, html};
use serde::Deserialize;

use super::stage::{Shared, Stage};
use crate::{domain::principal::Principal, slack::grammar::USAGES, usecase::status};

/// What the command is called, as in manifest.yml.
const SLASH: &str = "/jit";
/// Durations that people ask for.
const DURATIONS: [&str; 4] = ["15m", "30m", "1h", "2h"];

/// What stands in the field, and whose field it is.
#[derive(Debug, Deserialize)]
pub(super) struct Typed {
    #[serde(rename = "as")]
    who: String,
    text: String,
}

/// Something that may be typed next.
struct Choice {
    /// The whole field, with it.
    text: String,
    /// What it is.
    about: String,
}

/// The options, and below them the usage of the command that has begun.
pub(super) async fn options(State(stage): State<Shared>, Query(typed): Query<Typed>) -> Markup {
    let choices = choices(&stage, &typed).await;
    html! {
        @for (place, choice) in choices.iter().enumerate() {
            li role="option" id={ "o-" (place) } aria-selected="false" data-text=(choice.text) {
                strong { (choice.text.trim_end()) } span { (choice.about) }
            }
        }
        @if let Some((usage, about)) = usage(&typed.text) { template data-usage { (SLASH) " " (usage) " — " (about) } }
    }
}

fn usage(text: &str) -> Option<(&'static str, &'static str)> {
    let verb = text.strip_prefix(SLASH)?.split_whitespace().next()?;
    USAGES.into_iter().find(|(usage, _)| usage.split(' ').next() == Some(verb))
}

async fn choices(stage: &Stage, typed: &Typed) -> Vec<Choice> {
    let text = typed.text.as_str();
    if !text.starts_with('/') {
        return Vec::new();
    }
    let Some(rest) = text.strip_prefix(SLASH).and_then(|rest| rest.strip_prefix(' ')) else {
        let is_begun = SLASH.starts_with(text);
        let all = USAGES.into_iter().filter(|_| is_begun);
        return all.map(|(usage, about)| verb(usage, about)).collect();
    };
    let words: Vec<&str> = rest.split(' ').collect();
    match words.as_slice() {
        [begun] => {
            let fitting = USAGES.into_iter().filter(|(usage, _)| usage.starts_with(begun));
            fitting.map(|(usage, about)| verb(usage, about)).collect()
        }
        ["request", begun] => roles(stage, begun),
        ["request", role, begun] => durations(&format!("{SLASH} request {role}"), begun),
        ["extend", grant, begun] => durations(&format!("{SLASH} extend {grant}"), begun),
        [verb @ ("cancel" | "end" | "extend"), begun] => names(stage, &typed.who, verb, begun).await,
        _ => Vec::new(),
    }
}

fn verb(usage: &str, about: &str) -> Choice {
    let (verb, more) = usage.split_once(' ').map_or((usage, ""), |(verb, _)| (verb, " "));
    Choice { text: format!("{SLASH} {verb}{more}"), about: about.to_owned() }
}

fn roles(stage: &Stage, begun: &str) -> Vec<Choice> {
    let Some(app) = stage.bot.app() else { return Vec::new() };
    let catalog = app.ctx.env().catalog;
    let fitting = catalog.roles.values().filter(|role| role.name.as_str().starts_with(begun));
    fitting
        .map(|role| Choice { text: format!("{SLASH} request {} ", role.name), about: role.description.clone() })
        .collect()
}

fn durations(before: &str, begun: &str) -> Vec<Choice> {
    let fitting = DURATIONS.into_iter().filter(|duration| duration.starts_with(begun));
    fitting.map(|duration| Choice { text: format!("{before} {duration} "), about: "how long".to_owned() }).collect()
}

/// The names of somebody's own requests or grants.
async fn names(stage: &Stage, who: &str, verb: &str, begun: &str) -> Vec<Choice> {
    let Some(app) = stage.bot.app() else { return Vec::new() };
    let (env, who) = (app.ctx.env(), Principal::Person(who.into()));
    let read = app.ctx.store.read(|tx| Box::pin(async move { status::status(tx, &env, &who).await }));
    let Ok(status) = read.await else { return Vec::new() };
    let requests = status.awaiting.iter().map(|it| (it.code.request(), it.role.to_string()));
    let grants = status.grants.iter().map(|it| (it.code.grant(), it.role.to_string()));
    let named: Vec<(String, String)> = if verb == "cancel" { requests.collect() } else { grants.collect() };
    let more = if verb == "extend" { " " } else { "" };
    let fitting = named.into_iter().filter(|(name, _)| name.to_lowercase().starts_with(&begun.to_lowercase()));
    fitting.map(|(name, role)| Choice { text: format!("{SLASH} {verb} {name}{more}"), about: role }).collect()
}
