//! Copies of cards: where a post whose answer was lost came through after all, and could not be looked for.

use jiff::Timestamp;

use super::{CardKind, StoreError, Tx};
use crate::domain::{
    ids::{CardId, ChannelId, RequestId},
    job::Job,
};

/// A second message that shows a card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardCopy {
    /// The channel it stands in.
    pub channel: ChannelId,
    /// Which message of the channel.
    pub ts: String,
    /// SHA-256 of what it shows; empty when that is not known.
    pub digest: String,
}

impl Tx {
    /// Notes that a card of `request` was seen at this place. If it is not where the card is known to stand, it is
    /// kept up to date as well from now on.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn card_seen(
        &mut self,
        kind: CardKind,
        request: RequestId,
        (channel, ts): (&ChannelId, &str),
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Some(card) = self.lookup_card(kind, request).await? else {
            return Ok(());
        };
        match &card.posted {
            Some((known, at)) if known == channel && at == ts => return Ok(()),
            Some(_) => {
                let kept = sqlx::query(
                    "insert into card_copy (channel, ts, card_id) values ($1, $2, $3) on conflict do nothing",
                )
                .bind(channel.as_str())
                .bind(ts)
                .bind(card.id.to_string())
                .execute(&mut *self.conn)
                .await?;
                if kept.rows_affected() == 0 {
                    return Ok(());
                }
            }
            None => self.card_posted(card.id, channel, ts, "").await?,
        }
        self.enqueue(&Job::ProjectCard(card.id, card.address), now).await
    }

    /// The copies of a card that are known.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn copies_of(&mut self, card: CardId) -> Result<Vec<CardCopy>, StoreError> {
        let rows: Vec<(String, String, String)> =
            sqlx::query_as("select channel, ts, digest from card_copy where card_id = $1 order by ts")
                .bind(card.to_string())
                .fetch_all(&mut *self.conn)
                .await?;
        Ok(rows.into_iter().map(|(channel, ts, digest)| CardCopy { channel: ChannelId(channel), ts, digest }).collect())
    }

    /// Notes what a copy shows.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn copy_shows(&mut self, copy: &CardCopy, digest: &str) -> Result<(), StoreError> {
        sqlx::query("update card_copy set digest = $3 where channel = $1 and ts = $2")
            .bind(copy.channel.as_str())
            .bind(&copy.ts)
            .bind(digest)
            .execute(&mut *self.conn)
            .await?;
        Ok(())
    }

    /// Forgets a copy that is gone.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn forget_copy(&mut self, copy: &CardCopy) -> Result<(), StoreError> {
        sqlx::query("delete from card_copy where channel = $1 and ts = $2")
            .bind(copy.channel.as_str())
            .bind(&copy.ts)
            .execute(&mut *self.conn)
            .await?;
        Ok(())
    }
}
