//! Two clouds that live in this process, for the playground: one plays AWS, one Azure. Each keeps a list of who has what,
//! and remembers what the bot asked of it.
//!
//! They are clouds without an end of their own, so they show the part where the bot must do the revoking; and they fail
//! on demand, so that it can be watched how the bot gets over it.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;
use tokio::sync::watch;

use super::{Credentials, Desired, ErrorKind, Live, Observed, Progress, Provider, ProviderError, Receipt, Work};
use crate::domain::{
    access::AccessKey,
    catalog::{DemoCloud as Cloud, Nature, Target},
    principal::Principal,
};

/// How long a slow cloud takes for each answer: long enough to be seen, within what a job may take.
const SLOW: Duration = Duration::from_secs(4);
/// So many calls are remembered.
const REMEMBERED: usize = 200;

/// The demo clouds; clones share their contents.
#[derive(Debug, Clone, Default)]
pub struct DemoCloud(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct State {
    entries: BTreeMap<AccessKey, Entry>,
    claims: Vec<Claim>,
    calls: VecDeque<Call>,
    weather: BTreeMap<Cloud, Weather>,
}

/// Something that somebody has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// In which cloud.
    pub cloud: Cloud,
    /// Who has it.
    pub holder: Principal,
    /// Until when its grant runs.
    pub until: Timestamp,
    /// Whether it is a role that sessions may be opened of, rather than an assignment.
    pub sessions: bool,
}

/// Credentials that were handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// In which cloud.
    pub cloud: Cloud,
    /// To whom.
    pub holder: Principal,
    /// For what.
    pub resource: String,
    /// When.
    pub at: Timestamp,
    /// When they stop working.
    pub until: Timestamp,
}

/// What the bot asked of a cloud, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Which cloud.
    pub cloud: Cloud,
    /// When.
    pub at: Timestamp,
    /// What was asked, in a word.
    pub verb: &'static str,
    /// About what.
    pub resource: String,
    /// For whom.
    pub holder: Principal,
    /// Why nothing came of it, if nothing did.
    pub failure: Option<&'static str>,
}

/// How a cloud feels today.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Weather {
    /// It works.
    #[default]
    Fine,
    /// It takes its time.
    Slow,
    /// It answers that it cannot just now.
    Failing,
    /// It does not answer.
    Unreachable,
    /// It says no: a permission is missing.
    Denying,
}

impl DemoCloud {
    /// Who has what now, by the key the bot knows it by.
    #[must_use]
    pub fn contents(&self) -> BTreeMap<AccessKey, Entry> {
        self.state().entries.clone()
    }

    /// The credentials that were handed out, oldest first.
    #[must_use]
    pub fn claims(&self) -> Vec<Claim> {
        self.state().claims.clone()
    }

    /// The last calls that the bot made, oldest first. What it lists when it compares clouds and grants is left out.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.state().calls.iter().cloned().collect()
    }

    /// How a cloud feels.
    #[must_use]
    pub fn weather(&self, cloud: Cloud) -> Weather {
        self.state().weather.get(&cloud).copied().unwrap_or_default()
    }

    /// Has a cloud feel so from now on.
    pub fn set_weather(&self, cloud: Cloud, weather: Weather) {
        self.state().weather.insert(cloud, weather);
        self.0.changed.send_replace(());
    }

    /// Tells, from now on, whenever something has changed.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<()> {
        self.0.changed.subscribe()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the weather does to a call. What it needs of time passes here.
    async fn weathered(&self, cloud: Cloud) -> Option<ProviderError> {
        let error = |kind, message: &str| Some(ProviderError { kind, message: message.to_owned() });
        let name = title(cloud);
        match self.weather(cloud) {
            Weather::Fine => None,
            Weather::Slow => {
                tokio::time::sleep(SLOW).await;
                None
            }
            Weather::Failing => error(ErrorKind::Unavailable, &format!("{name} answers with an internal error")),
            Weather::Unreachable => error(ErrorKind::Unavailable, &format!("{name} cannot be reached")),
            Weather::Denying => error(
                ErrorKind::Denied,
                &format!("{name} says that the bot lacks a permission. An operator has to give it one"),
            ),
        }
    }

    /// Meets the weather, does the work and remembers the call.
    async fn ask<T>(
        &self,
        verb: &'static str,
        work: &Work,
        act: impl FnOnce(&mut State, Cloud) -> T + Send,
    ) -> Result<T, ProviderError> {
        let cloud = cloud_of(&work.target);
        let failure = self.weathered(cloud).await;
        let mut state = self.state();
        let why = failure.as_ref().map(|error| short(error.kind));
        if state.calls.len() == REMEMBERED {
            state.calls.pop_front();
        }
        let (holder, resource) = (work.holder.who.clone(), work.key.resource.clone());
        state.calls.push_back(Call { cloud, at: work.now, verb, resource, holder, failure: why });
        let done = failure.map_or_else(|| Ok(act(&mut state, cloud)), Err);
        drop(state);
        self.0.changed.send_replace(());
        done
    }
}

/// What people call it.
#[must_use]
pub fn title(cloud: Cloud) -> &'static str {
    match cloud {
        Cloud::Aws => "the demo AWS",
        Cloud::Azure => "the demo Azure",
    }
}

fn short(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Denied => "denied",
        ErrorKind::NotFound | ErrorKind::Conflict | ErrorKind::Throttled { .. } | ErrorKind::Ambiguous => "failed",
        ErrorKind::Unavailable => "no answer",
        ErrorKind::Refused => "refused",
    }
}

fn cloud_of(target: &Target) -> Cloud {
    if let Target::Demo(demo) = target { demo.cloud } else { Cloud::default() }
}

#[async_trait]
impl Provider for DemoCloud {
    async fn inventory(&self, target: &Target) -> Result<Vec<Live>, ProviderError> {
        if let Some(error) = self.weathered(cloud_of(target)).await {
            return Err(error);
        }
        let live = |key: AccessKey| Live { resource: key.resource, principal: key.principal };
        let here = self.contents().into_keys().filter(|key| key.resource == target.resource());
        Ok(here.map(live).collect())
    }

    async fn observe(&self, work: &Work) -> Result<Observed, ProviderError> {
        let key = work.key.clone();
        self.ask("look", work, |state, _| state.entries.contains_key(&key))
            .await
            .map(|present| if present { Observed::Present } else { Observed::Absent })
    }

    async fn apply(&self, work: &Work, desired: &Desired) -> Result<Progress, ProviderError> {
        let (key, holder) = (work.key.clone(), work.holder.who.clone());
        let sessions = work.target.nature() == Nature::Session;
        match desired {
            Desired::Present { until } => {
                let verb = if self.state().entries.contains_key(&key) { "extend" } else { "open" };
                let until = *until;
                self.ask(verb, work, |state, cloud| {
                    state.entries.insert(key, Entry { cloud, holder, until, sessions });
                })
                .await?;
            }
            Desired::Absent { .. } => {
                self.ask("close", work, |state, _| {
                    state.entries.remove(&key);
                })
                .await?;
            }
        }
        Ok(Progress::Done { receipt: Receipt::default(), tidy_at: None })
    }

    async fn claim(&self, work: &Work, until: Timestamp) -> Result<Credentials, ProviderError> {
        if work.target.nature() != Nature::Session {
            return Err(no_credentials("the demo cloud has no credentials to hand out: the access is simply there"));
        }
        let (holder, resource) = (work.holder.who.clone(), work.key.resource.clone());
        self.ask("mint", work, |state, cloud| {
            state.claims.push(Claim { cloud, holder, resource, at: work.now, until });
        })
        .await?;
        Ok(Credentials {
            access_key_id: "ASIADEMOPLAYGROUND00".to_owned(),
            secret_access_key: SecretString::from("demo-secret-that-opens-nothing"),
            session_token: SecretString::from("demo-token-that-opens-nothing"),
            expires_at: until,
            region: "eu-west-1".to_owned(),
            partition: "aws".to_owned(),
        })
    }

    async fn console(&self, _credentials: &Credentials) -> Result<SecretString, ProviderError> {
        Err(no_credentials("a cloud that is only played has no console to sign in to"))
    }
}

fn no_credentials(why: &str) -> ProviderError {
    ProviderError { kind: ErrorKind::Refused, message: why.to_owned() }
}
