//! A grant: an approved request, from its start to its end.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    ids::{Code, GrantId, RequestId, RoleName, UserId},
    principal::Principal,
    request::IllegalTransition,
};

/// A process that uses a grant and has said so once must be heard of this often: when it is not, the grant ends.
pub const HEARTBEAT: SignedDuration = SignedDuration::from_mins(2);

/// The holder has the role from `starts_at` to `ends_at`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Its id; AWS sessions carry it as the tag `JitGrantId`.
    pub id: GrantId,
    /// The request that was approved.
    pub request: RequestId,
    /// Its short name, `GRANT-…`: the request's code.
    pub code: Code,
    /// Who has it.
    pub holder: Principal,
    /// What they have.
    pub role: RoleName,
    /// Why, in the requester's words; may be empty.
    pub reason: String,
    /// Whose approvals counted.
    pub approvers: Vec<UserId>,
    /// When it was approved.
    pub starts_at: Timestamp,
    /// From this moment on it is no more, whatever else happens; a whole second.
    pub ends_at: Timestamp,
    /// Where it stands.
    pub state: GrantState,
}

impl Grant {
    /// Whether the holder is to have access at `now`.
    #[must_use]
    pub fn covers(&self, now: Timestamp) -> bool {
        match self.state {
            GrantState::Applying | GrantState::Active { .. } => now < self.ends_at,
            GrantState::Ending { .. } | GrantState::Ended { .. } | GrantState::Failed { .. } => false,
        }
    }

    /// How long it is from its start to its end, in whole seconds.
    #[must_use]
    pub fn length(&self) -> Duration {
        Duration::from_secs(u64::try_from(self.ends_at.as_second() - self.starts_at.as_second()).unwrap_or(0))
    }

    /// When it ends if it is this long. Clouds keep whole seconds: the last one that is not later than was approved.
    #[must_use]
    pub fn end_after(&self, length: Duration) -> Timestamp {
        end_of(self.starts_at, length)
    }
}

/// When a grant ends that starts now and is this long: on a whole second, because clouds keep no others.
#[must_use]
pub fn end_of(start: Timestamp, length: Duration) -> Timestamp {
    let whole = start - SignedDuration::from_nanos(i64::from(start.subsec_nanosecond()));
    whole + length
}

/// Where a grant stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GrantState {
    /// The clouds are being asked.
    Applying,
    /// Every access is confirmed.
    Active {
        /// When the last one was confirmed.
        since: Timestamp,
    },
    /// What was opened is being closed.
    Ending {
        /// Since when.
        since: Timestamp,
        /// Why.
        cause: EndCause,
    },
    /// It was, and is no more.
    Ended {
        /// When the last access was gone.
        at: Timestamp,
        /// Why.
        cause: EndCause,
    },
    /// It never came to be, and nothing is left of the attempt.
    Failed {
        /// When the last trace was gone.
        at: Timestamp,
        /// What stood in the way and what an operator must mend.
        why: String,
    },
}

/// Why a grant ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "cause", rename_all = "snake_case")]
pub enum EndCause {
    /// Its time was over.
    Expired,
    /// The holder gave it back.
    GivenBack,
    /// Somebody who may decide on it took it back.
    Revoked {
        /// Who.
        by: UserId,
    },
    /// The process that used it was not heard of any more.
    HeartbeatLost {
        /// When it was heard of last.
        last: Timestamp,
    },
    /// A target could not be opened.
    NotGrantable {
        /// What stood in the way and what an operator must mend.
        why: String,
    },
}

impl EndCause {
    /// Whether running sessions have to be cut off: their own policy stops them at the planned end, not before.
    #[must_use]
    pub fn is_early(&self) -> bool {
        match self {
            Self::Expired => false,
            Self::GivenBack | Self::Revoked { .. } | Self::HeartbeatLost { .. } | Self::NotGrantable { .. } => true,
        }
    }
}

/// What can happen to a grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GrantEvent {
    /// The last access was confirmed.
    AllLive {
        /// When.
        at: Timestamp,
    },
    /// It is over, or is to be.
    EndCalled {
        /// When.
        at: Timestamp,
        /// Why.
        cause: EndCause,
    },
    /// The last access is gone.
    AllGone {
        /// When.
        at: Timestamp,
    },
}

impl GrantState {
    /// The transition table. Every pair is named: a new state or event must say what it does everywhere.
    ///
    /// # Errors
    /// When the event cannot happen in this state.
    pub fn apply(&self, event: GrantEvent) -> Result<Self, IllegalTransition> {
        match (self, event) {
            (Self::Applying, GrantEvent::AllLive { at }) => Ok(Self::Active { since: at }),
            (Self::Applying | Self::Active { .. }, GrantEvent::EndCalled { at, cause }) => {
                Ok(Self::Ending { since: at, cause })
            }
            (Self::Ending { cause: EndCause::NotGrantable { why }, .. }, GrantEvent::AllGone { at }) => {
                Ok(Self::Failed { at, why: why.clone() })
            }
            (Self::Ending { cause, .. }, GrantEvent::AllGone { at }) => Ok(Self::Ended { at, cause: cause.clone() }),
            (state @ (Self::Active { .. } | Self::Ending { .. }), GrantEvent::AllLive { .. }) => {
                Err(state.forbids("a confirmation"))
            }
            (state @ Self::Ending { .. }, GrantEvent::EndCalled { .. }) => Err(state.forbids("an end")),
            (state @ (Self::Applying | Self::Active { .. }), GrantEvent::AllGone { .. }) => {
                Err(state.forbids("the loss of all access"))
            }
            (state @ (Self::Ended { .. } | Self::Failed { .. }), _event) => Err(state.forbids("anything")),
        }
    }

    fn forbids(&self, event: &'static str) -> IllegalTransition {
        IllegalTransition { state: self.name(), event }
    }

    /// The state's name in the store, the logs and the API.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Applying => "applying",
            Self::Active { .. } => "active",
            Self::Ending { .. } => "ending",
            Self::Ended { .. } => "ended",
            Self::Failed { .. } => "failed",
        }
    }
}
