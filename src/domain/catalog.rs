//! What can be asked for, under which rules: the checked configuration as the rules see it.
//!
//! A catalog is complete and consistent by construction; `config` builds it and reports everything that stands in the
//! way. It holds no secret, only where one is to be found.

use std::{collections::BTreeMap, num::NonZeroU8, path::PathBuf, time::Duration};

use regex::Regex;
use serde::{Deserialize, Serialize};

use super::{
    ids::{ChannelId, RoleName, UserId, WorkloadName},
    people::Circle,
    workload::Workload,
};

/// Every role, and the limits that hold for all of them.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    /// The roles by name.
    pub roles: BTreeMap<RoleName, Role>,
    /// What a person may ask for at most.
    pub limits: Limits,
    /// Who somebody is elsewhere, where the Slack e-mail address does not say.
    pub aliases: BTreeMap<UserId, Alias>,
    /// The pipelines that may ask, by name.
    pub workloads: BTreeMap<WorkloadName, Workload>,
    /// Who may read the audit trail over the API.
    pub auditors: Circle,
    /// SHA-256 of the files this was read from, in hex: names a policy in the audit trail.
    pub digest: String,
}

impl Catalog {
    /// The role of this name, if there is one.
    #[must_use]
    pub fn role(&self, name: &RoleName) -> Option<&Role> {
        self.roles.get(name)
    }
}

/// What one person may have open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Requests made within the last 60 minutes.
    pub requests_per_person_per_hour: u32,
    /// Requests that await a decision.
    pub pending_per_person: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { requests_per_person_per_hour: 20, pending_per_person: 5 }
    }
}

/// A person's names outside Slack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Alias {
    /// The user name in the AWS identity store.
    pub aws_identity_center: Option<String>,
    /// The object id in Entra.
    pub azure_object_id: Option<String>,
}

/// What can be asked for by name.
#[derive(Debug, Clone)]
pub struct Role {
    /// What people type.
    pub name: RoleName,
    /// What it is for, in the operator's words.
    pub description: String,
    /// The shortest a grant may be.
    pub min_duration: Duration,
    /// The longest a grant may be.
    pub max_duration: Duration,
    /// How long a grant is when nobody says.
    pub default_duration: Duration,
    /// Whether a reason must be given.
    pub reason_required: bool,
    /// A ticket id that must be found in the reason.
    pub ticket: Option<Regex>,
    /// Who may ask.
    pub requesters: Requesters,
    /// How long a request waits for its decision before it lapses.
    pub approval_timeout: Duration,
    /// Where the cards go.
    pub channel: ChannelId,
    /// The rules, in order: the first that fits decides.
    pub rules: Vec<Rule>,
    /// What an approval opens.
    pub targets: Vec<Target>,
}

/// Who may ask for a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Requesters {
    /// Everybody in the workspace.
    Everybody,
    /// These people.
    Only(Circle),
}

/// One rule of a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The rule fits requests of at most this length; without it, any.
    pub up_to: Option<Duration>,
    /// The rule fits only requests for a plan that destroys nothing. One without a plan is not known to destroy nothing.
    pub destroys_nothing: bool,
    /// How many different people must approve.
    pub approvals: NonZeroU8,
    /// Who may decide.
    pub approvers: Circle,
    /// Whether the requester may be one of them.
    pub self_approval: bool,
}

/// One thing in one cloud that a role opens. It is frozen onto the grant, so that what was opened can be closed even
/// after the role has left the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Target {
    /// Sessions of an AWS role, minted when claimed.
    AwsSts(AwsSts),
    /// An assignment of a permission set in IAM Identity Center.
    AwsIdentityCenter(AwsIdentityCenter),
    /// An inline policy on an IAM user or role, that ends by its own conditions.
    AwsIamPolicy(AwsIamPolicy),
    /// A membership in an IAM group.
    AwsIamGroup(AwsIamGroup),
    /// A role on resources in Azure, assigned through Privileged Identity Management.
    AzureRole(AzureRole),
    /// A role in the Entra directory, assigned the same way.
    EntraRole(EntraRole),
    /// A membership in an Entra group or its ownership, assigned the same way.
    EntraGroup(EntraGroup),
    /// An entry in a cloud that lives in this process; for the playground.
    Demo(Demo),
}

/// Sessions of one AWS role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwsSts {
    /// `arn:aws:iam::111122223333:role/prod-deploy`
    pub role_arn: String,
    /// Where the external id is kept that the role's trust policy asks for.
    pub external_id: Option<SecretRef>,
    /// A policy document, minified, that scopes sessions further down than the role does.
    pub session_policy: Option<String>,
    /// What an early end does to sessions that are still running.
    pub early_end: EarlyEnd,
}

/// A permission set on one account, for the person who asks. The configuration may name several accounts or an
/// organisational unit; each account becomes a target of its own before anybody is asked to approve.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwsIdentityCenter {
    /// Twelve digits; in a role also an organisational unit (`ou-…`), which stands for the accounts in it.
    pub account: String,
    /// `arn:aws:sso:::permissionSet/ssoins-…/ps-…`
    pub permission_set_arn: String,
    /// Whether an end also cuts off sessions that are running, by a deny in the permission set's inline policy. They
    /// run on for up to the permission set's session duration otherwise.
    pub cut_off_sessions: bool,
    /// `account|permission set`: what is opened, as one name.
    pub resource: String,
}

/// An inline policy on an IAM user or role of the bot's own account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwsIamPolicy {
    /// Who gets the policy.
    pub on: IamPrincipal,
    /// The policy document, minified; each of its statements gets the grant's end as a condition.
    pub policy: String,
    /// What is opened, as one name.
    pub resource: String,
}

/// Somebody or something that IAM policies are attached to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IamPrincipal {
    /// A user, by name.
    User(String),
    /// A role, by name.
    Role(String),
}

/// A membership in an IAM group. AWS does not end it by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwsIamGroup {
    /// The user's name.
    pub user: String,
    /// The group's name.
    pub group: String,
    /// What is opened, as one name.
    pub resource: String,
}

/// A role at a scope in Azure. Azure ends it by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AzureRole {
    /// `/subscriptions/…`, a resource group or resource in it, or a management group.
    pub scope: String,
    /// The id of the role, in small letters, without the path in front of it.
    pub role_definition_id: String,
    /// Whose it is, when it is not for the person who asks: the object id of a service principal, for pipelines.
    pub holder_object_id: Option<String>,
    /// `scope|role`: what is opened, as one name.
    pub resource: String,
}

/// A role in the Entra directory. Azure ends it by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntraRole {
    /// The id of the role, in small letters.
    pub role_definition_id: String,
    /// `/` for the whole directory, or the administrative unit or object that it is limited to.
    pub directory_scope: String,
    /// Whose it is, when it is not for the person who asks.
    pub holder_object_id: Option<String>,
    /// `directory scope|role`: what is opened, as one name.
    pub resource: String,
}

/// A membership in an Entra group, or its ownership. Azure ends it by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntraGroup {
    /// The group's object id, in small letters.
    pub group_id: String,
    /// As what.
    pub access: GroupAccess,
    /// Whose it is, when it is not for the person who asks.
    pub holder_object_id: Option<String>,
    /// `group|access`: what is opened, as one name.
    pub resource: String,
}

/// As what somebody belongs to an Entra group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GroupAccess {
    /// Has what the group has.
    #[default]
    Member,
    /// Decides who has it.
    Owner,
}

/// What happens to running sessions when a grant ends before its time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EarlyEnd {
    /// A policy on the role denies them everything, for this grant alone.
    #[default]
    DenyPolicy,
    /// They run on until the grant's planned end, when their own session policy stops them.
    None,
}

/// A target of the demo cloud.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Demo {
    /// What is opened: the name of the role, unless the configuration says something else.
    pub name: String,
    /// Which cloud it plays.
    #[serde(default)]
    pub cloud: DemoCloud,
    /// Whether credentials are claimed, rather than something existing in the cloud.
    #[serde(default)]
    pub sessions: bool,
}

/// A cloud that is only played.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DemoCloud {
    /// It plays AWS.
    #[default]
    Aws,
    /// It plays Azure.
    Azure,
}

/// Where a secret is found; never the secret itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecretRef {
    /// In this environment variable.
    Env(String),
    /// In this file, with white space around it cut off.
    File(PathBuf),
}

/// Which room of `provider` a target belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProviderName {
    /// AWS Security Token Service.
    AwsSts,
    /// AWS IAM Identity Center.
    AwsIdentityCenter,
    /// AWS Identity and Access Management.
    AwsIam,
    /// Privileged Identity Management for Azure resources.
    AzureRole,
    /// Privileged Identity Management for roles in the Entra directory.
    EntraRole,
    /// Privileged Identity Management for groups.
    EntraGroup,
    /// The cloud of the playground.
    Demo,
}

impl ProviderName {
    /// The name as the configuration, the store and people write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AwsSts => "aws-sts",
            Self::AwsIdentityCenter => "aws-identity-center",
            Self::AwsIam => "aws-iam",
            Self::AzureRole => "azure-role",
            Self::EntraRole => "entra-role",
            Self::EntraGroup => "entra-group",
            Self::Demo => "demo",
        }
    }

    /// Reads a name back.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [
            Self::AwsSts,
            Self::AwsIdentityCenter,
            Self::AwsIam,
            Self::AzureRole,
            Self::EntraRole,
            Self::EntraGroup,
            Self::Demo,
        ]
        .into_iter()
        .find(|provider| provider.as_str() == name)
    }
}

/// How a target's access comes to be and to an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nature {
    /// Something exists in the cloud while the grant lives; grants on one access key share it.
    Assignment,
    /// Something exists in the cloud while the grant lives, for that grant alone.
    PerGrant,
    /// Nothing exists until credentials are claimed; each grant has sessions of its own.
    Session,
}

impl Target {
    /// Who opens and closes it.
    #[must_use]
    pub fn provider(&self) -> ProviderName {
        match self {
            Self::AwsSts(_) => ProviderName::AwsSts,
            Self::AwsIdentityCenter(_) => ProviderName::AwsIdentityCenter,
            Self::AwsIamPolicy(_) | Self::AwsIamGroup(_) => ProviderName::AwsIam,
            Self::AzureRole(_) => ProviderName::AzureRole,
            Self::EntraRole(_) => ProviderName::EntraRole,
            Self::EntraGroup(_) => ProviderName::EntraGroup,
            Self::Demo(_) => ProviderName::Demo,
        }
    }

    /// Whether credentials are claimed or an assignment exists.
    #[must_use]
    pub fn nature(&self) -> Nature {
        match self {
            Self::AwsSts(_) => Nature::Session,
            Self::Demo(demo) if demo.sessions => Nature::Session,
            Self::AwsIdentityCenter(_)
            | Self::AwsIamGroup(_)
            | Self::AzureRole(_)
            | Self::EntraRole(_)
            | Self::EntraGroup(_)
            | Self::Demo(_) => Nature::Assignment,
            // One policy a grant: overlapping grants of the same role do not share it.
            Self::AwsIamPolicy(_) => Nature::PerGrant,
        }
    }

    /// Whether the cloud has to be asked about it before anybody is asked to approve: whether it knows the person, and
    /// what an organisational unit stands for.
    #[must_use]
    pub fn needs_resolving(&self) -> bool {
        match self {
            Self::AwsIdentityCenter(_)
            | Self::AwsIamPolicy(_)
            | Self::AwsIamGroup(_)
            | Self::AzureRole(_)
            | Self::EntraRole(_)
            | Self::EntraGroup(_) => true,
            Self::AwsSts(_) | Self::Demo(_) => false,
        }
    }

    /// Whether it stands for several things that only the cloud can name.
    #[must_use]
    pub fn stands_for_several(&self) -> bool {
        match self {
            Self::AwsIdentityCenter(assignment) => assignment.account.starts_with("ou-"),
            Self::AwsSts(_)
            | Self::AwsIamPolicy(_)
            | Self::AwsIamGroup(_)
            | Self::AzureRole(_)
            | Self::EntraRole(_)
            | Self::EntraGroup(_)
            | Self::Demo(_) => false,
        }
    }

    /// Whether it is given through Azure's Privileged Identity Management, whose rules hold for it then.
    #[must_use]
    pub fn is_in_azure(&self) -> bool {
        match self {
            Self::AzureRole(_) | Self::EntraRole(_) | Self::EntraGroup(_) => true,
            Self::AwsSts(_)
            | Self::AwsIdentityCenter(_)
            | Self::AwsIamPolicy(_)
            | Self::AwsIamGroup(_)
            | Self::Demo(_) => false,
        }
    }

    /// What is opened, as the cloud names it.
    #[must_use]
    pub fn resource(&self) -> &str {
        match self {
            Self::AwsSts(sts) => &sts.role_arn,
            Self::AwsIdentityCenter(assignment) => &assignment.resource,
            Self::AwsIamPolicy(policy) => &policy.resource,
            Self::AwsIamGroup(membership) => &membership.resource,
            Self::AzureRole(role) => &role.resource,
            Self::EntraRole(role) => &role.resource,
            Self::EntraGroup(group) => &group.resource,
            Self::Demo(demo) => &demo.name,
        }
    }
}
