//! Every word that people read in Slack.
//!
//! A view is a function from what is known to a message. Somebody's own words always pass through [`words`], which
//! takes from them the power to ping anybody or to pass for ours.

pub mod alarm;
pub mod answer;
pub mod card;
pub mod draft;
mod extension;
pub mod feed;
pub mod holder;
pub mod refusal;
pub mod words;

use std::collections::BTreeSet;

use crate::domain::{
    access::Access,
    aws::Caveat,
    catalog::{EarlyEnd, Nature, Target},
    grant::Grant,
    ids::UserId,
    request::Request,
};

/// A request and what came of it.
#[derive(Debug, Clone)]
pub struct Story {
    /// The request.
    pub request: Request,
    /// Everybody who approved it.
    pub approvals: BTreeSet<UserId>,
    /// The grant it became.
    pub grant: Option<Grant>,
    /// The grant's accesses, in the order of the role's targets.
    pub accesses: Vec<Access>,
}

impl Story {
    /// What people should know about how the accesses end, each thing once.
    fn caveats(&self) -> BTreeSet<Caveat> {
        let resolved = self.request.targets.iter().flat_map(|targets| &targets.resolved);
        let opened = self.accesses.iter().map(|access| &access.target);
        resolved.chain(opened).filter_map(Target::caveat).collect()
    }

    /// What stands in the way of the accesses just now, in words for people.
    fn notes(&self) -> Vec<&str> {
        self.accesses.iter().filter_map(|access| access.note.as_deref()).collect()
    }

    /// What an early end means, for whoever is about to bring it about.
    fn end_question(&self) -> &'static str {
        let lets_sessions_run = self.accesses.iter().any(|access| match &access.target {
            Target::AwsSts(sts) => sts.early_end == EarlyEnd::None,
            Target::AwsIdentityCenter(_) | Target::AwsIamPolicy(_) | Target::AwsIamGroup(_) | Target::Demo(_) => false,
        });
        let mints = self.accesses.iter().any(|access| access.target.nature() == Nature::Session);
        if !mints {
            "The access ends now."
        } else if lets_sessions_run {
            "Nothing can be claimed any more. Credentials that were claimed work on until the planned end."
        } else {
            "The access ends now, and sessions that are running are cut off."
        }
    }
}
