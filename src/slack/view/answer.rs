//! What somebody is told who typed a command or clicked a button. Only they see it.

use url::Url;

use super::{draft::Draft, words};
use crate::{
    domain::{
        catalog::{Requesters, Role, Rule},
        grant::{Grant, GrantState},
        ids::UserId,
        policy::Tally,
        request::Request,
        time,
    },
    slack::{grammar::USAGES, message::Message},
    usecase::{approve::Approval, claim::Link, status::Status},
};

use super::refusal;

/// `/jit help`
#[must_use]
pub fn help(slash: &str) -> Message {
    let commands: Vec<String> = USAGES.iter().map(|(usage, what)| format!("`{slash} {usage}` — {what}")).collect();
    Draft::default()
        .say("I give access to clouds for a while: you ask, people approve, and it ends by itself.")
        .say(commands.join("\n"))
        .finish()
}

/// A request was made.
#[must_use]
pub fn asked(request: &Request, slash: &str) -> Message {
    let verdict = &request.verdict;
    let name = request.code.request();
    Draft::default()
        .say(format!(
            "*{name}*: you asked for *{}* for *{}*.\n{} needed from {}. I write to you when it is decided, by {} at the latest.",
            words::escape(request.role.as_str()),
            time::short(request.duration()),
            words::approvals(verdict.quorum.get()),
            words::deciders(verdict, &request.requester),
            words::moment(request.decide_by),
        ))
        .note(format!("Changed your mind? `{slash} cancel {name}`"))
        .finish()
}

/// A request for more time was made.
#[must_use]
pub fn extension_asked(request: &Request, grant: &Grant, slash: &str) -> Message {
    let verdict = &request.verdict;
    let name = request.code.request();
    Draft::default()
        .say(format!(
            "*{name}*: you asked for {} to last until {}.\n{} needed from {}. I write to you when it is decided, by {} at the latest.",
            grant.code.grant(),
            words::moment(grant.end_after(request.duration())),
            words::approvals(verdict.quorum.get()),
            words::deciders(verdict, &request.requester),
            words::moment(request.decide_by),
        ))
        .note(format!("Changed your mind? `{slash} cancel {name}`"))
        .finish()
}

/// A request was withdrawn.
#[must_use]
pub fn cancelled(request: &Request) -> Message {
    Message::paragraph(format!("{} is withdrawn. Nobody can approve it any more.", request.code.request()))
}

/// A grant is being ended early.
#[must_use]
pub fn ending(grant: &Grant) -> Message {
    Message::paragraph(format!("{} is being ended. The messages about it say when all is gone.", grant.code.grant()))
}

/// A click on a button of an alarm.
#[must_use]
pub fn looking_again(grant: &Grant) -> Message {
    Message::paragraph(format!("I ask the cloud about {} now. The alarm says what I find.", grant.code.grant()))
}

/// `/jit list`
#[must_use]
pub fn list(roles: &[Role], slash: &str) -> Message {
    if roles.is_empty() {
        return Message::paragraph(
            "There is no role that you may ask for. An operator can add you to one's `requesters`.",
        );
    }
    let draft = Draft::default().say(format!("What you may ask for with `{slash} request`:"));
    roles.iter().fold(draft, |draft, role| draft.say(role_words(role))).finish()
}

fn role_words(role: &Role) -> String {
    let mut lines = vec![format!("*{}* — {}", words::escape(role.name.as_str()), words::escape(&role.description))];
    let wants = match &role.ticket {
        Some(ticket) => format!("; the reason must name a ticket of the form {}", words::quoted(ticket.as_str())),
        None if role.reason_required => "; a reason is required".to_owned(),
        None => String::new(),
    };
    lines.push(format!(
        "{} to {}, {} unless you say{wants}",
        time::short(role.min_duration),
        time::short(role.max_duration),
        time::short(role.default_duration)
    ));
    lines.extend(role.rules.iter().enumerate().map(|(place, rule)| rule_words(place, rule)));
    if let Requesters::Only(circle) = &role.requesters {
        lines.push(format!("For {}", words::circle(circle)));
    }
    lines.join("\n")
}

fn rule_words(place: usize, rule: &Rule) -> String {
    let reach = match (rule.up_to, place) {
        (Some(limit), _) => format!("Up to {}: ", time::short(limit)),
        (None, 0) => String::new(),
        (None, _) => "Longer: ".to_owned(),
    };
    let own = if rule.self_approval { "; you may approve yourself" } else { "" };
    let different = if rule.approvals.get() > 1 { " by different people" } else { "" };
    format!("{reach}{}{different} from {}{own}", words::approvals(rule.approvals.get()), words::circle(&rule.approvers))
}

/// `/jit status`
#[must_use]
pub fn status(status: &Status, slash: &str) -> Message {
    if status.awaiting.is_empty() && status.grants.is_empty() {
        return Message::paragraph(format!(
            "You have no request waiting and no access. `{slash} list` shows what you may ask for."
        ));
    }
    let mut draft = Draft::default();
    for request in &status.awaiting {
        let name = request.code.request();
        draft = draft.say(format!(
            "*{name}* waits: *{}* for {}. {} needed from {} by {}. Withdraw: `{slash} cancel {name}`",
            words::escape(request.role.as_str()),
            time::short(request.duration()),
            words::approvals(request.verdict.quorum.get()),
            words::deciders(&request.verdict, &request.requester),
            words::moment(request.decide_by),
        ));
    }
    status.grants.iter().fold(draft, |draft, grant| draft.say(grant_words(grant, slash))).finish()
}

fn grant_words(grant: &Grant, slash: &str) -> String {
    let name = grant.code.grant();
    let role = words::escape(grant.role.as_str());
    let until = words::moment(grant.ends_at);
    match grant.state {
        GrantState::Applying => format!("*{name}* is being set up: *{role}*, until {until}"),
        GrantState::Active { .. } => {
            format!("*{name}* is live: *{role}*, until {until}. Give it back: `{slash} end {name}`")
        }
        GrantState::Ending { .. } => format!("*{name}* is ending: *{role}*"),
        GrantState::Ended { .. } | GrantState::Failed { .. } => format!("*{name}* is over: *{role}*"),
    }
}

/// A click on Approve by `by`.
#[must_use]
pub fn approval(approval: &Approval, by: &UserId) -> Message {
    Message::paragraph(match approval {
        Approval::Counted(request, tally) => counted(request, tally, by),
        Approval::Granted(request, grant) => {
            format!(
                "You approved {}: it was the last approval needed. {} is being set up.",
                request.code.request(),
                grant.code.grant()
            )
        }
        Approval::Extended(request, grant) => format!(
            "You approved {}: it was the last approval needed. {} now ends {}.",
            request.code.request(),
            grant.code.grant(),
            words::moment(grant.ends_at)
        ),
        Approval::PolicyDenied(request, why) => format!(
            "{} cannot be granted any more, because the policy has changed since it was asked. {}",
            request.code.request(),
            refusal::ask(why, "/jit")
        ),
        Approval::Refused(refused) => refusal::review(refused),
    })
}

fn counted(request: &Request, tally: &Tally, by: &UserId) -> String {
    let name = request.code.request();
    let missing = match usize::from(tally.needed.get()).saturating_sub(tally.given.len()) {
        1 => "1 more approval is needed, from somebody else.".to_owned(),
        several => format!("{several} more approvals are needed, from other people."),
    };
    if tally.given.contains(by) {
        format!("You approved {name}. {missing}")
    } else {
        format!(
            "Your approval of {name} is noted but does not count: the policy has changed since it was asked, and you may not approve it any more. {missing}"
        )
    }
}

/// A click on Deny.
#[must_use]
pub fn denied(request: &Request) -> Message {
    Message::paragraph(format!(
        "You denied {}. I tell {}.",
        request.code.request(),
        words::principal(&request.requester)
    ))
}

/// A click on Get credentials: one private link for each thing to claim.
#[must_use]
pub fn links(links: Vec<(Link, Url)>) -> Message {
    let several = links.len() > 1;
    let draft = Draft::default()
        .say("Your private link to the credentials. It works *once*, within the next *2 minutes*. Do not pass it on.");
    let add = |draft: Draft, (place, (link, url)): (usize, (Link, Url))| {
        let label = if several { format!("Open {}", link.resource) } else { "Open the page".to_owned() };
        draft.link(&label, place, url)
    };
    links.into_iter().enumerate().fold(draft, add).finish()
}

/// A button that this version does not know.
#[must_use]
pub fn unknown_button() -> Message {
    Message::paragraph("I do not know this button. The message may come from an older version of me.")
}

/// Somebody from a workspace that the configuration does not name.
#[must_use]
pub fn foreign() -> Message {
    Message::paragraph("I do not work for your workspace. An operator can add its id to `slack.team_ids`.")
}

/// A signed request that makes no sense to us.
#[must_use]
pub fn unreadable() -> Message {
    Message::paragraph("I could not read what Slack sent me. Nothing has changed.")
}

/// The members of a user group could not be learnt, and a decision depends on them.
#[must_use]
pub fn groups_unknown() -> Message {
    Message::paragraph(
        "I could not ask Slack who is in the user group that this depends on, so I did nothing. Please try again.",
    )
}

/// The store failed.
#[must_use]
pub fn not_saved(reference: &str) -> Message {
    Message::paragraph(format!(
        "I could not save this, so *nothing has changed*. Please try again in a moment; if it goes on, show an operator the reference `{reference}`."
    ))
}

/// The store did not answer in time.
#[must_use]
pub fn not_confirmed(slash: &str, reference: &str) -> Message {
    Message::paragraph(format!(
        "I am slow just now and cannot say yet whether this was saved. `{slash} status` will tell; if it goes on, show an operator the reference `{reference}`."
    ))
}
