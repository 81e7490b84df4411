//! Work that is owed, and who is at it.

use jiff::Timestamp;

use super::{
    StoreError, Tx,
    agenda::Touch,
    row::{from_json, json, micros, moment, moment_or_none},
};
use crate::domain::job::{Job, Lane, Leased};

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
        self.pending.add_job(job, run_at)?;
        if self.pending.is_full() { self.flush().await } else { Ok(()) }
    }

    /// Takes on what is due at `now` in these lanes, oldest first, as far as each has room. The lease ends at `until`;
    /// `owner` must be unique to this call.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn lease_jobs(
        &mut self,
        now: Timestamp,
        until: Timestamp,
        owner: &str,
        rooms: &[(Lane, usize)],
    ) -> Result<Vec<Leased>, StoreError> {
        let (narrow, wide): (Vec<_>, Vec<_>) = rooms.iter().partition(|(_, room)| *room == 1);
        let names =
            |rooms: &[&(Lane, usize)]| json("job", &rooms.iter().map(|(lane, _)| lane.to_string()).collect::<Vec<_>>());
        // Leases that nobody has kept come back first. Then one job from each lane that has room for one: all in one trip,
        // because there may be many.
        let mut rows: Vec<LeasedRow> = sqlx::query_as(
            "update job set leased_until = null, lease_owner = null
             where lane in (select value from json_each($1)) and leased_until <= $3;
             update job set leased_until = $4, lease_owner = $5 where id in (
                 select (select id from job where lane = value and leased_until is null and run_at <= $3
                         order by run_at, id limit 1)
                 from json_each($2)
             ) returning id, payload, attempts, generation, run_at",
        )
        .bind(names(&rooms.iter().collect::<Vec<_>>())?)
        .bind(names(&narrow)?)
        .bind(micros(now))
        .bind(micros(until))
        .bind(owner)
        .fetch_all(&mut *self.conn)
        .await?;
        for (lane, room) in wide {
            let more: Vec<LeasedRow> = sqlx::query_as(
                "update job set leased_until = $3, lease_owner = $4 where id in (
                     select id from job where lane = $1 and leased_until is null and run_at <= $2
                     order by run_at, id limit $5
                 ) returning id, payload, attempts, generation, run_at",
            )
            .bind(lane.to_string())
            .bind(micros(now))
            .bind(micros(until))
            .bind(owner)
            .bind(i64::try_from(*room).unwrap_or(i64::MAX))
            .fetch_all(&mut *self.conn)
            .await?;
            rows.extend(more);
        }
        self.touch_lanes(rooms).await?;
        let mut leased: Vec<Leased> = rows.into_iter().map(|row| row.read(owner)).collect::<Result<_, _>>()?;
        leased.sort_by_key(|leased| (leased.run_at, leased.id));
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
            let row: Option<LeasedRow> = sqlx::query_as(
                "update job set leased_until = $4, lease_owner = $5
                 where kind = $2 and key = $3 and run_at <= $1 and (leased_until is null or leased_until <= $1)
                 returning id, payload, attempts, generation, run_at",
            )
            .bind(micros(now))
            .bind(job.kind())
            .bind(job.key())
            .bind(micros(until))
            .bind(owner)
            .fetch_optional(&mut *self.conn)
            .await?;
            leased.extend(row.map(|row| row.read(owner)).transpose()?);
        }
        Ok(leased)
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

    /// Notes when something is due next in each of these lanes.
    async fn touch_lanes(&mut self, rooms: &[(Lane, usize)]) -> Result<(), StoreError> {
        let names: Vec<String> = rooms.iter().map(|(lane, _)| lane.to_string()).collect();
        let next: Vec<(Option<i64>,)> = sqlx::query_as(
            "select min(due) from (
                 select key as place, (select min(run_at) from job where lane = value and leased_until is null) as due
                 from json_each($1)
                 union all
                 select key, (select min(leased_until) from job where lane = value and leased_until is not null)
                 from json_each($1)
             ) group by place order by place",
        )
        .bind(json("job", &names)?)
        .fetch_all(&mut *self.conn)
        .await?;
        for ((lane, _), (due,)) in rooms.iter().zip(next) {
            self.pending.touched.push((lane.clone(), Touch::NextAt(moment_or_none("job", due)?)));
        }
        Ok(())
    }

    /// Takes a job off the list; if it was asked for again meanwhile, it stays and is due at `now`. Answers `false`
    /// when the lease was lost.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn finish_job(&mut self, leased: &Leased, now: Timestamp) -> Result<bool, StoreError> {
        let kept: Option<(Option<i64>,)> = sqlx::query_as(
            "delete from job where id = $1 and lease_owner = $2 and generation = $3 returning null;
             update job set leased_until = null, lease_owner = null, attempts = 0, last_error = null, run_at = $4
             where id = $1 and lease_owner = $2 returning run_at",
        )
        .bind(leased.id)
        .bind(&leased.lease)
        .bind(leased.generation)
        .bind(micros(now))
        .fetch_all(&mut *self.conn)
        .await?
        .pop();
        if let Some((Some(due),)) = kept {
            self.pending.touched.push((leased.job.lane(), Touch::DueBy(moment("job", due)?)));
        }
        Ok(kept.is_some())
    }

    /// Puts a job back that is to be looked at again at `at`, though nothing failed; sooner if it was asked for again
    /// meanwhile.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn postpone_job(&mut self, leased: &Leased, at: Timestamp, now: Timestamp) -> Result<bool, StoreError> {
        self.put_back(leased, (at, now), 0, None).await
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
        self.put_back(leased, (at, now), leased.attempts.saturating_add(1), Some(error)).await
    }

    /// Takes a job off the list that has become pointless, whether or not somebody is at it.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn drop_job(&mut self, job: &Job) -> Result<(), StoreError> {
        self.pending.remove_job(job);
        sqlx::query("delete from job where kind = $1 and key = $2")
            .bind(job.kind())
            .bind(job.key())
            .execute(&mut *self.conn)
            .await?;
        Ok(())
    }

    /// Due at the first of the two times, or at the second if it was asked for again meanwhile.
    async fn put_back(
        &mut self,
        leased: &Leased,
        (at, now): (Timestamp, Timestamp),
        attempts: u32,
        error: Option<&str>,
    ) -> Result<bool, StoreError> {
        let kept: Option<(i64,)> = sqlx::query_as(
            "update job set leased_until = null, lease_owner = null, attempts = $4, last_error = $5,
             run_at = case generation when $3 then $6 else $7 end
             where id = $1 and lease_owner = $2 returning run_at",
        )
        .bind(leased.id)
        .bind(&leased.lease)
        .bind(leased.generation)
        .bind(i64::from(attempts))
        .bind(error)
        .bind(micros(at))
        .bind(micros(now))
        .fetch_optional(&mut *self.conn)
        .await?;
        let Some((due,)) = kept else { return Ok(false) };
        self.pending.touched.push((leased.job.lane(), Touch::DueBy(moment("job", due)?)));
        Ok(true)
    }

    /// Gives every lease back: whoever had them was this process, in an earlier life.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn release_all_leases(&mut self) -> Result<(), StoreError> {
        sqlx::query("update job set leased_until = null, lease_owner = null where lease_owner is not null")
            .execute(&mut *self.conn)
            .await?;
        Ok(())
    }

    /// Notes for every lane when something is due in it at the earliest.
    pub(super) async fn touch_all_lanes(&mut self) -> Result<(), StoreError> {
        let lanes: Vec<(String, i64)> =
            sqlx::query_as("select payload, min(run_at) from job group by lane").fetch_all(&mut *self.conn).await?;
        for (payload, due) in lanes {
            let job: Job = from_json("job", &payload)?;
            self.pending.touched.push((job.lane(), Touch::DueBy(moment("job", due)?)));
        }
        Ok(())
    }

    /// Every unfinished job with the time it is due at, soonest first; for tests and for people who look.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn unfinished_jobs(&mut self) -> Result<Vec<(Job, Timestamp, Option<String>)>, StoreError> {
        self.flush().await?;
        let rows: Vec<(String, i64, Option<String>)> =
            sqlx::query_as("select payload, run_at, last_error from job order by run_at, id")
                .fetch_all(&mut *self.conn)
                .await?;
        rows.into_iter()
            .map(|(payload, run_at, error)| Ok((from_json("job", &payload)?, moment("job", run_at)?, error)))
            .collect()
    }
}

#[derive(sqlx::FromRow)]
struct LeasedRow {
    id: i64,
    payload: String,
    attempts: i64,
    generation: i64,
    run_at: i64,
}

impl LeasedRow {
    fn read(self, owner: &str) -> Result<Leased, StoreError> {
        Ok(Leased {
            id: self.id,
            job: from_json("job", &self.payload)?,
            attempts: u32::try_from(self.attempts).unwrap_or(0),
            generation: self.generation,
            lease: owner.to_owned(),
            run_at: moment("job", self.run_at)?,
        })
    }
}
