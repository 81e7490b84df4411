//! Ask for a later end of a grant, and move it once that is approved.
//!
//! An extension is a request like any other, decided under the rule that covers the grant's whole length: many short
//! extensions need what one long request would have needed. The grant stays the same one, so what runs under it goes on.

use std::time::Duration;

use jiff::Timestamp;

use super::{Env, approve::Approval, deny, request, review};
use crate::{
    domain::{
        access::Access,
        audit::{Actor, Attempt, AttemptRefusal, Fact, Subject},
        catalog::Role,
        grant::{Grant, GrantState},
        ids::{GrantId, UserId},
        job::Job,
        policy::{Ask, AskRefusal, Tally, Verdict},
        principal::Principal,
        request::{Denier, Request, RequestEvent},
    },
    store::{StoreError, Tx},
};

/// Why a later end was not even asked for.
#[derive(Debug, Clone)]
pub enum Refused {
    /// There is no such grant.
    Unknown,
    /// It is somebody else's.
    NotTheirs(Grant),
    /// It is ending or over.
    Over(Grant),
    /// A request for a later end of it waits already.
    Waiting(Box<Request>),
    /// The policy says no.
    Policy(AskRefusal),
}

/// Asks for `more` time, for the grant's own reason or a new one.
///
/// # Errors
/// When the store fails.
pub async fn extend(
    tx: &mut Tx,
    env: &Env,
    by: &Principal,
    grant: Option<Grant>,
    more: Duration,
    reason: String,
) -> Result<Result<Request, Refused>, StoreError> {
    let Some(grant) = grant else {
        return Ok(Err(Refused::Unknown));
    };
    let refuse = |refusal| Fact::AttemptRefused { about: Subject::from(&grant), attempt: Attempt::Extend, refusal };
    if grant.holder != *by {
        tx.record(env.now, &by.into(), &refuse(AttemptRefusal::NotTheirs)).await?;
        return Ok(Err(Refused::NotTheirs(grant)));
    }
    if !grant.covers(env.now) {
        tx.record(env.now, &by.into(), &refuse(AttemptRefusal::TooLate)).await?;
        return Ok(Err(Refused::Over(grant)));
    }
    if let Some(waiting) = tx.awaiting_extensions_of(grant.id).await?.pop() {
        return Ok(Err(Refused::Waiting(Box::new(waiting))));
    }
    let reason = if reason.trim().is_empty() { grant.reason.clone() } else { reason };
    let whole = grant.length().saturating_add(more);
    // It is the same plan, and so the same rule if that looks at plans.
    let Request { plan, origin, .. } = tx.load_request(grant.request).await?;
    let role = grant.role.clone();
    let ask = Ask { requester: by.clone(), role, duration: Some(whole), reason, plan, origin };
    Ok(request::ask_for(tx, env, ask, Some(&grant)).await?.map_err(Refused::Policy))
}

/// Moves the grant's end to where its approved extension has it.
pub(super) async fn prolong(
    tx: &mut Tx,
    env: &Env,
    by: &UserId,
    request: Request,
    (id, role): (GrantId, &Role),
    today: &Verdict,
    tally: Tally,
) -> Result<Approval, StoreError> {
    let mut grant = tx.load_grant(id).await?;
    let accesses = tx.accesses_of(id).await?;
    let obstacle = if !grant.covers(env.now) {
        Some(AskRefusal::GrantOver)
    } else if opens_something_else(tx, &grant, &accesses, role).await? {
        Some(AskRefusal::TargetsChanged)
    } else {
        None
    };
    if let Some(refusal) = obstacle {
        let request = deny::close(tx, env, request, &Actor::Jit, Denier::Policy(refusal.clone())).await?;
        return Ok(Approval::PolicyDenied(request, refusal));
    }
    let before = grant.ends_at;
    grant.ends_at = grant.end_after(request.duration()).max(before);
    tx.set_grant_end(id, before, grant.ends_at).await?;
    let state = request.state.apply(RequestEvent::QuorumReached { at: env.now, grant: id })?;
    let fact = Fact::GrantExtended {
        about: Subject { grant: Some(id), ..Subject::from(&request) },
        approvers: tally.given.into_iter().collect(),
        before,
        ends_at: grant.ends_at,
        policy: today.policy.clone(),
    };
    tx.record(env.now, &Actor::Person(by.clone()), &fact).await?;
    tx.drop_job(&Job::EndGrant(id)).await?;
    tx.enqueue(&Job::EndGrant(id), grant.ends_at).await?;
    for access in accesses {
        tx.enqueue(&Job::ReconcileAccess(access.key), env.now).await?;
    }
    let request = review::close(tx, env, request, state).await?;
    tx.refresh_cards(grant.request, env.now).await?;
    Ok(Approval::Extended(request, grant))
}

/// Whether the role's targets are not those that the grant was given for.
async fn opens_something_else(
    tx: &mut Tx,
    grant: &Grant,
    accesses: &[Access],
    role: &Role,
) -> Result<bool, StoreError> {
    let original = tx.load_request(grant.request).await?;
    Ok(match original.targets {
        Some(then) => then.configured != role.targets,
        None => !accesses.iter().map(|access| &access.target).eq(&role.targets),
    })
}

/// A cloud will not let it exist for longer: the grant ends when what every cloud has confirmed ends.
///
/// # Errors
/// When the store fails.
pub async fn fall_back(tx: &mut Tx, env: &Env, id: GrantId, why: String) -> Result<(), StoreError> {
    let mut grant = tx.load_grant(id).await?;
    let accesses = tx.accesses_of(id).await?;
    let confirmed = accesses.iter().filter_map(|access| access.until).min();
    let (GrantState::Active { .. }, Some(until)) = (&grant.state, confirmed) else { return Ok(()) };
    if until >= grant.ends_at {
        return Ok(());
    }
    for mut access in accesses.into_iter().filter(|access| access.until == Some(until)) {
        access.note = Some(why.clone());
        let was = access.state;
        tx.save_access(&access, was).await?;
    }
    tx.set_grant_end(id, grant.ends_at, until).await?;
    grant.ends_at = until;
    let fact = Fact::ExtensionFailed { about: Subject::from(&grant), why, ends_at: until };
    tx.record(env.now, &Actor::Jit, &fact).await?;
    tx.drop_job(&Job::EndGrant(id)).await?;
    tx.enqueue(&Job::EndGrant(id), until).await?;
    tx.refresh_cards(grant.request, env.now).await
}

/// The grant is ending: whoever asked for a later end is told that there is nothing left to extend.
pub(super) async fn forget(tx: &mut Tx, env: &Env, grant: GrantId) -> Result<(), StoreError> {
    for request in tx.awaiting_extensions_of(grant).await? {
        deny::close(tx, env, request, &Actor::Jit, Denier::Policy(AskRefusal::GrantOver)).await?;
    }
    Ok(())
}

/// From when on a request for a later end of this grant can no longer be decided.
pub(super) fn decide_by(grant: &Grant, by: Timestamp) -> Timestamp {
    by.min(grant.ends_at)
}
