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
pub mod form;
pub mod holder;
pub mod login;
mod pipeline;
pub mod refusal;
pub mod words;

use std::{collections::BTreeSet, time::Duration};

use crate::domain::{
    access::Access,
    aws::Caveat,
    catalog::{EarlyEnd, Nature, Target},
    grant::Grant,
    ids::UserId,
    request::{Request, ResolvedTargets},
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
        let run_on = self.sessions_run_on().map(|up_to| Caveat::SessionsRunOn { up_to });
        resolved.chain(opened).filter_map(Target::caveat).chain(run_on).collect()
    }

    /// For how long sessions may run on after the end, going by what the clouds have said so far.
    fn sessions_run_on(&self) -> Option<Duration> {
        let opened = self.accesses.iter().filter_map(|access| access.target.sessions_run_on(&access.receipt)).max();
        let targets = self.request.targets.iter().filter(|_| self.accesses.is_empty());
        let asked_for = targets.flat_map(ResolvedTargets::each);
        opened.or(asked_for.filter_map(|(target, receipt)| target.sessions_run_on(&receipt)).max())
    }

    /// What stands in the way of the accesses just now, in words for people.
    fn notes(&self) -> Vec<&str> {
        self.accesses.iter().filter_map(|access| access.note.as_deref()).collect()
    }

    /// The grants that keep open what this one had, by name.
    fn left_to(&self) -> BTreeSet<&str> {
        self.accesses.iter().filter_map(Access::left_to).collect()
    }

    /// What an early end means, for whoever is about to bring it about. It is true whatever else they hold by then.
    fn end_question(&self) -> String {
        let now = match self.accesses.iter().map(|access| running(&access.target)).max() {
            None | Some(Running::Nothing) => "The access ends now.",
            Some(Running::CutOff) => "The access ends now, and sessions that are running are cut off.",
            Some(Running::UntilPlannedEnd) => {
                "Nothing can be claimed any more. Credentials that were claimed work on until the planned end."
            }
        };
        let may_be_shared = self.accesses.iter().any(|access| access.target.nature() == Nature::Assignment);
        let shared = if may_be_shared { words::UNLESS_COVERED } else { "" };
        let then = self.sessions_run_on().map(|up_to| format!(" {}", words::sessions_run_on(up_to)));
        format!("{now}{shared}{}", then.unwrap_or_default())
    }
}

/// What an early end does to sessions that are running, the kindest to them last.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Running {
    Nothing,
    CutOff,
    UntilPlannedEnd,
}

fn running(target: &Target) -> Running {
    match target {
        Target::AwsSts(sts) if sts.early_end == EarlyEnd::None => Running::UntilPlannedEnd,
        Target::AwsIdentityCenter(assignment) if !assignment.cut_off_sessions => Running::Nothing,
        Target::AwsSts(_) | Target::AwsIdentityCenter(_) => Running::CutOff,
        Target::AwsIamPolicy(_)
        | Target::AwsIamGroup(_)
        | Target::AzureRole(_)
        | Target::EntraRole(_)
        | Target::EntraGroup(_)
        | Target::Demo(_) => Running::Nothing,
    }
}
