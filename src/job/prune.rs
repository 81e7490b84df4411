//! Forget what can no longer matter: deliveries that Slack does not repeat any more, and links nobody can use.

use jiff::SignedDuration;

use super::{Context, JobError, Outcome};

/// Slack repeats an event for up to 24 hours ("delayed events").
const KEPT: SignedDuration = SignedDuration::from_hours(25);
/// How often to look.
const EVERY: SignedDuration = SignedDuration::from_hours(6);

pub(super) async fn run(ctx: &Context) -> Result<Outcome, JobError> {
    let now = ctx.clock.now();
    ctx.store
        .write(move |tx| {
            Box::pin(async move {
                tx.prune(now - KEPT).await?;
                tx.prune_calls(now - KEPT, now).await
            })
        })
        .await?;
    Ok(Outcome::Again { at: now + EVERY })
}
