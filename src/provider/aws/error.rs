//! Failures of AWS in words for an operator: what is missing, on which side, and the way out. Secrets, external ids and
//! AWS' raw answers have no way in.

use super::{
    arn::RoleArn,
    fault::{Answer, Cause, Fault},
};
use crate::provider::{ErrorKind, ProviderError};

/// The calls we make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    /// STS: a session is minted.
    AssumeRole,
    /// STS: which account is the bot's own?
    GetCallerIdentity,
    /// IAM: sessions are denied everything.
    PutRolePolicy,
    /// IAM: that is removed again.
    DeleteRolePolicy,
}

impl Operation {
    /// As AWS and the metrics write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::AssumeRole => "AssumeRole",
            Self::GetCallerIdentity => "GetCallerIdentity",
            Self::PutRolePolicy => "PutRolePolicy",
            Self::DeleteRolePolicy => "DeleteRolePolicy",
        }
    }

    /// The permission it needs.
    fn permission(self) -> &'static str {
        match self {
            Self::AssumeRole => "sts:AssumeRole",
            Self::GetCallerIdentity => "sts:GetCallerIdentity",
            Self::PutRolePolicy => "iam:PutRolePolicy",
            Self::DeleteRolePolicy => "iam:DeleteRolePolicy",
        }
    }

    /// What it means that no usable answer came. A session that nobody holds opens nothing, so STS may simply be asked
    /// again; a write to IAM may have been done.
    fn silence(self) -> ErrorKind {
        match self {
            Self::AssumeRole | Self::GetCallerIdentity => ErrorKind::Unavailable,
            Self::PutRolePolicy | Self::DeleteRolePolicy => ErrorKind::Ambiguous,
        }
    }
}

/// Words for a failed call on `role`.
pub(super) fn explain(operation: Operation, role: &RoleArn, fault: &Fault) -> ProviderError {
    let (kind, words) = match &fault.cause {
        Cause::Answered(answer) => answered(operation, role, answer),
        Cause::NoCredentials => (
            ErrorKind::Unavailable,
            "the bot has no AWS credentials of its own: give it some (environment, container or instance role), and see \
             that aws.revoker_role_arn, if set, lets the bot assume it"
                .to_owned(),
        ),
        Cause::TimedOut => (operation.silence(), format!("AWS did not answer {} in time", operation.name())),
        Cause::Unreachable => {
            (operation.silence(), format!("the connection to AWS for {} failed or broke off", operation.name()))
        }
        Cause::Garbled => (operation.silence(), format!("AWS' answer to {} could not be read", operation.name())),
        Cause::NotSent => {
            (ErrorKind::Refused, format!("{} for {role} could not be put together: report this", operation.name()))
        }
    };
    ProviderError { kind, message: with_request_id(words, fault.request_id.as_deref()) }
}

pub(super) fn with_request_id(words: String, request_id: Option<&str>) -> String {
    match request_id {
        Some(id) => format!("{words} (AWS request id {id})"),
        None => words,
    }
}

fn answered(operation: Operation, role: &RoleArn, answer: &Answer) -> (ErrorKind, String) {
    let code = answer.code.as_deref().unwrap_or_default().trim_end_matches("Exception");
    let call = operation.name();
    match code {
        "AccessDenied" => (ErrorKind::Denied, denied(operation, role, answer)),
        "ExpiredToken" | "RequestExpired" => (
            ErrorKind::Unavailable,
            format!("AWS says that the bot's own credentials have expired, at {call}: they must be renewed"),
        ),
        "InvalidClientTokenId"
        | "SignatureDoesNotMatch"
        | "UnrecognizedClient"
        | "IncompleteSignature"
        | "MissingAuthenticationToken"
        | "AuthFailure"
        | "InvalidAccessKeyId" => (
            ErrorKind::Denied,
            format!("AWS does not accept the bot's own credentials ({code} at {call}): they must be replaced"),
        ),
        "MalformedPolicyDocument" => (
            ErrorKind::Refused,
            match operation {
                Operation::AssumeRole => format!(
                    "AWS cannot read the policy that goes with sessions of {role}: mend the target's session_policy"
                ),
                Operation::GetCallerIdentity | Operation::PutRolePolicy | Operation::DeleteRolePolicy => {
                    format!("AWS cannot read the policy that cuts off sessions of {role}: report this")
                }
            },
        ),
        "PackedPolicyTooLarge" => (
            ErrorKind::Refused,
            format!(
                "the policy and tags that go with sessions of {role} are too large for AWS once packed: shorten the \
                     target's session_policy"
            ),
        ),
        "RegionDisabled" => (
            ErrorKind::Denied,
            format!(
                "STS is switched off in the bot's region for account {}: activate it there (IAM, Account settings) \
                     or set another aws.region",
                role.account
            ),
        ),
        "ValidationError" => (ErrorKind::Refused, invalid(role, answer)),
        "NoSuchEntity" => (
            ErrorKind::NotFound,
            format!(
                "there is no role {} in the account that {call} was made in: sessions of a deleted role no longer \
                     work; if it lives in another account, set aws.revoker_role_arn",
                role.name()
            ),
        ),
        "LimitExceeded" => (
            ErrorKind::Refused,
            format!(
                "the inline policies of {role} are full (10,240 characters together), so running sessions cannot be \
                     cut off: remove JitRevoked-… policies of grants whose planned end is past, or others; sessions stop \
                     at the planned end in any case"
            ),
        ),
        "UnmodifiableEntity" => (
            ErrorKind::Refused,
            format!("AWS lets nobody change the policies of {role}: set early_end = \"none\" for this target"),
        ),
        "ConcurrentModification" | "EntityTemporarilyUnmodifiable" => {
            (ErrorKind::Conflict, format!("somebody else is changing {role} at this moment"))
        }
        "Throttling"
        | "Throttled"
        | "ThrottledRequest"
        | "RequestThrottled"
        | "TooManyRequests"
        | "RequestLimitExceeded"
        | "SlowDown"
        | "PriorRequestNotComplete" => throttled(call, answer),
        _ => by_status(operation, role, answer),
    }
}

fn throttled(call: &str, answer: &Answer) -> (ErrorKind, String) {
    (ErrorKind::Throttled { after: answer.retry_after }, format!("AWS gets too many calls to allow {call} now"))
}

fn by_status(operation: Operation, role: &RoleArn, answer: &Answer) -> (ErrorKind, String) {
    let call = operation.name();
    let code = answer.code.as_deref().unwrap_or("no code");
    match answer.status {
        401 | 403 => (ErrorKind::Denied, denied(operation, role, answer)),
        429 => throttled(call, answer),
        status @ 500.. => (operation.silence(), format!("AWS failed at {call} (HTTP {status}, {code})")),
        status => (ErrorKind::Refused, format!("AWS refused {call} for {role} (HTTP {status}, {code})")),
    }
}

/// Names the permission that AWS names, or else those that may be meant.
fn denied(operation: Operation, role: &RoleArn, answer: &Answer) -> String {
    let missing = named_permission(&answer.text).unwrap_or(operation.permission());
    let side = named_side(&answer.text);
    match operation {
        Operation::AssumeRole => format!(
            "AWS does not let the bot assume {role}: {missing} is not allowed{side}. Both the bot's own policy and the role's \
             trust policy must allow sts:AssumeRole, sts:TagSession and sts:SetSourceIdentity, the trust policy for this \
             bot and with the external id that the configuration names; the role must exist"
        ),
        Operation::GetCallerIdentity => format!("AWS does not tell the bot who it is: {missing} is not allowed{side}"),
        Operation::PutRolePolicy => format!(
            "running sessions of {role} cannot be cut off: {missing} is not allowed{side}. Allow iam:PutRolePolicy and \
             iam:DeleteRolePolicy on this role to the bot, or to the role in aws.revoker_role_arn; sessions stop at the \
             planned end in any case"
        ),
        Operation::DeleteRolePolicy => format!(
            "a deny policy that is of no more use cannot be removed from {role}: {missing} is not allowed{side}. Allow \
             iam:DeleteRolePolicy on this role to the bot, or to the role in aws.revoker_role_arn"
        ),
    }
}

/// The action in "… is not authorized to perform: sts:TagSession on resource: …".
pub(super) fn named_permission(text: &str) -> Option<&str> {
    let rest = text.split_once("not authorized to perform: ")?.1;
    let action = rest.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != ':').next()?;
    action.contains(':').then_some(action)
}

/// Which policy stands in the way, when AWS says so.
fn named_side(text: &str) -> &'static str {
    [
        ("service control policy", " (AWS names a service control policy)"),
        ("resource control policy", " (AWS names a resource control policy)"),
        ("permissions boundary", " (AWS names a permissions boundary)"),
        ("session policy", " (AWS names the session policy of the bot's own session)"),
        ("identity-based policy", " (AWS names the bot's own policy)"),
        ("resource-based policy", " (AWS names the role's trust policy)"),
    ]
    .into_iter()
    .find_map(|(phrase, words)| text.contains(phrase).then_some(words))
    .unwrap_or_default()
}

/// Names the field that AWS finds fault with, without its value.
fn invalid(role: &RoleArn, answer: &Answer) -> String {
    let text = answer.text.as_str();
    let has = |phrase: &str| text.to_ascii_lowercase().contains(&phrase.to_ascii_lowercase());
    let reason = if has("role chaining") {
        "the bot itself runs on a role, and AWS limits sessions that one role opens on another to 1 hour"
    } else if has("MaxSessionDuration") || has("DurationSeconds") {
        "the session is longer than the role's MaxSessionDuration: set that to 1 hour or more"
    } else if has("externalId") {
        "the external id has letters that AWS does not take, or is too short or too long"
    } else if has("sourceIdentity") {
        "AWS does not take the holder's name as source identity; the bot's own session may already carry another one"
    } else if has("tag") {
        "AWS does not take the tag JitGrantId; the bot's own session may already carry it"
    } else if has("roleArn") {
        "AWS does not take its ARN"
    } else {
        "AWS finds the call invalid"
    };
    format!("no session of {role} can be opened: {reason}")
}

#[cfg(test)]
mod tests {
    use std::{fmt::Write, time::Duration};

    use super::*;

    fn role() -> RoleArn {
        RoleArn::parse("arn:aws:iam::111122223333:role/prod-deploy").unwrap()
    }

    fn answer(status: u16, code: &str, text: &str) -> Fault {
        let code = (!code.is_empty()).then(|| code.to_owned());
        let answer = Answer { status, code, text: text.to_owned(), retry_after: None };
        Fault { cause: Cause::Answered(answer), request_id: Some("8f2e".to_owned()) }
    }

    #[test]
    fn every_failure_says_what_to_mend() {
        use Operation::{AssumeRole, DeleteRolePolicy, GetCallerIdentity, PutRolePolicy};
        let bare = |cause| Fault { cause, request_id: None };
        let not_allowed = "User: arn:aws:sts::1:assumed-role/jit-bot/i is not authorized to perform: sts:TagSession on \
                           resource: arn because no identity-based policy allows the sts:TagSession action";
        let table: Vec<(Operation, Fault)> = vec![
            (AssumeRole, answer(403, "AccessDenied", not_allowed)),
            (AssumeRole, answer(403, "AccessDenied", "with an explicit deny in a service control policy")),
            (AssumeRole, answer(403, "", "")),
            (PutRolePolicy, answer(403, "AccessDenied", "is not authorized to perform: iam:PutRolePolicy on x")),
            (DeleteRolePolicy, answer(403, "AccessDeniedException", "")),
            (GetCallerIdentity, answer(403, "AccessDenied", "")),
            (AssumeRole, answer(400, "ExpiredToken", "")),
            (AssumeRole, answer(403, "InvalidClientTokenId", "")),
            (PutRolePolicy, answer(403, "SignatureDoesNotMatch", "")),
            (AssumeRole, answer(400, "MalformedPolicyDocument", "")),
            (PutRolePolicy, answer(400, "MalformedPolicyDocument", "")),
            (AssumeRole, answer(400, "PackedPolicyTooLarge", "")),
            (AssumeRole, answer(403, "RegionDisabledException", "")),
            (AssumeRole, answer(400, "ValidationError", "1 hour session limit for roles assumed by role chaining.")),
            (AssumeRole, answer(400, "ValidationError", "DurationSeconds exceeds the MaxSessionDuration set for it")),
            (
                AssumeRole,
                answer(400, "ValidationError", "Value 'hunter2!' at 'externalId' failed to satisfy constraint"),
            ),
            (AssumeRole, answer(400, "ValidationError", "Value at 'sourceIdentity' failed")),
            (AssumeRole, answer(400, "ValidationError", "")),
            (PutRolePolicy, answer(404, "NoSuchEntity", "")),
            (PutRolePolicy, answer(409, "LimitExceeded", "")),
            (PutRolePolicy, answer(400, "UnmodifiableEntity", "")),
            (PutRolePolicy, answer(409, "ConcurrentModification", "")),
            (AssumeRole, answer(400, "Throttling", "")),
            (PutRolePolicy, answer(429, "", "")),
            (AssumeRole, answer(503, "", "<html>")),
            (PutRolePolicy, answer(500, "ServiceFailure", "")),
            (AssumeRole, answer(418, "Teapot", "")),
            (AssumeRole, bare(Cause::NoCredentials)),
            (AssumeRole, bare(Cause::TimedOut)),
            (PutRolePolicy, bare(Cause::TimedOut)),
            (AssumeRole, bare(Cause::Unreachable)),
            (DeleteRolePolicy, bare(Cause::Garbled)),
            (AssumeRole, bare(Cause::NotSent)),
        ];
        let mut page = String::new();
        for (operation, fault) in table {
            let error = explain(operation, &role(), &fault);
            assert!(!error.message.contains("hunter2"));
            writeln!(page, "{} {} -> {:?}\n    {}", operation.name(), fault.outcome(), error.kind, error).unwrap();
        }
        insta::assert_snapshot!(page);
    }

    #[test]
    fn throttling_carries_aws_wish() {
        let after = Some(Duration::from_secs(7));
        let answer = Answer { status: 400, code: Some("Throttling".into()), retry_after: after, ..Answer::default() };
        let fault = Fault { cause: Cause::Answered(answer), request_id: None };
        assert_eq!(explain(Operation::AssumeRole, &role(), &fault).kind, ErrorKind::Throttled { after });
    }
}
