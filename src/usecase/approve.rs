//! Approve a request. The last approval that is needed begins the grant.

use super::{
    Env, deny, extend,
    review::{self, Refused},
};
use crate::{
    domain::{
        access::{Access, AccessKey, AccessState},
        audit::{Actor, Attempt, Fact, Receipt, Subject},
        catalog::{Role, Target},
        grant::{Grant, GrantState, end_of},
        ids::{AccessId, GrantId, RequestId, UserId},
        job::Job,
        policy::{self, Ask, AskRefusal, ReviewRefusal, Tally, Verdict},
        request::{Denier, Request, RequestEvent},
    },
    store::{StoreError, Tx},
};

/// What a click on Approve came to.
#[derive(Debug, Clone)]
pub enum Approval {
    /// It counts, and more are needed.
    Counted(Request, Tally),
    /// It was the last one: the grant has begun.
    Granted(Request, Grant),
    /// It was the last one: the grant ends later now.
    Extended(Request, Grant),
    /// It was the last one, but today's policy no longer allows what was asked.
    PolicyDenied(Request, AskRefusal),
    /// It does not count.
    Refused(Refused),
}

/// Counts `by`'s approval.
///
/// # Errors
/// When the store fails.
pub async fn approve(tx: &mut Tx, env: &Env, by: &UserId, id: RequestId) -> Result<Approval, StoreError> {
    let request = match review::open_request(tx, env, by, id, Attempt::Approve).await? {
        Ok(request) => request,
        Err(refused) => return Ok(Approval::Refused(refused)),
    };
    if !tx.insert_review(id, by, true, env.now).await? {
        let refusal = ReviewRefusal::AlreadyApproved;
        return Ok(Approval::Refused(review::refuse(tx, env, by, request, Attempt::Approve, refusal).await?));
    }
    let frozen = tally(tx, env, &request, &request.verdict).await?;
    if !frozen.complete() {
        return count(tx, env, by, request, frozen).await;
    }
    match todays_verdict(tx, env, &request).await? {
        Err(refusal) => {
            note_review(tx, env, by, &request, &frozen).await?;
            let denier = Denier::Policy(refusal.clone());
            let request = deny::close(tx, env, request, &Actor::Jit, denier).await?;
            Ok(Approval::PolicyDenied(request, refusal))
        }
        Ok((role, _)) if request.targets.as_ref().is_some_and(|then| then.configured != role.targets) => {
            let refusal = AskRefusal::TargetsChanged;
            let denier = Denier::Policy(refusal.clone());
            let request = deny::close(tx, env, request, &Actor::Jit, denier).await?;
            Ok(Approval::PolicyDenied(request, refusal))
        }
        Ok((role, today)) => {
            let strict = tally(tx, env, &request, &today).await?;
            if strict.complete() {
                match request.extends {
                    Some(id) => extend::prolong(tx, env, by, request, (id, &role), &today, strict).await,
                    None => grant(tx, env, by, request, &role, &today, strict).await,
                }
            } else {
                count(tx, env, by, request, strict).await
            }
        }
    }
}

/// What the same ask would be told today. The limits on how often one may ask were met when it was made.
async fn todays_verdict(
    tx: &mut Tx,
    env: &Env,
    request: &Request,
) -> Result<Result<(Role, Verdict), AskRefusal>, StoreError> {
    let ask = Ask {
        requester: request.requester.clone(),
        role: request.role.clone(),
        duration: Some(request.duration()),
        reason: request.reason.clone(),
        plan: request.plan.clone(),
        origin: request.origin.clone(),
    };
    let members = env.members(tx).await?;
    let missing = || AskRefusal::UnknownRole { asked: request.role.clone(), did_you_mean: None };
    Ok(policy::verdict(&env.catalog, &ask, &members)
        .and_then(|verdict| Ok((env.catalog.role(&request.role).ok_or_else(missing)?.clone(), verdict))))
}

async fn tally(tx: &mut Tx, env: &Env, request: &Request, today: &Verdict) -> Result<Tally, StoreError> {
    let approvals = tx.approvals_of(request.id).await?;
    let members = env.members(tx).await?;
    Ok(request.verdict.tally(today, &request.requester, &approvals, &members))
}

async fn count(tx: &mut Tx, env: &Env, by: &UserId, request: Request, tally: Tally) -> Result<Approval, StoreError> {
    note_review(tx, env, by, &request, &tally).await?;
    tx.refresh_cards(request.id, env.now).await?;
    Ok(Approval::Counted(request, tally))
}

async fn note_review(tx: &mut Tx, env: &Env, by: &UserId, request: &Request, tally: &Tally) -> Result<(), StoreError> {
    let (given, needed) = (tally.given.len(), tally.needed.get());
    let fact = Fact::ReviewGiven { about: Subject::from(request), given, needed };
    tx.record(env.now, &Actor::Person(by.clone()), &fact).await
}

async fn grant(
    tx: &mut Tx,
    env: &Env,
    by: &UserId,
    request: Request,
    role: &Role,
    today: &Verdict,
    tally: Tally,
) -> Result<Approval, StoreError> {
    let id = GrantId::new(env.now, &*env.entropy);
    let grant = Grant {
        id,
        request: request.id,
        code: request.code.clone(),
        holder: request.requester.clone(),
        role: request.role.clone(),
        reason: request.reason.clone(),
        approvers: tally.given.into_iter().collect(),
        starts_at: env.now,
        ends_at: end_of(env.now, request.duration()),
        state: GrantState::Applying,
    };
    let state = request.state.apply(RequestEvent::QuorumReached { at: env.now, grant: id })?;
    tx.insert_grant(&grant).await?;
    let fact = Fact::RequestApproved {
        about: Subject::from(&grant),
        approvers: grant.approvers.clone(),
        ends_at: grant.ends_at,
        policy: today.policy.clone(),
    };
    tx.record(env.now, &Actor::Person(by.clone()), &fact).await?;
    let targets: Vec<(&Target, Receipt)> = match &request.targets {
        Some(targets) => targets.each().collect(),
        None => role.targets.iter().map(|target| (target, Receipt::new())).collect(),
    };
    for (position, (target, receipt)) in (0..).zip(targets) {
        owe(tx, env, &grant, position, target, receipt).await?;
    }
    tx.enqueue(&Job::EndGrant(id), grant.ends_at).await?;
    let request = review::close(tx, env, request, state).await?;
    Ok(Approval::Granted(request, grant))
}

/// Writes down what is owed, before any cloud hears of it.
async fn owe(
    tx: &mut Tx,
    env: &Env,
    grant: &Grant,
    position: u16,
    target: &Target,
    receipt: Receipt,
) -> Result<(), StoreError> {
    let key = AccessKey::of(target, &grant.holder, grant.id);
    let access = Access {
        id: AccessId::new(env.now, &*env.entropy),
        grant: grant.id,
        position,
        key: key.clone(),
        target: target.clone(),
        state: AccessState::Wanted,
        receipt,
        sessions_until: None,
        tidy_at: None,
        until: None,
        note: None,
        stuck_since: None,
    };
    tx.insert_access(&access).await?;
    tx.enqueue(&Job::ReconcileAccess(key), env.now).await
}
