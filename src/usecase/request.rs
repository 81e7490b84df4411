//! Ask for a role.

use jiff::SignedDuration;

use super::{Env, deny, extend};
use crate::{
    domain::{
        audit::{Actor, Fact, Subject},
        catalog::Limits,
        grant::Grant,
        ids::{CardId, Code, RequestId},
        job::Job,
        policy::{self, Ask, AskRefusal, Verdict},
        principal::Principal,
        request::{Denier, Request, RequestState, ResolvedTargets},
    },
    store::{CardKind, StoreError, Tx},
};

/// Makes a request that people are to decide, and has a card posted; or says which rule stands in the way.
///
/// # Errors
/// When the store fails.
pub async fn request(tx: &mut Tx, env: &Env, ask: Ask) -> Result<Result<Request, AskRefusal>, StoreError> {
    ask_for(tx, env, ask, None).await
}

/// The same, for a grant of its own or for a later end of one.
pub(super) async fn ask_for(
    tx: &mut Tx,
    env: &Env,
    ask: Ask,
    extends: Option<&Grant>,
) -> Result<Result<Request, AskRefusal>, StoreError> {
    match judge(tx, env, &ask).await? {
        Ok(verdict) => keep(tx, env, ask, verdict, extends).await.map(Ok),
        Err(refusal) => {
            let fact = Fact::AskRefused { role: ask.role, reason: ask.reason, refusal: refusal.clone() };
            tx.record(env.now, &Actor::from(&ask.requester), &fact).await?;
            Ok(Err(refusal))
        }
    }
}

async fn judge(tx: &mut Tx, env: &Env, ask: &Ask) -> Result<Result<Verdict, AskRefusal>, StoreError> {
    let members = env.members(tx).await?;
    let verdict = match policy::verdict(&env.catalog, ask, &members) {
        Ok(verdict) => verdict,
        Err(refusal) => return Ok(Err(refusal)),
    };
    Ok(match over_limit(tx, env, &ask.requester, env.catalog.limits).await? {
        Some(refusal) => Err(refusal),
        None => Ok(verdict),
    })
}

async fn over_limit(tx: &mut Tx, env: &Env, who: &Principal, limits: Limits) -> Result<Option<AskRefusal>, StoreError> {
    let an_hour_ago = env.now - SignedDuration::from_hours(1);
    let (pending, within_the_hour) = tx.count_requests(who, env.now, an_hour_ago).await?;
    if pending >= limits.pending_per_person {
        return Ok(Some(AskRefusal::TooManyPending { limit: limits.pending_per_person }));
    }
    let limit = limits.requests_per_person_per_hour;
    Ok((within_the_hour >= limit).then_some(AskRefusal::TooManyThisHour { limit }))
}

async fn keep(
    tx: &mut Tx,
    env: &Env,
    ask: Ask,
    verdict: Verdict,
    extends: Option<&Grant>,
) -> Result<Request, StoreError> {
    let id = RequestId::new(env.now, &*env.entropy);
    let decide_by = env.now + verdict.approval_timeout;
    let request = Request {
        id,
        code: Code::of(id.0, Code::SHORTEST),
        requester: ask.requester,
        role: ask.role,
        reason: ask.reason,
        asked_at: env.now,
        decide_by: extends.map_or(decide_by, |grant| extend::decide_by(grant, decide_by)),
        verdict,
        extends: extends.map(|grant| grant.id),
        plan: ask.plan,
        origin: ask.origin,
        targets: None,
        state: RequestState::Awaiting,
    };
    let request = tx.insert_request(request).await?;
    let fact = Fact::RequestMade {
        about: Subject::from(&request),
        rule: request.verdict.rule,
        quorum: request.verdict.quorum.get(),
        decide_by: request.decide_by,
        extends: extends.map(|grant| grant.code.clone()),
        plan: request.plan.clone().map(Box::new),
        origin: request.origin.clone().map(Box::new),
        policy: request.verdict.policy.clone(),
    };
    tx.record(env.now, &Actor::from(&request.requester), &fact).await?;
    tx.enqueue(&Job::LapseRequest(id), request.decide_by).await?;
    let targets = env.catalog.role(&request.role).map(|role| role.targets.as_slice()).unwrap_or_default();
    match targets.iter().find(|target| target.needs_resolving()) {
        // What it opens and for whom is known already.
        Some(_) if extends.is_some() => announce(tx, env, &request).await?,
        Some(first) => tx.enqueue(&Job::ResolveRequest(id, first.provider()), env.now).await?,
        None => announce(tx, env, &request).await?,
    }
    Ok(request)
}

/// Has the card posted by which people are asked to approve.
async fn announce(tx: &mut Tx, env: &Env, request: &Request) -> Result<(), StoreError> {
    let Some(role) = env.catalog.role(&request.role) else {
        return Ok(());
    };
    let card = CardId::new(env.now, &*env.entropy);
    tx.announce_card(card, CardKind::Request, request.id, &role.channel, env.now).await
}

/// It is known what the request would open: people are asked to approve it.
///
/// # Errors
/// When the store fails.
pub async fn resolved(tx: &mut Tx, env: &Env, id: RequestId, targets: ResolvedTargets) -> Result<(), StoreError> {
    let request = tx.load_request(id).await?;
    if request.state != RequestState::Awaiting {
        return Ok(());
    }
    tx.resolve_request(id, &targets).await?;
    announce(tx, env, &request).await
}

/// The clouds have said that the request cannot be granted: nobody is asked to approve it.
///
/// # Errors
/// When the store fails.
pub async fn impossible(tx: &mut Tx, env: &Env, id: RequestId, why: String) -> Result<(), StoreError> {
    let request = tx.load_request(id).await?;
    if request.state == RequestState::Awaiting {
        deny::close(tx, env, request, &Actor::Jit, Denier::Cloud(why)).await?;
    }
    Ok(())
}
