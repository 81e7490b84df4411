//! What a tool such as Terraform says that it will do, and the digest of the file in which it says so.
//!
//! The numbers are whoever asks' own words; the digest is what holds: credentials are given for that very file.

use serde::{Deserialize, Serialize};

/// The plan that a request is for, frozen when it is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// SHA-256 of the plan file, in hex.
    pub sha256: String,
    /// How many things it adds.
    pub add: u32,
    /// How many things it changes.
    pub change: u32,
    /// How many things it destroys.
    pub destroy: u32,
    /// The destroyed by address; there may be fewer of them than are destroyed, never more.
    #[serde(default)]
    pub destroyed: Vec<String>,
}

impl Plan {
    /// Whether it destroys anything.
    #[must_use]
    pub fn destroys(&self) -> bool {
        self.destroy > 0 || !self.destroyed.is_empty()
    }

    /// Whether this is the digest of the plan's file.
    #[must_use]
    pub fn is(&self, sha256: &str) -> bool {
        self.sha256.eq_ignore_ascii_case(sha256.trim())
    }
}
