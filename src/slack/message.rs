//! A message as Slack takes it: blocks for the eye, and the same facts as text for notifications and screen readers.

use sha2::{Digest, Sha256};
use slack_morphism::prelude::*;

/// Blocks a message may have (Slack's documentation of `blocks`).
pub const MAX_BLOCKS: usize = 50;
/// Characters a section's text may have (`@slack/types`).
pub const MAX_SECTION: usize = 3_000;
/// Characters that all blocks together may have: Slack refuses somewhat more (bolt-js issue 2867). Buttons need some too.
pub const MAX_BLOCKS_TEXT: usize = 9_000;
/// Characters of `text` that Slack advises to stay within.
pub const MAX_TEXT: usize = 4_000;

/// What a message shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// All the facts, in mrkdwn: what notifications show and screen readers read.
    pub text: String,
    /// The same for the eye.
    pub blocks: Vec<SlackBlock>,
}

impl Message {
    /// One paragraph.
    #[must_use]
    pub fn paragraph(mrkdwn: impl Into<String>) -> Self {
        let text = mrkdwn.into();
        Self { blocks: vec![section(&text)], text: shortened(&text, MAX_TEXT) }
    }

    /// Names what the message shows: two with the same digest look the same.
    #[must_use]
    pub fn digest(&self) -> String {
        let shown = serde_json::json!({ "text": self.text, "blocks": self.blocks });
        hex::encode(Sha256::digest(shown.to_string().as_bytes()))
    }

    /// As the crate's content type, which chat.postMessage and its kin take.
    #[must_use]
    pub fn content(&self) -> SlackMessageContent {
        SlackMessageContent::new().with_text(self.text.clone()).with_blocks(self.blocks.clone())
    }
}

/// A section of mrkdwn, cut to what Slack takes.
#[must_use]
pub fn section(mrkdwn: &str) -> SlackBlock {
    SlackSectionBlock::new().with_text(md!(shortened(mrkdwn, MAX_SECTION))).into()
}

/// A section of somebody's own words: never parsed, so that they can neither ping nor pose as ours.
#[must_use]
pub fn verbatim(words: &str) -> SlackBlock {
    SlackSectionBlock::new().with_text(pt!(shortened(words, MAX_SECTION))).into()
}

/// A line in small print.
#[must_use]
pub fn context(mrkdwn: &str) -> SlackBlock {
    let element: SlackBlockMarkDownText = SlackBlockMarkDownText::new(shortened(mrkdwn, MAX_SECTION));
    SlackContextBlock::new(vec![element.into()]).into()
}

/// At most `most` characters, with an ellipsis where something was left out. Never cuts an entity (`&amp;`) in two.
#[must_use]
pub fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut kept: String = text.chars().take(most - 1).collect();
    if let Some(open) = kept.rfind('&')
        && !kept[open..].contains(';')
        && kept.len() - open < 6
    {
        kept.truncate(open);
    }
    kept.push('…');
    kept
}
