//! Modals and home tabs: what `views.*` opened or published.

use serde_json::{Map, Value, json};

use super::{App, state::State};

/// A modal that is open, or a published home tab.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// `V…`.
    pub id: String,
    /// The id of the user who sees it.
    pub user: String,
    /// Changes with every update, so that late updates can be refused.
    pub hash: String,
    /// The modal below it.
    pub previous: Option<String>,
    /// The view as the bot sent it, with the ids that Slack adds to its blocks.
    pub content: Map<String, Value>,
}

impl View {
    /// The view as the Web API and interaction payloads show it, with what was filled in so far.
    pub(super) fn to_json(&self, app: &App, team: &str, state: &Value) -> Value {
        let mut view = self.content.clone();
        for (key, default) in [("private_metadata", ""), ("callback_id", ""), ("external_id", "")] {
            view.entry(key).or_insert_with(|| json!(default));
        }
        view.insert("id".to_owned(), json!(self.id));
        view.insert("team_id".to_owned(), json!(team));
        view.insert("app_id".to_owned(), json!(app.id));
        view.insert("bot_id".to_owned(), json!(app.bot_id));
        view.insert("hash".to_owned(), json!(self.hash));
        view.insert("previous_view_id".to_owned(), json!(self.previous));
        view.insert("root_view_id".to_owned(), json!(self.previous.as_ref().unwrap_or(&self.id)));
        view.insert("state".to_owned(), json!({ "values": state }));
        Value::Object(view)
    }

    /// Its blocks.
    #[must_use]
    pub fn blocks(&self) -> &[Value] {
        self.content.get("blocks").and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// The callback id that the bot knows it by; empty when it has none.
    #[must_use]
    pub fn callback_id(&self) -> &str {
        self.content.get("callback_id").and_then(Value::as_str).unwrap_or_default()
    }
}

impl State {
    /// A modal or home tab by id.
    pub(super) fn view(&self, id: &str) -> Option<&View> {
        self.modals.iter().chain(self.homes.values()).find(|view| view.id == id)
    }

    /// The modal that `user` has before them.
    pub(super) fn top_modal(&self, user: &str) -> Option<&View> {
        self.modals.iter().rev().find(|view| view.user == user)
    }

    /// Opens a modal on top of those that `user` has open.
    pub(super) fn push_modal(&mut self, user: &str, content: Map<String, Value>) -> String {
        let previous = self.top_modal(user).map(|view| view.id.clone());
        let view = self.new_view(user, previous, content);
        let id = view.id.clone();
        self.modals.push(view);
        id
    }

    /// Puts something else into an open modal.
    pub(super) fn replace_modal(&mut self, id: &str, content: Map<String, Value>) {
        let (content, hash) = (self.with_block_ids(content), self.ids.next("hash"));
        if let Some(view) = self.modals.iter_mut().find(|view| view.id == id) {
            (view.content, view.hash) = (content, hash);
        }
    }

    /// Shows `user` a new home tab.
    pub(super) fn publish_home(&mut self, user: &str, content: Map<String, Value>) -> String {
        let mut view = self.new_view(user, None, content);
        if let Some(former) = self.homes.remove(user) {
            view.id = former.id;
        }
        let id = view.id.clone();
        self.homes.insert(user.to_owned(), view);
        id
    }

    fn new_view(&mut self, user: &str, previous: Option<String>, content: Map<String, Value>) -> View {
        let content = self.with_block_ids(content);
        View { id: self.ids.next("V"), user: user.to_owned(), hash: self.ids.next("hash"), previous, content }
    }

    fn with_block_ids(&mut self, mut content: Map<String, Value>) -> Map<String, Value> {
        if let Some(Value::Array(blocks)) = content.get_mut("blocks") {
            self.add_ids(blocks);
        }
        content
    }
}
