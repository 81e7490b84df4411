//! Who asks for access and holds it: a person, or a pipeline that proved itself.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::ids::{UserId, WorkloadName};

/// What stands before a workload's name where a principal is one text. No Slack user id has a colon.
const WORKLOAD: &str = "workload:";

/// A requester or holder. As one text, in tables and on the trail: the Slack user id, or `workload:` and a name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub enum Principal {
    /// A person in Slack.
    Person(UserId),
    /// A pipeline, by the name that the configuration gives it.
    Workload(WorkloadName),
}

impl Principal {
    /// The person, where it is one.
    #[must_use]
    pub fn person(&self) -> Option<&UserId> {
        match self {
            Self::Person(person) => Some(person),
            Self::Workload(_) => None,
        }
    }

    /// Whether it is this person.
    #[must_use]
    pub fn is(&self, person: &UserId) -> bool {
        self.person() == Some(person)
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Person(person) => f.write_str(person.as_str()),
            Self::Workload(name) => write!(f, "{WORKLOAD}{name}"),
        }
    }
}

impl From<String> for Principal {
    fn from(text: String) -> Self {
        match text.strip_prefix(WORKLOAD) {
            Some(name) => Self::Workload(name.into()),
            None => Self::Person(UserId(text)),
        }
    }
}

impl From<Principal> for String {
    fn from(principal: Principal) -> Self {
        principal.to_string()
    }
}

impl From<&str> for Principal {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<UserId> for Principal {
    fn from(person: UserId) -> Self {
        Self::Person(person)
    }
}

impl From<&UserId> for Principal {
    fn from(person: &UserId) -> Self {
        Self::Person(person.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_principal_is_one_text_and_back() {
        for (text, principal) in [
            ("U0AAAA1", Principal::Person("U0AAAA1".into())),
            ("workload:deploy", Principal::Workload("deploy".into())),
        ] {
            assert_eq!(Principal::from(text), principal);
            assert_eq!(principal.to_string(), text);
            let json = serde_json::to_string(&principal).expect("a text");
            assert_eq!(json, format!("\"{text}\""));
            assert_eq!(serde_json::from_str::<Principal>(&json).expect("a principal"), principal);
        }
    }
}
