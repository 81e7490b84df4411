//! A request for a later end of a grant: its card, and the direct message about it.

use super::{
    Story,
    card::{awaiting, denier, objection, small_print},
    draft::Draft,
    pipeline, words,
};
use crate::{
    domain::{
        grant::{Grant, GrantState},
        request::{Denier, RequestState},
        time,
    },
    slack::message::Message,
};

/// The card, as things stand.
pub(super) fn card(story: &Story, grant: &Grant) -> Message {
    let request = &story.request;
    let name = grant.code.grant();
    let draft = Draft::default()
        .say(format!(
            "{} asks for *more time* with *{}*: {name} to last *{}* in all, until {}",
            words::principal(&request.requester),
            words::escape(request.role.as_str()),
            time::short(request.duration()),
            words::moment(grant.end_after(request.duration())),
        ))
        .quote("Why", &request.reason);
    let draft = pipeline::behind(draft, request);
    let draft = match &request.state {
        RequestState::Awaiting => awaiting(draft, story),
        RequestState::Approved { at, .. } => {
            let by = words::people(&story.approvals);
            draft.say(format!("*Approved* by {by} {}: {}", words::on(*at), outcome(story, grant)))
        }
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

/// The message for the requester, or `None` while there is nothing to tell yet.
pub(super) fn holder(story: &Story, grant: &Grant) -> Option<Message> {
    let request = &story.request;
    let name = grant.code.grant();
    let role = words::escape(request.role.as_str());
    let text = match &request.state {
        RequestState::Awaiting | RequestState::Cancelled { .. } => return None,
        RequestState::Approved { .. } => {
            format!(
                "More time for *{role}* was approved by {}: {}.",
                words::people(&story.approvals),
                outcome(story, grant)
            )
        }
        RequestState::Denied { by, .. } => {
            let why = match by {
                Denier::Person(_) => format!(" {name} ends as planned, {}.", words::moment(grant.ends_at)),
                Denier::Cloud(_) | Denier::Policy(_) => objection(by, " "),
            };
            format!("More time for *{role}* ({}) was *denied* {}.{why}", request.code.request(), denier(by))
        }
        RequestState::Lapsed { .. } => format!(
            "Your request for more time for *{role}* ({}) has *lapsed*: nobody decided by {}.",
            request.code.request(),
            words::moment(request.decide_by)
        ),
    };
    Some(Draft::default().say(text).finish())
}

/// What came of an approved extension.
fn outcome(story: &Story, grant: &Grant) -> String {
    let name = grant.code.grant();
    let ends = words::moment(grant.ends_at);
    if matches!(grant.state, GrantState::Ending { .. } | GrantState::Ended { .. } | GrantState::Failed { .. }) {
        return format!("{name} is over");
    }
    if grant.ends_at >= grant.end_after(story.request.duration()) {
        format!("{name} ends {ends}")
    } else {
        let why = story.notes().into_iter().map(words::escape).collect::<Vec<_>>().join(" ");
        let space = if why.is_empty() { "" } else { ". " };
        format!("{name} *could not be extended* and ends {ends}{space}{why}")
    }
}
