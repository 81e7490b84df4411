//! A story with sessions of a role: the provider, a role in moto, and a clock at noon.

use std::{collections::BTreeMap, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use jit::{
    ambient::{Clock, ManualClock, SeededEntropy},
    domain::{
        access::AccessKey,
        catalog::{AwsSts as RoleTarget, EarlyEnd, SecretRef, Target},
        ids::GrantId,
    },
    provider::{
        Cause, Desired, Holder, Progress, Provider, ProviderError, Receipt, Secrets, Work,
        aws::{AwsSts, Settings, Tuning},
    },
};
use secrecy::SecretString;

use super::Cloud;

/// A role, the provider, and a clock at noon.
pub struct Story {
    pub clock: ManualClock,
    pub cloud: Cloud,
    pub aws: AwsSts,
    pub target: RoleTarget,
    pub entropy: SeededEntropy,
}

impl Story {
    pub async fn start() -> Self {
        Self::with(|_| {}, |_| {}).await
    }

    pub async fn with(settings: impl FnOnce(&mut Settings), tuning: impl FnOnce(&mut Tuning)) -> Self {
        let clock = ManualClock::at("2026-11-21T12:00:00Z".parse().unwrap());
        let cloud = Cloud::start(Arc::new(clock.clone())).await;
        let (mut set, mut tuned) = (cloud.settings(), Cloud::tuning());
        settings(&mut set);
        tuned.clock = Arc::new(clock.clone());
        tuning(&mut tuned);
        let target = RoleTarget {
            role_arn: cloud.role("prod-deploy").await,
            external_id: Some(SecretRef::Env("JIT_EXTERNAL_ID".into())),
            session_policy: None,
            early_end: EarlyEnd::DenyPolicy,
        };
        let aws = AwsSts::connect(set, Arc::new(Safe::default()), tuned).await.unwrap();
        Self { clock, cloud, aws, target, entropy: SeededEntropy::new(1) }
    }

    /// A new grant of the role.
    pub fn grant(&self) -> Work {
        let grant = GrantId::new(self.clock.now(), &self.entropy);
        let target = Target::AwsSts(self.target.clone());
        let holder = Holder { email: Some("sre.one@example.com".into()), ..Holder::unknown("U0AAAA1".into()) };
        let key = AccessKey::of(&target, &holder.who, grant);
        Work {
            key,
            target,
            grant,
            holder,
            receipt: Receipt::default(),
            siblings: Vec::new(),
            past: Vec::new(),
            cause: Cause::default(),
            now: self.clock.now(),
        }
    }

    pub fn in_minutes(&self, minutes: i64) -> Timestamp {
        self.clock.now() + SignedDuration::from_mins(minutes)
    }

    pub fn advance(&self, minutes: i64) {
        self.clock.advance(SignedDuration::from_mins(minutes));
    }

    /// Claims and gives the access key id.
    pub async fn claim(&self, work: &Work, until: Timestamp) -> String {
        self.aws.claim(&self.at_present(work), until).await.unwrap().access_key_id
    }

    pub async fn works(&self, access_key_id: &str) -> bool {
        self.cloud.can(access_key_id, "s3:GetObject", self.clock.now()).await
    }

    pub async fn end(&self, work: &Work, end: Desired) -> Result<Progress, ProviderError> {
        self.aws.apply(&self.at_present(work), &end).await
    }

    pub fn at_present(&self, work: &Work) -> Work {
        Work { now: self.clock.now(), ..work.clone() }
    }

    pub fn calls_of(&self, action: &str) -> usize {
        self.cloud.actions().iter().filter(|done| *done == action).count()
    }
}

/// Knows one external id.
struct Safe(BTreeMap<String, String>);

impl Default for Safe {
    fn default() -> Self {
        Self(BTreeMap::from([("JIT_EXTERNAL_ID".to_owned(), "install-4711".to_owned())]))
    }
}

impl Secrets for Safe {
    fn read(&self, place: &SecretRef) -> Result<SecretString, String> {
        let SecretRef::Env(name) = place else { return Err("no files here".into()) };
        self.0.get(name).cloned().map(SecretString::from).ok_or_else(|| format!("the variable {name} is not set"))
    }
}

pub fn ended_early(planned_end: Timestamp, sessions_until: Timestamp) -> Desired {
    Desired::Absent { planned_end, sessions_until: Some(sessions_until), early: true }
}

pub fn tidy_at(progress: &Progress) -> Option<Timestamp> {
    match progress {
        Progress::Done { tidy_at, .. } => *tidy_at,
        Progress::LookAgain { .. } | Progress::Failed { .. } => panic!("not done: {progress:?}"),
    }
}
