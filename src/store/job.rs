//! Work that is owed, and who is at it.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{
    StoreError, Tx,
    row::{from_json, json, micros, moment, moment_or_none},
};
use crate::domain::job::{Job, Lane, Leased};

/// How many due jobs are looked at when work is taken on; the lanes' widths decide how many of them.
const CANDIDATES: i64 = 64;

/// What is needed to take a job on: id, payload, attempts, generation, and when it is due.
type Row = (i64, String, i64, i64, i64);

/// How a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// How often it has failed in a row.
    pub attempts: u32,
    /// When it is due.
    pub run_at: Timestamp,
}

impl Tx {
    /// Asks for a job to be done at `run_at`. If it is asked for already, the earlier time counts; if it is being
    /// done right now, it is done once more afterwards.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn enqueue(&mut self, job: &Job, run_at: Timestamp) -> Result<(), StoreError> {
        sqlx::query(
            "insert into job (kind, key, lane, payload, run_at) values ($1, $2, $3, $4, $5)
             on conflict (kind, key) do update set run_at = min(run_at, excluded.run_at),
             generation = generation + 1, lane = excluded.lane, payload = excluded.payload",
        )
        .bind(job.kind())
        .bind(job.key())
        .bind(job.lane().to_string())
        .bind(json("job", job)?)
        .bind(micros(run_at))
        .execute(&mut *self.conn)
        .await?;
        self.enqueued = true;
        Ok(())
    }

    /// Takes on what is due at `now`, oldest first, as far as the lanes have room beside what is `busy` in them. The
    /// lease ends at `until`; `owner` must be unique to this call.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn lease_jobs(
        &mut self,
        now: Timestamp,
        until: Timestamp,
        owner: &str,
        busy: &BTreeMap<Lane, usize>,
    ) -> Result<Vec<Leased>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(
            "select id, payload, attempts, generation, run_at from job
             where run_at <= $1 and (leased_until is null or leased_until <= $1)
               and lane not in (select value from json_each($2))
             order by run_at, id limit $3",
        )
        .bind(micros(now))
        .bind(full_lanes(busy)?)
        .bind(CANDIDATES)
        .fetch_all(&mut *self.conn)
        .await?;
        let mut busy = busy.clone();
        let mut leased = Vec::new();
        for row in rows {
            let job: Job = from_json("job", &row.1)?;
            let lane = job.lane();
            let in_lane = busy.entry(lane.clone()).or_default();
            if *in_lane >= lane.width() {
                continue;
            }
            *in_lane += 1;
            leased.push(self.lease(row, job, until, owner).await?);
        }
        Ok(leased)
    }

    /// Takes on those of these jobs that are due at `now` and that nobody is at.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn lease_these(
        &mut self,
        jobs: &[Job],
        now: Timestamp,
        until: Timestamp,
        owner: &str,
    ) -> Result<Vec<Leased>, StoreError> {
        let mut leased = Vec::new();
        for job in jobs {
            let row: Option<Row> = sqlx::query_as(
                "select id, payload, attempts, generation, run_at from job
                 where kind = $2 and key = $3 and run_at <= $1 and (leased_until is null or leased_until <= $1)",
            )
            .bind(micros(now))
            .bind(job.kind())
            .bind(job.key())
            .fetch_optional(&mut *self.conn)
            .await?;
            if let Some(row) = row {
                leased.push(self.lease(row, job.clone(), until, owner).await?);
            }
        }
        Ok(leased)
    }

    async fn lease(&mut self, row: Row, job: Job, until: Timestamp, owner: &str) -> Result<Leased, StoreError> {
        let (id, _payload, attempts, generation, run_at) = row;
        sqlx::query("update job set leased_until = $2, lease_owner = $3 where id = $1")
            .bind(id)
            .bind(micros(until))
            .bind(owner)
            .execute(&mut *self.conn)
            .await?;
        let (attempts, run_at) = (u32::try_from(attempts).unwrap_or(0), moment("job", run_at)?);
        Ok(Leased { id, job, attempts, generation, lease: owner.to_owned(), run_at })
    }

    /// How a job stands, if there is one.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn lookup_job(&mut self, job: &Job) -> Result<Option<Standing>, StoreError> {
        let row: Option<(i64, i64)> = sqlx::query_as("select attempts, run_at from job where kind = $1 and key = $2")
            .bind(job.kind())
            .bind(job.key())
            .fetch_optional(&mut *self.conn)
            .await?;
        row.map(|(attempts, run_at)| {
            Ok(Standing { attempts: u32::try_from(attempts).unwrap_or(0), run_at: moment("job", run_at)? })
        })
        .transpose()
    }

    /// When something is due next in a lane that has room.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn next_due(&mut self, busy: &BTreeMap<Lane, usize>) -> Result<Option<Timestamp>, StoreError> {
        // Asked after every commit, and there may be thousands of jobs: from lane to lane by the index job_by_lane, looking
        // at the first idle and the first leased job of each.
        let (due,): (Option<i64>,) = sqlx::query_as(
            "with recursive lane(name) as (
                 select min(lane) from job
                 union all
                 select (select min(lane) from job where lane > name) from lane where name is not null
             )
             select min(due) from (
                 select (select min(run_at) from job where lane = name and leased_until is null) as due from lane
                 where name not in (select value from json_each($1))
                 union all
                 select (select min(max(run_at, leased_until)) from job where lane = name and leased_until is not null)
                 from lane where name not in (select value from json_each($1))
             )",
        )
        .bind(full_lanes(busy)?)
        .fetch_one(&mut *self.conn)
        .await?;
        moment_or_none("job", due)
    }

    /// Takes a job off the list; if it was asked for again meanwhile, it stays and is due at `now`. Answers `false`
    /// when the lease was lost.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn finish_job(&mut self, leased: &Leased, now: Timestamp) -> Result<bool, StoreError> {
        let done = sqlx::query("delete from job where id = $1 and lease_owner = $2 and generation = $3")
            .bind(leased.id)
            .bind(&leased.lease)
            .bind(leased.generation)
            .execute(&mut *self.conn)
            .await?;
        if done.rows_affected() == 1 {
            return Ok(true);
        }
        self.put_back(leased, now, 0, None).await
    }

    /// Puts a job back that is to be looked at again at `at`, though nothing failed; sooner if it was asked for again
    /// meanwhile.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn postpone_job(&mut self, leased: &Leased, at: Timestamp, now: Timestamp) -> Result<bool, StoreError> {
        let at = if self.is_asked_for_again(leased).await? { now } else { at };
        self.put_back(leased, at, 0, None).await
    }

    /// Puts a failed job back, to be tried again at `at`; at once if it was asked for again meanwhile, since what stood
    /// in the way may be of no account any more.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn fail_job(
        &mut self,
        leased: &Leased,
        error: &str,
        at: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let at = if self.is_asked_for_again(leased).await? { now } else { at };
        self.put_back(leased, at, leased.attempts.saturating_add(1), Some(error)).await
    }

    async fn is_asked_for_again(&mut self, leased: &Leased) -> Result<bool, StoreError> {
        let (generation,): (i64,) = sqlx::query_as("select coalesce(max(generation), 0) from job where id = $1")
            .bind(leased.id)
            .fetch_one(&mut *self.conn)
            .await?;
        Ok(generation != leased.generation)
    }

    /// Takes a job off the list that has become pointless, whether or not somebody is at it.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn drop_job(&mut self, job: &Job) -> Result<(), StoreError> {
        sqlx::query("delete from job where kind = $1 and key = $2")
            .bind(job.kind())
            .bind(job.key())
            .execute(&mut *self.conn)
            .await?;
        Ok(())
    }

    async fn put_back(
        &mut self,
        leased: &Leased,
        at: Timestamp,
        attempts: u32,
        error: Option<&str>,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "update job set leased_until = null, lease_owner = null, run_at = $3, attempts = $4, last_error = $5
             where id = $1 and lease_owner = $2",
        )
        .bind(leased.id)
        .bind(&leased.lease)
        .bind(micros(at))
        .bind(i64::from(attempts))
        .bind(error)
        .execute(&mut *self.conn)
        .await?;
        self.enqueued = true;
        Ok(done.rows_affected() == 1)
    }

    /// Gives every lease back: whoever had them was this process, in an earlier life.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn release_all_leases(&mut self) -> Result<u64, StoreError> {
        let done = sqlx::query("update job set leased_until = null, lease_owner = null where lease_owner is not null")
            .execute(&mut *self.conn)
            .await?;
        self.enqueued = true;
        Ok(done.rows_affected())
    }

    /// Every unfinished job with the time it is due at, soonest first; for tests and for people who look.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn unfinished_jobs(&mut self) -> Result<Vec<(Job, Timestamp, Option<String>)>, StoreError> {
        let rows: Vec<(String, i64, Option<String>)> =
            sqlx::query_as("select payload, run_at, last_error from job order by run_at, id")
                .fetch_all(&mut *self.conn)
                .await?;
        rows.into_iter()
            .map(|(payload, run_at, error)| Ok((from_json("job", &payload)?, moment("job", run_at)?, error)))
            .collect()
    }
}

/// The lanes that take no more, as a JSON array for `json_each`.
fn full_lanes(busy: &BTreeMap<Lane, usize>) -> Result<String, StoreError> {
    let full: Vec<String> =
        busy.iter().filter(|(lane, count)| **count >= lane.width()).map(|(lane, _)| lane.to_string()).collect();
    json("job", &full)
}
