//! Ask the clouds whether a request can be granted at all: whether they know the person, whether the thing exists, and
//! what an organisational unit stands for. Nobody is asked to approve what could not be given.

use std::{collections::BTreeMap, sync::Arc};

use super::{Context, JobError, Outcome, cause, directory};
use crate::{
    domain::{
        access::AccessKey,
        aws,
        catalog::{ProviderName, Target},
        ids::{GrantId, RequestId},
        request::{Request, RequestState, ResolvedTargets},
    },
    provider::{Cause, ErrorKind, Holder, Provider, ProviderError, Receipt, Work},
    store::StoreError,
    usecase::request,
};

/// How often a cloud that does not answer is asked before people are asked to approve all the same.
const PATIENCE: u32 = 3;
/// How many things one grant opens at most. At the pace that AWS allows, a thousand take a quarter of an hour to give and
/// as long to take away.
const MOST: usize = 1_000;

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
    let resolved = expand(ctx, configured).await?;
    let mut by_cloud: BTreeMap<ProviderName, Vec<Work>> = BTreeMap::new();
    for target in &resolved {
        // The grant there may be one day has no id yet; the request's stands in for it.
        let grant = GrantId(request.id.0);
        let key = AccessKey::of(target, &holder.who, grant);
        let siblings = siblings(ctx, &key).await.map_err(|error| unavailable(&error))?;
        let past = cause::past(ctx, target, &key).await.map_err(|error| unavailable(&error))?;
        let (holder, receipt, now) = (holder.clone(), Receipt::default(), ctx.clock.now());
        let cause = Cause::default(); // nothing is opened yet
        let work = Work { key, target: target.clone(), grant, holder, receipt, siblings, past, cause, now };
        by_cloud.entry(target.provider()).or_default().push(work);
    }
    let mut found = BTreeMap::new();
    for (cloud, work) in by_cloud {
        found.insert(cloud, provider(ctx, cloud)?.resolve_all(&work).await?.into_iter());
    }
    let mut next = |target: &Target| found.get_mut(&target.provider()).and_then(Iterator::next).unwrap_or_default();
    let receipts = resolved.iter().map(|target| aws::lasting(next(target).0)).collect();
    Ok(ResolvedTargets { configured: configured.to_vec(), resolved, receipts })
}

/// What the targets stand for, each thing once.
async fn expand(ctx: &Context, configured: &[Target]) -> Result<Vec<Target>, ProviderError> {
    let mut resolved = Vec::new();
    for target in configured {
        let expanded = provider(ctx, target.provider())?.expand(target, ctx.clock.now()).await?;
        if expanded.is_empty() {
            let message = format!("{} has no active account in it: there is nothing to grant", target.resource());
            return Err(ProviderError { kind: ErrorKind::Refused, message });
        }
        let new: Vec<Target> = expanded.into_iter().filter(|target| !resolved.contains(target)).collect();
        resolved.extend(new);
    }
    if resolved.len() > MOST {
        let message = format!(
            "The role opens {} things now, an account or a permission set each, and a grant may open {MOST} at most: an \
             operator has to name fewer accounts in it, or a smaller organisational unit",
            resolved.len()
        );
        return Err(ProviderError { kind: ErrorKind::Refused, message });
    }
    Ok(resolved)
}

/// What people are told when the cloud does not answer: each target stands for itself.
fn unasked(configured: Vec<Target>) -> ResolvedTargets {
    ResolvedTargets { resolved: configured.clone(), configured, receipts: Vec::new() }
}

fn provider(ctx: &Context, name: ProviderName) -> Result<Arc<dyn Provider>, ProviderError> {
    ctx.tools.load().providers.get(&name).cloned().ok_or_else(|| ProviderError {
        kind: ErrorKind::Refused,
        message: format!("the configuration does not say how to reach {}", name.as_str()),
    })
}

/// What was noted for the accesses under this key that may be in the cloud.
async fn siblings(ctx: &Context, key: &AccessKey) -> Result<Vec<Receipt>, StoreError> {
    let wanted = key.clone();
    let accesses = ctx.store.read(|tx| Box::pin(async move { tx.owed_under(&wanted).await })).await?;
    Ok(accesses.into_iter().map(|access| Receipt(access.receipt)).collect())
}

fn unavailable(error: &StoreError) -> ProviderError {
    ProviderError { kind: ErrorKind::Unavailable, message: format!("the store does not say what is open: {error}") }
}
