//! How Slack says no.

use axum::{
    Json,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::CallOutcome;

/// A refused call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Refusal {
    /// Slack's error code.
    pub(in super::super) error: String,
    /// What exactly is wrong, where Slack says so.
    pub(in super::super) messages: Vec<String>,
    /// The scope that is missing, and those there are.
    scopes: Option<(String, String)>,
    retry_after: Option<u64>,
}

impl Refusal {
    pub(in super::super) fn new(error: impl Into<String>) -> Self {
        Self { error: error.into(), messages: Vec::new(), scopes: None, retry_after: None }
    }

    pub(in super::super) fn because(error: &str, messages: Vec<String>) -> Self {
        Self { messages, ..Self::new(error) }
    }

    pub(super) fn missing_scope(needed: &str, provided: String) -> Self {
        Self { scopes: Some((needed.to_owned(), provided)), ..Self::new("missing_scope") }
    }

    pub(super) fn throttled(retry_after: u64) -> Self {
        Self { retry_after: Some(retry_after), ..Self::new("ratelimited") }
    }

    pub(super) fn is_throttled(&self) -> bool {
        self.retry_after.is_some()
    }

    /// As it goes into the log.
    pub(in super::super) fn outcome(&self) -> CallOutcome {
        if self.is_throttled() {
            return CallOutcome::RateLimited;
        }
        CallOutcome::Refused { error: self.error.clone(), messages: self.messages.clone() }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut answer = json!({ "ok": false, "error": self.error });
        if !self.messages.is_empty() {
            let errors: Vec<&str> = self.messages.iter().map(|text| text.trim_start_matches("[ERROR] ")).collect();
            answer["errors"] = json!(errors);
            answer["response_metadata"] = json!({ "messages": self.messages });
        }
        if let Some((needed, provided)) = self.scopes {
            (answer["needed"], answer["provided"]) = (json!(needed), json!(provided));
        }
        match self.retry_after {
            Some(seconds) => {
                let headers = [(header::RETRY_AFTER, seconds.to_string())];
                (StatusCode::TOO_MANY_REQUESTS, headers, Json(answer)).into_response()
            }
            None => Json(answer).into_response(),
        }
    }
}
