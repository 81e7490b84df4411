//! `[[role.target]]`: what a role opens.

use super::{
    cloud_target,
    context::Context,
    forms,
    reader::{Node, Table},
    sections, session_policy,
    source::At,
    suggest,
};
use crate::domain::{
    catalog::{AwsSts, Demo, DemoCloud, EarlyEnd, Target},
    ids::RoleName,
};

/// What can be opened today.
const KNOWN: [&str; 5] = ["aws-sts", "aws-identity-center", "aws-iam-policy", "aws-iam-group", "demo"];

/// What the configuration has names for already, and their keys.
const TO_COME: [(&str, &[&str]); 3] = [
    ("azure-role", &["scope", "role_definition_id"]),
    ("entra-role", &["role_definition_id", "directory_scope"]),
    ("entra-group", &["group_id", "access"]),
];

/// One target, or several of a kind that are written as one.
pub(super) fn read(
    table: &mut Table<'_>,
    role: Option<&RoleName>,
    has_aws: bool,
    context: &Context<'_>,
) -> Vec<Target> {
    let word = table.required("type", forms::at(forms::text));
    let Some(At { value: word, .. }) = word else {
        table.forgo_the_rest();
        return Vec::new();
    };
    if word.starts_with("aws-") && !has_aws && KNOWN.contains(&word.as_str()) {
        refuse_without_aws(table, &word);
    }
    match word.as_str() {
        "aws-sts" => aws_sts(table, context).map(Target::AwsSts).into_iter().collect(),
        "aws-identity-center" => {
            cloud_target::identity_center(table).into_iter().flatten().map(Target::AwsIdentityCenter).collect()
        }
        "aws-iam-policy" => cloud_target::iam_policy(table, context).map(Target::AwsIamPolicy).into_iter().collect(),
        "aws-iam-group" => cloud_target::iam_group(table).map(Target::AwsIamGroup).into_iter().collect(),
        "demo" => demo(table, role).map(Target::Demo).into_iter().collect(),
        other => {
            refuse_unknown(table, other);
            Vec::new()
        }
    }
}

fn refuse_without_aws(table: &mut Table<'_>, word: &str) {
    table.optional("type", |node| -> Option<()> {
        let help = "Add the table [aws] with region = \"eu-west-1\" to the main file.";
        node.refuse(format!("A target of type \"{word}\" needs the table [aws]"), help);
        None
    });
}

fn refuse_unknown(table: &mut Table<'_>, word: &str) {
    let (last, others) = KNOWN.split_last().unwrap_or((&"", &[]));
    let known = format!("{} and {last}", others.join(", "));
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

fn demo(table: &mut Table<'_>, role: Option<&RoleName>) -> Option<Demo> {
    let name = table.optional("name", forms::text);
    let clouds = [("aws", DemoCloud::Aws), ("azure", DemoCloud::Azure)];
    let cloud = table.optional("cloud", forms::choice(&clouds)).unwrap_or_default();
    let sessions = table.optional("sessions", forms::boolean).unwrap_or_default();
    let name = name.or_else(|| role.map(|role| role.as_str().to_owned()))?;
    Some(Demo { name, cloud, sessions })
}

fn aws_sts(table: &mut Table<'_>, context: &Context<'_>) -> Option<AwsSts> {
    let role_arn = table.required("role_arn", forms::role_arn);
    let external_id = table.optional("external_id", |node| sections::external_id(node, context));
    let session_policy = table.optional("session_policy", |node| session_policy::read(node, context));
    let options = [("deny-policy", EarlyEnd::DenyPolicy), ("none", EarlyEnd::None)];
    let early_end = table.optional("early_end", forms::choice(&options)).unwrap_or_default();
    Some(AwsSts { role_arn: role_arn?, external_id, session_policy, early_end })
}

/// All targets of a role; the same thing twice would be taken away twice.
pub(super) fn read_all(node: Node<'_>, role: Option<&RoleName>, has_aws: bool, context: &Context<'_>) -> Vec<Target> {
    let mut targets: Vec<At<Target>> = Vec::new();
    let read = node.tables(|table| read(table, role, has_aws, context)).into_iter();
    for (target, place) in read.flat_map(|At { value, place }| value.into_iter().map(move |target| (target, place))) {
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
