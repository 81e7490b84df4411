//! A request: somebody's wish for a role, and how it ends.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    audit::Receipt,
    catalog::Target,
    ids::{Code, GrantId, RequestId, RoleName, UserId},
    plan::Plan,
    policy::{AskRefusal, Verdict},
    principal::Principal,
    session::Origin,
};

/// Somebody's wish for a role, for a duration, with a reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Its id.
    pub id: RequestId,
    /// Its short name, `REQ-…`.
    pub code: Code,
    /// Who asks.
    pub requester: Principal,
    /// For what.
    pub role: RoleName,
    /// Why, in the requester's words; may be empty.
    pub reason: String,
    /// When it was made.
    pub asked_at: Timestamp,
    /// From this moment on it can no longer be decided.
    pub decide_by: Timestamp,
    /// What the policy said when it was made.
    pub verdict: Verdict,
    /// The grant that is to end later; `None` for a request for a grant of its own.
    pub extends: Option<GrantId>,
    /// The plan that it is for, and no other.
    pub plan: Option<Plan>,
    /// Where the pipeline that asks comes from, as its proof said.
    pub origin: Option<Origin>,
    /// What it would open, once the clouds have been asked; `None` until then, and where nothing has to be asked.
    pub targets: Option<ResolvedTargets>,
    /// Where it stands.
    pub state: RequestState,
}

/// What a role's targets stand for, as the clouds said when the request was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResolvedTargets {
    /// The role's targets as they were configured then.
    pub configured: Vec<Target>,
    /// What they stand for: an organisational unit is its accounts.
    pub resolved: Vec<Target>,
    /// What the clouds said of each that stays as it is, in the same order; it need not be asked for again when the
    /// grant begins. Empty when they did not answer.
    #[serde(default)]
    pub receipts: Vec<Receipt>,
}

impl ResolvedTargets {
    /// What would be opened, each with what is known of it.
    pub fn each(&self) -> impl Iterator<Item = (&Target, Receipt)> {
        let receipts = self.receipts.iter().cloned().chain(std::iter::repeat_with(Receipt::new));
        self.resolved.iter().zip(receipts)
    }
}

impl Request {
    /// Whether a run of the pipeline that asked may use what was approved. People approve the run that they see on the card;
    /// where proofs name no run, any will do.
    #[must_use]
    pub fn is_for_run(&self, run: Option<&str>) -> bool {
        let approved = self.origin.as_ref().and_then(|origin| origin.run_id.as_deref());
        approved.is_none_or(|approved| run == Some(approved))
    }

    /// How long the access would last; for an extension, the grant's whole length.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.verdict.duration
    }
}

/// Where a request stands; a closed state carries how it came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestState {
    /// People are to decide.
    Awaiting,
    /// The quorum was reached.
    Approved {
        /// When.
        at: Timestamp,
        /// What came of it.
        grant: GrantId,
    },
    /// Somebody, or today's policy, said no.
    Denied {
        /// When.
        at: Timestamp,
        /// Who or what.
        by: Denier,
    },
    /// The requester withdrew it.
    Cancelled {
        /// When.
        at: Timestamp,
    },
    /// Nobody decided in time.
    Lapsed {
        /// When.
        at: Timestamp,
    },
}

/// Who said no.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Denier {
    /// A person who may decide.
    Person(UserId),
    /// The cloud: what was asked for cannot be opened for this person.
    Cloud(String),
    /// The policy as it is now, which no longer allows what it allowed when the request was made.
    Policy(AskRefusal),
}

/// What can happen to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestEvent {
    /// Enough people approved.
    QuorumReached {
        /// When.
        at: Timestamp,
        /// The grant that begins.
        grant: GrantId,
    },
    /// Somebody or something said no.
    Refused {
        /// When.
        at: Timestamp,
        /// Who or what.
        by: Denier,
    },
    /// The requester took it back.
    Withdrawn {
        /// When.
        at: Timestamp,
    },
    /// The time to decide is over.
    DeadlinePassed {
        /// When.
        at: Timestamp,
    },
}

/// Something happened to a request, a grant or an access that cannot happen in its state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{event} cannot happen to what is {state}")]
pub struct IllegalTransition {
    /// The state, in the design's words.
    pub state: &'static str,
    /// The event.
    pub event: &'static str,
}

impl RequestState {
    /// The transition table: only an awaiting request can be decided, and only once.
    ///
    /// # Errors
    /// When the request is closed already.
    pub fn apply(&self, event: RequestEvent) -> Result<Self, IllegalTransition> {
        match (self, event) {
            (Self::Awaiting, RequestEvent::QuorumReached { at, grant }) => Ok(Self::Approved { at, grant }),
            (Self::Awaiting, RequestEvent::Refused { at, by }) => Ok(Self::Denied { at, by }),
            (Self::Awaiting, RequestEvent::Withdrawn { at }) => Ok(Self::Cancelled { at }),
            (Self::Awaiting, RequestEvent::DeadlinePassed { at }) => Ok(Self::Lapsed { at }),
            (
                closed @ (Self::Approved { .. } | Self::Denied { .. } | Self::Cancelled { .. } | Self::Lapsed { .. }),
                event,
            ) => Err(IllegalTransition { state: closed.name(), event: event.name() }),
        }
    }

    /// The state's name in the store, the logs and the API.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Awaiting => "awaiting",
            Self::Approved { .. } => "approved",
            Self::Denied { .. } => "denied",
            Self::Cancelled { .. } => "cancelled",
            Self::Lapsed { .. } => "lapsed",
        }
    }
}

impl RequestEvent {
    fn name(&self) -> &'static str {
        match self {
            Self::QuorumReached { .. } => "an approval",
            Self::Refused { .. } => "a denial",
            Self::Withdrawn { .. } => "a withdrawal",
            Self::DeadlinePassed { .. } => "a deadline",
        }
    }
}
