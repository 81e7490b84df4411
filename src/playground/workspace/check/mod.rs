//! Block Kit's rules: what Slack refuses about blocks and views, with the words and JSON pointers it uses.
//!
//! Nothing is let through that is not named here: an unknown key is a typing error that Slack would refuse or, worse,
//! ignore. Block types that Slack has and the bot has no use for yet are refused too, and the message says so.

mod block;
mod element;
mod object;
mod view;

use std::collections::HashSet;

use serde_json::{Map, Value};

/// What is wrong with something, in Slack's words; empty when nothing is.
pub(super) type Problems = Vec<String>;

/// The most blocks in a message, and in a modal or home tab.
const MESSAGE_BLOCKS: usize = 50;
const VIEW_BLOCKS: usize = 100;

/// Checks the `blocks` of a message.
pub(super) fn message_blocks(blocks: &[Value]) -> Problems {
    let mut check = Check::default();
    check.blocks("/blocks", blocks, MESSAGE_BLOCKS);
    check.problems
}

/// Checks the `view` of a `views.*` call or of an answer to a submission.
pub(super) fn view(view: &Value) -> Problems {
    let mut check = Check::default();
    check.view("/view", view);
    check.problems
}

/// The text in blocks, by which Slack limits a whole message.
pub(super) fn text_length(value: &Value) -> usize {
    match value {
        Value::Object(object) => object
            .iter()
            .map(|(key, inner)| inner.as_str().filter(|_| key == "text").map_or_else(|| text_length(inner), length))
            .sum(),
        Value::Array(values) => values.iter().map(text_length).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

/// One check: what was found so far.
#[derive(Default)]
struct Check {
    problems: Problems,
    block_ids: HashSet<String>,
}

impl Check {
    fn problem(&mut self, at: &str, what: impl std::fmt::Display) {
        self.problems.push(format!("[ERROR] {what} [json-pointer:{at}]"));
    }

    /// The value as an object with all `required` keys, and no keys but those and `optional`; `type` always may be.
    fn object<'v>(
        &mut self,
        at: &str,
        value: &'v Value,
        required: &[&str],
        optional: &[&str],
    ) -> Option<&'v Map<String, Value>> {
        let Some(object) = value.as_object() else {
            self.problem(at, "must be an object");
            return None;
        };
        for key in required.iter().filter(|key| !object.contains_key(**key)) {
            self.problem(at, format_args!("missing required field: {key}"));
        }
        let known = |key: &str| key == "type" || required.contains(&key) || optional.contains(&key);
        for key in object.keys().filter(|key| !known(key)) {
            self.problem(at, format_args!("unknown field: {key}"));
        }
        Some(object)
    }

    /// The value as a list of `min..=max` things, each with its pointer.
    fn list<'v>(&mut self, at: &str, value: &'v Value, min: usize, max: usize) -> Vec<(String, &'v Value)> {
        let Some(values) = value.as_array() else {
            self.problem(at, "must be an array");
            return Vec::new();
        };
        if values.len() < min {
            self.problem(at, format_args!("no fewer than {min} items allowed"));
        }
        if values.len() > max {
            self.problem(at, format_args!("no more than {max} items allowed"));
        }
        values.iter().enumerate().map(|(index, value)| (format!("{at}/{index}"), value)).collect()
    }

    /// A string of `min..=max` characters under `key`, if it is there; gives it back.
    fn string<'v>(
        &mut self,
        at: &str,
        object: &'v Map<String, Value>,
        key: &str,
        min: usize,
        max: usize,
    ) -> Option<&'v str> {
        let value = object.get(key)?;
        let at = format!("{at}/{key}");
        let Some(string) = value.as_str() else {
            self.problem(&at, "must be a string");
            return None;
        };
        self.length(&at, string, min, max);
        Some(string)
    }

    fn length(&mut self, at: &str, string: &str, min: usize, max: usize) {
        if length(string) < min {
            self.problem(at, format_args!("must be more than {} characters", min.saturating_sub(1)));
        }
        if length(string) > max {
            self.problem(at, format_args!("must be less than {} characters", max + 1));
        }
    }

    fn flags(&mut self, at: &str, object: &Map<String, Value>, keys: &[&str]) {
        for key in keys.iter().filter(|key| object.get(**key).is_some_and(|value| !value.is_boolean())) {
            self.problem(&format!("{at}/{key}"), "must be a boolean");
        }
    }
}

fn length(string: &str) -> usize {
    string.chars().count()
}
