//! In whose name, and in which account, policies and memberships in IAM are written.
//!
//! IAM changes only the account of the caller. A role of the same name in the wrong account would take a deny and
//! nothing would be cut off, so for a role that is named by its ARN the account is made sure of first.

use std::collections::BTreeMap;

use aws_config::{Region, SdkConfig, sts::AssumeRoleProvider};
use aws_sdk_iam::Client;
use tokio::sync::{Mutex, OnceCell};

use super::{SetUpError, Settings, Tuning, arn::RoleArn, call, error::Operation};
use crate::provider::{ErrorKind, ProviderError};

/// Gives IAM clients for the account a role is in.
pub(super) struct Revoker {
    config: SdkConfig,
    iam: aws_sdk_iam::Config,
    sts: aws_sdk_sts::Client,
    role: Option<RoleArn>,
    checks_account: bool,
    own_account: OnceCell<String>,
    by_account: Mutex<BTreeMap<String, Client>>,
}

impl Revoker {
    /// With `revoker_role_arn`, the role to assume for it; without it the bot acts as itself, in its own account.
    pub fn new(config: SdkConfig, settings: &Settings, tuning: &Tuning) -> Result<Self, SetUpError> {
        let role = match &settings.revoker_role_arn {
            Some(arn) => Some(RoleArn::parse(arn).ok_or_else(|| SetUpError::RevokerRole(arn.clone()))?),
            None => None,
        };
        Ok(Self {
            iam: aws_sdk_iam::Config::new(&config),
            sts: aws_sdk_sts::Client::new(&config),
            config,
            role,
            checks_account: tuning.checks_account.unwrap_or(settings.endpoint_url.is_none()),
            own_account: OnceCell::new(),
            by_account: Mutex::default(),
        })
    }

    /// A client for users, groups and roles that are named without an account: those beside the revoker role, or in the
    /// bot's own account when there is none.
    pub async fn client(&self) -> Client {
        match &self.role {
            Some(revoker) => self.assuming(revoker).await,
            None => Client::from_conf(self.iam.clone()),
        }
    }

    /// A client that changes roles in the account of `target`.
    pub async fn client_for(&self, target: &RoleArn) -> Result<Client, ProviderError> {
        match &self.role {
            Some(revoker) => Ok(self.assuming(&revoker.in_account(&target.account)).await),
            None => self.as_itself(target).await,
        }
    }

    /// One client an account, so that the revoker's own session is opened once and kept while it lasts.
    async fn assuming(&self, revoker: &RoleArn) -> Client {
        let mut by_account = self.by_account.lock().await;
        if let Some(client) = by_account.get(&revoker.account) {
            return client.clone();
        }
        let mut provider = AssumeRoleProvider::builder(revoker.to_string()).session_name("jit-revoker");
        if let Some(region) = self.config.region() {
            provider = provider.region(Region::clone(region));
        }
        let provider = provider.configure(&self.config).build().await;
        let client = Client::from_conf(self.iam.to_builder().credentials_provider(provider).build());
        by_account.insert(revoker.account.clone(), client.clone());
        client
    }

    async fn as_itself(&self, target: &RoleArn) -> Result<Client, ProviderError> {
        if self.checks_account {
            let own = self.own_account.get_or_try_init(|| self.ask_own_account(target)).await?;
            if *own != target.account {
                return Err(ProviderError {
                    kind: ErrorKind::Denied,
                    message: format!(
                        "running sessions of {target} cannot be cut off from account {own}, where the bot lives: set \
                         aws.revoker_role_arn to a role that the bot may assume in account {}; sessions stop at the \
                         planned end in any case",
                        target.account
                    ),
                });
            }
        }
        Ok(Client::from_conf(self.iam.clone()))
    }

    async fn ask_own_account(&self, target: &RoleArn) -> Result<String, ProviderError> {
        let identity = call(Operation::GetCallerIdentity, target, self.sts.get_caller_identity().send()).await?;
        Ok(identity.account().unwrap_or_default().to_owned())
    }
}
