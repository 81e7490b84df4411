//! How far each channel has been told the audit trail.

use jiff::Timestamp;

use super::{
    StoreError, Tx,
    row::{micros, moment_or_none},
};
use crate::domain::{ids::ChannelId, job::Job};

/// How far a channel has been told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feed {
    /// The last event that it was told.
    pub posted: i64,
    /// A message that tells up to this event was begun at this time, and nobody knows whether it came through.
    pub posting: Option<(i64, Timestamp)>,
}

impl Tx {
    /// Lets `channel` follow the trail, and no other channel. It goes on where the one before it was.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn follow_trail(&mut self, channel: &ChannelId, now: Timestamp) -> Result<(), StoreError> {
        let (told,): (i64,) =
            sqlx::query_as("select coalesce(min(posted_seq), 0) from feed").fetch_one(&mut *self.conn).await?;
        sqlx::query("insert into feed (channel, posted_seq) values ($1, $2) on conflict do nothing")
            .bind(channel.as_str())
            .bind(told)
            .execute(&mut *self.conn)
            .await?;
        sqlx::query("delete from feed where channel <> $1").bind(channel.as_str()).execute(&mut *self.conn).await?;
        if let Some(trail) = &mut self.pending.trail {
            trail.followers = vec![channel.clone()];
        }
        self.enqueue(&Job::PostFeed(channel.clone()), now).await
    }

    /// How far a channel has been told; `None` when it does not follow the trail any more.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn lookup_feed(&mut self, channel: &ChannelId) -> Result<Option<Feed>, StoreError> {
        let row: Option<(i64, Option<i64>, Option<i64>)> =
            sqlx::query_as("select posted_seq, posting_seq, posting_since from feed where channel = $1")
                .bind(channel.as_str())
                .fetch_optional(&mut *self.conn)
                .await?;
        row.map(|(posted, seq, since)| Ok(Feed { posted, posting: seq.zip(moment_or_none("feed", since)?) }))
            .transpose()
    }

    /// Notes that a message which tells up to `seq` is about to be tried. Until [`Tx::feed_posted`] nobody knows whether
    /// it is there.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn feed_posting(&mut self, channel: &ChannelId, seq: i64, since: Timestamp) -> Result<(), StoreError> {
        sqlx::query("update feed set posting_seq = $2, posting_since = coalesce(posting_since, $3) where channel = $1")
            .bind(channel.as_str())
            .bind(seq)
            .bind(micros(since))
            .execute(&mut *self.conn)
            .await?;
        Ok(())
    }

    /// Notes how far the channel has been told now.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn feed_posted(&mut self, channel: &ChannelId, seq: i64) -> Result<(), StoreError> {
        sqlx::query("update feed set posted_seq = $2, posting_seq = null, posting_since = null where channel = $1")
            .bind(channel.as_str())
            .bind(seq)
            .execute(&mut *self.conn)
            .await?;
        Ok(())
    }
}
