//! What failures of all calls to AWS have in common: no usable answer, the bot's own credentials, too many calls.

use super::fault::{Answer, Cause, Fault};
use crate::provider::{ErrorKind, ProviderError};

/// A call, as far as words about any of its failures need to know it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call<'a> {
    /// As AWS and the metrics write it.
    pub name: &'static str,
    /// What it is about.
    pub subject: &'a str,
    /// What it means that no usable answer came.
    pub silence: ErrorKind,
}

/// Words for a failed call; `answered` has them for the answers that are its own.
pub(super) fn explain(
    call: Call<'_>,
    fault: &Fault,
    answered: impl FnOnce(&Answer) -> Option<(ErrorKind, String)>,
) -> ProviderError {
    let Call { name, subject, silence } = call;
    let (kind, words) = match &fault.cause {
        Cause::Answered(answer) => answered(answer)
            .or_else(|| about_the_bot(name, answer))
            .unwrap_or_else(|| by_status(call, answer)),
        Cause::NoCredentials => (
            ErrorKind::Unavailable,
            "the bot has no AWS credentials of its own: give it some (environment, container or instance role), and see \
             that aws.revoker_role_arn, if set, lets the bot assume it"
                .to_owned(),
        ),
        Cause::TimedOut => (silence, format!("AWS did not answer {name} in time")),
        Cause::Unreachable => (silence, format!("the connection to AWS for {name} failed or broke off")),
        Cause::Garbled => (silence, format!("AWS' answer to {name} could not be read")),
        Cause::NotSent => (ErrorKind::Refused, format!("{name} for {subject} could not be put together: report this")),
    };
    ProviderError { kind, message: with_request_id(words, fault.request_id.as_deref()) }
}

/// What AWS support asks for comes last.
fn with_request_id(words: String, request_id: Option<&str>) -> String {
    match request_id {
        Some(id) => format!("{words} (AWS request id {id})"),
        None => words,
    }
}

/// AWS' error code, without the ending that some services give it.
pub(super) fn code(answer: &Answer) -> &str {
    answer.code.as_deref().unwrap_or_default().trim_end_matches("Exception")
}

/// Whether a permission is missing.
pub(super) fn is_denied(answer: &Answer) -> bool {
    code(answer) == "AccessDenied" || (answer.code.is_none() && matches!(answer.status, 401 | 403))
}

/// What AWS may say to any call: that it does not know the bot, or that it hears too much from it.
fn about_the_bot(call: &str, answer: &Answer) -> Option<(ErrorKind, String)> {
    let code = code(answer);
    match code {
        "ExpiredToken" | "RequestExpired" => Some((
            ErrorKind::Unavailable,
            format!("AWS says that the bot's own credentials have expired, at {call}: they must be renewed"),
        )),
        "InvalidClientTokenId"
        | "SignatureDoesNotMatch"
        | "UnrecognizedClient"
        | "IncompleteSignature"
        | "MissingAuthenticationToken"
        | "AuthFailure"
        | "InvalidSignature"
        | "InvalidAccessKeyId" => Some((
            ErrorKind::Denied,
            format!("AWS does not accept the bot's own credentials ({code} at {call}): they must be replaced"),
        )),
        "Throttling"
        | "Throttled"
        | "ThrottledRequest"
        | "RequestThrottled"
        | "TooManyRequests"
        | "RequestLimitExceeded"
        | "SlowDown"
        | "PriorRequestNotComplete" => Some(throttled(call, answer)),
        _ => None,
    }
}

fn throttled(call: &str, answer: &Answer) -> (ErrorKind, String) {
    (ErrorKind::Throttled { after: answer.retry_after }, format!("AWS gets too many calls to allow {call} now"))
}

fn by_status(call: Call<'_>, answer: &Answer) -> (ErrorKind, String) {
    let Call { name, subject, silence } = call;
    let code = answer.code.as_deref().unwrap_or("no code");
    match answer.status {
        401 | 403 => (ErrorKind::Denied, format!("AWS does not allow {name} for {subject} ({code})")),
        429 => throttled(name, answer),
        status @ 500.. => (silence, format!("AWS failed at {name} (HTTP {status}, {code})")),
        status => (ErrorKind::Refused, format!("AWS refused {name} for {subject} (HTTP {status}, {code})")),
    }
}

/// The action in "… is not authorized to perform: sts:TagSession on resource: …".
pub(super) fn named_permission(text: &str) -> Option<&str> {
    let rest = text.split_once("not authorized to perform: ")?.1;
    let action = rest.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != ':').next()?;
    action.contains(':').then_some(action)
}

/// Which policy stands in the way, when AWS says so.
pub(super) fn named_side(text: &str) -> &'static str {
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
