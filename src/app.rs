//! Wires the rooms together: from a checked configuration to something that answers and works.

use std::{path::PathBuf, sync::Arc};

use arc_swap::ArcSwap;
use futures::future::BoxFuture;
use jiff::SignedDuration;
use metrics_exporter_prometheus::PrometheusHandle;
use secrecy::SecretString;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    ambient::{Clock, Entropy},
    config::{self, AzureCredential, Config, Environment, Problems},
    domain::{
        catalog::{Catalog, ProviderName, SecretRef, Target},
        ids::{PLAYGROUND_TEAM, RoleName},
        job::Job,
    },
    identity::Verifier,
    job::{Context, Pacer, Tools, worker::Worker},
    provider::{
        Provider, Providers, Secrets,
        aws::{
            self, AwsIam, AwsSts,
            identity_center::{self, IdentityCenter},
        },
        azure,
        demo::DemoCloud,
    },
    slack::client::SlackApi,
    store::{Store, StoreError},
    usecase::{Env, policy_change},
};

/// The running bot, without its listener.
#[derive(Debug)]
pub struct App {
    /// The configuration in force.
    pub config: ArcSwap<Config>,
    /// What handlers and jobs work with.
    pub ctx: Arc<Context>,
    /// Private answers that are on their way to Slack.
    pub answers: TaskTracker,
    /// What has been counted so far.
    pub metrics: PrometheusHandle,
    /// What pipelines are verified with.
    pub identity: Verifier,
    /// Cancelled when the bot is asked to end: whoever waits for news is answered then.
    pub closing: CancellationToken,
    wiring: Wiring,
}

/// What the program takes from its surroundings, so that tests and the playground can put something else there.
#[derive(Clone)]
pub struct Wiring {
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Where ids and tokens come from.
    pub entropy: Arc<dyn Entropy>,
    /// Where secrets are looked up.
    pub environment: Arc<dyn Environment + Send + Sync>,
    /// How patient to be with AWS, and as whom to speak to it. The time it takes from `clock`.
    pub aws: aws::Tuning,
    /// How to reach Azure, and as whom, when not as the configuration says.
    pub azure: azure::Tuning,
    /// The cloud for `demo` targets; without one they are refused.
    pub demo: Option<DemoCloud>,
    /// What counts.
    pub metrics: PrometheusHandle,
}

impl std::fmt::Debug for Wiring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wiring").finish_non_exhaustive()
    }
}

/// Why the bot does not start, or does not take a changed configuration.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration has problems.
    #[error("{}", .0.render(false))]
    Config(Problems),
    /// A role opens something that only the playground has.
    #[error(
        "role `{role}` has a `demo` target, which exists in the playground alone. \
         Give it a target in a real cloud; `jit playground` shows how such roles work."
    )]
    DemoTarget {
        /// Which role.
        role: RoleName,
    },
    /// The workspace is the one that only the playground has.
    #[error(
        "`slack.team_ids` names {PLAYGROUND_TEAM}, the workspace of the playground, which anybody on this machine can \
         speak for. Name your own; `jit playground --config FILE` plays with a file like this one."
    )]
    PlaygroundTeam,
    /// What cannot change while the bot runs.
    #[error("`{key}` cannot change while jit runs. Restart it to let the change take effect.")]
    NeedsRestart {
        /// Which key.
        key: &'static str,
    },
    /// The store cannot be opened.
    #[error("the store at `{url}` cannot be used: {error}")]
    Store {
        /// Where it was looked for.
        url: String,
        /// What is wrong with it.
        error: StoreError,
    },
    /// Something the machine should have is missing.
    #[error("{0}")]
    Machine(String),
}

impl App {
    /// Opens the store, takes back what an earlier life of this process had begun, and gets ready to work.
    ///
    /// # Errors
    /// When something stands in the way; nothing has been answered yet then.
    pub async fn start(config: Config, wiring: Wiring) -> Result<Arc<Self>, StartError> {
        let tools = Box::pin(tools(&config, &wiring)).await?;
        let identity = Verifier::new()
            .map_err(|error| StartError::Machine(format!("no root certificates to reach issuers with: {error}")))?;
        let url = config.store_url.clone();
        let store = Store::open(&url).await.map_err(|error| StartError::Store { url: url.clone(), error })?;
        let app = Self {
            config: ArcSwap::from_pointee(config),
            ctx: Arc::new(context(store, tools, &wiring)),
            answers: TaskTracker::new(),
            metrics: wiring.metrics.clone(),
            identity,
            closing: CancellationToken::new(),
            wiring,
        };
        app.recover().await.map_err(|error| StartError::Store { url, error })?;
        Ok(Arc::new(app))
    }

    /// What a start owes: leases of an earlier life, accesses that were under way, the policy on the trail.
    async fn recover(&self) -> Result<(), StoreError> {
        let (env, audit_channel) = (self.ctx.env(), self.config.load().slack.audit_channel.clone());
        let now = env.now;
        self.ctx
            .store
            .write(move |tx| {
                Box::pin(async move {
                    tx.release_all_leases().await?;
                    tx.forget_sweeps().await?;
                    tx.grace_for_all(now).await?;
                    for key in tx.unsettled_keys().await? {
                        tx.enqueue(&Job::ReconcileAccess(key), now).await?;
                    }
                    tx.enqueue(&Job::Sweep, now).await?;
                    tx.enqueue(&Job::Prune, now).await?;
                    policy_change::loaded(tx, &env, &audit_channel).await
                })
            })
            .await
    }

    /// The worker that does what is owed.
    #[must_use]
    pub fn worker(&self) -> Worker {
        Worker::new(self.ctx.clone())
    }

    /// Reads the configuration again. If anything is wrong with it the old one stays in force as a whole, which is
    /// noted on the trail.
    ///
    /// # Errors
    /// With what is wrong.
    pub async fn reload(&self) -> Result<(), StartError> {
        match self.try_reload().await {
            Ok(()) => Ok(()),
            Err(error) => {
                let problems = if let StartError::Config(problems) = &error { problems.list().len() } else { 1 };
                let env = self.ctx.env();
                let noted =
                    self.write(move |tx| Box::pin(async move { policy_change::refused(tx, &env, problems).await }));
                if let Err(store) = noted.await {
                    tracing::error!(error = %store, "a refused configuration could not be put on the trail");
                }
                Err(error)
            }
        }
    }

    async fn try_reload(&self) -> Result<(), StartError> {
        let old = self.config.load_full();
        let path = main_file(&old);
        let config = config::load(&path, &*self.wiring.environment).map_err(StartError::Config)?;
        for (changed, key) in [
            (config.server.listen != old.server.listen, "server.listen"),
            (config.store_url != old.store_url, "store.url"),
        ] {
            if changed {
                return Err(StartError::NeedsRestart { key });
            }
        }
        let tools = Box::pin(tools(&config, &self.wiring)).await?;
        let audit_channel = config.slack.audit_channel.clone();
        let env = Env { catalog: config.catalog.clone(), ..self.ctx.env() };
        let sweep_at = env.now + tools.sweep_every;
        self.write(move |tx| {
            Box::pin(async move {
                tx.enqueue(&Job::Sweep, sweep_at).await?;
                policy_change::loaded(tx, &env, &audit_channel).await
            })
        })
        .await
        .map_err(|error| StartError::Store { url: old.store_url.clone(), error })?;
        self.ctx.tools.store(Arc::new(tools));
        self.config.store(Arc::new(config));
        Ok(())
    }

    async fn write<T: Send + 'static>(
        &self,
        work: impl for<'t> FnOnce(&'t mut crate::store::Tx) -> BoxFuture<'t, Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.ctx.store.write(work).await
    }

    /// Waits for answers that are on their way and for what is being written, then lets go of the store.
    pub async fn finish(&self) {
        self.answers.close();
        if tokio::time::timeout(std::time::Duration::from_secs(5), self.answers.wait()).await.is_err() {
            tracing::warn!("some private answers did not reach Slack in time");
        }
        self.ctx.store.close().await;
    }
}

/// What a command works with that changes something beside a running bot, or without one. Nothing is recovered and
/// nothing put on the trail: what this process did not begin belongs to the bot.
///
/// # Errors
/// When something stands in the way.
pub async fn beside(config: &Config, wiring: &Wiring) -> Result<Arc<Context>, StartError> {
    let tools = Box::pin(tools(config, wiring)).await?;
    let url = config.store_url.clone();
    let store = Store::open_beside(&url).await.map_err(|error| StartError::Store { url, error })?;
    Ok(Arc::new(context(store, tools, wiring)))
}

fn context(store: Store, tools: Tools, wiring: &Wiring) -> Context {
    Context {
        store,
        clock: wiring.clock.clone(),
        entropy: wiring.entropy.clone(),
        tools: ArcSwap::from_pointee(tools),
        pacer: Pacer::default(),
    }
}

fn main_file(config: &Config) -> PathBuf {
    config.main_file().to_owned()
}

/// What follows from the configuration, for commands that only look. Nothing is called yet.
///
/// # Errors
/// When something that the configuration asks for cannot be had.
pub async fn tools(config: &Config, wiring: &Wiring) -> Result<Tools, StartError> {
    if wiring.demo.is_none() && config.slack.team_ids.contains(PLAYGROUND_TEAM) {
        return Err(StartError::PlaygroundTeam);
    }
    let slack = SlackApi::new(&config.slack.api_url, &config.slack.bot_token)
        .map_err(|error| StartError::Machine(format!("no root certificates to reach Slack with: {error}")))?;
    let providers = providers(config, wiring).await?;
    let alerts_channel = config.slack.alerts_channel.clone();
    let sweep_every = SignedDuration::try_from(config.drift.every).unwrap_or(SignedDuration::from_mins(15));
    Ok(Tools { catalog: config.catalog.clone(), slack, alerts_channel, providers, sweep_every })
}

async fn providers(config: &Config, wiring: &Wiring) -> Result<Providers, StartError> {
    let mut providers = Providers::new();
    let tuning = aws::Tuning { clock: wiring.clock.clone(), ..wiring.aws.clone() };
    if let Some(settings) = &config.aws {
        let center = identity_center::Settings {
            region: settings.region.clone(),
            endpoint_url: settings.endpoint_url.clone(),
            instance: settings.identity_center.as_ref().map(|it| identity_center::Instance {
                arn: it.instance_arn.clone(),
                store: it.identity_store_id.clone(),
            }),
        };
        let settings = aws::Settings {
            region: settings.region.clone(),
            endpoint_url: settings.endpoint_url.clone(),
            federation_url: settings.federation_url.clone(),
            revoker_role_arn: settings.revoker_role_arn.clone(),
            issuer: config.server.public_url.clone(),
        };
        let secrets = Arc::new(FromEnvironment(wiring.environment.clone()));
        let unusable = |error: aws::SetUpError| StartError::Machine(format!("AWS cannot be used: {error}"));
        let iam = AwsIam::connect(&settings, &tuning).await.map_err(unusable)?;
        let sts = AwsSts::connect(settings, secrets, tuning.clone()).await.map_err(unusable)?;
        providers.insert(ProviderName::AwsIam, Arc::new(iam));
        providers.insert(ProviderName::AwsSts, Arc::new(sts));
        let center = IdentityCenter::connect(center, tuning)
            .await
            .map_err(|error| StartError::Machine(format!("IAM Identity Center cannot be used: {error}")))?;
        providers.insert(ProviderName::AwsIdentityCenter, Arc::new(center));
    }
    if let Some(azure) = azure_of(config, wiring)? {
        let azure: Arc<dyn Provider> = Arc::new(azure);
        for name in [ProviderName::AzureRole, ProviderName::EntraRole, ProviderName::EntraGroup] {
            providers.insert(name, azure.clone());
        }
    }
    match (&wiring.demo, role_with_demo_target(&config.catalog)) {
        (Some(cloud), _) => {
            providers.insert(ProviderName::Demo, Arc::new(cloud.clone()));
        }
        (None, Some(role)) => return Err(StartError::DemoTarget { role }),
        (None, None) => {}
    }
    Ok(providers)
}

/// The way to Azure, when the configuration has one. Nothing is called yet.
///
/// # Errors
/// When the bot's identity lacks something.
pub fn azure_of(config: &Config, wiring: &Wiring) -> Result<Option<azure::Azure>, StartError> {
    let Some(settings) = &config.azure else { return Ok(None) };
    azure::Azure::connect(&azure_settings(settings), &wiring.azure, &wiring.clock, &wiring.entropy)
        .map(Some)
        .map_err(|error| StartError::Machine(format!("Azure cannot be used: {error}")))
}

fn azure_settings(settings: &config::Azure) -> azure::Settings {
    let identity = match settings.credential.clone() {
        AzureCredential::ClientSecret { client_id, client_secret } => {
            azure::Identity::ClientSecret { client_id, secret: client_secret }
        }
        AzureCredential::ClientCertificate { client_id, certificate, password } => {
            azure::Identity::ClientCertificate { client_id, file: certificate, password }
        }
        AzureCredential::WorkloadIdentity { client_id } => azure::Identity::WorkloadIdentity { client_id },
        AzureCredential::ManagedIdentity { client_id } => azure::Identity::ManagedIdentity { client_id },
        AzureCredential::AzureCli => azure::Identity::AzureCli,
    };
    azure::Settings {
        tenant_id: settings.tenant_id.clone(),
        identity,
        arm_url: settings.arm_url.clone(),
        graph_url: settings.graph_url.clone(),
        authority_host: settings.authority_host.clone(),
        guests: settings.guests,
    }
}

fn role_with_demo_target(catalog: &Catalog) -> Option<RoleName> {
    let has_demo = |targets: &[Target]| {
        targets.iter().any(|target| match target {
            Target::Demo(_) => true,
            Target::AwsSts(_)
            | Target::AwsIdentityCenter(_)
            | Target::AwsIamPolicy(_)
            | Target::AwsIamGroup(_)
            | Target::AzureRole(_)
            | Target::EntraRole(_)
            | Target::EntraGroup(_) => false,
        })
    };
    catalog.roles.values().find(|role| has_demo(&role.targets)).map(|role| role.name.clone())
}

/// Reads secrets each time they are used, so that a rotated one counts at once.
struct FromEnvironment(Arc<dyn Environment + Send + Sync>);

impl Secrets for FromEnvironment {
    fn read(&self, place: &SecretRef) -> Result<SecretString, String> {
        config::secret::read(place, &*self.0).map_err(|error| error.to_string())
    }
}
