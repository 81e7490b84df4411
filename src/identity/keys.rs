//! The keys of issuers, fetched when they are needed and kept for a while.
//!
//! Where they are is configured, never read from a token. An unknown key id has them fetched again, because keys rotate,
//! but not more often than the floor, whoever makes up ids. Those who need the same keys at the same time wait for one
//! fetch. While an issuer cannot be reached, what it said last counts, for a day.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::jwk::{Jwk, JwkSet};

use super::{Disproof, body};

/// How long keys count without asking again.
const FRESH: SignedDuration = SignedDuration::from_mins(15);
/// How long they count while the issuer cannot be reached.
const USABLE: SignedDuration = SignedDuration::from_hours(24);
/// An issuer is not asked more often.
const FLOOR: SignedDuration = SignedDuration::from_secs(30);
/// A set of keys is a few kilobytes.
const MOST: usize = 256 * 1024;

/// Every issuer's keys.
#[derive(Debug)]
pub struct Keys {
    http: reqwest::Client,
    issuers: Mutex<HashMap<String, Arc<Issuer>>>,
}

/// One issuer. Whoever holds the lock fetches, the others wait for what comes of it.
#[derive(Debug, Default)]
struct Issuer(tokio::sync::Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    keys: Option<JwkSet>,
    fetched_at: Option<Timestamp>,
    tried_at: Option<Timestamp>,
}

impl Keys {
    pub(super) fn new(http: reqwest::Client) -> Self {
        Self { http, issuers: Mutex::default() }
    }

    /// The key of this id.
    pub(super) async fn key(&self, jwks_url: &str, kid: &str, now: Timestamp) -> Result<Jwk, Disproof> {
        let issuer = {
            let mut issuers = self.issuers.lock().unwrap_or_else(PoisonError::into_inner);
            issuers.entry(jwks_url.to_owned()).or_default().clone()
        };
        let mut known = issuer.0.lock().await;
        let is_younger = |at: Option<Timestamp>, age| at.is_some_and(|at| now < at + age);
        let is_known = known.find(kid).is_some();
        let is_wanted = !is_known || !is_younger(known.fetched_at, FRESH);
        if is_wanted && !is_younger(known.tried_at, FLOOR) {
            known.tried_at = Some(now);
            match self.fetch(jwks_url).await {
                Ok(keys) => {
                    known.keys = Some(keys);
                    known.fetched_at = Some(now);
                }
                Err(why) => tracing::warn!(jwks_url, why, "the keys of an issuer could not be fetched"),
            }
        }
        if !is_younger(known.fetched_at, USABLE) {
            let detail = "The keys of the issuer cannot be fetched now. Try again.";
            return Err(Disproof::Unavailable(detail.to_owned()));
        }
        known
            .find(kid)
            .ok_or_else(|| Disproof::Invalid("The issuer does not know the key that it is signed with.".to_owned()))
    }

    async fn fetch(&self, url: &str) -> Result<JwkSet, String> {
        let answer = self.http.get(url).header("accept", "application/json").send().await;
        let answer = answer.map_err(|error| error.without_url().to_string())?;
        if !answer.status().is_success() {
            return Err(format!("the answer was {}", answer.status()));
        }
        let text = body(answer, MOST).await?;
        serde_json::from_slice(&text).map_err(|error| format!("the answer is no set of keys: {error}"))
    }
}

impl Known {
    fn find(&self, kid: &str) -> Option<Jwk> {
        self.keys.as_ref()?.find(kid).cloned()
    }
}
