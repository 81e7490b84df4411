//! What Privileged Identity Management knows an assignment by: what is opened, and for whom. There is one assignment for
//! each such tuple, whoever made it; requests to change it name the tuple and not the assignment.

use crate::{
    domain::catalog::{AzureRole, EntraGroup, EntraRole, Target},
    provider::{ProviderError, Work},
};

use super::{notes::Notes, refused};

/// What is opened.
#[derive(Debug, Clone, Copy)]
pub(super) enum Thing<'a> {
    /// A role at a scope.
    Resource(&'a AzureRole),
    /// A role in the directory.
    Directory(&'a EntraRole),
    /// A group.
    Group(&'a EntraGroup),
}

/// What is opened, and for whom.
#[derive(Debug, Clone)]
pub(super) struct Tuple<'a> {
    pub thing: Thing<'a>,
    /// The holder's object id.
    pub principal: String,
}

impl<'a> Thing<'a> {
    /// What a target opens.
    pub fn of(target: &'a Target) -> Result<Self, ProviderError> {
        match target {
            Target::AzureRole(role) => Ok(Self::Resource(role)),
            Target::EntraRole(role) => Ok(Self::Directory(role)),
            Target::EntraGroup(group) => Ok(Self::Group(group)),
            Target::AwsSts(_)
            | Target::AwsIdentityCenter(_)
            | Target::AwsIamPolicy(_)
            | Target::AwsIamGroup(_)
            | Target::Demo(_) => Err(refused("a target of another cloud was taken to Azure: report this")),
        }
    }

    /// Whose it is, where the target says so.
    pub fn holder(self) -> Option<&'a str> {
        match self {
            Self::Resource(role) => role.holder_object_id.as_deref(),
            Self::Directory(role) => role.holder_object_id.as_deref(),
            Self::Group(group) => group.holder_object_id.as_deref(),
        }
    }

    /// In words.
    pub fn words(self) -> String {
        match self {
            Self::Resource(role) => format!("role {} at {}", role.role(), role.scope),
            Self::Directory(role) if role.directory_scope == "/" => format!("Entra role {}", role.role()),
            Self::Directory(role) => format!("Entra role {} for {}", role.role(), role.directory_scope),
            Self::Group(group) => format!("{} of Entra group {}", group.access.as_str(), group.group_id),
        }
    }
}

impl<'a> Tuple<'a> {
    /// The one that a piece of work and its notes mean.
    pub fn of(work: &'a Work, notes: &Notes) -> Result<Self, ProviderError> {
        let thing = Thing::of(&work.target)?;
        let principal = thing.holder().map(str::to_owned).or_else(|| notes.user_id.clone());
        let principal =
            principal.ok_or_else(|| refused("it was never found out who the holder is in Entra: report this"))?;
        Ok(Self { thing, principal })
    }

    /// What is opened, in words.
    pub fn words(&self) -> String {
        self.thing.words()
    }
}
