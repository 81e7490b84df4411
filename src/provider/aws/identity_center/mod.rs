//! IAM Identity Center: a permission set on an account, assigned to a person while a grant lives.
//!
//! AWS ends no assignment by itself and keeps no mark of who made one, so the receipt is what tells ours from somebody
//! else's (`notes`): it is written before AWS is asked, and what was there before is never taken over nor taken away.
//! Making and unmaking take AWS some time; no call here waits for that. Each step looks, does one thing, and says when to
//! look again.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use aws_config::retry::RetryConfig;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use url::Url;

use self::{
    accounts::Organizations,
    assignment::{Assignment, GROUP, Seen, Wire},
    call::{Halt, OWN_PACE},
    error::refused,
    facts::Facts,
    notes::Notes,
    quota::Change,
    repeating::Paced,
    standing::Standing,
};
use super::{Tuning, load};
use crate::{
    domain::{
        catalog::{AwsIdentityCenter as PermissionSetTarget, Target},
        ids::GrantId,
    },
    provider::{Credentials, Desired, Live, Made, Observed, Progress, Provider, ProviderError, Receipt, Work},
};

mod accounts;
mod assignment;
mod call;
mod cut_off_policy;
mod cutting_off;
mod error;
mod facts;
mod granting;
mod notes;
mod quota;
mod removing;
mod repeating;
mod standing;

pub use facts::Instance;
pub use quota::{Limits, Quota};

/// For how long what one step saw counts for the next of the same run.
const SIGHT_LASTS: SignedDuration = SignedDuration::from_secs(30);
/// For how long it is remembered that AWS refused to make an assignment.
const REFUSAL_LASTS: SignedDuration = SignedDuration::from_mins(10);

/// Where Identity Center is.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its home region.
    pub region: String,
    /// An emulator in place of AWS.
    pub endpoint_url: Option<Url>,
    /// Which one, when it is not to be looked up.
    pub instance: Option<Instance>,
}

/// Assignments of permission sets.
#[derive(Debug)]
pub struct IdentityCenter {
    wire: Wire,
    facts: Facts,
    organizations: Organizations,
    quota: Arc<Quota>,
    /// By assignment and the grant that it is for: what one asks says nothing about what another one has asked for.
    known: Mutex<HashMap<(Assignment, GrantId), (Known, Timestamp)>>,
}

/// What this process knows of an assignment that the receipt does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    /// It was not there a moment ago, and nobody was asked for it.
    Absent,
    /// AWS refused to make it: no call for it is on its way.
    NothingSent,
}

/// How a step went.
type Step = Result<Progress, Halt>;

impl IdentityCenter {
    /// Sets up the clients. Nothing is called yet: the bot's own credentials are looked for with the first call.
    ///
    /// # Errors
    /// When there is no way to speak TLS.
    pub async fn connect(settings: Settings, tuning: Tuning) -> Result<Self, super::SetUpError> {
        let config = load(&settings.region, settings.endpoint_url.as_ref(), &tuning).await;
        let config = match config.http_client() {
            Some(client) => config.to_builder().http_client(Paced::new(client, tuning.quota.clone())).build(),
            None => config,
        };
        let reading = aws_sdk_ssoadmin::Client::new(&config);
        let once = aws_sdk_ssoadmin::config::Builder::from(&config).retry_config(RetryConfig::disabled()).build();
        let people = aws_sdk_identitystore::Client::new(&config);
        let http =
            reqwest::Client::builder().timeout(tuning.attempt_timeout).build().map_err(super::SetUpError::Http)?;
        let endpoint_url = settings.endpoint_url.as_ref().map(Url::as_str);
        Ok(Self {
            organizations: Organizations::new(&config, http, &settings.region, endpoint_url),
            facts: Facts::new(reading.clone(), people, settings.region, settings.instance),
            wire: Wire { reading, writing: aws_sdk_ssoadmin::Client::from_conf(once) },
            quota: tuning.quota,
            known: Mutex::default(),
        })
    }

    /// Every active account in an organisational unit and in the units within it, in order.
    ///
    /// # Errors
    /// With words for an operator.
    pub async fn accounts_of(&self, unit: &str, now: Timestamp) -> Result<Vec<String>, ProviderError> {
        self.organizations.accounts_of(unit, now).await
    }

    /// A turn that was waited for is given up with the wish.
    fn let_go(&self, work: &Work) {
        let (own, all) = (Notes::read(&work.receipt), Notes::of(work));
        if all.request.is_none()
            && let Ok(target) = target_of(work)
            && let Ok(it) = Assignment::of(target, &own)
        {
            self.quota.done(&it.account, &it.writer());
        }
    }

    /// `standing` is what the holder has already, where that is known.
    async fn find_out(&self, work: &Work, standing: Option<&Standing>) -> Result<Notes, Halt> {
        let target = target_of(work)?;
        if target.account.len() != 12 || !target.account.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(refused(format!("{} is not the id of an account: report this", target.account)).into());
        }
        let mut notes = Notes::of(work);
        // what was taken away and is wanted again is not gone any more once it is asked for
        notes.removed_at = None;
        let instance = match notes.instance.take() {
            Some(instance) => instance,
            None => self.facts.instance(&self.quota).await?.clone(),
        };
        let user = match Notes::read(&work.receipt).user_id {
            Some(user) => user,
            None => self.user(work, &instance).await?,
        };
        let is_first = notes.session.is_none();
        if notes.session.is_none() {
            let session = self.facts.session(&self.quota, &instance.arn, &target.permission_set_arn, work.now).await?;
            notes.session = Some(session);
        }
        (notes.instance, notes.user_id) = (Some(instance), Some(user));
        if !notes.ours {
            self.look_for_standing(work, (target, is_first), &mut notes, standing).await?;
        } else if notes.created.is_none() && notes.request.is_none() {
            // AWS may be asked again in a moment; what became of the last time is not known unless it was refused
            let it = Assignment::of(target, &notes)?;
            if self.known(work, &it).is_none() {
                notes.unheard_at = notes.intended_at;
            }
            notes.intended_at = Some(work.now);
        }
        Ok(notes)
    }

    /// Who the holder is. Grants on one access have one user: whoever has become another one since the first has to end
    /// that before the next.
    async fn user(&self, work: &Work, instance: &Instance) -> Result<String, Halt> {
        let user = self.facts.user(&self.quota, &instance.store, &work.holder, work.now).await?;
        let earlier = work.siblings.iter().map(Notes::read).filter(|it| it.ours).find_map(|it| it.user_id);
        if earlier.is_some_and(|earlier| earlier != user) {
            return Err(refused(
                "they have the same already, given to another user in Identity Center: person.aws_identity_center or \
                 their e-mail address has changed since. End that grant first, then ask again",
            )
            .into());
        }
        Ok(user)
    }

    /// What is there although nobody here made it stays somebody else's.
    async fn look_for_standing(
        &self,
        work: &Work,
        (target, is_first): (&PermissionSetTarget, bool),
        notes: &mut Notes,
        standing: Option<&Standing>,
    ) -> Result<(), Halt> {
        let it = Assignment::of(target, notes)?;
        let known = standing.and_then(|standing| standing.of(&it));
        let is_looked_at = is_first || known.is_some();
        if !is_looked_at && !self.quota.is_free(&it.account, &it.writer(), Change::Create, work.now) {
            // it would have to be looked for again when our turn comes
            return Ok(());
        }
        let seen = match known {
            Some(seen) => seen,
            None => self.wire.look(&self.quota, &it).await?,
        };
        let how = match seen {
            Seen::Absent => {
                (notes.ours, notes.intended_at, notes.created) = (true, Some(work.now), None);
                self.know(work, &it, Known::Absent);
                return Ok(());
            }
            Seen::Assigned => "",
            Seen::ThroughGroup => " through a group",
        };
        Err(refused(format!(
            "they have {} already{how}, assigned by somebody else and not for a time: there is nothing to grant, and jit \
             neither takes it over nor takes it away",
            it.words()
        ))
        .into())
    }

    fn know(&self, work: &Work, it: &Assignment, known: Known) {
        let mut all = self.all_known();
        all.retain(|_, (_, since)| work.now.duration_since(*since) < REFUSAL_LASTS);
        all.insert((it.clone(), work.grant), (known, work.now));
    }

    fn known(&self, work: &Work, it: &Assignment) -> Option<Known> {
        let (known, since) = self.all_known().get(&(it.clone(), work.grant)).copied()?;
        let lasts = match known {
            Known::Absent => SIGHT_LASTS,
            Known::NothingSent => REFUSAL_LASTS,
        };
        (work.now.duration_since(since) < lasts).then_some(known)
    }

    /// What is known counts once: after the next call it may be so no more.
    fn take_known(&self, work: &Work, it: &Assignment) -> Option<Known> {
        let known = self.known(work, it);
        self.all_known().remove(&(it.clone(), work.grant));
        known
    }

    fn all_known(&self) -> MutexGuard<'_, HashMap<(Assignment, GrantId), (Known, Timestamp)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Provider for IdentityCenter {
    async fn expand(&self, target: &Target, now: Timestamp) -> Result<Vec<Target>, ProviderError> {
        let Target::AwsIdentityCenter(assignment) = target else {
            return Ok(vec![target.clone()]);
        };
        if !target.stands_for_several() {
            return Ok(vec![target.clone()]);
        }
        let accounts = self.accounts_of(&assignment.account, now).await?;
        let on = |account: String| {
            let set = assignment.permission_set_arn.clone();
            Target::AwsIdentityCenter(PermissionSetTarget::new(&account, &set, assignment.cut_off_sessions))
        };
        Ok(accounts.into_iter().map(on).collect())
    }

    async fn resolve(&self, work: &Work) -> Result<Receipt, ProviderError> {
        match self.find_out(work, None).await {
            Ok(notes) => Ok(notes.receipt()),
            Err(halt) => {
                self.let_go(work);
                Err(halt.into())
            }
        }
    }

    async fn resolve_all(&self, work: &[Work]) -> Result<Vec<Receipt>, ProviderError> {
        Ok(self.find_out_all(work).await?.iter().map(Notes::receipt).collect())
    }

    async fn observe(&self, work: &Work) -> Result<Observed, ProviderError> {
        let Ok(it) = Assignment::of(target_of(work)?, &Notes::of(work)) else { return Ok(Observed::CannotTell) };
        Ok(match self.wire.look(&self.quota, &it).await? {
            Seen::Assigned => Observed::Present,
            Seen::Absent | Seen::ThroughGroup => Observed::Absent,
        })
    }

    /// That AWS is about to be asked: whether it heard of it cannot be known after a crash.
    fn removing(&self, work: &Work) -> Receipt {
        let mut notes = Notes::of(work);
        if !notes.ours || notes.request.is_some() || notes.removed_at.is_some() {
            return Receipt::default();
        }
        notes.about_to_delete(work.now);
        notes.deletes()
    }

    async fn apply(&self, work: &Work, desired: &Desired) -> Result<Progress, ProviderError> {
        let notes = Notes::of(work);
        let step = match desired {
            Desired::Present { .. } => self.grant(work, notes).await,
            Desired::Absent { .. } => self.remove(work, notes).await,
        };
        match step {
            Ok(progress) => Ok(progress),
            Err(Halt::Pace(wait)) => {
                let at = work.now + SignedDuration::try_from(wait).unwrap_or(SignedDuration::from_secs(5));
                Ok(Progress::LookAgain { at, because: OWN_PACE.to_owned(), receipt: Receipt::default() })
            }
            Err(Halt::Failed(error)) => Err(error),
        }
    }

    /// Users are known by their ids alone.
    fn who(&self, live: &Live) -> String {
        let who = &live.principal;
        if who.starts_with(GROUP) { who.clone() } else { format!("user {who}") }
    }

    /// Which people and groups are assigned, by whomever: one call for an account and permission set, or one for each hundred of
    /// those assigned there.
    async fn inventory(&self, target: &Target) -> Result<Vec<Live>, ProviderError> {
        let target = assignable(target)?;
        let instance = self.facts.instance(&self.quota).await?;
        let users = self.wire.assigned(&self.quota, &instance.arn, target).await?;
        let live = |principal| Live { resource: target.resource.clone(), principal };
        Ok(users.into_iter().map(live).collect())
    }

    fn made(&self, _target: &Target, receipt: &Receipt) -> Made {
        Notes::read(receipt).made()
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

fn target_of(work: &Work) -> Result<&PermissionSetTarget, ProviderError> {
    assignable(&work.target)
}

fn assignable(target: &Target) -> Result<&PermissionSetTarget, ProviderError> {
    match target {
        Target::AwsIdentityCenter(target) => Ok(target),
        Target::AwsSts(_)
        | Target::AwsIamPolicy(_)
        | Target::AwsIamGroup(_)
        | Target::AzureRole(_)
        | Target::EntraRole(_)
        | Target::EntraGroup(_)
        | Target::Demo(_) => Err(refused("a target of another kind was taken to Identity Center: report this")),
    }
}

fn no_credentials() -> ProviderError {
    refused("Identity Center hands out credentials itself: sign in at your company's AWS access portal")
}
