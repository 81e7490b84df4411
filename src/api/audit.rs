//! The audit trail, for auditors.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Some of the trail, in order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditPage {
    /// The events.
    pub events: Vec<AuditEvent>,
    /// Ask with `after` set to this for what follows; absent at the end of the trail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<i64>,
}

/// One event of the trail. Each carries the hash of the one before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditEvent {
    /// Its place, from 1 without gaps.
    pub seq: i64,
    /// When it happened.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Who did it: a Slack user id, `workload:` and a name, `jit` or `operator`.
    pub actor: String,
    /// What happened: `request_made`, …
    pub kind: String,
    /// The request that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The grant that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant_id: Option<String>,
    /// The whole fact, complete in itself.
    #[schema(value_type = Object)]
    pub fact: serde_json::Value,
    /// The hash of the event before.
    pub prev: String,
    /// SHA-256 over all of the above.
    pub hash: String,
}
