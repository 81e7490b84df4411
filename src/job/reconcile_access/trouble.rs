//! What is written down while the cloud is not as it should be: why, whether that is for people to look at, and when it
//! is tried again.

use futures::FutureExt;
use jiff::{SignedDuration, Timestamp};

use super::{
    super::{Context, JobError, Outcome, conclude},
    Claimant, was_lost,
};
use crate::{
    domain::{
        access::{Access, AccessState},
        audit::{Actor, Fact, Subject},
        catalog::Nature,
        grant::{Grant, GrantState},
        job::{Job, Leased},
    },
    provider::{ErrorKind, ProviderError, Receipt},
    store::{StoreError, Tx},
    usecase::Env,
};

/// After so many failures in a row people should look. It is still retried.
const STUCK_AFTER: u32 = 6;
/// So long after access should have gone people should look, however often it was tried.
const STUCK_PAST_END: SignedDuration = SignedDuration::from_mins(10);

/// Nothing is wrong, unless the cloud fails at it again and again, or takes too long.
pub(super) async fn wait(
    ctx: &Context,
    leased: &Leased,
    claimants: Vec<Claimant>,
    at: Timestamp,
    because: String,
) -> Result<Outcome, JobError> {
    let now = ctx.clock.now();
    let stuck = claimants.iter().any(|it| {
        // sessions that nothing cuts off before their end are waited for as planned
        let is_late = it.access.target.nature() != Nature::Session && is_overdue(it, now);
        is_late || Receipt(it.access.receipt.clone()).failures() >= STUCK_AFTER
    });
    let env = ctx.env();
    conclude(ctx, leased, Outcome::Again { at }, move |tx| tell(tx, env, claimants, because, stuck).boxed()).await
}

/// The cloud failed in a way that may pass: people are told, and it is tried again for ever.
pub(super) async fn failed(
    ctx: &Context,
    claimants: Vec<Claimant>,
    error: ProviderError,
    attempts: u32,
    by: Option<Timestamp>,
) -> Result<Outcome, JobError> {
    let after = match error.kind {
        ErrorKind::Throttled { after } => after,
        ErrorKind::Denied
        | ErrorKind::NotFound
        | ErrorKind::Conflict
        | ErrorKind::Unavailable
        | ErrorKind::Ambiguous
        | ErrorKind::Refused => None,
    };
    let now = ctx.clock.now();
    let is_refused = |it: &Claimant| error.kind.is_final() && was_lost(it);
    let has_failed = |it: &Claimant| Receipt(it.access.receipt.clone()).failures() >= STUCK_AFTER;
    let stuck = attempts + 1 >= STUCK_AFTER
        || claimants.iter().any(|it| is_overdue(it, now) || is_refused(it) || has_failed(it));
    let (env, words) = (ctx.env(), error.message.clone());
    ctx.store.write(move |tx| tell(tx, env, claimants, words, stuck).boxed()).await?;
    Err(JobError::Provider { message: error.message, after, by })
}

fn is_overdue(it: &Claimant, now: Timestamp) -> bool {
    owed_since(it).is_some_and(|since| since + STUCK_PAST_END <= now)
}

/// Since when an access should be gone, or what it left behind.
fn owed_since(it: &Claimant) -> Option<Timestamp> {
    if it.access.state == AccessState::Gone {
        return it.access.tidy_at;
    }
    match &it.grant.state {
        GrantState::Ending { since, .. } => Some(*since),
        GrantState::Ended { at, .. } | GrantState::Failed { at, .. } => it.access.found_again_at().max(Some(*at)),
        GrantState::Applying | GrantState::Active { .. } => None,
    }
}

async fn tell(tx: &mut Tx, env: Env, claimants: Vec<Claimant>, note: String, stuck: bool) -> Result<(), StoreError> {
    for Claimant { mut access, grant } in claimants {
        let is_owed = access.state != AccessState::Gone || access.tidy_at.is_some_and(|at| at <= env.now);
        let newly_stuck = stuck && access.stuck_since.is_none() && is_owed;
        if newly_stuck {
            access.stuck_since = Some(env.now);
            let (about, resource) = (Subject::from(&grant), access.key.resource.clone());
            let fact = Fact::AccessStuck { about, resource, why: note.clone() };
            tx.record(env.now, &Actor::Jit, &fact).await?;
            tx.enqueue(&Job::RaiseAlarm(grant.id), env.now).await?;
        }
        let is_news = newly_stuck || access.note.as_ref() != Some(&note);
        access.note = Some(note.clone());
        let was = access.state;
        tx.save_access(&access, was).await?;
        if is_news {
            tx.refresh_cards(grant.request, env.now).await?;
        }
    }
    Ok(())
}

/// The cloud has done what it should: nothing stands in the way any more.
pub(super) async fn unstick(tx: &mut Tx, env: &Env, access: &mut Access, grant: &Grant) -> Result<(), StoreError> {
    access.note = None;
    if access.stuck_since.take().is_some() {
        let (about, resource) = (Subject::from(grant), access.key.resource.clone());
        tx.record(env.now, &Actor::Jit, &Fact::AccessUnstuck { about, resource }).await?;
    }
    Ok(())
}
