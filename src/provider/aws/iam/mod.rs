//! IAM: a policy on a user or a role, one for each grant, and memberships in groups.
//!
//! A policy ends by itself, since each thing it allows is allowed until the grant's end only; it is removed all the same.
//! A membership does not end by itself. What was there before the bot came is never taken over and never taken away.
//! Users, roles and groups are named without an account: those of the bot's own account are meant, or of the account of
//! `aws.revoker_role_arn` when that is set.

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;

use super::{SetUpError, Settings, Tuning, load, revoker::Revoker, sts::refused};
use crate::{
    domain::catalog::{AwsIamGroup, AwsIamPolicy, Target},
    provider::{Credentials, Desired, Live, Made, Observed, Progress, Provider, ProviderError, Receipt, Work},
};

mod error;
mod group;
mod inventory;
mod policy;

/// Policies and memberships in IAM.
pub struct AwsIam {
    revoker: Revoker,
}

impl AwsIam {
    /// Sets up the clients. Nothing is called yet.
    ///
    /// # Errors
    /// When the settings cannot be used.
    pub async fn connect(settings: &Settings, tuning: &Tuning) -> Result<Self, SetUpError> {
        let config = load(&settings.region, settings.endpoint_url.as_ref(), tuning).await;
        Ok(Self { revoker: Revoker::new(config, settings, tuning)? })
    }
}

#[async_trait]
impl Provider for AwsIam {
    /// Whoever is to get it exists, may be changed, and does not have it from somebody else.
    async fn resolve(&self, work: &Work) -> Result<Receipt, ProviderError> {
        let iam = self.revoker.client().await;
        match kind(&work.target)? {
            Kind::Policy(target) => policy::resolve(&iam, target, work).await,
            Kind::Group(target) => group::resolve(&iam, target, work).await,
        }
    }

    async fn observe(&self, work: &Work) -> Result<Observed, ProviderError> {
        let iam = self.revoker.client().await;
        match kind(&work.target)? {
            Kind::Policy(target) => policy::observe(&iam, target, work).await,
            Kind::Group(target) => group::observe(&iam, target).await,
        }
    }

    /// One call, which may be repeated: whether an earlier one was done, and nobody knows, makes no difference.
    async fn apply(&self, work: &Work, desired: &Desired) -> Result<Progress, ProviderError> {
        let iam = self.revoker.client().await;
        let receipt = match (kind(&work.target)?, desired) {
            (Kind::Policy(target), Desired::Present { until }) => policy::put(&iam, target, work, *until).await?,
            (Kind::Policy(target), Desired::Absent { .. }) => policy::remove(&iam, target, work).await?,
            (Kind::Group(target), Desired::Present { .. }) => return group::add(&iam, target, work).await,
            (Kind::Group(target), Desired::Absent { .. }) => group::remove(&iam, target, work).await?,
        };
        Ok(Progress::Done { receipt, tidy_at: None })
    }

    fn place(&self, target: &Target) -> String {
        inventory::place(target)
    }

    async fn inventory(&self, target: &Target) -> Result<Vec<Live>, ProviderError> {
        inventory::take(&self.revoker.client().await, target).await
    }

    /// A list of policies has only their names.
    fn looks_closer(&self, target: &Target) -> bool {
        matches!(kind(target), Ok(Kind::Policy(_)))
    }

    /// A policy carries its grant's id in its name. A membership that was there before was never given.
    fn made(&self, target: &Target, receipt: &Receipt) -> Made {
        match kind(target) {
            Ok(Kind::Policy(_)) => Made::Marked,
            Ok(Kind::Group(_)) => group::made(receipt),
            Err(_) => Made::Nothing,
        }
    }

    async fn claim(&self, _work: &Work, _until: Timestamp) -> Result<Credentials, ProviderError> {
        Err(nothing_to_claim())
    }

    async fn console(&self, _credentials: &Credentials) -> Result<SecretString, ProviderError> {
        Err(nothing_to_claim())
    }
}

/// A target as this room knows it.
enum Kind<'a> {
    Policy(&'a AwsIamPolicy),
    Group(&'a AwsIamGroup),
}

fn kind(target: &Target) -> Result<Kind<'_>, ProviderError> {
    match target {
        Target::AwsIamPolicy(target) => Ok(Kind::Policy(target)),
        Target::AwsIamGroup(target) => Ok(Kind::Group(target)),
        Target::AwsSts(_)
        | Target::AwsIdentityCenter(_)
        | Target::AzureRole(_)
        | Target::EntraRole(_)
        | Target::EntraGroup(_)
        | Target::Demo(_) => Err(refused("a target of another kind was taken to IAM: report this")),
    }
}

fn nothing_to_claim() -> ProviderError {
    refused("there are no credentials to claim: the user or role simply has the access")
}
