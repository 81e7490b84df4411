//! The levers: the clock, how Slack and the clouds feel, and whether the bot is alive.

use std::str::FromStr;

use axum::{
    Form,
    extract::{Path, State},
    http::StatusCode,
};
use jiff::SignedDuration;
use serde::Deserialize;

use super::stage::Shared;
use crate::{domain::catalog::DemoCloud as Cloud, provider::demo::Weather};

/// How Slack feels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum SlackWeather {
    /// It works.
    #[default]
    Fine,
    /// It takes its time.
    Slow,
    /// It answers that it cannot just now.
    Failing,
    /// Connections break off.
    Unreachable,
}

/// The words on the levers, and in what they send.
pub(super) const SLACK: [(SlackWeather, &str); 4] = [
    (SlackWeather::Fine, "works"),
    (SlackWeather::Slow, "is slow"),
    (SlackWeather::Failing, "fails"),
    (SlackWeather::Unreachable, "is unreachable"),
];

/// The same for a cloud.
pub(super) const CLOUD: [(Weather, &str); 5] = [
    (Weather::Fine, "works"),
    (Weather::Slow, "is slow"),
    (Weather::Failing, "fails"),
    (Weather::Unreachable, "is unreachable"),
    (Weather::Denying, "denies"),
];

/// The clouds, as the levers name them.
pub(super) const CLOUDS: [(Cloud, &str, &str); 2] = [(Cloud::Aws, "aws", "AWS"), (Cloud::Azure, "azure", "Azure")];

/// Nobody waits longer than this for the end of a grant.
const FARTHEST: i64 = 31 * 24 * 3_600;
/// What an end needs to be over for sure.
const JUST_AFTER: SignedDuration = SignedDuration::from_secs(1);

/// What a lever sends.
#[derive(Debug, Deserialize)]
pub(super) struct Pull {
    to: String,
}

/// Pulls a lever.
pub(super) async fn pull(
    State(stage): State<Shared>,
    Path(lever): Path<String>,
    Form(pull): Form<Pull>,
) -> Result<StatusCode, (StatusCode, String)> {
    let unknown = || (StatusCode::BAD_REQUEST, format!("the lever `{lever}` knows no `{}`", pull.to));
    match lever.as_str() {
        "clock" => stage.advance(step(&stage, &pull.to).ok_or_else(unknown)?),
        "slack" => stage.set_slack_weather(named(&SLACK, &pull.to).ok_or_else(unknown)?),
        "bot" => switch(&stage, &pull.to).await.map_err(|why| (StatusCode::INTERNAL_SERVER_ERROR, why))?,
        name => {
            let (cloud, ..) = CLOUDS.into_iter().find(|(_, key, _)| *key == name).ok_or_else(unknown)?;
            stage.clouds.set_weather(cloud, named(&CLOUD, &pull.to).ok_or_else(unknown)?);
        }
    }
    Ok(StatusCode::NO_CONTENT)
}

fn named<T: Copy>(table: &[(T, &str)], word: &str) -> Option<T> {
    table.iter().find(|(_, name)| *name == word).map(|(value, _)| *value)
}

/// So many seconds, or just past the next end of what somebody has.
fn step(stage: &Shared, to: &str) -> Option<SignedDuration> {
    if to != "end" {
        let seconds = i64::from_str(to).ok().filter(|seconds| (1..=FARTHEST).contains(seconds))?;
        return Some(SignedDuration::from_secs(seconds));
    }
    let ends = stage.clouds.contents().into_values().map(|entry| entry.until);
    let left = ends.map(|end| end.duration_since(stage.now())).filter(SignedDuration::is_positive).min();
    Some(left? + JUST_AFTER)
}

async fn switch(stage: &Shared, to: &str) -> Result<(), String> {
    let done = match to {
        "killed" => {
            stage.bot.kill();
            Ok(())
        }
        "started" => stage.bot.start().await.map_err(|error| error.to_string()),
        _ => Err(format!("the bot can be killed and started, not {to}")),
    };
    stage.tell();
    done
}
