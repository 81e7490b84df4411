//! Grants.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{
    StoreError, Tx,
    row::{changed_one, from_json, id, json, micros, moment, unknown},
};
use crate::domain::{
    grant::{Grant, GrantState},
    ids::{Code, GrantId, RequestId, RoleName},
    principal::Principal,
};

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    request_id: String,
    code: String,
    holder: String,
    role: String,
    reason: String,
    approvers: String,
    starts_at: i64,
    ends_at: i64,
    state: String,
    state_at: i64,
    cause: Option<String>,
}

impl Tx {
    /// Keeps a new grant, with its end.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn insert_grant(&mut self, grant: &Grant) -> Result<(), StoreError> {
        sqlx::query(
            "insert into grant_ (id, request_id, code, holder, role, reason, approvers, starts_at, ends_at, state, state_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'applying', $8)",
        )
        .bind(grant.id.to_string())
        .bind(grant.request.to_string())
        .bind(grant.code.as_str())
        .bind(grant.holder.to_string())
        .bind(grant.role.as_str())
        .bind(&grant.reason)
        .bind(json("grant_", &grant.approvers)?)
        .bind(micros(grant.starts_at))
        .bind(micros(grant.ends_at))
        .execute(&mut *self.conn)
        .await?;
        Ok(())
    }

    /// The grant with this id.
    ///
    /// # Errors
    /// When there is none, or the store fails.
    pub async fn load_grant(&mut self, grant: GrantId) -> Result<Grant, StoreError> {
        self.lookup_grant(grant).await?.ok_or_else(|| StoreError::Missing { what: "grant", key: grant.to_string() })
    }

    /// The grants with these ids.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn grants(&mut self, ids: &BTreeSet<GrantId>) -> Result<BTreeMap<GrantId, Grant>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as("select * from grant_ where id in (select value from json_each($1))")
            .bind(json("grant_", ids)?)
            .fetch_all(&mut *self.conn)
            .await?;
        rows.into_iter().map(|row| row.read().map(|grant| (grant.id, grant))).collect()
    }

    /// The grant with this id, if there is one.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn lookup_grant(&mut self, grant: GrantId) -> Result<Option<Grant>, StoreError> {
        let row: Option<Row> = sqlx::query_as("select * from grant_ where id = $1")
            .bind(grant.to_string())
            .fetch_optional(&mut *self.conn)
            .await?;
        row.map(Row::read).transpose()
    }

    /// The grant with this short name, if there is one.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn lookup_grant_by_code(&mut self, code: &Code) -> Result<Option<Grant>, StoreError> {
        let row: Option<Row> = sqlx::query_as("select * from grant_ where code = $1")
            .bind(code.as_str())
            .fetch_optional(&mut *self.conn)
            .await?;
        row.map(Row::read).transpose()
    }

    /// The grant that a request became, if it did.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn lookup_grant_of(&mut self, request: RequestId) -> Result<Option<Grant>, StoreError> {
        let row: Option<Row> = sqlx::query_as("select * from grant_ where request_id = $1")
            .bind(request.to_string())
            .fetch_optional(&mut *self.conn)
            .await?;
        row.map(Row::read).transpose()
    }

    /// Every grant that is not over or has left something open or behind, the one that ends first first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn unfinished_grants(&mut self) -> Result<Vec<Grant>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(
            "select * from grant_ where state in ('applying', 'active', 'ending')
             or id in (select grant_id from access where state <> 'gone' or stuck_since is not null)
             order by ends_at, role, id",
        )
        .fetch_all(&mut *self.conn)
        .await?;
        rows.into_iter().map(Row::read).collect()
    }

    /// What this person or pipeline holds that is not over yet, the one that ends first first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn open_grants_of(&mut self, who: &Principal) -> Result<Vec<Grant>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(
            "select * from grant_ where holder = $1 and state in ('applying', 'active', 'ending') order by ends_at",
        )
        .bind(who.to_string())
        .fetch_all(&mut *self.conn)
        .await?;
        rows.into_iter().map(Row::read).collect()
    }

    /// Moves a grant's end.
    ///
    /// # Errors
    /// When it ends at another time by now than `before`, when it is over, or the store fails.
    pub async fn set_grant_end(
        &mut self,
        grant: GrantId,
        before: Timestamp,
        ends_at: Timestamp,
    ) -> Result<(), StoreError> {
        let done = sqlx::query(
            "update grant_ set ends_at = $3 where id = $1 and ends_at = $2 and state in ('applying', 'active')",
        )
        .bind(grant.to_string())
        .bind(micros(before))
        .bind(micros(ends_at))
        .execute(&mut *self.conn)
        .await?;
        changed_one(done.rows_affected(), "grant", grant)
    }

    /// Moves a grant from the state it was read in to the next.
    ///
    /// # Errors
    /// When it is in another state by now, or the store fails.
    pub async fn move_grant(&mut self, grant: &Grant, to: &GrantState) -> Result<(), StoreError> {
        let (at, cause) = facts(grant.starts_at, to)?;
        let done = sqlx::query("update grant_ set state = $3, state_at = $4, cause = $5 where id = $1 and state = $2")
            .bind(grant.id.to_string())
            .bind(grant.state.name())
            .bind(to.name())
            .bind(micros(at))
            .bind(cause)
            .execute(&mut *self.conn)
            .await?;
        changed_one(done.rows_affected(), "grant", grant.id)
    }
}

fn facts(starts_at: Timestamp, state: &GrantState) -> Result<(Timestamp, Option<String>), StoreError> {
    Ok(match state {
        GrantState::Applying => (starts_at, None),
        GrantState::Active { since } => (*since, None),
        GrantState::Ending { since, cause } => (*since, Some(json("grant_", cause)?)),
        GrantState::Ended { at, cause } => (*at, Some(json("grant_", cause)?)),
        GrantState::Failed { at, why } => (*at, Some(json("grant_", why)?)),
    })
}

impl Row {
    fn read(self) -> Result<Grant, StoreError> {
        let state = self.state()?;
        Ok(Grant {
            id: id("grant_", &self.id)?,
            request: id("grant_", &self.request_id)?,
            code: Code::parse(&self.code).ok_or_else(|| StoreError::corrupt("grant_", &self.code))?,
            holder: self.holder.into(),
            role: RoleName(self.role),
            reason: self.reason,
            approvers: from_json("grant_", &self.approvers)?,
            starts_at: moment("grant_", self.starts_at)?,
            ends_at: moment("grant_", self.ends_at)?,
            state,
        })
    }

    fn state(&self) -> Result<GrantState, StoreError> {
        let at = moment("grant_", self.state_at)?;
        let cause = self.cause.as_deref().unwrap_or("null");
        match self.state.as_str() {
            "applying" => Ok(GrantState::Applying),
            "active" => Ok(GrantState::Active { since: at }),
            "ending" => Ok(GrantState::Ending { since: at, cause: from_json("grant_", cause)? }),
            "ended" => Ok(GrantState::Ended { at, cause: from_json("grant_", cause)? }),
            "failed" => Ok(GrantState::Failed { at, why: from_json("grant_", cause)? }),
            other => Err(unknown("grant_", other)),
        }
    }
}
