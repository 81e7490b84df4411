//! Roles, and requests for them.

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
    shown::{self, Names},
    wait,
};
use crate::{
    api::{self, GrantState, MOST_DESTROYED, ProblemCode, RequestAsk, RequestState},
    domain::{
        audit::Attempt,
        ids::{RequestId, RoleName},
        plan::Plan,
        policy::Ask,
        request::Request,
    },
    http::command::{groups_for, requester_groups},
    store::{StoreError, Tx},
    usecase::{cancel, heartbeat, list, request, status},
};

/// How long a reason may be.
const LONGEST_REASON: usize = 2_000;
/// How long the address of something in a plan may be.
const LONGEST_ADDRESS: usize = 500;

/// The roles that the caller may ask for.
#[utoipa::path(get, path = "/v1/roles", tag = "asking", operation_id = "roles",
    responses((status = 200, description = "The roles, by name.", body = Vec<api::Role>)))]
pub(super) async fn roles(State(v1): State<Arc<V1>>, caller: Caller) -> Result<Json<Vec<api::Role>>, Failure> {
    let env = v1.app.ctx.env();
    v1.knows(&requester_groups(&env.catalog)).await?;
    let roles = v1.read(|tx| {
        Box::pin(async move {
            let roles = list::list(tx, &env, caller.principal()).await?;
            let names = Names::of(tx, shown::deciders(&roles)).await?;
            Ok(roles.iter().map(|role| shown::role(role, &names)).collect())
        })
    });
    roles.await.map(Json)
}

/// Asks for a role.
#[utoipa::path(post, path = "/v1/requests", tag = "asking", operation_id = "ask", request_body = RequestAsk,
    params(("Idempotency-Key" = Option<String>, Header, max_length = 200, description = "Makes the call safe to repeat: the \
            same key from the same caller gets the same answer for 24 hours, and nothing happens twice.")),
    responses((status = 201, description = "The request.", body = api::Request)))]
pub(super) async fn ask(
    State(v1): State<Arc<V1>>,
    caller: Caller,
    headers: HeaderMap,
    Body(asked): Body<RequestAsk>,
) -> Result<Response, Failure> {
    let key = once::key(&headers, &caller)?;
    let digest = once::digest("POST /v1/requests", &asked);
    let heartbeats = asked.heartbeats;
    let ask = checked(asked, &caller)?;
    v1.is_here(&caller).await?;
    let env = v1.app.ctx.env();
    if !v1.knows(&groups_for(&env.catalog, &ask.role, &ask.requester)).await? {
        return Err(failure::groups_unknown());
    }
    let who = ask.requester.clone();
    once::answered(&v1, (who, key, digest), move |tx| {
        Box::pin(async move {
            Ok(match request::request(tx, &env, ask).await? {
                Ok(made) => {
                    if heartbeats {
                        heartbeat::promise(tx, made.id).await?;
                    }
                    Answer::created(&shown::request(tx, made).await?)
                }
                Err(why) => Answer::failed(&failure::ask(&why)),
            })
        })
    })
    .await
}

/// What was asked for, if it can mean anything.
fn checked(asked: RequestAsk, caller: &Caller) -> Result<Ask, Failure> {
    let RequestAsk { role, duration, reason, plan, heartbeats: _ } = asked;
    if role.is_empty() || role.chars().count() > 200 {
        return Err(Failure::invalid("`role` names a role."));
    }
    Ok(Ask {
        requester: caller.principal().clone(),
        role: RoleName(role),
        duration: duration.as_ref().map(body::duration).transpose()?,
        reason: checked_reason(reason)?.unwrap_or_default(),
        plan: plan.map(checked_plan).transpose()?,
        origin: caller.session.origin.clone(),
    })
}

pub(super) fn checked_reason(reason: Option<String>) -> Result<Option<String>, Failure> {
    match reason {
        Some(reason) if reason.chars().count() > LONGEST_REASON => {
            Err(Failure::invalid(format!("`reason` has {LONGEST_REASON} letters at most.")))
        }
        reason => Ok(reason),
    }
}

fn checked_plan(plan: api::Plan) -> Result<Plan, Failure> {
    let api::Plan { sha256, add, change, destroy, destroyed } = plan;
    let is_digest =
        sha256.len() == 64 && sha256.bytes().all(|letter| letter.is_ascii_digit() || (b'a'..=b'f').contains(&letter));
    if !is_digest {
        return Err(Failure::invalid("`plan.sha256` is the SHA-256 of the plan's file: 64 hex digits in lower case."));
    }
    let named = u32::try_from(destroyed.len()).unwrap_or(u32::MAX);
    if destroyed.len() > MOST_DESTROYED || destroyed.iter().any(|it| it.chars().count() > LONGEST_ADDRESS) {
        let detail = format!(
            "`plan.destroyed` names {MOST_DESTROYED} addresses at most, of {LONGEST_ADDRESS} letters each; `plan.destroy` counts them all."
        );
        return Err(Failure::invalid(detail));
    }
    if named > destroy {
        return Err(Failure::invalid("`plan.destroyed` names more than `plan.destroy` counts."));
    }
    Ok(Plan { sha256, add, change, destroy, destroyed })
}

/// The caller's requests that await a decision; of a pipeline's those of this run of it.
#[utoipa::path(get, path = "/v1/requests", tag = "asking", operation_id = "requests",
    responses((status = 200, description = "The requests, oldest first.", body = Vec<api::Request>)))]
pub(super) async fn mine(State(v1): State<Arc<V1>>, caller: Caller) -> Result<Json<Vec<api::Request>>, Failure> {
    let env = v1.app.ctx.env();
    let shown = v1.read(|tx| {
        Box::pin(async move {
            let mut all = Vec::new();
            for request in status::status(tx, &env, caller.principal()).await?.awaiting {
                if !request.is_for_run(caller.run()) {
                    continue;
                }
                all.push(shown::request(tx, request).await?);
            }
            Ok(all)
        })
    });
    shown.await.map(Json)
}

/// A request of the caller's; waits for `wait` seconds while it, or the grant it became, is in one of the states `while`.
#[utoipa::path(get, path = "/v1/requests/{id}", tag = "asking", operation_id = "request",
    params(("id" = String, Path, description = "The request's id, or its short name `REQ-7K3M`."),
           ("wait" = Option<u64>, Query, minimum = 0, maximum = 60, description = "How many seconds to wait for news."),
           ("while" = Option<String>, Query, description = "States that are no news, with commas between them; \
            `awaiting,applying` when not said.")),
    responses((status = 200, description = "The request as it stands.", body = api::Request)))]
pub(super) async fn one(
    State(v1): State<Arc<V1>>,
    caller: Caller,
    Path(name): Path<String>,
    parameters: Parameters,
) -> Result<Json<api::Request>, Failure> {
    let wait = parameters.wait()?;
    let dull = wait::states(parameters.text("while")?, "awaiting,applying")?;
    let name = Name::read(&name)?;
    let id = find(&v1, &caller, name).await?;
    let look = || -> futures::future::BoxFuture<'static, _> {
        let v1 = v1.clone();
        Box::pin(async move {
            v1.read(|tx| {
                Box::pin(async move {
                    let request = tx.load_request(id).await?;
                    shown::request(tx, request).await
                })
            })
            .await
        })
    };
    wait::news(&v1, id.0, wait, look, |request| !dull.iter().any(|state| state == standing(request))).await.map(Json)
}

/// Where a request stands, and from its approval on where its grant does.
fn standing(request: &api::Request) -> &'static str {
    match (&request.state, &request.grant) {
        (RequestState::Awaiting, _) => "awaiting",
        (RequestState::Denied, _) => "denied",
        (RequestState::Cancelled, _) => "cancelled",
        (RequestState::Lapsed, _) => "lapsed",
        (RequestState::Approved, Some(grant)) if request.extends.is_none() => match grant.state {
            GrantState::Applying => "applying",
            GrantState::Active => "active",
            GrantState::Ending => "ending",
            GrantState::Ended => "ended",
            GrantState::Failed => "failed",
        },
        (RequestState::Approved, _) => "approved",
    }
}

/// The request's id, if it is the caller's.
async fn find(v1: &V1, caller: &Caller, name: Name) -> Result<RequestId, Failure> {
    let request = v1.read(|tx| Box::pin(async move { lookup(tx, name).await })).await?;
    match request {
        None => Err(unknown()),
        Some(request) if request.requester != *caller.principal() => {
            let detail = format!("{} is somebody else's request.", request.code.request());
            Err(Failure::new(ProblemCode::Forbidden, detail))
        }
        Some(request) => Ok(request.id),
    }
}

async fn lookup(tx: &mut Tx, name: Name) -> Result<Option<Request>, StoreError> {
    match name {
        Name::Id(id) => tx.lookup_request(RequestId(id)).await,
        Name::Code(code) => tx.lookup_request_by_code(&code).await,
    }
}

/// Withdraws a request of the caller's.
#[utoipa::path(delete, path = "/v1/requests/{id}", tag = "asking", operation_id = "withdraw",
    params(("id" = String, Path, description = "The request's id, or its short name `REQ-7K3M`.")),
    responses((status = 200, description = "The request, withdrawn.", body = api::Request)))]
pub(super) async fn withdraw(
    State(v1): State<Arc<V1>>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<api::Request>, Failure> {
    let name = Name::read(&name)?;
    let request = v1.read(|tx| Box::pin(async move { lookup(tx, name).await })).await?.ok_or_else(unknown)?;
    v1.is_their_run(&caller, request.id, Attempt::Cancel).await?;
    let code = request.code;
    let (env, who) = (v1.app.ctx.env(), caller.principal().clone());
    let outcome = v1.write(move |tx| {
        Box::pin(async move {
            Ok(match cancel::cancel(tx, &env, &who, &code).await? {
                Ok(request) => Ok(shown::request(tx, request).await?),
                Err(refused) => Err(refused),
            })
        })
    });
    outcome.await?.map(Json).map_err(|refused| failure::cancel(&refused))
}
