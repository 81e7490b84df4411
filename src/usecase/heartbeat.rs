//! Hear of the process that uses a grant, and end the grant when it is not heard of any more.
//!
//! The first heartbeat arms the switch: a grant that nobody runs anything with is never missed. Whoever promises heartbeats
//! when they ask is missed from the grant's beginning on, because they may be gone before anybody approves. While the bot
//! is down it hears nobody, so a start begins the wait anew.

use jiff::Timestamp;

use super::{Env, end};
use crate::{
    domain::{
        audit::{Actor, Attempt, AttemptRefusal, Fact, Subject},
        grant::{EndCause, Grant, HEARTBEAT},
        ids::{GrantId, RequestId},
        job::Job,
        principal::Principal,
    },
    store::{StoreError, Tx},
};

/// Notes that the process is there.
///
/// # Errors
/// When the store fails.
pub async fn beat(
    tx: &mut Tx,
    env: &Env,
    by: &Principal,
    id: GrantId,
) -> Result<Result<Grant, end::Refused>, StoreError> {
    let Some(grant) = tx.lookup_grant(id).await? else {
        return Ok(Err(end::Refused::Unknown));
    };
    if grant.holder != *by {
        let (attempt, refusal) = (Attempt::Heartbeat, AttemptRefusal::NotTheirs);
        let fact = Fact::AttemptRefused { about: Subject::from(&grant), attempt, refusal };
        tx.record(env.now, &Actor::from(by), &fact).await?;
        return Ok(Err(end::Refused::NotTheirs(grant)));
    }
    if grant.covers(env.now) {
        tx.set_heard_at(id, env.now).await?;
        tx.enqueue(&Job::WatchHeart(id), env.now + HEARTBEAT).await?;
    }
    Ok(Ok(grant))
}

/// Notes that whoever asks will be heard of.
///
/// # Errors
/// When the store fails.
pub async fn promise(tx: &mut Tx, request: RequestId) -> Result<(), StoreError> {
    tx.promise_heartbeats(request).await
}

/// A grant has become active: from now on its process is missed, if it was promised.
///
/// # Errors
/// When the store fails.
pub(super) async fn expect(tx: &mut Tx, env: &Env, grant: &Grant) -> Result<(), StoreError> {
    if tx.heartbeats_are_promised(grant.request).await? && tx.heard_at(grant.id).await?.is_none() {
        tx.set_heard_at(grant.id, env.now).await?;
        tx.enqueue(&Job::WatchHeart(grant.id), env.now + HEARTBEAT).await?;
    }
    Ok(())
}

/// Ends the grant if its process was not heard of for too long. Answers when to look again, if ever.
///
/// # Errors
/// When the store fails.
pub async fn watch(tx: &mut Tx, env: &Env, id: GrantId) -> Result<Option<Timestamp>, StoreError> {
    let grant = tx.load_grant(id).await?;
    let (Some(last), true) = (tx.heard_at(id).await?, grant.covers(env.now)) else {
        return Ok(None);
    };
    let missed_at = last + HEARTBEAT;
    if env.now < missed_at {
        return Ok(Some(missed_at));
    }
    end::lose(tx, env, grant, EndCause::HeartbeatLost { last }).await?;
    Ok(None)
}
