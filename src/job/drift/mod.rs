//! Compare what the clouds have with what the grants say, and mend the difference.
//!
//! What the bot made and no live grant covers is removed; what a live grant covers and is missing is given again; what
//! somebody else gave is reported and never touched. A look at a cloud costs a call for each thing that is managed there,
//! however many people there are, so it is done in pieces: by `sweep` in the background, and by [`plan`] at once for
//! whoever waits for it.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;

use self::look::no_answer;
use super::{Context, Tools};
use crate::{
    ambient::{SystemTimer, Timer},
    domain::{
        access::Access,
        catalog::{Nature, ProviderName, Target},
        grant::Grant,
    },
    provider::{Calls, Live, Provider, counting},
    store::{Reader, StoreError, Tx},
};

mod compare;
mod follow;
mod look;
mod mend;
pub(super) mod sweep;

pub use follow::{Fate, Followed, follow};
pub use look::{PATIENCE, Took, take};
pub use mend::apply;

/// How long somebody who waits for it lets an organization say which accounts it has.
const WHOLE_ORGANIZATION: Duration = Duration::from_mins(10);

/// What was found, and what would be done about it.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Made by the bot, covered by no live grant: to be removed.
    pub lingering: Vec<Held>,
    /// Covered by a live grant, and not there: to be given again.
    pub missing: Vec<Held>,
    /// Given by somebody else on something that we manage: only told.
    pub foreign: BTreeSet<Foreign>,
    /// What each cloud was asked.
    pub asked: BTreeMap<ProviderName, Asked>,
    /// What could not be found out. Nothing about it is changed.
    pub unanswered: Vec<Unanswered>,
}

/// An access and its grant.
#[derive(Debug, Clone)]
pub struct Held {
    /// The access.
    pub access: Access,
    /// The grant it belongs to.
    pub grant: Grant,
}

/// Access that somebody else gave.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Foreign {
    /// In which cloud.
    pub cloud: ProviderName,
    /// Where it was found.
    pub place: String,
    /// What it is.
    pub live: Live,
    /// Who has it, in words for people.
    pub who: String,
}

/// What a cloud was asked, and what that cost.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// The places that it has told about.
    pub told: BTreeSet<String>,
    /// The calls that were made, retries and all.
    pub calls: Calls,
}

/// Something that could not be found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unanswered {
    /// In which cloud.
    pub cloud: ProviderName,
    /// What was asked about.
    pub place: String,
    /// How many more things were not asked about for the same reason.
    pub more: usize,
    /// What the cloud said.
    pub why: String,
}

impl Plan {
    /// How many things are not as the grants say.
    #[must_use]
    pub fn differences(&self) -> usize {
        self.lingering.len() + self.missing.len()
    }

    fn add(&mut self, other: Self) {
        self.lingering.extend(other.lingering);
        self.missing.extend(other.missing);
        self.foreign.extend(other.foreign);
        self.unanswered.extend(other.unanswered);
        for (cloud, asked) in other.asked {
            let all = self.asked.entry(cloud).or_default();
            all.told.extend(asked.told);
            all.calls.add(asked.calls);
        }
    }
}

/// Asks all clouds about all that is managed, and compares. Changes nothing.
///
/// # Errors
/// When the store fails. What a cloud does not answer stands in the plan.
pub async fn plan(store: &Reader, tools: &Tools, now: impl Fn() -> Timestamp) -> Result<Plan, StoreError> {
    let mut plan = Plan::default();
    for (cloud, provider) in &tools.providers {
        let managed = managed(store, tools, (*cloud, provider.as_ref()), now(), WHOLE_ORGANIZATION).await?;
        plan.add(Plan { unanswered: managed.unanswered, ..Plan::default() });
        plan.asked.entry(*cloud).or_default().calls.add(managed.calls);
        let mut todo = managed.places;
        while !todo.is_empty() {
            let look = look::look(store, (*cloud, provider.as_ref()), &todo, now()).await?;
            todo.retain(|place, _| !look.is_done(place));
            plan.add(look.plan);
            if let Some(error) = look.stopped {
                let place = todo.pop_first().map(|(place, _)| place).unwrap_or_default();
                plan.unanswered.push(Unanswered { cloud: *cloud, place, more: todo.len(), why: error.message });
                break;
            }
        }
    }
    Ok(plan)
}

/// What is managed in a cloud: a target for each place, and what could not be found out about that.
#[derive(Default)]
struct Managed {
    places: BTreeMap<String, Target>,
    unanswered: Vec<Unanswered>,
    calls: Calls,
}

/// Every place that roles open something in, or grants have; organisational units stand for their accounts, as far as
/// these can be found out within `patience`.
async fn managed(
    store: &Reader,
    tools: &Tools,
    (cloud, provider): (ProviderName, &dyn Provider),
    now: Timestamp,
    patience: Duration,
) -> Result<Managed, StoreError> {
    let open = store.read(|tx| Box::pin(async move { tx.open_targets(cloud).await })).await?;
    let configured = tools.catalog.roles.values().flat_map(|role| role.targets.clone());
    let targets = configured.chain(open.into_iter().map(|open| open.target));
    let targets = targets.filter(|target| target.provider() == cloud && target.nature() != Nature::Session);
    let by_name: BTreeMap<String, Target> = targets.map(|target| (target.resource().to_owned(), target)).collect();
    let (timer, mut managed) = (SystemTimer::default(), Managed::default());
    for (place, target) in by_name {
        let left = patience.saturating_sub(timer.elapsed());
        let (expanded, calls) = counting(tokio::time::timeout(left, provider.expand(&target, now))).await;
        managed.calls.add(calls);
        match expanded.unwrap_or_else(|_| Err(no_answer(patience))) {
            Ok(targets) => managed.places.extend(targets.into_iter().map(|target| (provider.place(&target), target))),
            Err(error) => managed.unanswered.push(Unanswered { cloud, place, more: 0, why: error.message }),
        }
    }
    Ok(managed)
}

/// Puts each access together with its grant.
async fn with_grants(tx: &mut Tx, accesses: Vec<Access>) -> Result<Vec<Held>, StoreError> {
    let ids: BTreeSet<_> = accesses.iter().map(|access| access.grant).collect();
    let grants = tx.grants(&ids).await?;
    let held = accesses.into_iter().map(|access| {
        let grant = grants.get(&access.grant).cloned();
        let grant = grant.ok_or_else(|| StoreError::Missing { what: "grant", key: access.grant.to_string() })?;
        Ok(Held { access, grant })
    });
    held.collect()
}
