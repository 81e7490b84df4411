//! Who somebody is and which circle they belong to.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ids::{UserGroupId, UserId};

/// What Slack says about a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Who it is.
    pub id: UserId,
    /// The name people know them by.
    pub name: String,
    /// The e-mail address; absent for bots and where the app may not read it.
    pub email: Option<String>,
    /// What kind of account it is.
    pub standing: Standing,
    /// When Slack was last asked.
    pub fetched_at: Timestamp,
}

/// Whether an account is a person of the workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// A full member.
    Member,
    /// A guest (Slack: restricted or ultra-restricted) or somebody from another workspace.
    Guest,
    /// A program.
    Bot,
    /// An account that was deactivated.
    Deactivated,
}

/// A set of people, named one by one or through Slack user groups, whose members Slack knows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Circle {
    /// People by name.
    pub users: BTreeSet<UserId>,
    /// Slack user groups.
    pub user_groups: BTreeSet<UserGroupId>,
}

impl Circle {
    /// Whether this person belongs to the circle, as far as `members` knows the user groups.
    #[must_use]
    pub fn contains(&self, person: &UserId, members: &Members) -> bool {
        self.users.contains(person) || self.user_groups.iter().any(|group| members.contains(group, person))
    }

    /// Everybody in the circle, or `None` when the members of one of its user groups are not known.
    #[must_use]
    pub fn everybody(&self, members: &Members) -> Option<BTreeSet<UserId>> {
        let mut all = self.users.clone();
        for group in &self.user_groups {
            all.extend(members.of(group)?.iter().cloned());
        }
        Some(all)
    }
}

/// Who is in which Slack user group, as of the last time Slack was asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Members(BTreeMap<UserGroupId, BTreeSet<UserId>>);

impl Members {
    /// Everybody in a user group; `None` when Slack has never been asked.
    #[must_use]
    pub fn of(&self, group: &UserGroupId) -> Option<&BTreeSet<UserId>> {
        self.0.get(group)
    }

    /// Whether the person is known to be in the group; an unknown group has nobody in it.
    #[must_use]
    pub fn contains(&self, group: &UserGroupId, person: &UserId) -> bool {
        self.of(group).is_some_and(|members| members.contains(person))
    }
}

impl FromIterator<(UserGroupId, BTreeSet<UserId>)> for Members {
    fn from_iter<I: IntoIterator<Item = (UserGroupId, BTreeSet<UserId>)>>(groups: I) -> Self {
        Self(groups.into_iter().collect())
    }
}
