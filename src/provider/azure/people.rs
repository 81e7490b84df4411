//! Who people are in Entra: an object id for an e-mail address. Exactly one account, enabled, and no guest unless the
//! configuration allows them; whoever cannot be found is refused before anybody is bothered.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use super::{client::Service, failure::Failure, refused};
use crate::{
    domain::principal::Principal,
    provider::{Holder, ProviderError},
};

/// For how long an answer counts. Whoever is disabled meanwhile cannot sign in anyway.
const FRESH: SignedDuration = SignedDuration::from_hours(1);
/// What we want to know of an account.
const SELECT: &str = "id,userPrincipalName,mail,accountEnabled";
const WHAT: &str = "users of the directory";

/// The people asked about so far, by e-mail address.
#[derive(Debug)]
pub(super) struct People {
    guests: bool,
    known: Mutex<HashMap<String, (String, Timestamp)>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct User {
    id: String,
    #[serde(default, rename = "userPrincipalName")]
    signs_in_as: Option<String>,
    #[serde(default)]
    account_enabled: Option<bool>,
}

impl People {
    pub fn new(guests: bool) -> Self {
        Self { guests, known: Mutex::default() }
    }

    /// The holder's object id. What the configuration says is taken at its word, without a call.
    pub async fn object_id(&self, graph: &Service, holder: &Holder, now: Timestamp) -> Result<String, ProviderError> {
        if let Some(id) = &holder.azure_object_id {
            // in the one form that Azure's lists have
            return match uuid::Uuid::try_parse(id) {
                Ok(id) => Ok(id.hyphenated().to_string()),
                Err(_) => Err(refused(format!(
                    "person.azure_object_id of the holder is \"{id}\", which is not an object id in Entra"
                ))),
            };
        }
        if let Principal::Workload(name) = &holder.who {
            return Err(refused(format!(
                "the pipeline {name} has no account in Entra: give the target holder_object_id, the object id of the \
                 service principal that the pipeline signs in as"
            )));
        }
        let Some(email) = holder.email.as_deref().map(str::trim).filter(|email| !email.is_empty()) else {
            return Err(refused(
                "Slack does not tell the holder's e-mail address, so they cannot be found in Entra: set \
                 person.azure_object_id for them",
            ));
        };
        let email = email.to_lowercase();
        if let Some(id) = self.known(&email, now) {
            return Ok(id);
        }
        let user = self.find(graph, &email).await?;
        let id = user.id.to_ascii_lowercase();
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(email, (id.clone(), now));
        Ok(id)
    }

    fn known(&self, email: &str, now: Timestamp) -> Option<String> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, (_, since)| now.duration_since(*since) < FRESH);
        known.get(email).map(|(id, _)| id.clone())
    }

    /// By mail first, which is what Slack knows, and then by the name people sign in with.
    async fn find(&self, graph: &Service, email: &str) -> Result<User, ProviderError> {
        let unreadable = |failure: Failure| failure.of_reading(WHAT);
        let filter = format!("mail eq '{}'", email.replace('\'', "''"));
        let url = graph.url("/v1.0/users", &[("$filter", &filter), ("$select", SELECT)]);
        let mut hits = graph.list(url).await.map_err(unreadable)?;
        if hits.is_empty() {
            let path = format!("/v1.0/users/{}", email.replace('%', "%25").replace('/', "%2F"));
            hits.extend(graph.look_up(graph.url(&path, &[("$select", SELECT)])).await.map_err(unreadable)?);
        }
        let one = match hits.len() {
            0 => {
                return Err(refused(format!(
                    "Entra knows nobody by the e-mail address {email}, neither as mail nor as user principal name: set \
                     person.azure_object_id for them"
                )));
            }
            1 => hits.remove(0),
            several => {
                return Err(refused(format!(
                    "{several} accounts in Entra have the e-mail address {email}: set person.azure_object_id to say which"
                )));
            }
        };
        self.judge(one, email)
    }

    fn judge(&self, hit: Value, email: &str) -> Result<User, ProviderError> {
        let user: User = serde_json::from_value(hit).map_err(|_| Failure::Garbled.of_reading(WHAT))?;
        let is_guest = user.signs_in_as.as_ref().is_some_and(|name| name.to_uppercase().contains("#EXT#"));
        if user.account_enabled == Some(false) {
            return Err(refused(format!("the account of {email} in Entra is disabled")));
        }
        if is_guest && !self.guests {
            return Err(refused(format!(
                "{email} is a guest in the tenant, and guests get nothing unless [azure] has guests = true"
            )));
        }
        Ok(user)
    }
}
