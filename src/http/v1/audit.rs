//! The audit trail, for auditors.

use std::sync::Arc;

use axum::{Json, extract::State};
use jiff::Timestamp;

use super::{V1, body::Parameters, caller::Caller, failure::Failure, login::is_auditor};
use crate::{
    api::{AuditEvent, AuditPage, ProblemCode},
    domain::audit::Event,
};

/// How many events one answer has at most.
const MOST: i64 = 1_000;
/// How many it has when nobody says.
const USUAL: i64 = 100;

/// A part of the trail.
#[utoipa::path(get, path = "/v1/audit", tag = "auditing", operation_id = "audit",
    params(("after" = Option<i64>, Query, minimum = 0, description = "The place of the last event that is known already."),
           ("limit" = Option<i64>, Query, minimum = 1, maximum = 1000, description = "How many events to answer with at most; \
            100 when not said.")),
    responses((status = 200, description = "Events, in order.", body = AuditPage)))]
pub(super) async fn trail(
    State(v1): State<Arc<V1>>,
    caller: Caller,
    parameters: Parameters,
) -> Result<Json<AuditPage>, Failure> {
    let after = parameters.number("after", 0..=i64::MAX - 1)?.unwrap_or_default();
    let limit = parameters.number("limit", 1..=MOST)?.unwrap_or(USUAL);
    v1.is_here(&caller).await?;
    if !is_auditor(&v1, &caller).await? {
        let detail = "The trail is for auditors. An operator can name you in `api.auditors`.";
        return Err(Failure::new(ProblemCode::Forbidden, detail));
    }
    let most = u32::try_from(limit).unwrap_or(u32::MAX);
    let found = v1.read(|tx| Box::pin(async move { tx.events_after(after, most + 1).await })).await?;
    let is_more = found.len() > usize::try_from(limit).unwrap_or(usize::MAX);
    let events: Vec<AuditEvent> =
        found.into_iter().take(usize::try_from(limit).unwrap_or_default()).map(shown).collect();
    let next = events.last().map(|event| event.seq).filter(|_| is_more);
    Ok(Json(AuditPage { events, next }))
}

fn shown(event: Event) -> AuditEvent {
    let Event { seq, at, actor, kind, request_id, grant_id, fact, prev, hash } = event;
    AuditEvent {
        seq,
        at: Timestamp::from_microsecond(at).unwrap_or_default(),
        actor,
        kind,
        request_id,
        grant_id,
        fact: serde_json::from_str(&fact).unwrap_or_default(),
        prev,
        hash,
    }
}
