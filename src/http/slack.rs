//! Everything that Slack sends us, at one address.
//!
//! Who sent it is settled before anything is parsed. After that every answer is 200 with words: to a person, a status
//! code of ours would look like Slack being broken.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    body::Bytes,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use serde_json::json;
use tokio::time::{Instant, timeout};
use url::Url;

use super::{click, command, form as http_form};
use crate::{
    app::App,
    domain::ids::{ChannelId, UserGroupId, UserId},
    slack::{
        inbound::{self, Click, Inbound},
        message::Message,
        view::{answer, form},
    },
};

/// Slack's own requests are a few kilobytes.
const BODY_LIMIT: usize = 64 * 1024;
/// How long the body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(2);

/// Takes a request of any kind.
pub async fn receive(State(app): State<Arc<App>>, request: Request) -> Response {
    let began = Instant::now();
    let (kind, answer) = match authenticated(&app, request).await {
        Ok((content_type, body)) => answer(&app, &content_type, &body).await,
        Err(refused) => {
            metrics::counter!("jit_slack_refused_total", "status" => refused.as_u16().to_string()).increment(1);
            ("refused", refused.into_response())
        }
    };
    metrics::histogram!("jit_ack_seconds", "kind" => kind).record(began.elapsed().as_secs_f64());
    answer
}

/// The body, if it is Slack's: the timestamp is looked at before the body is read, the signature before it is parsed.
async fn authenticated(app: &App, request: Request) -> Result<(String, Bytes), StatusCode> {
    let (parts, body) = request.into_parts();
    let timestamp = header(&parts.headers, "x-slack-request-timestamp");
    let signature = header(&parts.headers, "x-slack-signature");
    let refuse = |why: inbound::Unsigned| {
        tracing::warn!(%why, "a request was not taken for Slack's");
        StatusCode::UNAUTHORIZED
    };
    inbound::verify_age(timestamp.as_deref(), app.ctx.clock.now()).map_err(refuse)?;
    if signature.is_none() {
        return Err(refuse(inbound::Unsigned::Missing));
    }
    let body = timeout(BODY_TIME, axum::body::to_bytes(body, BODY_LIMIT))
        .await
        .map_err(|_elapsed| StatusCode::REQUEST_TIMEOUT)?
        .map_err(|_too_long| StatusCode::PAYLOAD_TOO_LARGE)?;
    let secret = app.config.load().slack.signing_secret.clone();
    inbound::verify(&secret, timestamp.as_deref().unwrap_or_default(), signature.as_deref(), &body).map_err(refuse)?;
    Ok((header(&parts.headers, CONTENT_TYPE.as_str()).unwrap_or_default(), body))
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

async fn answer(app: &Arc<App>, content_type: &str, body: &Bytes) -> (&'static str, Response) {
    let Some(inbound) = std::str::from_utf8(body).ok().and_then(|body| readable(content_type, body)) else {
        return ("unreadable", private(&answer::unreadable()));
    };
    match inbound {
        Inbound::SslCheck => ("ssl_check", StatusCode::OK.into_response()),
        Inbound::UrlVerification { challenge } => {
            ("url_verification", Json(json!({ "challenge": challenge })).into_response())
        }
        Inbound::Command(command) if !is_ours(app, [Some(&command.team)]) => ("foreign", private(&answer::foreign())),
        Inbound::Command(command) => ("command", private(&command::answer(app, command).await)),
        Inbound::Click(click) if !is_ours(app, [Some(&click.team), click.user_team.as_ref()]) => {
            respond(app, Clicker::of(&click), answer::foreign());
            ("foreign", StatusCode::OK.into_response())
        }
        Inbound::Click(click) => {
            click::answer(app, click).await;
            ("click", StatusCode::OK.into_response())
        }
        Inbound::Submission(it) if !is_ours(app, [Some(&it.team), it.user_team.as_ref()]) => {
            ("foreign", Json(form::failed(&answer::foreign())).into_response())
        }
        Inbound::Submission(submission) => ("submission", http_form::submitted(app, submission).await),
        Inbound::HomeOpened { team, user } => {
            if is_ours(app, [Some(&team)]) {
                http_form::publish_home(app, user);
            }
            ("event", StatusCode::OK.into_response())
        }
        Inbound::UserGroupChanged { team, group } => {
            if is_ours(app, [Some(&team)]) {
                forget(app, group).await;
            }
            ("event", StatusCode::OK.into_response())
        }
        Inbound::Other { what, .. } => {
            tracing::debug!(what, "something from Slack that calls for no answer");
            ("other", StatusCode::OK.into_response())
        }
    }
}

fn readable(content_type: &str, body: &str) -> Option<Inbound> {
    inbound::read(content_type, body)
        .inspect_err(|error| tracing::warn!(%error, "Slack sent something unreadable"))
        .ok()
}

/// Whether every workspace that is named is one the configuration names.
fn is_ours<'a>(app: &App, teams: impl IntoIterator<Item = Option<&'a String>>) -> bool {
    let config = app.config.load();
    let ours = teams.into_iter().flatten().all(|team| config.slack.team_ids.contains(team));
    if !ours {
        metrics::counter!("jit_slack_refused_total", "status" => "foreign").increment(1);
        tracing::warn!("somebody from a workspace that `slack.team_ids` does not name");
    }
    ours
}

async fn forget(app: &App, group: UserGroupId) {
    let forgotten = app.ctx.store.write(move |tx| Box::pin(async move { tx.forget_user_group(&group).await })).await;
    if let Err(error) = forgotten {
        tracing::error!(%error, "a changed user group counts as unchanged until its five minutes are over");
    }
}

/// The immediate answer to a command: only the person who typed it sees it.
fn private(message: &Message) -> Response {
    let body = json!({ "response_type": "ephemeral", "text": message.text, "blocks": message.blocks });
    Json(body).into_response()
}

/// Who clicked, and where a private answer reaches them.
pub(super) struct Clicker {
    user: UserId,
    response_url: Option<Url>,
    channel: Option<ChannelId>,
}

impl Clicker {
    pub(super) fn of(click: &Click) -> Self {
        Self { user: click.user.clone(), response_url: click.response_url.clone(), channel: click.channel.clone() }
    }
}

/// Answers a click privately: through the URL that came with it, else in the channel. The click itself is settled
/// already; if both ways fail, clicking again gives the answer.
pub(super) fn respond(app: &Arc<App>, clicker: Clicker, message: Message) {
    let slack = app.ctx.tools.load().slack.clone();
    let url = clicker.response_url.filter(|url| may_respond_to(app, url));
    app.answers.spawn(async move {
        if let Some(url) = url {
            for attempt in 1..=2 {
                match slack.respond(&url, &message).await {
                    Ok(()) => return,
                    Err(error) => tracing::warn!(%error, attempt, "a response URL did not take a private answer"),
                }
            }
        }
        if let Some(channel) = clicker.channel
            && let Err(error) = slack.whisper(&channel, &clicker.user, &message).await
        {
            tracing::warn!(%error, user = %clicker.user, "a private answer did not reach Slack");
        }
    });
}

/// The URL was signed by Slack; all the same we post only to Slack, or to the Web API's own host where that is another.
fn may_respond_to(app: &App, url: &Url) -> bool {
    let config = app.config.load();
    let slack_itself = config.slack.api_url.host_str() == Some("slack.com");
    let hosts = ["hooks.slack.com", "hooks.slack-gov.com"];
    let fits = if slack_itself {
        url.scheme() == "https" && url.host_str().is_some_and(|host| hosts.contains(&host))
    } else {
        url.host_str() == config.slack.api_url.host_str() || is_loopback(url)
    };
    if !fits {
        tracing::warn!("a response URL that is not Slack's was left alone");
    }
    fits
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// Names a failure for people, so that an operator finds it in the log.
pub(super) fn reference(app: &App) -> String {
    let mut random = [0; 4];
    app.ctx.entropy.fill(&mut random);
    hex::encode(random)
}
