//! The clouds. The only room that talks to them.
//!
//! A provider is told what should be and says what is. It decides nothing: whether an access should exist is the
//! business of `domain`, when to try again that of `job`.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::domain::{
    access::AccessKey,
    catalog::{ProviderName, SecretRef, Target},
    ids::GrantId,
    principal::Principal,
};

pub mod aws;
pub mod azure;
pub mod demo;
mod tally;

pub use tally::{Calls, counting};

/// What one cloud can do for one access key. Every call is bounded in time and safe to repeat after a crash.
#[async_trait]
pub trait Provider: Send + Sync {
    /// Finds out who the holder is in this cloud and whether the target can be opened for them at all, before anybody
    /// is bothered. What it finds is noted with the access before it is applied, and comes back in [`Work::receipt`].
    async fn resolve(&self, work: &Work) -> Result<Receipt, ProviderError> {
        Ok(work.receipt.clone())
    }

    /// The same for several targets of one holder, with fewer calls where the cloud can tell about all of them at once.
    /// What is found stands in the same order.
    async fn resolve_all(&self, work: &[Work]) -> Result<Vec<Receipt>, ProviderError> {
        let mut receipts = Vec::new();
        for work in work {
            receipts.push(self.resolve(work).await?);
        }
        Ok(receipts)
    }

    /// What a configured target stands for: itself, or the accounts of an organisational unit.
    async fn expand(&self, target: &Target, now: Timestamp) -> Result<Vec<Target>, ProviderError> {
        let _it_stands_for_itself = now;
        Ok(vec![target.clone()])
    }

    /// Looks whether the access exists as it was made.
    async fn observe(&self, work: &Work) -> Result<Observed, ProviderError>;

    /// What an access with these notes has to know of others under its key that are about to be over: from then on it alone
    /// says what is in the cloud.
    fn inherits(&self, own: &Receipt, _leaving: &[Receipt]) -> Receipt {
        own.clone()
    }

    /// Until when the cloud was told to let it exist, where that may be sooner than was wanted when the answer came.
    fn told(&self, _receipt: &Receipt) -> Option<Timestamp> {
        None
    }

    /// What to note, with the debt, right before the cloud is asked to take the access away: what a crash in between must
    /// not make forgotten.
    fn removing(&self, _work: &Work) -> Receipt {
        Receipt::default()
    }

    /// Makes the cloud as `desired`, or takes a step towards it.
    async fn apply(&self, work: &Work, desired: &Desired) -> Result<Progress, ProviderError>;

    /// The thing that [`Provider::inventory`] lists to find out about a target. Targets that share it are asked about
    /// together.
    fn place(&self, target: &Target) -> String {
        target.resource().to_owned()
    }

    /// Everything that is in the target's place now, by whomever, as far as the cloud can tell.
    async fn inventory(&self, target: &Target) -> Result<Vec<Live>, ProviderError> {
        let _nothing_that_can_be_listed = target;
        Ok(Vec::new())
    }

    /// Who has it, in words for people.
    fn who(&self, live: &Live) -> String {
        live.principal.clone()
    }

    /// Whether an inventory does not show all that there is to an access: [`Provider::observe`] has to be asked as well.
    fn looks_closer(&self, _target: &Target) -> bool {
        false
    }

    /// Whose work it was, if an access to this target, with this receipt, is over and an inventory finds it all the same.
    fn made(&self, target: &Target, receipt: &Receipt) -> Made {
        let (_whatever_it_is, _was_confirmed) = (target, receipt);
        Made::Confirmed
    }

    /// Whether the cloud's lists can be believed at `at` about an access with this receipt. Some show a change only
    /// minutes later, and what they show until then is no difference.
    fn is_settled(&self, receipt: &Receipt, at: Timestamp) -> bool {
        let (_whatever_it_is, _at_any_time) = (receipt, at);
        true
    }

    /// What to note when an access with these notes was gone and is there again: from now on it is ours to take away once
    /// more.
    fn reclaimed(&self, noted: &Receipt) -> Receipt {
        noted.clone()
    }

    /// Mints credentials that stop working at `until`, whatever the cloud's own minimum is. Sessions only.
    async fn claim(&self, work: &Work, until: Timestamp) -> Result<Credentials, ProviderError>;

    /// Exchanges freshly claimed credentials for a link that signs a browser in. The link is a secret.
    async fn console(&self, credentials: &Credentials) -> Result<SecretString, ProviderError>;
}

/// The providers by name.
pub type Providers = BTreeMap<ProviderName, Arc<dyn Provider>>;

/// The access that a call is about.
#[derive(Debug, Clone)]
pub struct Work {
    /// The key the cloud knows it by.
    pub key: AccessKey,
    /// What it opens.
    pub target: Target,
    /// The grant on whose behalf the call is made.
    pub grant: GrantId,
    /// Who holds that grant.
    pub holder: Holder,
    /// What the provider noted the last time.
    pub receipt: Receipt,
    /// What the provider noted for the other accesses under this key that may be in the cloud, or left something there.
    /// What is found in the cloud may be there because of them, and what is missing from the receipt may stand in theirs.
    pub siblings: Vec<Receipt>,
    /// What the provider noted for those that are gone, the last ones first: a cloud's lists may still show them.
    pub past: Vec<Receipt>,
    /// Why it is opened, for the cloud's own records.
    pub cause: Cause,
    /// The present moment.
    pub now: Timestamp,
}

/// Why something is opened: what a cloud is told for its own audit log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cause {
    /// The request's short name, `REQ-…`.
    pub request: String,
    /// The role that was asked for.
    pub role: String,
    /// Why, in the requester's words; may be empty.
    pub reason: String,
    /// Whose approvals counted, by the names that people know them by.
    pub approvers: Vec<String>,
    /// The ticket that the reason names, where the role wants one.
    pub ticket: Option<String>,
}

/// The holder of a grant, as clouds may need to know them.
#[derive(Debug, Clone)]
pub struct Holder {
    /// Who it is.
    pub who: Principal,
    /// The e-mail address in Slack, when it is a person and the app may read it.
    pub email: Option<String>,
    /// The user name in the AWS identity store, where the configuration says it (`person.aws_identity_center`).
    pub aws_identity_center: Option<String>,
    /// The object id in Entra, where the configuration says it (`person.azure_object_id`).
    pub azure_object_id: Option<String>,
}

impl Holder {
    /// Somebody of whom nothing more is known, or has to be.
    #[must_use]
    pub fn unknown(who: Principal) -> Self {
        Self { who, email: None, aws_identity_center: None, azure_object_id: None }
    }
}

/// What should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Desired {
    /// The access exists until `until`; a cloud that can end it by itself is told to.
    Present {
        /// The end of the grant.
        until: Timestamp,
    },
    /// The access does not exist.
    Absent {
        /// When the grant was to end. From then on its sessions are dead by their own policy.
        planned_end: Timestamp,
        /// Until when claimed sessions may be running; `None` when nothing was claimed.
        sessions_until: Option<Timestamp>,
        /// Whether the grant was ended before its time. It stays so when the provider is called again later, to tidy:
        /// what an earlier call has put in place may be there although a crash kept its receipt from being noted.
        early: bool,
    },
}

/// One thing that an inventory found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Live {
    /// What it opens, as [`Target::resource`] names it.
    pub resource: String,
    /// Who has it, as the cloud names them: what [`Access::found_as`](crate::domain::access::Access::found_as) says of
    /// an access of ours.
    pub principal: String,
}

/// What a receipt says of the bot's part in something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// The bot has made nothing: what was there before it came stayed there.
    Nothing,
    /// The bot has asked for it, and never heard what came of that.
    Perhaps,
    /// The bot has made it, and the cloud has confirmed that it was gone afterwards.
    Confirmed,
    /// The same, and the cloud has an id for it, by which it is told from all others before it is taken away again.
    Recognised,
    /// The thing itself carries the grant's id.
    Marked,
}

/// What is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Observed {
    /// The cloud has it.
    Present,
    /// The cloud does not have it.
    Absent,
    /// The cloud keeps no list of such things: sessions of a role.
    CannotTell,
}

/// How far an `apply` came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// It is as desired; the cloud has confirmed it.
    Done {
        /// What to remember of it.
        receipt: Receipt,
        /// When to call again with the same desire, to remove what the provider itself has left behind.
        tidy_at: Option<Timestamp>,
    },
    /// The cloud did not do it, and there is something to remember of that. What is not to be remembered is an error.
    Failed {
        /// Why.
        error: ProviderError,
        /// What to remember of it.
        receipt: Receipt,
    },
    /// Not yet; nothing is wrong.
    LookAgain {
        /// When.
        at: Timestamp,
        /// Why, in words for people.
        because: String,
        /// What to remember until then.
        receipt: Receipt,
    },
}

/// Under which key a receipt has the number of failures in a row.
const FAILURES: &str = "failures";

/// What a provider notes about an access: identifiers for the audit trail and for its own next step, never a secret. It
/// adds to what was noted before; a key with an empty value is forgotten.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Receipt(pub BTreeMap<String, String>);

impl Receipt {
    /// Adds this to what was noted before.
    pub fn add_to(&self, noted: &mut BTreeMap<String, String>) {
        for (key, value) in &self.0 {
            if value.is_empty() {
                noted.remove(key);
            } else {
                noted.insert(key.clone(), value.clone());
            }
        }
    }

    /// How often in a row the cloud has failed at what is noted here, where its failures come as answers to questions
    /// and not as errors.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.0.get(FAILURES).and_then(|count| count.parse().ok()).unwrap_or_default()
    }

    /// What it says, without what it forgets.
    #[must_use]
    pub fn shown(&self) -> BTreeMap<String, String> {
        let mut shown = BTreeMap::new();
        self.add_to(&mut shown);
        shown
    }
}

/// Credentials that were claimed. They live in memory only; `Debug` shows no secret.
#[derive(Debug)]
pub struct Credentials {
    /// `ASIA…`: an identifier that CloudTrail shows too, not a secret.
    pub access_key_id: String,
    /// The secret key.
    pub secret_access_key: SecretString,
    /// The session token.
    pub session_token: SecretString,
    /// When AWS lets them expire by itself; their session policy may stop them sooner.
    pub expires_at: Timestamp,
    /// The region to start in.
    pub region: String,
    /// The partition: `aws`, `aws-us-gov` or `aws-cn`.
    pub partition: String,
}

/// Why a cloud did not do what it was asked to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ProviderError {
    /// What to do about it.
    pub kind: ErrorKind,
    /// What happened and what an operator must mend, in words for people; no secret, no credential.
    pub message: String,
}

/// Kinds of failure by what they ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// A permission is missing. Somebody has to mend it.
    Denied,
    /// The thing to open does not exist.
    NotFound,
    /// Something else is changing the same thing. Try again.
    Conflict,
    /// Too many calls. Try again, not before `after`.
    Throttled {
        /// How long the cloud wants to be left alone.
        after: Option<std::time::Duration>,
    },
    /// The cloud could not be reached, or failed before it did anything. Try again.
    Unavailable,
    /// The cloud may have done it. Observe before acting again.
    Ambiguous,
    /// The cloud understood and will never do this.
    Refused,
}

impl ErrorKind {
    /// Whether the same call can never succeed until a person changes something.
    #[must_use]
    pub fn is_final(self) -> bool {
        match self {
            Self::Denied | Self::NotFound | Self::Refused => true,
            Self::Conflict | Self::Throttled { .. } | Self::Unavailable | Self::Ambiguous => false,
        }
    }
}

/// Reads a secret where the configuration says it is.
pub trait Secrets: Send + Sync {
    /// The secret, read now: a rotated one counts at once.
    ///
    /// # Errors
    /// With words for an operator, naming the variable or the file.
    fn read(&self, place: &SecretRef) -> Result<SecretString, String>;
}
