//! The API's other end: what the command line says to a bot that runs elsewhere.
//!
//! A call is repeated until it is answered or patience is over, with the same idempotency key each time, so that an answer
//! that was lost on the way does nothing twice. Knows no policy and decides nothing; what a refusal means for a person is
//! the business of `cli`.

use std::{sync::Arc, time::Duration};

use secrecy::SecretString;
use tokio::sync::RwLock;
use url::Url;

use self::proof::Source;
use crate::{
    ambient::{Clock, Entropy, SystemClock, SystemEntropy, SystemTimer, Timer},
    api::WorkloadSession,
};

mod call;
mod endpoints;
pub mod proof;
pub mod tokens;
mod trouble;

pub use endpoints::LONGEST_WAIT;
pub use trouble::Trouble;

/// What the client takes of its surroundings.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// How long things take.
    pub timer: Arc<dyn Timer>,
    /// Idempotency keys and the like.
    pub entropy: Arc<dyn Entropy>,
    /// The environment's variables, which say what a pipeline proves itself with.
    pub variable: fn(&str) -> Option<String>,
}

impl Default for Surroundings {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            timer: Arc::new(SystemTimer::default()),
            entropy: Arc::new(SystemEntropy),
            variable: |name| std::env::var(name).ok(),
        }
    }
}

/// A bot's API, and who we are to it.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    server: Server,
    token: Arc<RwLock<Option<SecretString>>>,
    /// What a pipeline proves itself with once more when its session is over.
    proof: Option<(Source, String)>,
    patience: Duration,
    /// Time and randomness.
    pub around: Surroundings,
}

impl Client {
    /// A client of `server` that nobody has signed in to yet, and that tries for `patience` when it gets no answer.
    ///
    /// # Errors
    /// When TLS cannot be set up on this machine.
    pub fn new(server: Server, patience: Duration, around: Surroundings) -> Result<Self, Trouble> {
        let http = reqwest::Client::builder()
            .user_agent(concat!("jit/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(10))
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| Trouble::Odd(format!("this machine has no way to speak TLS: {error}")))?;
        Ok(Self { http, server, token: Arc::default(), proof: None, patience, around })
    }

    /// The same, with a session.
    #[must_use]
    pub fn signed_in(mut self, token: SecretString) -> Self {
        self.token = Arc::new(RwLock::new(Some(token)));
        self
    }

    /// The same, which signs in again by such a proof when its session is over.
    #[must_use]
    pub fn proving(mut self, source: Source, audience: String) -> Self {
        self.proof = Some((source, audience));
        self
    }

    /// Signs in by the proof that it was given, and says until when.
    ///
    /// # Errors
    /// When there is nothing to prove it with, or the server does not take it.
    pub async fn sign_in(&self) -> Result<WorkloadSession, Trouble> {
        let Some((source, audience)) = &self.proof else {
            return Err(Trouble::Odd("there is nothing to sign in with again".to_owned()));
        };
        let proof = source.prove(audience, &self.around.variable, self.around.clock.now()).await;
        let session = self.prove(&proof.map_err(|missing| Trouble::NoProof(missing.to_string()))?).await?;
        *self.token.write().await = Some(SecretString::from(session.token.expose().to_owned()));
        Ok(session)
    }

    /// The same, with another patience.
    #[must_use]
    pub fn patient_for(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Whom it talks to.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// A key under which something is asked for once, however often it is said.
    #[must_use]
    pub fn fresh_key(&self) -> String {
        let mut key = [0; 16];
        self.around.entropy.fill(&mut key);
        hex::encode(key)
    }
}

/// Where a bot is: `https://jit.example.com`. Tokens go there, so it is https, except on this very machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server(Url);

impl std::str::FromStr for Server {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let full = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
        let url: Url = full.parse().map_err(|error| format!("`{text}` is no address: {error}"))?;
        let is_here = match url.host() {
            Some(url::Host::Domain(name)) => name == "localhost",
            Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
            Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
            None => false,
        };
        match url.scheme() {
            _ if !url.username().is_empty() || url.password().is_some() || url.query().is_some() => {
                Err(format!("`{text}` says more than where the server is: write https://jit.example.com"))
            }
            "https" => Ok(Self(url)),
            "http" if is_here => Ok(Self(url)),
            _ => Err(format!(
                "`{text}` must begin with https://: tokens go there. Only this very machine may be http://"
            )),
        }
    }
}

impl std::fmt::Display for Server {
    /// Without a slash at its end.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_go_nowhere_in_the_clear() {
        for (text, expected) in [
            ("jit.example.com", "https://jit.example.com"),
            ("https://jit.example.com/", "https://jit.example.com"),
            ("https://example.com/jit/", "https://example.com/jit"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://localhost:8080/", "http://localhost:8080"),
            ("http://[::1]:8080", "http://[::1]:8080"),
        ] {
            assert_eq!(text.parse::<Server>().unwrap().to_string(), expected);
        }
        for text in
            ["http://jit.example.com", "ftp://jit.example.com", "https://me:secret@jit.example.com", "https://", ""]
        {
            assert!(text.parse::<Server>().is_err(), "{text}");
        }
    }
}
