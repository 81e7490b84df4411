//! End a grant: because its time is over, because its holder gives it back, because an approver takes it back, or
//! because it could not be given in the first place.

use super::{Env, extend};
use crate::{
    domain::{
        access::{Access, AccessState},
        audit::{Actor, Attempt, AttemptRefusal, Fact, Subject},
        grant::{EndCause, Grant, GrantEvent, GrantState},
        ids::{Code, GrantId, UserId},
        job::Job,
        principal::Principal,
    },
    store::{StoreError, Tx},
};

/// Why a grant was not ended.
#[derive(Debug, Clone)]
pub enum Refused {
    /// There is none of that name.
    Unknown,
    /// It is for somebody else to do.
    NotTheirs(Grant),
    /// It is ending or over.
    TooLate(Grant),
}

/// The holder gives the grant back.
///
/// # Errors
/// When the store fails.
pub async fn give_back(
    tx: &mut Tx,
    env: &Env,
    by: &Principal,
    id: GrantId,
) -> Result<Result<Grant, Refused>, StoreError> {
    let Some(grant) = tx.lookup_grant(id).await? else {
        return Ok(Err(Refused::Unknown));
    };
    let theirs = grant.holder == *by;
    end_early(tx, env, by, grant, theirs, Attempt::End, EndCause::GivenBack).await
}

/// The holder gives the grant back, by its short name.
///
/// # Errors
/// When the store fails.
pub async fn give_back_by_code(
    tx: &mut Tx,
    env: &Env,
    by: &Principal,
    code: &Code,
) -> Result<Result<Grant, Refused>, StoreError> {
    match tx.lookup_grant_by_code(code).await? {
        Some(grant) => give_back(tx, env, by, grant.id).await,
        None => Ok(Err(Refused::Unknown)),
    }
}

/// Somebody who may decide on the request takes the grant back. The holder is never kept from it either.
///
/// # Errors
/// When the store fails.
pub async fn revoke(tx: &mut Tx, env: &Env, by: &UserId, id: GrantId) -> Result<Result<Grant, Refused>, StoreError> {
    let Some(grant) = tx.lookup_grant(id).await? else {
        return Ok(Err(Refused::Unknown));
    };
    let verdict = tx.load_request(grant.request).await?.verdict;
    let members = env.members(tx).await?;
    let theirs = grant.holder.is(by) || verdict.approvers.contains(by, &members);
    let cause = if grant.holder.is(by) { EndCause::GivenBack } else { EndCause::Revoked { by: by.clone() } };
    end_early(tx, env, &by.into(), grant, theirs, Attempt::Revoke, cause).await
}

async fn end_early(
    tx: &mut Tx,
    env: &Env,
    by: &Principal,
    grant: Grant,
    theirs: bool,
    attempt: Attempt,
    cause: EndCause,
) -> Result<Result<Grant, Refused>, StoreError> {
    let actor = Actor::from(by);
    let refuse = |refusal| Fact::AttemptRefused { about: Subject::from(&grant), attempt, refusal };
    if !theirs {
        tx.record(env.now, &actor, &refuse(AttemptRefusal::NotTheirs)).await?;
        return Ok(Err(Refused::NotTheirs(grant)));
    }
    if !grant.covers(env.now) {
        tx.record(env.now, &actor, &refuse(AttemptRefusal::TooLate)).await?;
        return Ok(Err(Refused::TooLate(grant)));
    }
    begin(tx, env, grant, &actor, cause).await.map(Ok)
}

/// Ends the grant if its time is over. Called when it is, and harmless at any other time.
///
/// # Errors
/// When the store fails.
pub async fn expire(tx: &mut Tx, env: &Env, id: GrantId) -> Result<(), StoreError> {
    let grant = tx.load_grant(id).await?;
    match grant.state {
        GrantState::Applying if env.now >= grant.ends_at => {
            let why = too_late(&tx.accesses_of(id).await?);
            begin(tx, env, grant, &Actor::Jit, EndCause::NotGrantable { why }).await?;
        }
        GrantState::Active { .. } if env.now >= grant.ends_at => {
            begin(tx, env, grant, &Actor::Jit, EndCause::Expired).await?;
        }
        GrantState::Applying | GrantState::Active { .. } => {
            tx.enqueue(&Job::EndGrant(id), grant.ends_at).await?;
        }
        GrantState::Ending { .. } | GrantState::Ended { .. } | GrantState::Failed { .. } => {}
    }
    Ok(())
}

/// What had not come when the time was over, and the last that was heard of each.
fn too_late(accesses: &[Access]) -> String {
    let missing: Vec<&Access> = accesses.iter().filter(|access| access.state != AccessState::Live).collect();
    let heard = missing.iter().filter_map(|access| Some(named(access, access.note.as_deref()?, accesses.len())));
    let heard: Vec<String> = heard.collect();
    let what = if accesses.len() > 1 { "all of it" } else { "it" };
    let before = format!("its time was over before the cloud had confirmed {what}");
    if heard.is_empty() { before } else { format!("{before}: {}", heard.join("; ")) }
}

/// Which of several it is about.
fn named(access: &Access, why: &str, of: usize) -> String {
    if of > 1 { format!("{}: {why}", access.key.resource) } else { why.to_owned() }
}

/// Ends a grant of which a cloud will not give this access. The rest of it is taken back.
///
/// # Errors
/// When the store fails.
pub async fn give_up(tx: &mut Tx, env: &Env, access: &Access, why: &str) -> Result<(), StoreError> {
    let grant = tx.load_grant(access.grant).await?;
    match grant.state {
        GrantState::Applying => {
            let why = named(access, why, tx.accesses_of(grant.id).await?.len());
            begin(tx, env, grant, &Actor::Jit, EndCause::NotGrantable { why }).await?;
        }
        GrantState::Active { .. }
        | GrantState::Ending { .. }
        | GrantState::Ended { .. }
        | GrantState::Failed { .. } => {}
    }
    Ok(())
}

/// From here on nothing can be claimed, and the clouds are told.
async fn begin(tx: &mut Tx, env: &Env, mut grant: Grant, actor: &Actor, cause: EndCause) -> Result<Grant, StoreError> {
    let state = grant.state.apply(GrantEvent::EndCalled { at: env.now, cause: cause.clone() })?;
    tx.move_grant(&grant, &state).await?;
    tx.record(env.now, actor, &Fact::GrantEnding { about: Subject::from(&grant), cause }).await?;
    tx.drop_job(&Job::EndGrant(grant.id)).await?;
    extend::forget(tx, env, grant.id).await?;
    for access in tx.accesses_of(grant.id).await? {
        tx.enqueue(&Job::ReconcileAccess(access.key), env.now).await?;
    }
    tx.refresh_cards(grant.request, env.now).await?;
    grant.state = state;
    Ok(grant)
}
