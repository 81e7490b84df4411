//! The card that approvers see: who wants what, and what came of it.

use super::{
    Story,
    draft::{Draft, Weight},
    words,
};
use crate::{
    domain::{
        grant::{EndCause, Grant, GrantState},
        request::{Denier, Request, RequestState},
        time,
    },
    slack::{
        inbound::Button,
        message::Message,
        view::{extension, pipeline, refusal},
    },
};

/// The card of a request, as things stand.
#[must_use]
pub fn card(story: &Story) -> Message {
    let request = &story.request;
    if let Some(grant) = story.grant.as_ref().filter(|_| request.extends.is_some()) {
        return extension::card(story, grant);
    }
    let draft = Draft::default()
        .say(format!(
            "{} asks for *{}* for *{}*",
            words::principal(&request.requester),
            words::escape(request.role.as_str()),
            time::short(request.duration()),
        ))
        .quote("Why", &request.reason);
    let draft = pipeline::behind(draft, request);
    let draft = match &request.state {
        RequestState::Awaiting => awaiting(draft, story),
        RequestState::Approved { .. } => approved(draft, story),
        RequestState::Denied { at, by } => {
            draft.say(format!("*Denied* {} {}{}", words::on(*at), denier(by), objection(by, ". ")))
        }
        RequestState::Cancelled { at } => draft.say(format!("*Withdrawn* by the requester {}", words::on(*at))),
        RequestState::Lapsed { .. } => {
            draft.say(format!("*Lapsed*: nobody decided by {}", words::moment(request.decide_by)))
        }
    };
    draft.footer(small_print(request)).finish()
}

pub(super) fn awaiting(draft: Draft, story: &Story) -> Draft {
    let request = &story.request;
    let verdict = &request.verdict;
    let draft = draft.say(format!(
        "{} needed from {}\nTo be decided by {}",
        words::approvals(verdict.quorum.get()),
        words::deciders(verdict, &request.requester),
        words::moment(request.decide_by),
    ));
    let draft = if story.approvals.is_empty() {
        draft
    } else {
        let enough = story.approvals.len() >= usize::from(verdict.quorum.get());
        let stricter = if enough { ": not enough any more, the policy has changed since it was asked" } else { "" };
        draft.say(format!("Approved so far by {}{stricter}", words::people(&story.approvals)))
    };
    let draft = caveats(draft, story);
    let about = format!("{}: {} for {}", request.code.request(), request.role, time::short(request.duration()));
    draft.button("Approve", Button::Approve(request.id), &about, Weight::Primary).button(
        "Deny",
        Button::Deny(request.id),
        &about,
        Weight::Plain,
    )
}

fn approved(draft: Draft, story: &Story) -> Draft {
    let Some(grant) = &story.grant else {
        return draft.say("*Approved*");
    };
    let approvers = words::people(&grant.approvers);
    let draft = draft.say(format!("*Approved* by {approvers} {}", words::on(grant.starts_at)));
    let draft = standing(draft, story, grant);
    match grant.state {
        GrantState::Applying | GrantState::Active { .. } => caveats(draft, story).button(
            "Revoke",
            Button::Revoke(grant.id),
            &format!("{}: {}", grant.code.grant(), grant.role),
            Weight::Danger { question: &story.end_question() },
        ),
        GrantState::Ending { .. } | GrantState::Ended { .. } | GrantState::Failed { .. } => {
            aftermath(draft, story, grant)
        }
    }
}

fn standing(draft: Draft, story: &Story, grant: &Grant) -> Draft {
    let name = grant.code.grant();
    let draft = match &grant.state {
        GrantState::Applying => draft.say(format!("{name} is being set up, to end {}", words::moment(grant.ends_at))),
        GrantState::Active { .. } => draft.say(format!("{name} is *live* until {}", words::moment(grant.ends_at))),
        GrantState::Ending { cause, .. } => draft.say(format!("{name} is *ending*: {}", cause_words(grant, cause))),
        GrantState::Ended { at, cause } => {
            draft.say(format!("{name} has *ended* {}: {}", words::on(*at), cause_words(grant, cause)))
        }
        GrantState::Failed { why, .. } => draft.say(format!("{name} *could not be granted*: {}", words::escape(why))),
    };
    story.notes().into_iter().fold(draft, |draft, note| draft.note(words::escape(note)))
}

/// What people should know about how the accesses end, in small print.
pub(super) fn caveats(draft: Draft, story: &Story) -> Draft {
    story.caveats().into_iter().fold(draft, |draft, caveat| draft.note(words::caveat(caveat)))
}

/// What is left of a grant that is ending or over, in small print: what another grant keeps open, and sessions that outlast
/// it.
pub(super) fn aftermath(draft: Draft, story: &Story, grant: &Grant) -> Draft {
    let draft = story.left_to().into_iter().fold(draft, |draft, other| draft.note(words::stays_open(other)));
    let Some(up_to) = story.sessions_run_on() else { return draft };
    match &grant.state {
        GrantState::Ending { cause: EndCause::NotGrantable { .. }, .. }
        | GrantState::Failed { .. }
        | GrantState::Applying
        | GrantState::Active { .. } => draft,
        GrantState::Ending { .. } => draft.note(words::sessions_run_on(up_to)),
        GrantState::Ended { at, .. } => draft.note(words::sessions_run_until(*at + up_to)),
    }
}

/// Why a grant ends, for a sentence.
#[must_use]
pub fn cause_words(grant: &Grant, cause: &EndCause) -> String {
    match cause {
        EndCause::Expired => "its time is over".to_owned(),
        EndCause::GivenBack => format!("{} gave it back", words::principal(&grant.holder)),
        EndCause::HeartbeatLost { last } => {
            format!("the process that used it was not heard of any more, last {}", words::on(*last))
        }
        EndCause::Revoked { by } => format!("{} revoked it", words::person(by)),
        EndCause::NotGrantable { why } => format!("it could not be granted: {}", words::escape(why)),
    }
}

/// Who said no, for a sentence.
#[must_use]
pub fn denier(by: &Denier) -> String {
    match by {
        Denier::Person(person) => format!("by {}", words::person(person)),
        Denier::Cloud(_) => "by the cloud".to_owned(),
        Denier::Policy(_) => "by today's policy, which has changed since it was asked".to_owned(),
    }
}

/// What today's policy has against it, as whole sentences behind `before`; nothing where a person said no.
#[must_use]
pub fn objection(by: &Denier, before: &str) -> String {
    match by {
        Denier::Person(_) => String::new(),
        Denier::Cloud(why) => format!("{before}{}", words::escape(why)),
        Denier::Policy(why) => format!("{before}{}", refusal::ask(why, "/jit")),
    }
}

pub(super) fn small_print(request: &Request) -> String {
    let verdict = &request.verdict;
    let limit =
        verdict.up_to.map(|seconds| format!(", up to {}", time::short(std::time::Duration::from_secs(seconds))));
    let harmless = if verdict.destroys_nothing { ", plans that destroy nothing" } else { "" };
    let own = if verdict.self_approval { ", requesters may approve themselves" } else { "" };
    format!(
        "{} · rule {} of {}{}{harmless}: {}{own} · asked {}",
        request.code.request(),
        verdict.rule,
        words::escape(request.role.as_str()),
        limit.unwrap_or_default(),
        words::approvals(verdict.quorum.get()),
        words::moment(request.asked_at),
    )
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, num::NonZeroU8, time::Duration};

    use jiff::Timestamp;
    use uuid::Uuid;

    use super::*;
    use crate::{
        domain::{
            catalog::{AwsIamGroup, AwsIamPolicy, IamPrincipal, Target},
            ids::{Code, RequestId},
            people::Circle,
            policy::Verdict,
            request::ResolvedTargets,
        },
        slack::view::holder,
    };

    fn asked_for(targets: Vec<Target>) -> Story {
        let verdict = Verdict {
            rule: 1,
            up_to: None,
            destroys_nothing: false,
            quorum: NonZeroU8::MIN,
            approvers: Circle::default(),
            self_approval: false,
            duration: Duration::from_mins(30),
            approval_timeout: Duration::from_hours(1),
            policy: String::new(),
        };
        let request = Request {
            id: RequestId(Uuid::nil()),
            code: Code::of(Uuid::nil(), 4),
            requester: "U0AAAA1".into(),
            role: "incident".into(),
            reason: "OPS-1".to_owned(),
            asked_at: Timestamp::UNIX_EPOCH,
            decide_by: Timestamp::UNIX_EPOCH,
            verdict,
            extends: None,
            plan: None,
            origin: None,
            targets: Some(ResolvedTargets { configured: targets.clone(), resolved: targets, receipts: Vec::new() }),
            state: RequestState::Awaiting,
        };
        Story { request, approvals: BTreeSet::new(), grant: None, accesses: Vec::new() }
    }

    #[test]
    fn what_has_no_end_of_its_own_is_said_once_before_anybody_approves() {
        let words = "AWS does not end a group membership by itself";
        let groups = ["admins", "auditors"].map(|group| Target::AwsIamGroup(AwsIamGroup::new("anna", group)));
        assert_eq!(card(&asked_for(groups.into())).text.matches(words).count(), 1);
        let policy = AwsIamPolicy::new(IamPrincipal::User("anna".to_owned()), String::new());
        let story = asked_for(vec![Target::AwsIamPolicy(policy)]);
        assert!(!card(&story).text.contains(words));
        assert!(holder::holder(&story).is_none());
    }
}
