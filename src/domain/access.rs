//! An access: one target of one grant, and the key under which the cloud knows it.

use std::{fmt, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    audit::Receipt,
    catalog::{Nature, ProviderName, Target},
    ids::{AccessId, GrantId},
    principal::Principal,
    request::IllegalTransition,
};

/// What `reconcile` works on: it should exist in the cloud exactly while some live grant covers it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AccessKey {
    /// Which room of `provider` looks after it.
    pub provider: ProviderName,
    /// Who has it, as the cloud names them.
    pub principal: String,
    /// What it opens, as the cloud names it.
    pub resource: String,
}

impl AccessKey {
    /// The key of this target for this holder.
    ///
    /// An assignment belongs to the person, so overlapping grants share it; a membership of an IAM group belongs to the
    /// user that the target names, whoever asks. A session belongs to its grant: the cloud
    /// tells sessions apart by the grant's id, so each grant has a key of its own and none can cut another one off.
    #[must_use]
    pub fn of(target: &Target, holder: &Principal, grant: GrantId) -> Self {
        let principal = match target.nature() {
            Nature::Assignment => target.principal().map_or_else(|| holder.to_string(), str::to_owned),
            Nature::PerGrant | Nature::Session => grant.to_string(),
        };
        Self { provider: target.provider(), principal, resource: target.resource().to_owned() }
    }
}

impl fmt::Display for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}|{}|{}", self.provider.as_str(), self.principal, self.resource)
    }
}

/// No session is ever asked for longer than this: what a role that was reached through another role allows, and short
/// enough that cutting one off is rarely needed.
pub const LONGEST_SESSION: Duration = Duration::from_hours(1);

/// One target of one grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// Its id.
    pub id: AccessId,
    /// The grant it belongs to.
    pub grant: GrantId,
    /// Which of the role's targets, from 0.
    pub position: u16,
    /// The key the cloud knows it by.
    pub key: AccessKey,
    /// What it opens, frozen when the grant began.
    pub target: Target,
    /// Where it stands.
    pub state: AccessState,
    /// Identifiers that the provider noted: for the trail, and for its own next step.
    pub receipt: Receipt,
    /// When the last claimed session expires by itself; written before the session is minted.
    pub sessions_until: Option<Timestamp>,
    /// When the provider has to be called once more, to remove what it left behind itself.
    pub tidy_at: Option<Timestamp>,
    /// Until when the cloud was last told to let it exist; `None` before it was confirmed for the first time.
    pub until: Option<Timestamp>,
    /// Why it is not where it should be yet, in words for people.
    pub note: Option<String>,
    /// Since when it counts as stuck: still retried, and people should look.
    pub stuck_since: Option<Timestamp>,
}

/// Under which key a receipt says when access was found to be there again that had been gone.
pub const FOUND_AGAIN_AT: &str = "found_again_at";
/// Under which key a receipt says who the holder is in a cloud, where that is not what the access key says.
pub const FOUND_AS: &str = "user_id";
/// Under which key a receipt names the grant that kept access open when its own was over.
pub const LEFT_TO: &str = "left_to";

impl Access {
    /// By which name a cloud's own lists show who has it. The store has an index of it, by the same rule.
    #[must_use]
    pub fn found_as(&self) -> &str {
        self.receipt.get(FOUND_AS).unwrap_or(&self.key.principal)
    }

    /// The grant that kept it open when its own was over: the cloud noticed nothing of that end.
    #[must_use]
    pub fn left_to(&self) -> Option<&str> {
        self.receipt.get(LEFT_TO).map(String::as_str).filter(|_| self.state == AccessState::Gone)
    }

    /// When it was found to be there again although it had been gone.
    #[must_use]
    pub fn found_again_at(&self) -> Option<Timestamp> {
        self.receipt.get(FOUND_AGAIN_AT)?.parse().ok()
    }
}

/// Where an access stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessState {
    /// Owed by the grant; the cloud has not been asked.
    Wanted,
    /// The cloud is being asked.
    Applying,
    /// The cloud has confirmed it.
    Live,
    /// To be taken away; the cloud has not confirmed that yet.
    Removing,
    /// The cloud has it no more.
    Gone,
}

/// What can happen to an access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessEvent {
    /// The cloud is about to be asked for it.
    ApplyBegun,
    /// The cloud has confirmed it.
    Confirmed,
    /// No live grant covers it any more.
    NotCovered,
    /// The cloud has confirmed that it is gone.
    Removed,
    /// It was confirmed, and the cloud no longer has it.
    Lost,
    /// It was gone, and the cloud has it again.
    Reappeared,
}

impl AccessState {
    /// Every one there is.
    pub const ALL: [Self; 5] = [Self::Wanted, Self::Applying, Self::Live, Self::Removing, Self::Gone];

    /// The transition table. Repeating a step is not an error: every step may be tried again after a crash.
    ///
    /// # Errors
    /// When the event cannot happen in this state.
    pub fn apply(self, event: AccessEvent) -> Result<Self, IllegalTransition> {
        match (self, event) {
            // what is being removed is wanted again when its grant is prolonged at the last moment
            (Self::Wanted | Self::Applying | Self::Removing, AccessEvent::ApplyBegun)
            | (Self::Live, AccessEvent::Lost) => Ok(Self::Applying),
            (Self::Applying | Self::Live, AccessEvent::Confirmed) => Ok(Self::Live),
            (Self::Wanted | Self::Applying | Self::Live | Self::Removing, AccessEvent::NotCovered) => {
                Ok(Self::Removing)
            }
            (Self::Removing | Self::Gone, AccessEvent::Removed) => Ok(Self::Gone),
            (Self::Gone, AccessEvent::Reappeared) => Ok(Self::Removing),
            (Self::Wanted | Self::Applying | Self::Removing | Self::Gone, AccessEvent::Lost) => {
                Err(self.forbids("a loss"))
            }
            (Self::Wanted | Self::Applying | Self::Live | Self::Removing, AccessEvent::Reappeared) => {
                Err(self.forbids("a reappearance"))
            }
            (Self::Live | Self::Gone, AccessEvent::ApplyBegun) => Err(self.forbids("an apply")),
            (Self::Wanted | Self::Removing | Self::Gone, AccessEvent::Confirmed) => Err(self.forbids("a confirmation")),
            (Self::Gone, AccessEvent::NotCovered) => Err(self.forbids("a removal")),
            (Self::Wanted | Self::Applying | Self::Live, AccessEvent::Removed) => Err(self.forbids("a confirmed end")),
        }
    }

    fn forbids(self, event: &'static str) -> IllegalTransition {
        IllegalTransition { state: self.name(), event }
    }

    /// The state's name in the store, the logs and the API.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Wanted => "wanted",
            Self::Applying => "applying",
            Self::Live => "live",
            Self::Removing => "removing",
            Self::Gone => "gone",
        }
    }

    /// Reads a name back.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}
