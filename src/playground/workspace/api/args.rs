//! The arguments of a call: from the query, a form or JSON, all the same afterwards.

use axum::http::{HeaderMap, header};
use serde_json::{Map, Value, json};

use super::Refusal;

/// Arguments that are JSON inside a string when they come in a query or form.
const STRUCTURED: [&str; 3] = ["blocks", "metadata", "view"];

/// The arguments of one call; `null` counts as left out.
#[derive(Debug, Clone)]
pub(super) struct Args(Map<String, Value>);

impl Args {
    pub(super) fn parse(headers: &HeaderMap, query: Option<&str>, body: &[u8]) -> Result<Self, Refusal> {
        let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let mut args = form(query.unwrap_or_default().as_bytes())?;
        if content_type.starts_with("application/json") {
            match serde_json::from_slice(body) {
                Ok(Value::Object(object)) => args.extend(object),
                Ok(_) => return Err(Refusal::new("json_not_object")),
                Err(_) => return Err(Refusal::new("invalid_json")),
            }
        } else if content_type.starts_with("application/x-www-form-urlencoded") {
            args.extend(form(body)?);
        } else if !body.is_empty() {
            let error = if content_type.is_empty() { "missing_post_type" } else { "invalid_post_type" };
            return Err(Refusal::new(error));
        }
        args.retain(|_, value| !value.is_null());
        Ok(Self(args))
    }

    /// For the log: everything but the token.
    pub(super) fn to_json(&self) -> Value {
        self.0.iter().filter(|(name, _)| *name != "token").map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    pub(super) fn value(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    /// An argument that the method's table says is there, as text; what is there but is no text is empty.
    pub(super) fn required(&self, name: &str) -> &str {
        self.text(name).unwrap_or_default()
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|value| *value == json!(true) || *value == json!("true") || *value == json!("1"))
    }

    pub(super) fn number(&self, name: &str) -> Option<usize> {
        let value = self.0.get(name)?;
        let number = value.as_u64().or_else(|| value.as_str()?.parse().ok())?;
        usize::try_from(number).ok()
    }

    /// A list, or a string with commas.
    pub(super) fn list(&self, name: &str) -> Vec<String> {
        match self.0.get(name) {
            Some(Value::Array(values)) => values.iter().filter_map(|value| value.as_str().map(str::to_owned)).collect(),
            Some(Value::String(text)) => text.split(',').map(|part| part.trim().to_owned()).collect(),
            _ => Vec::new(),
        }
    }
}

fn form(encoded: &[u8]) -> Result<Map<String, Value>, Refusal> {
    url::form_urlencoded::parse(encoded)
        .map(|(name, text)| {
            let value = if STRUCTURED.contains(&name.as_ref()) {
                serde_json::from_str(&text).map_err(|_| Refusal::new(format!("invalid_{name}_format")))?
            } else {
                json!(text)
            };
            Ok((name.into_owned(), value))
        })
        .collect()
}
