//! Grants: how they stand, and what their holders do with them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{DurationAsk, Plan, Secret};

/// Where a grant stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GrantState {
    /// The clouds are being asked.
    Applying,
    /// Every access is confirmed.
    Active,
    /// What was opened is being closed.
    Ending,
    /// It was, and is no more.
    Ended,
    /// It never came to be, and nothing is left of the attempt.
    Failed,
}

/// How access is had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Gives {
    /// Credentials are claimed for it.
    Credentials,
    /// It is simply there, for the holder's own account.
    Assignment,
}

/// A grant, as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Grant {
    /// Its id.
    #[schema(value_type = String, format = "uuid")]
    pub id: Uuid,
    /// Its short name, `GRANT-7K3M`; paths take it too.
    pub name: String,
    /// The request that was approved.
    #[schema(value_type = String, format = "uuid")]
    pub request_id: Uuid,
    /// What it gives.
    pub role: String,
    /// Who has it: the Slack user id, or `workload:` and a name.
    pub holder: String,
    /// Where it stands.
    pub state: GrantState,
    /// When it was approved.
    #[schema(value_type = String, format = DateTime)]
    pub starts_at: Timestamp,
    /// From this moment on it is no more, whatever else happens.
    #[schema(value_type = String, format = DateTime)]
    pub ends_at: Timestamp,
    /// Why it ended or failed, or what it waits for, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// How its access is had, for each of its targets.
    pub gives: Vec<Gives>,
    /// What it opens, as the clouds name it, for each of its targets.
    pub resources: Vec<String>,
    /// Whether the cloud does not do what it should; it is still being tried.
    pub stuck: bool,
    /// Whether all that was opened is known to be closed.
    pub end_confirmed: bool,
    /// The plan that it is for; credentials are given for that plan alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
    /// When the grant ends if no heartbeat comes until then; only once a first one has come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_heartbeat_by: Option<Timestamp>,
}

/// Asks for a later end of a grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExtendAsk {
    /// How much longer.
    pub duration: DurationAsk,
    /// Why; the grant's own reason when nobody says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 2000)]
    pub reason: Option<String>,
}

/// Gives a grant back. There is nothing to say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndAsk {}

/// Says that the process which uses a grant is there. There is nothing more to say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HeartbeatAsk {}

/// The answer to a heartbeat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Heartbeat {
    /// When the grant ends.
    #[schema(value_type = String, format = DateTime)]
    pub ends_at: Timestamp,
    /// Where it stands.
    pub state: GrantState,
    /// The grant ends when no heartbeat comes for so long.
    pub next_within_seconds: u64,
}

/// Claims credentials.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CredentialsAsk {
    /// SHA-256 of the plan that is about to be run, in hex; needed where the grant is for a plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub plan_sha256: Option<String>,
    /// Which of the grant's resources, where credentials are claimed for several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 2000)]
    pub resource: Option<String>,
}

/// Credentials of AWS. They were minted for this answer and are kept nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Credentials {
    /// `ASIA…`: an identifier that CloudTrail shows too.
    pub access_key_id: String,
    /// The secret key.
    pub secret_access_key: Secret,
    /// The session token.
    pub session_token: Secret,
    /// When they stop working: the grant's end, or sooner. Claim again then.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// The region to start in.
    pub region: String,
    /// What they open: `arn:aws:iam::111122223333:role/prod-deploy`.
    pub resource: String,
}

/// A link that signs a browser in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Console {
    /// The link. Whoever has it is signed in.
    pub url: Secret,
}
