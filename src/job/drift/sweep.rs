//! Look at the clouds in the background: every so often, a few things at a time, one cloud's things one after the other.

use std::{collections::BTreeSet, time::Duration};

use jiff::SignedDuration;

use super::{
    super::{Context, JobError, Outcome},
    Unanswered,
    look::{Look, look, may_be_the_place},
    managed,
    mend::{mend, reclaimed},
};
use crate::{
    domain::{audit::Actor, catalog::ProviderName, job::Job},
    provider::ErrorKind,
    store::StoreError,
};

/// How many things one run asks about at most. A cloud's own pace usually ends it before.
const PAGE: u32 = 100;
/// How long an organization may take to say which accounts it has; less than a job may.
const UNITS: Duration = Duration::from_secs(20);
/// How long a cloud that has to be left alone is left alone, when it does not say.
const REST: SignedDuration = SignedDuration::from_secs(5);
/// A place that nothing is heard of, so many times in a row, waits for the next sweep: there are others behind it.
const TRIES: u32 = 3;

/// Has each cloud swept, and comes back when it is time for the next sweep.
pub(in super::super) async fn begin(ctx: &Context) -> Result<Outcome, JobError> {
    let (now, tools) = (ctx.clock.now(), ctx.tools.load_full());
    let clouds: Vec<ProviderName> = tools.providers.keys().copied().collect();
    ctx.store
        .write(move |tx| {
            Box::pin(async move {
                for cloud in clouds {
                    tx.enqueue(&Job::SweepCloud(cloud), now).await?;
                }
                Ok(())
            })
        })
        .await?;
    Ok(Outcome::Again { at: now + tools.sweep_every })
}

/// Begins a sweep of this cloud, or goes on with it.
pub(in super::super) async fn run(ctx: &Context, cloud: ProviderName, attempts: u32) -> Result<Outcome, JobError> {
    let tools = ctx.tools.load_full();
    let Some(provider) = tools.providers.get(&cloud) else { return Ok(Outcome::Done) };
    let (store, now) = (ctx.store.reader(), ctx.clock.now());
    let places = store.read(|tx| Box::pin(async move { tx.pending_places(cloud, PAGE).await })).await?;
    if places.is_empty() {
        return start(ctx, cloud).await;
    }
    let mut look = look(&store, (cloud, provider.as_ref()), &places, now).await?;
    let is_in_vain = !places.keys().any(|place| look.is_done(place));
    if is_in_vain
        && attempts + 1 >= TRIES
        && let Some((error, place)) = look.stopped.take_if(|error| may_be_the_place(error)).zip(places.keys().next())
    {
        look.refused.insert(place.clone());
        look.plan.unanswered.push(Unanswered { cloud, place: place.clone(), more: 0, why: error.message });
    }
    tell_operator(cloud, &look);
    let stopped = look.stopped.take();
    let is_over = keep(ctx, cloud, look).await?;
    match stopped {
        Some(error) if is_in_vain => {
            let after = if let ErrorKind::Throttled { after } = error.kind { after } else { None };
            Err(JobError::Provider { message: error.message, after, by: None })
        }
        Some(_) => Ok(Outcome::Again { at: now + REST }),
        None if is_over => Ok(Outcome::Done),
        None => Ok(Outcome::Again { at: now }),
    }
}

/// Finds out what there is to look at.
async fn start(ctx: &Context, cloud: ProviderName) -> Result<Outcome, JobError> {
    let (tools, now) = (ctx.tools.load_full(), ctx.clock.now());
    let Some(provider) = tools.providers.get(&cloud) else { return Ok(Outcome::Done) };
    let managed = managed(&ctx.store.reader(), &tools, (cloud, provider.as_ref()), now, UNITS).await?;
    for Unanswered { place, why, .. } in &managed.unanswered {
        unanswered(cloud, place, why);
    }
    let (places, all) = (managed.places, managed.unanswered.is_empty());
    let is_over = places.is_empty();
    ctx.store.write(move |tx| Box::pin(async move { tx.begin_sweep(cloud, &places, all).await })).await?;
    Ok(if is_over { Outcome::Done } else { Outcome::Again { at: now } })
}

/// Has mended what can be, and notes how far the sweep is. Answers whether it is over.
async fn keep(ctx: &Context, cloud: ProviderName, look: Look) -> Result<bool, StoreError> {
    let (env, notes, told) = (ctx.env(), reclaimed(ctx, &look.plan), look.told());
    ctx.store
        .write(move |tx| {
            Box::pin(async move {
                mend(tx, &env, look.plan, notes, &Actor::Jit).await?;
                tx.places_done(cloud, &told, Some(env.now)).await?;
                tx.places_done(cloud, &look.refused, None).await?;
                Ok(tx.pending_places(cloud, 1).await?.is_empty())
            })
        })
        .await
}

fn tell_operator(cloud: ProviderName, look: &Look) {
    for Unanswered { place, why, .. } in &look.plan.unanswered {
        unanswered(cloud, place, why);
    }
    let plan = &look.plan;
    let calls: u64 = plan.asked.values().map(|asked| asked.calls.count()).sum();
    let told: BTreeSet<String> = look.told();
    tracing::info!(
        cloud = cloud.as_str(),
        things = told.len(),
        calls,
        lingering = plan.lingering.len(),
        missing = plan.missing.len(),
        foreign = plan.foreign.len(),
        unanswered = plan.unanswered.len(),
        "a sweep has looked at a cloud"
    );
}

fn unanswered(cloud: ProviderName, place: &str, why: &str) {
    metrics::counter!("jit_sweep_unanswered_total", "cloud" => cloud.as_str()).increment(1);
    tracing::warn!(cloud = cloud.as_str(), place, why, "a sweep could not find out what is there");
}
