//! The audit feed: one line for each event, several of them in one message when the channel is behind.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    card::{denier, objection},
    refusal, words,
};
use crate::{
    domain::{
        audit::{Attempt, AttemptRefusal, Drift, Event, Fact, Purpose, Subject},
        grant::EndCause,
        plan::Plan,
        policy::ReviewRefusal,
        session::Origin,
        time,
    },
    slack::message::{MAX_SECTION, Message, section, shortened},
};

/// How many events one message tells at most: each is a block of its own.
pub const MOST: u32 = 45;
/// Characters of all lines together, so that `text` can repeat them for screen readers.
const ROOM: usize = 3_900;

/// Tells as many of `events` as one message holds, in their order; answers with the place of the last one told.
#[must_use]
pub fn feed(events: &[Event]) -> Option<(Message, i64)> {
    let mut lines: Vec<String> = Vec::new();
    let mut told = None;
    let mut used = 0;
    for event in events {
        let line = line(event);
        used += line.chars().count() + 1;
        if used > ROOM && told.is_some() {
            break;
        }
        lines.push(line);
        told = Some(event.seq);
    }
    let message = Message { text: lines.join("\n"), blocks: lines.iter().map(|line| section(line)).collect() };
    told.map(|seq| (message, seq))
}

/// One event as one line, with its place in the trail and the beginning of its hash.
#[must_use]
pub fn line(event: &Event) -> String {
    let at = Timestamp::from_microsecond(event.at).map(words::moment).unwrap_or_default();
    let what = match serde_json::from_str::<Fact>(&event.fact) {
        Ok(fact) => fact_words(&fact, &actor(&event.actor)),
        // Written by a later version: what it is can still be told.
        Err(_) => format!("{} by {}", words::quoted(&event.kind), actor(&event.actor)),
    };
    let seal: String = event.hash.chars().take(8).collect();
    let end = format!(" · #{} {seal}", event.seq);
    shortened(&format!("{at} {what}"), MAX_SECTION - end.chars().count()) + &end
}

fn actor(name: &str) -> String {
    match name {
        "jit" | "operator" => name.to_owned(),
        who => words::principal(&who.into()),
    }
}

#[expect(clippy::too_many_lines, reason = "a table: one entry for each kind of event")]
fn fact_words(fact: &Fact, actor: &str) -> String {
    match fact {
        Fact::RequestMade { about, rule, quorum, decide_by, plan, origin, .. } => format!(
            "{} *requested*: {}{}{} · rule {rule}: {} needed, to be decided by {}",
            request_name(about),
            wish(about),
            origin.as_deref().map(from).unwrap_or_default(),
            plan.as_deref().map(for_plan).unwrap_or_default(),
            words::approvals(*quorum),
            words::moment(*decide_by)
        ),
        Fact::AskRefused { role, reason, refusal } => format!(
            "*refused* to ask for {}: {actor}{} · {}",
            words::quoted(role.as_str()),
            why(reason),
            refusal::ask(refusal, "/jit")
        ),
        Fact::ReviewGiven { about, given, needed } => {
            format!("{} *approved by* {actor}, {given} of {needed}: {}", request_name(about), wish(about))
        }
        Fact::RequestApproved { about, approvers, ends_at, .. } => format!(
            "{} *granted* by {}{} until {}: {}",
            request_name(about),
            words::people(approvers),
            if approvers.len() > 1 { format!(" ({actor} was the last)") } else { String::new() },
            words::moment(*ends_at),
            wish(about)
        ),
        Fact::GrantExtended { about, approvers, before, ends_at, .. } => format!(
            "{} *extended* by {}{} until {}, instead of {}: {}",
            request_name(about),
            words::people(approvers),
            if approvers.len() > 1 { format!(" ({actor} was the last)") } else { String::new() },
            words::moment(*ends_at),
            words::moment(*before),
            wish(about)
        ),
        Fact::ExtensionFailed { about, why, ends_at } => format!(
            "{} *could not be extended* and ends {}: {} · {}",
            grant_name(about),
            words::moment(*ends_at),
            words::escape(why),
            wish(about)
        ),
        Fact::RequestDenied { about, by } => {
            format!("{} *denied* {}: {}{}", request_name(about), denier(by), wish(about), objection(by, " · "))
        }
        Fact::RequestCancelled { about } => {
            format!("{} *withdrawn* by {actor}: {}", request_name(about), wish(about))
        }
        Fact::RequestLapsed { about } => {
            format!("{} *lapsed*, nobody decided: {}", request_name(about), wish(about))
        }
        Fact::AccessLive { about, resource, .. } => {
            format!("{} *opened* {}: {}", grant_name(about), words::quoted(resource), holder(about))
        }
        Fact::GrantActive { about, approvers, ends_at } => format!(
            "{} *live* until {}: {} · approved by {}",
            grant_name(about),
            words::moment(*ends_at),
            wish(about),
            words::people(approvers)
        ),
        Fact::CredentialsClaimed { about, resource, access_key_id, purpose, until } => format!(
            "{} *credentials claimed* by {actor} {}: {} on {}, until {}",
            grant_name(about),
            match purpose {
                Purpose::Shell => "to use in a shell",
                Purpose::Console => "to open the console",
                Purpose::Program => "for a program",
            },
            words::quoted(access_key_id),
            words::quoted(resource),
            words::moment(*until)
        ),
        Fact::AttemptRefused { about, attempt, refusal } => format!(
            "{} *refused* {actor}, who tried to {}: {} · {}",
            if about.grant.is_some() { grant_name(about) } else { request_name(about) },
            attempt_words(*attempt),
            attempt_refusal(refusal),
            wish(about)
        ),
        Fact::GrantEnding { about, cause } => {
            format!("{} *ending*: {} · {}", grant_name(about), cause_words(about, cause), wish(about))
        }
        Fact::AccessRemoved { about, resource, left_to: None, .. } => {
            format!("{} *closed* {}: {}", grant_name(about), words::quoted(resource), holder(about))
        }
        Fact::AccessRemoved { about, resource, left_to: Some(other), .. } => format!(
            "{} *no longer needs* {}, which stays open for *{}*: {}",
            grant_name(about),
            words::quoted(resource),
            other.grant(),
            holder(about)
        ),
        Fact::GrantEnded { about, cause } => {
            format!("{} *ended*: {} · {}", grant_name(about), cause_words(about, cause), wish(about))
        }
        Fact::GrantFailed { about, why } => {
            format!("{} *could not be granted*: {} · {}", grant_name(about), words::escape(why), wish(about))
        }
        Fact::AccessStuck { about, resource, why } => format!(
            "{} *stuck*, still being tried: {} · {} · {}",
            grant_name(about),
            words::quoted(resource),
            words::escape(why),
            wish(about)
        ),
        Fact::StuckLookedAt { about, removed_by_hand: true } => {
            format!("{} *removed by hand*, says {actor}; the cloud is asked: {}", grant_name(about), holder(about))
        }
        Fact::StuckLookedAt { about, removed_by_hand: false } => {
            format!("{} *tried again* for {actor}: {}", grant_name(about), holder(about))
        }
        Fact::AccessUnstuck { about, resource } => {
            format!("{} *no longer stuck* on {}: {}", grant_name(about), words::quoted(resource), holder(about))
        }
        Fact::DriftFound { about, what, resource, principal } => {
            let what = match what {
                Drift::Lingering => "*drift*: there without a live grant, being removed",
                Drift::Missing => "*drift*: granted and not there, being given again",
                Drift::Foreign => "*standing access* given by somebody else, left alone",
            };
            let whose = about.as_ref().map(|about| format!("{} {}", grant_name(about), holder(about)));
            let whose = whose.or_else(|| principal.as_deref().map(words::quoted)).unwrap_or_default();
            format!("{what}: {} · {whose}", words::quoted(resource))
        }
        Fact::SessionBegun { machine, place, until, origin } => format!(
            "*signed in*: {actor} on {} from {}, until {}{}",
            words::quoted(machine),
            words::quoted(place),
            words::moment(*until),
            origin.as_deref().map(from).unwrap_or_default()
        ),
        Fact::SessionEnded { machine, signed_out } => {
            let how = if *signed_out { "signed out" } else { "session revoked" };
            format!("*{how}*: {actor} on {}", words::quoted(machine))
        }
        Fact::LoginRefused { machine, place } => format!(
            "*login refused*: {actor} typed the code of {} at {} and says that it is not theirs",
            words::quoted(machine),
            words::quoted(place)
        ),
        Fact::ProofRefused { because, claimed, place } => {
            let claimed: Vec<String> = claimed.iter().map(|(name, value)| format!("{name}={value}")).collect();
            format!(
                "*proof refused*: {} from {}; it said of itself {}",
                words::quoted(because),
                words::quoted(place),
                words::quoted(&claimed.join(" "))
            )
        }
        Fact::PolicyLoaded { policy, roles } => {
            let roles = words::counted(*roles as u64, "role", "roles");
            format!("*policy in force*: {}, {roles}", words::quoted(&short(policy)))
        }
        Fact::PolicyRefused { problems } => {
            let problems = words::counted(*problems as u64, "problem", "problems");
            format!("*changed policy refused*, {problems}; the one before stays in force")
        }
    }
}

fn short(digest: &str) -> String {
    digest.chars().take(12).collect()
}

fn request_name(about: &Subject) -> String {
    format!("*{}*", about.code.request())
}

fn grant_name(about: &Subject) -> String {
    format!("*{}*", about.code.grant())
}

fn holder(about: &Subject) -> String {
    format!("*{}* of {}", words::escape(about.role.as_str()), words::principal(&about.requester))
}

fn why(reason: &str) -> String {
    if reason.trim().is_empty() { String::new() } else { format!(", why {}", words::quoted(reason)) }
}

fn wish(about: &Subject) -> String {
    format!(
        "{}, *{}* for {}{}",
        words::principal(&about.requester),
        words::escape(about.role.as_str()),
        time::short(Duration::from_secs(about.seconds)),
        why(&about.reason)
    )
}

/// Where a pipeline comes from.
fn from(origin: &Origin) -> String {
    let parts = [&origin.repository, &origin.reference, &origin.environment, &origin.actor];
    let parts: Vec<&str> = parts.into_iter().filter_map(|part| part.as_deref()).collect();
    let run = origin.run.as_deref().and_then(|run| words::link(&run.parse().ok()?, "run")).unwrap_or_default();
    format!(" · from {} {run}", words::quoted(&parts.join(" ")))
}

fn for_plan(plan: &Plan) -> String {
    format!(
        " · for plan {}: {} to add, {} to change, {} to destroy",
        words::quoted(&short(&plan.sha256)),
        plan.add,
        plan.change,
        plan.destroy
    )
}

fn attempt_words(attempt: Attempt) -> &'static str {
    match attempt {
        Attempt::Approve => "approve",
        Attempt::Deny => "deny",
        Attempt::Cancel => "withdraw it",
        Attempt::Extend => "extend it",
        Attempt::End => "end it",
        Attempt::Revoke => "revoke it",
        Attempt::Claim => "claim credentials",
        Attempt::Heartbeat => "keep it alive",
    }
}

fn attempt_refusal(refusal: &AttemptRefusal) -> String {
    match refusal {
        AttemptRefusal::Review { why } => match why {
            ReviewRefusal::NotAnApprover { .. } => "the rule does not name them".to_owned(),
            ReviewRefusal::OwnRequest => "it is their own request".to_owned(),
            ReviewRefusal::AlreadyApproved => "they have approved already".to_owned(),
            ReviewRefusal::NotAwaiting => "it is closed".to_owned(),
        },
        AttemptRefusal::NotTheirs => "it is not theirs".to_owned(),
        AttemptRefusal::TooLate => "too late".to_owned(),
        AttemptRefusal::NothingToClaim => "nothing to claim".to_owned(),
        AttemptRefusal::LinkSpent => "the link was used already or too old".to_owned(),
        AttemptRefusal::PlanMismatch => "it is not the plan that was approved".to_owned(),
        AttemptRefusal::AnotherRun => "another run has asked for it".to_owned(),
        AttemptRefusal::Cloud { why } => words::escape(why),
    }
}

fn cause_words(about: &Subject, cause: &EndCause) -> String {
    match cause {
        EndCause::Expired => "its time is over".to_owned(),
        EndCause::GivenBack => format!("given back by {}", words::principal(&about.requester)),
        EndCause::Revoked { by } => format!("revoked by {}", words::person(by)),
        EndCause::HeartbeatLost { last } => format!("no heartbeat since {}", words::moment(*last)),
        EndCause::NotGrantable { why } => format!("it could not be granted: {}", words::escape(why)),
    }
}
