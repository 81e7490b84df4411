//! Azure, through Privileged Identity Management: roles on resources, roles in the Entra directory and Entra groups,
//! assigned for the time of a grant.
//!
//! Azure ends each assignment by itself at the end it was told, so a bot that is dead leaves nothing open; the bot ends it
//! earlier when asked to, and confirms that it is gone. Requests are answered with a status that may have to be asked for
//! again, lists show changes minutes late, and nothing can be taken away in its first five minutes: no call here waits for
//! any of that. Each step looks, does one thing, and says when to look again.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use azure_core::{
    credentials::TokenCredential,
    http::{HttpClient, new_http_client},
};
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use url::Url;

use self::{
    client::Client,
    credential::SignIn,
    failure::Failure,
    notes::Notes,
    people::People,
    pim::Row,
    tuple::{Thing, Tuple},
    wire::Counted,
};
use super::{Credentials, Desired, ErrorKind, Live, Made, Observed, Progress, Provider, ProviderError, Receipt, Work};
use crate::{
    ambient::{Clock, Entropy},
    domain::catalog::Target,
};

mod certificate;
mod client;
mod credential;
mod examine;
mod failure;
mod granting;
mod notes;
mod people;
mod pim;
mod removing;
mod status;
mod tuple;
mod wire;

pub use credential::Identity;
pub use examine::{Examined, Wants};

/// For how long what one step saw counts for the next of the same run.
const SIGHT_LASTS: SignedDuration = SignedDuration::from_secs(30);
/// For how long it is remembered that Azure refused a request.
const REFUSAL_LASTS: SignedDuration = SignedDuration::from_mins(10);
/// How far the end that a list shows may be from what Azure was told: the call's way there, and its clock.
const SLACK: SignedDuration = SignedDuration::from_secs(90);

/// Where Azure is, and who the bot is there.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The Entra tenant.
    pub tenant_id: String,
    /// How the bot signs in.
    pub identity: Identity,
    /// Azure Resource Manager; https.
    pub arm_url: Url,
    /// Microsoft Graph; https.
    pub graph_url: Url,
    /// Where tokens come from; https.
    pub authority_host: Url,
    /// Whether people may be guests in the tenant.
    pub guests: bool,
}

/// What tests put in place of the wire and of the bot's identity.
#[derive(Debug, Clone, Default)]
pub struct Tuning {
    /// How requests leave, those to the token endpoint too. Without it, the way that `azure_core` has.
    pub transport: Option<Arc<dyn HttpClient>>,
    /// Where tokens come from, in place of what [`Settings::identity`] says.
    pub credential: Option<Arc<dyn TokenCredential>>,
}

/// Azure cannot be used at all, in words for an operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SetUpError(String);

/// Privileged Identity Management.
#[derive(Debug)]
pub struct Azure {
    client: Client,
    people: People,
    clock: Arc<dyn Clock>,
    known: Mutex<HashMap<String, (Known, Timestamp)>>,
}

/// What this process knows of a request, by our name for it, that the receipt does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    /// It was not sent yet, and nothing was there a moment ago.
    NothingThere,
    /// It was not sent yet.
    NotSent,
    /// Azure refused it: nothing will come of it.
    Refused,
}

/// What is there for a tuple.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Seen {
    /// Nothing, or what the list has not forgotten yet.
    Absent,
    /// What the bot has made.
    Ours(Row),
    /// What somebody else has made, or changed since.
    Foreign(Row),
}

impl Azure {
    /// Sets everything up. Nothing is called yet.
    ///
    /// # Errors
    /// When the bot's identity lacks something.
    pub fn connect(
        settings: &Settings,
        tuning: &Tuning,
        clock: &Arc<dyn Clock>,
        entropy: &Arc<dyn Entropy>,
    ) -> Result<Self, SetUpError> {
        let wire = Counted(tuning.transport.clone().unwrap_or_else(|| new_http_client(None)));
        let sign_in =
            SignIn { tenant: &settings.tenant_id, authority: &settings.authority_host, wire: &wire, clock, entropy };
        let credential = match &tuning.credential {
            Some(credential) => credential.clone(),
            None => sign_in.with(&settings.identity)?,
        };
        Ok(Self {
            client: Client::new(&settings.arm_url, &settings.graph_url, &credential, &wire),
            people: People::new(settings.guests),
            clock: clock.clone(),
            known: Mutex::default(),
        })
    }

    /// Finds out who the holder is and whether somebody else has given it to them, and writes down what will be asked.
    async fn find_out(&self, work: &Work) -> Result<Notes, ProviderError> {
        let thing = Thing::of(&work.target)?;
        let mut notes = Notes::of(work);
        notes.user_id = Some(self.user(work, thing).await?);
        if notes.asked.is_some() || notes.running.is_some() {
            // what became of that is found out first
            return Ok(notes);
        }
        let known = if notes.ours {
            Known::NotSent
        } else {
            let it = Tuple::of(work, &notes)?;
            if let Seen::Foreign(row) = self.look(work, &notes, &it).await? {
                return Err(standing(&it, &row));
            }
            notes.ours = true;
            Known::NothingThere
        };
        notes.intend(work);
        if let Some(asked) = &notes.asked {
            self.know(&asked.guid, known, work.now);
        }
        Ok(notes)
    }

    /// Who the holder is. Grants on one access have one holder: whoever has become another one since the first has to end
    /// that before the next.
    async fn user(&self, work: &Work, thing: Thing<'_>) -> Result<String, ProviderError> {
        if let Some(holder) = thing.holder() {
            return Ok(holder.to_owned());
        }
        if let Some(user) = Notes::read(&work.receipt).user_id {
            return Ok(user);
        }
        let user = self.people.object_id(&self.client.graph, &work.holder, work.now).await?;
        let earlier = work.siblings.iter().map(Notes::read).filter(|it| it.ours).find_map(|it| it.user_id);
        if earlier.is_some_and(|earlier| earlier != user) {
            return Err(refused(
                "they have the same already, given to another account in Entra: person.azure_object_id or their e-mail \
                 address has changed since. End that grant first, then ask again",
            ));
        }
        Ok(user)
    }

    /// What is there for a tuple. What lists have not forgotten yet, of grants that are over, is not there.
    async fn look(&self, work: &Work, notes: &Notes, it: &Tuple<'_>) -> Result<Seen, ProviderError> {
        let found = self.client.look(it).await.map_err(|failure| failure.of_reading(&it.words()))?;
        let Some(row) = found else { return Ok(Seen::Absent) };
        if notes.schedules.contains(&row.schedule) || (notes.ours && is_as_told(notes, &row)) {
            return Ok(Seen::Ours(row));
        }
        let is_over = row.ends_at.is_some_and(|ends_at| ends_at <= work.now);
        let past: Vec<Notes> = work.past.iter().map(Notes::read).collect();
        let is_of = |past: &&Notes| past.schedules.contains(&row.schedule) || is_as_told(past, &row);
        let known: Vec<&Notes> = past.iter().filter(is_of).collect();
        Ok(if is_over {
            Seen::Absent
        } else if known.is_empty() {
            Seen::Foreign(row)
        } else if known.iter().all(|past| past.is_settled(work.now)) {
            Seen::Ours(row)
        } else {
            Seen::Absent
        })
    }

    /// Whether what is there came of a request whose answer never reached us.
    async fn came_of(&self, notes: &mut Notes, it: &Tuple<'_>, row: &Row) -> Result<bool, ProviderError> {
        let Some(guid) = notes.unheard.clone() else { return Ok(false) };
        let found = self.client.find(it, &guid).await.map_err(|failure| failure.of_reading(&it.words()))?;
        let is_it = found.and_then(|found| found.schedule).is_some_and(|schedule| schedule == row.schedule);
        if is_it {
            notes.add_schedule(row.schedule.clone());
        }
        Ok(is_it)
    }

    fn know(&self, guid: &str, known: Known, now: Timestamp) {
        let mut all = self.all_known();
        all.retain(|_, (_, since)| now.duration_since(*since) < REFUSAL_LASTS);
        all.insert(guid.to_owned(), (known, now));
    }

    fn known(&self, guid: &str, now: Timestamp) -> Option<Known> {
        let (known, since) = self.all_known().get(guid).copied()?;
        match known {
            Known::NothingThere if now.duration_since(since) >= SIGHT_LASTS => Some(Known::NotSent),
            Known::NothingThere | Known::NotSent | Known::Refused => Some(known),
        }
    }

    /// It is about to be sent: from now on only Azure knows.
    fn forget(&self, guid: &str) {
        self.all_known().remove(guid);
    }

    fn all_known(&self) -> MutexGuard<'_, HashMap<String, (Known, Timestamp)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether an assignment ends when Azure was told to end ours, where Azure did not give it an id.
fn is_as_told(notes: &Notes, row: &Row) -> bool {
    let apart = |until: Timestamp| row.ends_at.map(|ends_at| ends_at.duration_since(until).abs());
    notes.schedules.is_empty() && notes.until.and_then(apart).is_some_and(|apart| apart <= SLACK)
}

fn standing(it: &Tuple<'_>, row: &Row) -> ProviderError {
    let until = match row.ends_at {
        Some(ends_at) => format!("until {}", ends_at.strftime("%Y-%m-%d %H:%M UTC")),
        None => "without an end".to_owned(),
    };
    refused(format!(
        "they have {} already, assigned by somebody else {until}: there is nothing to grant, and jit neither takes it over \
         nor takes it away",
        it.words()
    ))
}

fn refused(message: impl Into<String>) -> ProviderError {
    ProviderError { kind: ErrorKind::Refused, message: message.into() }
}

#[async_trait]
impl Provider for Azure {
    async fn resolve(&self, work: &Work) -> Result<Receipt, ProviderError> {
        Ok(self.find_out(work).await?.receipt())
    }

    async fn observe(&self, work: &Work) -> Result<Observed, ProviderError> {
        let Ok(it) = Tuple::of(work, &Notes::of(work)) else { return Ok(Observed::CannotTell) };
        let found = self.client.look(&it).await.map_err(|failure| failure.of_reading(&it.words()))?;
        let is_there = found.is_some_and(|row| row.ends_at.is_none_or(|ends_at| ends_at > work.now));
        Ok(if is_there { Observed::Present } else { Observed::Absent })
    }

    async fn apply(&self, work: &Work, desired: &Desired) -> Result<Progress, ProviderError> {
        let notes = Notes::of(work);
        match desired {
            Desired::Present { until } => self.grant(work, notes, *until).await,
            Desired::Absent { .. } => self.remove(work, notes).await,
        }
    }

    async fn inventory(&self, target: &Target) -> Result<Vec<Live>, ProviderError> {
        let thing = Thing::of(target)?;
        let unreadable = |failure: Failure| failure.of_reading(&format!("the list of who has {}", thing.words()));
        let rows = self.client.assigned(thing, self.clock.now()).await.map_err(unreadable)?;
        let live = |row: Row| Live { resource: target.resource().to_owned(), principal: row.principal };
        Ok(rows.into_iter().map(live).collect())
    }

    fn inherits(&self, own: &Receipt, leaving: &[Receipt]) -> Receipt {
        Notes::merged(own, leaving).receipt()
    }

    fn told(&self, receipt: &Receipt) -> Option<Timestamp> {
        Notes::read(receipt).until
    }

    fn made(&self, _target: &Target, receipt: &Receipt) -> Made {
        Notes::read(receipt).made()
    }

    fn is_settled(&self, receipt: &Receipt, at: Timestamp) -> bool {
        Notes::read(receipt).is_settled(at)
    }

    fn reclaimed(&self, noted: &Receipt) -> Receipt {
        Notes::read(noted).reclaimed().receipt()
    }

    async fn claim(&self, _work: &Work, _until: Timestamp) -> Result<Credentials, ProviderError> {
        Err(no_credentials())
    }

    async fn console(&self, _credentials: &Credentials) -> Result<SecretString, ProviderError> {
        Err(no_credentials())
    }
}

fn no_credentials() -> ProviderError {
    refused(
        "Azure hands out no credentials for a grant: sign in again, with az or in the portal, and the access is there",
    )
}
