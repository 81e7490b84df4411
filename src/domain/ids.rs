//! Names of things: UUIDv7 ids for the machine, short codes such as `REQ-7K3M` for people.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ambient::Entropy;

/// The workspace that the playground is. Nothing that serves people may take orders from it.
pub const PLAYGROUND_TEAM: &str = "T0PLAYGROUND";

macro_rules! uuid_id {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A fresh id: sortable by `at`, unguessable by the rest.
            #[must_use]
            pub fn new(at: Timestamp, entropy: &dyn Entropy) -> Self {
                Self(uuid_v7(at, entropy))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    )+};
}

impl CardId {
    /// When the id was made, to the millisecond.
    #[must_use]
    pub fn made_at(self) -> Timestamp {
        let (seconds, nanos) = self.0.get_timestamp().map_or((0, 0), |at| at.to_unix());
        let nanos = i32::try_from(nanos).unwrap_or(0);
        Timestamp::new(i64::try_from(seconds).unwrap_or(0), nanos).unwrap_or_default()
    }
}

uuid_id! {
    /// Names one request.
    RequestId;
    /// Names one grant.
    GrantId;
    /// Names one target of one grant.
    AccessId;
    /// Names one Slack message that the bot keeps up to date.
    CardId;
}

macro_rules! text_id {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }
    )+};
}

text_id! {
    /// A person, by the Slack user id (`U0AAAA1`).
    UserId;
    /// A Slack user group (`S0ONCALL`).
    UserGroupId;
    /// A Slack channel (`C0REQUESTS`), a direct-message channel (`D…`), or a person to write to (`U…`).
    ChannelId;
    /// A role's name (`prod-deploy`).
    RoleName;
    /// A pipeline, by the name the configuration gives it (`web-deploy`).
    WorkloadName;
}

fn uuid_v7(at: Timestamp, entropy: &dyn Entropy) -> Uuid {
    let mut random = [0; 10];
    entropy.fill(&mut random);
    let millis = u64::try_from(at.as_millisecond()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

/// The short form people read and type. A request and the grant it becomes share one: `REQ-7K3M`, `GRANT-7K3M`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Code(String);

/// Crockford's alphabet: no I, L, O or U, so that a code read aloud from a phone is typed right.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

impl Code {
    /// How short a code may be; longer ones are for when the short one is taken.
    pub const SHORTEST: usize = 4;
    /// As long as the random part of an id can feed.
    pub const LONGEST: usize = 12;

    /// The code of `length` letters that belongs to this id.
    #[must_use]
    pub fn of(id: Uuid, length: usize) -> Self {
        let bits = id.as_u128();
        let letter = |place: usize| char::from(ALPHABET[usize::try_from(bits >> (5 * place) & 31).unwrap_or(0)]);
        Self((0..length.clamp(Self::SHORTEST, Self::LONGEST)).rev().map(letter).collect())
    }

    /// Reads what a person typed: `REQ-7K3M`, `grant-7k3m` or just `7k3m`; the letters that look like digits count as
    /// those digits.
    #[must_use]
    pub fn parse(typed: &str) -> Option<Self> {
        let upper = typed.trim().to_ascii_uppercase();
        let bare = upper.strip_prefix("REQ-").or_else(|| upper.strip_prefix("GRANT-")).unwrap_or(&upper);
        let code: String = bare
            .chars()
            .map(|letter| match letter {
                'O' => '0',
                'I' | 'L' => '1',
                other => other,
            })
            .collect();
        let fits = (Self::SHORTEST..=Self::LONGEST).contains(&code.len());
        (fits && code.bytes().all(|letter| ALPHABET.contains(&letter))).then_some(Self(code))
    }

    /// The letters alone, as the store keeps them.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As a request's name: `REQ-7K3M`.
    #[must_use]
    pub fn request(&self) -> String {
        format!("REQ-{}", self.0)
    }

    /// As a grant's name: `GRANT-7K3M`.
    #[must_use]
    pub fn grant(&self) -> String {
        format!("GRANT-{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Nines;

    impl Entropy for Nines {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(9);
        }
    }

    #[test]
    fn an_id_knows_when_it_was_made() {
        let at: Timestamp = "2026-11-21T12:00:00.123456Z".parse().unwrap();
        let made_at = CardId::new(at, &Nines).made_at();
        assert_eq!(made_at.to_string(), "2026-11-21T12:00:00.123Z");
    }

    #[test]
    fn codes_are_read_the_way_people_type_them() {
        for typed in ["REQ-7K3M", "grant-7k3m", " 7K3M "] {
            assert_eq!(Code::parse(typed), Some(Code("7K3M".into())), "{typed}");
        }
        assert_eq!(Code::parse("req-olio"), Some(Code("0110".into())));
        for typed in ["", "REQ-", "7K", "REQ-7K3U", "prod-deploy"] {
            assert_eq!(Code::parse(typed), None, "{typed}");
        }
    }

    #[test]
    fn a_longer_code_of_the_same_id_ends_like_the_shorter_one() {
        let id = Uuid::from_u128(0x0123_4567_89ab_7cde_8f01_2345_6789_abcd);
        assert!(Code::of(id, 6).as_str().ends_with(Code::of(id, 4).as_str()));
    }
}
