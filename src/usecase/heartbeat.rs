//! Hear of the process that uses a grant, and end the grant when it is not heard of any more.
//!
//! The first heartbeat arms the switch: a grant that nobody runs anything with is never missed. While the bot is down it
//! hears nobody, so a start begins the wait anew.

use jiff::Timestamp;

use super::{Env, end};
use crate::{
    domain::{
        audit::{Actor, Attempt, AttemptRefusal, Fact, Subject},
        grant::{EndCause, Grant, HEARTBEAT},
        ids::GrantId,
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
