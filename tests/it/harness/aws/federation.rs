//! The sign-in service for browsers, as far as we use it: credentials in, token out; link in, console out.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    body::Bytes,
    extract::{RawQuery, State},
    http::{HeaderMap, Method, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use serde_json::json;

use super::{
    faults::Fault,
    proxy::{Shared, broken},
    record::Call,
};

/// Answers both calls. Credentials must come in a form: a URL that held them would be written into logs.
pub(super) async fn answer(
    State(shared): State<Arc<Shared>>,
    method: Method,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let query = query.unwrap_or_default();
    assert!(!query.contains("Session="), "credentials in a URL: {query}");
    let form = if method == Method::POST { &body[..] } else { query.as_bytes() };
    let params: BTreeMap<_, _> = url::form_urlencoded::parse(form).into_owned().collect();
    let action = params.get("Action").cloned().unwrap_or_default();
    let user_agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    let call = Call { action, params, signed_by: None, user_agent: user_agent.to_owned() };
    shared.record.note_call(call.clone());

    match shared.faults.take(&call.action) {
        None | Some(Fault::Twice) => {}
        Some(Fault::Hang | Fault::HangAfter) => shared.faults.healed().await,
        Some(Fault::DropAfter) => return broken(),
        Some(Fault::Refuse { status, .. }) => return StatusCode::from_u16(status).unwrap().into_response(),
        Some(Fault::Answer(body)) => return body.into_response(),
        Some(Fault::Html503 | Fault::FailAfter) => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
    match (method, call.action.as_str()) {
        (Method::POST, "getSigninToken") => token(&shared, &call),
        (Method::GET, "login") => login(&call),
        _ => StatusCode::BAD_REQUEST.into_response(),
    }
}

/// A token for credentials that were minted here and still live.
fn token(shared: &Shared, call: &Call) -> Response {
    let session: serde_json::Value = serde_json::from_str(call.param("Session")).unwrap_or_default();
    let part = |name: &str| session[name].as_str().unwrap_or_default().to_owned();
    let is_ours = shared.record.session(&part("sessionId")).is_some_and(|minted| {
        minted.secret == part("sessionKey") && minted.token == part("sessionToken") && shared.now() < minted.expires_at
    });
    if !is_ours {
        return StatusCode::BAD_REQUEST.into_response();
    }
    axum::Json(json!({ "SigninToken": format!("signin+{}/=", part("sessionId")) })).into_response()
}

fn login(call: &Call) -> Response {
    if call.param("SigninToken").starts_with("signin+ASIA") && call.param("Issuer").starts_with("http") {
        return Redirect::to(call.param("Destination")).into_response();
    }
    StatusCode::BAD_REQUEST.into_response()
}
