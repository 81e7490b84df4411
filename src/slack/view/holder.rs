//! The direct message that tells a requester how things stand.

use super::{
    Story,
    card::{aftermath, cause_words, caveats, denier, objection},
    draft::{Draft, Weight},
    extension, words,
};
use crate::{
    domain::{
        catalog::Nature,
        grant::{EndCause, Grant, GrantState},
        request::{Denier, RequestState},
        time,
    },
    slack::{inbound::Button, message::Message},
};

/// The message for the requester, or `None` while there is nothing to tell yet.
#[must_use]
pub fn holder(story: &Story) -> Option<Message> {
    let request = &story.request;
    if let Some(grant) = story.grant.as_ref().filter(|_| request.extends.is_some()) {
        return extension::holder(story, grant);
    }
    let what = format!(
        "*{}* for {} ({})",
        words::escape(request.role.as_str()),
        time::short(request.duration()),
        request.code.request()
    );
    let again = "Ask again with `/jit request` if you still need it.";
    match &request.state {
        RequestState::Awaiting | RequestState::Cancelled { .. } => None,
        RequestState::Denied { by, .. } => {
            let way_out = match by {
                Denier::Person(person) => {
                    format!(" Ask {} why, or ask again with `/jit request`.", words::person(person))
                }
                Denier::Cloud(_) | Denier::Policy(_) => objection(by, " "),
            };
            let text = format!("Your request for {what} was *denied* {}.{way_out}", denier(by));
            Some(Draft::default().say(text).finish())
        }
        RequestState::Lapsed { .. } => {
            let until = words::moment(request.decide_by);
            Some(
                Draft::default()
                    .say(format!("Your request for {what} has *lapsed*: nobody decided by {until}. {again}"))
                    .finish(),
            )
        }
        RequestState::Approved { .. } => granted(story, story.grant.as_ref()?),
    }
}

fn granted(story: &Story, grant: &Grant) -> Option<Message> {
    let name = grant.code.grant();
    let role = words::escape(grant.role.as_str());
    let draft = Draft::default();
    let draft = match &grant.state {
        GrantState::Applying if story.notes().is_empty() => return None,
        GrantState::Applying => draft.say(format!(
            "*{role}* was approved by {}, and is *not there yet*. I keep trying until {}.",
            words::people(&grant.approvers),
            words::moment(grant.ends_at),
        )),
        GrantState::Active { .. } => active(draft, story, grant),
        GrantState::Ending { cause: EndCause::NotGrantable { why }, .. } | GrantState::Failed { why, .. } => {
            draft.say(format!("*{role}* was approved, but *could not be granted*: {}", words::escape(why)))
        }
        GrantState::Ending { cause, .. } => draft.say(format!("*{role}* is *ending*: {}.", cause_words(grant, cause))),
        GrantState::Ended { at, cause } => {
            draft.say(format!("*{role}* has *ended* {}: {}.", words::on(*at), cause_words(grant, cause)))
        }
    };
    let draft = match whole(story, grant) {
        Some(words) => draft.note(words),
        None => draft,
    };
    let draft = story.notes().into_iter().fold(draft, |draft, note| draft.note(words::escape(note)));
    let draft = aftermath(draft, story, grant);
    let draft = draft.footer(format!("{name} · approved by {}", words::people(&grant.approvers)));
    Some(draft.finish())
}

/// What becomes of the rest when one of several things could not be given.
fn whole(story: &Story, grant: &Grant) -> Option<&'static str> {
    let words = match &grant.state {
        GrantState::Ending { cause: EndCause::NotGrantable { .. }, .. } => {
            "It is given as a whole or not at all: what was opened of it is being closed again."
        }
        GrantState::Failed { .. } => "It is given as a whole or not at all: nothing of it is open.",
        GrantState::Applying | GrantState::Active { .. } | GrantState::Ending { .. } | GrantState::Ended { .. } => {
            return None;
        }
    };
    (story.accesses.len() > 1).then_some(words)
}

fn active(draft: Draft, story: &Story, grant: &Grant) -> Draft {
    let about = format!("{}: {}", grant.code.grant(), grant.role);
    let draft = draft.say(format!(
        "*{}* is *live* until {}.",
        words::escape(grant.role.as_str()),
        words::moment(grant.ends_at)
    ));
    let draft = caveats(draft, story);
    let mints = story.accesses.iter().any(|access| access.target.nature() == Nature::Session);
    let draft =
        if story.request.plan.is_some() {
            draft.note("It is for one plan alone: `jit run` fetches the credentials and checks that it is that plan.")
        } else if mints {
            draft
                .note("Credentials stop working at that moment. Get fresh ones as often as you need until then.")
                .button("Get credentials", Button::Claim(grant.id), &about, Weight::Primary)
        } else {
            draft.note("The access is simply there: there are no credentials to fetch.")
        };
    draft.button("End now", Button::End(grant.id), &about, Weight::Danger { question: &story.end_question() })
}
