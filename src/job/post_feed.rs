//! Tell the audit channel what it has not been told yet: one line for each event, folded into one message when several
//! are waiting.

use super::{
    Context, JobError, Outcome,
    project_card::{find, slow_down},
};
use crate::{
    domain::{audit::Event, ids::ChannelId},
    slack::{
        client::{Label, SlackError},
        view::feed,
    },
    store::{Feed, StoreError, Tx},
};

/// What marks our lines in a message's metadata; the id is the first event told.
const LABEL: &str = "jit_feed";

pub(super) async fn run(ctx: &Context, channel: &ChannelId) -> Result<Outcome, JobError> {
    let wanted = channel.clone();
    let (feed, events) = ctx.store.read(|tx| Box::pin(async move { load(tx, &wanted).await })).await?;
    let Some((feed, (message, told))) = feed.zip(feed::feed(&events)) else {
        return Ok(Outcome::Done);
    };
    let now = ctx.clock.now();
    let first = (feed.posted + 1).to_string();
    let label = Label { kind: LABEL, id: &first };
    if let Some((seq, since)) = feed.posting
        && find(ctx, channel, since, label).await?.is_some()
    {
        tell(ctx, channel, seq).await?;
        return Ok(Outcome::Again { at: now });
    }
    if let Err(at) = ctx.pacer.take(channel, LABEL, now) {
        return Ok(Outcome::Again { at });
    }
    let begun = channel.clone();
    ctx.store.write(move |tx| Box::pin(async move { tx.feed_posting(&begun, told, now).await })).await?;
    let slack = ctx.tools.load().slack.clone();
    match slack.post(channel, &message, label).await {
        Ok(_posted) => {
            tell(ctx, channel, told).await?;
            Ok(Outcome::Again { at: now })
        }
        Err(error @ SlackError::Unclear(_)) => Err(JobError::Slack(error)),
        Err(error @ (SlackError::Throttled { .. } | SlackError::Refused(_))) => {
            tell(ctx, channel, feed.posted).await?;
            slow_down(ctx, channel, error)
        }
    }
}

async fn load(tx: &mut Tx, channel: &ChannelId) -> Result<(Option<Feed>, Vec<Event>), StoreError> {
    let Some(feed) = tx.lookup_feed(channel).await? else {
        return Ok((None, Vec::new()));
    };
    let mut events = tx.events_after(feed.posted, feed::MOST).await?;
    if let Some((seq, _)) = feed.posting {
        // What may stand in the channel already tells so much; another try tells the same, no more.
        events.retain(|event| event.seq <= seq);
    }
    Ok((Some(feed), events))
}

async fn tell(ctx: &Context, channel: &ChannelId, seq: i64) -> Result<(), StoreError> {
    let channel = channel.clone();
    ctx.store.write(move |tx| Box::pin(async move { tx.feed_posted(&channel, seq).await })).await
}
