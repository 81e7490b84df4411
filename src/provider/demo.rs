//! A cloud that lives in this process, for the playground: it keeps a list of who has what, and nothing else.
//!
//! It is an assignment cloud without an end of its own, so it shows the part where the bot must do the revoking.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;

use super::{Credentials, Desired, ErrorKind, Live, Observed, Progress, Provider, ProviderError, Receipt, Work};
use crate::domain::{access::AccessKey, catalog::Target};

/// The demo cloud; clones share its contents.
#[derive(Debug, Clone, Default)]
pub struct DemoCloud(Arc<Mutex<BTreeMap<AccessKey, Timestamp>>>);

impl DemoCloud {
    /// What exists now, and until when its grant runs.
    #[must_use]
    pub fn contents(&self) -> BTreeMap<AccessKey, Timestamp> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl Provider for DemoCloud {
    async fn inventory(&self, target: &Target) -> Result<Vec<Live>, ProviderError> {
        let live = |key: AccessKey| Live { resource: key.resource, principal: key.principal };
        let here = self.contents().into_keys().filter(|key| key.resource == target.resource());
        Ok(here.map(live).collect())
    }

    async fn observe(&self, work: &Work) -> Result<Observed, ProviderError> {
        let present = self.0.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&work.key);
        Ok(if present { Observed::Present } else { Observed::Absent })
    }

    async fn apply(&self, work: &Work, desired: &Desired) -> Result<Progress, ProviderError> {
        let mut contents = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match desired {
            Desired::Present { until } => contents.insert(work.key.clone(), *until),
            Desired::Absent { .. } => contents.remove(&work.key),
        };
        Ok(Progress::Done { receipt: Receipt::default(), tidy_at: None })
    }

    async fn claim(&self, _work: &Work, _until: Timestamp) -> Result<Credentials, ProviderError> {
        Err(no_credentials())
    }

    async fn console(&self, _credentials: &Credentials) -> Result<SecretString, ProviderError> {
        Err(no_credentials())
    }
}

fn no_credentials() -> ProviderError {
    ProviderError {
        kind: ErrorKind::Refused,
        message: "the demo cloud has no credentials to hand out: the access is simply there".to_owned(),
    }
}
