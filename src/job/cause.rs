//! What a cloud is told about why something is opened, for its own records: request, role, reason, ticket, and who allowed
//! it, by their names.

use super::{Context, directory};
use crate::{
    domain::{access::Access, grant::Grant, policy::ticket_in, text::visible},
    provider::Cause,
    store::{StoreError, Tx},
    usecase::Env,
};

/// As far as it is known here.
pub(super) async fn of(tx: &mut Tx, env: &Env, grant: &Grant) -> Result<Cause, StoreError> {
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

/// With the names of the approvers asked for, where the cloud keeps them; nothing where it does not.
pub(super) async fn in_full(ctx: &Context, access: &Access, grant: &Grant) -> Result<Option<Cause>, StoreError> {
    if !access.target.is_in_azure() {
        return Ok(None);
    }
    directory::get_to_know(ctx, &grant.approvers).await?;
    let (env, grant) = (ctx.env(), grant.clone());
    ctx.store.read(|tx| Box::pin(async move { of(tx, &env, &grant).await })).await.map(Some)
}
