//! Make the cloud agree with the grants on one access key. The only thing that changes a cloud.
//!
//! Granting, extending, overlapping, ending, recovering from a crash: all of it is this. There is at most one such job
//! for a key at any time, so nobody else moves these accesses meanwhile.

use std::sync::Arc;

use futures::FutureExt;
use jiff::{SignedDuration, Timestamp};

use self::{
    trouble::{failed, wait},
    writing::{Basis, Heir, confirm_gone, confirm_live, give_up, hand_over, step},
};
use super::{Context, JobError, Outcome, cause, conclude, directory};
use crate::{
    domain::{
        access::{Access, AccessEvent, AccessKey, AccessState},
        grant::{Grant, GrantState},
        job::Leased,
    },
    provider::{Cause, Desired, ErrorKind, Holder, Progress, Provider, ProviderError, Receipt, Work},
};

mod trouble;
mod writing;

/// An end that the cloud was told this much before the one that is wanted is another end: clouds round, and calls take time.
const SOONER: SignedDuration = SignedDuration::from_secs(5);

/// An access and the grant it belongs to.
#[derive(Debug, Clone)]
struct Claimant {
    access: Access,
    grant: Grant,
}

pub(super) async fn run(ctx: &Context, key: &AccessKey, leased: &Leased) -> Result<Outcome, JobError> {
    let (wanted, now) = (key.clone(), ctx.clock.now());
    let (basis, claimants) = ctx.store.read(|tx| Box::pin(async move { Basis::read(tx, wanted, now).await })).await?;
    let (covered, uncovered): (Vec<_>, Vec<_>) = claimants.into_iter().partition(|it| it.grant.covers(now));
    let outcome = if covered.is_empty() {
        close(ctx, &basis, uncovered, leased).await?
    } else {
        open(ctx, &basis, covered, uncovered, leased).await?
    };
    match outcome {
        Some(outcome) => Ok(outcome),
        // what is left to do by now is not put off
        None => Box::pin(run(ctx, key, leased)).await,
    }
}

/// Some live grant covers the key: the cloud is to have it. Grants that are over lose it without the cloud noticing.
/// Nothing when a grant was given up, so that others may have to be seen to, or when it is to be decided anew.
async fn open(
    ctx: &Context,
    basis: &Basis,
    covered: Vec<Claimant>,
    uncovered: Vec<Claimant>,
    leased: &Leased,
) -> Result<Option<Outcome>, JobError> {
    let attempts = leased.attempts;
    let siblings: Vec<Claimant> = covered.iter().chain(&uncovered).cloned().collect();
    let mut over: Vec<Claimant> = uncovered.into_iter().filter(|it| it.access.state != AccessState::Gone).collect();
    let Some(longest) = covered.iter().map(|it| &it.grant).max_by_key(|grant| grant.ends_at).cloned() else {
        return Ok(Some(Outcome::Done));
    };
    let until = longest.ends_at;
    if covered.iter().any(has_been_live) && !over.is_empty() {
        let heirs = heirs(ctx, &covered, &over);
        let is_to_be_read_again = !heirs.is_empty();
        if !hand_over(ctx, basis, (std::mem::take(&mut over), heirs), &longest).await? || is_to_be_read_again {
            return Ok(None);
        }
    }
    let wanted: Vec<Claimant> = covered.into_iter().filter(|it| lacks(it) || outlasts(it, until)).collect();
    let Some(first) = wanted.first().cloned() else {
        return Ok(Some(Outcome::Done));
    };
    let holder = directory::holder_in_clouds(ctx, &first.grant.holder, attempts).await?;
    let (cause, past) = cause::around(ctx, &first.access, &first.grant, true).await?;
    let around = Around { siblings, past, cause };
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
    let Some(wanted) = step(ctx, basis, wanted, AccessEvent::ApplyBegun).await? else { return Ok(None) };
    // what those that are over knew is noted already, with what was resolved
    if !hand_over(ctx, basis, (over, Vec::new()), &longest).await? {
        return Ok(None);
    }
    match call(ctx, &first, holder, &around, &Desired::Present { until }).await {
        Ok(Progress::Done { receipt, .. }) => {
            let told = provider(ctx, &first).ok().and_then(|provider| provider.told(&receipt));
            let told = told.filter(|told| *told + SOONER < until).unwrap_or(until);
            // it may have been wanted for longer since the cloud was asked
            let outcome = if told < until { Outcome::Again { at: ctx.clock.now() } } else { Outcome::Done };
            let env = ctx.env();
            conclude(ctx, leased, outcome, move |tx| confirm_live(tx, env, wanted, receipt, told).boxed())
                .await
                .map(Some)
        }
        Ok(Progress::LookAgain { at, because, receipt }) => {
            wait(ctx, leased, noted(wanted, &receipt), at, because).await.map(Some)
        }
        Ok(Progress::Failed { error, receipt }) => not_given(ctx, noted(wanted, &receipt), error, attempts).await,
        Err(error) => not_given(ctx, wanted, error, attempts).await,
    }
}

/// What each access that goes on has to know of those that are over, where the cloud ends it by itself: each change there
/// gives it another name and another end.
fn heirs(ctx: &Context, covered: &[Claimant], over: &[Claimant]) -> Vec<Heir> {
    let leaving: Vec<Receipt> = over.iter().map(|it| Receipt(it.access.receipt.clone())).collect();
    let until = over.iter().filter_map(|it| it.access.until).max();
    let heir = |it: &Claimant| {
        let receipt = provider(ctx, it).ok()?.inherits(&Receipt(it.access.receipt.clone()), &leaving);
        Some(Heir { access: it.access.id, receipt, until })
    };
    covered.iter().filter(|it| it.access.target.is_in_azure()).filter_map(heir).collect()
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

/// Whether it has been confirmed once and not been taken away since, so that its own receipt says that what is in the cloud
/// is ours.
fn has_been_live(it: &Claimant) -> bool {
    match it.access.state {
        AccessState::Live => true,
        AccessState::Wanted | AccessState::Applying => matches!(it.grant.state, GrantState::Active { .. }),
        AccessState::Removing | AccessState::Gone => false,
    }
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

/// No live grant covers the key: the cloud is not to have it, nor anything the provider put there to take it away.
/// Nothing when it is to be decided anew.
async fn close(
    ctx: &Context,
    basis: &Basis,
    owed: Vec<Claimant>,
    leased: &Leased,
) -> Result<Option<Outcome>, JobError> {
    // What is gone already has only to be tidied: its receipt says nothing about what is still there.
    let Some(last) = owed.iter().max_by_key(|it| (it.access.state != AccessState::Gone, it.grant.ends_at)).cloned()
    else {
        return Ok(Some(Outcome::Done));
    };
    if let Some(at) = owed.iter().filter_map(|it| it.access.tidy_at).min()
        && owed.iter().all(|it| it.access.state == AccessState::Gone)
        && at > basis.now
    {
        return Ok(Some(Outcome::Again { at }));
    }
    let desired = Desired::Absent {
        planned_end: last.grant.ends_at,
        sessions_until: owed.iter().filter_map(|it| it.access.sessions_until).max(),
        early: owed.iter().any(|it| ended_early(&it.grant)),
    };
    let holder = Holder::unknown(last.grant.holder.clone());
    let (cause, past) = cause::around(ctx, &last.access, &last.grant, false).await?;
    let mut around = Around { siblings: owed.clone(), past, cause };
    let about_to = work(ctx, &last, holder.clone(), &around);
    let note = provider(ctx, &last).map(|provider| provider.removing(&about_to)).unwrap_or_default();
    let (owed, last) = (noted(owed, &note), noted(vec![last.clone()], &note).pop().unwrap_or(last));
    // What is being removed already was written down before.
    let is_known = |it: &Claimant| matches!(it.access.state, AccessState::Removing | AccessState::Gone);
    let is_written = note.0.is_empty() && owed.iter().all(is_known);
    let written = if is_written { Some(owed) } else { step(ctx, basis, owed, AccessEvent::NotCovered).await? };
    let Some(owed) = written else { return Ok(None) };
    around.siblings.clone_from(&owed);
    let outcome = match call(ctx, &last, holder, &around, &desired).await {
        Ok(Progress::Done { receipt, tidy_at }) => {
            let env = ctx.env();
            let outcome = tidy_at.map_or(Outcome::Done, |at| Outcome::Again { at });
            conclude(ctx, leased, outcome, move |tx| confirm_gone(tx, env, owed, receipt, tidy_at).boxed()).await
        }
        Ok(Progress::LookAgain { at, because, receipt }) => wait(ctx, leased, noted(owed, &receipt), at, because).await,
        Ok(Progress::Failed { error, receipt }) => {
            failed(ctx, noted(owed, &receipt), error, leased.attempts, Some(last.grant.ends_at)).await
        }
        // from the planned end on the cloud has ended what it could not be made to end before
        Err(error) => failed(ctx, owed, error, leased.attempts, Some(last.grant.ends_at)).await,
    };
    outcome.map(Some)
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

/// What else there is, and was, under the same key, and why.
struct Around {
    siblings: Vec<Claimant>,
    past: Vec<Receipt>,
    cause: Cause,
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
        cause: around.cause.clone(),
        now: ctx.clock.now(),
    }
}

fn noted(mut claimants: Vec<Claimant>, receipt: &Receipt) -> Vec<Claimant> {
    for Claimant { access, .. } in &mut claimants {
        receipt.add_to(&mut access.receipt);
    }
    claimants
}
