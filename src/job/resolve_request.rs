//! Ask the clouds whether a request can be granted at all: whether they know the person, whether the thing exists, and
//! what an organisational unit stands for. Nobody is asked to approve what could not be given.

use std::sync::Arc;

use super::{Context, JobError, Outcome, directory, reconcile_access};
use crate::{
    domain::{
        access::AccessKey,
        aws,
        catalog::Target,
        ids::{GrantId, RequestId},
        request::{Request, RequestState, ResolvedTargets},
    },
    provider::{Cause, ErrorKind, Holder, Provider, ProviderError, Receipt, Work},
    store::StoreError,
    usecase::request,
};

/// How often a cloud that does not answer is asked before people are asked to approve all the same.
const PATIENCE: u32 = 3;

pub(super) async fn run(ctx: &Context, id: RequestId, attempts: u32) -> Result<Outcome, JobError> {
    let request = ctx.store.read(|tx| Box::pin(async move { tx.load_request(id).await })).await?;
    if request.state != RequestState::Awaiting {
        return Ok(Outcome::Done);
    }
    let env = ctx.env();
    let configured = env.catalog.role(&request.role).map(|role| role.targets.clone()).unwrap_or_default();
    let holder = directory::holder_in_clouds(ctx, &request.requester, attempts).await?;
    match resolve(ctx, &request, &holder, &configured).await {
        Ok(targets) => {
            ctx.store.write(move |tx| Box::pin(async move { request::resolved(tx, &env, id, targets).await })).await?;
        }
        Err(error) if error.kind.is_final() => {
            let why = error.message;
            ctx.store.write(move |tx| Box::pin(async move { request::impossible(tx, &env, id, why).await })).await?;
        }
        Err(error) if attempts + 1 < PATIENCE || configured.iter().any(Target::stands_for_several) => {
            let after = if let ErrorKind::Throttled { after } = error.kind { after } else { None };
            return Err(JobError::Provider { message: error.message, after, by: None });
        }
        Err(error) => {
            tracing::warn!(request = %id, %error, "a cloud does not say whether a request can be granted");
            let targets = unasked(configured);
            ctx.store.write(move |tx| Box::pin(async move { request::resolved(tx, &env, id, targets).await })).await?;
        }
    }
    Ok(Outcome::Done)
}

async fn resolve(
    ctx: &Context,
    request: &Request,
    holder: &Holder,
    configured: &[Target],
) -> Result<ResolvedTargets, ProviderError> {
    let (mut resolved, mut receipts) = (Vec::new(), Vec::new());
    for target in configured {
        let provider = provider(ctx, target)?;
        let expanded = provider.expand(target, ctx.clock.now()).await?;
        if expanded.is_empty() {
            let message = format!("{} has no active account in it: there is nothing to grant", target.resource());
            return Err(ProviderError { kind: ErrorKind::Refused, message });
        }
        for target in expanded {
            // The grant there may be one day has no id yet; the request's stands in for it.
            let grant = GrantId(request.id.0);
            let key = AccessKey::of(&target, &holder.who, grant);
            let (siblings, past) = others(ctx, &key).await.map_err(|error| unavailable(&error))?;
            let (holder, receipt, now) = (holder.clone(), Receipt::default(), ctx.clock.now());
            let cause = Cause::default(); // nothing is opened yet
            let work = Work { key, target: target.clone(), grant, holder, receipt, siblings, past, cause, now };
            let found = provider.resolve(&work).await?;
            if !resolved.contains(&target) {
                receipts.push(aws::lasting(found.0));
                resolved.push(target);
            }
        }
    }
    Ok(ResolvedTargets { configured: configured.to_vec(), resolved, receipts })
}

/// What people are told when the cloud does not answer: each target stands for itself.
fn unasked(configured: Vec<Target>) -> ResolvedTargets {
    ResolvedTargets { resolved: configured.clone(), configured, receipts: Vec::new() }
}

fn provider(ctx: &Context, target: &Target) -> Result<Arc<dyn Provider>, ProviderError> {
    let name = target.provider();
    ctx.tools.load().providers.get(&name).cloned().ok_or_else(|| ProviderError {
        kind: ErrorKind::Refused,
        message: format!("the configuration does not say how to reach {}", name.as_str()),
    })
}

/// What was noted for the accesses under this key that may be in the cloud, and for those that were.
async fn others(ctx: &Context, key: &AccessKey) -> Result<(Vec<Receipt>, Vec<Receipt>), StoreError> {
    let wanted = key.clone();
    let accesses = ctx.store.read(|tx| Box::pin(async move { tx.accesses_under(&wanted).await })).await?;
    let past = reconcile_access::past(accesses.iter());
    let counting = accesses.into_iter().filter(reconcile_access::counts);
    Ok((counting.map(|access| Receipt(access.receipt)).collect(), past))
}

fn unavailable(error: &StoreError) -> ProviderError {
    ProviderError { kind: ErrorKind::Unavailable, message: format!("the store does not say what is open: {error}") }
}
