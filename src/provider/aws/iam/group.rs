//! Memberships of groups. IAM keeps no end for them, nor who made them: that the bot did is known from the receipt, which
//! says that there was none when it came.

use aws_sdk_iam::Client;

use super::{
    super::sts::refused,
    error::{Operation, call, call_if_there},
};
use crate::{
    domain::catalog::AwsIamGroup,
    provider::{ErrorKind, Made, Observed, Progress, ProviderError, Receipt, Work},
};

/// Under which key a receipt says how things were before the bot came.
const BEFORE: &str = "before";
/// There was no membership, so the one that is there is ours to take away.
const ABSENT: &str = "absent";
/// Under which key a receipt says that AWS has confirmed the membership.
const GIVEN: &str = "given";
/// Under which key it says that AWS may have been asked for it without having answered.
const UNHEARD: &str = "unheard";
/// What stands there.
const YES: &str = "yes";

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
    if was_absent_before(&receipt) && !says(&receipt, GIVEN) {
        // it was about to be asked for before, and nothing says what came of that
        receipt.0.insert(UNHEARD.to_owned(), YES.to_owned());
    }
    receipt.0.insert(BEFORE.to_owned(), ABSENT.to_owned());
    Ok(receipt)
}

pub(super) async fn observe(iam: &Client, target: &AwsIamGroup) -> Result<Observed, ProviderError> {
    let user = format!("IAM user {}", target.user);
    let groups = call_if_there(Operation::ListGroupsForUser, &user, groups_of(iam, &target.user)).await?;
    let is_member = groups.is_some_and(|groups| is_among(&target.group, &groups));
    Ok(if is_member { Observed::Present } else { Observed::Absent })
}

/// What AWS has refused to do was not done by us: whoever does it meanwhile does it for themselves.
pub(super) async fn add(iam: &Client, target: &AwsIamGroup, work: &Work) -> Result<Progress, ProviderError> {
    if !is_ours(work) {
        let message = "was to be added although nobody had looked whether it is there already: report this";
        return Err(refused(format!("{} {message}", subject(target))));
    }
    let request = iam.add_user_to_group().user_name(&target.user).group_name(&target.group);
    let mut receipt = work.receipt.clone();
    let Err(error) = call(Operation::AddUserToGroup, &subject(target), request.send()).await else {
        receipt.0.insert(GIVEN.to_owned(), YES.to_owned());
        return Ok(Progress::Done { receipt, tidy_at: None });
    };
    if error.kind == ErrorKind::Ambiguous {
        receipt.0.insert(UNHEARD.to_owned(), YES.to_owned());
    } else if !says(&receipt, UNHEARD) && !says(&receipt, GIVEN) {
        receipt.0.insert(BEFORE.to_owned(), String::new());
    }
    Ok(Progress::Failed { error, receipt })
}

/// That there is no membership, no such user or no such group is success, also where the bot may look and not remove:
/// somebody may have done it by hand. What is not known to be ours is left alone.
pub(super) async fn remove(iam: &Client, target: &AwsIamGroup, work: &Work) -> Result<Receipt, ProviderError> {
    if is_ours(work) {
        let request = iam.remove_user_from_group().user_name(&target.user).group_name(&target.group);
        let removed = call_if_there(Operation::RemoveUserFromGroup, &subject(target), request.send()).await;
        if let Err(error) = removed
            && !(error.kind.is_final() && observe(iam, target).await == Ok(Observed::Absent))
        {
            return Err(error);
        }
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

/// What a receipt says of our part in a membership that is over.
pub(super) fn made(receipt: &Receipt) -> Made {
    // a call that nothing was heard of may come true after all is over
    let is_all_heard = says(receipt, GIVEN) && !says(receipt, UNHEARD);
    match (was_absent_before(receipt), is_all_heard) {
        (true, true) => Made::Confirmed,
        (true, false) => Made::Perhaps,
        (false, _) => Made::Nothing,
    }
}

fn says(receipt: &Receipt, key: &str) -> bool {
    receipt.0.get(key).is_some_and(|value| value == YES)
}

/// Whether a receipt says that there was no membership when the bot came.
fn was_absent_before(receipt: &Receipt) -> bool {
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
