//! The verbs. Each changes state, adds the audit event and enqueues what follows from it, in the one transaction it is
//! given; none calls a cloud or Slack.
//!
//! A refusal is a value, because people are told about it and the trail records it. An error means that nothing was kept.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::{
    ambient::Entropy,
    domain::{catalog::Catalog, people::Members},
    store::{StoreError, Tx},
};

pub mod approve;
pub mod cancel;
pub mod claim;
pub mod deny;
pub mod end;
pub mod extend;
pub mod heartbeat;
pub mod lapse;
pub mod list;
pub mod login;
pub mod policy_change;
pub mod request;
pub mod review;
pub mod run;
pub mod session;
pub mod settle;
pub mod sighting;
pub mod status;
pub mod stuck;

/// What the world is like while a verb runs.
#[derive(Debug, Clone)]
pub struct Env {
    /// Today's policy.
    pub catalog: Arc<Catalog>,
    /// The present moment.
    pub now: Timestamp,
    /// Where ids and tokens come from.
    pub entropy: Arc<dyn Entropy>,
}

/// When a user group's members are worth asking Slack for again.
pub const MEMBERS_FRESH: SignedDuration = SignedDuration::from_mins(5);
/// How old an answer may be that still counts while Slack cannot be asked. Older ones give nobody any right.
pub const MEMBERS_USABLE: SignedDuration = SignedDuration::from_hours(1);

impl Env {
    /// Who is in which user group, as far as it may be relied on.
    async fn members(&self, tx: &mut Tx) -> Result<Members, StoreError> {
        tx.members(self.now - MEMBERS_USABLE).await
    }
}
