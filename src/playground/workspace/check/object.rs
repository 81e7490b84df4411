//! The rules of composition objects: texts, confirmations, options.

use std::collections::HashSet;

use serde_json::Value;

use super::Check;

/// Which text objects fit somewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextKind {
    /// `plain_text` only.
    Plain,
    /// `plain_text` or `mrkdwn`.
    Any,
}

impl Check {
    /// A text object of 1 to `max` characters.
    pub(super) fn text(&mut self, at: &str, value: &Value, kind: TextKind, max: usize) {
        let fitting = match (value["type"].as_str(), kind) {
            (Some("plain_text"), _) => ["emoji"],
            (Some("mrkdwn"), TextKind::Any) => ["verbatim"],
            (_, TextKind::Plain) => return self.problem(&format!("{at}/type"), "must be `plain_text`"),
            (_, TextKind::Any) => return self.problem(&format!("{at}/type"), "must be `plain_text` or `mrkdwn`"),
        };
        if let Some(object) = self.object(at, value, &["text"], &fitting) {
            self.string(at, object, "text", 1, max);
            self.flags(at, object, &fitting);
        }
    }

    /// A text object under `key`, if it is there.
    pub(super) fn text_at(&mut self, at: &str, object: &Value, key: &str, kind: TextKind, max: usize) {
        if let Some(text) = object.get(key) {
            self.text(&format!("{at}/{key}"), text, kind, max);
        }
    }

    /// A confirmation dialog under `confirm`, if there is one.
    pub(super) fn confirm(&mut self, at: &str, element: &Value) {
        let Some(confirm) = element.get("confirm") else { return };
        let at = format!("{at}/confirm");
        self.object(&at, confirm, &["title", "text", "confirm", "deny"], &["style"]);
        self.text_at(&at, confirm, "title", TextKind::Plain, 100);
        self.text_at(&at, confirm, "text", TextKind::Any, 300);
        self.text_at(&at, confirm, "confirm", TextKind::Plain, 30);
        self.text_at(&at, confirm, "deny", TextKind::Plain, 30);
        self.style(&at, confirm);
    }

    /// `style`, if there is one.
    pub(super) fn style(&mut self, at: &str, value: &Value) {
        if value.get("style").is_some_and(|style| style != "primary" && style != "danger") {
            self.problem(&format!("{at}/style"), "must be `primary` or `danger`");
        }
    }

    /// A list of 1 to `max` options with different values.
    pub(super) fn options(&mut self, at: &str, value: &Value, kind: TextKind, max: usize) {
        let mut values = HashSet::new();
        for (at, option) in self.list(at, value, 1, max) {
            self.option(&at, option, kind);
            if !values.insert(option["value"].as_str()) {
                self.problem(&at, "option `value` must be different from the others");
            }
        }
    }

    /// One option.
    pub(super) fn option(&mut self, at: &str, option: &Value, kind: TextKind) {
        let Some(object) = self.object(at, option, &["text", "value"], &["description", "url"]) else { return };
        // Slack's own packages disagree on 75 or 150 for the value; what fits both is safe.
        self.string(at, object, "value", 1, 75);
        self.string(at, object, "url", 1, 3000);
        self.text_at(at, option, "text", kind, 75);
        self.text_at(at, option, "description", kind, 75);
    }
}
