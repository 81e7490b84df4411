//! A click on one of our buttons, and the private answer to it.
//!
//! The button carries an id and nothing else: whether this person may do what it says is settled here, against what is
//! in the store, in the same transaction that does it.

use std::{collections::BTreeSet, sync::Arc};

use url::Url;

use super::{
    command::PATIENCE,
    form,
    slack::{Clicker, reference, respond},
};
use crate::{
    app::App,
    domain::{
        ids::{GrantId, RequestId, UserGroupId, UserId},
        people::Circle,
    },
    job::directory,
    slack::{
        inbound::{Button, Click},
        message::Message,
        view::{answer, refusal},
    },
    store::{StoreError, Tx},
    usecase::{
        Env, approve,
        claim::{self, Link},
        deny, end,
        sighting::{self, Sighted},
        stuck::{self, Word},
    },
};

/// Does what the button says and has the answer sent.
pub async fn answer(app: &Arc<App>, click: Click) {
    if click.button == Some(Button::Ask) {
        return form::open(app, &click).await;
    }
    let clicker = Clicker::of(&click);
    let message = match tokio::time::timeout(PATIENCE, obey(app, click)).await {
        Ok(Ok(message)) => message,
        Ok(Err(error)) => {
            let reference = reference(app);
            tracing::error!(%error, reference, "a click could not be carried out");
            Some(answer::not_saved(&reference))
        }
        Err(_elapsed) => {
            let reference = reference(app);
            tracing::error!(reference, "a click was not carried out in time");
            Some(answer::not_confirmed("/jit", &reference))
        }
    };
    if let Some(message) = message {
        respond(app, clicker, message);
    }
}

/// What a click came to.
enum Done {
    /// It was delivered before: whoever clicked has the answer.
    Repeated,
    /// The answer in words.
    Told(Message),
    /// Links whose tokens are to be sent and forgotten.
    Links(Vec<Link>),
}

async fn obey(app: &Arc<App>, click: Click) -> Result<Option<Message>, StoreError> {
    let Some(button) = click.button else {
        return Ok(Some(answer::unknown_button()));
    };
    if button == Button::OpenLink {
        return Ok(None);
    }
    let groups = deciding_groups(app, button, &click.user).await?;
    if !directory::ensure_members(&app.ctx, &groups).await? {
        return Ok(Some(answer::groups_unknown()));
    }
    let env = app.ctx.env();
    let done = app
        .ctx
        .store
        .write(move |tx| {
            Box::pin(async move {
                if tx.earlier_answer(&click.delivery).await?.is_some() {
                    return Ok(Done::Repeated);
                }
                // The answer may hold a link, which is a secret: only that there was one is kept.
                tx.remember_delivery(click.delivery.clone(), None, env.now);
                if let (Some(what), Some((channel, ts))) = (sighted(button), &click.message) {
                    sighting::sight(tx, &env, what, (channel, ts)).await?;
                }
                press(tx, &env, &click.user, button).await
            })
        })
        .await?;
    Ok(match done {
        Done::Repeated => None,
        Done::Told(message) => Some(message),
        Done::Links(links) => Some(answer::links(addressed(app, links))),
    })
}

/// What stands where somebody sees this button.
fn sighted(button: Button) -> Option<Sighted> {
    match button {
        Button::Approve(request) | Button::Deny(request) => Some(Sighted::Request(request)),
        Button::Revoke(grant) => Some(Sighted::Grant(grant)),
        Button::Claim(grant) | Button::End(grant) => Some(Sighted::Holder(grant)),
        Button::Retry(_) | Button::RemovedByHand(_) | Button::OpenLink | Button::Ask => None,
    }
}

async fn press(tx: &mut Tx, env: &Env, by: &UserId, button: Button) -> Result<Done, StoreError> {
    let ended = |outcome: Result<_, _>| match outcome {
        Ok(grant) => answer::ending(&grant),
        Err(refused) => Message::paragraph(refusal::end(&refused)),
    };
    let looked = |outcome: Result<_, _>| match outcome {
        Ok(grant) => answer::looking_again(&grant),
        Err(refused) => Message::paragraph(refusal::stuck(&refused)),
    };
    Ok(match button {
        Button::Approve(id) => Done::Told(answer::approval(&approve::approve(tx, env, by, id).await?, by)),
        Button::Deny(id) => Done::Told(match deny::deny(tx, env, by, id).await? {
            Ok(request) => answer::denied(&request),
            Err(refused) => Message::paragraph(refusal::review(&refused)),
        }),
        Button::End(id) => Done::Told(ended(end::give_back(tx, env, &by.into(), id).await?)),
        Button::Revoke(id) => Done::Told(ended(end::revoke(tx, env, by, id).await?)),
        Button::Claim(id) => match claim::link(tx, env, &by.into(), id).await? {
            Ok(links) => Done::Links(links),
            Err(refused) => Done::Told(Message::paragraph(refusal::claim(&refused))),
        },
        Button::Retry(id) => Done::Told(looked(stuck::look_again(tx, env, by, id, Word::Retry).await?)),
        Button::RemovedByHand(id) => Done::Told(looked(stuck::look_again(tx, env, by, id, Word::RemovedByHand).await?)),
        Button::OpenLink | Button::Ask => Done::Repeated,
    })
}

/// The user groups whose members decide whether this click counts. Nobody is asked about a person who is named.
async fn deciding_groups(app: &App, button: Button, by: &UserId) -> Result<BTreeSet<UserGroupId>, StoreError> {
    let catalog = app.ctx.env().catalog;
    let request = match button {
        Button::Approve(request) | Button::Deny(request) => Subject::Request(request),
        Button::Revoke(grant) => Subject::Grant(grant),
        Button::Claim(_)
        | Button::End(_)
        | Button::Retry(_)
        | Button::RemovedByHand(_)
        | Button::OpenLink
        | Button::Ask => {
            return Ok(BTreeSet::new());
        }
    };
    let request = app.ctx.store.read(|tx| Box::pin(async move { request.load(tx).await })).await?;
    let Some(request) = request else {
        return Ok(BTreeSet::new());
    };
    let rules = catalog.role(&request.role).map(|role| role.rules.clone()).unwrap_or_default();
    let circles = rules.into_iter().map(|rule| rule.approvers).chain([request.verdict.approvers]);
    let undecided = |circle: Circle| if circle.users.contains(by) { BTreeSet::new() } else { circle.user_groups };
    Ok(circles.flat_map(undecided).collect())
}

/// What a button is about.
enum Subject {
    Request(RequestId),
    Grant(GrantId),
}

impl Subject {
    async fn load(self, tx: &mut Tx) -> Result<Option<crate::domain::request::Request>, StoreError> {
        let id = match self {
            Self::Request(id) => id,
            Self::Grant(id) => match tx.lookup_grant(id).await? {
                Some(grant) => grant.request,
                None => return Ok(None),
            },
        };
        tx.lookup_request(id).await
    }
}

fn addressed(app: &App, links: Vec<Link>) -> Vec<(Link, Url)> {
    let server = app.config.load().server.clone();
    let address = |link: Link| {
        let url = Url::parse(&server.link(&format!("claim/{}", link.token.expose()))).ok()?;
        Some((link, url))
    };
    links.into_iter().filter_map(address).collect()
}
