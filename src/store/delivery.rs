//! Deliveries that were answered already.

use jiff::Timestamp;

use super::{StoreError, Tx, row::micros};

impl Tx {
    /// What a delivery was answered, if it came before: `Some(None)` when there was nothing to repeat.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn earlier_answer(&mut self, key: &str) -> Result<Option<Option<String>>, StoreError> {
        let row: Option<(Option<String>,)> = sqlx::query_as("select answer from delivery where key = $1")
            .bind(key)
            .fetch_optional(&mut *self.conn)
            .await?;
        Ok(row.map(|(answer,)| answer))
    }

    /// Notes what a delivery was answered.
    pub fn remember_delivery(&mut self, key: String, answer: Option<String>, at: Timestamp) {
        self.pending.add_delivery(key, answer, at);
    }

    /// Forgets deliveries and links from before `before`; answers how many deliveries are left.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn prune(&mut self, before: Timestamp) -> Result<i64, StoreError> {
        sqlx::query("delete from delivery where at < $1").bind(micros(before)).execute(&mut *self.conn).await?;
        sqlx::query("delete from claim_link where expires_at < $1")
            .bind(micros(before))
            .execute(&mut *self.conn)
            .await?;
        let (left,): (i64,) = sqlx::query_as("select count(*) from delivery").fetch_one(&mut *self.conn).await?;
        Ok(left)
    }
}
