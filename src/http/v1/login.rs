//! Signing in: a code for Slack, and how it stands; who one is; signing out.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
};
use jiff::SignedDuration;

use super::{
    V1,
    body::{Body, Parameters, unknown},
    caller::{Caller, Place, bearer},
    failure::Failure,
    shown, wait,
};
use crate::{
    api::{Kind, Login, LoginAsk, LoginState, LoginStatus, ProblemCode, Secret, Whoami},
    domain::{ids::LoginId, principal::Principal, session, session::LoginState as Standing},
    job::directory,
    usecase::{self, login::Machine},
};

/// Begins a login: shows a code that is to be typed in Slack.
#[utoipa::path(post, path = "/v1/logins", tag = "signing in", operation_id = "begin_login", request_body = LoginAsk,
    responses((status = 201, description = "A code, and the token by which to ask how the login stands.", body = Login)),
    security(()))]
pub(super) async fn begin(
    State(v1): State<Arc<V1>>,
    place: Place,
    Body(ask): Body<LoginAsk>,
) -> Result<(StatusCode, Json<Login>), Failure> {
    v1.admit(place)?;
    if ask.machine.trim().is_empty() || ask.machine.chars().count() > 200 {
        return Err(Failure::invalid("`machine` names the machine that wants to sign in, in 1 to 200 letters."));
    }
    let machine = Machine { name: ask.machine, user: ask.user, place: place.shown() };
    let env = v1.app.ctx.env();
    let (login, token) =
        v1.write(move |tx| Box::pin(async move { usecase::login::begin(tx, &env, machine).await })).await?;
    let answer = Login {
        id: login.id.0,
        code: session::shown_code(&login.code),
        poll_token: Secret(token.expose().to_owned()),
        expires_at: login.expires_at,
    };
    Ok((StatusCode::CREATED, Json(answer)))
}

/// How a login stands; waits for `wait` seconds while nobody has answered.
#[utoipa::path(get, path = "/v1/logins/{id}", tag = "signing in", operation_id = "login",
    params(("id" = String, Path, description = "The login's id."),
           ("wait" = Option<u64>, Query, minimum = 0, maximum = 60, description = "How many seconds to wait for news.")),
    responses((status = 200, description = "How it stands. The token is handed out once.", body = LoginStatus)),
    security(("poll_token" = [])))]
pub(super) async fn look(
    State(v1): State<Arc<V1>>,
    place: Place,
    Path(id): Path<String>,
    parameters: Parameters,
    headers: HeaderMap,
) -> Result<Json<LoginStatus>, Failure> {
    let Some(token) = bearer(&headers).map(str::to_owned) else {
        let detail = "Send `Authorization: Bearer` with the login's `poll_token`.";
        return Err(Failure::new(ProblemCode::Unauthenticated, detail));
    };
    let wait = parameters.wait()?;
    let id: LoginId = id.parse().map_err(|_not_an_id| unknown())?;
    let lasts = SignedDuration::try_from(v1.app.config.load().api.session).unwrap_or(SignedDuration::from_hours(12));
    let look = || -> futures::future::BoxFuture<'static, _> {
        let (v1, token) = (v1.clone(), token.clone());
        Box::pin(async move { fetch(&v1, id, token, lasts).await })
    };
    let found = wait::news(&v1, id.0, wait, look, |status: &Option<LoginStatus>| {
        status.as_ref().is_none_or(|status| status.state != LoginState::Waiting)
    });
    if let Some(status) = found.await? {
        return Ok(Json(status));
    }
    // Whoever guesses gets slower.
    v1.admit(place)?;
    Err(unknown())
}

async fn fetch(v1: &V1, id: LoginId, token: String, lasts: SignedDuration) -> Result<Option<LoginStatus>, Failure> {
    let env = v1.app.ctx.env();
    let now = env.now;
    let asked = token.clone();
    let known = v1.read(move |tx| Box::pin(async move { tx.lookup_login(id, &asked).await })).await?;
    let Some(login) = known else { return Ok(None) };
    let (state, by) = match &login.state {
        Standing::Confirmed { .. } => {
            let fetched = v1
                .write(move |tx| Box::pin(async move { usecase::login::fetch(tx, &env, id, &token, lasts).await }))
                .await?;
            let session = fetched.and_then(|fetched| fetched.session);
            let (person, expires_at, token) = match session {
                Some((session, token)) => {
                    let name = v1.read(|tx| {
                        let principal = session.principal.clone();
                        Box::pin(async move { shown::name(tx, &principal).await })
                    });
                    (Some(name.await?), Some(session.expires_at), Some(Secret(token.expose().to_owned())))
                }
                None => (None, None, None),
            };
            return Ok(Some(LoginStatus { state: LoginState::Confirmed, token, person, expires_at }));
        }
        Standing::Waiting | Standing::Asked { .. } if now < login.expires_at => (LoginState::Waiting, None),
        Standing::Waiting | Standing::Asked { .. } => (LoginState::Expired, None),
        Standing::Refused { .. } => (LoginState::Refused, None),
        Standing::Collected { by } => (LoginState::Confirmed, Some(by.clone())),
    };
    let expires_at = (state == LoginState::Waiting).then_some(login.expires_at);
    Ok(Some(LoginStatus { state, token: None, person: by.map(|by| by.0), expires_at }))
}

/// Who the caller is.
#[utoipa::path(get, path = "/v1/whoami", tag = "signing in", operation_id = "whoami",
    responses((status = 200, description = "Whose session it is.", body = Whoami)))]
pub(super) async fn whoami(State(v1): State<Arc<V1>>, caller: Caller) -> Result<Json<Whoami>, Failure> {
    let is_auditor = is_auditor(&v1, &caller).await?;
    let session = caller.session;
    let principal = session.principal.clone();
    let name = v1.read(|tx| Box::pin(async move { shown::name(tx, &principal).await })).await?;
    Ok(Json(Whoami {
        kind: match session.principal {
            Principal::Person(_) => Kind::Person,
            Principal::Workload(_) => Kind::Workload,
        },
        name,
        id: session.principal.to_string(),
        session_expires_at: session.expires_at,
        is_auditor,
    }))
}

/// Whether the caller may read the audit trail.
pub(super) async fn is_auditor(v1: &V1, caller: &Caller) -> Result<bool, Failure> {
    let auditors = v1.app.ctx.env().catalog.auditors.clone();
    let Some(person) = caller.principal().person().cloned() else { return Ok(false) };
    if auditors.users.contains(&person) || auditors.user_groups.is_empty() {
        return Ok(auditors.users.contains(&person));
    }
    let store = |error| Failure::store(&v1.app, &error);
    directory::ensure_members(&v1.app.ctx, &auditors.user_groups).await.map_err(store)?;
    let since = v1.app.ctx.clock.now() - usecase::MEMBERS_USABLE;
    v1.read(move |tx| Box::pin(async move { Ok(auditors.contains(&person, &tx.members(since).await?)) })).await
}

/// Signs out: the token is worth nothing from then on.
#[utoipa::path(delete, path = "/v1/session", tag = "signing in", operation_id = "sign_out",
    responses((status = 204, description = "Signed out.")))]
pub(super) async fn sign_out(State(v1): State<Arc<V1>>, caller: Caller) -> Result<StatusCode, Failure> {
    let env = v1.app.ctx.env();
    v1.write(move |tx| Box::pin(async move { usecase::session::sign_out(tx, &env, &caller.session).await })).await?;
    Ok(StatusCode::NO_CONTENT)
}
