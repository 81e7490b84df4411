//! What a cloud that keeps records of its own is told beside what to do: request, role, reason, ticket, and who allowed it,
//! by their names; and what was noted for those that had the same before, which its lists may still show.

use super::{Context, directory};
use crate::{
    domain::{
        access::{Access, AccessKey},
        catalog::Target,
        grant::Grant,
        policy::ticket_in,
        text::visible,
    },
    provider::{Cause, Receipt},
    store::{StoreError, Tx},
    usecase::Env,
};

/// More grants than this do not come and go in the minutes that a list may lag.
const PAST_TOLD: u32 = 8;

/// Why an access is opened, and what was under its key before; nothing where the cloud has no use for it. While it is being
/// opened, Slack is asked for names that are not known.
pub(super) async fn around(
    ctx: &Context,
    access: &Access,
    grant: &Grant,
    is_opening: bool,
) -> Result<(Cause, Vec<Receipt>), StoreError> {
    if !access.target.is_in_azure() {
        return Ok((Cause::default(), Vec::new()));
    }
    if is_opening {
        directory::get_to_know(ctx, &grant.approvers).await?;
    }
    let (env, grant, key) = (ctx.env(), grant.clone(), access.key.clone());
    ctx.store
        .read(|tx| {
            Box::pin(async move {
                let past = tx.last_gone_under(&key, PAST_TOLD).await?;
                let past = past.into_iter().map(|access| Receipt(access.receipt)).collect();
                Ok((cause(tx, &env, &grant).await?, past))
            })
        })
        .await
}

async fn cause(tx: &mut Tx, env: &Env, grant: &Grant) -> Result<Cause, StoreError> {
    let mut approvers = Vec::new();
    for approver in &grant.approvers {
        let person = tx.lookup_person(approver).await?;
        approvers.push(person.map_or_else(|| approver.to_string(), |person| person.name));
    }
    let ticket = env.catalog.role(&grant.role).and_then(|role| role.ticket.as_ref());
    let reason = visible(&grant.reason);
    Ok(Cause {
        request: grant.code.request(),
        role: grant.role.to_string(),
        ticket: ticket.and_then(|ticket| ticket_in(ticket, &reason)).map(str::to_owned),
        reason,
        approvers,
    })
}

/// What was noted for the last that are gone under this key; nothing where the cloud has no use for it.
pub(super) async fn past(ctx: &Context, target: &Target, key: &AccessKey) -> Result<Vec<Receipt>, StoreError> {
    if !target.is_in_azure() {
        return Ok(Vec::new());
    }
    let key = key.clone();
    let past = ctx.store.read(|tx| Box::pin(async move { tx.last_gone_under(&key, PAST_TOLD).await })).await?;
    Ok(past.into_iter().map(|access| Receipt(access.receipt)).collect())
}
