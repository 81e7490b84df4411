//! See to it that what is to be mended is, for somebody who waits for it.
//!
//! Whoever comes first does the work: this process, or a bot that serves from the same store. Leases keep the two apart,
//! and nothing else is taken on here than what is waited for.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};

use super::{
    super::{Context, JobError, worker::Worker},
    Held,
};
use crate::{
    domain::{
        access::{AccessKey, AccessState},
        job::Job,
    },
    store::{StoreError, Tx},
};

/// How often to look how things stand.
const TICK: Duration = Duration::from_millis(200);
/// So many failures in a row are not mended by waiting a little longer.
const ENOUGH: u32 = 3;

/// What became of an access that was to be mended.
#[derive(Debug, Clone)]
pub struct Followed {
    /// The access as it was when its mending began.
    pub held: Held,
    /// What became of it.
    pub fate: Fate,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// The cloud has confirmed that it is gone.
    Gone,
    /// The cloud has confirmed that it is there.
    Live,
    /// Neither yet. It is still being tried.
    NotYet {
        /// What the cloud last said, if it has.
        why: Option<String>,
        /// How often it has failed in a row.
        failures: u32,
        /// When it is tried next.
        next: Option<Timestamp>,
    },
}

impl Fate {
    /// Whether the cloud is as it should be.
    #[must_use]
    pub fn is_final(&self) -> bool {
        match self {
            Self::Gone | Self::Live => true,
            Self::NotYet { .. } => false,
        }
    }

    fn is_worth_waiting_for(&self) -> bool {
        match self {
            Self::Gone | Self::Live => false,
            Self::NotYet { failures, next, .. } => *failures < ENOUGH && next.is_some(),
        }
    }
}

/// Does what is owed for these accesses until all is well, waiting has no point any more, or `patience` is over.
///
/// # Errors
/// When the store fails.
pub async fn follow(ctx: &Arc<Context>, mended: &[Held], patience: Duration) -> Result<Vec<Followed>, JobError> {
    let worker = Worker::new(ctx.clone());
    let keys: BTreeSet<&AccessKey> = mended.iter().map(|held| &held.access.key).collect();
    let jobs: Vec<Job> = keys.into_iter().cloned().map(Job::ReconcileAccess).collect();
    let until = ctx.clock.now() + SignedDuration::try_from(patience).unwrap_or(SignedDuration::from_mins(1));
    loop {
        worker.run_these(&jobs).await?;
        let wanted = mended.to_vec();
        let followed = ctx.store.read(|tx| Box::pin(async move { fates(tx, wanted).await })).await?;
        let is_hopeful = followed.iter().any(|it| it.fate.is_worth_waiting_for());
        if !is_hopeful || ctx.clock.now() >= until {
            return Ok(followed);
        }
        tokio::time::sleep(TICK).await;
    }
}

async fn fates(tx: &mut Tx, mended: Vec<Held>) -> Result<Vec<Followed>, StoreError> {
    let mut followed = Vec::new();
    for held in mended {
        let access = tx.load_access(held.access.id).await?;
        let fate = match access.state {
            AccessState::Gone => Fate::Gone,
            AccessState::Live => Fate::Live,
            AccessState::Wanted | AccessState::Applying | AccessState::Removing => {
                let job = tx.lookup_job(&Job::ReconcileAccess(access.key)).await?;
                let (failures, next) = job.map_or((0, None), |job| (job.attempts, Some(job.run_at)));
                Fate::NotYet { why: access.note, failures, next }
            }
        };
        followed.push(Followed { held, fate });
    }
    Ok(followed)
}
