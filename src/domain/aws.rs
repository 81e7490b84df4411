//! AWS targets by what they open: one name for each thing, made here and nowhere else.

use std::{fmt, time::Duration};

use super::{
    audit::Receipt,
    catalog::{AwsIamGroup, AwsIamPolicy, AwsIdentityCenter, IamPrincipal, Target},
};

/// Under which key the receipt of an assignment says how long sessions of its permission set last, in seconds.
pub const SESSION_DURATION: &str = "session_duration";
/// The longest that a permission set lets sessions last. Source: IAM Identity Center quotas.
pub const LONGEST_SESSION: Duration = Duration::from_hours(12);
/// Under which key it says which Identity Center it is in.
pub const INSTANCE_ARN: &str = "instance_arn";
/// Under which key it says where the people of that Identity Center are.
pub const IDENTITY_STORE_ID: &str = "identity_store_id";

/// What a receipt says that stays as it is until somebody decides: not who the holder is, nor what is there.
#[must_use]
pub fn lasting(mut receipt: Receipt) -> Receipt {
    receipt.retain(|key, _| [SESSION_DURATION, INSTANCE_ARN, IDENTITY_STORE_ID].contains(&key.as_str()));
    receipt
}

/// How long sessions of the permission set last, if the receipt of an assignment says it.
#[must_use]
pub fn session_duration(receipt: &Receipt) -> Option<Duration> {
    receipt.get(SESSION_DURATION)?.parse().ok().map(Duration::from_secs)
}

impl AwsIdentityCenter {
    /// A permission set on an account, or on those of an organisational unit.
    #[must_use]
    pub fn new(account: &str, permission_set_arn: &str, cut_off_sessions: bool) -> Self {
        Self {
            account: account.to_owned(),
            permission_set_arn: permission_set_arn.to_owned(),
            cut_off_sessions,
            resource: format!("{account}|{permission_set_arn}"),
        }
    }
}

impl AwsIamPolicy {
    /// A policy on a user or a role.
    #[must_use]
    pub fn new(on: IamPrincipal, policy: String) -> Self {
        let resource = match &on {
            IamPrincipal::User(name) => format!("user/{name}"),
            IamPrincipal::Role(name) => format!("role/{name}"),
        };
        Self { on, policy, resource }
    }
}

impl AwsIamGroup {
    /// The membership of a user in a group.
    #[must_use]
    pub fn new(user: &str, group: &str) -> Self {
        Self { user: user.to_owned(), group: group.to_owned(), resource: format!("group/{group}|user/{user}") }
    }
}

impl IamPrincipal {
    /// How many characters the inline policies of one of these may have together, white space not counted.
    /// Source: IAM User Guide, "IAM and AWS STS quotas".
    #[must_use]
    pub fn room(&self) -> usize {
        match self {
            Self::User(_) => 2_048,
            Self::Role(_) => 10_240,
        }
    }
}

impl fmt::Display for IamPrincipal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => write!(f, "IAM user {name}"),
            Self::Role(name) => write!(f, "IAM role {name}"),
        }
    }
}

/// Something about how an access ends that people should know before they say yes to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Caveat {
    /// The cloud does not end a membership of a group by itself: it lasts until the bot has taken it away.
    GroupHasNoEnd,
    /// Sessions that people opened through the assignment outlast it.
    SessionsRunOn {
        /// By how much at most.
        up_to: Duration,
    },
    /// Azure takes some time to let it bite, and people have to sign in again; it takes nothing away in the first five
    /// minutes.
    AzureTakesItsTime,
}

impl Target {
    /// Who has it, where the target itself says so: then all who ask for it share it.
    #[must_use]
    pub fn principal(&self) -> Option<&str> {
        match self {
            Self::AwsIamGroup(membership) => Some(&membership.user),
            Self::AzureRole(role) => role.holder_object_id.as_deref(),
            Self::EntraRole(role) => role.holder_object_id.as_deref(),
            Self::EntraGroup(group) => group.holder_object_id.as_deref(),
            Self::AwsSts(_) | Self::AwsIdentityCenter(_) | Self::AwsIamPolicy(_) | Self::Demo(_) => None,
        }
    }

    /// What people should know about its end.
    #[must_use]
    pub fn caveat(&self) -> Option<Caveat> {
        match self {
            Self::AwsIamGroup(_) => Some(Caveat::GroupHasNoEnd),
            Self::AzureRole(_) | Self::EntraRole(_) | Self::EntraGroup(_) => Some(Caveat::AzureTakesItsTime),
            // how long sessions run on depends on the permission set: only the cloud knows
            Self::AwsSts(_) | Self::AwsIdentityCenter(_) | Self::AwsIamPolicy(_) | Self::Demo(_) => None,
        }
    }

    /// For how long sessions that it opened may run on after its end, where they do: Identity Center ends none when it
    /// takes an assignment away. While the receipt does not say it, the longest there can be.
    #[must_use]
    pub fn sessions_run_on(&self, receipt: &Receipt) -> Option<Duration> {
        match self {
            Self::AwsIdentityCenter(assignment) if assignment.cut_off_sessions => None,
            Self::AwsIdentityCenter(_) => Some(session_duration(receipt).unwrap_or(LONGEST_SESSION)),
            Self::AwsSts(_)
            | Self::AwsIamPolicy(_)
            | Self::AwsIamGroup(_)
            | Self::AzureRole(_)
            | Self::EntraRole(_)
            | Self::EntraGroup(_)
            | Self::Demo(_) => None,
        }
    }
}
