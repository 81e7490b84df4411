//! The table of methods: what each is called, needs and takes, and who does its work.
//!
//! Slack ignores most arguments it does not know; this table refuses them, because a typing error in an argument is a
//! bug that nobody would notice otherwise. It leaves out `link_names` and `parse` on purpose: with them a bare `@channel`
//! in somebody's reason would ping, escaped or not.

use axum::http::{HeaderMap, header};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Args, Refusal, chat, conversations, people, views};
use crate::playground::workspace::state::State;

/// One method of the Web API.
struct Method {
    name: &'static str,
    scope: Option<&'static str>,
    requires: &'static [&'static str],
    takes: &'static [&'static str],
    work: fn(&mut Invocation<'_>) -> Result<Value, Refusal>,
}

/// A call that passed the table's checks.
pub(super) struct Invocation<'a> {
    pub(super) state: &'a mut State,
    pub(super) args: &'a Args,
    pub(super) now: Timestamp,
}

const fn method(
    name: &'static str,
    scope: Option<&'static str>,
    requires: &'static [&'static str],
    takes: &'static [&'static str],
    work: fn(&mut Invocation<'_>) -> Result<Value, Refusal>,
) -> Method {
    Method { name, scope, requires, takes, work }
}

#[rustfmt::skip] // a table: one method, one or two lines
const METHODS: [Method; 20] = [
    method("auth.test", None, &[], &[], people::auth_test),
    method("chat.delete", Some("chat:write"), &["channel", "ts"], &["as_user"], chat::delete),
    method("chat.getPermalink", None, &["channel", "message_ts"], &[], chat::permalink),
    method("chat.postEphemeral", Some("chat:write"), &["channel", "user"],
        &["text", "blocks", "thread_ts", "as_user"], chat::post_ephemeral),
    method("chat.postMessage", Some("chat:write"), &["channel"],
        &["text", "blocks", "metadata", "thread_ts", "reply_broadcast", "unfurl_links", "unfurl_media", "mrkdwn",
          "as_user"], chat::post_message),
    method("chat.update", Some("chat:write"), &["channel", "ts"],
        &["text", "blocks", "metadata", "reply_broadcast", "as_user"], chat::update),
    method("conversations.history", None, &["channel"],
        &["cursor", "latest", "oldest", "inclusive", "limit", "include_all_metadata"], conversations::history),
    method("conversations.info", None, &["channel"], &["include_locale", "include_num_members"], conversations::info),
    method("conversations.list", None, &[], &["cursor", "exclude_archived", "limit", "types"], conversations::list),
    method("conversations.open", Some("im:write"), &[], &["channel", "return_im", "users", "prevent_creation"],
        conversations::open),
    method("reactions.add", Some("reactions:write"), &["channel", "name", "timestamp"], &[], chat::react),
    method("usergroups.list", Some("usergroups:read"), &[],
        &["include_count", "include_disabled", "include_users", "team_id"], people::groups),
    method("usergroups.users.list", Some("usergroups:read"), &["usergroup"], &["include_disabled", "team_id"],
        people::group_members),
    method("users.info", Some("users:read"), &["user"], &["include_locale"], people::info),
    method("users.list", Some("users:read"), &[], &["cursor", "include_locale", "limit", "team_id"], people::list),
    method("users.lookupByEmail", Some("users:read.email"), &["email"], &[], people::by_email),
    method("views.open", None, &["trigger_id", "view"], &[], views::open),
    method("views.publish", None, &["user_id", "view"], &["hash"], views::publish),
    method("views.push", None, &["trigger_id", "view"], &[], views::push),
    method("views.update", None, &["view"], &["external_id", "hash", "view_id"], views::update),
];

/// Checks the call against the table and does its work.
pub(super) fn run(
    state: &mut State,
    name: &str,
    headers: &HeaderMap,
    args: &Args,
    now: Timestamp,
) -> Result<Value, Refusal> {
    if name == "api.test" {
        return api_test(args);
    }
    let Some(method) = METHODS.iter().find(|method| method.name == name) else {
        return Err(Refusal::new("unknown_method"));
    };
    authenticate(state, headers, args)?;
    let mut invocation = Invocation { state, args, now };
    if let Some(scope) = method.scope {
        invocation.needs_scope(scope)?;
    }
    check_names(method, args)?;
    (method.work)(&mut invocation)
}

/// The one method without a token: gives back what it got.
fn api_test(args: &Args) -> Result<Value, Refusal> {
    args.text("error").map_or_else(|| Ok(json!({ "args": args.to_json() })), |error| Err(Refusal::new(error)))
}

fn authenticate(state: &State, headers: &HeaderMap, args: &Args) -> Result<(), Refusal> {
    let header = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = header.and_then(|value| value.strip_prefix("Bearer ")).or_else(|| args.text("token"));
    match token {
        None => Err(Refusal::new("not_authed")),
        Some(token) if token != state.app.token => Err(Refusal::new("invalid_auth")),
        Some(_) => Ok(()),
    }
}

fn check_names(method: &Method, args: &Args) -> Result<(), Refusal> {
    let known = |name: &str| name == "token" || method.requires.contains(&name) || method.takes.contains(&name);
    let unknown = args.names().filter(|name| !known(name)).map(|name| format!("[ERROR] unknown argument: {name}"));
    let missing = method.requires.iter().filter(|name| args.value(name).is_none());
    let missing = missing.map(|name| format!("[ERROR] missing required field: {name}"));
    let problems: Vec<String> = missing.chain(unknown).collect();
    if problems.is_empty() { Ok(()) } else { Err(Refusal::because("invalid_arguments", problems)) }
}

impl Invocation<'_> {
    /// Refuses when the token lacks the scope.
    pub(super) fn needs_scope(&self, scope: &str) -> Result<(), Refusal> {
        let granted = &self.state.app.scopes;
        if granted.contains(scope) {
            return Ok(());
        }
        let granted: Vec<&str> = granted.iter().map(String::as_str).collect();
        Err(Refusal::missing_scope(scope, granted.join(",")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_alphabetical_order() {
        assert!(METHODS.iter().map(|method| method.name).is_sorted());
    }
}
