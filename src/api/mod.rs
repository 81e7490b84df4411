//! What goes over the wire between `/v1` and whoever calls it: types and their descriptions, nothing that does anything.
//!
//! The server (`http/v1`) and the command line (`cli`) share them, and the OpenAPI document is made from them, so the three
//! cannot disagree. Times are RFC 3339 in UTC, ids are UUIDs, lengths of time are whole seconds.

mod audit;
mod grant;
mod login;
mod problem;
mod request;
mod role;
mod secret;

pub use audit::{AuditEvent, AuditPage};
pub use grant::{
    Console, Credentials, CredentialsAsk, EndAsk, ExtendAsk, Gives, Grant, GrantState, Heartbeat, HeartbeatAsk,
};
pub use login::{CallerIdentity, Kind, Login, LoginAsk, LoginState, LoginStatus, Proof, Whoami, WorkloadSession};
pub use problem::{CONTENT_TYPE, Problem, ProblemCode};
pub use request::{DurationAsk, Plan, Request, RequestAsk, RequestState};
pub use role::{Role, Target};
pub use secret::Secret;

/// The header that makes a request safe to repeat: the same key gives the same answer, and nothing happens twice.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// The header that a presigned `GetCallerIdentity` must have signed; its value is the server's `api.audience`.
pub const AUDIENCE_HEADER: &str = "x-jit-audience";
/// How many seconds a call may wait for news at most.
pub const LONGEST_WAIT: u64 = 60;
/// How many addresses a plan may name as destroyed; more of them are counted, not listed.
pub const MOST_DESTROYED: usize = 200;
