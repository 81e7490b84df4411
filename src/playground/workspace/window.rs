//! The workspace as a page draws it: read through glass, so that nothing is marked as seen by it.

use super::{App, Channel, ChannelKind, Ephemeral, Group, Message, User, View, Workspace, held::Held, state::State};

/// A look at the workspace. It holds everybody else up, so it is not to be kept.
#[derive(Debug)]
pub struct Window<'w>(Held<'w>);

impl Workspace {
    /// Looks in.
    #[must_use]
    pub fn window(&self) -> Window<'_> {
        Window(self.state())
    }
}

impl Window<'_> {
    fn state(&self) -> &State {
        &self.0
    }

    /// What the workspace is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.state().team.name
    }

    /// The bot as Slack knows it.
    #[must_use]
    pub fn bot(&self) -> &App {
        &self.state().app
    }

    /// Somebody by id.
    #[must_use]
    pub fn user(&self, id: &str) -> Option<&User> {
        self.state().users.get(id)
    }

    /// A user group by id.
    #[must_use]
    pub fn group(&self, id: &str) -> Option<&Group> {
        self.state().groups.get(id)
    }

    /// A channel by id.
    #[must_use]
    pub fn channel(&self, id: &str) -> Option<&Channel> {
        self.state().channels.get(id)
    }

    /// The channels that somebody reads along in, direct messages aside.
    pub fn channels(&self, user: &str) -> impl Iterator<Item = &Channel> {
        let is_theirs = |channel: &&Channel| channel.kind == ChannelKind::Public || self.reads(&channel.id, user);
        self.state().channels.values().filter(|channel| !channel.is_direct()).filter(is_theirs)
    }

    /// The direct messages between somebody and the bot.
    #[must_use]
    pub fn direct(&self, user: &str) -> Option<&Channel> {
        let theirs = |channel: &&Channel| channel.kind == ChannelKind::Direct { user: user.to_owned() };
        self.state().channels.values().find(theirs)
    }

    /// Whether somebody is in a channel.
    #[must_use]
    pub fn reads(&self, channel: &str, user: &str) -> bool {
        self.state().is_member(channel, user)
    }

    /// What stands in a channel, oldest first, replies among it.
    pub fn messages(&self, channel: &str) -> impl Iterator<Item = &Message> {
        self.state().messages.iter().filter(move |message| message.channel == channel && !message.is_deleted)
    }

    /// What one person alone sees in a channel.
    pub fn ephemerals(&self, channel: &str, user: &str) -> impl Iterator<Item = &Ephemeral> {
        let theirs = move |it: &&Ephemeral| it.channel == channel && it.user == user;
        self.state().ephemerals.iter().filter(theirs)
    }

    /// The modal in front of somebody.
    #[must_use]
    pub fn modal(&self, user: &str) -> Option<&View> {
        self.state().top_modal(user)
    }

    /// Somebody's home tab, once it was published.
    #[must_use]
    pub fn home(&self, user: &str) -> Option<&View> {
        self.state().homes.get(user)
    }
}
