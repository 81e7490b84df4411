//! The audit trail: one fact for every step. How facts are chained so that none can be changed is next door in `chain`.
//!
//! A fact is complete in itself: who, what, when, why and who allowed it can be read from it alone, without the
//! tables that have moved on since.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use super::{
    attempt::{Attempt, AttemptRefusal, Purpose},
    chain::{Broken, Event, GENESIS, Verifier},
};
use super::{
    grant::{EndCause, Grant},
    ids::{Code, GrantId, RequestId, RoleName, UserId, WorkloadName},
    plan::Plan,
    policy::AskRefusal,
    principal::Principal,
    request::{Denier, Request},
    session::Origin,
};

/// Who did something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// A person.
    Person(UserId),
    /// A pipeline, by the name the configuration gives it.
    Workload(WorkloadName),
    /// The bot itself: a deadline, an end, a cloud's answer.
    Jit,
    /// Whoever runs the bot.
    Operator,
}

impl Actor {
    /// One word for tables and exports: the Slack user id, `workload:` and a name, `jit` or `operator`.
    #[must_use]
    pub fn to_word(&self) -> String {
        match self {
            Self::Person(person) => Principal::from(person).to_string(),
            Self::Workload(name) => Principal::Workload(name.clone()).to_string(),
            Self::Jit => "jit".to_owned(),
            Self::Operator => "operator".to_owned(),
        }
    }
}

impl From<&Principal> for Actor {
    fn from(principal: &Principal) -> Self {
        match principal {
            Principal::Person(person) => Self::Person(person.clone()),
            Principal::Workload(name) => Self::Workload(name.clone()),
        }
    }
}

/// Which request or grant an event is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// The request.
    pub request: RequestId,
    /// The grant it became, from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<GrantId>,
    /// The short name both share.
    pub code: Code,
    /// Whose access it is.
    pub requester: Principal,
    /// To what.
    pub role: RoleName,
    /// For how many seconds.
    pub seconds: u64,
    /// Why, in the requester's words.
    pub reason: String,
}

impl From<&Request> for Subject {
    fn from(request: &Request) -> Self {
        Self {
            request: request.id,
            grant: None,
            code: request.code.clone(),
            requester: request.requester.clone(),
            role: request.role.clone(),
            seconds: request.duration().as_secs(),
            reason: request.reason.clone(),
        }
    }
}

impl From<&Grant> for Subject {
    fn from(grant: &Grant) -> Self {
        Self {
            request: grant.request,
            grant: Some(grant.id),
            code: grant.code.clone(),
            requester: grant.holder.clone(),
            role: grant.role.clone(),
            seconds: grant.length().as_secs(),
            reason: grant.reason.clone(),
        }
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Fact {
    /// Somebody asked, and people are to decide.
    RequestMade {
        /// What was asked.
        about: Subject,
        /// The rule that fits, counted from 1.
        rule: usize,
        /// How many approvals it wants.
        quorum: u8,
        /// Until when it can be decided.
        decide_by: Timestamp,
        /// The grant that is to end later, where that is what was asked for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        extends: Option<Code>,
        /// The plan that it is for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        plan: Option<Box<Plan>>,
        /// Where the pipeline that asks comes from.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        origin: Option<Box<Origin>>,
        /// Names the policy.
        policy: String,
    },
    /// Somebody asked, and the policy said no.
    AskRefused {
        /// The role that was typed.
        role: RoleName,
        /// The reason that was given.
        reason: String,
        /// Why not.
        refusal: AskRefusal,
    },
    /// Somebody approved, and that alone has not made it a grant.
    ReviewGiven {
        /// The request.
        about: Subject,
        /// How many approvals count now.
        given: usize,
        /// How many are needed.
        needed: u8,
    },
    /// The quorum was reached and the grant began.
    RequestApproved {
        /// The grant.
        about: Subject,
        /// Whose approvals counted.
        approvers: Vec<UserId>,
        /// When it ends.
        ends_at: Timestamp,
        /// Names today's policy, which agreed.
        policy: String,
    },
    /// A person or today's policy said no.
    RequestDenied {
        /// The request.
        about: Subject,
        /// Who or what.
        by: Denier,
    },
    /// A later end of a grant was approved.
    GrantExtended {
        /// The request for it, and the grant.
        about: Subject,
        /// Whose approvals counted.
        approvers: Vec<UserId>,
        /// When it was to end.
        before: Timestamp,
        /// When it ends now.
        ends_at: Timestamp,
        /// Names today's policy, which agreed.
        policy: String,
    },
    /// A cloud would not let access exist for longer: the grant ends when that cloud ends it.
    ExtensionFailed {
        /// The grant.
        about: Subject,
        /// What stood in the way.
        why: String,
        /// When it ends.
        ends_at: Timestamp,
    },
    /// The requester withdrew.
    RequestCancelled {
        /// The request.
        about: Subject,
    },
    /// Nobody decided in time.
    RequestLapsed {
        /// The request.
        about: Subject,
    },
    /// The cloud has confirmed the access.
    AccessLive {
        /// The grant.
        about: Subject,
        /// What was opened.
        resource: String,
        /// What the cloud called it; identifiers only.
        receipt: Receipt,
    },
    /// Every access is confirmed.
    GrantActive {
        /// The grant.
        about: Subject,
        /// Whose approvals counted.
        approvers: Vec<UserId>,
        /// When it ends.
        ends_at: Timestamp,
    },
    /// Credentials were minted and handed to the holder.
    CredentialsClaimed {
        /// The grant.
        about: Subject,
        /// What they open.
        resource: String,
        /// `ASIA…`: an identifier that the cloud's own trail shows too.
        access_key_id: String,
        /// In what form.
        purpose: Purpose,
        /// When they stop working.
        until: Timestamp,
    },
    /// Somebody tried something that is not theirs to do, or no longer possible.
    AttemptRefused {
        /// What it was about.
        about: Subject,
        /// What they tried.
        attempt: Attempt,
        /// Why it came to nothing.
        refusal: AttemptRefusal,
    },
    /// The end of a grant has begun.
    GrantEnding {
        /// The grant.
        about: Subject,
        /// Why.
        cause: EndCause,
    },
    /// The grant has the access no more.
    AccessRemoved {
        /// The grant.
        about: Subject,
        /// What was closed.
        resource: String,
        /// What the cloud was told; identifiers only.
        receipt: Receipt,
        /// The grant that covers it as well, so that the cloud was told nothing and it stays open.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        left_to: Option<Code>,
    },
    /// The grant is over and nothing of it is left.
    GrantEnded {
        /// The grant.
        about: Subject,
        /// Why.
        cause: EndCause,
    },
    /// A grant could not be given, and nothing of the attempt is left.
    GrantFailed {
        /// The grant.
        about: Subject,
        /// What stood in the way.
        why: String,
    },
    /// The cloud does not do what it should, again and again. Still being tried.
    AccessStuck {
        /// The grant.
        about: Subject,
        /// What it is about.
        resource: String,
        /// What is known.
        why: String,
    },
    /// Somebody answered the alarm about an access that is stuck.
    StuckLookedAt {
        /// The grant.
        about: Subject,
        /// Whether they say that they removed it by hand; the cloud is asked all the same.
        removed_by_hand: bool,
    },
    /// An access that was stuck is where it should be.
    AccessUnstuck {
        /// The grant.
        about: Subject,
        /// What it is about.
        resource: String,
    },
    /// The cloud and the grants did not agree.
    DriftFound {
        /// The grant, where it is about one.
        about: Option<Subject>,
        /// In what way.
        what: Drift,
        /// What it opens.
        resource: String,
        /// Who has it, where it is not one of our holders.
        principal: Option<String>,
    },
    /// Somebody is signed in to the API from now on.
    SessionBegun {
        /// On which machine, in its own words.
        machine: String,
        /// From which address.
        place: String,
        /// Until when.
        until: Timestamp,
        /// Where a pipeline comes from.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        origin: Option<Box<Origin>>,
    },
    /// A session was ended before its time.
    SessionEnded {
        /// On which machine.
        machine: String,
        /// Whether the machine itself signed out; otherwise it was revoked in Slack.
        signed_out: bool,
    },
    /// Somebody says that a login is not theirs, though they typed its code.
    LoginRefused {
        /// On which machine.
        machine: String,
        /// From which address.
        place: String,
    },
    /// Somebody has shown a proof that does not hold, or that is nobody's.
    ProofRefused {
        /// Why, as the API says it.
        because: String,
        /// What the proof said of itself. Nothing of it is known to be true.
        claimed: std::collections::BTreeMap<String, String>,
        /// From which address.
        place: String,
    },
    /// The bot runs under this policy from now on.
    PolicyLoaded {
        /// Names the policy.
        policy: String,
        /// How many roles it has.
        roles: usize,
    },
    /// A changed policy was refused as a whole; the one before stays in force.
    PolicyRefused {
        /// How many problems it has.
        problems: usize,
    },
}

/// In what way a cloud and the grants disagree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Drift {
    /// It is there without a live grant, and the bot made it: it is removed.
    Lingering,
    /// It is not there although a live grant covers it: it is given again.
    Missing,
    /// Somebody else gave it on something that the bot manages: it is only told.
    Foreign,
}

/// Identifiers that a cloud gave, for the trail.
pub type Receipt = std::collections::BTreeMap<String, String>;

impl Fact {
    /// The request or grant it is about, if it is about one.
    #[must_use]
    pub fn subject(&self) -> Option<&Subject> {
        match self {
            Self::RequestMade { about, .. }
            | Self::ReviewGiven { about, .. }
            | Self::RequestApproved { about, .. }
            | Self::RequestDenied { about, .. }
            | Self::GrantExtended { about, .. }
            | Self::ExtensionFailed { about, .. }
            | Self::RequestCancelled { about }
            | Self::RequestLapsed { about }
            | Self::AccessLive { about, .. }
            | Self::GrantActive { about, .. }
            | Self::CredentialsClaimed { about, .. }
            | Self::AttemptRefused { about, .. }
            | Self::GrantEnding { about, .. }
            | Self::AccessRemoved { about, .. }
            | Self::GrantEnded { about, .. }
            | Self::GrantFailed { about, .. }
            | Self::AccessStuck { about, .. }
            | Self::StuckLookedAt { about, .. }
            | Self::AccessUnstuck { about, .. } => Some(about),
            Self::DriftFound { about, .. } => about.as_ref(),
            Self::AskRefused { .. }
            | Self::SessionBegun { .. }
            | Self::SessionEnded { .. }
            | Self::LoginRefused { .. }
            | Self::ProofRefused { .. }
            | Self::PolicyLoaded { .. }
            | Self::PolicyRefused { .. } => None,
        }
    }
}
