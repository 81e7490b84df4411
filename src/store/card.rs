//! The Slack messages that are kept up to date.

use jiff::Timestamp;

use super::{
    StoreError, Tx,
    row::{id, micros, moment_or_none, unknown},
};
use crate::domain::{
    ids::{CardId, ChannelId, RequestId},
    job::Job,
};

/// What a card is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CardKind {
    /// Shows a request to those who decide, and what came of it.
    Request,
    /// Tells the holder how things stand, in a direct message.
    Holder,
    /// Tells whoever watches over things that access is stuck: the first alarm is number 0.
    Alarm(u16),
}

/// A Slack message that shows how a request stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// Its id; the message carries it in its metadata.
    pub id: CardId,
    /// What it is for.
    pub kind: CardKind,
    /// The request it shows.
    pub request: RequestId,
    /// Where it is to be posted: a channel, or a person.
    pub address: ChannelId,
    /// Where it stands, once posted.
    pub posted: Option<(ChannelId, String)>,
    /// SHA-256 of what it shows.
    pub digest: Option<String>,
    /// A post was begun then, and nobody knows whether it came through.
    pub posting_since: Option<Timestamp>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    kind: String,
    request_id: String,
    address: String,
    channel: Option<String>,
    ts: Option<String>,
    digest: Option<String>,
    posting_since: Option<i64>,
}

impl Tx {
    /// Keeps a card that is to be posted to `address`, unless the request has one of this kind already.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn ensure_card(
        &mut self,
        card: CardId,
        kind: CardKind,
        request: RequestId,
        address: &ChannelId,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "insert into card (id, kind, request_id, address) values ($1, $2, $3, $4)
             on conflict (kind, request_id) do nothing",
        )
        .bind(card.to_string())
        .bind(kind.name())
        .bind(request.to_string())
        .bind(address.as_str())
        .execute(&mut *self.conn)
        .await?;
        Ok(())
    }

    /// The same, and has that card brought up to date.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn announce_card(
        &mut self,
        card: CardId,
        kind: CardKind,
        request: RequestId,
        address: &ChannelId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (card, address): (String, String) = sqlx::query_as(
            "insert into card (id, kind, request_id, address) values ($1, $2, $3, $4)
             on conflict (kind, request_id) do update set kind = excluded.kind returning id, address",
        )
        .bind(card.to_string())
        .bind(kind.name())
        .bind(request.to_string())
        .bind(address.as_str())
        .fetch_one(&mut *self.conn)
        .await?;
        self.enqueue(&Job::ProjectCard(id("card", &card)?, ChannelId(address)), now).await
    }

    /// Has every card of a request, and of the requests for a later end of what it became, brought up to date.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn refresh_cards(&mut self, request: RequestId, now: Timestamp) -> Result<(), StoreError> {
        let rows: Vec<Row> = sqlx::query_as(
            "select * from card where request_id = $1 or request_id in (
                 select request.id from request join grant_ on request.extends = grant_.id
                 where grant_.request_id = $1)",
        )
        .bind(request.to_string())
        .fetch_all(&mut *self.conn)
        .await?;
        // What a card shows is what those who wait by the API wait for.
        self.pending.news.push(request.0);
        for row in rows {
            let card = row.read()?;
            self.pending.news.push(card.request.0);
            self.enqueue(&Job::ProjectCard(card.id, card.address), now).await?;
        }
        Ok(())
    }

    /// How many alarms were raised about what a request became.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn count_alarms(&mut self, request: RequestId) -> Result<u16, StoreError> {
        let (count,): (i64,) =
            sqlx::query_as("select count(*) from card where request_id = $1 and kind like 'alarm-%'")
                .bind(request.to_string())
                .fetch_one(&mut *self.conn)
                .await?;
        Ok(u16::try_from(count).unwrap_or(u16::MAX))
    }

    /// When alarms were raised about what a request became, oldest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn alarms_raised(&mut self, request: RequestId) -> Result<Vec<Timestamp>, StoreError> {
        let rows: Vec<Row> =
            sqlx::query_as("select * from card where request_id = $1 and kind like 'alarm-%' order by id")
                .bind(request.to_string())
                .fetch_all(&mut *self.conn)
                .await?;
        rows.into_iter().map(|row| row.read().map(|card| card.id.made_at())).collect()
    }

    /// The card with this id.
    ///
    /// # Errors
    /// When there is none, or the store fails.
    pub async fn load_card(&mut self, card: CardId) -> Result<Card, StoreError> {
        let row: Option<Row> = sqlx::query_as("select * from card where id = $1")
            .bind(card.to_string())
            .fetch_optional(&mut *self.conn)
            .await?;
        row.ok_or_else(|| StoreError::Missing { what: "card", key: card.to_string() })?.read()
    }

    /// The card of this kind that shows a request, if there is one.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn lookup_card(&mut self, kind: CardKind, request: RequestId) -> Result<Option<Card>, StoreError> {
        let row: Option<Row> = sqlx::query_as("select * from card where kind = $1 and request_id = $2")
            .bind(kind.name())
            .bind(request.to_string())
            .fetch_optional(&mut *self.conn)
            .await?;
        row.map(Row::read).transpose()
    }

    /// Every card; for tests that hold them against what people see.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn all_cards(&mut self) -> Result<Vec<Card>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as("select * from card order by id").fetch_all(&mut *self.conn).await?;
        rows.into_iter().map(Row::read).collect()
    }

    /// Notes that a post is about to be tried. From now until [`Tx::card_posted`] nobody knows whether it is there.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn card_posting(&mut self, card: CardId, since: Timestamp) -> Result<(), StoreError> {
        sqlx::query("update card set posting_since = coalesce(posting_since, $2) where id = $1")
            .bind(card.to_string())
            .bind(micros(since))
            .execute(&mut *self.conn)
            .await?;
        Ok(())
    }

    /// Notes that Slack has refused the post: it is not there.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn card_not_posted(&mut self, card: CardId) -> Result<(), StoreError> {
        sqlx::query("update card set posting_since = null, channel = null, ts = null, digest = null where id = $1")
            .bind(card.to_string())
            .execute(&mut *self.conn)
            .await?;
        Ok(())
    }

    /// Notes where a card stands and what it shows.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn card_posted(
        &mut self,
        card: CardId,
        channel: &ChannelId,
        ts: &str,
        digest: &str,
    ) -> Result<(), StoreError> {
        sqlx::query("update card set channel = $2, ts = $3, digest = $4, posting_since = null where id = $1")
            .bind(card.to_string())
            .bind(channel.as_str())
            .bind(ts)
            .bind(digest)
            .execute(&mut *self.conn)
            .await?;
        Ok(())
    }
}

/// What the name of an alarm's kind begins with.
const ALARM: &str = "alarm-";

impl CardKind {
    fn name(self) -> String {
        match self {
            Self::Request => "request".to_owned(),
            Self::Holder => "holder".to_owned(),
            Self::Alarm(nth) => format!("{ALARM}{nth}"),
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        match name {
            "request" => Some(Self::Request),
            "holder" => Some(Self::Holder),
            other => other.strip_prefix(ALARM).and_then(|nth| nth.parse().ok()).map(Self::Alarm),
        }
    }
}

impl Row {
    fn read(self) -> Result<Card, StoreError> {
        let kind = CardKind::from_name(&self.kind).ok_or_else(|| unknown("card", &self.kind))?;
        Ok(Card {
            id: id("card", &self.id)?,
            kind,
            request: id("card", &self.request_id)?,
            address: ChannelId(self.address),
            posted: self.channel.map(ChannelId).zip(self.ts),
            digest: self.digest,
            posting_since: moment_or_none("card", self.posting_since)?,
        })
    }
}
