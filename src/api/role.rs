//! What can be asked for.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Gives;

/// A role that the caller may ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Role {
    /// What is asked for.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The shortest it may be had for.
    pub min_duration_seconds: u64,
    /// The longest it may be had for.
    pub max_duration_seconds: u64,
    /// For how long it is had when nobody says.
    pub default_duration_seconds: u64,
    /// Whether a reason must be given.
    pub reason_required: bool,
    /// The pattern of a ticket that the reason must have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// The rules in words, in order: the first that fits decides.
    pub rules: Vec<String>,
    /// What it opens.
    pub targets: Vec<Target>,
}

/// One thing in one cloud that a role opens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Target {
    /// As in the configuration: `aws-sts`, `aws-identity-center`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// What is opened, as the cloud names it.
    pub resource: String,
    /// Whether credentials are claimed for it, or access is simply there.
    pub gives: Gives,
}
