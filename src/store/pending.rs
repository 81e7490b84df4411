//! What a unit of work adds to the trail, to the list of jobs and to that of answered deliveries. It is kept back until
//! the unit ends and then goes to the database in one trip, together with the end of the unit: a trip costs more than the
//! statements do.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::{
    StoreError, Tx,
    agenda::Touch,
    row::{json, micros},
};
use crate::domain::{
    audit::Event,
    ids::ChannelId,
    job::{Job, Lane},
};

/// How many rows are kept back at most, so that a unit of any size fits into memory.
const MOST: usize = 512;

/// What is kept back, and what follows from the commit.
#[derive(Debug, Default)]
pub(super) struct Pending {
    events: Vec<Event>,
    deliveries: Vec<Delivery>,
    jobs: Vec<Row>,
    /// Which of them a kind and key are.
    places: BTreeMap<(&'static str, String), usize>,
    /// The end of the trail with everything that this transaction has added, once it was asked for.
    pub trail: Option<Trail>,
    /// Lanes in which something has changed: told to the worker after the commit.
    pub touched: Vec<(Lane, Touch)>,
    /// Requests and logins of which there is news: whoever waits for it is told after the commit.
    pub news: Vec<Uuid>,
    /// What was put on the trail: counted after the commit.
    pub recorded: Vec<String>,
}

/// The end of the trail, and who follows it.
#[derive(Debug, Clone)]
pub(super) struct Trail {
    pub seq: i64,
    pub hash: String,
    pub followers: Vec<ChannelId>,
}

/// A job as it is written.
#[derive(Debug, Serialize)]
struct Row {
    kind: &'static str,
    key: String,
    lane: String,
    payload: String,
    run_at: i64,
}

/// A delivery that was answered, as it is written.
#[derive(Debug, Serialize)]
struct Delivery {
    key: String,
    answer: Option<String>,
    at: i64,
}

/// How things were when a unit began, for when it is undone.
#[derive(Debug)]
pub(super) struct Mark {
    trail: Option<Trail>,
    touched: usize,
    news: usize,
    recorded: usize,
}

/// The statements that add what was kept back, and then others. Jobs that are asked for already keep the earlier time, and
/// run once more if they run right now.
macro_rules! adding {
    ($then:literal) => {
        concat!(
            "insert into audit_event (seq, at, actor, kind, request_id, grant_id, fact, prev, hash)
             select value ->> 'seq', value ->> 'at', value ->> 'actor', value ->> 'kind', value ->> 'request_id',
                    value ->> 'grant_id', value ->> 'fact', value ->> 'prev', value ->> 'hash' from json_each($1);
             update audit_head set seq = $1 ->> '$[#-1].seq', hash = $1 ->> '$[#-1].hash'
             where only_row = 1 and json_array_length($1) > 0;
             insert into job (kind, key, lane, payload, run_at)
             select value ->> 'kind', value ->> 'key', value ->> 'lane', value ->> 'payload', value ->> 'run_at'
             from json_each($2) where true
             on conflict (kind, key) do update set run_at = min(run_at, excluded.run_at),
             generation = generation + 1, lane = excluded.lane, payload = excluded.payload;
             insert into delivery (key, answer, at)
             select value ->> 'key', value ->> 'answer', value ->> 'at' from json_each($3);",
            $then
        )
    };
}

impl Pending {
    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && self.jobs.is_empty() && self.deliveries.is_empty()
    }

    /// Before a unit, when nothing is kept back.
    pub fn mark(&self) -> Mark {
        Mark {
            trail: self.trail.clone(),
            touched: self.touched.len(),
            news: self.news.len(),
            recorded: self.recorded.len(),
        }
    }

    /// The unit was undone.
    pub fn forget_since(&mut self, mark: Mark) {
        self.empty();
        self.trail = mark.trail;
        self.touched.truncate(mark.touched);
        self.news.truncate(mark.news);
        self.recorded.truncate(mark.recorded);
    }

    fn empty(&mut self) {
        self.events.clear();
        self.deliveries.clear();
        self.jobs.clear();
        self.places.clear();
    }

    pub fn add_event(&mut self, event: Event) {
        if let Some(trail) = &mut self.trail {
            (trail.seq, trail.hash) = (event.seq, event.hash.clone());
        }
        self.recorded.push(event.kind.clone());
        self.events.push(event);
    }

    pub fn add_job(&mut self, job: &Job, run_at: Timestamp) -> Result<(), StoreError> {
        let (lane, due) = (job.lane(), micros(run_at));
        self.touched.push((lane.clone(), Touch::DueBy(run_at)));
        if let Some(known) = self.places.get(&(job.kind(), job.key())).and_then(|place| self.jobs.get_mut(*place)) {
            known.run_at = known.run_at.min(due);
            return Ok(());
        }
        self.places.insert((job.kind(), job.key()), self.jobs.len());
        let (kind, key, lane, payload) = (job.kind(), job.key(), lane.to_string(), json("job", job)?);
        self.jobs.push(Row { kind, key, lane, payload, run_at: due });
        Ok(())
    }

    /// A job that was asked for and is not wanted any more. Another one's place must not change.
    pub fn remove_job(&mut self, job: &Job) {
        if self.places.contains_key(&(job.kind(), job.key())) {
            self.jobs.retain(|row| (row.kind, &row.key) != (job.kind(), &job.key()));
            self.places =
                self.jobs.iter().enumerate().map(|(place, row)| ((row.kind, row.key.clone()), place)).collect();
        }
    }

    pub fn add_delivery(&mut self, key: String, answer: Option<String>, at: Timestamp) {
        self.deliveries.push(Delivery { key, answer, at: micros(at) });
    }

    pub fn is_full(&self) -> bool {
        self.jobs.len() + self.events.len() >= MOST
    }
}

impl Tx {
    /// Sends what was kept back to the database now: something is about to be read that depends on it.
    pub(super) async fn flush(&mut self) -> Result<(), StoreError> {
        if self.pending.is_empty() { Ok(()) } else { self.add_pending(adding!("")).await }
    }

    /// Begins a transaction and the first unit in it. If another process has written meanwhile, there may be jobs that
    /// nobody here knows of.
    pub(super) async fn begin(&mut self) -> Result<(), StoreError> {
        self.pending = Pending::default();
        let (version,): (i64,) =
            sqlx::query_as("begin immediate; savepoint unit; pragma data_version").fetch_one(&mut *self.conn).await?;
        if self.version.replace(version) == Some(version) { Ok(()) } else { self.touch_all_lanes().await }
    }

    /// Keeps a unit, and begins the next or commits.
    pub(super) async fn keep_unit(&mut self, another: bool) -> Result<(), StoreError> {
        match (self.pending.is_empty(), another) {
            (true, true) => self.execute("release unit; savepoint unit").await,
            (true, false) => self.execute("release unit; commit").await,
            (false, true) => self.add_pending(adding!("release unit; savepoint unit")).await,
            (false, false) => self.add_pending(adding!("release unit; commit")).await,
        }
    }

    /// Undoes a unit, and begins the next or commits what came before. A savepoint that was rolled back to is still there.
    pub(super) async fn undo_unit(&mut self, mark: Mark, another: bool) -> Result<(), StoreError> {
        self.pending.forget_since(mark);
        self.execute(if another { "rollback to unit" } else { "rollback to unit; release unit; commit" }).await
    }

    /// Undoes everything.
    pub(super) async fn roll_back(&mut self) {
        self.pending = Pending::default();
        let _ = self.execute("rollback").await;
    }

    async fn add_pending(&mut self, statements: &'static str) -> Result<(), StoreError> {
        let (events, jobs) = (json("audit_event", &self.pending.events)?, json("job", &self.pending.jobs)?);
        let deliveries = json("delivery", &self.pending.deliveries)?;
        self.pending.empty();
        sqlx::query(statements).bind(events).bind(jobs).bind(deliveries).execute(&mut *self.conn).await?;
        Ok(())
    }

    async fn execute(&mut self, statements: &'static str) -> Result<(), StoreError> {
        sqlx::query(statements).execute(&mut *self.conn).await?;
        Ok(())
    }
}
