//! Why a call came to nothing.

use std::time::Duration;

use crate::api::{Problem, ProblemCode};

/// Why a call came to nothing.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Trouble {
    /// Nobody answered as long as patience lasted.
    #[error("{server} cannot be reached (tried for {tried:?}): {last}")]
    Unreachable {
        /// Who was called.
        server: String,
        /// For how long.
        tried: Duration,
        /// What went wrong the last time.
        last: String,
    },
    /// The server understood, and said no.
    #[error("{}", .0.detail)]
    Refused(Box<Problem>),
    /// There is nothing to sign in with.
    #[error("{0}")]
    NoProof(String),
    /// What was answered is nothing that a jit says.
    #[error("{0}")]
    Odd(String),
}

impl Trouble {
    /// The server's code, when it was the server that said no.
    #[must_use]
    pub fn code(&self) -> Option<ProblemCode> {
        match self {
            Self::Refused(problem) => Some(problem.code),
            Self::Unreachable { .. } | Self::NoProof(_) | Self::Odd(_) => None,
        }
    }
}
