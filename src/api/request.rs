//! Requests: what is asked for, and how it stands.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Grant;

/// Asks for a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestAsk {
    /// The role's name.
    #[schema(min_length = 1, max_length = 200)]
    pub role: String,
    /// For how long; the role's default when nobody says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<DurationAsk>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 2000)]
    pub reason: Option<String>,
    /// The plan that is to be run with it, and no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
    /// Whether heartbeats will come. Then the grant also ends when none comes within two minutes of its beginning:
    /// whoever asked may be gone by then.
    #[serde(default)]
    pub heartbeats: bool,
}

/// A length of time: seconds, or text such as `30m` or `1h30m`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum DurationAsk {
    /// In seconds.
    Seconds(u64),
    /// As people write it.
    Text(String),
}

/// What a tool says that it will do, and the digest of the file in which it says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// SHA-256 of the plan file, in hex.
    #[schema(min_length = 64, max_length = 64, pattern = "^[0-9a-f]{64}$")]
    pub sha256: String,
    /// How many things it adds.
    pub add: u32,
    /// How many things it changes.
    pub change: u32,
    /// How many things it destroys; a replacement counts as one destroyed and one added.
    pub destroy: u32,
    /// The destroyed by address, as many as there is room for.
    #[serde(default)]
    #[schema(max_items = 200)]
    pub destroyed: Vec<String>,
}

/// Where a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RequestState {
    /// People are to decide.
    Awaiting,
    /// It became a grant, or a later end of one.
    Approved,
    /// Somebody, the policy or the cloud said no.
    Denied,
    /// Whoever asked withdrew it.
    Cancelled,
    /// Nobody decided in time.
    Lapsed,
}

/// A request, as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Request {
    /// Its id.
    #[schema(value_type = String, format = "uuid")]
    pub id: Uuid,
    /// Its short name, `REQ-7K3M`; paths take it too.
    pub name: String,
    /// What is asked for.
    pub role: String,
    /// Who asks: the Slack user id, or `workload:` and a name.
    pub holder: String,
    /// For how long; for a later end of a grant, the grant's whole length.
    pub duration_seconds: u64,
    /// Why; may be empty.
    pub reason: String,
    /// Where it stands.
    pub state: RequestState,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub asked_at: Timestamp,
    /// From this moment on it can no longer be decided.
    #[schema(value_type = String, format = DateTime)]
    pub decide_by: Timestamp,
    /// Whom or what it waits for, in words; empty when it is closed.
    pub waits_for: String,
    /// How many approvals it needs.
    pub approvals_needed: u8,
    /// Who has approved, by name.
    pub approved_by: Vec<String>,
    /// Who or what closed it, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<String>,
    /// How it was closed, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision_text: Option<String>,
    /// The grant that is to end later, `GRANT-7K3M`, where that is what was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extends: Option<String>,
    /// The plan that it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
    /// What came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<Grant>,
}
