//! Accesses: the rows that owe a revocation.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{
    StoreError, Tx,
    row::{changed_one, from_json, id, json, micros, moment_or_none, unknown},
};
use crate::domain::{
    access::{Access, AccessKey, AccessState},
    catalog::{ProviderName, Target},
    ids::{AccessId, GrantId},
};

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    grant_id: String,
    position: i64,
    provider: String,
    principal: String,
    resource: String,
    target: String,
    state: String,
    receipt: String,
    sessions_until: Option<i64>,
    tidy_at: Option<i64>,
    until: Option<i64>,
    note: Option<String>,
    stuck_since: Option<i64>,
}

/// Something that accesses are open to.
#[derive(Debug, Clone)]
pub struct OpenTarget {
    /// What it is called in access keys.
    pub resource: String,
    /// What it is.
    pub target: Target,
    /// How many accesses are open to it.
    pub count: usize,
}

/// How many things there are in which state, for the metrics.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Occupancy {
    /// Requests that await a decision.
    pub awaiting_requests: i64,
    /// Grants by state, those that are over left out.
    pub grants: BTreeMap<String, i64>,
    /// Accesses that people should look at.
    pub stuck_accesses: i64,
    /// Jobs that are waiting or running.
    pub jobs: i64,
}

impl Tx {
    /// Keeps a new access.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn insert_access(&mut self, access: &Access) -> Result<(), StoreError> {
        sqlx::query(
            "insert into access (id, grant_id, position, access_key, provider, principal, resource, target, state, receipt)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        )
        .bind(access.id.to_string())
        .bind(access.grant.to_string())
        .bind(i64::from(access.position))
        .bind(access.key.to_string())
        .bind(access.key.provider.as_str())
        .bind(&access.key.principal)
        .bind(&access.key.resource)
        .bind(json("access", &access.target)?)
        .bind(access.state.name())
        .bind(json("access", &access.receipt)?)
        .execute(&mut *self.conn)
        .await?;
        Ok(())
    }

    /// Every access under this key that may be in the cloud or has left something there, oldest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn owed_under(&mut self, key: &AccessKey) -> Result<Vec<Access>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(
            "select * from access where access_key = $1 and (state <> 'gone' or tidy_at is not null)
             order by grant_id, position",
        )
        .bind(key.to_string())
        .fetch_all(&mut *self.conn)
        .await?;
        rows.into_iter().map(Row::read).collect()
    }

    /// The last accesses under this key of which nothing is left in the cloud, the last one first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn last_gone_under(&mut self, key: &AccessKey, most: u32) -> Result<Vec<Access>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(
            "select * from access where access_key = $1 and state = 'gone' and tidy_at is null
             order by grant_id desc, position limit $2",
        )
        .bind(key.to_string())
        .bind(most)
        .fetch_all(&mut *self.conn)
        .await?;
        rows.into_iter().map(Row::read).collect()
    }

    /// Whether every access of this grant is in this state.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn are_all(&mut self, grant: GrantId, state: AccessState) -> Result<bool, StoreError> {
        let others: Vec<&str> = AccessState::ALL.iter().filter(|it| **it != state).map(|it| it.name()).collect();
        let (all,): (bool,) = sqlx::query_as(
            "select not exists
             (select 1 from access where grant_id = $1 and state in (select value from json_each($2)))",
        )
        .bind(grant.to_string())
        .bind(json("access", &others)?)
        .fetch_one(&mut *self.conn)
        .await?;
        Ok(all)
    }

    /// Every access of this grant, in the order of the role's targets.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn accesses_of(&mut self, grant: GrantId) -> Result<Vec<Access>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as("select * from access where grant_id = $1 order by position")
            .bind(grant.to_string())
            .fetch_all(&mut *self.conn)
            .await?;
        rows.into_iter().map(Row::read).collect()
    }

    /// Every access of these grants, in the order of the roles' targets.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn accesses_of_all(&mut self, grants: &BTreeSet<GrantId>) -> Result<Vec<Access>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(
            "select * from access where grant_id in (select value from json_each($1)) order by grant_id, position",
        )
        .bind(json("access", grants)?)
        .fetch_all(&mut *self.conn)
        .await?;
        rows.into_iter().map(Row::read).collect()
    }

    /// What the accesses in this cloud that are not gone are to, and how many there are to each.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn open_targets(&mut self, cloud: ProviderName) -> Result<Vec<OpenTarget>, StoreError> {
        let rows: Vec<(String, String, i64)> = sqlx::query_as(
            "select resource, target, count(*) from access where provider = $1 and state <> 'gone'
             group by resource, target",
        )
        .bind(cloud.as_str())
        .fetch_all(&mut *self.conn)
        .await?;
        let read = |(resource, target, count): (String, String, i64)| {
            let target = from_json("access", &target)?;
            Ok(OpenTarget { resource, target, count: usize::try_from(count).unwrap_or(usize::MAX) })
        };
        rows.into_iter().map(read).collect()
    }

    /// Every access in this cloud to these resources that is not gone, oldest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn open_accesses(
        &mut self,
        cloud: ProviderName,
        resources: &BTreeSet<String>,
    ) -> Result<Vec<Access>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(
            "select * from access where provider = $1 and state <> 'gone'
             and resource in (select value from json_each($2)) order by grant_id, position",
        )
        .bind(cloud.as_str())
        .bind(json("access", resources)?)
        .fetch_all(&mut *self.conn)
        .await?;
        rows.into_iter().map(Row::read).collect()
    }

    /// Every access there ever was to what a cloud shows, for whom it shows: by resource, and [`Access::found_as`].
    ///
    /// # Errors
    /// When the store fails.
    pub async fn accesses_found(
        &mut self,
        cloud: ProviderName,
        found: &BTreeSet<(String, String)>,
    ) -> Result<Vec<Access>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(
            "select access.* from json_each($2) as found cross join access
             on access.provider = $1 and access.resource = found.value ->> 0 and access.found_as = found.value ->> 1
             order by access.grant_id, access.position",
        )
        .bind(cloud.as_str())
        .bind(json("access", found)?)
        .fetch_all(&mut *self.conn)
        .await?;
        rows.into_iter().map(Row::read).collect()
    }

    /// The access with this id.
    ///
    /// # Errors
    /// When there is none, or the store fails.
    pub async fn load_access(&mut self, access: AccessId) -> Result<Access, StoreError> {
        let row: Option<Row> = sqlx::query_as("select * from access where id = $1")
            .bind(access.to_string())
            .fetch_optional(&mut *self.conn)
            .await?;
        row.ok_or_else(|| StoreError::Missing { what: "access", key: access.to_string() })?.read()
    }

    /// Writes an access back that was read in the state `was`.
    ///
    /// # Errors
    /// When it is in another state by now, or the store fails.
    pub async fn save_access(&mut self, access: &Access, was: AccessState) -> Result<(), StoreError> {
        let done = sqlx::query(
            "update access set state = $3, receipt = $4, tidy_at = $5, note = $6, stuck_since = $7, until = $8
             where id = $1 and state = $2",
        )
        .bind(access.id.to_string())
        .bind(was.name())
        .bind(access.state.name())
        .bind(json("access", &access.receipt)?)
        .bind(access.tidy_at.map(micros))
        .bind(&access.note)
        .bind(access.stuck_since.map(micros))
        .bind(access.until.map(micros))
        .execute(&mut *self.conn)
        .await?;
        changed_one(done.rows_affected(), "access", access.id)
    }

    /// Notes that a session is about to be minted which may run until `until`; never shortens what was noted before.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn extend_sessions(&mut self, access: AccessId, until: Timestamp) -> Result<(), StoreError> {
        let done = sqlx::query(
            "update access set sessions_until = max(coalesce(sessions_until, 0), $2) where id = $1 and state = 'live'",
        )
        .bind(access.to_string())
        .bind(micros(until))
        .execute(&mut *self.conn)
        .await?;
        changed_one(done.rows_affected(), "access", access)
    }

    /// Who holds something in which cloud by which key, for the keys that are not settled: what a start looks at.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn unsettled_keys(&mut self) -> Result<Vec<AccessKey>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(
            "select * from access where state in ('wanted', 'applying', 'removing') or tidy_at is not null
             order by access_key",
        )
        .fetch_all(&mut *self.conn)
        .await?;
        let mut keys: Vec<AccessKey> =
            rows.into_iter().map(|row| row.read().map(|access| access.key)).collect::<Result<_, _>>()?;
        keys.dedup();
        Ok(keys)
    }

    /// Counts for the metrics.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn occupancy(&mut self) -> Result<Occupancy, StoreError> {
        let conn = &mut *self.conn;
        let (awaiting_requests, stuck_accesses, jobs): (i64, i64, i64) = sqlx::query_as(
            "select (select count(*) from request where state = 'awaiting'),
                    (select count(*) from access where stuck_since is not null),
                    (select count(*) from job)",
        )
        .fetch_one(&mut *conn)
        .await?;
        let grants: Vec<(String, i64)> = sqlx::query_as(
            "select state, count(*) from grant_ where state in ('applying', 'active', 'ending') group by state",
        )
        .fetch_all(conn)
        .await?;
        Ok(Occupancy { awaiting_requests, stuck_accesses, jobs, grants: grants.into_iter().collect() })
    }
}

impl Row {
    fn read(self) -> Result<Access, StoreError> {
        Ok(Access {
            id: id("access", &self.id)?,
            grant: id("access", &self.grant_id)?,
            position: u16::try_from(self.position).map_err(|error| StoreError::corrupt("access", error))?,
            key: AccessKey {
                provider: ProviderName::from_name(&self.provider).ok_or_else(|| unknown("access", &self.provider))?,
                principal: self.principal,
                resource: self.resource,
            },
            target: from_json("access", &self.target)?,
            state: AccessState::from_name(&self.state).ok_or_else(|| unknown("access", &self.state))?,
            receipt: from_json("access", &self.receipt)?,
            sessions_until: moment_or_none("access", self.sessions_until)?,
            tidy_at: moment_or_none("access", self.tidy_at)?,
            until: moment_or_none("access", self.until)?,
            note: self.note,
            stuck_since: moment_or_none("access", self.stuck_since)?,
        })
    }
}
