//! Looking: a channel as text, what one person was told, and what nobody has looked at.
//!
//! Looking marks as seen, so that at the end of a test [`Workspace::unread`] names what the test forgot.

use std::collections::BTreeSet;

use super::{ChannelKind, Message, Person, Version, Workspace, click, render, state::State};

/// A channel as it is on the screen of somebody in it.
#[derive(Debug, Clone)]
pub struct ChannelScreen {
    workspace: Workspace,
    id: String,
}

impl ChannelScreen {
    pub(super) fn new(workspace: Workspace, id: String) -> Self {
        Self { workspace, id }
    }

    /// The channel's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its messages as text, oldest first, replies below what they reply to; marks them seen.
    #[must_use]
    pub fn screen(&self) -> String {
        let mut state = self.workspace.state();
        let shown = drawn(&state, &self.id);
        for message in state.messages.iter_mut().filter(|message| message.channel == self.id) {
            message.versions_seen = message.versions.len();
        }
        shown
    }

    /// Its messages as they are, oldest first, deleted ones too; marks nothing.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        self.workspace.state().messages.iter().filter(|message| message.channel == self.id).cloned().collect()
    }

    /// The notifications that its messages made when they came: their `text`, as a phone shows it.
    #[must_use]
    pub fn notifications(&self) -> Vec<String> {
        let state = self.workspace.state();
        let messages = state.messages.iter().filter(|message| message.channel == self.id);
        messages.map(|message| render::message(&state, &message.versions[0].text, &[])).collect()
    }
}

impl Person {
    /// What was shown to this person alone since this was last asked, oldest first.
    #[must_use]
    pub fn private(&self) -> String {
        let mut state = self.workspace().state();
        let new = state.ephemerals.iter().filter(|ephemeral| ephemeral.user == self.id() && !ephemeral.is_seen);
        let new: Vec<String> =
            new.map(|ephemeral| render::message(&state, &ephemeral.text, &ephemeral.blocks)).collect();
        for ephemeral in state.ephemerals.iter_mut().filter(|ephemeral| ephemeral.user == self.id()) {
            ephemeral.is_seen = true;
        }
        new.join("\n\n")
    }

    /// The labels of all buttons that this person could press on messages now.
    #[must_use]
    pub fn buttons(&self) -> Vec<String> {
        click::labels(&self.workspace().state(), self.id())
    }

    /// The person's direct messages with the bot.
    ///
    /// # Panics
    /// Never: a person is in the workspace.
    #[must_use]
    pub fn dm(&self) -> ChannelScreen {
        let mut state = self.workspace().state();
        let user = state.users.get(self.id()).cloned().expect("a person is in the workspace");
        let id = state.open_direct(&user);
        drop(state);
        ChannelScreen::new(self.workspace().clone(), id)
    }

    /// The bot's home tab as this person sees it; empty before it was published.
    #[must_use]
    pub fn home(&self) -> String {
        let state = self.workspace().state();
        state.homes.get(self.id()).map(|home| render::drawn(&state, home.blocks())).unwrap_or_default()
    }

    /// The modal in front of this person; empty when there is none.
    #[must_use]
    pub fn modal(&self) -> String {
        let state = self.workspace().state();
        let Some(modal) = state.top_modal(self.id()) else { return String::new() };
        let titled = |key| modal.content.get(key).map(|text| render::text_shown(&state, text));
        let submit = titled("submit").map(|submit| format!("\n[{submit}]")).unwrap_or_default();
        let title = titled("title").unwrap_or_default();
        format!("== {title} ==\n{}{submit}", render::drawn(&state, modal.blocks()))
    }
}

impl Workspace {
    /// One version of a message as text; marks nothing.
    #[must_use]
    pub fn drawn(&self, version: &Version) -> String {
        render::message(&self.state(), &version.text, &version.blocks)
    }

    /// What nobody has ever looked at, one line each: messages, and what was shown to one person.
    #[must_use]
    pub fn unread(&self) -> Vec<String> {
        let state = self.state();
        let messages = state.messages.iter().filter(|message| message.versions_seen == 0 && !message.is_deleted);
        let messages = messages.map(|message| line(&state, message));
        let ephemerals = state.ephemerals.iter().filter(|ephemeral| !ephemeral.is_seen).map(|ephemeral| {
            let name = state.users.get(&ephemeral.user).map_or(&ephemeral.user, |user| &user.name);
            format!("only for {name}: {}", render::message(&state, &ephemeral.text, &[]))
        });
        messages.chain(ephemerals).collect()
    }

    /// Messages that were looked at once and edited since.
    #[must_use]
    pub fn unseen_edits(&self) -> Vec<String> {
        let state = self.state();
        let is_unseen = |message: &&Message| (1..message.versions.len()).contains(&message.versions_seen);
        let edited = state.messages.iter().filter(is_unseen).filter(|message| !message.is_deleted);
        edited.map(|message| line(&state, message)).collect()
    }

    /// The names of all whom a message notified when it was posted, groups and `@channel` resolved; edits notify nobody.
    #[must_use]
    pub fn notified(&self, message: &Message) -> BTreeSet<String> {
        let state = self.state();
        let pings = &message.versions[0].pings;
        let grouped = pings.groups.iter().filter_map(|id| state.groups.get(id)).flat_map(|group| &group.members);
        let named: BTreeSet<&String> = pings.users.iter().chain(grouped).collect();
        let is_notified =
            |id: &String| named.contains(id) || (!pings.broadcasts.is_empty() && state.is_member(&message.channel, id));
        state.users.values().filter(|user| is_notified(&user.id)).map(|user| user.name.clone()).collect()
    }
}

fn line(state: &State, message: &Message) -> String {
    let place = state.channels.get(&message.channel).map(|channel| match &channel.kind {
        ChannelKind::Public | ChannelKind::Private => format!("#{}", channel.name),
        ChannelKind::Direct { user } => format!("direct to {}", state.users.get(user).map_or(user, |user| &user.name)),
    });
    let text = render::message(state, &message.present().text, &[]);
    format!("{}: {text}", place.unwrap_or_default())
}

fn drawn(state: &State, channel: &str) -> String {
    let here: Vec<&Message> =
        state.messages.iter().filter(|message| message.channel == channel && !message.is_deleted).collect();
    let is_root = |message: &&&Message| {
        message.thread_ts.as_ref().is_none_or(|parent| !here.iter().any(|other| other.ts == *parent))
    };
    let mut lines = Vec::new();
    for root in here.iter().filter(is_root) {
        lines.extend(message_lines(state, root, "", ""));
        for reply in here.iter().filter(|message| message.thread_ts.as_ref() == Some(&root.ts)) {
            lines.extend(message_lines(state, reply, "  ↳ ", "    "));
        }
    }
    lines.join("\n")
}

fn message_lines(state: &State, message: &Message, first: &str, rest: &str) -> Vec<String> {
    let author = state.users.get(&message.author).map_or(&message.author, |user| &user.name);
    let Version { text, blocks, .. } = message.present();
    let body = render::message(state, text, blocks);
    let body = body.lines().map(|line| format!("{rest}  {line}"));
    std::iter::once(format!("{first}{author}:")).chain(body).collect()
}
