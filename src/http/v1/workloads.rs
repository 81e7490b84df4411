//! Pipelines prove who they are and get a session.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Json, extract::State, http::StatusCode};
use jiff::SignedDuration;

use super::{V1, body::Body, caller::Place, failure::Failure};
use crate::{
    api::{ProblemCode, Proof, Secret, WorkloadSession},
    identity::{Disproof, Disproven, Verified},
    usecase::session::{self, Proven},
};

/// Begins a pipeline's session, by a proof that counts once.
#[utoipa::path(post, path = "/v1/workload-sessions", tag = "signing in", operation_id = "prove", request_body = Proof,
    responses((status = 201, description = "A session.", body = WorkloadSession)),
    security(()))]
pub(super) async fn prove(
    State(v1): State<Arc<V1>>,
    place: Place,
    Body(proof): Body<Proof>,
) -> Result<(StatusCode, Json<WorkloadSession>), Failure> {
    v1.admit(place)?;
    let (env, config) = (v1.app.ctx.env(), v1.app.config.load_full());
    let (workloads, audience, verifier) = (env.catalog.workloads.values(), config.audience(), &v1.app.identity);
    let verified = match &proof {
        Proof::OidcToken(token) | Proof::AwsWebIdentityToken(token) => {
            verifier.token(token.expose(), workloads, audience, env.now).await
        }
        Proof::AwsCallerIdentity(call) => verifier.caller(call.url.expose(), workloads, audience, env.now).await,
    };
    match verified {
        Ok(verified) => accept(&v1, place, verified).await,
        Err(Disproven { why, claimed }) => Err(disbelieve(&v1, place, (code(&why), why.to_string()), claimed).await?),
    }
}

async fn accept(v1: &V1, place: Place, verified: Verified) -> Result<(StatusCode, Json<WorkloadSession>), Failure> {
    let Verified { workload, lasts, origin, once, worthless_from } = verified;
    let claimed = BTreeMap::from([
        ("workload".to_owned(), workload.to_string()),
        ("iss".to_owned(), origin.issuer.clone()),
        ("actor".to_owned(), origin.actor.clone().unwrap_or_default()),
    ]);
    let lasts = SignedDuration::try_from(lasts).unwrap_or(SignedDuration::from_hours(1));
    let name = workload.to_string();
    let proven = Proven { workload, origin, once, worthless_from, lasts, place: place.shown() };
    let env = v1.app.ctx.env();
    let accepted = v1.write(move |tx| Box::pin(async move { session::accept(tx, &env, proven).await })).await?;
    let Some((session, token)) = accepted else {
        let detail = "This proof was used before. Each counts once: get a fresh one.".to_owned();
        return Err(disbelieve(v1, place, (ProblemCode::TokenReplayed, detail), claimed).await?);
    };
    let token = Secret(token.expose().to_owned());
    let session = WorkloadSession { token, workload: name, expires_at: session.expires_at };
    Ok((StatusCode::CREATED, Json(session)))
}

/// Puts it on the trail, and words it. That an issuer cannot be asked says nothing about the proof.
async fn disbelieve(
    v1: &V1,
    place: Place,
    (code, detail): (ProblemCode, String),
    claimed: BTreeMap<String, String>,
) -> Result<Failure, Failure> {
    if code == ProblemCode::IssuerUnavailable {
        return Ok(Failure::new(code, detail).after(5));
    }
    let because = serde_json::to_value(code).unwrap_or_default().as_str().unwrap_or_default().to_owned();
    let (env, proof) = (v1.app.ctx.env(), session::Disproven { because, claimed, place: place.shown() });
    v1.write(move |tx| Box::pin(async move { session::disbelieve(tx, &env, proof).await })).await?;
    Ok(Failure::new(code, detail))
}

fn code(why: &Disproof) -> ProblemCode {
    match why {
        Disproof::Invalid(_) => ProblemCode::TokenInvalid,
        Disproof::Expired(_) => ProblemCode::TokenExpired,
        Disproof::Audience(_) => ProblemCode::AudienceMismatch,
        Disproof::Unknown(_) => ProblemCode::WorkloadUnknown,
        Disproof::Unavailable(_) => ProblemCode::IssuerUnavailable,
    }
}
