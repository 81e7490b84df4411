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
        ids::GrantId,
        job::Job,
    },
    provider::{ErrorKind, Live, ProviderError},
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
    let now = ctx.clock.now();
    let mut held = ctx.store.read(|tx| Box::pin(async move { held(tx, now - OURS_FOR).await })).await?;
    let mut plan = Plan::default();
    for (name, targets) in managed(ctx, &held, &mut plan).await {
        let Some(provider) = ctx.tools.load().providers.get(&name).cloned() else { continue };
        plan.managed += targets.len();
        match provider.inventory(&targets).await {
            Ok(live) => {
                held.extend(earlier(ctx, &live, &held).await?);
                let ours: Vec<&Held> = held.iter().filter(|it| it.access.key.provider == name).collect();
                compare(&mut plan, &live, &ours, now);
            }
            Err(error) => plan.unanswered.push(error.message),
        }
    }
    Ok(plan)
}

/// What may be in a cloud, or was until a while ago.
async fn held(tx: &mut Tx, since: Timestamp) -> Result<Vec<Held>, StoreError> {
    let mut held = Vec::new();
    for access in tx.accesses_since(since).await? {
        let grant = tx.load_grant(access.grant).await?;
        held.push(Held { access, grant });
    }
    Ok(held)
}

/// What belongs to grants that ended long ago and has turned up: it names them itself.
async fn earlier(ctx: &Context, live: &[Live], held: &[Held]) -> Result<Vec<Held>, StoreError> {
    let known: BTreeSet<GrantId> = held.iter().map(|held| held.grant.id).collect();
    let named: BTreeSet<GrantId> = live.iter().filter_map(|live| live.grant).collect();
    let unknown: Vec<GrantId> = named.difference(&known).copied().collect();
    ctx.store.read(|tx| Box::pin(async move { held_by(tx, unknown).await })).await
}

async fn held_by(tx: &mut Tx, grants: Vec<GrantId>) -> Result<Vec<Held>, StoreError> {
    let mut held = Vec::new();
    for id in grants {
        let Some(grant) = tx.lookup_grant(id).await? else { continue };
        let accesses = tx.accesses_of(id).await?;
        held.extend(accesses.into_iter().map(|access| Held { access, grant: grant.clone() }));
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

fn compare(plan: &mut Plan, live: &[Live], held: &[&Held], now: Timestamp) {
    let there: BTreeSet<Place> = live.iter().map(Place::of).collect();
    let mut ours: BTreeMap<Place, Vec<&Held>> = BTreeMap::new();
    for held in held {
        let places = Place::for_access(&held.access);
        let is_there = places.iter().any(|place| there.contains(place));
        let should_be = held.grant.covers(now) && held.access.state == AccessState::Live;
        if should_be && !is_there && held.access.target.nature() != Nature::Session {
            plan.missing.push((*held).clone());
        }
        for place in places {
            ours.entry(place).or_default().push(held);
        }
    }
    for it in live {
        let ours = ours.get(&Place::of(it)).map(Vec::as_slice).unwrap_or_default();
        // Somebody is at it already, or it is as it should be.
        if ours.iter().any(|held| held.access.state != AccessState::Gone) {
            continue;
        }
        let last = ours.iter().max_by_key(|held| ended_at(&held.grant));
        match last {
            Some(held) if never_was(&held.grant) => {
                tracing::debug!(grant = %held.grant.id, "what kept a grant from being given is still there");
                plan.foreign.insert(it.clone());
            }
            Some(held) if it.grant.is_some() || now.duration_since(ended_at(&held.grant)) < OURS_FOR => {
                plan.lingering.push((*held).clone());
            }
            Some(_) | None => {
                plan.foreign.insert(it.clone());
            }
        }
    }
}

/// What a cloud has and an access is, or was, when both have the same: a thing, and whose it is.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place<'a> {
    OfGrant(&'a str, GrantId),
    OfPerson(&'a str, &'a str),
}

impl<'a> Place<'a> {
    fn of(live: &'a Live) -> Self {
        match live.grant {
            Some(grant) => Self::OfGrant(&live.resource, grant),
            None => Self::OfPerson(&live.resource, &live.principal),
        }
    }

    fn for_access(access: &'a Access) -> [Self; 2] {
        let resource = &access.key.resource;
        let person = access.receipt.get("user_id").unwrap_or(&access.key.principal);
        [Self::OfGrant(resource, access.grant), Self::OfPerson(resource, person)]
    }
}

/// A grant that could not be given made nothing: what is there was somebody else's from the start.
fn never_was(grant: &Grant) -> bool {
    matches!(grant.state, crate::domain::grant::GrantState::Failed { .. })
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
    let env = ctx.env();
    ctx.store
        .write(move |tx| {
            Box::pin(async move {
                for held in plan.lingering {
                    reopen(tx, &env, held, AccessEvent::Reappeared, Drift::Lingering).await?;
                }
                for held in plan.missing {
                    reopen(tx, &env, held, AccessEvent::Lost, Drift::Missing).await?;
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

async fn reopen(tx: &mut Tx, env: &Env, held: Held, event: AccessEvent, what: Drift) -> Result<(), StoreError> {
    let mut access = tx.load_access(held.access.id).await?;
    let was = access.state;
    // It has moved on since the plan was made: the next sweep looks again.
    let Ok(state) = was.apply(event) else { return Ok(()) };
    access.state = state;
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
