//! `[[role]]`: what can be asked for by name.

use std::{collections::BTreeMap, time::Duration};

use super::{
    context::Context,
    forms,
    groups::Groups,
    problem::Finding,
    reader::{Node, Table},
    rule,
    source::{At, Place},
    target::{self, Clouds},
};
use crate::domain::{
    azure,
    catalog::{Requesters, Role, Target},
    ids::{ChannelId, RoleName},
    time::short,
};

const USUAL_MIN: Duration = Duration::from_mins(1);
const USUAL_DEFAULT: Duration = Duration::from_mins(30);
const USUAL_TIMEOUT: Duration = Duration::from_hours(1);
/// Nobody can decide in less.
const SHORTEST_TIMEOUT: Duration = Duration::from_mins(1);

/// What roles need from the rest of the configuration.
pub(super) struct Around<'a, 'r> {
    pub context: &'a Context<'a>,
    pub groups: &'a Groups<'r>,
    pub clouds: Clouds,
    pub requests_channel: ChannelId,
}

/// All roles of all files; a name stands for one of them.
pub(super) fn read_all<'r>(nodes: &[Node<'r>], around: &Around<'_, 'r>) -> BTreeMap<RoleName, Role> {
    let mut places: BTreeMap<RoleName, Place> = BTreeMap::new();
    let mut roles = BTreeMap::new();
    for node in nodes {
        for (name, role) in node.tables(|table| read(table, around)).into_iter().map(|role| role.value) {
            let Some(name) = name else { continue };
            if let Some(first) = places.get(&name.value) {
                let help = "Give one of them another name, or take it out.";
                let finding = Finding::at(name.place, format!("There are two roles \"{}\"", name.value), help);
                node.report.add(finding.label("again here").also(*first, "first here"));
                continue;
            }
            places.insert(name.value.clone(), name.place);
            roles.extend(role.map(|role| (name.value, role)));
        }
    }
    roles
}

/// One role. Its name is told even when the rest is not in order, so that a second one of that name is found.
fn read<'r>(table: &mut Table<'r>, around: &Around<'_, 'r>) -> (Option<At<RoleName>>, Option<Role>) {
    let name = table.required("name", forms::at(forms::role_name));
    let role = body(table, name.as_ref(), around);
    (name, role)
}

fn body<'r>(table: &mut Table<'r>, name: Option<&At<RoleName>>, around: &Around<'_, 'r>) -> Option<Role> {
    let report = table.report();
    let role_name = name.map(|name| name.value.clone());
    let before = report.count();
    let description = table.optional("description", forms::text).unwrap_or_default();
    let targets = table
        .required("target", |node| Some(target::read_all(node, role_name.as_ref(), &around.clouds, around.context)));
    let durations = durations(table, targets.as_ref().is_some_and(|targets| targets.iter().any(Target::is_in_azure)));
    let reason = table.optional("reason", forms::choice(&[("required", true), ("optional", false)]));
    let ticket = table.optional("ticket", forms::pattern);
    let requesters =
        table.optional("requesters", |node| around.groups.circle(node)).map_or(Requesters::Everybody, Requesters::Only);
    let approval_timeout = table.optional("approval_timeout", approval_timeout).unwrap_or(USUAL_TIMEOUT);
    let channel = table.optional("channel", forms::channel);
    let rules = table.required("rule", |node| Some(node.tables(|table| rule::read(table, around.groups))));

    let (min_duration, max_duration, default_duration) = durations?;
    let all_rules = rules?;
    let rules: Vec<At<_>> = all_rules
        .into_iter()
        .map(|At { value, place }| value.map(|value| At { value, place }))
        .collect::<Option<_>>()?;
    rule::check_together(report, name.map_or(table.place(), |name| name.place), &rules, min_duration, max_duration);
    if report.count() == before {
        rule::check_requesters(report, &rules, &requesters);
    }
    Some(Role {
        name: role_name?,
        description,
        min_duration,
        max_duration,
        default_duration,
        reason_required: reason.unwrap_or(true),
        ticket,
        requesters,
        approval_timeout,
        channel: channel.unwrap_or_else(|| around.requests_channel.clone()),
        rules: rules.into_iter().map(|rule| rule.value).collect(),
        targets: targets?,
    })
}

/// Shortest, longest and usual duration. The usual one is 30 minutes, or as near to that as the limits let it be.
/// Azure gives nothing for less than five minutes.
fn durations(table: &mut Table<'_>, is_in_azure: bool) -> Option<(Duration, Duration, Duration)> {
    let before = table.report().count();
    let min = table.optional("min_duration", forms::at(forms::duration));
    let max = table.required("max_duration", forms::at(forms::duration));
    let default = table.optional("default_duration", forms::at(forms::duration));
    let max = max?;
    if table.report().count() > before {
        return None;
    }
    if is_in_azure {
        for (key, said) in [("min_duration", min.as_ref()), ("max_duration", Some(&max))] {
            refuse_too_short_for_azure(table, key, said);
        }
        if table.report().count() > before {
            return None;
        }
    }
    let usual_min = if is_in_azure { azure::SHORTEST } else { USUAL_MIN };
    let shortest = min.as_ref().map_or(usual_min.min(max.value), |min| min.value);
    let usual = default.as_ref().map_or(USUAL_DEFAULT.min(max.value).max(shortest), |default| default.value);
    if let Some(min) = min.filter(|min| min.value > max.value) {
        let message = format!("`min_duration` {} is longer than `max_duration` {}", short(min.value), short(max.value));
        let finding = Finding::at(min.place, message, "Swap the two, or mend one.");
        table.report().add(finding.also(max.place, "the most that is allowed"));
    } else if let Some(default) = default.filter(|_| !(shortest..=max.value).contains(&usual)) {
        let limits = format!("{} to {}", short(shortest), short(max.value));
        let message = format!("`default_duration` {} is outside of what the role allows, {limits}", short(usual));
        let help = "It is what people get who name no duration: choose one between min_duration and max_duration.";
        table.report().add(Finding::at(default.place, message, help));
    }
    (table.report().count() == before).then_some((shortest, max.value, usual))
}

fn refuse_too_short_for_azure(table: &Table<'_>, key: &'static str, said: Option<&At<Duration>>) {
    let Some(said) = said.filter(|said| said.value < azure::SHORTEST) else { return };
    let message = format!("`{key}` {} is too short for a role that opens something in Azure", short(said.value));
    let help = format!(
        "Azure assigns nothing for less than {0}, and takes nothing away that is younger: write \"{0}\" or longer.",
        short(azure::SHORTEST)
    );
    table.report().add(Finding::at(said.place, message, help));
}

fn approval_timeout(node: Node<'_>) -> Option<Duration> {
    let timeout = forms::duration(node)?;
    if timeout < SHORTEST_TIMEOUT {
        let message = format!("{} is too short for anybody to decide", short(timeout));
        node.refuse(message, "Give approvers at least 1m; 1h is usual.");
        return None;
    }
    Some(timeout)
}
