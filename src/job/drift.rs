//! Compare what the clouds have with what the grants say, and mend the difference.
//!
//! What the bot made and no live grant covers is removed; what a live grant covers and is missing is given again; what
//! somebody else gave is reported and never touched. The comparison itself is a pure function of the two lists.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::{Context, JobError, Outcome};
use crate::{
    domain::{
        access::{Access, AccessEvent, AccessState},
        audit::{Actor, Drift, Fact, Subject},
        catalog::{Nature, ProviderName, Target},
        grant::Grant,
        job::Job,
    },
    provider::{ErrorKind, Live, ProviderError, Providers, Receipt},
    store::{StoreError, Tx},
    usecase::Env,
};

/// How often to look.
const EVERY: SignedDuration = SignedDuration::from_mins(15);
/// What comes back so soon after we took it away is our own doing: a cloud that lags, or a write of ours that arrived
/// late. Later, it was given by somebody else.
const OURS_FOR: SignedDuration = SignedDuration::from_hours(1);

/// What a sweep found, and what it would do.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Made by the bot, covered by no live grant: to be removed.
    pub lingering: Vec<Held>,
    /// Covered by a live grant, and not there: to be given again.
    pub missing: Vec<Held>,
    /// Given by somebody else on something that we manage: only told.
    pub foreign: BTreeSet<Live>,
    /// How many things were asked about.
    pub managed: usize,
    /// Clouds that did not answer, with their words.
    pub unanswered: Vec<String>,
}

/// An access and its grant.
#[derive(Debug, Clone)]
pub struct Held {
    /// The access.
    pub access: Access,
    /// The grant it belongs to.
    pub grant: Grant,
}

pub(super) async fn run(ctx: &Context) -> Result<Outcome, JobError> {
    let plan = plan(ctx).await?;
    let unanswered = plan.unanswered.join("; ");
    apply(ctx, plan).await?;
    if unanswered.is_empty() {
        Ok(Outcome::Again { at: ctx.clock.now() + EVERY })
    } else {
        Err(JobError::Provider { message: unanswered, after: None, by: None })
    }
}

/// Asks the clouds and compares.
///
/// # Errors
/// When the store fails. A cloud that does not answer stands in the plan, and nothing of it is changed.
pub async fn plan(ctx: &Context) -> Result<Plan, StoreError> {
    let held = ctx.store.read(|tx| Box::pin(async move { held(tx).await })).await?;
    let now = ctx.clock.now();
    let mut plan = Plan::default();
    for (name, targets) in managed(ctx, &held, &mut plan).await {
        let Some(provider) = ctx.tools.load().providers.get(&name).cloned() else { continue };
        plan.managed += targets.len();
        match provider.inventory(&targets).await {
            Ok(live) => {
                let held: Vec<Held> = held.iter().filter(|it| it.access.key.provider == name).cloned().collect();
                compare(&mut plan, live, &held, now);
            }
            Err(error) => plan.unanswered.push(error.message),
        }
    }
    Ok(plan)
}

async fn held(tx: &mut Tx) -> Result<Vec<Held>, StoreError> {
    let mut held = Vec::new();
    for access in tx.all_accesses().await? {
        let grant = tx.load_grant(access.grant).await?;
        held.push(Held { access, grant });
    }
    Ok(held)
}

/// Every target that roles open or grants hold, by the cloud it is in; organisational units stand for their accounts.
async fn managed(ctx: &Context, held: &[Held], plan: &mut Plan) -> BTreeMap<ProviderName, Vec<Target>> {
    let tools = ctx.tools.load_full();
    let configured = tools.catalog.roles.values().flat_map(|role| role.targets.clone());
    let open = held.iter().filter(|it| it.access.state != AccessState::Gone).map(|it| it.access.target.clone());
    let mut managed: BTreeMap<ProviderName, BTreeMap<String, Target>> = BTreeMap::new();
    for target in configured.chain(open).filter(|target| target.nature() != Nature::Session) {
        let expanded = match tools.providers.get(&target.provider()) {
            Some(provider) => provider.expand(&target, ctx.clock.now()).await,
            None => Err(ProviderError { kind: ErrorKind::Refused, message: "no such provider".to_owned() }),
        };
        match expanded {
            Ok(targets) => {
                let by_name = managed.entry(target.provider()).or_default();
                by_name.extend(targets.into_iter().map(|target| (target.resource().to_owned(), target)));
            }
            Err(error) => plan.unanswered.push(error.message),
        }
    }
    managed.into_iter().map(|(name, targets)| (name, targets.into_values().collect())).collect()
}

fn compare(plan: &mut Plan, live: Vec<Live>, held: &[Held], now: Timestamp) {
    for held in held {
        let is_there = live.iter().any(|live| belongs(live, &held.access));
        let should_be = held.grant.covers(now) && held.access.state == AccessState::Live;
        if should_be && !is_there && held.access.target.nature() != Nature::Session {
            plan.missing.push(held.clone());
        }
    }
    for live in live {
        let ours: Vec<&Held> = held.iter().filter(|held| belongs(&live, &held.access)).collect();
        // Somebody is at it already, or it is as it should be.
        if ours.iter().any(|held| held.access.state != AccessState::Gone) {
            continue;
        }
        let last = ours.into_iter().max_by_key(|held| ended_at(&held.grant));
        match last {
            Some(held) if never_was(held) && live.grant.is_none() => {
                tracing::debug!(grant = %held.grant.id, "what kept a grant from being given is still there");
                plan.foreign.insert(live);
            }
            Some(held) if live.grant.is_some() || now.duration_since(ended_at(&held.grant)) < OURS_FOR => {
                plan.lingering.push(held.clone());
            }
            Some(_) | None => {
                plan.foreign.insert(live);
            }
        }
    }
}

/// Whether what a cloud has is what this access is, or was.
fn belongs(live: &Live, access: &Access) -> bool {
    let same_person = match live.grant {
        Some(grant) => grant == access.grant,
        None => access.receipt.get("user_id").unwrap_or(&access.key.principal) == &live.principal,
    };
    live.resource == access.key.resource && same_person
}

/// A grant that could not be given made nothing: what is there was somebody else's from the start. Unless the cloud was
/// asked for it and never answered: then it may be the answer.
fn never_was(held: &Held) -> bool {
    matches!(held.grant.state, crate::domain::grant::GrantState::Failed { .. })
        && !Receipt::has_unanswered(&held.access.receipt)
}

fn ended_at(grant: &Grant) -> Timestamp {
    use crate::domain::grant::GrantState::{Active, Applying, Ended, Ending, Failed};
    match &grant.state {
        Ended { at, .. } | Failed { at, .. } => *at,
        Applying | Active { .. } | Ending { .. } => grant.ends_at,
    }
}

/// Mends what the plan says: has lingering access removed and missing access given again, and tells the rest.
///
/// # Errors
/// When the store fails.
pub async fn apply(ctx: &Context, plan: Plan) -> Result<(), StoreError> {
    let (env, providers) = (ctx.env(), ctx.tools.load().providers.clone());
    ctx.store
        .write(move |tx| {
            Box::pin(async move {
                for held in plan.lingering {
                    reopen(tx, &env, held, Drift::Lingering, &providers).await?;
                }
                for held in plan.missing {
                    reopen(tx, &env, held, Drift::Missing, &providers).await?;
                }
                // What a cloud did not tell about is not news.
                if plan.unanswered.is_empty() {
                    tell_foreign(tx, &env, &plan.foreign).await?;
                }
                Ok(())
            })
        })
        .await
}

async fn reopen(
    tx: &mut Tx,
    env: &Env,
    held: Held,
    what: Drift,
    providers: &Providers,
) -> Result<(), StoreError> {
    let mut access = tx.load_access(held.access.id).await?;
    let was = access.state;
    let event = if what == Drift::Missing { AccessEvent::Lost } else { AccessEvent::Reappeared };
    // It has moved on since the plan was made: the next sweep looks again.
    let Ok(state) = was.apply(event) else { return Ok(()) };
    access.state = state;
    if let (Drift::Lingering, Some(provider)) = (what, providers.get(&access.key.provider)) {
        provider.reclaimed(&Receipt(access.receipt.clone())).add_to(&mut access.receipt);
    }
    tx.save_access(&access, was).await?;
    let about = Some(Subject::from(&held.grant));
    let fact = Fact::DriftFound { about, what, resource: access.key.resource.clone(), principal: None };
    tx.record(env.now, &Actor::Jit, &fact).await?;
    tx.enqueue(&Job::ReconcileAccess(access.key), env.now).await
}

async fn tell_foreign(tx: &mut Tx, env: &Env, foreign: &BTreeSet<Live>) -> Result<(), StoreError> {
    let told = tx.foreign_accesses().await?;
    let found: BTreeSet<(String, String)> =
        foreign.iter().map(|live| (live.resource.clone(), live.principal.clone())).collect();
    for (resource, principal) in found.difference(&told) {
        tx.insert_foreign_access(resource, principal, env.now).await?;
        let fact = Fact::DriftFound {
            about: None,
            what: Drift::Foreign,
            resource: resource.clone(),
            principal: Some(principal.clone()),
        };
        tx.record(env.now, &Actor::Jit, &fact).await?;
    }
    for (resource, principal) in told.difference(&found) {
        tx.delete_foreign_access(resource, principal).await?;
    }
    Ok(())
}
