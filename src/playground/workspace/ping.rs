//! Whom a message notifies.
//!
//! Only real mentions count: what a person typed reaches the bot with `<` as `&lt;`, so a bot that passes it on as it
//! came pings nobody, and one that decodes it is found out here. Plain text elements never ping.

use std::collections::BTreeSet;

use serde_json::Value;

/// The mentions in a message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pings {
    /// Ids of mentioned users.
    pub users: BTreeSet<String>,
    /// Ids of mentioned user groups.
    pub groups: BTreeSet<String>,
    /// `channel`, `here` and `everyone`, where mentioned.
    pub broadcasts: BTreeSet<String>,
}

impl Pings {
    /// The mentions in the text and in the mrkdwn of the blocks.
    pub(super) fn of(text: &str, blocks: &[Value]) -> Self {
        let mut pings = Self::default();
        pings.read(text);
        for block in blocks {
            pings.read_value(block);
        }
        pings
    }

    /// Whether nobody is notified.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.users.is_empty() && self.groups.is_empty() && self.broadcasts.is_empty()
    }

    fn read_value(&mut self, value: &Value) {
        match value {
            Value::Object(object) => match (object.get("type").and_then(Value::as_str), object.get("text")) {
                (Some("mrkdwn" | "markdown"), Some(Value::String(text))) => self.read(text),
                (Some("plain_text"), _) => {}
                _ => object.values().for_each(|inner| self.read_value(inner)),
            },
            Value::Array(values) => values.iter().for_each(|inner| self.read_value(inner)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn read(&mut self, text: &str) {
        for token in text.split('<').skip(1).filter_map(|rest| rest.split_once('>')).map(|(token, _)| token) {
            let name = token.split('|').next().unwrap_or(token);
            if let Some(user) = name.strip_prefix('@') {
                self.users.insert(user.to_owned());
            } else if let Some(group) = name.strip_prefix("!subteam^") {
                self.groups.insert(group.to_owned());
            } else if let Some(broadcast @ ("channel" | "here" | "everyone")) = name.strip_prefix('!') {
                self.broadcasts.insert(broadcast.to_owned());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn mrkdwn_pings_and_plain_text_and_escaped_text_do_not() {
        let blocks = [
            json!({"type": "section", "text": {"type": "mrkdwn", "text": "<!subteam^S0SRE|@sre> &lt;!channel&gt;"}}),
            json!({"type": "header", "text": {"type": "plain_text", "text": "<!here>"}}),
        ];
        let pings = Pings::of("for <@U0A>", &blocks);
        assert_eq!(pings.users, BTreeSet::from(["U0A".to_owned()]));
        assert_eq!(pings.groups, BTreeSet::from(["S0SRE".to_owned()]));
        assert!(pings.broadcasts.is_empty());
        assert!(!Pings::of("<!everyone>", &[]).is_silent());
        assert!(Pings::of("&lt;@U0A&gt; and <https://example.com|link>", &[]).is_silent());
    }
}
