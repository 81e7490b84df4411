//! Make a Slack message agree with what it shows.
//!
//! Before a message is posted it is written down that one may be on its way. If the answer is lost, or the bot dies, the
//! channel is searched for it before anything is posted again; where the app may not read the channel, a second message
//! is better than none. A click on the first one is authorised like any other, and shows us where it stands: from then
//! on it is kept up to date too.

use jiff::{SignedDuration, Timestamp};

use super::{Context, JobError, Outcome, conclude};
use crate::{
    domain::{
        ids::{CardId, ChannelId, RequestId},
        job::Leased,
    },
    slack::{
        client::{Label, Posted, SlackError},
        message::Message,
        view::{self, Story},
    },
    store::{Card, CardCopy, CardKind, StoreError, Tx},
};

/// What marks our cards in a message's metadata.
const LABEL: &str = "jit_card";

pub(super) async fn run(ctx: &Context, id: CardId, leased: &Leased) -> Result<Outcome, JobError> {
    let Shown { card, copies, story, raised } =
        ctx.store.read(|tx| Box::pin(async move { load(tx, id).await })).await?;
    let message = match card.kind {
        CardKind::Request => Some(view::card::card(&story)),
        CardKind::Holder => view::holder::holder(&story),
        CardKind::Alarm(nth) => view::alarm::alarm(&story, nth, raised),
    };
    let Some(message) = message else {
        return Ok(Outcome::Done);
    };
    let digest = message.digest();
    let (is_shown, stale) = (card.digest.as_ref() == Some(&digest), copies.iter().any(|copy| copy.digest != digest));
    // The copies have their turn once it is written down that the card itself shows it.
    let then = if stale { Outcome::Again { at: ctx.clock.now() } } else { Outcome::Done };
    match card.posted.clone() {
        Some(_) if is_shown && !stale => Ok(Outcome::Done),
        Some(_) if is_shown => update_copies(ctx, &card, copies, &message).await,
        Some((channel, ts)) => update(ctx, &card, Posted { channel, ts }, &message, then, leased).await,
        None => post(ctx, &card, &message, then, leased).await,
    }
}

/// A card and what it is to show.
struct Shown {
    card: Card,
    copies: Vec<CardCopy>,
    story: Story,
    raised: u16,
}

async fn load(tx: &mut Tx, id: CardId) -> Result<Shown, StoreError> {
    let card = tx.load_card(id).await?;
    let copies = tx.copies_of(id).await?;
    let story = story(tx, card.request).await?;
    let raised = if let CardKind::Alarm(_) = card.kind { tx.count_alarms(card.request).await? } else { 0 };
    Ok(Shown { card, copies, story, raised })
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

async fn update(
    ctx: &Context,
    card: &Card,
    at: Posted,
    message: &Message,
    then: Outcome,
    leased: &Leased,
) -> Result<Outcome, JobError> {
    let slack = ctx.tools.load().slack.clone();
    match slack.update(&at, message).await {
        Ok(()) => remember(ctx, card.id, at, message.digest(), then, leased).await,
        Err(SlackError::Refused(code)) if code == "message_not_found" => {
            let id = card.id;
            ctx.store.write(move |tx| Box::pin(async move { tx.card_not_posted(id).await })).await?;
            Ok(Outcome::Again { at: ctx.clock.now() })
        }
        Err(error) => slow_down(ctx, &card.address, error),
    }
}

async fn update_copies(
    ctx: &Context,
    card: &Card,
    copies: Vec<CardCopy>,
    message: &Message,
) -> Result<Outcome, JobError> {
    let (id, digest) = (card.id, message.digest());
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

async fn post(
    ctx: &Context,
    card: &Card,
    message: &Message,
    then: Outcome,
    leased: &Leased,
) -> Result<Outcome, JobError> {
    let (id, now) = (card.id, ctx.clock.now());
    let name = id.to_string();
    let label = Label { kind: LABEL, id: &name };
    if let Some(since) = card.posting_since
        && let Some(found) = find(ctx, &card.address, since, label).await?
    {
        // It may show what was so when it was posted: the next run compares.
        return remember(ctx, id, found, String::new(), Outcome::Again { at: now }, leased).await;
    }
    if let Err(at) = ctx.pacer.take(&card.address, &name, now) {
        return Ok(Outcome::Again { at });
    }
    ctx.store.write(move |tx| Box::pin(async move { tx.card_posting(id, now).await })).await?;
    let slack = ctx.tools.load().slack.clone();
    match slack.post(&card.address, message, label).await {
        Ok(posted) => remember(ctx, id, posted, message.digest(), then, leased).await,
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

/// Notes where a card stands and what it shows, and with that how the job went.
async fn remember(
    ctx: &Context,
    id: CardId,
    at: Posted,
    digest: String,
    then: Outcome,
    leased: &Leased,
) -> Result<Outcome, JobError> {
    conclude(ctx, leased, then, move |tx| {
        Box::pin(async move { tx.card_posted(id, &at.channel, &at.ts, &digest).await })
    })
    .await
}
