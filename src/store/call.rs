//! What must not happen twice: calls of the API with their answers, and proofs that count once. And when a process that
//! uses a grant was heard of last.

use jiff::Timestamp;

use super::{
    StoreError, Tx,
    row::{changed_one, micros, moment_or_none},
};
use crate::domain::{
    ids::{GrantId, RequestId},
    principal::Principal,
};

/// A call that was answered before.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Call {
    /// What was asked for, as a digest.
    pub digest: String,
    /// The HTTP status of the answer.
    pub status: i64,
    /// Its body.
    pub answer: String,
}

impl Tx {
    /// What a call with this key was answered, if there was one.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn earlier_call(&mut self, who: &Principal, key: &str) -> Result<Option<Call>, StoreError> {
        Ok(sqlx::query_as("select digest, status, answer from call where principal = $1 and key = $2")
            .bind(who.to_string())
            .bind(key)
            .fetch_optional(&mut *self.conn)
            .await?)
    }

    /// Remembers what a call was answered.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn remember_call(
        &mut self,
        (who, key): (&Principal, &str),
        call: &Call,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        sqlx::query("insert into call (principal, key, digest, status, answer, at) values ($1, $2, $3, $4, $5, $6)")
            .bind(who.to_string())
            .bind(key)
            .bind(&call.digest)
            .bind(call.status)
            .bind(&call.answer)
            .bind(micros(at))
            .execute(&mut *self.conn)
            .await?;
        Ok(())
    }

    /// Uses a proof up. Answers `false` when it was used before.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn spend_proof(&mut self, hash: &str, expires_at: Timestamp) -> Result<bool, StoreError> {
        let done = sqlx::query("insert into spent_proof (hash, expires_at) values ($1, $2) on conflict do nothing")
            .bind(hash)
            .bind(micros(expires_at))
            .execute(&mut *self.conn)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Forgets what can no longer come back: calls and logins from before `before`, and what is past its time.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn prune_calls(&mut self, before: Timestamp, now: Timestamp) -> Result<(), StoreError> {
        for (statement, at) in [
            ("delete from call where at < $1", before),
            ("delete from login where expires_at < $1", before),
            ("delete from session where expires_at < $1", before),
            ("delete from spent_proof where expires_at < $1", now),
        ] {
            sqlx::query(statement).bind(micros(at)).execute(&mut *self.conn).await?;
        }
        Ok(())
    }

    /// When the process that uses a grant was heard of last; `None` when it never was.
    ///
    /// # Errors
    /// When there is no such grant, or the store fails.
    pub async fn heard_at(&mut self, grant: GrantId) -> Result<Option<Timestamp>, StoreError> {
        let row: Option<(Option<i64>,)> = sqlx::query_as("select heard_at from grant_ where id = $1")
            .bind(grant.to_string())
            .fetch_optional(&mut *self.conn)
            .await?;
        let (at,) = row.ok_or_else(|| StoreError::Missing { what: "grant", key: grant.to_string() })?;
        moment_or_none("grant_", at)
    }

    /// Notes that it was heard of.
    ///
    /// # Errors
    /// When there is no such grant, or the store fails.
    pub async fn set_heard_at(&mut self, grant: GrantId, at: Timestamp) -> Result<(), StoreError> {
        let done = sqlx::query("update grant_ set heard_at = $2 where id = $1")
            .bind(grant.to_string())
            .bind(micros(at))
            .execute(&mut *self.conn)
            .await?;
        changed_one(done.rows_affected(), "grant", grant)
    }

    /// Notes that the process of whoever asks will be heard of.
    ///
    /// # Errors
    /// When there is no such request, or the store fails.
    pub async fn promise_heartbeats(&mut self, request: RequestId) -> Result<(), StoreError> {
        let done = sqlx::query("update request set heartbeats = 1 where id = $1")
            .bind(request.to_string())
            .execute(&mut *self.conn)
            .await?;
        changed_one(done.rows_affected(), "request", request)
    }

    /// Whether that was said.
    ///
    /// # Errors
    /// When there is no such request, or the store fails.
    pub async fn heartbeats_are_promised(&mut self, request: RequestId) -> Result<bool, StoreError> {
        let promised: i64 = sqlx::query_scalar("select heartbeats from request where id = $1")
            .bind(request.to_string())
            .fetch_one(&mut *self.conn)
            .await?;
        Ok(promised != 0)
    }

    /// Nobody could be heard while the bot was down: whoever was heard of before counts as heard of now.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn grace_for_all(&mut self, now: Timestamp) -> Result<(), StoreError> {
        sqlx::query(
            "update grant_ set heard_at = $1
             where heard_at is not null and heard_at < $1 and state in ('applying', 'active')",
        )
        .bind(micros(now))
        .execute(&mut *self.conn)
        .await?;
        Ok(())
    }
}
