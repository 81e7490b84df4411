//! Who calls the API: sessions of people and pipelines, and the logins by which people get one.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    ids::{Code, LoginId, SessionId, UserId},
    principal::Principal,
    request::IllegalTransition,
};

/// How long somebody has to type a code in Slack and confirm it.
pub const LOGIN_LIFETIME: SignedDuration = SignedDuration::from_mins(10);
/// How many letters such a code has: few enough to type, too many to guess within its life.
pub const LOGIN_CODE: usize = 8;

/// The right to call the API for somebody, for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id; the token is known by its hash alone.
    pub id: SessionId,
    /// For whom.
    pub principal: Principal,
    /// On which machine, in its own words.
    pub machine: String,
    /// From which address it was asked for, as the server saw it.
    pub place: String,
    /// When it began.
    pub created_at: Timestamp,
    /// Not usable from then on.
    pub expires_at: Timestamp,
    /// When it was ended before that.
    pub revoked_at: Option<Timestamp>,
    /// Where the pipeline comes from, as its proof said.
    pub origin: Option<Origin>,
}

impl Session {
    /// Whether it can be used at `now`.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && now < self.expires_at
    }
}

/// Where a pipeline's run comes from: what a verified proof said, nothing that the pipeline says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Who vouches for it.
    pub issuer: String,
    /// `acme/web`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// `refs/heads/main`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// `production`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// Who set the run going.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// Where the run can be seen: https, on the issuer's own host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Which run it is, for comparing: by the numbers of repository, run and attempt, or of project and pipeline. Names and
    /// pages can change; these cannot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<String>,
}

/// A login: a code that somebody is to type in Slack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// Its id.
    pub id: LoginId,
    /// What is typed.
    pub code: Code,
    /// The machine that asks, in its own words.
    pub machine: String,
    /// The user there, in its own words.
    pub user: Option<String>,
    /// From which address it asks, as the server sees it.
    pub place: String,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// From then on it can no longer be confirmed.
    pub expires_at: Timestamp,
    /// Where it stands.
    pub state: LoginState,
}

/// Where a login stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoginState {
    /// Nobody has typed the code.
    Waiting,
    /// Somebody has typed it and is asked whether it is theirs.
    Asked {
        /// Who.
        by: UserId,
    },
    /// It is theirs, and the token can be fetched.
    Confirmed {
        /// Whose.
        by: UserId,
    },
    /// It is not theirs.
    Refused {
        /// Who says so.
        by: UserId,
    },
    /// The token was fetched: once.
    Collected {
        /// Whose.
        by: UserId,
    },
}

/// What can happen to a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoginEvent {
    /// Somebody typed the code.
    Typed {
        /// Who.
        by: UserId,
    },
    /// Whoever typed it says that it is theirs.
    Confirmed,
    /// Whoever typed it says that it is not.
    Refused,
    /// The machine fetched the token.
    Fetched,
}

impl LoginState {
    /// The transition table. Whoever types the code again is asked again; nobody else can take it over.
    ///
    /// # Errors
    /// When the event cannot happen in this state.
    pub fn apply(&self, event: LoginEvent) -> Result<Self, IllegalTransition> {
        match (self, event) {
            (Self::Waiting, LoginEvent::Typed { by }) => Ok(Self::Asked { by }),
            (Self::Asked { by: first }, LoginEvent::Typed { by }) if *first == by => Ok(Self::Asked { by }),
            (Self::Asked { by }, LoginEvent::Confirmed) => Ok(Self::Confirmed { by: by.clone() }),
            (Self::Asked { by }, LoginEvent::Refused) => Ok(Self::Refused { by: by.clone() }),
            (Self::Confirmed { by }, LoginEvent::Fetched) => Ok(Self::Collected { by: by.clone() }),
            (
                state @ (Self::Waiting
                | Self::Asked { .. }
                | Self::Confirmed { .. }
                | Self::Refused { .. }
                | Self::Collected { .. }),
                event,
            ) => Err(IllegalTransition { state: state.name(), event: event.name() }),
        }
    }

    /// The state's name in the store.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Asked { .. } => "asked",
            Self::Confirmed { .. } => "confirmed",
            Self::Refused { .. } => "refused",
            Self::Collected { .. } => "collected",
        }
    }

    /// Who has typed the code.
    #[must_use]
    pub fn by(&self) -> Option<&UserId> {
        match self {
            Self::Waiting => None,
            Self::Asked { by } | Self::Confirmed { by } | Self::Refused { by } | Self::Collected { by } => Some(by),
        }
    }
}

impl LoginEvent {
    fn name(&self) -> &'static str {
        match self {
            Self::Typed { .. } => "a typed code",
            Self::Confirmed => "a confirmation",
            Self::Refused => "a refusal",
            Self::Fetched => "a fetched token",
        }
    }
}

/// A code as it is shown, in two halves that are easier to type.
#[must_use]
pub fn shown_code(code: &Code) -> String {
    let (one, other) = code.as_str().split_at(code.as_str().len() / 2);
    format!("{one}-{other}")
}

/// Reads a code the way people type it: with or without the hyphen.
#[must_use]
pub fn typed_code(typed: &str) -> Option<Code> {
    let bare: String = typed.chars().filter(|letter| !matches!(letter, '-' | ' ')).collect();
    Code::parse(&bare).filter(|code| code.as_str().len() == LOGIN_CODE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_as_it_is_shown() {
        let code = Code::parse("7K3M9QXZ").unwrap();
        assert_eq!(shown_code(&code), "7K3M-9QXZ");
        for typed in ["7K3M-9QXZ", "7k3m9qxz", " 7k3m 9qxz"] {
            assert_eq!(typed_code(typed).as_ref(), Some(&code), "{typed}");
        }
        assert_eq!(typed_code("7K3M"), None);
        assert_eq!(typed_code("REQ-7K3M"), None);
    }

    #[test]
    fn nobody_takes_over_a_code_that_somebody_else_has_typed() {
        let asked = LoginState::Waiting.apply(LoginEvent::Typed { by: "U1".into() }).unwrap();
        assert!(asked.apply(LoginEvent::Typed { by: "U2".into() }).is_err());
        let confirmed = asked.apply(LoginEvent::Confirmed).unwrap();
        let collected = confirmed.apply(LoginEvent::Fetched).unwrap();
        assert!(collected.apply(LoginEvent::Fetched).is_err(), "the token is handed out once");
        assert!(LoginState::Waiting.apply(LoginEvent::Confirmed).is_err());
    }
}
