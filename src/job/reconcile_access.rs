//! Make the cloud agree with the grants on one access key. The only thing that changes a cloud.
//!
//! Granting, extending, overlapping, ending, recovering from a crash: all of it is this. There is at most one such job
//! for a key at any time, so nobody else moves these accesses meanwhile.

use std::sync::Arc;

use futures::FutureExt;
use jiff::Timestamp;

use self::trouble::{failed, wait};
use super::{Context, JobError, Outcome, cause, conclude, directory};
use crate::{
    domain::{
        access::{Access, AccessEvent, AccessKey, AccessState},
        audit::{Actor, Fact, Subject},
        grant::{Grant, GrantState},
        job::Leased,
    },
    provider::{Cause, Desired, ErrorKind, Holder, Progress, Provider, ProviderError, Receipt, Work},
    store::{StoreError, Tx},
    usecase::{Env, end, extend, settle},
};

mod trouble;

/// More grants than this do not come and go in the minutes that a list may lag.
const PAST_TOLD: usize = 8;

/// An access and the grant it belongs to.
#[derive(Debug, Clone)]
struct Claimant {
    access: Access,
    grant: Grant,
    cause: Cause,
}

pub(super) async fn run(ctx: &Context, key: &AccessKey, leased: &Leased) -> Result<Outcome, JobError> {
    let (wanted, env) = (key.clone(), ctx.env());
    let claimants = ctx.store.read(|tx| Box::pin(async move { load(tx, &env, &wanted).await })).await?;
    let now = ctx.clock.now();
    let (covered, uncovered): (Vec<_>, Vec<_>) = claimants.into_iter().partition(|it| it.grant.covers(now));
    if covered.is_empty() {
        return close(ctx, uncovered, leased).await;
    }
    match open(ctx, covered, uncovered, leased).await? {
        Some(outcome) => Ok(outcome),
        // a grant was given up: what that leaves to do is not put off
        None => Box::pin(run(ctx, key, leased)).await,
    }
}

async fn load(tx: &mut Tx, env: &Env, key: &AccessKey) -> Result<Vec<Claimant>, StoreError> {
    let mut claimants = Vec::new();
    for access in tx.accesses_under(key).await? {
        let grant = tx.load_grant(access.grant).await?;
        let cause = if counts(&access) { cause::of(tx, env, &grant).await? } else { Cause::default() };
        claimants.push(Claimant { access, grant, cause });
    }
    Ok(claimants)
}

/// The receipts of those that are gone, the last ones first, as far back as a cloud's list can lag.
pub(super) fn past<'a>(accesses: impl Iterator<Item = &'a Access>) -> Vec<Receipt> {
    let mut gone: Vec<&Access> = accesses.filter(|access| !counts(access)).collect();
    gone.sort_by_key(|access| std::cmp::Reverse(access.grant));
    gone.into_iter().take(PAST_TOLD).map(|access| Receipt(access.receipt.clone())).collect()
}

/// Some live grant covers the key: the cloud is to have it. Grants that are over lose it without the cloud noticing.
/// Nothing when a grant was given up, so that others may have to be seen to.
async fn open(
    ctx: &Context,
    covered: Vec<Claimant>,
    uncovered: Vec<Claimant>,
    leased: &Leased,
) -> Result<Option<Outcome>, JobError> {
    let attempts = leased.attempts;
    let siblings: Vec<Claimant> = covered.iter().chain(&uncovered).filter(|it| counts(&it.access)).cloned().collect();
    let around = Around { siblings, past: past(covered.iter().chain(&uncovered).map(|it| &it.access)) };
    let mut over: Vec<Claimant> = uncovered.into_iter().filter(|it| it.access.state != AccessState::Gone).collect();
    let until = covered.iter().map(|it| it.grant.ends_at).max().unwrap_or(ctx.clock.now());
    if covered.iter().any(has_been_live) {
        hand_over(ctx, std::mem::take(&mut over)).await?;
    }
    let wanted: Vec<Claimant> = covered.into_iter().filter(|it| lacks(it) || outlasts(it, until)).collect();
    let Some(first) = wanted.first().cloned() else {
        return Ok(Some(Outcome::Done));
    };
    let holder = directory::holder_in_clouds(ctx, &first.grant.holder, attempts).await?;
    let cause = cause::in_full(ctx, &first.access, &first.grant).await?;
    let first = Claimant { cause: cause.unwrap_or(first.cause), ..first };
    let resolved = match provider(ctx, &first) {
        Ok(provider) => provider.resolve(&work(ctx, &first, holder.clone(), &around)).await,
        Err(error) => Err(error),
    };
    let receipt = match resolved {
        Ok(receipt) => receipt,
        Err(error) => return not_given(ctx, wanted, error, attempts).await,
    };
    // Who the holder is in the cloud is written down with the debt, before the cloud hears of it.
    let wanted = noted(wanted, &receipt);
    let first = noted(vec![first.clone()], &receipt).pop().unwrap_or(first);
    let wanted = step(ctx, wanted, AccessEvent::ApplyBegun).await?;
    hand_over(ctx, over).await?;
    match call(ctx, &first, holder, &around, &Desired::Present { until }).await {
        Ok(Progress::Done { receipt, .. }) => {
            let env = ctx.env();
            conclude(ctx, leased, Outcome::Done, move |tx| confirm_live(tx, env, wanted, receipt, until).boxed())
                .await
                .map(Some)
        }
        Ok(Progress::LookAgain { at, because, receipt }) => {
            wait(ctx, leased, noted(wanted, &receipt), at, because).await.map(Some)
        }
        Err(error) => not_given(ctx, wanted, error, attempts).await,
    }
}

/// Whether the cloud has still to be told of it: that it is to be, or that it is to be for longer.
fn lacks(it: &Claimant) -> bool {
    it.access.state != AccessState::Live || it.access.until.is_some_and(|until| until < it.grant.ends_at)
}

/// Whether the cloud ends it by itself, and was told to end it later than any grant wants it now: another grant that
/// shared it is over before its time.
fn outlasts(it: &Claimant, until: Timestamp) -> bool {
    it.access.target.is_in_azure() && it.access.until.is_some_and(|told| told > until)
}

/// Whether it has been confirmed once, so that its own receipt says that what is in the cloud is ours.
fn has_been_live(it: &Claimant) -> bool {
    it.access.state == AccessState::Live || matches!(it.grant.state, GrantState::Active { .. })
}

/// Whether it was there, and is to be given again.
fn was_lost(it: &Claimant) -> bool {
    it.access.state != AccessState::Live && matches!(it.grant.state, GrantState::Active { .. })
}

/// What the cloud will never give is given up, and what it will not prolong ends when it was to. A grant that was live
/// already and has lost its access keeps its claim: it says that it is live, so it is tried on until it is over, and
/// people are told.
async fn not_given(
    ctx: &Context,
    wanted: Vec<Claimant>,
    error: ProviderError,
    attempts: u32,
) -> Result<Option<Outcome>, JobError> {
    if !error.kind.is_final() {
        return failed(ctx, wanted, error, attempts, None).await.map(Some);
    }
    let (lost, new): (Vec<_>, Vec<_>) = wanted.into_iter().partition(was_lost);
    if new.is_empty() {
        return failed(ctx, lost, error, attempts, None).await.map(Some);
    }
    give_up(ctx, new, error.message).await?;
    Ok(None)
}

/// Grants that are over lose the key without the cloud noticing. Only once another grant has it, and what the provider
/// noted of it: until then this is all there is to say that what is in the cloud is ours.
async fn hand_over(ctx: &Context, over: Vec<Claimant>) -> Result<(), StoreError> {
    if over.is_empty() {
        return Ok(());
    }
    let over = step(ctx, over, AccessEvent::NotCovered).await?;
    let env = ctx.env();
    ctx.store.write(move |tx| confirm_gone(tx, env, over, Receipt::default(), None).boxed()).await
}

/// Whether it may be in the cloud, or has left something there.
pub(super) fn counts(access: &Access) -> bool {
    access.state != AccessState::Gone || access.tidy_at.is_some()
}

/// No live grant covers the key: the cloud is not to have it, nor anything the provider put there to take it away.
async fn close(ctx: &Context, claimants: Vec<Claimant>, leased: &Leased) -> Result<Outcome, JobError> {
    let past = past(claimants.iter().map(|it| &it.access));
    let owed: Vec<Claimant> = claimants.into_iter().filter(|it| counts(&it.access)).collect();
    // What is gone already has only to be tidied: its receipt says nothing about what is still there.
    let Some(last) = owed.iter().max_by_key(|it| (it.access.state != AccessState::Gone, it.grant.ends_at)).cloned()
    else {
        return Ok(Outcome::Done);
    };
    if let Some(at) = owed.iter().filter_map(|it| it.access.tidy_at).min()
        && owed.iter().all(|it| it.access.state == AccessState::Gone)
        && at > ctx.clock.now()
    {
        return Ok(Outcome::Again { at });
    }
    let desired = Desired::Absent {
        planned_end: last.grant.ends_at,
        sessions_until: owed.iter().filter_map(|it| it.access.sessions_until).max(),
        early: owed.iter().any(|it| ended_early(&it.grant)),
    };
    // What is being removed already was written down before.
    let is_known = |it: &Claimant| matches!(it.access.state, AccessState::Removing | AccessState::Gone);
    let owed = if owed.iter().all(is_known) { owed } else { step(ctx, owed, AccessEvent::NotCovered).await? };
    let holder = Holder::unknown(last.grant.holder.clone());
    let around = Around { siblings: owed.clone(), past };
    match call(ctx, &last, holder, &around, &desired).await {
        Ok(Progress::Done { receipt, tidy_at }) => {
            let env = ctx.env();
            let outcome = tidy_at.map_or(Outcome::Done, |at| Outcome::Again { at });
            conclude(ctx, leased, outcome, move |tx| confirm_gone(tx, env, owed, receipt, tidy_at).boxed()).await
        }
        Ok(Progress::LookAgain { at, because, receipt }) => wait(ctx, leased, noted(owed, &receipt), at, because).await,
        // from the planned end on the cloud has ended what it could not be made to end before
        Err(error) => failed(ctx, owed, error, leased.attempts, Some(last.grant.ends_at)).await,
    }
}

fn ended_early(grant: &Grant) -> bool {
    match &grant.state {
        GrantState::Ending { cause, .. } | GrantState::Ended { cause, .. } => cause.is_early(),
        GrantState::Failed { .. } => true,
        GrantState::Applying | GrantState::Active { .. } => false,
    }
}

async fn call(
    ctx: &Context,
    whose: &Claimant,
    holder: Holder,
    around: &Around,
    desired: &Desired,
) -> Result<Progress, ProviderError> {
    provider(ctx, whose)?.apply(&work(ctx, whose, holder, around), desired).await
}

fn provider(ctx: &Context, whose: &Claimant) -> Result<Arc<dyn Provider>, ProviderError> {
    let provider = ctx.tools.load().providers.get(&whose.access.key.provider).cloned();
    provider.ok_or_else(|| ProviderError {
        kind: ErrorKind::Unavailable,
        message: format!(
            "the configuration no longer says how to reach {}; an operator has to put its section back",
            whose.access.key.provider.as_str()
        ),
    })
}

/// What else there is, and was, under the same key.
struct Around {
    siblings: Vec<Claimant>,
    past: Vec<Receipt>,
}

fn work(ctx: &Context, whose: &Claimant, holder: Holder, around: &Around) -> Work {
    let others = around.siblings.iter().filter(|other| other.access.id != whose.access.id);
    Work {
        key: whose.access.key.clone(),
        target: whose.access.target.clone(),
        grant: whose.grant.id,
        holder,
        receipt: Receipt(whose.access.receipt.clone()),
        siblings: others.map(|other| Receipt(other.access.receipt.clone())).collect(),
        past: around.past.clone(),
        cause: whose.cause.clone(),
        now: ctx.clock.now(),
    }
}

fn noted(mut claimants: Vec<Claimant>, receipt: &Receipt) -> Vec<Claimant> {
    for Claimant { access, .. } in &mut claimants {
        receipt.add_to(&mut access.receipt);
    }
    claimants
}

/// Writes down that a step is about to be taken, before the cloud hears of it.
async fn step(ctx: &Context, claimants: Vec<Claimant>, event: AccessEvent) -> Result<Vec<Claimant>, StoreError> {
    ctx.store
        .write(move |tx| {
            Box::pin(async move {
                let mut claimants = claimants;
                for Claimant { access, .. } in &mut claimants {
                    let was = access.state;
                    // What is gone stays gone, and what is being prolonged is live meanwhile.
                    if was == AccessState::Gone || (was, event) == (AccessState::Live, AccessEvent::ApplyBegun) {
                        continue;
                    }
                    access.state = was.apply(event)?;
                    tx.save_access(access, was).await?;
                }
                Ok(claimants)
            })
        })
        .await
}

async fn confirm_live(
    tx: &mut Tx,
    env: Env,
    claimants: Vec<Claimant>,
    receipt: Receipt,
    until: Timestamp,
) -> Result<(), StoreError> {
    for Claimant { mut access, grant, .. } in claimants {
        let was = access.state;
        access.state = was.apply(AccessEvent::Confirmed)?;
        access.until = Some(until);
        receipt.add_to(&mut access.receipt);
        unstick(tx, &env, &mut access, &grant).await?;
        tx.save_access(&access, was).await?;
        if was == AccessState::Live {
            tx.refresh_cards(grant.request, env.now).await?;
            continue;
        }
        let fact = Fact::AccessLive {
            about: Subject::from(&grant),
            resource: access.key.resource.clone(),
            receipt: receipt.shown(),
        };
        tx.record(env.now, &Actor::Jit, &fact).await?;
        settle::settle(tx, &env, grant.id).await?;
    }
    Ok(())
}

async fn confirm_gone(
    tx: &mut Tx,
    env: Env,
    claimants: Vec<Claimant>,
    receipt: Receipt,
    tidy_at: Option<Timestamp>,
) -> Result<(), StoreError> {
    for claimant in claimants {
        gone(tx, &env, claimant, &receipt, tidy_at).await?;
    }
    Ok(())
}

async fn gone(
    tx: &mut Tx,
    env: &Env,
    claimant: Claimant,
    receipt: &Receipt,
    tidy_at: Option<Timestamp>,
) -> Result<(), StoreError> {
    let Claimant { mut access, grant, .. } = claimant;
    let was = access.state;
    access.state = was.apply(AccessEvent::Removed)?;
    receipt.add_to(&mut access.receipt);
    access.tidy_at = tidy_at;
    unstick(tx, env, &mut access, &grant).await?;
    tx.save_access(&access, was).await?;
    if was == AccessState::Gone {
        return tx.refresh_cards(grant.request, env.now).await;
    }
    let fact = Fact::AccessRemoved {
        about: Subject::from(&grant),
        resource: access.key.resource.clone(),
        receipt: receipt.shown(),
    };
    tx.record(env.now, &Actor::Jit, &fact).await?;
    if let GrantState::Ending { since, .. } = grant.state {
        let late = env.now.duration_since(since.min(grant.ends_at)).as_secs_f64();
        metrics::histogram!("jit_revocation_lateness_seconds").record(late);
    }
    settle::settle(tx, env, grant.id).await
}

/// The cloud has done what it should: nothing stands in the way any more.
async fn unstick(tx: &mut Tx, env: &Env, access: &mut Access, grant: &Grant) -> Result<(), StoreError> {
    access.note = None;
    if access.stuck_since.take().is_some() {
        let (about, resource) = (Subject::from(grant), access.key.resource.clone());
        tx.record(env.now, &Actor::Jit, &Fact::AccessUnstuck { about, resource }).await?;
    }
    Ok(())
}

async fn give_up(ctx: &Context, claimants: Vec<Claimant>, why: String) -> Result<(), StoreError> {
    let env = ctx.env();
    ctx.store
        .write(move |tx| {
            Box::pin(async move {
                for Claimant { access, .. } in claimants {
                    end::give_up(tx, &env, &access, &why).await?;
                    extend::fall_back(tx, &env, access.grant, why.clone()).await?;
                }
                Ok(())
            })
        })
        .await
}
