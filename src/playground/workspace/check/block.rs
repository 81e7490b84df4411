//! The rules of blocks.

use std::collections::HashSet;

use serde_json::Value;

use super::{Check, object::TextKind};

/// What Slack offers and the bot has no use for: to be added here first.
const NOT_MODELLED: [&str; 14] = [
    "alert",
    "card",
    "carousel",
    "container",
    "context_actions",
    "data_table",
    "data_visualization",
    "file",
    "plan",
    "rich_text",
    "table",
    "task_card",
    "video",
    "event",
];

impl Check {
    /// All blocks of a message or view.
    pub(super) fn blocks(&mut self, at: &str, blocks: &[Value], max: usize) {
        if blocks.len() > max {
            self.problem(at, format_args!("no more than {max} items allowed"));
        }
        for (index, block) in blocks.iter().enumerate() {
            self.block(&format!("{at}/{index}"), block);
        }
    }

    fn block(&mut self, at: &str, block: &Value) {
        match block["type"].as_str() {
            Some("section") => self.section(at, block),
            Some("header") => self.header(at, block),
            Some("divider") => _ = self.object(at, block, &[], &["block_id"]),
            Some("image") => self.image(at, block, &["block_id", "title"]),
            Some("actions") => self.actions(at, block),
            Some("context") => self.context(at, block),
            Some("input") => self.input(at, block),
            Some("markdown") => self.markdown(at, block),
            Some(known) if NOT_MODELLED.contains(&known) => {
                self.problem(at, format_args!("the workspace model has no block `{known}` yet"));
            }
            Some(unknown) => self.problem(at, format_args!("unsupported type: {unknown}")),
            None => self.problem(at, "missing required field: type"),
        }
        self.block_id(at, block);
    }

    fn block_id(&mut self, at: &str, block: &Value) {
        let Some(object) = block.as_object() else { return };
        let Some(id) = self.string(at, object, "block_id", 1, 255) else { return };
        if !self.block_ids.insert(id.to_owned()) {
            self.problem(&format!("{at}/block_id"), format_args!("`block_id` \"{id}\" already exists"));
        }
    }

    fn section(&mut self, at: &str, block: &Value) {
        self.object(at, block, &[], &["block_id", "text", "fields", "accessory", "expand"]);
        if block.get("text").is_none() && block.get("fields").is_none() {
            self.problem(at, "missing required field: text");
        }
        self.text_at(at, block, "text", TextKind::Any, 3000);
        if let Some(fields) = block.get("fields") {
            for (at, field) in self.list(&format!("{at}/fields"), fields, 1, 10) {
                self.text(&at, field, TextKind::Any, 2000);
            }
        }
        if let Some(accessory) = block.get("accessory") {
            self.element(&format!("{at}/accessory"), accessory);
        }
    }

    fn header(&mut self, at: &str, block: &Value) {
        self.object(at, block, &["text"], &["block_id", "level"]);
        self.text_at(at, block, "text", TextKind::Plain, 150);
    }

    /// An image block, or an image element where nothing else may be said about it.
    pub(super) fn image(&mut self, at: &str, image: &Value, optional: &[&str]) {
        let Some(object) = self.object(at, image, &["image_url", "alt_text"], optional) else { return };
        self.string(at, object, "image_url", 1, 3000);
        self.string(at, object, "alt_text", 1, 2000);
        self.text_at(at, image, "title", TextKind::Plain, 2000);
    }

    fn actions(&mut self, at: &str, block: &Value) {
        self.object(at, block, &["elements"], &["block_id"]);
        let mut action_ids = HashSet::new();
        for (at, element) in self.list(&format!("{at}/elements"), &block["elements"], 1, 25) {
            self.element(&at, element);
            // Within one block, as Slack documents it: two cards in one message may both have an "End now".
            if let Some(id) = element["action_id"].as_str()
                && !action_ids.insert(id)
            {
                self.problem(&format!("{at}/action_id"), format_args!("`action_id` \"{id}\" already exists"));
            }
        }
    }

    fn context(&mut self, at: &str, block: &Value) {
        self.object(at, block, &["elements"], &["block_id"]);
        for (at, element) in self.list(&format!("{at}/elements"), &block["elements"], 1, 10) {
            if element["type"] == "image" {
                self.image(&at, element, &[]);
            } else {
                self.text(&at, element, TextKind::Any, 3000);
            }
        }
    }

    fn input(&mut self, at: &str, block: &Value) {
        let optional = ["block_id", "hint", "optional", "dispatch_action"];
        let Some(object) = self.object(at, block, &["label", "element"], &optional) else { return };
        self.flags(at, object, &["optional", "dispatch_action"]);
        self.text_at(at, block, "label", TextKind::Plain, 2000);
        self.text_at(at, block, "hint", TextKind::Plain, 2000);
        if let Some(element) = block.get("element") {
            self.element(&format!("{at}/element"), element);
        }
    }

    fn markdown(&mut self, at: &str, block: &Value) {
        if let Some(object) = self.object(at, block, &["text"], &["block_id"]) {
            self.string(at, object, "text", 1, 12_000);
        }
    }
}
