//! What `jit drift` says to people.

use std::fmt::Write as _;

use super::Report;
use crate::{
    cli::{moment, who},
    domain::grant::GrantState,
    job::drift::{Asked, Fate, Followed, Foreign, Held, Plan, Unanswered},
    provider::Calls,
};

/// The report, as paragraphs that begin with what was found and end with what it cost.
pub(super) fn text(report: &Report) -> String {
    let mut text = String::new();
    match &report.mended {
        None => {
            section(&mut text, "There without a live grant, made by jit:", &held(report, &report.plan.lingering));
            section(&mut text, "Granted, and not there:", &held(report, &report.plan.missing));
        }
        Some(mended) => {
            let of = |wanted: fn(&Fate) -> bool| mended.iter().filter(move |it| wanted(&it.fate));
            section(&mut text, "Removed:", &fates(report, of(|fate| *fate == Fate::Gone)));
            section(&mut text, "Given again:", &fates(report, of(|fate| *fate == Fate::Live)));
            section(&mut text, "Not mended yet:", &fates(report, of(|fate| !fate.is_final())));
        }
    }
    section(&mut text, "Given by somebody else, and left alone:", &foreign(&report.plan));
    section(&mut text, "Could not be found out:", &unanswered(&report.plan));
    let _ = writeln!(text, "{}", outcome(report));
    let _ = writeln!(text, "{}", cost(&report.plan));
    text
}

fn section(text: &mut String, heading: &str, items: &[String]) {
    if !items.is_empty() {
        let _ = writeln!(text, "{heading}\n{}\n", items.join("\n"));
    }
}

fn held(report: &Report, all: &[Held]) -> Vec<String> {
    all.iter().map(|held| one(report, held)).collect()
}

fn one(report: &Report, Held { access, grant }: &Held) -> String {
    let stands = match &grant.state {
        GrantState::Applying | GrantState::Active { .. } => format!("ends {}", moment(grant.ends_at)),
        GrantState::Ending { since, .. } => format!("ending since {}", moment(*since)),
        GrantState::Ended { at, .. } => format!("ended {}", moment(*at)),
        GrantState::Failed { at, .. } => format!("failed {}", moment(*at)),
    };
    let (name, role, holder) = (grant.code.grant(), &grant.role, who(&grant.holder, &report.names));
    format!("  {name}  {role} of {holder}, {stands}\n    {}: {}", access.key.provider.as_str(), access.key.resource)
}

fn fates<'a>(report: &Report, all: impl Iterator<Item = &'a Followed>) -> Vec<String> {
    let one = |it: &Followed| match &it.fate {
        Fate::Gone | Fate::Live => one(report, &it.held),
        Fate::NotYet { why, failures, next } => {
            let said = why.as_ref().map(|why| format!("\n    {why}")).unwrap_or_default();
            let failures = match failures {
                0 => String::new(),
                1 => "failed once, ".to_owned(),
                many => format!("failed {many} times in a row, "),
            };
            let next = next.map_or("not tried again by itself".to_owned(), |at| format!("tried again {}", moment(at)));
            format!("{}{said}\n    {failures}{next}", one(report, &it.held))
        }
    };
    all.map(one).collect()
}

fn foreign(plan: &Plan) -> Vec<String> {
    let line = |it: &Foreign| format!("  {}: {} has {}", it.cloud.as_str(), it.who, it.live.resource);
    plan.foreign.iter().map(line).collect()
}

fn unanswered(plan: &Plan) -> Vec<String> {
    let line = |it: &Unanswered| {
        let more = match it.more {
            0 => String::new(),
            1 => ", and 1 thing more".to_owned(),
            many => format!(", and {many} things more"),
        };
        format!("  {}: {}{more}\n    {}", it.cloud.as_str(), it.place, it.why)
    };
    plan.unanswered.iter().map(line).collect()
}

fn outcome(report: &Report) -> String {
    let partly = if report.plan.unanswered.is_empty() { "" } else { " as far as could be found out" };
    let differences = report.plan.differences();
    match &report.mended {
        _ if differences == 0 => format!("Nothing to do: the clouds have what the grants say{partly}."),
        None => {
            let found = counted(differences, "difference", "differences");
            format!("{found}{partly}. `jit drift --apply` mends what can be mended.")
        }
        Some(mended) => {
            let done = mended.iter().filter(|it| it.fate.is_final()).count();
            let left = mended.len() - done;
            let moved = differences.saturating_sub(mended.len());
            let mut text = format!("{done} of {} mended{partly}.", counted(differences, "difference", "differences"));
            if moved > 0 {
                let _ = write!(text, " {moved} had moved on meanwhile.");
            }
            if left > 0 {
                text.push_str(" The bot goes on with the rest, or takes it up when it starts.");
            }
            text
        }
    }
}

fn cost(plan: &Plan) -> String {
    let things: usize = plan.asked.values().map(|asked| asked.told.len()).sum();
    let calls: u64 = plan.asked.values().map(|asked| asked.calls.count()).sum();
    let calls = usize::try_from(calls).unwrap_or(usize::MAX);
    let mut text =
        format!("Asked about {} with {}.", counted(things, "thing", "things"), counted(calls, "call", "calls"));
    for (cloud, Asked { told, calls }) in plan.asked.iter().filter(|(_, asked)| asked.calls.count() > 0) {
        let things = counted(told.len(), "thing", "things");
        let count = counted(usize::try_from(calls.count()).unwrap_or(usize::MAX), "call", "calls");
        let _ = write!(text, "\n  {}: {things}, {count} ({})", cloud.as_str(), by_name(calls));
    }
    text.push_str(
        "\nCalls grow with the accounts × permission sets, groups, users and roles that are opened, not with people.",
    );
    text
}

fn by_name(Calls(calls): &Calls) -> String {
    calls.iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
