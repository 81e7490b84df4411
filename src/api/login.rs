//! Who calls: logins of people, proofs of pipelines, and what a session is.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Secret;

/// Asks for a code to type in Slack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginAsk {
    /// The machine that wants to sign in; shown to the person who confirms. Printable, trimmed to 64 letters.
    #[schema(min_length = 1, max_length = 200)]
    pub machine: String,
    /// The user's name on that machine; shown too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub user: Option<String>,
}

/// A login that waits for somebody to confirm it in Slack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Login {
    /// Names the login.
    #[schema(value_type = String, format = "uuid")]
    pub id: Uuid,
    /// What is to be typed: `/jit login CODE`.
    pub code: String,
    /// The bearer token that reads how the login stands, and nothing else.
    pub poll_token: Secret,
    /// When it can no longer be confirmed.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}

/// How a login stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LoginState {
    /// Nobody has said anything yet.
    Waiting,
    /// Somebody confirmed it.
    Confirmed,
    /// Somebody said that it was not theirs.
    Refused,
    /// Nobody confirmed it in time.
    Expired,
}

/// How a login stands, and the session's token the first time that is asked after it was confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LoginStatus {
    /// Where it stands.
    pub state: LoginState,
    /// The session's bearer token. It is handed out once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Secret>,
    /// Whose session it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// When the session ends; while the login waits, until when it can be confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
}

/// What a pipeline proves itself with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// An OIDC token of its CI system (GitHub Actions, GitLab, any issuer that the configuration names).
    OidcToken(Secret),
    /// A token of AWS STS `GetWebIdentityToken`.
    AwsWebIdentityToken(Secret),
    /// A presigned call of AWS STS `GetCallerIdentity`.
    AwsCallerIdentity(CallerIdentity),
}

/// A presigned `GET` of `GetCallerIdentity` that has signed the headers `host` and `x-jit-audience`, and no others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CallerIdentity {
    /// `https://sts.REGION.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-…`
    pub url: Secret,
}

/// A pipeline's session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkloadSession {
    /// Its bearer token.
    pub token: Secret,
    /// The pipeline, by the name that the configuration gives it.
    pub workload: String,
    /// When the session ends.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}

/// What kind of caller it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Somebody in Slack.
    Person,
    /// A pipeline.
    Workload,
}

/// Whose session it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Whoami {
    /// A person or a pipeline.
    pub kind: Kind,
    /// The name that people know them by.
    pub name: String,
    /// The Slack user id, or `workload:` and a name.
    pub id: String,
    /// When the session ends.
    #[schema(value_type = String, format = DateTime)]
    pub session_expires_at: Timestamp,
    /// Whether they may read the audit trail.
    pub is_auditor: bool,
}
