//! The chain that the audit trail is: each event carries the hash of the one before.
//!
//! Whoever changes, removes or inserts an event would have to rewrite all that come after it, and the hashes that the
//! audit channel was told.

use jiff::Timestamp;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::audit::{Actor, Fact};

/// An event as it stands in the store: exactly the text that was hashed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Event {
    /// Its place in the chain, from 1 without gaps.
    pub seq: i64,
    /// When it happened: microseconds since 1970, UTC.
    pub at: i64,
    /// Who did it, as [`Actor::to_word`] writes them.
    pub actor: String,
    /// The fact's kind, such as `request_made`.
    pub kind: String,
    /// The request it is about.
    pub request_id: Option<String>,
    /// The grant it is about.
    pub grant_id: Option<String>,
    /// The fact as JSON.
    pub fact: String,
    /// The hash of the event before; 64 zeros for the first.
    pub prev: String,
    /// SHA-256 over all of the above, in hex.
    pub hash: String,
}

/// What stands before the first event.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

impl Event {
    /// Links a fact to the chain whose last event is `seq - 1` with hash `prev`.
    ///
    /// # Errors
    /// When the fact cannot be written as JSON.
    pub fn link(seq: i64, at: Timestamp, actor: &Actor, fact: &Fact, prev: &str) -> Result<Self, serde_json::Error> {
        let json = serde_json::to_value(fact)?;
        let subject = fact.subject();
        let mut event = Self {
            seq,
            at: at.as_microsecond(),
            actor: actor.to_word(),
            kind: json["kind"].as_str().unwrap_or_default().to_owned(),
            request_id: subject.map(|about| about.request.to_string()),
            grant_id: subject.and_then(|about| about.grant).map(|grant| grant.to_string()),
            fact: json.to_string(),
            prev: prev.to_owned(),
            hash: String::new(),
        };
        event.hash = event.computed_hash();
        Ok(event)
    }

    /// The hash this event should carry. Each part is preceded by its length, so that no two events read the same.
    #[must_use]
    pub fn computed_hash(&self) -> String {
        let absent = String::new();
        let (seq, at) = (self.seq.to_string(), self.at.to_string());
        let parts = [
            &self.prev,
            &seq,
            &at,
            &self.actor,
            &self.kind,
            self.request_id.as_ref().unwrap_or(&absent),
            self.grant_id.as_ref().unwrap_or(&absent),
            &self.fact,
        ];
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hasher.update(part.as_bytes());
        }
        hex::encode(hasher.finalize())
    }
}

/// Where a chain is broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// An event's content does not fit its hash.
    #[error("event {seq} was altered: its content does not fit its hash")]
    Altered {
        /// Which event.
        seq: i64,
    },
    /// Events are missing before this one.
    #[error("event {expected} was removed: event {found} stands in its place")]
    Removed {
        /// Which event should have come.
        expected: i64,
        /// Which came.
        found: i64,
    },
    /// An event does not follow from the one before it.
    #[error("event {seq} was inserted or replaced: it does not follow from the event before it")]
    Inserted {
        /// Which event.
        seq: i64,
    },
    /// The end of the chain is missing.
    #[error("event {expected} was removed: the trail ends at event {last}, but {head} were written")]
    Truncated {
        /// The first one that is missing.
        expected: i64,
        /// The last one that is there.
        last: i64,
        /// How many there should be.
        head: i64,
    },
    /// The chain is sound in itself, but ends in another event than was noted.
    #[error("event {seq} was replaced: its hash is not the one noted when it was written")]
    OtherHead {
        /// Which event.
        seq: i64,
    },
}

/// Walks a chain from its first event and finds the first that is not as it was written.
#[derive(Debug, Clone)]
pub struct Verifier {
    last: i64,
    hash: String,
}

impl Default for Verifier {
    fn default() -> Self {
        Self { last: 0, hash: GENESIS.to_owned() }
    }
}

impl Verifier {
    /// Looks at the next event.
    ///
    /// # Errors
    /// When it is not the event that was written in this place.
    pub fn check(&mut self, event: &Event) -> Result<(), Broken> {
        let expected = self.last + 1;
        if event.seq > expected {
            return Err(Broken::Removed { expected, found: event.seq });
        }
        if event.seq < expected || event.prev != self.hash {
            return Err(Broken::Inserted { seq: event.seq });
        }
        if event.computed_hash() != event.hash {
            return Err(Broken::Altered { seq: event.seq });
        }
        self.last = event.seq;
        self.hash.clone_from(&event.hash);
        Ok(())
    }

    /// Compares the end of the chain with the head that was noted when the last event was written.
    ///
    /// # Errors
    /// When events are missing at the end, or the last one is another.
    pub fn finish(&self, head: i64, hash: &str) -> Result<(), Broken> {
        if self.last < head {
            return Err(Broken::Truncated { expected: self.last + 1, last: self.last, head });
        }
        if self.last > head {
            return Err(Broken::Inserted { seq: head + 1 });
        }
        if self.hash != hash {
            return Err(Broken::OtherHead { seq: self.last });
        }
        Ok(())
    }

    /// The last event that was looked at, and its hash.
    #[must_use]
    pub fn head(&self) -> (i64, &str) {
        (self.last, &self.hash)
    }
}
