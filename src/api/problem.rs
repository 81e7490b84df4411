//! Why a call came to nothing: problem+json (RFC 9457) with a code that does not change.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The content type of every answer that is not a success.
pub const CONTENT_TYPE: &str = "application/problem+json";

/// Why a call came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// `about:blank`: the code says more than a link could.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind of problem, in a few words.
    pub title: String,
    /// The HTTP status once more.
    pub status: u16,
    /// What happened, which rule says so, and the way out; for people.
    pub detail: String,
    /// The kind of problem, for programs.
    pub code: ProblemCode,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $status:literal, $title:literal;)+) => {
        /// The kinds of problems. A code keeps its meaning; new ones may come.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum ProblemCode {
            $($(#[$doc])* $name,)+
            /// A code that this version does not know.
            #[serde(other)]
            Unknown,
        }

        impl ProblemCode {
            /// Every code that this version gives.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The HTTP status that goes with it.
            #[must_use]
            pub fn status(self) -> u16 {
                match self {
                    $(Self::$name => $status,)+
                    Self::Unknown => 500,
                }
            }

            /// A few words for it.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self {
                    $(Self::$name => $title,)+
                    Self::Unknown => "Something else",
                }
            }
        }
    };
}

codes! {
    /// There is no token, or it is none of ours.
    Unauthenticated = 401, "Not signed in";
    /// The session is over, or was revoked.
    SessionExpired = 401, "The session is over";
    /// It is for somebody else to do.
    Forbidden = 403, "Not yours to do";
    /// There is no such thing, or not for whoever asks.
    NotFound = 404, "Not found";
    /// The route does not know this method.
    MethodNotAllowed = 405, "The route does not know this method";
    /// The body or a parameter cannot be read.
    InvalidRequest = 400, "The call cannot be read";
    /// The body is longer than any that means something.
    TooLarge = 413, "The body is too large";
    /// The body did not arrive in time.
    TooSlow = 408, "The body did not arrive in time";
    /// There is no such role.
    UnknownRole = 422, "There is no such role";
    /// The role is for others.
    NotARequester = 403, "The role is for others";
    /// The access would last longer than the role allows.
    DurationTooLong = 422, "Too long";
    /// The access would be shorter than the role allows.
    DurationTooShort = 422, "Too short";
    /// The role wants a reason.
    ReasonRequired = 422, "A reason is missing";
    /// The role wants a ticket in the reason.
    TicketRequired = 422, "A ticket is missing";
    /// No rule of the role covers what was asked: too long for each, or a plan that destroys.
    NoRuleFits = 422, "No rule covers this";
    /// Fewer people than needed could approve.
    TooFewApprovers = 422, "Too few people could approve";
    /// As many requests as one may have open, or make within an hour.
    LimitReached = 429, "The limit is reached";
    /// A request for the same thing awaits a decision.
    AlreadyPending = 409, "Asked for already";
    /// The thing has changed meanwhile: the request is closed, the grant is over.
    Conflict = 409, "Too late";
    /// The grant is not active yet, or no longer.
    GrantNotActive = 409, "The grant is not active";
    /// What is to be run is not what was approved.
    PlanMismatch = 409, "Not the plan that was approved";
    /// The grant has nothing to claim: its access is simply there.
    NoCredentials = 409, "Nothing to claim";
    /// The cloud understood and said no.
    CloudRefused = 502, "The cloud said no";
    /// The cloud cannot be reached, or failed.
    CloudUnavailable = 503, "The cloud cannot be reached";
    /// Slack cannot be asked who is in a user group on which the answer depends.
    SlackUnavailable = 503, "Slack cannot be asked";
    /// The proof is in order, and no workload of the configuration is this one.
    WorkloadUnknown = 403, "No workload of the configuration";
    /// The proof is not in order: signature, algorithm, issuer, form.
    TokenInvalid = 401, "The proof does not hold";
    /// The proof is too old, or not valid yet.
    TokenExpired = 401, "The proof is out of date";
    /// The proof was used before.
    TokenReplayed = 401, "The proof was used before";
    /// The proof was made for somebody else.
    AudienceMismatch = 401, "The proof is for somebody else";
    /// The keys of the issuer cannot be had now.
    IssuerUnavailable = 503, "The issuer cannot be asked";
    /// Too many calls.
    RateLimited = 429, "Too many calls";
    /// The idempotency key was used for something else.
    IdempotencyMismatch = 422, "The key was used for something else";
    /// It is our fault, and in the log.
    Internal = 500, "Our fault";
}
