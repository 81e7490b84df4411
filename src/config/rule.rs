//! `[[role.rule]]`: who must approve what, and whether the rules of a role make sense together.

use std::{collections::BTreeSet, num::NonZeroU8, time::Duration};

use super::{
    forms,
    groups::Groups,
    problem::{Finding, Report},
    reader::{Node, Table, Wants},
    source::{At, Place},
};
use crate::domain::{
    catalog::{Requesters, Rule},
    ids::UserId,
    people::Circle,
    time::short,
};

/// One rule, by itself.
pub(super) fn read<'r>(table: &mut Table<'r>, groups: &Groups<'r>) -> Option<Rule> {
    let before = table.report().count();
    let wants = Wants("a table", "when = { up_to = \"30m\" }");
    let when = table.optional("when", |node: Node<'r>| node.table(&wants, conditions)).flatten();
    let (up_to, destroys_nothing) = when.unwrap_or_default();
    let approvals = table.optional("approvals", forms::at(approvals));
    let approvers = table.required("approvers", forms::at(|node| groups.circle(node)));
    let self_approval = table.optional("self_approval", forms::boolean).unwrap_or(false);
    if table.report().count() > before {
        return None;
    }
    let approvers = approvers?;
    let one = At { value: NonZeroU8::MIN, place: approvers.place };
    let approvals = approvals.unwrap_or(one);
    enough(table.report(), &approvals, &approvers)?;
    Some(Rule { up_to, destroys_nothing, approvals: approvals.value, approvers: approvers.value, self_approval })
}

/// What a request must be for the rule to fit; at least one condition must be there.
fn conditions(table: &mut Table<'_>) -> Option<(Option<Duration>, bool)> {
    let before = table.report().count();
    let destroys = table.optional("destroys", destroys_nothing);
    let up_to = if destroys.is_some() || table.report().count() > before {
        table.optional("up_to", forms::duration)
    } else {
        table.required("up_to", forms::duration)
    };
    (table.report().count() == before).then_some((up_to, destroys.is_some()))
}

fn destroys_nothing(node: Node<'_>) -> Option<()> {
    if forms::boolean(node)? {
        let help = "Write destroys = false for a rule that fits plans which destroy nothing; the rules after it decide the \
                    others.";
        node.refuse("No rule is for plans that destroy something alone", help);
        return None;
    }
    Some(())
}

fn approvals(node: Node<'_>) -> Option<NonZeroU8> {
    let number = node.number(&Wants("a number", "1"))?;
    let approvals = u8::try_from(number).ok().and_then(NonZeroU8::new);
    if approvals.is_none() && number < 1 {
        let help = "Write approvals = 1 or more. To let people approve their own requests, add self_approval = true.";
        node.refuse("jit never grants without a person's decision", help);
    } else if approvals.is_none() {
        node.refuse(format!("{number} people will never approve one request"), "Write 255 or less; 1 or 2 is usual.");
    }
    approvals
}

/// A rule needs as many approvers as approvals. Who is in a Slack user group is not known here.
fn enough(report: &Report, approvals: &At<NonZeroU8>, approvers: &At<Circle>) -> Option<()> {
    let wanted = usize::from(approvals.value.get());
    let there = approvers.value.users.len();
    if !approvers.value.user_groups.is_empty() || there >= wanted {
        return Some(());
    }
    let message = format!("This rule can never be satisfied: it wants {wanted} approvals and names {}", people(there));
    let help = "Name more approvers (or a Slack user group), or ask for fewer approvals.";
    report.add(Finding::at(approvals.place, message, help).also(approvers.place, "these may approve"));
    None
}

/// The first rule that fits decides: each must be able to, and together they must cover every duration.
pub(super) fn check_together(report: &Report, role: Place, rules: &[At<Rule>], min: Duration, max: Duration) {
    let reach = |rule: &Rule| rule.up_to.unwrap_or(Duration::MAX);
    let mut widest: Option<&At<Rule>> = None;
    // A rule for harmless plans keeps nothing from the rules after it, but for other rules for harmless plans.
    let mut harmless: Option<&At<Rule>> = None;
    for rule in rules {
        let before = if rule.value.destroys_nothing {
            [harmless, widest].into_iter().flatten().max_by_key(|rule| reach(&rule.value))
        } else {
            widest
        };
        match before {
            Some(earlier) if reach(&earlier.value) >= reach(&rule.value) => refuse_unreached(report, rule, earlier),
            _ if reach(&rule.value) < min => {
                let message = format!("This rule never fits: no request may be shorter than {}", short(min));
                let help = "Raise its up_to, lower the role's min_duration, or take it out.";
                report.add(Finding::at(rule.place, message, help));
            }
            _ if rule.value.destroys_nothing => harmless = Some(rule),
            _ => widest = Some(rule),
        }
    }
    if let Some(up_to) = widest.and_then(|rule| rule.value.up_to).filter(|up_to| *up_to < max) {
        let message = format!("No rule decides requests longer than {} (the role allows {})", short(up_to), short(max));
        let help = format!("Add a [[role.rule]] without `when` at the end, or lower max_duration to {}.", short(up_to));
        report.add(Finding::at(role, message, help));
    }
}

fn refuse_unreached(report: &Report, rule: &At<Rule>, earlier: &At<Rule>) {
    let decided =
        earlier.value.up_to.map_or("every request".to_owned(), |up_to| format!("requests up to {}", short(up_to)));
    let help = "The first rule that fits decides. Put the rule for shorter requests first, or take this one out.";
    let finding = Finding::at(rule.place, "This rule is never reached", help).label("this one");
    report.add(finding.also(earlier.place, format!("this one already decides {decided}")));
}

/// Nobody decides about themselves, so each requester needs enough *other* approvers.
pub(super) fn check_requesters(report: &Report, rules: &[At<Rule>], requesters: &Requesters) {
    let Requesters::Only(asking) = requesters else { return };
    for At { value: rule, place } in rules.iter().filter(|rule| !rule.value.self_approval) {
        let known = asking.user_groups.is_empty() && rule.approvers.user_groups.is_empty();
        let others = |person: &UserId| rule.approvers.users.iter().filter(|approver| *approver != person).count();
        let stuck: BTreeSet<&UserId> =
            asking.users.iter().filter(|person| others(person) < usize::from(rule.approvals.get())).collect();
        if known && !stuck.is_empty() && stuck.len() == asking.users.len() {
            let message = "This rule can never be satisfied: whoever asks may not approve, and too few others can";
            let help = "Name more approvers, or allow self_approval = true if one person may do it alone.";
            report.add(Finding::at(*place, message, help));
        }
    }
}

fn people(count: usize) -> String {
    if count == 1 { "1 person".to_owned() } else { format!("{count} people") }
}
