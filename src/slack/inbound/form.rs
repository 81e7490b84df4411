//! The form in which somebody asks for a role, as Slack sends it back.

use serde::Deserialize;

use crate::domain::ids::{RoleName, UserId};

/// A form that was filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// The workspace of the form.
    pub team: String,
    /// The workspace of the person, where it says.
    pub user_team: Option<String>,
    /// Who filled it in.
    pub user: UserId,
    /// What they ask for; `None` when this version does not know the form.
    pub form: Option<AskForm>,
    /// The same for a repeated delivery, and for no other.
    pub delivery: String,
}

/// The form in which somebody asks for a role, as it was filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskForm {
    /// Which role.
    pub role: RoleName,
    /// For how long, as it was typed.
    pub duration: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

/// What the form for asking is known by.
pub const ASK_FORM: &str = "ask";

/// A field of that form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskField {
    /// Which role.
    Role,
    /// For how long.
    Duration,
    /// Why.
    Reason,
}

impl AskField {
    /// The id of its block and of its element.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::Role => "role",
            Self::Duration => "duration",
            Self::Reason => "reason",
        }
    }
}

/// A view as an interaction shows it.
#[derive(Deserialize)]
pub(super) struct View {
    #[serde(default)]
    pub(super) id: String,
    #[serde(default)]
    callback_id: String,
    #[serde(default)]
    state: serde_json::Value,
}

impl View {
    /// What was filled in, if it is the form for asking.
    pub(super) fn ask_form(&self) -> Option<AskForm> {
        let element = |field: AskField| &self.state["values"][field.id()][field.id()];
        let typed = |field| element(field)["value"].as_str().map(str::to_owned);
        let role = element(AskField::Role)["selected_option"]["value"].as_str();
        let role = role.filter(|_| self.callback_id == ASK_FORM)?;
        let (duration, reason) = (typed(AskField::Duration), typed(AskField::Reason));
        Some(AskForm { role: RoleName(role.to_owned()), duration, reason })
    }
}
