//! The AWS targets that something exists for in AWS while a grant lives: assignments of permission sets, policies on IAM
//! users and roles, memberships of IAM groups.

use std::{collections::BTreeMap, sync::LazyLock};

use jiff::Timestamp;
use regex::Regex;

use super::{
    context::Context,
    forms, policy_file,
    problem::Finding,
    reader::{Node, Table, Wants},
    source::Place,
};
use crate::domain::{
    catalog::{AwsIamGroup, AwsIamPolicy, AwsIdentityCenter, IamPrincipal},
    iam_policy,
};

/// The longest names of users and of roles. Source: IAM User Guide, "IAM and AWS STS quotas".
const LONGEST_NAME: usize = 64;
/// The longest names of groups.
const LONGEST_GROUP: usize = 128;

/// A permission set on each of the accounts.
pub(super) fn identity_center(table: &mut Table<'_>) -> Option<Vec<AwsIdentityCenter>> {
    let accounts = table.required("account", accounts);
    let permission_set_arn = table.required("permission_set_arn", permission_set_arn);
    let cut_off_sessions = table.optional("cut_off_sessions", forms::boolean).unwrap_or(false);
    let (accounts, permission_set_arn) = (accounts?, permission_set_arn?);
    let assignment = |account: &String| AwsIdentityCenter::new(account, &permission_set_arn, cut_off_sessions);
    Some(accounts.iter().map(assignment).collect())
}

/// One account, several, or an organisational unit.
fn accounts(node: Node<'_>) -> Option<Vec<String>> {
    const WANTS: Wants = Wants("an account, a list of accounts, or an organisational unit", "\"111122223333\"");
    if node.is_text() {
        return Some(vec![account(node)?]);
    }
    let mut places: BTreeMap<String, Place> = BTreeMap::new();
    let mut accounts = Vec::new();
    for node in node.list(&WANTS)? {
        let account = account(node)?;
        if let Some(first) = places.insert(account.clone(), node.place()) {
            let finding =
                Finding::at(node.place(), format!("{account} is in the list twice"), "Take one of the two out.");
            node.report.add(finding.also(first, "first here"));
            return None;
        }
        accounts.push(account);
    }
    Some(accounts)
}

fn account(node: Node<'_>) -> Option<String> {
    static ACCOUNT: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"^([0-9]{12}|ou-[0-9a-z]{4,32}-[0-9a-z]{8,32})$").expect("a valid pattern"));
    let text = node.text(&Wants("an account", "\"111122223333\" between quotes"))?;
    if !ACCOUNT.is_match(text) {
        let help = "Write the account's twelve digits between quotes, or the id of an organisational unit, which stands \
                    for the accounts in it: ou-ab12-11111111.";
        node.refuse(format!("\"{text}\" is not an AWS account"), help);
        return None;
    }
    Some(text.to_owned())
}

fn permission_set_arn(node: Node<'_>) -> Option<String> {
    static PERMISSION_SET: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            r"^arn:(aws|aws-us-gov|aws-cn):sso:::(permissionSet|instance)/(sso)?ins-[a-zA-Z0-9.-]+/ps-[a-zA-Z0-9.-]+$",
        )
        .expect("a valid pattern")
    });
    let example = "\"arn:aws:sso:::permissionSet/ssoins-1234567890abcdef/ps-1234567890abcdef\"";
    let text = node.text(&Wants("the ARN of a permission set", example))?;
    if !PERMISSION_SET.is_match(text) {
        let help = "It looks like arn:aws:sso:::permissionSet/ssoins-1234567890abcdef/ps-1234567890abcdef; Identity \
                    Center shows it on the permission set's page.";
        node.refuse(format!("\"{text}\" is not the ARN of a permission set"), help);
        return None;
    }
    Some(text.to_owned())
}

/// A policy on a user or a role.
pub(super) fn iam_policy(table: &mut Table<'_>, context: &Context<'_>) -> Option<AwsIamPolicy> {
    let before = table.report().count();
    let user = table.optional("user", name(LONGEST_NAME));
    let role = table.optional("role", name(LONGEST_NAME));
    let is_judged = table.report().count() == before;
    let on = match (user, role) {
        (Some(user), None) => Some(IamPrincipal::User(user)),
        (None, Some(role)) => Some(IamPrincipal::Role(role)),
        (Some(_), Some(_)) => {
            let help = "Take one of them out, or make two targets of it.";
            table.report().add(Finding::at(table.place(), "A policy is for a `user` or a `role`, not for both", help));
            None
        }
        (None, None) if is_judged => {
            let help = "Add user = \"...\" or role = \"...\": the name of whoever gets the policy.";
            table.report().add(Finding::at(table.place(), "`target` lacks `user` or `role`", help));
            None
        }
        (None, None) => None,
    };
    let policy = table.required("policy", |node| policy(node, on.as_ref(), context));
    Some(AwsIamPolicy::new(on?, policy?))
}

/// The policy in a file, minified. It is tried with an end in it, which is how AWS will get it.
fn policy(node: Node<'_>, on: Option<&IamPrincipal>, context: &Context<'_>) -> Option<String> {
    let (name, document) = policy_file::read(node, context)?;
    let document = document.to_string();
    let ending = match iam_policy::ending(&document, Timestamp::UNIX_EPOCH) {
        Ok(ending) => ending,
        Err(flaw) => {
            node.refuse(format!("{name} cannot be used: {flaw}"), "Mend the file.");
            return None;
        }
    };
    let (length, room) = (iam_policy::length(&ending), on.map_or(usize::MAX, IamPrincipal::room));
    if length > room {
        let help = "White space is not counted. Use wildcards, or grant a role of its own with \"aws-sts\" instead.";
        let message = format!(
            "{name} has {length} characters with the end of the grant in it, and AWS takes {room} in all the inline \
             policies of {} together",
            on.map(ToString::to_string).unwrap_or_default()
        );
        node.refuse(message, help);
        return None;
    }
    Some(document)
}

/// A membership in a group.
pub(super) fn iam_group(table: &mut Table<'_>) -> Option<AwsIamGroup> {
    let user = table.required("user", name(LONGEST_NAME));
    let group = table.required("group", name(LONGEST_GROUP));
    Some(AwsIamGroup::new(&user?, &group?))
}

/// The name of something in IAM.
fn name<'r>(longest: usize) -> impl Fn(Node<'r>) -> Option<String> {
    move |node| {
        let text = node.text(&Wants("a name in IAM", "\"deployer\""))?;
        let fits = |letter: char| letter.is_ascii_alphanumeric() || "_+=,.@-".contains(letter);
        if text.is_empty() || text.len() > longest || !text.chars().all(fits) {
            let help = format!(
                "Write the bare name, without path or ARN: at most {longest} letters, digits, and + = , . @ - _."
            );
            node.refuse(format!("`{}` cannot be \"{text}\"", node.key), help);
            return None;
        }
        Some(text.to_owned())
    }
}
