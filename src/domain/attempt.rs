//! What people and programs try to do to requests and grants, why it comes to nothing, and how credentials are handed over:
//! words that facts on the trail are made of.

use serde::{Deserialize, Serialize};

use super::policy::ReviewRefusal;

/// What somebody tried to do to a request or a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attempt {
    /// To approve a request.
    Approve,
    /// To deny a request.
    Deny,
    /// To withdraw a request.
    Cancel,
    /// To have a grant end later.
    Extend,
    /// To give a grant back.
    End,
    /// To take a grant back.
    Revoke,
    /// To claim credentials.
    Claim,
    /// To say that the process which uses the grant is there.
    Heartbeat,
}

/// Why a try came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "because", rename_all = "snake_case")]
pub enum AttemptRefusal {
    /// The review does not count.
    Review {
        /// Which rule says so.
        why: ReviewRefusal,
    },
    /// The request or grant belongs to somebody else.
    NotTheirs,
    /// The request is closed, or the grant is over.
    TooLate,
    /// The grant has nothing to claim, or not yet.
    NothingToClaim,
    /// The link was used already, or is too old.
    LinkSpent,
    /// What is to be run is not the plan that was approved.
    PlanMismatch,
    /// Another run of the pipeline has asked for it.
    AnotherRun,
    /// The cloud did not mint the credentials.
    Cloud {
        /// What stood in the way.
        why: String,
    },
}

/// How claimed credentials were handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Shown on a page, for a shell or a profile.
    Shell,
    /// Exchanged for a console session in the browser.
    Console,
    /// Handed to a program that asked for them by the API.
    Program,
}
