//! What the command is given: credentials, by one way or the other, and an environment without those it had before.

use std::{collections::BTreeMap, ffi::OsString, sync::Arc};

use super::{
    super::{
        creds::variables,
        failure::{Ending, Failure},
    },
    Errand, Run,
};
use crate::{
    api::{Credentials, CredentialsAsk, Grant},
    client::Client,
    runner::{
        endpoint::Endpoint,
        environment::{self, Profiles},
        vault::Vault,
    },
};

/// What the command is given.
pub(super) struct Access {
    /// Variables that it does not see.
    pub(super) removed: Vec<OsString>,
    /// Variables that it sees.
    pub(super) added: Vec<(String, String)>,
    /// Where its credentials come from, while they can be renewed.
    pub(super) vault: Option<Arc<Vault>>,
    /// Lives as long as the command.
    _endpoint: Option<Endpoint>,
}

impl Run {
    /// Claims what the grant gives.
    pub(super) async fn open(&self, client: &Client, grant: &Grant, errand: &Errand) -> Result<Access, Failure> {
        let profiles = if self.keep_profiles { Profiles::Kept } else { Profiles::Hidden };
        let names = std::env::vars_os().map(|(name, _)| name);
        let (removed, mut added) = (environment::removed(names, profiles), about(grant));
        added.extend(environment::added(profiles));
        if !Self::gives_credentials(grant) {
            // Nothing of AWS was asked for, so nothing of it is the command's.
            return Ok(Access { removed, added, vault: None, _endpoint: None });
        }
        let ask = CredentialsAsk {
            plan_sha256: errand.plan.as_ref().map(|(_, plan)| plan.sha256.clone()),
            resource: self.resource.clone(),
        };
        let vault = Arc::new(Vault::of(client.clone(), grant.id.to_string(), grant.ends_at, ask));
        let first = vault.fill().await?;
        added.extend(region(&first));
        if self.env {
            let keys = variables(&first).into_iter().filter(|(name, _)| !name.ends_with("REGION"));
            added.extend(keys);
            return Ok(Access { removed, added, vault: None, _endpoint: None });
        }
        let endpoint = Endpoint::open(vault.clone(), client.around.entropy.as_ref()).await;
        let endpoint = endpoint.map_err(|error| {
            Failure::new(
                Ending::Usage,
                format!("no credentials endpoint can listen on this machine: {error}. --env needs none"),
            )
        })?;
        added.extend(endpoint.environment());
        Ok(Access { removed, added, vault: Some(vault), _endpoint: Some(endpoint) })
    }
}

/// What the command may want to know about the grant.
fn about(grant: &Grant) -> Vec<(String, String)> {
    let about = [
        ("JIT_GRANT", grant.name.clone()),
        ("JIT_ROLE", grant.role.clone()),
        ("JIT_GRANT_ENDS_AT", grant.ends_at.to_string()),
    ];
    about.map(|(name, value)| (name.to_owned(), value)).to_vec()
}

/// The region, in both names that tools look for: the one that is set already, or the one of the grant.
fn region(credentials: &Credentials) -> BTreeMap<String, String> {
    let names = ["AWS_REGION", "AWS_DEFAULT_REGION"];
    let set = |name: &&str| std::env::var(name).ok().filter(|region| !region.is_empty());
    let region = names.iter().find_map(set).unwrap_or_else(|| credentials.region.clone());
    names.iter().map(|name| ((*name).to_owned(), set(name).unwrap_or_else(|| region.clone()))).collect()
}
