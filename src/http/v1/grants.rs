//! Grants: how they stand, giving them back, asking for more time, saying that one is still there.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
    http::HeaderMap,
    response::Response,
};

use super::{
    V1,
    body::{self, Body, Name, Parameters, unknown},
    caller::Caller,
    failure::{self, Failure},
    once::{self, Answer},
    requests::checked_reason,
    shown, wait,
};
use crate::{
    api::{self, EndAsk, ExtendAsk, GrantState, Heartbeat, HeartbeatAsk, ProblemCode},
    domain::{
        audit::Attempt,
        grant::{Grant, HEARTBEAT},
        ids::GrantId,
    },
    http::command::groups_for,
    store::{StoreError, Tx},
    usecase::{end, extend, heartbeat, status},
};

/// The caller's grants that are not over; of a pipeline's those that this run of it can use.
#[utoipa::path(get, path = "/v1/grants", tag = "having", operation_id = "grants",
    responses((status = 200, description = "The grants, the one that ends first first.", body = Vec<api::Grant>)))]
pub(super) async fn mine(State(v1): State<Arc<V1>>, caller: Caller) -> Result<Json<Vec<api::Grant>>, Failure> {
    let env = v1.app.ctx.env();
    let shown = v1.read(|tx| {
        Box::pin(async move {
            let mut all = Vec::new();
            for grant in status::status(tx, &env, caller.principal()).await?.grants {
                if !tx.load_request(grant.request).await?.is_for_run(caller.run()) {
                    continue;
                }
                all.push(shown::grant(tx, grant).await?);
            }
            Ok(all)
        })
    });
    shown.await.map(Json)
}

/// A grant of the caller's; waits for `wait` seconds while it is in one of the states `while`.
#[utoipa::path(get, path = "/v1/grants/{id}", tag = "having", operation_id = "grant",
    params(("id" = String, Path, description = "The grant's id, or its short name `GRANT-7K3M`."),
           ("wait" = Option<u64>, Query, minimum = 0, maximum = 60, description = "How many seconds to wait for news."),
           ("while" = Option<String>, Query, description = "States that are no news, with commas between them; `applying` \
            when not said.")),
    responses((status = 200, description = "The grant as it stands.", body = api::Grant)))]
pub(super) async fn one(
    State(v1): State<Arc<V1>>,
    caller: Caller,
    Path(name): Path<String>,
    parameters: Parameters,
) -> Result<Json<api::Grant>, Failure> {
    let wait = parameters.wait()?;
    let dull = wait::states(parameters.text("while")?, "applying")?;
    let grant = find(&v1, &caller, Name::read(&name)?).await?;
    let (id, request) = (grant.id, grant.request);
    let look = || -> futures::future::BoxFuture<'static, _> {
        let v1 = v1.clone();
        Box::pin(async move {
            v1.read(|tx| {
                Box::pin(async move {
                    let grant = tx.load_grant(id).await?;
                    shown::grant(tx, grant).await
                })
            })
            .await
        })
    };
    wait::news(&v1, request.0, wait, look, |grant| !dull.iter().any(|state| state == standing(grant.state)))
        .await
        .map(Json)
}

fn standing(state: GrantState) -> &'static str {
    match state {
        GrantState::Applying => "applying",
        GrantState::Active => "active",
        GrantState::Ending => "ending",
        GrantState::Ended => "ended",
        GrantState::Failed => "failed",
    }
}

/// The grant, if it is the caller's.
async fn find(v1: &V1, caller: &Caller, name: Name) -> Result<Grant, Failure> {
    let grant = v1.read(|tx| Box::pin(async move { lookup(tx, name).await })).await?;
    match grant {
        None => Err(unknown()),
        Some(grant) if grant.holder != *caller.principal() => {
            Err(Failure::new(ProblemCode::Forbidden, format!("{} is somebody else's.", grant.code.grant())))
        }
        Some(grant) => Ok(grant),
    }
}

/// The grant of this name.
pub(super) async fn lookup(tx: &mut Tx, name: Name) -> Result<Option<Grant>, StoreError> {
    match name {
        Name::Id(id) => tx.lookup_grant(GrantId(id)).await,
        Name::Code(code) => tx.lookup_grant_by_code(&code).await,
    }
}

/// The id of the grant of this name, if this run may do something with it; whose it is, is for the verb to find out, which
/// puts a refusal on the trail.
pub(super) async fn id_of(v1: &V1, caller: &Caller, name: &str, attempt: Attempt) -> Result<GrantId, Failure> {
    let name = Name::read(name)?;
    let grant = v1.read(|tx| Box::pin(async move { lookup(tx, name).await })).await?.ok_or_else(unknown)?;
    v1.is_their_run(caller, grant.request, attempt).await?;
    Ok(grant.id)
}

/// Asks for a later end of a grant.
#[utoipa::path(post, path = "/v1/grants/{id}/extend", tag = "having", operation_id = "extend", request_body = ExtendAsk,
    params(("id" = String, Path, description = "The grant's id, or its short name `GRANT-7K3M`."),
           ("Idempotency-Key" = Option<String>, Header, max_length = 200, description = "Makes the call safe to repeat: the \
            same key from the same caller gets the same answer for 24 hours, and nothing happens twice.")),
    responses((status = 201, description = "The request for a later end.", body = api::Request)))]
pub(super) async fn prolong(
    State(v1): State<Arc<V1>>,
    caller: Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
    Body(asked): Body<ExtendAsk>,
) -> Result<Response, Failure> {
    let key = once::key(&headers, &caller)?;
    let name = Name::read(&name)?;
    let digest = once::digest(&format!("POST /v1/grants/{name:?}/extend"), &asked);
    let more = body::duration(&asked.duration)?;
    let reason = checked_reason(asked.reason)?.unwrap_or_default();
    let grant = v1.read(|tx| Box::pin(async move { lookup(tx, name).await })).await?;
    let Some(grant) = grant else { return Err(unknown()) };
    v1.is_their_run(&caller, grant.request, Attempt::Extend).await?;
    v1.is_here(&caller).await?;
    let (env, who) = (v1.app.ctx.env(), caller.principal().clone());
    if !v1.knows(&groups_for(&env.catalog, &grant.role, &who)).await? {
        return Err(failure::groups_unknown());
    }
    once::answered(&v1, (who.clone(), key, digest), move |tx| {
        Box::pin(async move {
            let grant = tx.lookup_grant(grant.id).await?;
            Ok(match extend::extend(tx, &env, &who, grant, more, reason).await? {
                Ok(request) => Answer::created(&shown::request(tx, request).await?),
                Err(refused) => Answer::failed(&failure::extend(&refused)),
            })
        })
    })
    .await
}

/// Gives a grant back.
#[utoipa::path(post, path = "/v1/grants/{id}/end", tag = "having", operation_id = "end", request_body(content = Option<EndAsk>),
    params(("id" = String, Path, description = "The grant's id, or its short name `GRANT-7K3M`.")),
    responses((status = 200, description = "The grant, which is ending.", body = api::Grant)))]
pub(super) async fn give_back(
    State(v1): State<Arc<V1>>,
    caller: Caller,
    Path(name): Path<String>,
    Body(EndAsk {}): Body<EndAsk>,
) -> Result<Json<api::Grant>, Failure> {
    let id = id_of(&v1, &caller, &name, Attempt::End).await?;
    let (env, who) = (v1.app.ctx.env(), caller.principal().clone());
    let outcome = v1.write(move |tx| {
        Box::pin(async move {
            Ok(match end::give_back(tx, &env, &who, id).await? {
                Ok(grant) => {
                    let grant = tx.load_grant(grant.id).await?;
                    Ok(shown::grant(tx, grant).await?)
                }
                Err(refused) => Err(refused),
            })
        })
    });
    outcome.await?.map(Json).map_err(|refused| failure::end(&refused))
}

/// Says that the process which uses the grant is there. From the first time on it must be heard of every two minutes, or
/// the grant ends.
#[utoipa::path(post, path = "/v1/grants/{id}/heartbeat", tag = "having", operation_id = "heartbeat",
    request_body(content = Option<HeartbeatAsk>),
    params(("id" = String, Path, description = "The grant's id, or its short name `GRANT-7K3M`.")),
    responses((status = 200, description = "How the grant stands.", body = Heartbeat)))]
pub(super) async fn beat(
    State(v1): State<Arc<V1>>,
    caller: Caller,
    Path(name): Path<String>,
    Body(HeartbeatAsk {}): Body<HeartbeatAsk>,
) -> Result<Json<Heartbeat>, Failure> {
    let id = id_of(&v1, &caller, &name, Attempt::Heartbeat).await?;
    let (env, who) = (v1.app.ctx.env(), caller.principal().clone());
    let heard = v1.write(move |tx| Box::pin(async move { heartbeat::beat(tx, &env, &who, id).await })).await?;
    let grant = heard.map_err(|refused| failure::end(&refused))?;
    Ok(Json(Heartbeat {
        ends_at: grant.ends_at,
        state: shown::grant_state(&grant.state),
        next_within_seconds: HEARTBEAT.as_secs().unsigned_abs(),
    }))
}
