//! Failures of IAM in words for an operator.

use std::error::Error;

use aws_sdk_iam::error::ProvideErrorMetadata;
use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};

use super::super::{
    attempt,
    failure::{self, code, is_denied, named_permission, named_side},
    fault::{Answer, Fault},
};
use crate::provider::{ErrorKind, ProviderError};

/// The calls we make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    GetUser,
    GetRole,
    GetGroup,
    ListGroupsForUser,
    GetUserPolicy,
    GetRolePolicy,
    ListUserPolicies,
    ListRolePolicies,
    PutUserPolicy,
    PutRolePolicy,
    DeleteUserPolicy,
    DeleteRolePolicy,
    AddUserToGroup,
    RemoveUserFromGroup,
}

/// What a call is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Look,
    PutPolicy,
    DeletePolicy,
    Join,
    Leave,
}

impl Operation {
    /// As AWS and the metrics write it.
    fn name(self) -> &'static str {
        match self {
            Self::GetUser => "GetUser",
            Self::GetRole => "GetRole",
            Self::GetGroup => "GetGroup",
            Self::ListGroupsForUser => "ListGroupsForUser",
            Self::GetUserPolicy => "GetUserPolicy",
            Self::GetRolePolicy => "GetRolePolicy",
            Self::ListUserPolicies => "ListUserPolicies",
            Self::ListRolePolicies => "ListRolePolicies",
            Self::PutUserPolicy => "PutUserPolicy",
            Self::PutRolePolicy => "PutRolePolicy",
            Self::DeleteUserPolicy => "DeleteUserPolicy",
            Self::DeleteRolePolicy => "DeleteRolePolicy",
            Self::AddUserToGroup => "AddUserToGroup",
            Self::RemoveUserFromGroup => "RemoveUserFromGroup",
        }
    }

    fn purpose(self) -> Purpose {
        match self {
            Self::GetUser
            | Self::GetRole
            | Self::GetGroup
            | Self::ListGroupsForUser
            | Self::GetUserPolicy
            | Self::GetRolePolicy
            | Self::ListUserPolicies
            | Self::ListRolePolicies => Purpose::Look,
            Self::PutUserPolicy | Self::PutRolePolicy => Purpose::PutPolicy,
            Self::DeleteUserPolicy | Self::DeleteRolePolicy => Purpose::DeletePolicy,
            Self::AddUserToGroup => Purpose::Join,
            Self::RemoveUserFromGroup => Purpose::Leave,
        }
    }
}

/// Makes a call about `subject`, counts it and explains its failure.
pub(super) async fn call<O, E>(
    operation: Operation,
    subject: &str,
    request: impl Future<Output = Result<O, SdkError<E, HttpResponse>>>,
) -> Result<O, ProviderError>
where
    E: Error + ProvideErrorMetadata + 'static,
{
    attempt(operation.name(), request).await.map_err(|fault| explain(operation, subject, &fault))
}

/// The same for something that need not be there: `None` when it is not.
pub(super) async fn call_if_there<O, E>(
    operation: Operation,
    subject: &str,
    request: impl Future<Output = Result<O, SdkError<E, HttpResponse>>>,
) -> Result<Option<O>, ProviderError>
where
    E: Error + ProvideErrorMetadata + 'static,
{
    match attempt(operation.name(), request).await {
        Ok(output) => Ok(Some(output)),
        Err(fault) if fault.is("NoSuchEntity") => Ok(None),
        Err(fault) => Err(explain(operation, subject, &fault)),
    }
}

/// Words for a failed call about `subject`.
fn explain(operation: Operation, subject: &str, fault: &Fault) -> ProviderError {
    let silence = match operation.purpose() {
        Purpose::Look => ErrorKind::Unavailable,
        Purpose::PutPolicy | Purpose::DeletePolicy | Purpose::Join | Purpose::Leave => ErrorKind::Ambiguous,
    };
    let call = failure::Call { name: operation.name(), subject, silence };
    failure::explain(call, fault, |answer| answered(operation, subject, answer))
}

fn answered(operation: Operation, subject: &str, answer: &Answer) -> Option<(ErrorKind, String)> {
    if is_denied(answer) {
        return Some((ErrorKind::Denied, denied(operation, subject, answer)));
    }
    let words = match code(answer) {
        "NoSuchEntity" if operation.purpose() == Purpose::Join => {
            (ErrorKind::NotFound, format!("{subject}: there is no such user, or no such group, any more"))
        }
        "NoSuchEntity" => (
            ErrorKind::NotFound,
            format!(
                "there is no {subject} in the account that the bot works in: mend the target, or set \
                 aws.revoker_role_arn to a role in the right account"
            ),
        ),
        "MalformedPolicyDocument" => (
            ErrorKind::Refused,
            format!("AWS cannot read the policy that {subject} is to get: mend the file that the target names"),
        ),
        "LimitExceeded" => (ErrorKind::Refused, full(operation, subject)),
        "UnmodifiableEntity" => (ErrorKind::Refused, unmodifiable(subject)),
        "ConcurrentModification" | "EntityTemporarilyUnmodifiable" => {
            (ErrorKind::Conflict, format!("somebody else is changing {subject} at this moment"))
        }
        _ => return None,
    };
    Some(words)
}

/// Some roles belong to AWS.
pub(super) fn unmodifiable(subject: &str) -> String {
    format!(
        "AWS lets nobody change {subject}: it belongs to an AWS service or to Identity Center. For a permission set, use a \
         target of type \"aws-identity-center\""
    )
}

fn full(operation: Operation, subject: &str) -> String {
    match operation.purpose() {
        Purpose::Join => {
            format!("{subject}: the user is in as many groups as AWS allows, 10 unless you asked for more")
        }
        Purpose::PutPolicy | Purpose::Look | Purpose::DeletePolicy | Purpose::Leave => format!(
            "the inline policies of {subject} have no room for one more: AWS takes 2,048 characters in those of a user \
             together and 10,240 in those of a role, white space not counted. Shorten the target's policy, end other \
             grants on it, or remove policies that are of no more use"
        ),
    }
}

fn denied(operation: Operation, subject: &str, answer: &Answer) -> String {
    let own = format!("iam:{}", operation.name());
    let missing = named_permission(&answer.text).unwrap_or(&own);
    let side = named_side(&answer.text);
    let what = match operation.purpose() {
        Purpose::Look => format!("AWS does not let the bot look at {subject}"),
        Purpose::PutPolicy => format!("{subject} cannot be given a policy"),
        Purpose::DeletePolicy => {
            format!("a policy cannot be removed from {subject} (it opens nothing after its grant's end in any case)")
        }
        Purpose::Join => format!("AWS does not let the bot put {subject}"),
        Purpose::Leave => {
            format!("AWS does not let the bot take away the membership of {subject}, which lasts until somebody does")
        }
    };
    format!("{what}: {missing} is not allowed{side}. Allow it to the bot, or to the role in aws.revoker_role_arn")
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::{super::super::fault::Cause, *};

    #[test]
    fn every_failure_says_what_to_mend() {
        use Operation::{AddUserToGroup, DeleteUserPolicy, GetRole, PutRolePolicy, PutUserPolicy, RemoveUserFromGroup};
        let [role, member] = ["IAM role runner", "IAM user anna in IAM group admins"];
        let not_allowed =
            "is not authorized to perform: iam:PutRolePolicy on x because no identity-based policy allows it";
        let mut page = String::new();
        for (operation, subject, status, code, text) in [
            (GetRole, role, 403, "AccessDenied", ""),
            (PutRolePolicy, role, 403, "AccessDenied", not_allowed),
            (DeleteUserPolicy, "IAM user anna", 403, "", ""),
            (AddUserToGroup, member, 403, "AccessDenied", "with an explicit deny in a service control policy"),
            (RemoveUserFromGroup, member, 403, "AccessDenied", ""),
            (GetRole, role, 404, "NoSuchEntity", ""),
            (AddUserToGroup, member, 404, "NoSuchEntity", ""),
            (PutUserPolicy, "IAM user anna", 400, "MalformedPolicyDocument", ""),
            (PutRolePolicy, role, 409, "LimitExceeded", ""),
            (AddUserToGroup, member, 409, "LimitExceeded", ""),
            (PutRolePolicy, role, 400, "UnmodifiableEntity", ""),
            (AddUserToGroup, member, 409, "EntityTemporarilyUnmodifiable", ""),
            (PutUserPolicy, "IAM user anna", 409, "ConcurrentModification", ""),
            (PutRolePolicy, role, 400, "Throttling", ""),
            (PutRolePolicy, role, 500, "ServiceFailure", ""),
            (GetRole, role, 500, "ServiceFailure", ""),
            (GetRole, role, 403, "InvalidClientTokenId", ""),
            (GetRole, role, 418, "Teapot", ""),
        ] {
            let code = (!code.is_empty()).then(|| code.to_owned());
            let answer = Answer { status, code, text: text.to_owned(), retry_after: None };
            let error =
                explain(operation, subject, &Fault { cause: Cause::Answered(answer), request_id: Some("8f2e".into()) });
            writeln!(page, "{} -> {:?}\n    {error}", operation.name(), error.kind).unwrap();
        }
        insta::assert_snapshot!(page);
    }
}
