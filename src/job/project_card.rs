//! Make a Slack message agree with what it shows.
//!
//! Before a message is posted it is written down that one may be on its way. If the answer is lost, or the bot dies, the
//! channel is searched for it before anything is posted again; where the app may not read the channel, a second message
//! is better than none. A click on the first one is authorised like any other, and shows us where it stands: from then
//! on it is kept up to date too.

use jiff::{SignedDuration, Timestamp};

use super::{Context, JobError, Outcome};
use crate::{
    domain::ids::{CardId, ChannelId, RequestId},
    slack::{
        client::{Label, Posted, SlackError},
        message::Message,
        view::{self, Story},
    },
    store::{Card, CardKind, StoreError, Tx},
};

/// What marks our cards in a message's metadata.
const LABEL: &str = "jit_card";

pub(super) async fn run(ctx: &Context, id: CardId) -> Result<Outcome, JobError> {
    let (card, story, raised) = ctx.store.read(|tx| Box::pin(async move { load(tx, id).await })).await?;
    let message = match card.kind {
        CardKind::Request => Some(view::card::card(&story)),
        CardKind::Holder => view::holder::holder(&story),
        CardKind::Alarm(nth) => view::alarm::alarm(&story, nth, raised),
    };
    let Some(message) = message else {
        return Ok(Outcome::Done);
    };
    let outcome = match card.posted.clone() {
        Some(_) if card.digest.as_ref() == Some(&message.digest()) => Outcome::Done,
        Some((channel, ts)) => update(ctx, &card, Posted { channel, ts }, &message).await?,
        None => post(ctx, &card, &message).await?,
    };
    match outcome {
        Outcome::Done => update_copies(ctx, &card, &message).await,
        again @ Outcome::Again { .. } => Ok(again),
    }
}

async fn load(tx: &mut Tx, id: CardId) -> Result<(Card, Story, u16), StoreError> {
    let card = tx.load_card(id).await?;
    let story = story(tx, card.request).await?;
    let raised = tx.count_alarms(card.request).await?;
    Ok((card, story, raised))
}

async fn story(tx: &mut Tx, id: RequestId) -> Result<Story, StoreError> {
    let request = tx.load_request(id).await?;
    let approvals = tx.approvals_of(id).await?;
    let grant = match request.extends {
        Some(extended) => tx.lookup_grant(extended).await?,
        None => tx.lookup_grant_of(id).await?,
    };
    let accesses = match &grant {
        Some(grant) => tx.accesses_of(grant.id).await?,
        None => Vec::new(),
    };
    Ok(Story { request, approvals, grant, accesses })
}

async fn update(ctx: &Context, card: &Card, at: Posted, message: &Message) -> Result<Outcome, JobError> {
    let slack = ctx.tools.load().slack.clone();
    match slack.update(&at, message).await {
        Ok(()) => {
            remember(ctx, card.id, at, message.digest()).await?;
            Ok(Outcome::Done)
        }
        Err(SlackError::Refused(code)) if code == "message_not_found" => {
            let id = card.id;
            ctx.store.write(move |tx| Box::pin(async move { tx.card_not_posted(id).await })).await?;
            Ok(Outcome::Again { at: ctx.clock.now() })
        }
        Err(error) => slow_down(ctx, &card.address, error),
    }
}

async fn update_copies(ctx: &Context, card: &Card, message: &Message) -> Result<Outcome, JobError> {
    let (id, digest) = (card.id, message.digest());
    let copies = ctx.store.read(move |tx| Box::pin(async move { tx.copies_of(id).await })).await?;
    let slack = ctx.tools.load().slack.clone();
    for copy in copies.into_iter().filter(|copy| copy.digest != digest) {
        let (at, shows) = (Posted { channel: copy.channel.clone(), ts: copy.ts.clone() }, digest.clone());
        match slack.update(&at, message).await {
            Ok(()) => ctx.store.write(move |tx| Box::pin(async move { tx.copy_shows(&copy, &shows).await })).await?,
            Err(SlackError::Refused(code)) => {
                tracing::info!(card = %id, code, "a copy of a card cannot be updated, and is forgotten");
                ctx.store.write(move |tx| Box::pin(async move { tx.forget_copy(&copy).await })).await?;
            }
            Err(error) => return slow_down(ctx, &card.address, error),
        }
    }
    Ok(Outcome::Done)
}

async fn post(ctx: &Context, card: &Card, message: &Message) -> Result<Outcome, JobError> {
    let (id, now) = (card.id, ctx.clock.now());
    let name = id.to_string();
    let label = Label { kind: LABEL, id: &name };
    if let Some(since) = card.posting_since
        && let Some(found) = find(ctx, &card.address, since, label).await?
    {
        // It may show what was so when it was posted: the next run compares.
        remember(ctx, id, found, String::new()).await?;
        return Ok(Outcome::Again { at: now });
    }
    if let Err(at) = ctx.pacer.take(&card.address, &name, now) {
        return Ok(Outcome::Again { at });
    }
    ctx.store.write(move |tx| Box::pin(async move { tx.card_posting(id, now).await })).await?;
    let slack = ctx.tools.load().slack.clone();
    match slack.post(&card.address, message, label).await {
        Ok(posted) => {
            remember(ctx, id, posted, message.digest()).await?;
            Ok(Outcome::Done)
        }
        Err(error @ SlackError::Unclear(_)) => Err(JobError::Slack(error)),
        Err(error @ (SlackError::Throttled { .. } | SlackError::Refused(_))) => {
            ctx.store.write(move |tx| Box::pin(async move { tx.card_not_posted(id).await })).await?;
            slow_down(ctx, &card.address, error)
        }
    }
}

/// Looks whether a message whose posting was never confirmed stands in the channel.
pub(super) async fn find(
    ctx: &Context,
    channel: &ChannelId,
    since: Timestamp,
    label: Label<'_>,
) -> Result<Option<Posted>, JobError> {
    let slack = ctx.tools.load().slack.clone();
    match slack.find(channel, since, label).await {
        Ok(found) => Ok(found),
        Err(SlackError::Refused(code)) => {
            tracing::info!(%channel, code, "a message may stand twice, because the app may not look for it");
            Ok(None)
        }
        Err(error) => Err(JobError::Slack(error)),
    }
}

/// A channel that Slack wants to be left alone is left alone by everything.
pub(super) fn slow_down(ctx: &Context, channel: &ChannelId, error: SlackError) -> Result<Outcome, JobError> {
    match error {
        SlackError::Throttled { after } => {
            let wait = SignedDuration::try_from(after).unwrap_or(SignedDuration::from_secs(1));
            let at = ctx.clock.now() + wait;
            ctx.pacer.hold(channel, at);
            Ok(Outcome::Again { at })
        }
        error @ (SlackError::Unclear(_) | SlackError::Refused(_)) => Err(JobError::Slack(error)),
    }
}

async fn remember(ctx: &Context, id: CardId, at: Posted, digest: String) -> Result<(), StoreError> {
    ctx.store.write(move |tx| Box::pin(async move { tx.card_posted(id, &at.channel, &at.ts, &digest).await })).await
}
