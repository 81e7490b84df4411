//! Who a pipeline is: verifies what it proves itself with.
//!
//! A proof is never taken at its word: which issuer's keys it is verified with, for whom it must be made, by what it may be
//! signed and which claims it must have all comes from the configuration. Time is a parameter.

mod keys;
mod sts;
mod token;

use std::{collections::BTreeMap, time::Duration};

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

pub use keys::Keys;

use crate::domain::{ids::WorkloadName, session::Origin, workload::Workload};

/// How far clocks may be apart.
const LEEWAY: SignedDuration = SignedDuration::from_secs(30);

/// What pipelines are verified with: clients and the issuers' keys as they were last seen.
#[derive(Debug)]
pub struct Verifier {
    keys: Keys,
    http: reqwest::Client,
}

/// A pipeline, as a proof that holds shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Which one.
    pub workload: WorkloadName,
    /// How long it stays signed in.
    pub lasts: Duration,
    /// Where the run comes from.
    pub origin: Origin,
    /// What makes the proof unique, hashed: it counts once.
    pub once: String,
    /// From when on the proof would not be accepted anyway.
    pub worthless_from: Timestamp,
}

/// Why a proof does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Disproof {
    /// Its form, its signature, its issuer or its algorithm is not in order.
    #[error("{0}")]
    Invalid(String),
    /// It is too old, or not valid yet.
    #[error("{0}")]
    Expired(String),
    /// It was made for somebody else.
    #[error("{0}")]
    Audience(String),
    /// It is in order, and no workload is this one.
    #[error("{0}")]
    Unknown(String),
    /// Whoever vouches for it cannot be asked now.
    #[error("{0}")]
    Unavailable(String),
}

/// A proof that does not hold, and what it said of itself: for the trail, nothing of it is known to be true.
#[derive(Debug, Clone)]
pub struct Disproven {
    /// Why.
    pub why: Disproof,
    /// What it said.
    pub claimed: BTreeMap<String, String>,
}

impl Verifier {
    /// A verifier that has seen no keys yet.
    ///
    /// # Errors
    /// When there are no root certificates to reach issuers with.
    pub fn new() -> Result<Self, String> {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(10))
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self { keys: Keys::new(http.clone()), http })
    }

    /// Verifies a token of an issuer.
    ///
    /// # Errors
    /// With why it does not hold.
    pub async fn token<'w>(
        &self,
        token: &str,
        workloads: impl Iterator<Item = &'w Workload>,
        audience: &str,
        now: Timestamp,
    ) -> Result<Verified, Disproven> {
        token::verify(&self.keys, token, workloads, (audience, now)).await
    }

    /// Verifies a presigned call of `GetCallerIdentity`, by making it.
    ///
    /// # Errors
    /// With why it does not hold.
    pub async fn caller<'w>(
        &self,
        url: &str,
        workloads: impl Iterator<Item = &'w Workload>,
        audience: &str,
        now: Timestamp,
    ) -> Result<Verified, Disproven> {
        sts::verify(&self.http, url, workloads, (audience, now)).await
    }
}

/// The one workload that fits, or why there is none.
fn only<'w>(fitting: &[&'w Workload], otherwise: &str) -> Result<&'w Workload, Disproof> {
    match fitting {
        [workload] => Ok(*workload),
        [] => Err(Disproof::Unknown(otherwise.to_owned())),
        _ => {
            let names: Vec<&str> = fitting.iter().map(|workload| workload.name.as_str()).collect();
            Err(Disproof::Unknown(format!(
                "Several workloads fit: {}. An operator has to make their claims exclude each other.",
                names.join(", ")
            )))
        }
    }
}

/// What makes a proof unique, so that it stands in the store without being usable.
fn once(parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    hex::encode(hasher.finalize())
}

/// The body of an answer, if it is no longer than any that means something.
async fn body(mut answer: reqwest::Response, most: usize) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| error.without_url().to_string())? {
        if body.len() + chunk.len() > most {
            return Err(format!("the answer is longer than {most} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
