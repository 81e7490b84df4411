//! What is there: our policies on the users and roles that targets name, and all members of the groups that they name.
//! What does not exist any more has nothing on it. One call for each user, role and group.

use std::collections::BTreeSet;

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

pub(super) async fn take(iam: &Client, managed: &[Target]) -> Result<Vec<Live>, ProviderError> {
    let (mut seen, mut live) = (BTreeSet::new(), Vec::new());
    for kind in managed.iter().filter_map(|target| kind(target).ok()) {
        match kind {
            Kind::Policy(target) if seen.insert(target.resource.clone()) => {
                live.extend(policies(iam, &target.on, &target.resource).await?);
            }
            Kind::Group(target) if seen.insert(format!("group/{}", target.group)) => {
                live.extend(members(iam, &target.group).await?);
            }
            Kind::Policy(_) | Kind::Group(_) => {}
        }
    }
    Ok(live)
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
    let live = |grant| Live { resource: resource.to_owned(), principal: format!("{grant}"), grant: Some(grant) };
    Ok(grants.map(live).collect())
}

/// Who put them there, IAM does not say.
async fn members(iam: &Client, group: &str) -> Result<Vec<Live>, ProviderError> {
    let pages = iam.get_group().group_name(group).into_paginator().items().send();
    let members: Option<Vec<aws_sdk_iam::types::User>> =
        call_if_there(Operation::GetGroup, &format!("IAM group {group}"), pages.collect()).await?;
    let live = |user: aws_sdk_iam::types::User| {
        let membership = AwsIamGroup::new(user.user_name(), group);
        Live { resource: membership.resource, principal: membership.user, grant: None }
    };
    Ok(members.into_iter().flatten().map(live).collect())
}
