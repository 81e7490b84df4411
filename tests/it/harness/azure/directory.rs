//! Who and what Entra knows: people, service principals, groups and roles, each with an object id that follows from its
//! name.

use sha2::{Digest, Sha256};
use uuid::Builder;

/// The tenant of all stories.
pub const TENANT: &str = "7c1d6a52-0b0e-4d6a-9a54-0c3f5d2e9b11";
/// The bot's own application.
pub const CLIENT_ID: &str = "2f0c8f3d-5d2f-4f0a-8a53-6f3b1d1c0e01";
/// The bot's secret for it.
pub const CLIENT_SECRET: &str = "the-bots-own-client-secret~";

/// The built-in roles of Azure resources that stories use.
pub const ROLES: [(&str, &str); 3] = [
    ("Contributor", "b24988ac-6180-42a0-ab88-20f7382dd24c"),
    ("Reader", "acdd72a7-3385-48ef-bd42-f606fba81ae7"),
    ("Owner", "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"),
];

/// Roles of the directory, by template id.
pub const ENTRA_ROLES: [(&str, &str); 3] = [
    ("Global Administrator", "62e90394-69f5-4237-9190-012177145e10"),
    ("Application Administrator", "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3"),
    ("Helpdesk Administrator", "729827e3-9c14-49f7-bb1b-9608f156bbb8"),
];

/// Somebody, or something that acts.
#[derive(Debug, Clone)]
pub struct Principal {
    pub id: String,
    pub kind: PrincipalKind,
    /// What it is called; for people also the beginning of both addresses.
    pub name: String,
    pub upn: String,
    pub mail: Option<String>,
    pub enabled: bool,
}

/// What kind of principal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrincipalKind {
    User,
    Guest,
    ServicePrincipal,
    Group,
}

impl Principal {
    /// Somebody whose mail and sign-in name are those of Slack.
    pub fn user(name: &str) -> Self {
        let address = format!("{name}@acme.example");
        Self {
            id: guid(name),
            kind: PrincipalKind::User,
            name: name.to_owned(),
            upn: address.clone(),
            mail: Some(address),
            enabled: true,
        }
    }

    /// Somebody from elsewhere.
    pub fn guest(name: &str) -> Self {
        let upn = format!("{name}_acme.example#EXT#@tenant.onmicrosoft.com");
        Self { kind: PrincipalKind::Guest, upn, ..Self::user(name) }
    }

    /// Something that acts without a person.
    pub fn service(name: &str) -> Self {
        Self {
            kind: PrincipalKind::ServicePrincipal,
            upn: guid(&format!("app of {name}")),
            mail: None,
            ..Self::user(name)
        }
    }

    /// A group.
    pub fn group(name: &str) -> Self {
        Self { kind: PrincipalKind::Group, upn: String::new(), mail: None, ..Self::user(name) }
    }

    pub(super) fn type_name(&self) -> &'static str {
        match self.kind {
            PrincipalKind::User | PrincipalKind::Guest => "User",
            PrincipalKind::ServicePrincipal => "ServicePrincipal",
            PrincipalKind::Group => "Group",
        }
    }
}

/// The object id of whoever or whatever has this name.
pub fn guid(name: &str) -> String {
    let digest = Sha256::digest(name.as_bytes());
    let bytes: [u8; 16] = digest[..16].try_into().unwrap();
    Builder::from_random_bytes(bytes).into_uuid().to_string()
}
