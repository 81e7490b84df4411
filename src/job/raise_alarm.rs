//! Tell people about access that is stuck, again and again in growing steps, until it is not.

use jiff::SignedDuration;

use super::{Context, JobError, Outcome};
use crate::{
    domain::ids::{CardId, GrantId},
    store::{CardKind, StoreError, Tx},
    usecase::stuck::is_stuck,
};

/// How long after an alarm the next one comes, in minutes; the last step repeats.
const STEPS: [i64; 5] = [15, 60, 240, 720, 1_440];

pub(super) async fn run(ctx: &Context, id: GrantId) -> Result<Outcome, JobError> {
    let (now, channel) = (ctx.clock.now(), ctx.tools.load().alerts_channel.clone());
    let card = CardId::new(now, &*ctx.entropy);
    let raised = ctx
        .store
        .write(move |tx| {
            Box::pin(async move {
                let Some(nth) = next_alarm(tx, id).await? else {
                    return Ok(None);
                };
                let request = tx.load_grant(id).await?.request;
                tx.ensure_card(card, CardKind::Alarm(nth), request, &channel).await?;
                tx.refresh_cards(request, now).await?;
                Ok(Some(nth))
            })
        })
        .await?;
    Ok(raised.map_or(Outcome::Done, |nth| {
        let step = STEPS[usize::from(nth).min(STEPS.len() - 1)];
        Outcome::Again { at: now + SignedDuration::from_mins(step) }
    }))
}

/// The number of the alarm to raise now, from 0; `None` when nothing is stuck any more.
async fn next_alarm(tx: &mut Tx, id: GrantId) -> Result<Option<u16>, StoreError> {
    if !tx.accesses_of(id).await?.iter().any(is_stuck) {
        return Ok(None);
    }
    let request = tx.load_grant(id).await?.request;
    Ok(Some(tx.count_alarms(request).await?))
}
