//! Calls that must not happen twice: the answer is kept with what it answers, in one transaction, and given again.

use std::sync::Arc;

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures::future::BoxFuture;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{V1, caller::Caller, failure::Failure};
use crate::{
    api::{CONTENT_TYPE, IDEMPOTENCY_KEY, ProblemCode},
    domain::principal::Principal,
    store::{Call, StoreError, Tx},
};

/// An answer that can be kept: no secret is in it.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    status: u16,
    body: String,
}

impl Answer {
    /// Something was made.
    pub(super) fn created<T: Serialize>(made: &T) -> Self {
        Self { status: StatusCode::CREATED.as_u16(), body: json(made) }
    }

    /// The rules say no, and would say so again.
    pub(super) fn failed(failure: &Failure) -> Self {
        let problem = failure.problem();
        Self { status: problem.status, body: json(&problem) }
    }

    fn respond(self, replayed: bool) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let kind = if status.is_success() { "application/json" } else { CONTENT_TYPE };
        let mut response = (status, self.body).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        if replayed {
            response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        }
        response
    }
}

/// Says that an answer was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The types that are written here are maps, texts and numbers, which JSON has all of.
fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// The call's key, if it has one. Each run of a pipeline has keys of its own: the answer to another is of no use to it.
pub(super) fn key(headers: &HeaderMap, caller: &Caller) -> Result<Option<String>, Failure> {
    let Some(key) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    let key = key.to_str().ok().filter(|key| (1..=200).contains(&key.len()));
    let of_run = |key: &str| caller.run().map_or_else(|| key.to_owned(), |run| format!("{run} {key}"));
    key.map(|key| Some(of_run(key)))
        .ok_or_else(|| Failure::invalid("`Idempotency-Key` has 1 to 200 printable letters of ASCII."))
}

/// What a call asks for, as a digest: the route, and the body as it was understood.
pub(super) fn digest<T: Serialize>(route: &str, asked: &T) -> String {
    let mut hasher = Sha256::new();
    hasher.update(route.as_bytes());
    hasher.update([0]);
    hasher.update(json(asked).as_bytes());
    hex::encode(hasher.finalize())
}

enum Outcome {
    Fresh(Answer),
    Replayed(Answer),
    Mismatch,
}

/// Does `work` once for this caller and key; without a key, each time.
pub(super) async fn answered<F>(
    v1: &Arc<V1>,
    (who, key, digest): (Principal, Option<String>, String),
    work: F,
) -> Result<Response, Failure>
where
    F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<Answer, StoreError>> + Send + 'static,
{
    let now = v1.app.ctx.clock.now();
    let outcome = v1.write(move |tx| {
        Box::pin(async move {
            let Some(key) = key else { return work(tx).await.map(Outcome::Fresh) };
            if let Some(Call { digest: known, status, answer }) = tx.earlier_call(&who, &key).await? {
                let answer = Answer { status: u16::try_from(status).unwrap_or_default(), body: answer };
                return Ok(if known == digest { Outcome::Replayed(answer) } else { Outcome::Mismatch });
            }
            let answer = work(tx).await?;
            let call = Call { digest, status: i64::from(answer.status), answer: answer.body.clone() };
            tx.remember_call((&who, &key), &call, now).await?;
            Ok(Outcome::Fresh(answer))
        })
    });
    match outcome.await? {
        Outcome::Fresh(answer) => Ok(answer.respond(false)),
        Outcome::Replayed(answer) => Ok(answer.respond(true)),
        Outcome::Mismatch => Err(Failure::new(
            ProblemCode::IdempotencyMismatch,
            "This `Idempotency-Key` was used for something else. Take a new key for each new ask.",
        )),
    }
}
