//! Ask one cloud about some of what is managed there, for as long as a job may take, and compare.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;

use super::{
    Asked, Held, Plan, Unanswered,
    compare::{Seen, compare},
    with_grants,
};
use crate::{
    ambient::{SystemTimer, Timer},
    domain::{
        access::AccessState,
        catalog::{ProviderName, Target},
        time::short,
    },
    provider::{Cause, ErrorKind, Holder, Live, Observed, Provider, ProviderError, Receipt, Work, counting},
    store::{OpenTarget, Reader, StoreError, Tx},
};

/// Nothing more is asked about after so long.
pub const PATIENCE: Duration = Duration::from_secs(8);
/// So much longer the last answer may take: together that is less than a job may.
const LAST_ANSWER: Duration = Duration::from_secs(12);

/// How many open accesses are compared at once: so many fit into memory without anybody noticing.
const MOST: usize = 1_000;

/// What a cloud told about some places.
#[derive(Debug, Default)]
pub struct Took {
    /// What is there, by place, for every place that the cloud told about.
    pub live: BTreeMap<String, Vec<Live>>,
    /// Places that the cloud does not tell about, and will not until somebody mends that.
    pub refused: BTreeMap<String, ProviderError>,
    /// Why there was no use in going on.
    pub stopped: Option<ProviderError>,
}

/// Asks about one place after the other, in order, until there are no more, [`PATIENCE`] is over, or the cloud has to be
/// left alone. One place at least is asked about.
pub async fn take(provider: &dyn Provider, places: &BTreeMap<String, Target>, timer: &dyn Timer) -> Took {
    take_closely(provider, places, &BTreeMap::new(), timer).await
}

/// The same, with another look at what a list does not show whole.
async fn take_closely(
    provider: &dyn Provider,
    places: &BTreeMap<String, Target>,
    closer: &Closer,
    timer: &dyn Timer,
) -> Took {
    let (begun, mut took) = (timer.elapsed(), Took::default());
    for (place, target) in places {
        let elapsed = timer.elapsed().saturating_sub(begun);
        if elapsed > PATIENCE {
            break;
        }
        let left = (PATIENCE + LAST_ANSWER).saturating_sub(elapsed);
        let closer = closer.get(place).map_or(&[][..], Vec::as_slice);
        let answer = tokio::time::timeout(left, ask(provider, target, closer)).await;
        match answer.unwrap_or_else(|_| Err(no_answer(left))) {
            Ok(live) => {
                took.live.insert(place.clone(), live);
            }
            Err(error) if error.kind.is_final() => {
                took.refused.insert(place.clone(), error);
            }
            Err(error) => {
                took.stopped = Some(error);
                break;
            }
        }
    }
    took
}

/// By place: the accesses there that are to be there, and whose list does not say whether they are as they were made.
type Closer = BTreeMap<String, Vec<Work>>;

fn closer(provider: &dyn Provider, open: &[Held], now: Timestamp) -> Closer {
    let mut closer = Closer::new();
    for Held { access, grant } in open {
        if access.state == AccessState::Live && grant.covers(now) && provider.looks_closer(&access.target) {
            let holder = Holder::unknown(grant.holder.clone());
            closer.entry(provider.place(&access.target)).or_default().push(Work {
                key: access.key.clone(),
                target: access.target.clone(),
                grant: grant.id,
                holder,
                receipt: Receipt(access.receipt.clone()),
                siblings: Vec::new(),
                past: Vec::new(),
                cause: Cause::default(),
                now,
            });
        }
    }
    closer
}

/// What is in a place. What is not as it was made counts as missing.
async fn ask(provider: &dyn Provider, target: &Target, closer: &[Work]) -> Result<Vec<Live>, ProviderError> {
    let mut live = provider.inventory(target).await?;
    for work in closer {
        let is_it = |live: &Live| live.resource == work.key.resource && live.principal == work.key.principal;
        if live.iter().any(is_it) && provider.observe(work).await? == Observed::Absent {
            live.retain(|live| !is_it(live));
        }
    }
    Ok(live)
}

pub(super) fn no_answer(after: Duration) -> ProviderError {
    let message = format!("there was no whole answer within {}", short(after));
    ProviderError { kind: ErrorKind::Unavailable, message }
}

/// What came of a look.
pub(super) struct Look {
    pub plan: Plan,
    /// Places that the cloud does not tell about.
    pub refused: BTreeSet<String>,
    /// Why there was no use in going on, if there was none.
    pub stopped: Option<ProviderError>,
    cloud: ProviderName,
}

impl Look {
    /// The places that the cloud told about.
    pub fn told(&self) -> BTreeSet<String> {
        self.plan.asked.get(&self.cloud).map(|asked| asked.told.clone()).unwrap_or_default()
    }

    /// Whether a place needs not be asked about again.
    pub fn is_done(&self, place: &str) -> bool {
        self.refused.contains(place) || self.plan.asked.get(&self.cloud).is_some_and(|it| it.told.contains(place))
    }
}

/// Looks at as many of these places as it can, and compares what is there with what should be.
pub(super) async fn look(
    store: &Reader,
    (cloud, provider): (ProviderName, &dyn Provider),
    places: &BTreeMap<String, Target>,
    now: Timestamp,
) -> Result<Look, StoreError> {
    let targets = store.read(|tx| Box::pin(async move { tx.open_targets(cloud).await })).await?;
    let (places, resources) = as_many_as_fit(|target| provider.place(target), places, targets);
    // before the cloud is asked: what is given or taken away meanwhile is no difference
    let open = store.read(|tx| Box::pin(async move { open(tx, cloud, &resources).await })).await?;
    let closer = closer(provider, &open, now);
    let (took, calls) = counting(take_closely(provider, &places, &closer, &SystemTimer::default())).await;
    let found: BTreeSet<(String, String)> =
        took.live.values().flatten().map(|live| (live.resource.clone(), live.principal.clone())).collect();
    let told: BTreeSet<String> = took.live.keys().cloned().collect();
    let names = told.clone();
    let read = store.read(|tx| {
        Box::pin(async move {
            let accesses = tx.accesses_found(cloud, &found).await?;
            Ok((with_grants(tx, accesses).await?, tx.places_looked_at(cloud, &names).await?))
        })
    });
    let (history, looked_at) = read.await?;
    let seen = Seen { cloud, provider, now, open, live: took.live, history, looked_at };
    let mut plan = compare(&seen);
    let refused: BTreeSet<String> = took.refused.keys().cloned().collect();
    plan.unanswered = took
        .refused
        .into_iter()
        .map(|(place, error)| Unanswered { cloud, place, more: 0, why: error.message })
        .collect();
    plan.asked.insert(cloud, Asked { told, calls });
    Ok(Look { plan, refused, stopped: took.stopped, cloud })
}

/// The first of these places, as long as no more than [`MOST`] accesses are open in them, but one at least; and the
/// resources in them.
fn as_many_as_fit(
    place_of: impl Fn(&Target) -> String,
    places: &BTreeMap<String, Target>,
    targets: Vec<OpenTarget>,
) -> (BTreeMap<String, Target>, BTreeSet<String>) {
    let mut by_place: BTreeMap<String, (BTreeSet<String>, usize)> = BTreeMap::new();
    for OpenTarget { resource, target, count } in targets {
        let (resources, open) = by_place.entry(place_of(&target)).or_default();
        resources.insert(resource);
        *open += count;
    }
    let (mut fitting, mut within, mut open) = (BTreeMap::new(), BTreeSet::new(), 0);
    for (place, target) in places {
        let (resources, count) = by_place.remove(place).unwrap_or_default();
        if !fitting.is_empty() && open + count > MOST {
            break;
        }
        open += count;
        within.extend(resources);
        fitting.insert(place.clone(), target.clone());
    }
    (fitting, within)
}

async fn open(tx: &mut Tx, cloud: ProviderName, resources: &BTreeSet<String>) -> Result<Vec<Held>, StoreError> {
    let accesses = tx.open_accesses(cloud, resources).await?;
    with_grants(tx, accesses).await
}

/// Whether it may have to do with the one place that was asked about, and not with the cloud as a whole.
pub(super) fn may_be_the_place(error: &ProviderError) -> bool {
    match error.kind {
        ErrorKind::Throttled { .. } => false,
        ErrorKind::Denied
        | ErrorKind::NotFound
        | ErrorKind::Conflict
        | ErrorKind::Unavailable
        | ErrorKind::Ambiguous
        | ErrorKind::Refused => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::catalog::{Demo, DemoCloud};

    #[test]
    fn so_many_places_are_looked_at_that_what_is_open_there_fits_and_one_at_least() {
        let target =
            |name: &str| Target::Demo(Demo { name: name.to_owned(), cloud: DemoCloud::default(), sessions: false });
        let open = |name: &str, count| OpenTarget { resource: name.to_owned(), target: target(name), count };
        let places: BTreeMap<String, Target> =
            ["a", "b", "c", "d"].map(|name| (name.to_owned(), target(name))).into_iter().collect();
        let fitting = |counts: [usize; 3]| {
            let targets = ["a", "b", "d"].into_iter().zip(counts).map(|(name, count)| open(name, count)).collect();
            let (places, resources) = as_many_as_fit(|target| target.resource().to_owned(), &places, targets);
            (places.into_keys().collect::<String>(), resources.into_iter().collect::<String>())
        };
        assert_eq!(fitting([10, 10, 10]), ("abcd".to_owned(), "abd".to_owned()));
        assert_eq!(fitting([MOST, 0, 0]), ("abcd".to_owned(), "abd".to_owned()));
        assert_eq!(fitting([MOST, 1, 0]), ("a".to_owned(), "a".to_owned()));
        assert_eq!(
            fitting([MOST + 1, 1, 0]),
            ("a".to_owned(), "a".to_owned()),
            "what is too much alone is taken alone"
        );
        assert_eq!(fitting([1, 1, MOST]), ("abc".to_owned(), "ab".to_owned()));
    }
}
