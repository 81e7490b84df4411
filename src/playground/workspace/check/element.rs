//! The rules of block elements: buttons, selects, inputs.

use serde_json::Value;

use super::{Check, object::TextKind};

/// What selects that get their options from Slack or from the bot may say besides what all may.
const PICKERS: [(&str, &[&str]); 8] = [
    ("users_select", &["initial_user"]),
    ("multi_users_select", &["initial_users", "max_selected_items"]),
    ("channels_select", &["initial_channel", "response_url_enabled"]),
    ("conversations_select", &["initial_conversation", "default_to_current_conversation", "filter"]),
    ("external_select", &["initial_option", "min_query_length"]),
    ("datepicker", &["initial_date"]),
    ("timepicker", &["initial_time", "timezone"]),
    ("datetimepicker", &["initial_date_time"]),
];

impl Check {
    /// An interactive element, or an image.
    pub(super) fn element(&mut self, at: &str, element: &Value) {
        match element["type"].as_str() {
            Some("image") => self.image(at, element, &[]),
            Some("button") => self.button(at, element),
            Some("overflow") => self.choice(at, element, &[], TextKind::Plain, 5),
            Some("static_select") => self.select(at, element, &["initial_option"]),
            Some("multi_static_select") => self.select(at, element, &["initial_options", "max_selected_items"]),
            Some("radio_buttons") => self.choice(at, element, &["initial_option", "focus_on_load"], TextKind::Any, 10),
            Some("checkboxes") => self.choice(at, element, &["initial_options", "focus_on_load"], TextKind::Any, 10),
            Some("plain_text_input") => self.text_input(at, element, &["multiline", "min_length", "max_length"]),
            Some("number_input") => self.text_input(at, element, &["is_decimal_allowed", "min_value", "max_value"]),
            Some("url_text_input" | "email_text_input") => self.text_input(at, element, &[]),
            Some(other) => match PICKERS.iter().find(|(kind, _)| *kind == other) {
                Some((_, own)) => self.picker(at, element, own),
                None => self.problem(at, format_args!("unsupported type: {other}")),
            },
            None => self.problem(at, "missing required field: type"),
        }
    }

    fn button(&mut self, at: &str, button: &Value) {
        let optional = ["action_id", "url", "value", "style", "confirm", "accessibility_label"];
        let Some(object) = self.object(at, button, &["text"], &optional) else { return };
        self.text_at(at, button, "text", TextKind::Plain, 75);
        self.string(at, object, "action_id", 1, 255);
        self.string(at, object, "value", 0, 2000);
        self.string(at, object, "url", 1, 3000);
        self.string(at, object, "accessibility_label", 1, 75);
        self.style(at, button);
        self.confirm(at, button);
    }

    fn select(&mut self, at: &str, select: &Value, own: &[&str]) {
        let shared = ["action_id", "placeholder", "options", "option_groups", "confirm", "focus_on_load"];
        self.common(at, select, &[], &[shared.as_slice(), own].concat());
        match (select.get("options"), select.get("option_groups")) {
            (Some(options), None) => self.options(&format!("{at}/options"), options, TextKind::Plain, 100),
            (None, Some(groups)) => self.option_groups(&format!("{at}/option_groups"), groups),
            (Some(_), Some(_)) => self.problem(at, "must have either `options` or `option_groups`"),
            (None, None) => self.problem(at, "missing required field: options"),
        }
    }

    fn option_groups(&mut self, at: &str, groups: &Value) {
        for (at, group) in self.list(at, groups, 1, 100) {
            self.object(&at, group, &["label", "options"], &[]);
            self.text_at(&at, group, "label", TextKind::Plain, 75);
            self.options(&format!("{at}/options"), &group["options"], TextKind::Plain, 100);
        }
    }

    fn choice(&mut self, at: &str, choice: &Value, own: &[&str], kind: TextKind, max: usize) {
        self.common(at, choice, &["options"], &[&["action_id", "confirm"], own].concat());
        self.options(&format!("{at}/options"), &choice["options"], kind, max);
    }

    fn picker(&mut self, at: &str, picker: &Value, own: &[&str]) {
        self.common(at, picker, &[], &[&["action_id", "placeholder", "confirm", "focus_on_load"], own].concat());
    }

    fn text_input(&mut self, at: &str, input: &Value, own: &[&str]) {
        let shared = ["action_id", "placeholder", "initial_value", "focus_on_load", "dispatch_action_config"];
        self.common(at, input, &[], &[shared.as_slice(), own].concat());
        for key in ["min_length", "max_length"] {
            if input.get(key).is_some_and(|length| length.as_u64().is_none_or(|length| length > 3000)) {
                self.problem(&format!("{at}/{key}"), "must be a number up to 3000");
            }
        }
        if let Some(object) = input.as_object() {
            self.string(at, object, "initial_value", 0, 3000);
        }
    }

    /// What all but buttons and images have in common.
    fn common(&mut self, at: &str, element: &Value, required: &[&str], optional: &[&str]) {
        let Some(object) = self.object(at, element, required, optional) else { return };
        self.string(at, object, "action_id", 1, 255);
        self.text_at(at, element, "placeholder", TextKind::Plain, 150);
        self.confirm(at, element);
        if let Some(option) = element.get("initial_option") {
            self.option(&format!("{at}/initial_option"), option, TextKind::Any);
        }
    }
}
