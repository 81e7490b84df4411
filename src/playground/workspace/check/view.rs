//! The rules of modals and home tabs.

use serde_json::Value;

use super::{Check, VIEW_BLOCKS, object::TextKind};

impl Check {
    /// A view as `views.*` takes it.
    pub(super) fn view(&mut self, at: &str, view: &Value) {
        let shared = ["private_metadata", "callback_id", "external_id"];
        let modal = ["submit", "close", "clear_on_close", "notify_on_close", "submit_disabled"];
        let object = match view["type"].as_str() {
            Some("modal") => self.object(at, view, &["title", "blocks"], &[shared.as_slice(), &modal].concat()),
            Some("home") => self.object(at, view, &["blocks"], &shared),
            _ => return self.problem(&format!("{at}/type"), "must be `modal` or `home`"),
        };
        let Some(object) = object else { return };
        for key in ["title", "submit", "close"] {
            self.text_at(at, view, key, TextKind::Plain, 24);
        }
        self.string(at, object, "private_metadata", 0, 3000);
        self.string(at, object, "callback_id", 0, 255);
        self.string(at, object, "external_id", 0, 255);
        self.flags(at, object, &["clear_on_close", "notify_on_close", "submit_disabled"]);
        let Some(blocks) = view["blocks"].as_array() else {
            return self.problem(&format!("{at}/blocks"), "must be an array");
        };
        self.blocks(&format!("{at}/blocks"), blocks, VIEW_BLOCKS);
        let asks = blocks.iter().any(|block| block["type"] == "input");
        if asks && view["type"] == "modal" && view.get("submit").is_none() {
            self.problem(at, "missing required field: submit, as there are input blocks");
        }
    }
}
