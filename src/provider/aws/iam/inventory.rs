//! What is there: our policies on a user or role that a target names, or all members of a group. What does not exist any
//! more has nothing on it. One call, or one for each hundred of what is found.

use aws_sdk_iam::Client;

use super::{
    Kind,
    error::{Operation, call_if_there},
    kind,
    policy::grant_of,
};
use crate::{
    domain::catalog::{AwsIamGroup, IamPrincipal, Target},
    provider::{Live, ProviderError},
};

/// What one look tells about: a user, a role, or all of a group.
pub(super) fn place(target: &Target) -> String {
    match kind(target) {
        Ok(Kind::Group(target)) => format!("group/{}", target.group),
        Ok(Kind::Policy(_)) | Err(_) => target.resource().to_owned(),
    }
}

pub(super) async fn take(iam: &Client, target: &Target) -> Result<Vec<Live>, ProviderError> {
    match kind(target)? {
        Kind::Policy(target) => policies(iam, &target.on, &target.resource).await,
        Kind::Group(target) => members(iam, &target.group).await,
    }
}

/// Policies with other names than ours are others' business.
async fn policies(iam: &Client, on: &IamPrincipal, resource: &str) -> Result<Vec<Live>, ProviderError> {
    let subject = on.to_string();
    let names: Option<Vec<String>> = match on {
        IamPrincipal::User(user) => {
            let pages = iam.list_user_policies().user_name(user).into_paginator().items().send();
            call_if_there(Operation::ListUserPolicies, &subject, pages.collect()).await?
        }
        IamPrincipal::Role(role) => {
            let pages = iam.list_role_policies().role_name(role).into_paginator().items().send();
            call_if_there(Operation::ListRolePolicies, &subject, pages.collect()).await?
        }
    };
    let grants = names.into_iter().flatten().filter_map(|name| grant_of(&name));
    let live = |grant| Live { resource: resource.to_owned(), principal: format!("{grant}") };
    Ok(grants.map(live).collect())
}

/// Who put them there, IAM does not say.
async fn members(iam: &Client, group: &str) -> Result<Vec<Live>, ProviderError> {
    let pages = iam.get_group().group_name(group).into_paginator().items().send();
    let members: Option<Vec<aws_sdk_iam::types::User>> =
        call_if_there(Operation::GetGroup, &format!("IAM group {group}"), pages.collect()).await?;
    let live = |user: aws_sdk_iam::types::User| {
        let membership = AwsIamGroup::new(user.user_name(), group);
        Live { resource: membership.resource, principal: membership.user }
    };
    Ok(members.into_iter().flatten().map(live).collect())
}
