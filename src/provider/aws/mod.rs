//! AWS: sessions of a role, minted when they are claimed (STS), and cut off before their time by a policy on the role
//! (IAM). What exists in IAM itself while a grant lives is in `iam`.
//!
//! A session ends by itself at the grant's end, since its own policy says so; that does not need the bot. Nothing here is
//! kept between calls but connections: what is to be done follows from the desire and the moment alone.

use std::{
    error::Error,
    sync::Arc,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use aws_config::{AppName, BehaviorVersion, Region, retry::RetryConfig, timeout::TimeoutConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_sts::error::ProvideErrorMetadata;
use aws_smithy_async::time::TimeSource;
use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use jiff::Timestamp;
use secrecy::SecretString;
use url::Url;

use self::{
    arn::RoleArn,
    console::Console,
    ending::{End, Step},
    error::{Operation, explain},
    fault::Fault,
    identity::deny_policy_name,
    identity_center::Quota,
    revoker::Revoker,
    sts::{Minted, Order, parse_role, refused},
};
use super::{Credentials, Desired, Observed, Progress, Provider, ProviderError, Receipt, Secrets, Work};
use crate::{
    ambient::{Clock, SystemClock},
    domain::catalog::{AwsSts as RoleTarget, Target},
};

mod arn;
mod console;
mod deny_policy;
mod ending;
mod error;
mod failure;
mod fault;
mod iam;
mod identity;
pub mod identity_center;
mod revoker;
mod session_policy;
mod sts;
mod wire;

pub use iam::AwsIam;

/// Under which key a receipt names the deny policy that is on the role.
const DENY_POLICY: &str = "deny_policy";

/// Where AWS is, and as whom to act there.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Which region's STS to use; consoles open there too.
    pub region: String,
    /// An emulator in place of AWS.
    pub endpoint_url: Option<Url>,
    /// In place of the partition's sign-in service for browsers.
    pub federation_url: Option<Url>,
    /// The role that writes deny policies; without it the bot does so as itself. For a target in another account, the
    /// role of the same path and name there is meant.
    pub revoker_role_arn: Option<String>,
    /// Our own `public_url`: where AWS sends people whose console session is over.
    pub issuer: Url,
}

/// How patient to be. The SDK itself sets no limit on how long a call may take.
#[derive(Debug, Clone)]
pub struct Tuning {
    /// For a connection.
    pub connect_timeout: Duration,
    /// For one attempt at a call.
    pub attempt_timeout: Duration,
    /// For a call with all its attempts, and for an exchange with the sign-in service.
    pub operation_timeout: Duration,
    /// How often a call is tried before the failure is told.
    pub attempts: u32,
    /// How long to wait before the second attempt; later waits double.
    pub first_backoff: Duration,
    /// The bot's own credentials; without them AWS' usual places are searched.
    pub credentials: Option<SharedCredentialsProvider>,
    /// Whether to make sure of the account before a deny policy is written as the bot itself. An emulator's accounts are
    /// made up, so by default this is done only without `endpoint_url`.
    pub checks_account: Option<bool>,
    /// What Identity Center allows, used by all that this process does.
    pub quota: Arc<Quota>,
    /// Tells the SDK the time: when calls are signed, and when the bot's own sessions are over.
    pub clock: Arc<dyn Clock>,
}

/// The bot's clock as the SDK reads it.
#[derive(Debug)]
struct BotTime(Arc<dyn Clock>);

impl TimeSource for BotTime {
    fn now(&self) -> SystemTime {
        self.0.now().into()
    }
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(3),
            attempt_timeout: Duration::from_secs(5),
            operation_timeout: Duration::from_secs(15),
            attempts: 3,
            first_backoff: Duration::from_millis(500),
            credentials: None,
            checks_account: None,
            quota: Arc::default(),
            clock: Arc::new(SystemClock),
        }
    }
}

impl Tuning {
    /// For an emulator, which takes anybody for somebody. AWS itself never hears of these credentials.
    #[must_use]
    pub fn for_emulator() -> Self {
        let anybody = aws_credential_types::Credentials::new(
            "AKIAPLAYGROUND000000",
            "emulators-take-anything",
            None,
            None,
            "playground",
        );
        Self { credentials: Some(SharedCredentialsProvider::new(anybody)), ..Self::default() }
    }
}

/// Why the provider could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetUpError {
    /// The revoker role is none.
    #[error("aws.revoker_role_arn is not the ARN of an IAM role: {0}")]
    RevokerRole(String),
    /// There is no way to speak TLS.
    #[error("the client for AWS' sign-in service could not be made")]
    Http(#[source] reqwest::Error),
}

/// Sessions of AWS roles.
pub struct AwsSts {
    sts: aws_sdk_sts::Client,
    revoker: Revoker,
    console: Console,
    secrets: Arc<dyn Secrets>,
    region: String,
}

impl AwsSts {
    /// Sets up the clients. Nothing is called yet: the bot's own credentials are looked for with the first call.
    ///
    /// # Errors
    /// When the settings cannot be used.
    pub async fn connect(settings: Settings, secrets: Arc<dyn Secrets>, tuning: Tuning) -> Result<Self, SetUpError> {
        let config = load(&settings.region, settings.endpoint_url.as_ref(), &tuning).await;
        let sts = aws_sdk_sts::Client::new(&config);
        let revoker = Revoker::new(config, &settings, &tuning)?;
        let console = Console::new(settings.federation_url, settings.issuer, tuning.operation_timeout);
        Ok(Self { sts, revoker, console: console.map_err(SetUpError::Http)?, secrets, region: settings.region })
    }

    /// Mints a session: what both a trial and a claim do.
    async fn mint(&self, work: &Work, until: Timestamp) -> Result<Minted, ProviderError> {
        let order = Order::of(work, target_of(work)?, until, &*self.secrets)?;
        order.send(&self.sts, &self.region).await
    }

    async fn end(&self, work: &Work, end: &End) -> Result<Progress, ProviderError> {
        let target = target_of(work)?;
        let mut receipt = work.receipt.clone();
        let tidy_at = match ending::step(target.early_end, end, work.now) {
            Step::Nothing => None,
            Step::Wait { at } => {
                return Ok(Progress::LookAgain { at, because: run_on(at), receipt: Receipt::default() });
            }
            Step::Leave { tidy_at } => Some(tidy_at),
            Step::CutOff { tidy_at } => {
                let role = parse_role(target)?;
                deny_policy::put(&self.revoker.client_for(&role).await?, &role, work.grant).await?;
                receipt.0.insert(DENY_POLICY.to_owned(), deny_policy_name(work.grant));
                Some(tidy_at)
            }
            Step::Tidy => {
                let role = parse_role(target)?;
                deny_policy::remove(&self.revoker.client_for(&role).await?, &role, work.grant).await?;
                receipt.0.remove(DENY_POLICY);
                None
            }
        };
        Ok(Progress::Done { receipt, tidy_at })
    }
}

#[async_trait]
impl Provider for AwsSts {
    /// AWS keeps no list of sessions.
    async fn observe(&self, _work: &Work) -> Result<Observed, ProviderError> {
        Ok(Observed::CannotTell)
    }

    /// `Present` is a trial: a session is minted and its credentials are dropped at once.
    async fn apply(&self, work: &Work, desired: &Desired) -> Result<Progress, ProviderError> {
        match *desired {
            Desired::Present { until } => {
                let Minted { receipt, credentials: _ } = self.mint(work, until).await?;
                Ok(Progress::Done { receipt, tidy_at: None })
            }
            Desired::Absent { planned_end, sessions_until, early } => {
                self.end(work, &End { planned: planned_end, sessions_until, early }).await
            }
        }
    }

    async fn claim(&self, work: &Work, until: Timestamp) -> Result<Credentials, ProviderError> {
        Ok(self.mint(work, until).await?.credentials)
    }

    async fn console(&self, credentials: &Credentials) -> Result<SecretString, ProviderError> {
        self.console.link(credentials).await
    }
}

/// What every client needs.
async fn load(region: &str, endpoint_url: Option<&Url>, tuning: &Tuning) -> aws_config::SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(tuning.connect_timeout)
        .operation_attempt_timeout(tuning.attempt_timeout)
        .operation_timeout(tuning.operation_timeout)
        .build();
    let retries = RetryConfig::standard().with_max_attempts(tuning.attempts).with_initial_backoff(tuning.first_backoff);
    // pinned: a newer version may wait and retry in other ways
    let version = BehaviorVersion::v2026_01_12();
    let mut loader = aws_config::defaults(version)
        .region(Region::new(region.to_owned()))
        .time_source(BotTime(tuning.clock.clone()))
        .timeout_config(timeouts)
        .retry_config(retries);
    if let Some(client) = wire::counted_client(version) {
        loader = loader.http_client(client);
    }
    if let Ok(name) = AppName::new("jit") {
        loader = loader.app_name(name);
    }
    if let Some(url) = endpoint_url {
        loader = loader.endpoint_url(url.as_str().trim_end_matches('/'));
    }
    if let Some(credentials) = &tuning.credentials {
        loader = loader.credentials_provider(credentials.clone());
    }
    loader.load().await
}

fn target_of(work: &Work) -> Result<&RoleTarget, ProviderError> {
    match &work.target {
        Target::AwsSts(target) => Ok(target),
        Target::AwsIdentityCenter(_)
        | Target::AwsIamPolicy(_)
        | Target::AwsIamGroup(_)
        | Target::AzureRole(_)
        | Target::EntraRole(_)
        | Target::EntraGroup(_)
        | Target::Demo(_) => Err(refused("a target of another kind was taken to STS: report this")),
    }
}

fn run_on(at: Timestamp) -> String {
    let at = at.strftime("%Y-%m-%d %H:%M:%S UTC");
    format!("sessions that were claimed run on until {at}: nothing cuts them off before")
}

/// Makes a call on a role, counts it and explains its failure.
async fn call<O, E>(
    operation: Operation,
    role: &RoleArn,
    request: impl Future<Output = Result<O, SdkError<E, HttpResponse>>>,
) -> Result<O, ProviderError>
where
    E: Error + ProvideErrorMetadata + 'static,
{
    attempt(operation.name(), request).await.map_err(|fault| explain(operation, role, &fault))
}

/// Makes a call and counts it, with all its attempts as one.
async fn attempt<O, E>(
    operation: &'static str,
    request: impl Future<Output = Result<O, SdkError<E, HttpResponse>>>,
) -> Result<O, Fault>
where
    E: Error + ProvideErrorMetadata + 'static,
{
    let result = request.await.map_err(|error| Fault::of(&error));
    let outcome = result.as_ref().map_or_else(Fault::outcome, |_| "ok".to_owned());
    metrics::counter!("jit_aws_calls_total", "operation" => operation, "outcome" => outcome).increment(1);
    result
}
