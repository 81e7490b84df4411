//! What `jit check` says about a configuration that is in order: each role as people will meet it.

use std::{collections::BTreeSet, fmt::Write as _};

use super::Config;
use crate::domain::{
    catalog::{AwsSts, EarlyEnd, Requesters, Role, Rule, Target},
    ids::RoleName,
    people::Circle,
    time::short,
    workload::{Proof, TokenRule, Workload},
};

/// As many names as one reads at a glance.
const NAMES_SHOWN: usize = 6;

/// The configuration in words.
#[must_use]
pub fn summary(config: &Config) -> String {
    let roles = &config.catalog.roles;
    let count = match roles.len() {
        0 => "no role yet, so nothing can be asked for".to_owned(),
        1 => "1 role".to_owned(),
        many => format!("{many} roles"),
    };
    let file = config.main_file().display();
    let included = match config.files.len().saturating_sub(1) {
        0 => String::new(),
        1 => " and 1 included file".to_owned(),
        many => format!(" and {many} included files"),
    };
    let roles: Vec<String> = roles.values().map(|role| format!("\n{}", one_role(role))).collect();
    let workloads: Vec<String> =
        config.catalog.workloads.values().map(|it| format!("\n{}", one_workload(it))).collect();
    format!("{file}{included}: in order, {count}.\n{}{}", roles.concat(), workloads.concat())
}

fn one_role(role: &Role) -> String {
    let mut text = role.name.to_string();
    if !role.description.is_empty() {
        let _ = write!(text, ": {}", role.description);
    }
    text.push('\n');
    line(&mut text, "who", &requesters(&role.requesters));
    line(&mut text, "how long", &durations(role));
    line(&mut text, "reason", &reason(role));
    for rule in &role.rules {
        line(&mut text, &fits(rule), &decision(rule));
    }
    line(&mut text, "lapses", &format!("after {} without a decision", short(role.approval_timeout)));
    for target in &role.targets {
        line(&mut text, "opens", &opens(target));
    }
    text
}

fn one_workload(workload: &Workload) -> String {
    let mut text = format!("{}, a pipeline\n", workload.name);
    let claims = |rule: &TokenRule| {
        let claim = |(name, values): (&String, &BTreeSet<String>)| {
            format!("{name} {}", values.iter().cloned().collect::<Vec<_>>().join(" or "))
        };
        rule.claims.iter().map(claim).collect::<Vec<_>>().join(", ")
    };
    let proof = match &workload.proof {
        Proof::Token(rule) => format!("a token of {} with {}", rule.issuer, claims(rule)),
        Proof::AwsCaller(caller) => {
            let names = [caller.role.as_deref(), caller.role_id.as_deref()];
            let role = names.into_iter().flatten().collect::<Vec<_>>().join(", ");
            format!("a call of {} as the role {role} of account {}", caller.host(), caller.account)
        }
    };
    line(&mut text, "proves", &proof);
    let roles: Vec<&str> = workload.roles.iter().map(RoleName::as_str).collect();
    line(&mut text, "may ask", &roles.join(", "));
    line(&mut text, "signed in", &format!("for {}", short(workload.session)));
    text
}

fn line(text: &mut String, name: &str, words: &str) {
    let _ = writeln!(text, "  {name:<11} {words}");
}

fn requesters(requesters: &Requesters) -> String {
    match requesters {
        Requesters::Everybody => "everybody in the workspace".to_owned(),
        Requesters::Only(circle) => names(circle),
    }
}

fn durations(role: &Role) -> String {
    let [min, max, usual] = [role.min_duration, role.max_duration, role.default_duration].map(short);
    format!("{min} to {max}, {usual} unless said otherwise")
}

fn reason(role: &Role) -> String {
    let needed = if role.reason_required { "required" } else { "optional" };
    role.ticket.as_ref().map_or(needed.to_owned(), |ticket| format!("{needed}, with a ticket like {ticket}"))
}

/// For what a rule is there.
fn fits(rule: &Rule) -> String {
    let length = rule.up_to.map_or("any length".to_owned(), |up_to| format!("up to {}", short(up_to)));
    if rule.destroys_nothing { format!("{length}, for plans that destroy nothing") } else { length }
}

fn decision(rule: &Rule) -> String {
    let who = names(&rule.approvers);
    let own = if rule.self_approval { ", the requester may be among them" } else { "" };
    match rule.approvals.get() {
        1 => format!("1 approval from {who}{own}"),
        many => format!("{many} approvals by different people from {who}{own}"),
    }
}

fn names(circle: &Circle) -> String {
    let users = circle.users.iter().map(ToString::to_string);
    let groups = circle.user_groups.iter().map(|group| format!("user group {group}"));
    let all: Vec<String> = groups.chain(users).collect();
    match all.len().checked_sub(NAMES_SHOWN) {
        None | Some(0) => all.join(", "),
        Some(more) => format!("{} and {more} more", all[..NAMES_SHOWN].join(", ")),
    }
}

fn opens(target: &Target) -> String {
    match target {
        Target::AwsSts(AwsSts { role_arn, session_policy, early_end, .. }) => {
            let scoped = if session_policy.is_some() { ", scoped down by a session policy" } else { "" };
            let end = match early_end {
                EarlyEnd::DenyPolicy => "an early end cuts sessions off",
                EarlyEnd::None => "an early end lets sessions run out",
            };
            format!("AWS sessions of {role_arn}{scoped}; {end}")
        }
        Target::AwsIdentityCenter(target) => {
            let end = if target.cut_off_sessions { "; an end cuts sessions off" } else { "" };
            format!("permission set {} on account {}{end}", target.permission_set_arn, target.account)
        }
        Target::AwsIamPolicy(target) => format!("a policy of its own on {}, that ends by itself", target.on),
        Target::AwsIamGroup(target) => {
            format!("IAM group {} for user {}; AWS knows no end for that, the bot makes it", target.group, target.user)
        }
        Target::AzureRole(target) => {
            format!("Azure role {} at {}{}", target.role(), target.scope, holder(target.holder_object_id.as_deref()))
        }
        Target::EntraRole(target) => {
            let everywhere = if target.directory_scope == "/" { "" } else { &target.directory_scope };
            let at = if everywhere.is_empty() { String::new() } else { format!(" for {everywhere}") };
            format!("Entra role {}{at}{}", target.role(), holder(target.holder_object_id.as_deref()))
        }
        Target::EntraGroup(target) => {
            let access = target.access.as_str();
            format!("{access} of Entra group {}{}", target.group_id, holder(target.holder_object_id.as_deref()))
        }
        Target::Demo(demo) => format!("{} in the demo cloud of this process", demo.name),
    }
}

/// For whom it is opened, when that is not whoever asks.
fn holder(object_id: Option<&str>) -> String {
    object_id.map(|id| format!(", for {id} whoever asks")).unwrap_or_default()
}
