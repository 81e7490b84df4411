//! Takes on what is due, and sleeps until something is.
//!
//! There is no polling: the worker sleeps until the next job is due, a commit has enqueued one, or one has ended.

use std::{collections::BTreeMap, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures::FutureExt;
use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Context, JobError, Outcome, run};
use crate::domain::job::{Job, Lane, Leased};

/// No crash keeps a job from being done for longer than this.
const LEASE: SignedDuration = SignedDuration::from_secs(30);
/// No job may run for longer than this, so that its lease outlives it.
const LIMIT: Duration = Duration::from_secs(25);
/// How many jobs run at once for somebody who waits for them.
const AT_ONCE: usize = 8;
/// How long to wait before the store is asked again after it failed.
const STORE_FAILED: Duration = Duration::from_secs(1);
/// How long a shutdown waits for jobs that are running.
const FAREWELL: Duration = Duration::from_secs(10);

/// Runs jobs.
#[derive(Debug, Clone)]
pub struct Worker {
    ctx: Arc<Context>,
}

impl Worker {
    /// A worker with these tools.
    #[must_use]
    pub fn new(ctx: Arc<Context>) -> Self {
        Self { ctx }
    }

    /// Runs jobs until `stop`, then waits a little for those that are running. What is cut off is done again at the
    /// next start.
    pub async fn work(&self, stop: CancellationToken) {
        let wake = self.ctx.store.wake();
        let mut running: JoinSet<Lane> = JoinSet::new();
        let mut busy: BTreeMap<Lane, usize> = BTreeMap::new();
        while !stop.is_cancelled() {
            let pause = match self.take_on(&mut running, &mut busy).await {
                Ok(next) => next.map(|at| self.until(at)),
                Err(error) => {
                    tracing::error!(%error, "the store does not say what is due");
                    Some(STORE_FAILED)
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = wake.notified() => {}
                () = sleep(pause) => {}
                Some(ended) = running.join_next() => {
                    if let Ok(lane) = ended && let Some(count) = busy.get_mut(&lane) {
                        *count -= 1;
                    }
                }
            }
        }
        let rest = async { while running.join_next().await.is_some() {} };
        if tokio::time::timeout(FAREWELL, rest).await.is_err() {
            tracing::warn!("some jobs were cut off; they are done again at the next start");
        }
    }

    /// Takes on what is due and starts it; says when the next job is.
    async fn take_on(
        &self,
        running: &mut JoinSet<Lane>,
        busy: &mut BTreeMap<Lane, usize>,
    ) -> Result<Option<Timestamp>, JobError> {
        loop {
            let lanes = busy.clone();
            let next = self.ctx.store.read(|tx| Box::pin(async move { tx.next_due(&lanes).await })).await?;
            if next.is_none_or(|at| at > self.ctx.clock.now()) {
                return Ok(next);
            }
            let leased = self.lease(busy.clone()).await?;
            if leased.is_empty() {
                return Ok(Some(self.ctx.clock.now() + SignedDuration::from_millis(50)));
            }
            for leased in leased {
                let lane = leased.job.lane();
                *busy.entry(lane.clone()).or_default() += 1;
                let ctx = self.ctx.clone();
                running.spawn(async move {
                    attend(&ctx, &leased).await;
                    lane
                });
            }
        }
    }

    /// Runs everything that is due, and whatever becomes due by that, until nothing is. For tests, which move the
    /// clock themselves. Answers how many jobs ran.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn run_due(&self) -> Result<usize, JobError> {
        let mut count = 0;
        loop {
            let leased = self.lease(BTreeMap::new()).await?;
            if leased.is_empty() {
                return Ok(count);
            }
            count += leased.len();
            futures::future::join_all(leased.iter().map(|leased| attend(&self.ctx, leased))).await;
        }
    }

    /// Runs those of these jobs that are due and that nobody else is at, once, a few at a time.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn run_these(&self, jobs: &[Job]) -> Result<(), JobError> {
        for some in jobs.chunks(AT_ONCE) {
            let (now, owner, some) = (self.ctx.clock.now(), self.new_owner(), some.to_vec());
            let leased = self
                .ctx
                .store
                .write(move |tx| Box::pin(async move { tx.lease_these(&some, now, now + LEASE, &owner).await }));
            let leased = leased.await?;
            futures::future::join_all(leased.iter().map(|leased| attend(&self.ctx, leased))).await;
        }
        Ok(())
    }

    async fn lease(&self, busy: BTreeMap<Lane, usize>) -> Result<Vec<Leased>, JobError> {
        let (now, owner) = (self.ctx.clock.now(), self.new_owner());
        let leased = self
            .ctx
            .store
            .write(move |tx| Box::pin(async move { tx.lease_jobs(now, now + LEASE, &owner, &busy).await }))
            .await?;
        Ok(leased)
    }

    /// Names a lease.
    fn new_owner(&self) -> String {
        let mut random = [0; 8];
        self.ctx.entropy.fill(&mut random);
        hex::encode(random)
    }

    fn until(&self, at: Timestamp) -> Duration {
        Duration::try_from(at.duration_since(self.ctx.clock.now())).unwrap_or_default()
    }
}

async fn sleep(pause: Option<Duration>) {
    match pause {
        Some(pause) => tokio::time::sleep(pause).await,
        None => std::future::pending().await,
    }
}

/// Does one job and writes down how it went. A panic or a hang in it is a failure like any other.
async fn attend(ctx: &Context, leased: &Leased) {
    let kind = leased.job.kind();
    let work = AssertUnwindSafe(run(ctx, &leased.job, leased.attempts)).catch_unwind();
    let outcome = match tokio::time::timeout(LIMIT, work).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_panic)) => Err(JobError::Broke("the job panicked")),
        Err(_elapsed) => Err(JobError::Broke("the job took too long")),
    };
    let result = if outcome.is_ok() { "ok" } else { "failed" };
    metrics::counter!("jit_jobs_total", "kind" => kind, "outcome" => result).increment(1);
    if let Err(error) = &outcome {
        let key = leased.job.key();
        tracing::warn!(job = kind, key, attempts = leased.attempts + 1, %error, "a job failed and is tried again");
    }
    match note(ctx, leased, outcome).await {
        Ok(true) => {}
        Ok(false) if matches!(leased.job, Job::LapseRequest(_) | Job::EndGrant(_)) => {}
        Ok(false) => tracing::warn!(job = kind, "a lease was lost while the job ran"),
        Err(error) => tracing::error!(job = kind, %error, "how a job went could not be written down; it runs again"),
    }
}

async fn note(ctx: &Context, leased: &Leased, outcome: Result<Outcome, JobError>) -> Result<bool, JobError> {
    let (now, leased) = (ctx.clock.now(), leased.clone());
    let noted = ctx
        .store
        .write(move |tx| {
            Box::pin(async move {
                match outcome {
                    Ok(Outcome::Done) => tx.finish_job(&leased, now).await,
                    Ok(Outcome::Again { at }) => tx.postpone_job(&leased, at, now).await,
                    Err(error) => {
                        let at = error.again(leased.attempts.saturating_add(1), now);
                        tx.fail_job(&leased, &error.to_string(), at, now).await
                    }
                }
            })
        })
        .await?;
    Ok(noted)
}
