//! Begin, find, list and end sessions of the API.

use jiff::{SignedDuration, Timestamp};

use super::{Env, claim::Token, login::SESSION_TOKEN};
use crate::{
    domain::{
        audit::{Actor, Fact},
        ids::{SessionId, UserId, WorkloadName},
        principal::Principal,
        session::{Origin, Session},
    },
    store::{StoreError, Tx},
};

/// Keeps a session and answers with its token, which stands nowhere else.
pub(super) async fn begin(tx: &mut Tx, env: &Env, session: &Session) -> Result<Token, StoreError> {
    let token = Token::fresh(SESSION_TOKEN, env);
    tx.insert_session(token.expose(), session).await?;
    let fact = Fact::SessionBegun {
        machine: session.machine.clone(),
        place: session.place.clone(),
        until: session.expires_at,
        origin: session.origin.clone().map(Box::new),
    };
    tx.record(env.now, &Actor::from(&session.principal), &fact).await?;
    Ok(token)
}

/// A proof that holds.
#[derive(Debug, Clone)]
pub struct Proven {
    /// Whose it is.
    pub workload: WorkloadName,
    /// Where the run comes from.
    pub origin: Origin,
    /// What makes the proof unique, hashed.
    pub once: String,
    /// From when on it would not be accepted anyway.
    pub worthless_from: Timestamp,
    /// How long the session lasts.
    pub lasts: SignedDuration,
    /// From which address it came.
    pub place: String,
}

/// A pipeline has proven itself: it gets a session, unless the proof was used before.
///
/// # Errors
/// When the store fails.
pub async fn accept(tx: &mut Tx, env: &Env, proven: Proven) -> Result<Option<(Session, Token)>, StoreError> {
    if !tx.spend_proof(&proven.once, proven.worthless_from).await? {
        return Ok(None);
    }
    let session = Session {
        id: SessionId::new(env.now, &*env.entropy),
        principal: Principal::Workload(proven.workload),
        machine: proven.origin.repository.clone().unwrap_or_else(|| proven.origin.issuer.clone()),
        place: proven.place,
        created_at: env.now,
        expires_at: env.now + proven.lasts,
        revoked_at: None,
        origin: Some(proven.origin),
    };
    let token = begin(tx, env, &session).await?;
    Ok(Some((session, token)))
}

/// A proof that does not hold, for the trail.
#[derive(Debug, Clone)]
pub struct Disproven {
    /// Why, as the API says it.
    pub because: String,
    /// What it said of itself.
    pub claimed: std::collections::BTreeMap<String, String>,
    /// From which address it came.
    pub place: String,
}

/// Puts a proof that does not hold on the trail.
///
/// # Errors
/// When the store fails.
pub async fn disbelieve(tx: &mut Tx, env: &Env, proof: Disproven) -> Result<(), StoreError> {
    let Disproven { because, claimed, place } = proof;
    tx.record(env.now, &Actor::Jit, &Fact::ProofRefused { because, claimed, place }).await
}

/// The machine signs out.
///
/// # Errors
/// When the store fails.
pub async fn sign_out(tx: &mut Tx, env: &Env, session: &Session) -> Result<(), StoreError> {
    end(tx, env, session, true).await
}

/// Somebody ends one of their sessions in Slack. Answers with it, or `None` when there is no such session of theirs.
///
/// # Errors
/// When the store fails.
pub async fn revoke(tx: &mut Tx, env: &Env, by: &UserId, id: SessionId) -> Result<Option<Session>, StoreError> {
    let Some(session) = tx.lookup_session_by_id(id).await?.filter(|session| session.principal.is(by)) else {
        return Ok(None);
    };
    end(tx, env, &session, false).await?;
    Ok(Some(session))
}

async fn end(tx: &mut Tx, env: &Env, session: &Session, signed_out: bool) -> Result<(), StoreError> {
    if tx.revoke_session(session.id, env.now).await? {
        let fact = Fact::SessionEnded { machine: session.machine.clone(), signed_out };
        tx.record(env.now, &Actor::from(&session.principal), &fact).await?;
    }
    Ok(())
}
