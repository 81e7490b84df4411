//! Work that is owed: a worker, and a file for each kind of job.
//!
//! Every job is level-triggered: it reads how things are, brings the world one step closer to that, and says whether to
//! look again. To run one twice, late, or after a crash in its middle does no harm.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};

use crate::{
    ambient::{Clock, Entropy},
    domain::{
        catalog::Catalog,
        ids::{ChannelId, GrantId},
        job::{Job, Leased, backoff},
    },
    provider::Providers,
    slack::client::{SlackApi, SlackError},
    store::{Store, StoreError, Tx},
    usecase::{Env, end, heartbeat, lapse},
};

mod cause;
pub mod directory;
pub mod drift;
mod pacing;
mod post_feed;
mod project_card;
mod prune;
mod raise_alarm;
mod reconcile_access;
mod resolve_request;
pub mod worker;

pub use pacing::Pacer;

/// What jobs work with.
#[derive(Debug)]
pub struct Context {
    /// Where everything is written down.
    pub store: Store,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Where ids come from.
    pub entropy: Arc<dyn Entropy>,
    /// What a reload of the configuration replaces as a whole.
    pub tools: ArcSwap<Tools>,
    /// Keeps each Slack channel at the pace it can take.
    pub pacer: Pacer,
}

/// What follows from the configuration.
pub struct Tools {
    /// Today's policy.
    pub catalog: Arc<Catalog>,
    /// The workspace.
    pub slack: SlackApi,
    /// Where alarms go.
    pub alerts_channel: ChannelId,
    /// The clouds.
    pub providers: Providers,
    /// How often to look whether they have what the grants say.
    pub sweep_every: SignedDuration,
}

impl std::fmt::Debug for Tools {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tools").finish_non_exhaustive()
    }
}

impl Context {
    /// What the world is like for a verb that runs now.
    #[must_use]
    pub fn env(&self) -> Env {
        let catalog = self.tools.load().catalog.clone();
        Env { catalog, now: self.clock.now(), entropy: self.entropy.clone() }
    }
}

/// How a job went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// There is nothing left to do.
    Done,
    /// Nothing is wrong; look again then.
    Again {
        /// When.
        at: Timestamp,
    },
    /// How it went was written down already, with the last thing that it did.
    Noted {
        /// Whether the lease was still ours.
        kept: bool,
    },
}

impl Outcome {
    /// Writes down how a job went; answers `false` when the lease was lost.
    async fn note(self, tx: &mut Tx, leased: &Leased, now: Timestamp) -> Result<bool, StoreError> {
        match self {
            Self::Done => tx.finish_job(leased, now).await,
            Self::Again { at } => tx.postpone_job(leased, at, now).await,
            Self::Noted { kept } => Ok(kept),
        }
    }
}

/// Why a job has to be tried again.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Slack failed.
    #[error("{0}")]
    Slack(SlackError),
    /// A cloud failed.
    #[error("{message}")]
    Provider {
        /// What the cloud said, in words for people.
        message: String,
        /// How long it wants to be left alone.
        after: Option<Duration>,
        /// When things will have changed by themselves: worth another look then, however long the wait would be.
        by: Option<Timestamp>,
    },
    /// The job did not come to an end of its own.
    #[error("{0}")]
    Broke(&'static str),
}

impl JobError {
    /// When to try again after `attempts` failures in a row.
    fn again(&self, attempts: u32, now: Timestamp) -> Timestamp {
        let wait = backoff(attempts).max(self.not_before().unwrap_or_default());
        let by = match self {
            Self::Provider { by, .. } => by.filter(|by| *by > now),
            Self::Store(_) | Self::Slack(_) | Self::Broke(_) => None,
        };
        by.map_or(now + wait, |by| by.min(now + wait))
    }

    fn not_before(&self) -> Option<Duration> {
        match self {
            Self::Provider { after, .. } => *after,
            Self::Slack(SlackError::Throttled { after }) => Some(*after),
            Self::Store(_) | Self::Slack(SlackError::Unclear(_) | SlackError::Refused(_)) | Self::Broke(_) => None,
        }
    }
}

/// Does the last of what a job does, and writes down in the same unit how it went: one commit instead of two.
async fn conclude(
    ctx: &Context,
    leased: &Leased,
    outcome: Outcome,
    work: impl for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<(), StoreError>> + Send + 'static,
) -> Result<Outcome, JobError> {
    let (now, leased) = (ctx.clock.now(), leased.clone());
    let kept = ctx
        .store
        .write(move |tx| {
            Box::pin(async move {
                work(tx).await?;
                outcome.note(tx, &leased, now).await
            })
        })
        .await?;
    Ok(Outcome::Noted { kept })
}

/// Does one job.
async fn run(ctx: &Context, leased: &Leased) -> Result<Outcome, JobError> {
    let attempts = leased.attempts;
    match &leased.job {
        Job::ReconcileAccess(key) => reconcile_access::run(ctx, key, leased).await,
        Job::EndGrant(grant) => end_grant(ctx, *grant, leased).await,
        Job::WatchHeart(grant) => watch_heart(ctx, *grant, leased).await,
        Job::LapseRequest(request) => {
            let (env, request) = (ctx.env(), *request);
            conclude(ctx, leased, Outcome::Done, move |tx| {
                Box::pin(async move { lapse::lapse(tx, &env, request).await })
            })
            .await
            .map(|_taken_off| without_lease())
        }
        Job::ResolveRequest(request, _) => resolve_request::run(ctx, *request, attempts).await,
        Job::Sweep => drift::sweep::begin(ctx).await,
        Job::SweepCloud(cloud) => drift::sweep::run(ctx, *cloud, attempts).await,
        Job::RaiseAlarm(grant) => raise_alarm::run(ctx, *grant).await,
        Job::ProjectCard(card, _) => project_card::run(ctx, *card, leased).await,
        Job::PostFeed(channel) => post_feed::run(ctx, channel).await,
        Job::Prune => prune::run(ctx).await,
    }
}

/// Ends a grant whose time is over. If that cannot be put on the trail, it has not ended yet; the clouds are told all the
/// same, since they are asked to have what is covered at this moment, whatever the grant says of itself.
async fn end_grant(ctx: &Context, grant: GrantId, leased: &Leased) -> Result<Outcome, JobError> {
    let env = ctx.env();
    let ended =
        conclude(ctx, leased, Outcome::Done, move |tx| Box::pin(async move { end::expire(tx, &env, grant).await }));
    let Err(error) = ended.await else { return Ok(without_lease()) };
    let now = ctx.clock.now();
    ctx.store
        .write(move |tx| {
            Box::pin(async move {
                for access in tx.accesses_of(grant).await? {
                    tx.enqueue(&Job::ReconcileAccess(access.key), now).await?;
                }
                Ok(())
            })
        })
        .await?;
    Err(error)
}

/// Ends a grant whose process is not heard of any more, or looks again when it would have to be.
async fn watch_heart(ctx: &Context, grant: GrantId, leased: &Leased) -> Result<Outcome, JobError> {
    let (env, kept) = (ctx.env(), leased.clone());
    ctx.store
        .write(move |tx| {
            Box::pin(async move {
                match heartbeat::watch(tx, &env, grant).await? {
                    Some(at) => Outcome::Again { at }.note(tx, &kept, env.now).await,
                    None => Outcome::Done.note(tx, &kept, env.now).await,
                }
            })
        })
        .await?;
    // An end takes this job off the list by itself.
    Ok(without_lease())
}

/// For a verb that takes its own job off the list, since others may be at it too.
fn without_lease() -> Outcome {
    Outcome::Noted { kept: true }
}
