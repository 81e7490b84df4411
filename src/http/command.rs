//! What somebody typed after `/jit`, and the answer to it.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures::future::BoxFuture;

use super::slack::reference;
use crate::{
    app::App,
    domain::{
        catalog::{Catalog, Requesters},
        ids::{RoleName, UserGroupId},
        policy::Ask,
        principal::Principal,
    },
    job::directory,
    slack::{
        grammar::Command,
        inbound::SlashCommand,
        message::Message,
        view::{answer, refusal},
    },
    store::{StoreError, Tx},
    usecase::{Env, cancel, end, extend, list, request, status},
};

/// Slack waits for three seconds. What is left is for the way there and back.
pub(super) const PATIENCE: Duration = Duration::from_millis(2_400);

/// Does what the command says and answers within Slack's three seconds, whatever happens.
pub async fn answer(app: &Arc<App>, command: SlashCommand) -> Message {
    let slash = command.slash.clone();
    match tokio::time::timeout(PATIENCE, obey(app, command)).await {
        Ok(Ok(message)) => message,
        Ok(Err(error)) => {
            let reference = reference(app);
            tracing::error!(%error, reference, "a command could not be carried out");
            answer::not_saved(&reference)
        }
        Err(_elapsed) => {
            let reference = reference(app);
            tracing::error!(reference, "a command was not carried out in time");
            answer::not_confirmed(&slash, &reference)
        }
    }
}

async fn obey(app: &Arc<App>, command: SlashCommand) -> Result<Message, StoreError> {
    let SlashCommand { user, slash, command, delivery, .. } = command;
    let user = Principal::Person(user);
    let command = match command {
        Ok(command) => command,
        Err(what) => return Ok(Message::paragraph(refusal::misunderstood(&what, &slash))),
    };
    let env = app.ctx.env();
    match command {
        Command::Help => Ok(answer::help(&slash)),
        Command::List => {
            directory::ensure_members(&app.ctx, &requester_groups(&env.catalog)).await?;
            let roles = app.ctx.store.read(|tx| Box::pin(async move { list::list(tx, &env, &user).await })).await?;
            Ok(answer::list(&roles, &slash))
        }
        Command::Status => {
            let read = app.ctx.store.read(|tx| Box::pin(async move { status::status(tx, &env, &user).await }));
            Ok(answer::status(&read.await?, &slash))
        }
        Command::Request { role, duration, reason } => {
            let ask = Ask { requester: user, role, duration, reason };
            if env.catalog.role(&ask.role).is_none() {
                // Only to suggest a role that they may ask for: a good guess is worth a question, not a failure.
                directory::ensure_members(&app.ctx, &requester_groups(&env.catalog)).await?;
            }
            if !directory::ensure_members(&app.ctx, &groups_for(&env.catalog, &ask.role, &ask.requester)).await? {
                return Ok(answer::groups_unknown());
            }
            once(app, delivery, env, move |tx, env| {
                Box::pin(async move {
                    Ok(match request::request(tx, &env, ask).await? {
                        Ok(request) => answer::asked(&request, &slash),
                        Err(why) => Message::paragraph(refusal::ask(&why, &slash)),
                    })
                })
            })
            .await
        }
        Command::Cancel(code) => {
            once(app, delivery, env, move |tx, env| {
                Box::pin(async move {
                    Ok(match cancel::cancel(tx, &env, &user, &code).await? {
                        Ok(request) => answer::cancelled(&request),
                        Err(refused) => Message::paragraph(refusal::cancel(&refused)),
                    })
                })
            })
            .await
        }
        Command::Extend { grant, more, reason } => {
            let asked_for =
                app.ctx.store.read(move |tx| Box::pin(async move { tx.lookup_grant_by_code(&grant).await }));
            let grant = asked_for.await?;
            if let Some(grant) = &grant {
                let groups = groups_for(&env.catalog, &grant.role, &user);
                if !directory::ensure_members(&app.ctx, &groups).await? {
                    return Ok(answer::groups_unknown());
                }
            }
            once(app, delivery, env, move |tx, env| {
                Box::pin(async move {
                    let asked = extend::extend(tx, &env, &user, grant.clone(), more, reason).await?;
                    Ok(match (asked, grant) {
                        (Ok(request), Some(grant)) => answer::extension_asked(&request, &grant, &slash),
                        (Ok(request), None) => answer::asked(&request, &slash),
                        (Err(refused), _) => Message::paragraph(refusal::extend(&refused, &slash)),
                    })
                })
            })
            .await
        }
        Command::End(code) => {
            once(app, delivery, env, move |tx, env| {
                Box::pin(async move {
                    Ok(match end::give_back_by_code(tx, &env, &user, &code).await? {
                        Ok(grant) => answer::ending(&grant),
                        Err(refused) => Message::paragraph(refusal::end(&refused)),
                    })
                })
            })
            .await
        }
    }
}

/// Carries a command out once: a repeated delivery gets the answer that the first one got.
async fn once<F>(app: &App, delivery: String, env: Env, work: F) -> Result<Message, StoreError>
where
    F: for<'t> FnOnce(&'t mut Tx, Env) -> BoxFuture<'t, Result<Message, StoreError>> + Send + 'static,
{
    app.ctx
        .store
        .write(move |tx| {
            Box::pin(async move {
                if let Some(earlier) = tx.earlier_answer(&delivery).await? {
                    return Ok(Message::paragraph(earlier.unwrap_or_default()));
                }
                let now = env.now;
                let message = work(tx, env).await?;
                tx.remember_delivery(delivery, Some(message.text.clone()), now);
                Ok(message)
            })
        })
        .await
}

/// The user groups whose members decide whether this ask may be made.
pub(super) fn groups_for(catalog: &Catalog, role: &RoleName, who: &Principal) -> BTreeSet<UserGroupId> {
    let Some(role) = catalog.role(role) else {
        return BTreeSet::new();
    };
    match &role.requesters {
        Requesters::Everybody => BTreeSet::new(),
        Requesters::Only(circle) if who.person().is_some_and(|who| circle.users.contains(who)) => BTreeSet::new(),
        Requesters::Only(circle) => circle.user_groups.clone(),
    }
}

pub(super) fn requester_groups(catalog: &Catalog) -> BTreeSet<UserGroupId> {
    let groups = |requesters: &Requesters| match requesters {
        Requesters::Everybody => BTreeSet::new(),
        Requesters::Only(circle) => circle.user_groups.clone(),
    };
    catalog.roles.values().flat_map(|role| groups(&role.requesters)).collect()
}
