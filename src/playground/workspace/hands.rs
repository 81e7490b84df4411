//! Somebody at a page: like the person of a story, only that what they point at may be gone by the time it arrives.

use super::{Delivery, Message, Person, Pings, Version, click, typing};

/// Where a button is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spot {
    /// On a message.
    Message {
        /// The channel's id.
        channel: String,
        /// The message's timestamp.
        ts: String,
    },
    /// On something that one person alone sees.
    Ephemeral {
        /// Its timestamp.
        ts: String,
    },
    /// In a modal or on a home tab.
    View {
        /// The view's id.
        id: String,
    },
}

impl Person {
    /// Presses the button with these ids, if it is there and this person can see it.
    pub async fn presses(&self, spot: &Spot, block_id: &str, action_id: &str) -> Option<Delivery> {
        let found = click::at(&self.workspace().state(), self.id(), spot, (block_id, action_id))?;
        Some(self.press(found).await)
    }

    /// Writes an ordinary message into a channel or a thread of it, if they are in that channel.
    #[must_use]
    pub fn writes(&self, channel: &str, thread_ts: Option<&str>, text: &str) -> bool {
        let now = self.workspace().now();
        let mut state = self.workspace().state();
        let is_there = thread_ts.is_none_or(|ts| state.message(channel, ts).is_some());
        if !state.is_member(channel, self.id()) || !is_there {
            return false;
        }
        let text = typing::escaped(&state, text);
        let version = Version { pings: Pings::of(&text, &[]), text, blocks: Vec::new(), metadata: None, at: now };
        let ts = state.ids.ts(now);
        state.messages.push(Message {
            channel: channel.to_owned(),
            ts,
            thread_ts: thread_ts.map(str::to_owned),
            is_broadcast: false,
            author: self.id().to_owned(),
            versions: vec![version],
            versions_seen: 1,
            is_deleted: false,
            reactions: Vec::new(),
        });
        true
    }

    /// Takes something off their screen that they alone see.
    pub fn dismisses(&self, ts: &str) {
        self.workspace().state().ephemerals.retain(|it| it.user != self.id() || it.ts != ts);
    }
}
