//! The alarm about access that is stuck, and what people can do about it from here.

use super::{
    Story,
    draft::{Draft, Weight},
    words,
};
use crate::{
    domain::{
        access::{Access, AccessState},
        grant::Grant,
    },
    slack::{inbound::Button, message::Message},
    usecase::stuck::is_stuck,
};

/// The `nth` alarm about a grant, of `raised` so far.
#[must_use]
pub fn alarm(story: &Story, nth: u16, raised: u16) -> Option<Message> {
    let grant = story.grant.as_ref()?;
    let name = grant.code.grant();
    let stuck: Vec<&Access> = story.accesses.iter().filter(|it| is_stuck(it)).collect();
    if stuck.is_empty() {
        let what = format!("*Resolved*: nothing of {name} ({}) is stuck any more.", whose(grant));
        return Some(Draft::default().say(what).finish());
    }
    let draft = stuck.iter().fold(heading(grant, &stuck, nth), |draft, access| draft.say(detail(access)));
    let draft = draft.note("I keep trying. What I find is told here.");
    if nth + 1 < raised {
        return Some(draft.note("This alarm was raised again below.").finish());
    }
    let about = format!("{name}: {}", grant.role);
    let by_hand = "I look whether the cloud still has it, and put on the trail that you removed it by hand.";
    let draft = draft.button("Retry now", Button::Retry(grant.id), &about, Weight::Primary);
    let draft = match Trouble::of(&stuck) {
        Trouble::DoesNotCome => draft,
        Trouble::DoesNotGo | Trouble::LeavesSomething => {
            let weight = Weight::Danger { question: by_hand };
            draft.button("I removed it by hand", Button::RemovedByHand(grant.id), &about, weight)
        }
    };
    Some(draft.finish())
}

/// What the worst of it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trouble {
    DoesNotGo,
    DoesNotCome,
    LeavesSomething,
}

impl Trouble {
    fn of(stuck: &[&Access]) -> Self {
        let any = |state| stuck.iter().any(|access| access.state == state);
        if any(AccessState::Removing) {
            Self::DoesNotGo
        } else if stuck.iter().all(|access| access.state == AccessState::Gone) {
            Self::LeavesSomething
        } else {
            Self::DoesNotCome
        }
    }
}

fn heading(grant: &Grant, stuck: &[&Access], nth: u16) -> Draft {
    let again = if nth == 0 { "" } else { ", still" };
    let (whose, name, end) = (whose(grant), grant.code.grant(), words::moment(grant.ends_at));
    let what = match Trouble::of(stuck) {
        Trouble::DoesNotGo => format!("access of {whose} will not go away. {name}, which was to end {end}."),
        Trouble::DoesNotCome => format!("access of {whose} does not come. {name}, which was to end {end}."),
        Trouble::LeavesSomething => format!(
            "what cut off sessions of {whose} cannot be cleared away. {name}, which is over: nobody has access by it."
        ),
    };
    Draft::default().say(format!("*Stuck{again}*: {what}"))
}

fn whose(grant: &Grant) -> String {
    format!("{} to *{}*", words::principal(&grant.holder), words::escape(grant.role.as_str()))
}

fn detail(access: &Access) -> String {
    let since = access.stuck_since.map(words::moment).unwrap_or_default();
    let note = access.note.as_deref().map(words::escape).unwrap_or_default();
    format!("{} · stuck since {since}\n{note}", words::quoted(&access.key.resource))
}
