//! What Slack says about people and user groups, as of the last time it was asked.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{
    StoreError, Tx,
    row::{from_json, json, micros, moment, unknown},
};
use crate::domain::{
    ids::{UserGroupId, UserId},
    people::{Members, Person, Standing},
};

impl Tx {
    /// Notes what Slack says about a person.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn save_person(&mut self, person: &Person) -> Result<(), StoreError> {
        sqlx::query(
            "insert into person (user_id, name, email, standing, fetched_at) values ($1, $2, $3, $4, $5)
             on conflict (user_id) do update set name = excluded.name, email = excluded.email,
             standing = excluded.standing, fetched_at = excluded.fetched_at",
        )
        .bind(person.id.as_str())
        .bind(&person.name)
        .bind(&person.email)
        .bind(standing_name(person.standing))
        .bind(micros(person.fetched_at))
        .execute(&mut *self.conn)
        .await?;
        Ok(())
    }

    /// What is known about a person.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn lookup_person(&mut self, id: &UserId) -> Result<Option<Person>, StoreError> {
        let row: Option<(String, Option<String>, String, i64)> =
            sqlx::query_as("select name, email, standing, fetched_at from person where user_id = $1")
                .bind(id.as_str())
                .fetch_optional(&mut *self.conn)
                .await?;
        row.map(|(name, email, standing, fetched_at)| {
            let standing = standing_from(&standing)?;
            Ok(Person { id: id.clone(), name, email, standing, fetched_at: moment("person", fetched_at)? })
        })
        .transpose()
    }

    /// Notes who is in a user group.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn save_user_group(
        &mut self,
        group: &UserGroupId,
        members: &BTreeSet<UserId>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "insert into user_group (group_id, members, fetched_at) values ($1, $2, $3)
             on conflict (group_id) do update set members = excluded.members, fetched_at = excluded.fetched_at",
        )
        .bind(group.as_str())
        .bind(json("user_group", members)?)
        .bind(micros(at))
        .execute(&mut *self.conn)
        .await?;
        Ok(())
    }

    /// Makes a user group count as never asked about, when Slack says that it changed.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn forget_user_group(&mut self, group: &UserGroupId) -> Result<(), StoreError> {
        sqlx::query("update user_group set fetched_at = 0 where group_id = $1")
            .bind(group.as_str())
            .execute(&mut *self.conn)
            .await?;
        Ok(())
    }

    /// Who is in which user group, as far as Slack was asked since `since`; older answers do not count.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn members(&mut self, since: Timestamp) -> Result<Members, StoreError> {
        let rows: Vec<(String, String)> =
            sqlx::query_as("select group_id, members from user_group where fetched_at >= $1")
                .bind(micros(since))
                .fetch_all(&mut *self.conn)
                .await?;
        rows.into_iter().map(|(group, members)| Ok((UserGroupId(group), from_json("user_group", &members)?))).collect()
    }
}

fn standing_name(standing: Standing) -> &'static str {
    match standing {
        Standing::Member => "member",
        Standing::Guest => "guest",
        Standing::Bot => "bot",
        Standing::Deactivated => "deactivated",
    }
}

fn standing_from(name: &str) -> Result<Standing, StoreError> {
    match name {
        "member" => Ok(Standing::Member),
        "guest" => Ok(Standing::Guest),
        "bot" => Ok(Standing::Bot),
        "deactivated" => Ok(Standing::Deactivated),
        other => Err(unknown("person", other)),
    }
}
