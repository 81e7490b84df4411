//! Who may have what, decided by whom: from an ask to a verdict or a refusal, and from reviews to a decision.
//!
//! A verdict is computed once, when somebody asks, and frozen onto the request. When the last approval comes it is
//! computed again from today's catalog, and the stricter of the two counts.

use std::{collections::BTreeSet, num::NonZeroU8, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    catalog::{Catalog, Requesters, Role, Rule},
    ids::{RoleName, UserId},
    people::{Circle, Members},
    plan::Plan,
    principal::Principal,
    session::Origin,
    text::visible,
    time::seconds,
};

/// What somebody wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// Who asks.
    pub requester: Principal,
    /// The role as it was typed.
    pub role: RoleName,
    /// For how long; `None` means the role's default.
    pub duration: Option<Duration>,
    /// Why, in the requester's words; may be empty.
    pub reason: String,
    /// The plan that it is for.
    pub plan: Option<Plan>,
    /// Where the pipeline that asks comes from, as its proof said.
    pub origin: Option<Origin>,
}

/// What the policy says to an ask: who may decide, how many of them, and for how long the access would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The rule that fits, counted from 1.
    pub rule: usize,
    /// The longest request that rule covers, if it says so.
    pub up_to: Option<u64>,
    /// Whether that rule covers only plans that destroy nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub destroys_nothing: bool,
    /// How many different people must approve.
    pub quorum: NonZeroU8,
    /// Who may decide.
    pub approvers: Circle,
    /// Whether the requester counts as an approver.
    pub self_approval: bool,
    /// How long the access lasts, in seconds.
    #[serde(with = "seconds")]
    pub duration: Duration,
    /// How long the request may wait for its decision, in seconds.
    #[serde(with = "seconds")]
    pub approval_timeout: Duration,
    /// Names the policy this was read from.
    pub policy: String,
}

/// Why an ask goes no further; each variant has what a helpful answer needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "refusal", rename_all = "snake_case")]
pub enum AskRefusal {
    /// There is no such role.
    UnknownRole {
        /// What was typed.
        asked: RoleName,
        /// A role the requester may ask for whose name is close.
        did_you_mean: Option<RoleName>,
    },
    /// The role exists, and is for others.
    NotARequester {
        /// The role.
        role: RoleName,
    },
    /// The access would be longer than the role allows.
    TooLong {
        /// What was asked, in seconds.
        asked: u64,
        /// What is allowed, in seconds.
        max: u64,
    },
    /// The access would be shorter than the role allows.
    TooShort {
        /// What was asked, in seconds.
        asked: u64,
        /// What is allowed, in seconds.
        min: u64,
    },
    /// The role wants a reason.
    ReasonMissing,
    /// The role wants a ticket in the reason.
    TicketMissing {
        /// The pattern a ticket has.
        pattern: String,
    },
    /// No rule of the role covers the ask.
    NoRuleFits {
        /// What was asked, in seconds.
        asked: u64,
    },
    /// What the role opens is not what it was when the request was made.
    TargetsChanged,
    /// The grant that was to end later has ended.
    GrantOver,
    /// Too few people other than the requester may approve.
    TooFewApprovers {
        /// How many are needed.
        needed: u8,
        /// How many there are.
        able: usize,
    },
    /// The requester has as many open requests as one may have.
    TooManyPending {
        /// The limit.
        limit: u32,
    },
    /// The requester has asked as often as one may within an hour.
    TooManyThisHour {
        /// The limit.
        limit: u32,
    },
}

/// Says what the policy says to `ask`, or why it goes no further.
///
/// # Errors
/// With the first rule that stands in the way.
pub fn verdict(catalog: &Catalog, ask: &Ask, members: &Members) -> Result<Verdict, AskRefusal> {
    let role = find_role(catalog, ask, members)?;
    let duration = ask.duration.unwrap_or(role.default_duration);
    check_duration(role, duration)?;
    check_reason(role, &ask.reason)?;
    let (place, rule) = role
        .rules
        .iter()
        .enumerate()
        .find(|(_, rule)| rule.fits(duration, ask.plan.as_ref()))
        .ok_or(AskRefusal::NoRuleFits { asked: duration.as_secs() })?;
    check_quorum(rule, &ask.requester, members)?;
    Ok(Verdict {
        rule: place + 1,
        up_to: rule.up_to.map(|limit| limit.as_secs()),
        destroys_nothing: rule.destroys_nothing,
        quorum: rule.approvals,
        approvers: rule.approvers.clone(),
        self_approval: rule.self_approval,
        duration,
        approval_timeout: role.approval_timeout,
        policy: catalog.digest.clone(),
    })
}

impl Rule {
    /// Whether it is the rule for a request of this length, for this plan. Without a plan nobody knows what is destroyed.
    #[must_use]
    pub fn fits(&self, duration: Duration, plan: Option<&Plan>) -> bool {
        self.up_to.is_none_or(|limit| duration <= limit)
            && (!self.destroys_nothing || plan.is_some_and(|plan| !plan.destroys()))
    }
}

/// Whether a person or pipeline may ask for the role at all. What is open to everybody is open to every person; a
/// pipeline may ask for the roles it is given and no others.
#[must_use]
pub fn may_ask(catalog: &Catalog, role: &Role, who: &Principal, members: &Members) -> bool {
    match (who, &role.requesters) {
        (Principal::Person(_), Requesters::Everybody) => true,
        (Principal::Person(person), Requesters::Only(circle)) => circle.contains(person, members),
        (Principal::Workload(name), _) => {
            catalog.workloads.get(name).is_some_and(|workload| workload.roles.contains(&role.name))
        }
    }
}

fn find_role<'a>(catalog: &'a Catalog, ask: &Ask, members: &Members) -> Result<&'a Role, AskRefusal> {
    let Some(role) = catalog.role(&ask.role) else {
        let open_to_them = catalog.roles.values().filter(|role| may_ask(catalog, role, &ask.requester, members));
        let did_you_mean = closest(&ask.role, open_to_them.map(|role| &role.name));
        return Err(AskRefusal::UnknownRole { asked: ask.role.clone(), did_you_mean });
    };
    if may_ask(catalog, role, &ask.requester, members) {
        Ok(role)
    } else {
        Err(AskRefusal::NotARequester { role: role.name.clone() })
    }
}

fn closest<'a>(typed: &RoleName, names: impl Iterator<Item = &'a RoleName>) -> Option<RoleName> {
    // Names that differ this much in length cannot be close; telling so spares the comparison with a very long text.
    let reach = |name: &RoleName| name.as_str().len().max(3) / 3;
    names
        .filter(|name| name.as_str().len().abs_diff(typed.as_str().len()) <= reach(name))
        .map(|name| (strsim::damerau_levenshtein(typed.as_str(), name.as_str()), name))
        .filter(|(distance, name)| *distance <= reach(name))
        .min()
        .map(|(_, name)| name.clone())
}

fn check_duration(role: &Role, duration: Duration) -> Result<(), AskRefusal> {
    let asked = duration.as_secs();
    if duration > role.max_duration {
        Err(AskRefusal::TooLong { asked, max: role.max_duration.as_secs() })
    } else if duration < role.min_duration {
        Err(AskRefusal::TooShort { asked, min: role.min_duration.as_secs() })
    } else {
        Ok(())
    }
}

fn check_reason(role: &Role, reason: &str) -> Result<(), AskRefusal> {
    if let Some(ticket) = &role.ticket
        && !has_ticket(ticket, reason)
    {
        return Err(AskRefusal::TicketMissing { pattern: ticket.as_str().to_owned() });
    }
    if role.reason_required && visible(reason).trim().is_empty() {
        return Err(AskRefusal::ReasonMissing);
    }
    Ok(())
}

fn has_ticket(ticket: &regex::Regex, reason: &str) -> bool {
    ticket_in(ticket, reason).is_some()
}

/// The ticket that a reason names: one word of it, without the punctuation around it, or what matches in the whole.
#[must_use]
pub fn ticket_in<'r>(ticket: &regex::Regex, reason: &'r str) -> Option<&'r str> {
    let bare = |word: &'r str| word.trim_matches(|letter: char| !letter.is_alphanumeric());
    let words = || reason.split_whitespace();
    let one = words().map(bare).chain(words()).find(|word| ticket.is_match(word));
    one.or_else(|| ticket.find(reason).map(|found| found.as_str()))
}

fn check_quorum(rule: &Rule, requester: &Principal, members: &Members) -> Result<(), AskRefusal> {
    let Some(mut able) = rule.approvers.everybody(members) else {
        return Ok(());
    };
    if !rule.self_approval
        && let Some(requester) = requester.person()
    {
        able.remove(requester);
    }
    if able.len() < usize::from(rule.approvals.get()) {
        return Err(AskRefusal::TooFewApprovers { needed: rule.approvals.get(), able: able.len() });
    }
    Ok(())
}

/// Why somebody's click on Approve or Deny does not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "refusal", rename_all = "snake_case")]
pub enum ReviewRefusal {
    /// The rule does not name them.
    NotAnApprover {
        /// Who may decide.
        approvers: Circle,
    },
    /// It is their own request.
    OwnRequest,
    /// They have approved already.
    AlreadyApproved,
    /// The request is decided, withdrawn or lapsed.
    NotAwaiting,
}

impl Verdict {
    /// Whether `person` may approve or deny what `requester` asked.
    ///
    /// # Errors
    /// With the rule that forbids it.
    pub fn may_review(&self, person: &UserId, requester: &Principal, members: &Members) -> Result<(), ReviewRefusal> {
        if requester.is(person) && !self.self_approval {
            return Err(ReviewRefusal::OwnRequest);
        }
        if !self.approvers.contains(person, members) {
            return Err(ReviewRefusal::NotAnApprover { approvers: self.approvers.clone() });
        }
        Ok(())
    }

    /// The stricter of the frozen verdict and today's: whoever counts must be named by both, and both quorums hold.
    #[must_use]
    pub fn tally(&self, today: &Self, requester: &Principal, approvals: &BTreeSet<UserId>, members: &Members) -> Tally {
        let counts = |person: &&UserId| {
            [self, today].iter().all(|verdict| verdict.may_review(person, requester, members).is_ok())
        };
        let given: BTreeSet<UserId> = approvals.iter().filter(counts).cloned().collect();
        Tally { given, needed: self.quorum.max(today.quorum) }
    }
}

/// How far a request is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// Whose approvals count.
    pub given: BTreeSet<UserId>,
    /// How many must count.
    pub needed: NonZeroU8,
}

impl Tally {
    /// Whether enough people have approved.
    #[must_use]
    pub fn complete(&self) -> bool {
        self.given.len() >= usize::from(self.needed.get())
    }
}
