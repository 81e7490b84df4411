//! Writes a message for the eye and for the ear at once, so that the two cannot tell different things.

use slack_morphism::prelude::*;

use super::words;
use crate::slack::{
    inbound::Button,
    message::{MAX_BLOCKS, MAX_BLOCKS_TEXT, MAX_SECTION, MAX_TEXT, Message, context, section, shortened, verbatim},
};

/// A message in the making.
#[derive(Debug, Default)]
pub struct Draft {
    text: Vec<String>,
    blocks: Vec<SlackBlock>,
    /// How many characters the blocks have so far.
    length: usize,
    /// How many blocks did not fit any more.
    left_out: usize,
    buttons: Vec<SlackActionBlockElement>,
    footer: Option<String>,
}

/// What a button looks like and asks back.
#[derive(Debug, Clone, Copy)]
pub enum Weight<'a> {
    /// The one that is meant to be clicked.
    Primary,
    /// One among others.
    Plain,
    /// One that takes something away; it asks back with this question.
    Danger {
        /// The question, at most 300 characters.
        question: &'a str,
    },
}

impl Draft {
    /// A paragraph of ours, in mrkdwn.
    #[must_use]
    pub fn say(mut self, mrkdwn: impl Into<String>) -> Self {
        let mrkdwn = mrkdwn.into();
        self.push(section(&mrkdwn), &mrkdwn);
        self.text.push(mrkdwn);
        self
    }

    /// Somebody else's words, behind a label of ours.
    #[must_use]
    pub fn quote(mut self, label: &str, their_words: &str) -> Self {
        let line = words::one_line(their_words);
        if line.is_empty() {
            return self;
        }
        let shown = format!("{label}: {line}");
        self.push(verbatim(&shown), &shown);
        self.text.push(format!("{label}: {}", words::quoted(their_words)));
        self
    }

    /// Small print.
    #[must_use]
    pub fn note(mut self, mrkdwn: impl Into<String>) -> Self {
        let mrkdwn = mrkdwn.into();
        self.push(context(&mrkdwn), &mrkdwn);
        self.text.push(mrkdwn);
        self
    }

    /// Small print below the buttons.
    #[must_use]
    pub fn footer(mut self, mrkdwn: impl Into<String>) -> Self {
        self.footer = Some(mrkdwn.into());
        self
    }

    /// Adds a block while there is room: three places are kept, for the buttons, for the footer and for saying what was
    /// left out.
    fn push(&mut self, block: SlackBlock, shown: &str) {
        let length = self.length + shown.chars().count().min(MAX_SECTION);
        if self.left_out > 0 || self.blocks.len() + 3 >= MAX_BLOCKS || length > MAX_BLOCKS_TEXT {
            self.left_out += 1;
        } else {
            self.length = length;
            self.blocks.push(block);
        }
    }

    /// A button; all of a message's buttons stand in one row behind what it says.
    #[must_use]
    pub fn button(mut self, label: &str, button: Button, about: &str, weight: Weight<'_>) -> Self {
        let element = SlackBlockButtonElement::new(pt!(label))
            .with_action_id(button.action_id().into())
            .with_value(button.value())
            .with_accessibility_label(shortened(&format!("{label} {about}"), 75).into());
        self.buttons.push(
            match weight {
                Weight::Primary => element.with_style(SlackBlockButtonStyle::Primary),
                Weight::Plain => element,
                Weight::Danger { question } => element
                    .with_style(SlackBlockButtonStyle::Danger)
                    .with_confirm(SlackBlockConfirmItem::new(pt!(label), pt!(question), pt!(label), pt!("Not now"))),
            }
            .into(),
        );
        self
    }

    /// One of several buttons that do the same to different things: Slack wants their action ids to differ.
    #[must_use]
    pub fn one_of_many(mut self, label: &str, place: usize, button: Button, about: &str) -> Self {
        let element = SlackBlockButtonElement::new(pt!(label))
            .with_action_id(format!("{}.{place}", button.action_id()).into())
            .with_value(button.value())
            .with_accessibility_label(shortened(&format!("{label} {about}"), 75).into());
        self.buttons.push(element.into());
        self
    }

    /// A button that opens a page in the browser.
    #[must_use]
    pub fn link(mut self, label: &str, place: usize, url: url::Url) -> Self {
        let element = SlackBlockButtonElement::new(pt!(shortened(label, 75)))
            .with_action_id(format!("{}.{place}", Button::OpenLink.action_id()).into())
            .with_style(SlackBlockButtonStyle::Primary)
            .with_url(url);
        self.buttons.push(element.into());
        self
    }

    /// The message, within Slack's limits.
    #[must_use]
    pub fn finish(mut self) -> Message {
        if self.left_out > 0 {
            self.blocks.push(context(&format!("… and {} more", self.left_out)));
        }
        if !self.buttons.is_empty() {
            self.blocks.push(SlackActionsBlock::new(self.buttons).into());
        }
        if let Some(footer) = self.footer {
            self.blocks.push(context(&footer));
            self.text.push(footer);
        }
        Message { text: shortened(&self.text.join("\n"), MAX_TEXT), blocks: self.blocks }
    }
}
