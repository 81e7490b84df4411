//! The checked configuration: what the rest of the program sees.
//!
//! Every value has been parsed and every reference resolved, so nobody needs to check again. Secrets are wrapped: to
//! print a `Config` shows none.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    num::NonZeroU32,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use secrecy::SecretString;
use url::Url;

use crate::domain::{
    catalog::Catalog,
    ids::{ChannelId, UserGroupId},
};

/// Everything that a configuration says.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the bot is found.
    pub server: Server,
    /// The store's URL, `sqlite:…`; a relative path is relative to the working directory.
    pub store_url: String,
    /// How to talk to Slack.
    pub slack: Slack,
    /// How to talk to AWS, when some role needs it.
    pub aws: Option<Aws>,
    /// How to talk to Azure, when some role needs it.
    pub azure: Option<Azure>,
    /// Who may use the API, and how.
    pub api: Api,
    /// When to look whether the clouds have what the grants say.
    pub drift: Drift,
    /// The roles and limits.
    pub catalog: Arc<Catalog>,
    /// Every Slack user group that a role refers to, so that their members can be asked for before they are needed.
    pub user_groups: BTreeSet<UserGroupId>,
    /// Every file that was read, for whoever watches them.
    pub files: Vec<PathBuf>,
}

/// `[server]`
#[derive(Debug, Clone)]
pub struct Server {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where links in Slack lead.
    pub public_url: Url,
}

impl Server {
    /// A link to a path below the public URL, whether that ends with a slash or not.
    #[must_use]
    pub fn link(&self, path: &str) -> String {
        under(&self.public_url, path)
    }
}

/// `[slack]`
#[derive(Debug, Clone)]
pub struct Slack {
    /// How Slack's requests arrive.
    pub mode: SlackMode,
    /// What Slack signs its requests with.
    pub signing_secret: SecretString,
    /// What the bot calls the Web API with.
    pub bot_token: SecretString,
    /// The Web API, `https://slack.com/api` unless said otherwise.
    pub api_url: Url,
    /// Whoever comes from elsewhere is refused.
    pub team_ids: BTreeSet<String>,
    /// Where cards go unless a role says otherwise.
    pub requests_channel: ChannelId,
    /// Where the audit feed goes.
    pub audit_channel: ChannelId,
    /// Where alarms go.
    pub alerts_channel: ChannelId,
}

impl Slack {
    /// The URL of a Web API method such as `chat.postMessage`.
    #[must_use]
    pub fn method(&self, name: &str) -> String {
        under(&self.api_url, name)
    }
}

/// How Slack's requests arrive.
#[derive(Debug, Clone)]
pub enum SlackMode {
    /// Slack calls the bot.
    Http,
    /// The bot calls Slack and keeps the line open.
    Socket {
        /// What the line is opened with.
        app_token: SecretString,
    },
}

/// `[aws]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aws {
    /// The region whose endpoints are used.
    pub region: String,
    /// Another place than AWS itself, for tests.
    pub endpoint_url: Option<Url>,
    /// The console's sign-in endpoint; without it the role's partition decides.
    pub federation_url: Option<Url>,
    /// The role that writes revocation policies; without it the bot does so as itself.
    pub revoker_role_arn: Option<String>,
    /// Identity Center, when it is not to be looked up.
    pub identity_center: Option<IdentityCenter>,
}

/// `identity_center` of `[aws]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityCenter {
    /// `arn:aws:sso:::instance/ssoins-…`
    pub instance_arn: String,
    /// `d-…`
    pub identity_store_id: String,
}

/// `[azure]`
#[derive(Debug, Clone)]
pub struct Azure {
    /// The Entra tenant.
    pub tenant_id: String,
    /// Who the bot is there.
    pub credential: AzureCredential,
    /// Azure Resource Manager.
    pub arm_url: Url,
    /// Microsoft Graph.
    pub graph_url: Url,
    /// Where tokens come from.
    pub authority_host: Url,
    /// Whether people may be guests in the tenant.
    pub guests: bool,
    /// The roles in the directory that may be opened, by their ids in small letters.
    pub entra_roles: BTreeSet<String>,
}

/// Who the bot is in Azure.
#[derive(Debug, Clone)]
pub enum AzureCredential {
    /// An app registration with a secret.
    ClientSecret {
        /// The app's id.
        client_id: String,
        /// Its secret.
        client_secret: SecretString,
    },
    /// An app registration with a certificate.
    ClientCertificate {
        /// The app's id.
        client_id: String,
        /// A PKCS#12 file.
        certificate: PathBuf,
        /// What opens the file.
        password: Option<SecretString>,
    },
    /// A federated identity; what is absent is in the environment.
    WorkloadIdentity {
        /// The app's id.
        client_id: Option<String>,
    },
    /// The identity of the machine the bot runs on.
    ManagedIdentity {
        /// Which one, when the machine has several.
        client_id: Option<String>,
    },
    /// Whoever is logged in with `az`; for trying things out.
    AzureCli,
}

/// `[api]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Api {
    /// For whom pipelines' proofs must be made; the public URL when it is not said.
    pub audience: Option<String>,
    /// How long people stay signed in.
    pub session: Duration,
    /// How many calls a minute one address may make before it has proven who it is.
    pub strangers_per_minute: NonZeroU32,
    /// Whether whatever stands in front of the bot tells callers' addresses, in the last entry of `X-Forwarded-For`.
    pub behind_proxy: bool,
}

impl Default for Api {
    fn default() -> Self {
        Self {
            audience: None,
            session: Duration::from_hours(12),
            strangers_per_minute: const { NonZeroU32::new(30).expect("not zero") },
            behind_proxy: false,
        }
    }
}

/// `[drift]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drift {
    /// How long after one sweep of the clouds the next one begins.
    pub every: Duration,
}

impl Default for Drift {
    fn default() -> Self {
        Self { every: Duration::from_mins(15) }
    }
}

fn under(base: &Url, path: &str) -> String {
    format!("{}/{}", base.as_str().trim_end_matches('/'), path.trim_start_matches('/'))
}

impl Config {
    /// For whom pipelines' proofs must be made.
    #[must_use]
    pub fn audience(&self) -> &str {
        self.api.audience.as_deref().unwrap_or_else(|| self.server.public_url.as_str().trim_end_matches('/'))
    }

    /// The file that was named at the start.
    #[must_use]
    pub fn main_file(&self) -> &Path {
        self.files.first().map_or(Path::new(""), PathBuf::as_path)
    }
}
