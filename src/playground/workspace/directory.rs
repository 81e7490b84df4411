//! Who and what a workspace consists of: users, user groups and channels, as values a test can write down.
//!
//! Ids are made from names (`approver` is `U0APPROVER`), so a configuration file can be written before the workspace
//! exists and a failing test is readable.

use std::collections::BTreeSet;

/// The id of the workspace that the model is.
pub(super) const TEAM_ID: &str = "T0ACME";

/// An account: a person, or a bot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// `U…`.
    pub id: String,
    /// The user name, as in `@name`.
    pub name: String,
    /// The name on the profile.
    pub real_name: String,
    /// The address, if the account has one.
    pub email: Option<String>,
    /// Whether it is a bot's account.
    pub is_bot: bool,
    /// Whether it is a guest's account.
    pub is_restricted: bool,
    /// Whether it was deactivated.
    pub is_deleted: bool,
    /// The workspace it belongs to; another one for people from outside.
    pub team_id: String,
}

impl User {
    /// An ordinary colleague with an address at `acme.example`.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self {
            id: id_from("U0", name),
            name: name.to_owned(),
            real_name: capitalised(name),
            email: Some(format!("{name}@acme.example")),
            is_bot: false,
            is_restricted: false,
            is_deleted: false,
            team_id: TEAM_ID.to_owned(),
        }
    }
}

/// A user group, as in `@oncall`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// `S…`.
    pub id: String,
    /// The handle, without `@`.
    pub handle: String,
    /// Ids of its users.
    pub members: Vec<String>,
}

impl Group {
    /// A group of the people with these names.
    #[must_use]
    pub fn of<'a>(handle: &str, names: impl IntoIterator<Item = &'a str>) -> Self {
        let members = names.into_iter().map(|name| id_from("U0", name)).collect();
        Self { id: id_from("S0", handle), handle: handle.to_owned(), members }
    }
}

/// Who can find a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChannelKind {
    /// Everybody.
    Public,
    /// Its members only.
    Private,
    /// The bot and this user.
    Direct {
        /// The user's id.
        user: String,
    },
}

/// A channel, or the direct messages between the bot and somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// `C…`, or `D…` for direct messages.
    pub id: String,
    /// The name, without `#`.
    pub name: String,
    /// Who can find it.
    pub kind: ChannelKind,
    /// Whether it takes no messages any more.
    pub is_archived: bool,
    /// Whether every colleague (not: guests) is a member, whoever joins later too.
    pub has_everybody: bool,
    /// Whether the bot was invited.
    pub has_bot: bool,
    /// Ids of its members besides.
    pub members: BTreeSet<String>,
}

impl Channel {
    /// A channel with the bot and everybody in it.
    #[must_use]
    pub fn public(name: &str) -> Self {
        Self {
            id: id_from("C0", name),
            name: name.to_owned(),
            kind: ChannelKind::Public,
            is_archived: false,
            has_everybody: true,
            has_bot: true,
            members: BTreeSet::new(),
        }
    }

    /// A private channel with the bot and the people with these names in it.
    #[must_use]
    pub fn private<'a>(name: &str, members: impl IntoIterator<Item = &'a str>) -> Self {
        let members = members.into_iter().map(|name| id_from("U0", name)).collect();
        Self { kind: ChannelKind::Private, has_everybody: false, members, ..Self::public(name) }
    }

    /// The same channel before the bot was invited.
    #[must_use]
    pub fn without_bot(self) -> Self {
        Self { has_bot: false, ..self }
    }

    /// The same channel after it was archived.
    #[must_use]
    pub fn archived(self) -> Self {
        Self { is_archived: true, ..self }
    }

    /// The direct messages between the bot and a user.
    pub(super) fn direct(user: &User) -> Self {
        Self {
            id: id_from("D0", &user.name),
            name: "directmessage".to_owned(),
            kind: ChannelKind::Direct { user: user.id.clone() },
            is_archived: false,
            has_everybody: false,
            has_bot: true,
            members: BTreeSet::from([user.id.clone()]),
        }
    }

    /// Whether `user` reads along here.
    pub(super) fn has(&self, user: &User) -> bool {
        let colleague = !user.is_bot && !user.is_deleted && !user.is_restricted;
        (self.has_everybody && colleague) || self.members.contains(&user.id)
    }

    /// Whether this is the direct messages of somebody.
    pub(super) fn is_direct(&self) -> bool {
        matches!(self.kind, ChannelKind::Direct { .. })
    }
}

fn id_from(prefix: &str, name: &str) -> String {
    let letters = name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase());
    prefix.chars().chain(letters).collect()
}

fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
