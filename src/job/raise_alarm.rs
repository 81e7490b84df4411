//! Tell people about access that is stuck, again and again in growing steps, until it is not.

use jiff::{SignedDuration, Timestamp};

use super::{Context, JobError, Outcome};
use crate::{
    domain::ids::{CardId, GrantId},
    store::{CardKind, StoreError, Tx},
    usecase::stuck::is_stuck,
};

/// How long after an alarm the next one comes, in minutes; the last step repeats.
const STEPS: [i64; 5] = [15, 60, 240, 720, 1_440];

/// What is to be done now.
enum Alarm {
    /// Nothing is stuck any more.
    None,
    /// It was told, and is told again then.
    Later(Timestamp),
    /// To be told: how often it was told before, in all and since what is stuck now got stuck.
    Now { before: u16, lately: usize },
}

pub(super) async fn run(ctx: &Context, id: GrantId) -> Result<Outcome, JobError> {
    let (now, channel) = (ctx.clock.now(), ctx.tools.load().alerts_channel.clone());
    let card = CardId::new(now, &*ctx.entropy);
    let again = ctx
        .store
        .write(move |tx| {
            Box::pin(async move {
                let (before, lately) = match next_alarm(tx, id, now).await? {
                    Alarm::None => return Ok(None),
                    Alarm::Later(at) => return Ok(Some(at)),
                    Alarm::Now { before, lately } => (before, lately),
                };
                let request = tx.load_grant(id).await?.request;
                tx.ensure_card(card, CardKind::Alarm(before), request, &channel).await?;
                tx.refresh_cards(request, now).await?;
                Ok(Some(now + step_after(lately + 1)))
            })
        })
        .await?;
    Ok(again.map_or(Outcome::Done, |at| Outcome::Again { at }))
}

/// What is known from the cards alone, so that a crash right after one makes no second.
async fn next_alarm(tx: &mut Tx, id: GrantId, now: Timestamp) -> Result<Alarm, StoreError> {
    let stuck: Vec<Timestamp> =
        tx.accesses_of(id).await?.iter().filter(|it| is_stuck(it)).filter_map(|it| it.stuck_since).collect();
    let (Some(first), Some(last)) = (stuck.iter().min(), stuck.iter().max()) else { return Ok(Alarm::None) };
    let request = tx.load_grant(id).await?.request;
    let raised = tx.alarms_raised(request).await?;
    let before = u16::try_from(raised.len()).unwrap_or(u16::MAX);
    let is_since = |at: &Timestamp, moment: &Timestamp| at.as_millisecond() >= moment.as_millisecond();
    let lately = raised.iter().filter(|at| is_since(at, first)).count();
    match raised.iter().filter(|at| is_since(at, last)).max() {
        Some(newest) if now < *newest + step_after(lately) => Ok(Alarm::Later(*newest + step_after(lately))),
        // something got stuck that has not been told about, or the time has come
        Some(_) | None => Ok(Alarm::Now { before, lately }),
    }
}

/// How long to wait after the `nth` alarm, from 1.
fn step_after(nth: usize) -> SignedDuration {
    SignedDuration::from_mins(STEPS[nth.saturating_sub(1).min(STEPS.len() - 1)])
}
