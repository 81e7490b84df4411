//! `[[role.target]]`: what a role opens.

use std::collections::BTreeSet;

use super::{
    azure_target, cloud_target,
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
const KNOWN: [&str; 8] = [
    "aws-sts",
    "aws-identity-center",
    "aws-iam-policy",
    "aws-iam-group",
    "azure-role",
    "entra-role",
    "entra-group",
    "demo",
];

/// What the main file says about the clouds.
pub(super) struct Clouds {
    pub has_aws: bool,
    pub has_azure: bool,
    /// The roles in the Entra directory that may be opened; `None` when that is not known because of other problems.
    pub entra_roles: Option<BTreeSet<String>>,
}

/// One target, or several of a kind that are written as one.
pub(super) fn read(
    table: &mut Table<'_>,
    role: Option<&RoleName>,
    clouds: &Clouds,
    context: &Context<'_>,
) -> Vec<Target> {
    let word = table.required("type", forms::at(forms::text));
    let Some(At { value: word, .. }) = word else {
        table.forgo_the_rest();
        return Vec::new();
    };
    if KNOWN.contains(&word.as_str()) {
        refuse_without_cloud(table, &word, clouds);
    }
    match word.as_str() {
        "aws-sts" => aws_sts(table, context).map(Target::AwsSts).into_iter().collect(),
        "aws-identity-center" => {
            cloud_target::identity_center(table).into_iter().flatten().map(Target::AwsIdentityCenter).collect()
        }
        "aws-iam-policy" => cloud_target::iam_policy(table, context).map(Target::AwsIamPolicy).into_iter().collect(),
        "aws-iam-group" => cloud_target::iam_group(table).map(Target::AwsIamGroup).into_iter().collect(),
        "azure-role" => azure_target::azure_role(table).map(Target::AzureRole).into_iter().collect(),
        "entra-role" => {
            azure_target::entra_role(table, clouds.entra_roles.as_ref()).map(Target::EntraRole).into_iter().collect()
        }
        "entra-group" => azure_target::entra_group(table).map(Target::EntraGroup).into_iter().collect(),
        "demo" => demo(table, role).map(Target::Demo).into_iter().collect(),
        other => {
            refuse_unknown(table, other);
            Vec::new()
        }
    }
}

fn refuse_without_cloud(table: &mut Table<'_>, word: &str, clouds: &Clouds) {
    let (header, help) = if word.starts_with("aws-") && !clouds.has_aws {
        ("[aws]", "Add the table [aws] with region = \"eu-west-1\" to the main file.")
    } else if (word.starts_with("azure-") || word.starts_with("entra-")) && !clouds.has_azure {
        (
            "[azure]",
            "Add the table [azure] with tenant_id and credential to the main file; config/example.toml shows it.",
        )
    } else {
        return;
    };
    table.optional("type", |node| -> Option<()> {
        node.refuse(format!("A target of type \"{word}\" needs the table {header}"), help);
        None
    });
}

fn refuse_unknown(table: &mut Table<'_>, word: &str) {
    table.optional("type", |node| -> Option<()> {
        node.refuse(format!("There is no target of type \"{word}\""), suggest::way_out(word, &KNOWN));
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
pub(super) fn read_all(node: Node<'_>, role: Option<&RoleName>, clouds: &Clouds, context: &Context<'_>) -> Vec<Target> {
    let mut targets: Vec<At<Target>> = Vec::new();
    let read = node.tables(|table| read(table, role, clouds, context)).into_iter();
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
