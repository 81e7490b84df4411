//! Failures of Identity Center in words for an operator: what is missing and the way out. AWS' raw answers have no way in.

use super::call::Operation;
use crate::provider::{
    ErrorKind, ProviderError,
    aws::{
        failure::{self, Call, code, is_denied, named_permission},
        fault::{Answer, Fault},
    },
};

/// How long an inline policy of a permission set may be, without white space. Source: IAM Identity Center quotas.
pub(super) const LONGEST_POLICY: usize = 10_240;

/// An error that no repetition mends.
pub(super) fn refused(message: impl Into<String>) -> ProviderError {
    ProviderError { kind: ErrorKind::Refused, message: message.into() }
}

/// Words for a failed call about `about`.
pub(super) fn explain(operation: Operation, about: &str, fault: &Fault) -> ProviderError {
    let call = Call { name: operation.name(), subject: about, silence: operation.silence() };
    failure::explain(call, fault, |answer| answered(operation, about, answer))
}

fn answered(operation: Operation, about: &str, answer: &Answer) -> Option<(ErrorKind, String)> {
    let call = operation.name();
    if is_denied(answer) {
        return Some((ErrorKind::Denied, denied(operation, about, answer)));
    }
    let words = match code(answer) {
        "ResourceNotFound" | "ParentNotFound" | "OrganizationalUnitNotFound" => {
            (ErrorKind::NotFound, not_found(operation, about))
        }
        "Conflict" if operation == Operation::GetUserId => (
            ErrorKind::Refused,
            format!("there is more than one {about}: set person.aws_identity_center to the user name of the right one"),
        ),
        "Conflict" | "ConcurrentModification" => (
            ErrorKind::Conflict,
            format!("AWS is still busy with an earlier change to {about} ({call}); it is tried again"),
        ),
        "ServiceQuotaExceeded" => quota(operation, about),
        "AWSOrganizationsNotInUse" => {
            (ErrorKind::Refused, format!("{about} cannot be looked up: the bot's account belongs to no organization"))
        }
        "Validation" if operation == Operation::PutInlinePolicy => (ErrorKind::Refused, too_long(about)),
        "Validation" | "InvalidInput" => (
            ErrorKind::Refused,
            format!(
                "AWS finds {call} for {about} invalid: see that account and permission_set_arn of the target are right"
            ),
        ),
        _ => return None,
    };
    Some(words)
}

/// Names the permission that AWS names, or else the one the call needs.
fn denied(operation: Operation, about: &str, answer: &Answer) -> String {
    let call = operation.name();
    let missing = named_permission(&answer.text).unwrap_or(operation.permission());
    let hint = match operation {
        Operation::ListAccounts | Operation::ListUnits => {
            "it must run in the organization's management account or in one that Identity Center is delegated to"
        }
        Operation::GetUserId => {
            "it must run in Identity Center's own account or the one it is delegated to, in its home region"
        }
        Operation::CreateAssignment
        | Operation::DeleteAssignment
        | Operation::PutInlinePolicy
        | Operation::DeleteInlinePolicy
        | Operation::Provision => {
            "from a delegated account AWS lets nobody touch the management account, nor permission sets that are used there; \
             aws.region must be Identity Center's home region"
        }
        Operation::ListInstances
        | Operation::DescribePermissionSet
        | Operation::ListAssignmentsOfUser
        | Operation::ListAssignments
        | Operation::CreationStatus
        | Operation::DeletionStatus
        | Operation::ListCreations
        | Operation::ListDeletions
        | Operation::GetInlinePolicy
        | Operation::ProvisioningStatus => "aws.region must be Identity Center's home region",
    };
    format!("AWS does not let the bot call {call} for {about}: allow it {missing}; {hint}")
}

fn not_found(operation: Operation, about: &str) -> String {
    match operation {
        Operation::ListAccounts | Operation::ListUnits => format!("there is no {about} in the organization"),
        Operation::CreationStatus
        | Operation::DeletionStatus
        | Operation::ProvisioningStatus
        | Operation::ListCreations
        | Operation::ListDeletions => {
            format!("AWS no longer knows the request about {about}")
        }
        Operation::GetUserId => format!("there is no {about}"),
        Operation::ListInstances
        | Operation::DescribePermissionSet
        | Operation::ListAssignmentsOfUser
        | Operation::ListAssignments
        | Operation::CreateAssignment
        | Operation::DeleteAssignment
        | Operation::GetInlinePolicy
        | Operation::PutInlinePolicy
        | Operation::DeleteInlinePolicy
        | Operation::Provision => format!(
            "AWS knows no such thing as {about}: see that account and permission_set_arn of the target are right, and that \
             aws.region is Identity Center's home region"
        ),
    }
}

fn quota(operation: Operation, about: &str) -> (ErrorKind, String) {
    if operation == Operation::PutInlinePolicy {
        return (ErrorKind::Refused, too_long(about));
    }
    let words = format!(
        "a quota of Identity Center is used up for {about}: too many changes are under way, or too many permission sets are \
         provisioned to the account"
    );
    (ErrorKind::Throttled { after: None }, words)
}

/// The policy has no room for one more statement.
pub(super) fn too_long(about: &str) -> String {
    format!(
        "running sessions cannot be cut off: the inline policy of {about} has no room for one more statement ({LONGEST_POLICY} \
         characters without white space). Shorten it or move a part to a managed policy; sessions stop by themselves when the \
         permission set's session duration is over"
    )
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;
    use crate::provider::aws::fault::Cause;

    fn answer(status: u16, code: &str, text: &str) -> Fault {
        let code = (!code.is_empty()).then(|| code.to_owned());
        let answer = Answer { status, code, text: text.to_owned(), retry_after: None };
        Fault { cause: Cause::Answered(answer), request_id: Some("8f2e".to_owned()) }
    }

    #[test]
    fn every_failure_says_what_to_mend() {
        use Operation::*;
        let about = "permission set ps-1 in account 111122223333";
        let not_allowed = "User: arn is not authorized to perform: sso:CreateAccountAssignment on resource: arn";
        let bare = |cause| Fault { cause, request_id: None };
        let table = [
            (CreateAssignment, answer(400, "AccessDeniedException", not_allowed)),
            (DeleteAssignment, answer(403, "", "")),
            (GetUserId, answer(400, "AccessDeniedException", "")),
            (ListAccounts, answer(400, "AccessDeniedException", "")),
            (ListInstances, answer(400, "AccessDeniedException", "")),
            (CreateAssignment, answer(400, "ResourceNotFoundException", "")),
            (CreationStatus, answer(400, "ResourceNotFoundException", "")),
            (ListUnits, answer(400, "ParentNotFoundException", "")),
            (CreateAssignment, answer(400, "ConflictException", "")),
            (CreateAssignment, answer(400, "ServiceQuotaExceededException", "")),
            (PutInlinePolicy, answer(400, "ServiceQuotaExceededException", "")),
            (CreateAssignment, answer(400, "ValidationException", "secret")),
            (CreateAssignment, answer(400, "ThrottlingException", "")),
            (CreateAssignment, answer(500, "InternalServerException", "")),
            (ListAssignmentsOfUser, answer(503, "", "<html>")),
            (DescribePermissionSet, answer(400, "ExpiredTokenException", "")),
            (DescribePermissionSet, answer(400, "UnrecognizedClientException", "")),
            (ListUnits, answer(400, "AWSOrganizationsNotInUseException", "")),
            (ListInstances, answer(418, "Teapot", "")),
            (CreateAssignment, bare(Cause::TimedOut)),
            (CreationStatus, bare(Cause::TimedOut)),
            (DeleteAssignment, bare(Cause::Unreachable)),
            (ListInstances, bare(Cause::NoCredentials)),
            (ListInstances, bare(Cause::Garbled)),
            (ListInstances, bare(Cause::NotSent)),
        ];
        let mut page = String::new();
        for (operation, fault) in table {
            let error = explain(operation, about, &fault);
            assert!(!error.message.contains("secret"));
            writeln!(page, "{} {} -> {:?}\n    {}", operation.name(), fault.outcome(), error.kind, error).unwrap();
        }
        let more_than_one =
            explain(GetUserId, "user with e-mail a@b.c in Identity Center", &answer(400, "ConflictException", ""));
        writeln!(page, "{:?} {more_than_one}", more_than_one.kind).unwrap();
        insta::assert_snapshot!(page);
    }
}
