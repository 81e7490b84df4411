//! The audit trail. Events are added and read, never changed or removed.

use jiff::Timestamp;

use super::{
    StoreError, Tx,
    pending::Trail,
    row::{from_json, micros},
};
use crate::domain::{
    audit::{Actor, Event, Fact},
    job::Job,
};

#[derive(sqlx::FromRow)]
struct Row {
    seq: i64,
    at: i64,
    actor: String,
    kind: String,
    request_id: Option<String>,
    grant_id: Option<String>,
    fact: String,
    prev: String,
    hash: String,
}

/// The end of the trail as it was noted with the last event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// The place of the last event.
    pub seq: i64,
    /// Its hash.
    pub hash: String,
}

impl Tx {
    /// Adds a fact to the trail and has every channel that follows it told.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn record(&mut self, at: Timestamp, actor: &Actor, fact: &Fact) -> Result<(), StoreError> {
        let Trail { seq, hash, followers } = self.trail().await?;
        let event =
            Event::link(seq + 1, at, actor, fact, &hash).map_err(|error| StoreError::corrupt("audit_event", error))?;
        self.pending.add_event(event);
        for channel in followers {
            self.enqueue(&Job::PostFeed(channel), at).await?;
        }
        Ok(())
    }

    /// The end of the trail, which the database is asked for once in a transaction.
    async fn trail(&mut self) -> Result<Trail, StoreError> {
        if let Some(trail) = &self.pending.trail {
            return Ok(trail.clone());
        }
        let (seq, hash, followers): (i64, String, String) = sqlx::query_as(
            "select seq, hash, (select json_group_array(channel) from feed) from audit_head where only_row = 1",
        )
        .fetch_one(&mut *self.conn)
        .await?;
        let trail = Trail { seq, hash, followers: from_json("feed", &followers)? };
        self.pending.trail = Some(trail.clone());
        Ok(trail)
    }

    /// The end of the trail.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn audit_head(&mut self) -> Result<Chain, StoreError> {
        self.flush().await?;
        let (seq, hash): (i64, String) =
            sqlx::query_as("select seq, hash from audit_head where only_row = 1").fetch_one(&mut *self.conn).await?;
        Ok(Chain { seq, hash })
    }

    /// At most `most` events after the place `seq`, in the order of the trail.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn events_after(&mut self, seq: i64, most: u32) -> Result<Vec<Event>, StoreError> {
        self.flush().await?;
        let rows: Vec<Row> = sqlx::query_as("select * from audit_event where seq > $1 order by seq limit $2")
            .bind(seq)
            .bind(i64::from(most))
            .fetch_all(&mut *self.conn)
            .await?;
        Ok(rows.into_iter().map(Row::read).collect())
    }

    /// The policy that was last noted as in force.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn last_policy(&mut self) -> Result<Option<String>, StoreError> {
        self.flush().await?;
        let fact: Option<(String,)> = sqlx::query_as(
            "select json_extract(fact, '$.policy') from audit_event where kind = 'policy_loaded' order by seq desc limit 1",
        )
        .fetch_optional(&mut *self.conn)
        .await?;
        Ok(fact.map(|(policy,)| policy))
    }

    /// The place before the first event at or after `since`.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn place_before(&mut self, since: Timestamp) -> Result<i64, StoreError> {
        self.flush().await?;
        let (seq,): (i64,) = sqlx::query_as(
            "select coalesce((select min(seq) - 1 from audit_event where at >= $1),
                             (select coalesce(max(seq), 0) from audit_event))",
        )
        .bind(micros(since))
        .fetch_one(&mut *self.conn)
        .await?;
        Ok(seq)
    }
}

impl Row {
    fn read(self) -> Event {
        let Self { seq, at, actor, kind, request_id, grant_id, fact, prev, hash } = self;
        Event { seq, at, actor, kind, request_id, grant_id, fact, prev, hash }
    }
}
