//! How far sweeps are, and what they have told.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{
    StoreError, Tx,
    row::{from_json, json, micros, moment},
};
use crate::domain::catalog::{ProviderName, Target};

impl Tx {
    /// Notes that each of these places of a cloud is to be asked about, by name with a target that is there. When these
    /// are `all` there are, what is known of others is forgotten.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn begin_sweep(
        &mut self,
        cloud: ProviderName,
        places: &BTreeMap<String, Target>,
        all: bool,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "insert into place (provider, name, target, pending)
             select $1, key, value, 1 from json_each($2) where true
             on conflict (provider, name) do update set target = excluded.target, pending = 1",
        )
        .bind(cloud.as_str())
        .bind(json("place", places)?)
        .execute(&mut *self.conn)
        .await?;
        if all {
            sqlx::query(
                "delete from place where provider = $1 and pending = 0;
                 delete from foreign_access where provider = $1
                 and place not in (select name from place where provider = $1)",
            )
            .bind(cloud.as_str())
            .execute(&mut *self.conn)
            .await?;
        }
        Ok(())
    }

    /// At most `most` places of a cloud that are still to be asked about, in order of their names.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn pending_places(
        &mut self,
        cloud: ProviderName,
        most: u32,
    ) -> Result<BTreeMap<String, Target>, StoreError> {
        let rows: Vec<(String, String)> =
            sqlx::query_as("select name, target from place where provider = $1 and pending = 1 order by name limit $2")
                .bind(cloud.as_str())
                .bind(i64::from(most))
                .fetch_all(&mut *self.conn)
                .await?;
        rows.into_iter().map(|(name, target)| Ok((name, from_json("place", &target)?))).collect()
    }

    /// Notes that these places were asked about, and when if the cloud has told what is there.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn places_done(
        &mut self,
        cloud: ProviderName,
        names: &BTreeSet<String>,
        looked_at: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "update place set pending = 0, looked_at = coalesce($3, looked_at)
             where provider = $1 and name in (select value from json_each($2))",
        )
        .bind(cloud.as_str())
        .bind(json("place", names)?)
        .bind(looked_at.map(micros))
        .execute(&mut *self.conn)
        .await?;
        Ok(())
    }

    /// When a cloud last told what is in these places, where it ever has.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn places_looked_at(
        &mut self,
        cloud: ProviderName,
        names: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, Timestamp>, StoreError> {
        let rows: Vec<(String, i64)> = sqlx::query_as(
            "select name, looked_at from place where provider = $1 and looked_at is not null
             and name in (select value from json_each($2))",
        )
        .bind(cloud.as_str())
        .bind(json("place", names)?)
        .fetch_all(&mut *self.conn)
        .await?;
        rows.into_iter().map(|(name, at)| Ok((name, moment("place", at)?))).collect()
    }

    /// Gives up every sweep that is under way, so that the next one begins at the beginning.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn forget_sweeps(&mut self) -> Result<(), StoreError> {
        sqlx::query("update place set pending = 0 where pending = 1").execute(&mut *self.conn).await?;
        Ok(())
    }

    /// Standing access in these places that was reported: what it opens, and who has it.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn foreign_accesses(
        &mut self,
        cloud: ProviderName,
        places: &BTreeSet<String>,
    ) -> Result<BTreeSet<(String, String)>, StoreError> {
        let rows = sqlx::query_as(
            "select resource, principal from foreign_access
             where provider = $1 and place in (select value from json_each($2))",
        )
        .bind(cloud.as_str())
        .bind(json("foreign_access", places)?)
        .fetch_all(&mut *self.conn)
        .await?;
        Ok(rows.into_iter().collect())
    }

    /// Notes that standing access was reported.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn insert_foreign_access(
        &mut self,
        cloud: ProviderName,
        place: &str,
        (resource, principal): (&str, &str),
        at: Timestamp,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "insert into foreign_access (provider, place, resource, principal, first_seen) values ($1, $2, $3, $4, $5)
             on conflict (provider, resource, principal) do update set place = excluded.place",
        )
        .bind(cloud.as_str())
        .bind(place)
        .bind(resource)
        .bind(principal)
        .bind(micros(at))
        .execute(&mut *self.conn)
        .await?;
        Ok(())
    }

    /// Notes that standing access is there no more.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn delete_foreign_access(
        &mut self,
        cloud: ProviderName,
        (resource, principal): (&str, &str),
    ) -> Result<(), StoreError> {
        sqlx::query("delete from foreign_access where provider = $1 and resource = $2 and principal = $3")
            .bind(cloud.as_str())
            .bind(resource)
            .bind(principal)
            .execute(&mut *self.conn)
            .await?;
        Ok(())
    }
}
