//! Takes on what is due, and sleeps until something is.
//!
//! There is no polling: the worker sleeps until the next job is due, a commit has enqueued one, or one has ended.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    panic::AssertUnwindSafe,
    sync::Arc,
    time::Duration,
};

use futures::FutureExt;
use jiff::{SignedDuration, Timestamp};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::{Context, JobError, Outcome, run};
use crate::{
    domain::job::{Job, Lane, Leased},
    store::{Agenda, Outlook},
};

/// No crash keeps a job from being done for longer than this.
const LEASE: SignedDuration = SignedDuration::from_secs(30);
/// No job may run for longer than this, so that its lease outlives it.
const LIMIT: Duration = Duration::from_secs(25);
/// How many channels are written to at the same time: so much is kept in memory and asked of Slack at most.
const CHANNELS: usize = 16;
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
        let agenda = self.ctx.store.agenda();
        let mut running: JoinSet<Lane> = JoinSet::new();
        let mut busy = Busy::default();
        while !stop.is_cancelled() {
            let pause = match self.take_on(&agenda, &mut running, &mut busy).await {
                Ok(next) => next.map(|at| self.until(at)),
                Err(error) => {
                    tracing::error!(%error, "the store does not lend out what is due");
                    Some(STORE_FAILED)
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = agenda.changed() => {}
                () = sleep(pause) => {}
                Some(ended) = running.join_next() => busy.ended(ended),
            }
            // What has ended at the same time is made up for at the same time.
            while let Some(ended) = running.try_join_next() {
                busy.ended(ended);
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
        agenda: &Agenda,
        running: &mut JoinSet<Lane>,
        busy: &mut Busy,
    ) -> Result<Option<Timestamp>, JobError> {
        loop {
            let Outlook { rooms, next } = agenda.outlook(self.ctx.clock.now(), |lane| busy.room(lane), busy.channels());
            if rooms.is_empty() {
                return Ok(next);
            }
            for leased in self.lease(rooms).await? {
                let lane = leased.job.lane();
                busy.began(lane.clone());
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
        let (agenda, mut count) = (self.ctx.store.agenda(), 0);
        loop {
            let outlook = agenda.outlook(self.ctx.clock.now(), Lane::width, usize::MAX);
            if outlook.rooms.is_empty() {
                return Ok(count);
            }
            let leased = self.lease(outlook.rooms).await?;
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

    async fn lease(&self, rooms: Vec<(Lane, usize)>) -> Result<Vec<Leased>, JobError> {
        let (now, owner) = (self.ctx.clock.now(), self.new_owner());
        let leased = self
            .ctx
            .store
            .write(move |tx| Box::pin(async move { tx.lease_jobs(now, now + LEASE, &owner, &rooms).await }))
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
    let work = AssertUnwindSafe(run(ctx, leased)).catch_unwind();
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
        Ok(false) => tracing::warn!(job = kind, "a lease was lost while the job ran"),
        Err(error) => tracing::error!(job = kind, %error, "how a job went could not be written down; it runs again"),
    }
}

async fn note(ctx: &Context, leased: &Leased, outcome: Result<Outcome, JobError>) -> Result<bool, JobError> {
    if let Ok(Outcome::Noted { kept }) = outcome {
        return Ok(kept);
    }
    let (now, leased) = (ctx.clock.now(), leased.clone());
    let noted = ctx
        .store
        .write(move |tx| {
            Box::pin(async move {
                match outcome {
                    Ok(outcome) => outcome.note(tx, &leased, now).await,
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

/// What is running.
#[derive(Debug, Default)]
struct Busy {
    lanes: BTreeMap<Lane, usize>,
    /// How many of them are channels.
    channels: usize,
}

impl Busy {
    fn began(&mut self, lane: Lane) {
        self.channels += usize::from(lane.is_channel());
        *self.lanes.entry(lane).or_default() += 1;
    }

    fn ended(&mut self, ended: Result<Lane, JoinError>) {
        // A job cannot panic: what panics in it is caught.
        let Ok(lane) = ended else { return };
        self.channels -= usize::from(lane.is_channel());
        if let Entry::Occupied(mut count) = self.lanes.entry(lane) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }

    /// How much more of a lane can be taken on.
    fn room(&self, lane: &Lane) -> usize {
        lane.width().saturating_sub(self.lanes.get(lane).copied().unwrap_or_default())
    }

    /// How many more channels can be.
    fn channels(&self) -> usize {
        CHANNELS.saturating_sub(self.channels)
    }
}
