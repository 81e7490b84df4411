//! A story with Identity Center: the provider, a clock at noon, and the job that calls the one while the other moves on.

use std::{collections::BTreeMap, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use jit::{
    ambient::{Clock, ManualClock, SeededEntropy},
    domain::{
        access::AccessKey,
        catalog::{AwsIdentityCenter as PermissionSet, Target},
        ids::GrantId,
    },
    provider::{
        Cause, Desired, Holder, Progress, Provider, ProviderError, Receipt, Work,
        aws::{
            Tuning,
            identity_center::{IdentityCenter, Settings},
        },
    },
};

use super::{Cloud, REGION, identity_center::unique};

/// Where permission sets are assigned.
pub const MEMBER: &str = "444455556666";

/// A permission set, somebody who wants it, and the provider.
pub struct Story {
    pub clock: ManualClock,
    pub cloud: Cloud,
    pub aws: IdentityCenter,
    pub set: String,
    pub email: String,
    pub user: String,
    pub cut_off: bool,
    pub entropy: SeededEntropy,
}

/// One access, as the store keeps it.
#[derive(Clone)]
pub struct Access {
    pub work: Work,
    /// What people were told meanwhile.
    pub notes: Vec<String>,
}

impl Story {
    pub async fn start() -> Self {
        Self::with(|_| {}, |_| {}).await
    }

    pub async fn with(settings: impl FnOnce(&mut Settings), tuning: impl FnOnce(&mut Tuning)) -> Self {
        let clock = ManualClock::at("2026-11-21T12:00:00Z".parse().unwrap());
        let cloud = Cloud::start(Arc::new(clock.clone())).await;
        let (mut set, mut tuned) = (Self::settings(&cloud), Cloud::tuning());
        settings(&mut set);
        tuned.clock = Arc::new(clock.clone());
        tuning(&mut tuned);
        let aws = IdentityCenter::connect(set, tuned).await.unwrap();
        let email = format!("{}@example.com", unique("sre.one"));
        let user = cloud.directory_user(&unique("sre"), Some(&email)).await;
        let set = cloud.permission_set("PT2H").await;
        Self { clock, cloud, aws, set, email, user, cut_off: false, entropy: SeededEntropy::new(1) }
    }

    pub fn settings(cloud: &Cloud) -> Settings {
        Settings { region: REGION.to_owned(), endpoint_url: Some(cloud.endpoint_url()), instance: None }
    }

    /// The process ends and starts again: what it had in memory is gone.
    pub async fn restart(&mut self) {
        let tuned = jit::provider::aws::Tuning { clock: Arc::new(self.clock.clone()), ..Cloud::tuning() };
        self.aws = IdentityCenter::connect(Self::settings(&self.cloud), tuned).await.unwrap();
    }

    pub fn target(&self, account: &str) -> Target {
        Target::AwsIdentityCenter(PermissionSet {
            account: account.to_owned(),
            permission_set_arn: self.set.clone(),
            cut_off_sessions: self.cut_off,
            resource: format!("{account}|{}", self.set),
        })
    }

    /// A new grant's access.
    pub fn access(&self) -> Access {
        self.access_to(MEMBER)
    }

    pub fn access_to(&self, account: &str) -> Access {
        let (grant, target) = (GrantId::new(self.clock.now(), &self.entropy), self.target(account));
        let holder = Holder { email: Some(self.email.clone()), ..Holder::unknown("U0AAAA1".into()) };
        let key = AccessKey::of(&target, &holder.who, grant);
        let (receipt, siblings, now) = (Receipt::default(), Vec::new(), self.clock.now());
        Access {
            work: Work {
                key,
                target,
                grant,
                holder,
                receipt,
                siblings,
                past: Vec::new(),
                cause: Cause::default(),
                now,
            },
            notes: Vec::new(),
        }
    }

    /// One run of the job towards there being access: what it notes is stored before the cloud is asked.
    pub async fn begin(&self, access: &mut Access) -> Result<Progress, ProviderError> {
        access.work.now = self.clock.now();
        let found = self.aws.resolve(&access.work).await?;
        found.add_to(&mut access.work.receipt.0);
        let until = self.clock.now() + SignedDuration::from_mins(30);
        let progress = self.aws.apply(&access.work, &Desired::Present { until }).await?;
        access.note(progress)
    }

    /// One run of the job towards there being none.
    pub async fn end(&self, access: &mut Access) -> Result<Progress, ProviderError> {
        access.work.now = self.clock.now();
        access.work.holder.email = None;
        let desired = Desired::Absent { planned_end: self.clock.now(), sessions_until: None, early: false };
        self.aws.removing(&access.work).add_to(&mut access.work.receipt.0);
        let progress = self.aws.apply(&access.work, &desired).await?;
        access.note(progress)
    }

    /// Runs the job until it is done, at the times it asks for.
    pub async fn grant(&self, access: &mut Access) -> Result<(), ProviderError> {
        for _ in 0..40 {
            match self.begin(access).await? {
                Progress::Done { .. } => return Ok(()),
                Progress::LookAgain { at, .. } => self.clock.advance_to(at),
                Progress::Failed { error, .. } => return Err(error),
            }
        }
        panic!("it is never done: {:?}", access.notes);
    }

    /// The same for the end; says when to tidy.
    pub async fn revoke(&self, access: &mut Access) -> Result<Option<Timestamp>, ProviderError> {
        for _ in 0..40 {
            match self.end(access).await? {
                Progress::Done { tidy_at, .. } => return Ok(tidy_at),
                Progress::LookAgain { at, .. } => self.clock.advance_to(at),
                Progress::Failed { error, .. } => return Err(error),
            }
        }
        panic!("it is never done: {:?}", access.notes);
    }

    /// Whether moto has the assignment.
    pub async fn is_assigned(&self) -> bool {
        self.cloud.assigned(MEMBER, &self.set).await.contains(&self.user)
    }

    /// How often what was called since the last time.
    pub fn calls(&self) -> BTreeMap<String, usize> {
        let mut calls = BTreeMap::new();
        for action in self.cloud.actions() {
            *calls.entry(action).or_default() += 1;
        }
        calls
    }
}

impl Access {
    /// As if the key had another access with this receipt.
    pub fn beside(mut self, other: &Self) -> Self {
        self.work.siblings.push(other.work.receipt.clone());
        self
    }

    fn note(&mut self, progress: Progress) -> Result<Progress, ProviderError> {
        match &progress {
            Progress::Done { receipt, .. } => receipt.add_to(&mut self.work.receipt.0),
            Progress::LookAgain { receipt, because, .. } => {
                receipt.add_to(&mut self.work.receipt.0);
                self.notes.push(because.clone());
            }
            Progress::Failed { receipt, error } => {
                receipt.add_to(&mut self.work.receipt.0);
                return Err(error.clone());
            }
        }
        Ok(progress)
    }
}
