//! How we say no: which rule stands in the way, and the way out.

use std::time::Duration;

use super::{card::denier, words};
use crate::{
    domain::{
        grant::{Grant, GrantState},
        policy::{AskRefusal, ReviewRefusal},
        request::{Request, RequestState},
        time,
    },
    slack::grammar::{Misunderstood, VERBS},
    usecase::{cancel, claim, end, extend, review, stuck},
};

/// An ask that goes no further.
#[must_use]
pub fn ask(refusal: &AskRefusal, slash: &str) -> String {
    let length = |seconds: &u64| time::short(Duration::from_secs(*seconds));
    match refusal {
        AskRefusal::UnknownRole { asked, did_you_mean: Some(role) } => {
            format!(
                "There is no role {}. Did you mean *{}*?",
                words::quoted(asked.as_str()),
                words::escape(role.as_str())
            )
        }
        AskRefusal::UnknownRole { asked, did_you_mean: None } => {
            format!("There is no role {}. `{slash} list` shows what you may ask for.", words::quoted(asked.as_str()))
        }
        AskRefusal::NotARequester { role } => format!(
            "*{}* is not for you to ask for: its `requesters` do not name you. `{slash} list` shows what you may ask for.",
            words::escape(role.as_str())
        ),
        AskRefusal::TooLong { asked, max } => {
            format!("{} is longer than this role allows. Ask for {} or less.", length(asked), length(max))
        }
        AskRefusal::TooShort { asked, min } => {
            format!("{} is shorter than this role allows. Ask for {} or more.", length(asked), length(min))
        }
        AskRefusal::ReasonMissing => {
            "This role wants a reason. Say at the end of the command why you need it.".to_owned()
        }
        AskRefusal::TicketMissing { pattern } => format!(
            "This role wants a ticket in the reason, of the form {}. Name it at the end of the command.",
            words::quoted(pattern)
        ),
        AskRefusal::NoRuleFits { asked } => format!(
            "No rule of this role covers {}. Ask for a shorter time; for a plan that destroys something, an operator has to \
             add a rule.",
            length(asked)
        ),
        AskRefusal::TargetsChanged => "What this role opens has changed since it was asked for. Ask again.".to_owned(),
        AskRefusal::GrantOver => "The grant that was to last longer has ended. Ask for the role again.".to_owned(),
        AskRefusal::TooFewApprovers { needed, able } => format!(
            "This could never be granted: {} needed, and there {} who may give one. An operator has to name more approvers.",
            words::approvals(*needed),
            match able {
                0 => "is nobody".to_owned(),
                1 => "is only one person".to_owned(),
                several => format!("are only {several} people"),
            }
        ),
        AskRefusal::TooManyPending { limit } => format!(
            "You have {limit} requests waiting for a decision, which is the limit. Withdraw one with `{slash} cancel`, or wait."
        ),
        AskRefusal::TooManyThisHour { limit } => {
            format!("You have made {limit} requests within the last hour, which is the limit. Try again later.")
        }
    }
}

/// Text after the slash command that makes no sense.
#[must_use]
pub fn misunderstood(what: &Misunderstood, slash: &str) -> String {
    match what {
        Misunderstood::Verb { typed, did_you_mean: Some(verb) } => {
            format!("I do not know {}. Did you mean `{slash} {verb}`?", words::quoted(typed))
        }
        Misunderstood::Verb { typed, did_you_mean: None } => {
            format!("I do not know {}. I know: {}.", words::quoted(typed), VERBS.join(", "))
        }
        Misunderstood::NoRole => {
            format!("Which role? `{slash} list` shows what you may ask for. Then: `{slash} request ROLE 30m why`")
        }
        Misunderstood::NoDuration { typed } if typed.is_empty() => {
            "For how long? Write it like `30m` or `1h30m`, or leave out the `for`.".to_owned()
        }
        Misunderstood::NoDuration { typed } | Misunderstood::BadDuration { typed } => format!(
            "{} is not a length of time. Write it with a unit, like `30m`, `1h30m` or `1d`.",
            words::quoted(typed)
        ),
        Misunderstood::NoLoginCode => {
            format!("Which code? `jit login` on your machine shows one: `{slash} login 7K3M-9QXZ`")
        }
        Misunderstood::NoCode { verb, example } => {
            format!("Which one? Write its name: `{slash} {verb} {example}`. `{slash} status` shows yours.")
        }
    }
}

/// A click on Approve or Deny that does not count.
#[must_use]
pub fn review(refused: &review::Refused) -> String {
    let (request, why) = match refused {
        review::Refused::Unknown => return "I do not know this request any more.".to_owned(),
        review::Refused::Rule(request, why) => (request, why),
    };
    let name = request.code.request();
    match why {
        ReviewRefusal::NotAnApprover { .. } => {
            format!("{name} is not for you to decide. {} may.", words::deciders(&request.verdict, &request.requester))
        }
        ReviewRefusal::OwnRequest => {
            format!(
                "{name} is your own request: {} has to decide it. You can withdraw it with `/jit cancel {name}`.",
                words::deciders(&request.verdict, &request.requester)
            )
        }
        ReviewRefusal::AlreadyApproved => {
            format!(
                "You have approved {name} already. It takes {} by different people.",
                words::approvals(request.verdict.quorum.get())
            )
        }
        ReviewRefusal::NotAwaiting => format!("{name} {}.", outcome(request)),
    }
}

fn outcome(request: &Request) -> String {
    match &request.state {
        RequestState::Awaiting => "still awaits its decision".to_owned(),
        RequestState::Approved { at, .. } => format!("was approved already, {}", words::moment(*at)),
        RequestState::Denied { at, by } => format!("was denied already {}, {}", denier(by), words::moment(*at)),
        RequestState::Cancelled { at } => format!("was withdrawn by its requester, {}", words::moment(*at)),
        RequestState::Lapsed { .. } => {
            format!("has lapsed: it could be decided until {}", words::moment(request.decide_by))
        }
    }
}

/// A request that could not be withdrawn.
#[must_use]
pub fn cancel(refused: &cancel::Refused) -> String {
    match refused {
        cancel::Refused::Unknown => "There is no request of that name. `/jit status` shows yours.".to_owned(),
        cancel::Refused::NotTheirs(request) => {
            let name = request.code.request();
            format!("{name} is the request of {}: only they can withdraw it.", words::principal(&request.requester))
        }
        cancel::Refused::TooLate(request) => format!("{} {}.", request.code.request(), outcome(request)),
    }
}

/// A grant that cannot last longer.
#[must_use]
pub fn extend(refused: &extend::Refused, slash: &str) -> String {
    match refused {
        extend::Refused::Unknown => "There is no grant of that name. `/jit status` shows yours.".to_owned(),
        extend::Refused::NotTheirs(grant) => {
            format!(
                "{} belongs to {}: only they can ask for more time.",
                grant.code.grant(),
                words::principal(&grant.holder)
            )
        }
        extend::Refused::Over(grant) => over(grant),
        extend::Refused::Waiting(request) => format!(
            "{} asks for more time already and waits for its decision. To ask for something else, withdraw it with \
             `{slash} cancel {}`.",
            request.code.request(),
            request.code.request()
        ),
        extend::Refused::Policy(AskRefusal::TooLong { asked, max }) => format!(
            "That would be {} from its start, and this role allows {} in all.",
            time::short(Duration::from_secs(*asked)),
            time::short(Duration::from_secs(*max))
        ),
        extend::Refused::Policy(why) => ask(why, slash),
    }
}

/// A grant that was not ended.
#[must_use]
pub fn end(refused: &end::Refused) -> String {
    match refused {
        end::Refused::Unknown => "There is no grant of that name. `/jit status` shows yours.".to_owned(),
        end::Refused::NotTheirs(grant) => {
            format!(
                "{} is not for you to end. Its holder can give it back, and those who may approve it can revoke it on its card.",
                grant.code.grant()
            )
        }
        end::Refused::TooLate(grant) => over(grant),
    }
}

/// An alarm that is over.
#[must_use]
pub fn stuck(refused: &stuck::Refused) -> String {
    match refused {
        stuck::Refused::Unknown => "I do not know this grant any more.".to_owned(),
        stuck::Refused::NotStuck(grant) => format!("Nothing of {} is stuck any more.", grant.code.grant()),
    }
}

/// Credentials that cannot be claimed.
#[must_use]
pub fn claim(refused: &claim::Refused) -> String {
    match refused {
        claim::Refused::Unknown => "There is no such grant, or no such link.".to_owned(),
        claim::Refused::NotTheirs(grant) => {
            format!(
                "{} belongs to {}: only they can claim its credentials.",
                grant.code.grant(),
                words::principal(&grant.holder)
            )
        }
        claim::Refused::NotYet(grant) => {
            format!("{} is not live yet. I write to you as soon as it is.", grant.code.grant())
        }
        claim::Refused::Over(grant) => over(grant),
        claim::Refused::NothingToClaim(grant) => {
            format!("{} has no credentials to claim: the access is simply there.", grant.code.grant())
        }
        claim::Refused::PlanMismatch(grant) => format!(
            "{} is for one plan alone, and this is not that plan. Run what was approved with `jit run --plan`, or ask again.",
            grant.code.grant()
        ),
        claim::Refused::Several(resources) => format!(
            "There are credentials for several things. Say for which: {}.",
            resources.iter().map(|it| words::quoted(it)).collect::<Vec<_>>().join(", ")
        ),
        claim::Refused::LinkSpent => {
            "This link was used already, or is older than two minutes. Click *Get credentials* for a fresh one."
                .to_owned()
        }
    }
}

fn over(grant: &Grant) -> String {
    let name = grant.code.grant();
    match &grant.state {
        GrantState::Ended { at, .. } => format!("{name} ended {}. Ask again if you still need it.", words::moment(*at)),
        GrantState::Ending { .. } => format!("{name} is ending already. Ask again if you still need it."),
        GrantState::Failed { .. } => format!("{name} could not be granted."),
        GrantState::Applying | GrantState::Active { .. } => {
            format!("{name} ended {}. Ask again if you still need it.", words::moment(grant.ends_at))
        }
    }
}
