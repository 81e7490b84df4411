//! Access that will not go away, or will not come: what people can do about it from Slack.

use super::Env;
use crate::{
    domain::{
        access::Access,
        audit::{Actor, Fact, Subject},
        grant::Grant,
        ids::{GrantId, UserId},
        job::Job,
    },
    store::{StoreError, Tx},
};

/// What somebody says who clicks a button of an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// Try again now.
    Retry,
    /// It was removed by hand. That is checked against the cloud: nobody's word is taken for it.
    RemovedByHand,
}

/// Why nothing was done.
#[derive(Debug, Clone)]
pub enum Refused {
    /// There is no such grant.
    Unknown,
    /// Nothing of it is stuck any more.
    NotStuck(Box<Grant>),
}

/// Has the cloud asked again at once, whoever asks: looking again can do no harm.
///
/// # Errors
/// When the store fails.
pub async fn look_again(
    tx: &mut Tx,
    env: &Env,
    by: &UserId,
    id: GrantId,
    word: Word,
) -> Result<Result<Grant, Refused>, StoreError> {
    let Some(grant) = tx.lookup_grant(id).await? else {
        return Ok(Err(Refused::Unknown));
    };
    let stuck: Vec<Access> = tx.accesses_of(id).await?.into_iter().filter(is_stuck).collect();
    if stuck.is_empty() {
        return Ok(Err(Refused::NotStuck(Box::new(grant))));
    }
    let fact = Fact::StuckLookedAt { about: Subject::from(&grant), removed_by_hand: word == Word::RemovedByHand };
    tx.record(env.now, &Actor::Person(by.clone()), &fact).await?;
    for access in stuck {
        tx.enqueue(&Job::ReconcileAccess(access.key), env.now).await?;
    }
    Ok(Ok(grant))
}

/// Whether people should look at an access: it does not come, does not go, or has left something behind that does not go.
#[must_use]
pub fn is_stuck(access: &Access) -> bool {
    access.stuck_since.is_some()
}
