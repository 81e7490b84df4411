//! What is there against what should be: a function of its arguments alone.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::{Foreign, Held, Plan};
use crate::{
    domain::{
        access::{Access, AccessState},
        catalog::ProviderName,
        grant::GrantState,
    },
    provider::{Live, Made, Provider, Receipt},
};

/// A list of a cloud's that was asked for so soon after an end may not show it yet.
const LAG: SignedDuration = SignedDuration::from_mins(1);
/// What the cloud said was gone, and is there again so soon: the cloud's doing, or a late write of ours. Later than that
/// somebody else has had the time to give it, and what others give is never taken away.
const COMES_BACK_WITHIN: SignedDuration = SignedDuration::from_mins(2);
/// The same for what the bot has asked for and never heard of again.
const COMES_LATE_WITHIN: SignedDuration = SignedDuration::from_hours(24);

/// What a look has shown.
pub(super) struct Seen<'a> {
    pub cloud: ProviderName,
    pub provider: &'a dyn Provider,
    /// When the look began.
    pub now: Timestamp,
    /// Every access in this cloud that was not gone then.
    pub open: Vec<Held>,
    /// What the cloud has, by place, for each place that it told about.
    pub live: BTreeMap<String, Vec<Live>>,
    /// Every access there ever was to what the cloud has, for whom it has it.
    pub history: Vec<Held>,
    /// When the cloud told about these places before.
    pub looked_at: BTreeMap<String, Timestamp>,
}

/// What is not as it should be.
pub(super) fn compare(seen: &Seen<'_>) -> Plan {
    let missing = seen.open.iter().filter(|held| is_missing(seen, held)).cloned().collect();
    let mut plan = Plan { missing, ..Plan::default() };
    for (place, live) in seen.live.iter().flat_map(|(place, all)| all.iter().map(move |live| (place, live))) {
        match judge(seen, place, live) {
            Verdict::InOrder => {}
            Verdict::Lingering(held) => plan.lingering.push(held.clone()),
            Verdict::Foreign => {
                let (place, live, who) = (place.clone(), live.clone(), seen.provider.who(live));
                plan.foreign.insert(Foreign { cloud: seen.cloud, place, live, who });
            }
        }
    }
    plan
}

fn is_missing(seen: &Seen<'_>, held: &Held) -> bool {
    let should_be =
        held.access.state == AccessState::Live && held.grant.covers(seen.now) && is_settled(seen, held, seen.now);
    let here = seen.live.get(&seen.provider.place(&held.access.target));
    should_be && here.is_some_and(|live| !live.iter().any(|live| is_of(live, &held.access)))
}

/// Whether the cloud's lists can be believed about it at that moment.
fn is_settled(seen: &Seen<'_>, held: &Held, at: Timestamp) -> bool {
    seen.provider.is_settled(&Receipt(held.access.receipt.clone()), at)
}

/// Whether what a cloud has is what this access is, or was.
fn is_of(live: &Live, access: &Access) -> bool {
    live.resource == access.key.resource && live.principal == access.found_as()
}

enum Verdict<'a> {
    InOrder,
    Lingering(&'a Held),
    Foreign,
}

fn judge<'a>(seen: &'a Seen<'_>, place: &str, live: &Live) -> Verdict<'a> {
    let mut open = seen.open.iter().chain(&seen.history).filter(|held| held.access.state != AccessState::Gone);
    if open.any(|held| is_of(live, &held.access)) {
        // it is as it should be, or somebody is at it
        return Verdict::InOrder;
    }
    let made = |held: &Held| seen.provider.made(&held.access.target, &Receipt(held.access.receipt.clone()));
    let ours = seen.history.iter().filter(|held| is_of(live, &held.access));
    let ours = ours.map(|held| (held, made(held))).filter(|(_, made)| *made != Made::Nothing);
    let Some((last, made)) = ours.max_by_key(|(held, _)| ended_at(held)) else { return Verdict::Foreign };
    if !is_settled(seen, last, seen.now) {
        // the list may not have forgotten it yet
        return Verdict::InOrder;
    }
    let looked_at = seen.looked_at.get(place).copied().filter(|at| is_settled(seen, last, *at));
    if is_ours(made, ended_at(last), looked_at, seen.now) { Verdict::Lingering(last) } else { Verdict::Foreign }
}

/// Whether what is there at `now` is still what the bot made for a grant that ended. Nothing in most clouds says so: what
/// was not there when the bot looked after the end was given by somebody else since.
fn is_ours(made: Made, ended_at: Timestamp, looked_at: Option<Timestamp>, now: Timestamp) -> bool {
    let within = match made {
        Made::Nothing => return false,
        Made::Marked => return true,
        Made::Confirmed => COMES_BACK_WITHIN,
        Made::Perhaps | Made::Recognised => COMES_LATE_WITHIN,
    };
    let was_looked_for = looked_at.is_some_and(|looked_at| looked_at > ended_at + LAG);
    !was_looked_for && now.duration_since(ended_at) < within
}

/// When an access was to be gone, for the last time.
fn ended_at(Held { access, grant }: &Held) -> Timestamp {
    let ended_at = match &grant.state {
        GrantState::Ended { at, .. } | GrantState::Failed { at, .. } => *at,
        GrantState::Ending { since, .. } => *since,
        GrantState::Applying | GrantState::Active { .. } => grant.ends_at,
    };
    access.found_again_at().map_or(ended_at, |found_at| found_at.max(ended_at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(clock: &str) -> Timestamp {
        format!("2026-11-21T{clock}Z").parse().unwrap()
    }

    #[test]
    fn what_was_not_there_after_the_end_is_somebody_elses() {
        let ended = at("12:00:00");
        for (made, looked_at, now, ours) in [
            (Made::Nothing, None, "12:00:10", false),
            // found by the first look after the end
            (Made::Confirmed, None, "12:01:50", true),
            (Made::Confirmed, Some("11:55:00"), "12:01:50", true),
            (Made::Confirmed, Some("12:00:30"), "12:01:50", true),
            // the look before showed that it was gone
            (Made::Confirmed, Some("12:01:10"), "12:01:50", false),
            // the cloud had confirmed that it was gone: somebody has given it since
            (Made::Confirmed, Some("11:55:00"), "12:02:00", false),
            (Made::Perhaps, Some("11:55:00"), "13:00:00", true),
            (Made::Perhaps, Some("12:10:00"), "12:25:00", false),
            (Made::Marked, Some("12:10:00"), "23:00:00", true),
        ] {
            let looked_at = looked_at.map(at);
            assert_eq!(is_ours(made, ended, looked_at, at(now)), ours, "{made:?} {looked_at:?} {now}");
        }
    }
}
