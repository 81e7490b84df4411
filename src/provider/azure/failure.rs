//! What went wrong with a call to Azure, and what that means: in words for people, and in what there is to do.
//!
//! Azure's own words are shown where they explain a rule of the tenant; they never repeat a secret, and tokens are not in
//! them. Of what the token endpoint says only the number is read.

use std::{error::Error as _, sync::LazyLock, time::Duration};

use azure_core::error::ErrorKind as CoreKind;
use regex::Regex;
use serde::Deserialize;

use crate::provider::{ErrorKind, ProviderError};

/// A failed call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// There is no token for the bot: nothing was sent. With Entra's number for the reason, if it gave one.
    NoToken(Option<u32>),
    /// No answer, or none that was whole.
    NoAnswer {
        /// Whether the call may have reached Azure.
        may_be_done: bool,
    },
    /// An answer that makes no sense.
    Garbled,
    /// Azure said no.
    Answered(Answer),
}

/// What Azure answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Answer {
    pub status: u16,
    /// Azure's code, or nothing when there was none.
    pub code: String,
    /// Azure's words.
    pub message: String,
    pub retry_after: Option<Duration>,
}

#[derive(Deserialize)]
struct Body {
    error: Inner,
}

#[derive(Deserialize)]
struct Inner {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

impl Failure {
    /// Reads what the SDK says.
    pub fn of(error: &azure_core::Error) -> Self {
        match error.kind() {
            CoreKind::Credential => Self::NoToken(number(error)),
            CoreKind::Connection => Self::NoAnswer { may_be_done: false },
            CoreKind::Io | CoreKind::DataConversion | CoreKind::HttpResponse { .. } => {
                Self::NoAnswer { may_be_done: true }
            }
            // what the credential or its policy says without sending anything comes as this; its number tells
            CoreKind::Other => {
                number(error).map_or(Self::NoAnswer { may_be_done: true }, |number| Self::NoToken(Some(number)))
            }
        }
    }

    /// Reads an error answer.
    pub fn answered(status: u16, body: &[u8], retry_after: Option<Duration>) -> Self {
        let (code, message) =
            serde_json::from_slice::<Body>(body).map(|Body { error }| (error.code, error.message)).unwrap_or_default();
        Self::Answered(Answer { status, code, message, retry_after })
    }

    /// Azure's code.
    pub fn code(&self) -> &str {
        match self {
            Self::Answered(answer) => &answer.code,
            Self::NoToken(_) | Self::NoAnswer { .. } | Self::Garbled => "",
        }
    }

    /// Whether Azure says that it knows the request already, or something else that stands in its way.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Answered(answer) if answer.status == 409)
    }

    /// Whether Azure has certainly not done what was asked.
    pub fn is_certain(&self) -> bool {
        match self {
            Self::NoToken(_) => true,
            Self::NoAnswer { may_be_done } => !may_be_done,
            Self::Garbled => false,
            // a gateway that has waited long enough says nothing of what stands behind it
            Self::Answered(answer) => answer.status < 500 && answer.status != 408,
        }
    }

    /// What it means when nothing was to be changed.
    pub fn of_reading(&self, what: &str) -> ProviderError {
        self.explain(what, ErrorKind::Unavailable)
    }

    /// What it means when something was to be changed.
    pub fn of_writing(&self, what: &str) -> ProviderError {
        self.explain(what, if self.is_certain() { ErrorKind::Unavailable } else { ErrorKind::Ambiguous })
    }

    fn explain(&self, what: &str, silence: ErrorKind) -> ProviderError {
        let (kind, message) = match self {
            Self::NoToken(Some(number)) => sign_in(*number),
            Self::NoToken(None) => (
                ErrorKind::Unavailable,
                "Entra does not let the bot sign in, and does not say why: the token endpoint cannot be reached, or the \
                 credential of [azure] is not there (with azure-cli, run `az login`)"
                    .to_owned(),
            ),
            Self::NoAnswer { .. } => (silence, format!("Azure did not answer when asked for {what}; it is tried again")),
            Self::Garbled => (silence, format!("Azure's answer to {what} cannot be understood; it is tried again")),
            Self::Answered(answer) => answer.explain(what, silence),
        };
        ProviderError { kind, message }
    }
}

impl Answer {
    fn explain(&self, what: &str, silence: ErrorKind) -> (ErrorKind, String) {
        match (self.status, self.code.as_str()) {
            (429, _) => (
                ErrorKind::Throttled { after: self.retry_after },
                "Azure wants to be asked less often; it is tried again".to_owned(),
            ),
            (408 | 500.., _) => (silence, format!("Azure failed at {what} with status {}; it is tried again", self.status)),
            (_, "RoleAssignmentRequestPolicyValidationFailed") => (ErrorKind::Refused, self.policy()),
            (_, "RoleAssignmentRequestAcrsValidationFailed") => (
                ErrorKind::Refused,
                "the tenant's policy for this role wants an authentication context, which a bot cannot have: switch it off \
                 for this role in Privileged Identity Management, or take the role out of jit"
                    .to_owned(),
            ),
            (_, "AadPremiumLicenseRequired") => (
                ErrorKind::Refused,
                "the tenant has no licence for Privileged Identity Management: it needs Microsoft Entra ID P2 or Microsoft \
                 Entra ID Governance"
                    .to_owned(),
            ),
            (_, "SubjectNotFound") => (
                ErrorKind::Conflict,
                "Azure does not know the holder yet: new accounts take some minutes to get around; it is tried again".to_owned(),
            ),
            (_, "PendingRoleAssignmentRequest") => (
                ErrorKind::Conflict,
                "Azure is still working on another request for the same; it is tried again".to_owned(),
            ),
            (_, "ResourceIsLocked") => (
                ErrorKind::Refused,
                format!("{what} is locked in Azure: somebody has to take the lock away first"),
            ),
            (_, "RoleNotFound" | "RoleDefinitionDoesNotExist") => {
                (ErrorKind::NotFound, format!("Azure knows no such role: {what}"))
            }
            (_, "RoleAssignmentLimitExceeded") => (
                ErrorKind::Refused,
                "the subscription has as many role assignments as Azure allows; somebody has to remove some".to_owned(),
            ),
            (401 | 403, code) => (ErrorKind::Denied, denied(what, code)),
            (404, _) => (ErrorKind::NotFound, format!("Azure does not know {what}{}", self.said())),
            (409 | 412, _) => (ErrorKind::Conflict, format!("Azure is busy with {what}{}; it is tried again", self.said())),
            _ => (ErrorKind::Refused, format!("Azure refuses {what}{}", self.said())),
        }
    }

    /// The rules of the tenant that were broken, each in words.
    fn policy(&self) -> String {
        let broken: Vec<String> = RULES
            .iter()
            .filter(|(name, _)| self.message.contains(name))
            .map(|(name, words)| format!("{name} ({words})"))
            .collect();
        let rules = if broken.is_empty() { self.said() } else { format!(": {}", broken.join(", ")) };
        format!(
            "the tenant's policy for this role forbids it{rules}. The policy is in Privileged Identity Management, in the \
             role's settings for assignments; `jit check --live` shows it"
        )
    }

    fn said(&self) -> String {
        match (self.code.as_str(), self.message.trim()) {
            ("", "") => format!(" (status {})", self.status),
            (code, "") => format!(" ({code})"),
            ("", message) => format!(" ({message})"),
            (code, message) => format!(" ({code}: {})", message.trim_end_matches('.')),
        }
    }
}

/// The rules of a role's policy that can stand in the way of an assignment.
const RULES: [(&str, &str); 5] = [
    ("ExpirationRule", "it is for longer than the policy allows"),
    ("JustificationRule", "it wants a reason: make the role's `reason` required"),
    ("TicketingRule", "it wants a ticket: give the role a `ticket` pattern"),
    (
        "MfaRule",
        "it wants multi-factor authentication, which a bot cannot do: switch that off for assignments of this role",
    ),
    ("EligibilityRule", "it wants the holder to be eligible for the role"),
];

fn denied(what: &str, code: &str) -> String {
    let code = if code.is_empty() { String::new() } else { format!(" ({code})") };
    format!(
        "the bot may not do that in Azure{code}: it lacks the permission for {what}. README.md lists what it needs, and \
         `jit check --live` what is missing"
    )
}

/// Entra's number in an error of the SDK. The words around it may come twice, and its own parser may have stumbled over
/// them.
fn number(error: &azure_core::Error) -> Option<u32> {
    static NUMBER: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"AADSTS(\d{4,9})").expect("a valid pattern"));
    let mut source: Option<&(dyn std::error::Error + 'static)> = error.source();
    let mut texts = vec![error.to_string()];
    while let Some(cause) = source {
        texts.push(cause.to_string());
        source = cause.source();
    }
    texts.iter().find_map(|text| NUMBER.captures(text)?.get(1)?.as_str().parse().ok())
}

/// Why the bot cannot sign in.
fn sign_in(number: u32) -> (ErrorKind, String) {
    let (kind, words) = match number {
        7_000_215 => {
            (ErrorKind::Denied, "client_secret of [azure] is wrong: it must be the secret's value, not its id")
        }
        7_000_222 => {
            (ErrorKind::Denied, "client_secret of [azure] has expired: make a new one for the app registration")
        }
        1_000_502 | 700_024 => (
            ErrorKind::Denied,
            "the certificate or assertion it signs in with is not valid now: it has expired, or this machine's clock is wrong",
        ),
        700_027 => (
            ErrorKind::Denied,
            "the app registration does not know the certificate: upload that of client_certificate in [azure]",
        ),
        700_016 => (ErrorKind::Denied, "the tenant has no app with client_id of [azure]"),
        90_002 => (ErrorKind::Denied, "there is no tenant with tenant_id of [azure]"),
        90_013 | 900_023 => (ErrorKind::Denied, "tenant_id of [azure] is not the id of a tenant"),
        70_021 | 700_211 | 700_212 | 700_213 => (
            ErrorKind::Denied,
            "the app registration has no federated credential for this issuer, audience and subject",
        ),
        7_000_112 => (ErrorKind::Denied, "the app is disabled in the tenant"),
        7_000_218 => (ErrorKind::Denied, "the app registration wants a secret or a certificate"),
        53_003 => (ErrorKind::Denied, "a Conditional Access policy forbids the app to sign in from here"),
        500_011 => (ErrorKind::Denied, "the tenant does not know the service at arm_url or graph_url of [azure]"),
        65_001 => (ErrorKind::Denied, "an administrator has not consented to the app's permissions yet"),
        50_076 | 50_079 => (ErrorKind::Denied, "whoever is signed in with az has to do so again, with a second factor"),
        90_033 | 50_196 | 90_012 | 90_014 | 90_024 => {
            (ErrorKind::Unavailable, "Entra is unwell just now; it is tried again")
        }
        _ => (ErrorKind::Denied, "look the number up at https://login.microsoftonline.com/error"),
    };
    (kind, format!("Entra does not let the bot sign in (AADSTS{number}): {words}"))
}

#[cfg(test)]
mod tests {
    use azure_core::Error;

    use super::*;

    #[test]
    fn a_broken_rule_of_the_tenant_is_named() {
        let body = br#"{"error":{"code":"RoleAssignmentRequestPolicyValidationFailed","message":"The following policy rules failed: [\"ExpirationRule\",\"MfaRule\"]"}}"#;
        let error = Failure::answered(400, body, None).of_writing("role Contributor");
        assert_eq!(error.kind, ErrorKind::Refused);
        assert!(error.message.contains("ExpirationRule (it is for longer"), "{}", error.message);
        assert!(error.message.contains("MfaRule"), "{}", error.message);
    }

    #[test]
    fn what_may_have_been_done_is_looked_for_before_it_is_asked_for_again() {
        for (failure, kind) in [
            (Failure::NoAnswer { may_be_done: true }, ErrorKind::Ambiguous),
            (Failure::NoAnswer { may_be_done: false }, ErrorKind::Unavailable),
            (Failure::answered(500, b"oops", None), ErrorKind::Ambiguous),
            (Failure::Garbled, ErrorKind::Ambiguous),
            (
                Failure::answered(429, b"", Some(Duration::from_secs(7))),
                ErrorKind::Throttled { after: Some(Duration::from_secs(7)) },
            ),
            (Failure::answered(403, b"", None), ErrorKind::Denied),
        ] {
            assert_eq!(failure.of_writing("it").kind, kind, "{failure:?}");
        }
        assert_eq!(Failure::answered(500, b"oops", None).of_reading("it").kind, ErrorKind::Unavailable);
    }

    #[test]
    fn the_number_is_found_where_the_sdk_has_put_it() {
        let stumbled = "ClientSecretCredential authentication failed. invalid type: string \"AADSTS7000222: The provided client secret keys are expired.\r\n\", expected a borrowed string";
        let failure = Failure::of(&Error::with_message(CoreKind::Credential, stumbled));
        assert_eq!(failure, Failure::NoToken(Some(7_000_222)));
        let words = failure.of_reading("anything");
        assert!(words.message.contains("has expired"), "{}", words.message);
        assert_eq!(words.kind, ErrorKind::Denied);
        assert!(failure.is_certain(), "nothing was sent");
    }
}
