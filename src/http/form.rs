//! The home tab, and the form that it opens.

use std::sync::Arc;

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::Value;

use super::{
    command::{PATIENCE, groups_for, requester_groups},
    slack::reference,
};
use crate::{
    app::App,
    domain::{catalog::Role, ids::UserId, policy::Ask, principal::Principal, time::parse_duration},
    job::directory,
    slack::{
        inbound::{Click, Submission},
        message::Message,
        view::{answer, form},
    },
    store::StoreError,
    usecase::{list, request, status},
};

/// Somebody has opened the home tab: shows how things stand for them now. Opening it again tries again.
pub(super) fn publish_home(app: &Arc<App>, user: UserId) {
    let app = app.clone();
    app.answers.clone().spawn(async move {
        let drawn = async {
            let (env, who) = (app.ctx.env(), Principal::Person(user.clone()));
            let read = app.ctx.store.read(|tx| Box::pin(async move { status::status(tx, &env, &who).await }));
            Ok::<_, StoreError>(form::home(&read.await?, &roles(&app, &user).await?, "/jit"))
        };
        let slack = app.ctx.tools.load().slack.clone();
        match drawn.await {
            Ok(view) => {
                if let Err(error) = slack.publish_home(&user, &view).await {
                    tracing::warn!(%error, %user, "a home tab did not reach Slack");
                }
            }
            Err(error) => tracing::error!(%error, %user, "a home tab could not be drawn"),
        }
    });
}

/// Somebody wants to ask with the form. Slack lets a form be opened only while the click is fresh, so this cannot wait.
pub(super) async fn open(app: &Arc<App>, click: &Click) {
    let slack = app.ctx.tools.load().slack.clone();
    let opened = async {
        let roles = roles(app, &click.user).await.map_err(|error| error.to_string())?;
        slack.open_view(&click.trigger, &form::ask(&roles)).await.map_err(|error| error.to_string())
    };
    match tokio::time::timeout(PATIENCE, opened).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(error, user = %click.user, "the form could not be opened"),
        Err(_elapsed) => tracing::warn!(user = %click.user, "the form was not opened in time"),
    }
}

/// Somebody has filled in the form: what came of it takes its place, and a refusal stands beside the field it is about.
pub(super) async fn submitted(app: &Arc<App>, submission: Submission) -> Response {
    let Some(filled) = &submission.form else { return StatusCode::OK.into_response() };
    let duration = match filled.duration.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
        None => None,
        Some(text) => match parse_duration(text) {
            Some(duration) => Some(duration),
            None => return Json(form::no_duration()).into_response(),
        },
    };
    let reason = filled.reason.clone().unwrap_or_default().trim().to_owned();
    let ask = Ask { requester: Principal::Person(submission.user), role: filled.role.clone(), duration, reason };
    let answer = match tokio::time::timeout(PATIENCE, carry_out(app, ask, submission.delivery)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => {
            let reference = reference(app);
            tracing::error!(%error, reference, "a form could not be carried out");
            form::failed(&answer::not_saved(&reference))
        }
        Err(_elapsed) => {
            let reference = reference(app);
            tracing::error!(reference, "a form was not carried out in time");
            form::failed(&answer::not_confirmed("/jit", &reference))
        }
    };
    Json(answer).into_response()
}

async fn carry_out(app: &Arc<App>, ask: Ask, delivery: String) -> Result<Value, StoreError> {
    let env = app.ctx.env();
    if !directory::ensure_members(&app.ctx, &groups_for(&env.catalog, &ask.role, &ask.requester)).await? {
        return Ok(form::failed(&answer::groups_unknown()));
    }
    app.ctx
        .store
        .write(move |tx| {
            Box::pin(async move {
                if let Some(earlier) = tx.earlier_answer(&delivery).await? {
                    return Ok(form::asked(&Message::paragraph(earlier.unwrap_or_default())));
                }
                Ok(match request::request(tx, &env, ask).await? {
                    Ok(request) => {
                        let message = form::made(&request);
                        tx.remember_delivery(delivery, Some(message.text.clone()), env.now);
                        form::asked(&message)
                    }
                    Err(why) => form::refused(&why),
                })
            })
        })
        .await
}

async fn roles(app: &Arc<App>, user: &UserId) -> Result<Vec<Role>, StoreError> {
    let (env, who) = (app.ctx.env(), Principal::Person(user.clone()));
    directory::ensure_members(&app.ctx, &requester_groups(&env.catalog)).await?;
    app.ctx.store.read(|tx| Box::pin(async move { list::list(tx, &env, &who).await })).await
}
