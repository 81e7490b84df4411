//! `[[role.target]]`: what a role opens.

use super::{
    context::Context,
    forms,
    reader::{Node, Table},
    sections, session_policy,
    source::At,
    suggest,
};
use crate::domain::{
    catalog::{AwsSts, Demo, EarlyEnd, Target},
    ids::RoleName,
};

/// What can be opened today.
const KNOWN: [&str; 2] = ["aws-sts", "demo"];

/// What the configuration has names for already, and their keys.
const TO_COME: [(&str, &[&str]); 5] = [
    ("aws-identity-center", &["account", "permission_set_arn"]),
    ("aws-iam-policy", &["user", "policy"]),
    ("azure-role", &["scope", "role_definition_id"]),
    ("entra-role", &["role_definition_id", "directory_scope"]),
    ("entra-group", &["group_id", "access"]),
];

/// One target.
pub(super) fn read(
    table: &mut Table<'_>,
    role: Option<&RoleName>,
    has_aws: bool,
    context: &Context<'_>,
) -> Option<Target> {
    let word = table.required("type", forms::at(forms::text));
    let Some(At { value: word, .. }) = word else {
        table.forgo_the_rest();
        return None;
    };
    match word.as_str() {
        "aws-sts" => aws_sts(table, has_aws, context).map(Target::AwsSts),
        "demo" => role.map(|role| Target::Demo(Demo { name: role.as_str().to_owned() })),
        other => {
            refuse_unknown(table, other);
            None
        }
    }
}

fn refuse_unknown(table: &mut Table<'_>, word: &str) {
    let known = KNOWN.join(" and ");
    let to_come = TO_COME.iter().find(|(name, _)| *name == word);
    let (message, help) = match to_come {
        Some(_) => (
            format!("Targets of type \"{word}\" are not available yet in this version"),
            format!("This version opens {known}. Take the target out until yours can open it."),
        ),
        None => (format!("There is no target of type \"{word}\""), suggest::way_out(word, &KNOWN)),
    };
    table.optional("type", |node| -> Option<()> {
        node.refuse(message, help);
        None
    });
    table.forgo_the_rest();
}

fn aws_sts(table: &mut Table<'_>, has_aws: bool, context: &Context<'_>) -> Option<AwsSts> {
    let role_arn = table.required("role_arn", forms::role_arn);
    let external_id = table.optional("external_id", |node| sections::external_id(node, context));
    let session_policy = table.optional("session_policy", |node| session_policy::read(node, context));
    let options = [("deny-policy", EarlyEnd::DenyPolicy), ("none", EarlyEnd::None)];
    let early_end = table.optional("early_end", forms::choice(&options)).unwrap_or_default();
    if !has_aws {
        table.optional("type", |node| -> Option<()> {
            let help = "Add the table [aws] with region = \"eu-west-1\" to the main file.";
            node.refuse("A target of type \"aws-sts\" needs the table [aws]", help);
            None
        });
    }
    Some(AwsSts { role_arn: role_arn?, external_id, session_policy, early_end })
}

/// All targets of a role; the same thing twice would be taken away twice.
pub(super) fn read_all(node: Node<'_>, role: Option<&RoleName>, has_aws: bool, context: &Context<'_>) -> Vec<Target> {
    let mut targets: Vec<At<Target>> = Vec::new();
    for At { value, place } in node.tables(|table| read(table, role, has_aws, context)) {
        let Some(target) = value else { continue };
        let same = |other: &&At<Target>| {
            other.value.provider() == target.provider() && other.value.resource() == target.resource()
        };
        if let Some(first) = targets.iter().find(same) {
            let finding = super::problem::Finding::at(
                place,
                format!("This role opens {} twice", target.resource()),
                "Take one of the two targets out.",
            );
            node.report.add(finding.label("again here").also(first.place, "first here"));
            continue;
        }
        targets.push(At { value: target, place });
    }
    targets.into_iter().map(|target| target.value).collect()
}
