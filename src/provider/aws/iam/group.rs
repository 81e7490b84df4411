//! Memberships of groups. IAM keeps no end for them, nor who made them: that the bot did is known from the receipt, which
//! says that there was none when it came.

use aws_sdk_iam::Client;

use super::{
    super::sts::refused,
    error::{Operation, call, call_if_there},
};
use crate::{
    domain::catalog::AwsIamGroup,
    provider::{Observed, ProviderError, Receipt, Work},
};

/// Under which key a receipt says how things were before the bot came.
const BEFORE: &str = "before";
/// There was no membership, so the one that is there is ours to take away.
const ABSENT: &str = "absent";

pub(super) async fn resolve(iam: &Client, target: &AwsIamGroup, work: &Work) -> Result<Receipt, ProviderError> {
    let user = format!("IAM user {}", target.user);
    let groups = groups_of(iam, &target.user);
    let is_member = is_among(&target.group, &call(Operation::ListGroupsForUser, &user, groups).await?);
    if is_member && !is_ours(work) {
        return Err(refused(format!(
            "{user} is in IAM group {} already, and not by the bot: what somebody else has given is neither taken over nor \
             ever taken away. Nothing has to be asked for while it is so",
            target.group
        )));
    }
    if !is_member {
        let group = iam.get_group().group_name(&target.group).max_items(1);
        call(Operation::GetGroup, &format!("IAM group {}", target.group), group.send()).await?;
    }
    let mut receipt = work.receipt.clone();
    receipt.0.insert(BEFORE.to_owned(), ABSENT.to_owned());
    Ok(receipt)
}

pub(super) async fn observe(iam: &Client, target: &AwsIamGroup) -> Result<Observed, ProviderError> {
    let user = format!("IAM user {}", target.user);
    let groups = call_if_there(Operation::ListGroupsForUser, &user, groups_of(iam, &target.user)).await?;
    let is_member = groups.is_some_and(|groups| is_among(&target.group, &groups));
    Ok(if is_member { Observed::Present } else { Observed::Absent })
}

pub(super) async fn add(iam: &Client, target: &AwsIamGroup, work: &Work) -> Result<Receipt, ProviderError> {
    if !is_ours(work) {
        let message = "was to be added although nobody had looked whether it is there already: report this";
        return Err(refused(format!("{} {message}", subject(target))));
    }
    let request = iam.add_user_to_group().user_name(&target.user).group_name(&target.group);
    call(Operation::AddUserToGroup, &subject(target), request.send()).await?;
    Ok(work.receipt.clone())
}

/// That there is no membership, no such user or no such group is success. What is not known to be ours is left alone.
pub(super) async fn remove(iam: &Client, target: &AwsIamGroup, work: &Work) -> Result<Receipt, ProviderError> {
    if is_ours(work) {
        let request = iam.remove_user_from_group().user_name(&target.user).group_name(&target.group);
        call_if_there(Operation::RemoveUserFromGroup, &subject(target), request.send()).await?;
    }
    Ok(work.receipt.clone())
}

fn subject(target: &AwsIamGroup) -> String {
    format!("IAM user {} in IAM group {}", target.user, target.group)
}

/// Whether it is on record, for this grant or another under the same key, that there was no membership before ours.
fn is_ours(work: &Work) -> bool {
    was_absent_before(&work.receipt) || work.siblings.iter().any(was_absent_before)
}

/// Whether a receipt says that there was no membership when the bot came.
pub(super) fn was_absent_before(receipt: &Receipt) -> bool {
    receipt.0.get(BEFORE).is_some_and(|before| before == ABSENT)
}

/// A user is in 10 groups at most, unless AWS was asked for more: that is a single page.
async fn groups_of(
    iam: &Client,
    user: &str,
) -> Result<Vec<aws_sdk_iam::types::Group>, aws_sdk_iam::error::SdkError<ListError>> {
    iam.list_groups_for_user().user_name(user).into_paginator().items().send().collect().await
}

type ListError = aws_sdk_iam::operation::list_groups_for_user::ListGroupsForUserError;

/// IAM knows no two groups whose names differ in case alone.
fn is_among(group: &str, groups: &[aws_sdk_iam::types::Group]) -> bool {
    groups.iter().any(|known| known.group_name().eq_ignore_ascii_case(group))
}
