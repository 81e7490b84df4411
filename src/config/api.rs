//! `[api]`: who may use the API, for how long, and how much of it strangers may use.

use std::{num::NonZeroU32, time::Duration};

use super::{
    forms,
    groups::Groups,
    reader::{Node, Table},
    settings::Api,
};
use crate::domain::{people::Circle, time::short};

/// Nobody stays signed in longer without confirming in Slack again.
const LONGEST_SESSION: Duration = Duration::from_hours(7 * 24);
/// A session must outlast a request and what is run with it.
const SHORTEST_SESSION: Duration = Duration::from_mins(5);

/// `[api]`; its auditors are read when the groups are known.
pub(super) fn api<'r>(table: &mut Table<'r>, auditors: &mut Option<Node<'r>>) -> Api {
    let usual = Api::default();
    *auditors = table.optional("auditors", Some);
    Api {
        audience: table.optional("audience", forms::text),
        session: table.optional("session", session).unwrap_or(usual.session),
        strangers_per_minute: table
            .optional("strangers_per_minute", forms::count)
            .and_then(NonZeroU32::new)
            .unwrap_or(usual.strangers_per_minute),
        behind_proxy: table.optional("behind_proxy", forms::boolean).unwrap_or(usual.behind_proxy),
    }
}

/// How long somebody, or a pipeline, stays signed in.
pub(super) fn session(node: Node<'_>) -> Option<Duration> {
    let lasts = forms::duration(node)?;
    if !(SHORTEST_SESSION..=LONGEST_SESSION).contains(&lasts) {
        let help = format!("Write {} to {}; 12h is usual.", short(SHORTEST_SESSION), short(LONGEST_SESSION));
        node.refuse(format!("`{}` cannot be {}", node.key, short(lasts)), help);
        return None;
    }
    Some(lasts)
}

/// Who may read the audit trail; nobody, when it is not said.
pub(super) fn auditors<'r>(node: Option<Node<'r>>, groups: &Groups<'r>) -> Circle {
    node.and_then(|node| groups.circle(node)).unwrap_or_default()
}
