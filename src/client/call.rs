//! One call, as often as it takes.

use std::time::Duration;

use reqwest::{Method, Response, StatusCode, header::RETRY_AFTER};
use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{Client, Trouble};
use crate::api::{IDEMPOTENCY_KEY, Problem, ProblemCode};

/// How long an answer may take that nobody has to wait for.
const ANSWER: Duration = Duration::from_secs(30);
/// The first pause between two attempts. They double up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// What no answer of ours is longer than.
const MOST_BYTES: usize = 4 << 20;

/// What is asked.
pub(super) struct Ask<'a> {
    method: Method,
    /// Below the server's address, with its query.
    path: String,
    body: Option<Value>,
    key: Option<&'a str>,
    /// Instead of the session's.
    token: Option<&'a SecretString>,
    /// Whether it is for those who have no session yet.
    anonymous: bool,
    /// For how long the server may keep us waiting.
    wait: Duration,
}

/// What became of one attempt.
enum Attempt {
    Answered(Vec<u8>),
    Failed(Trouble),
    /// Worth another one.
    Again {
        why: String,
        after: Option<Duration>,
    },
}

impl<'a> Ask<'a> {
    pub(super) fn get(path: impl Into<String>) -> Self {
        Self {
            method: Method::GET,
            path: path.into(),
            body: None,
            key: None,
            token: None,
            anonymous: false,
            wait: Duration::ZERO,
        }
    }

    pub(super) fn delete(path: impl Into<String>) -> Self {
        Self { method: Method::DELETE, ..Self::get(path) }
    }

    /// Every `POST` has a key, so that it is safe to say again.
    pub(super) fn post(path: impl Into<String>, body: &impl Serialize, key: &'a str) -> Result<Self, Trouble> {
        let body = serde_json::to_value(body).map_err(|error| Trouble::Odd(format!("this cannot be sent: {error}")))?;
        Ok(Self { method: Method::POST, body: Some(body), key: Some(key), ..Self::get(path) })
    }

    pub(super) fn bearing(self, token: &'a SecretString) -> Self {
        Self { token: Some(token), ..self }
    }

    pub(super) fn anonymous(self) -> Self {
        Self { anonymous: true, ..self }
    }

    pub(super) fn waiting(self, wait: Duration) -> Self {
        Self { wait, ..self }
    }
}

impl Client {
    /// Asks until there is an answer, or patience is over.
    pub(super) async fn call<T: DeserializeOwned>(&self, ask: Ask<'_>) -> Result<T, Trouble> {
        let bytes = self.bytes(ask).await?;
        serde_json::from_slice(&bytes).map_err(|error| {
            Trouble::Odd(format!("{} answers what this version of jit does not understand: {error}", self.server))
        })
    }

    /// The same, where the answer says nothing.
    pub(super) async fn call_for_nothing(&self, ask: Ask<'_>) -> Result<(), Trouble> {
        self.bytes(ask).await.map(drop)
    }

    async fn bytes(&self, ask: Ask<'_>) -> Result<Vec<u8>, Trouble> {
        let timer = &self.around.timer;
        let (began, mut pause) = (timer.elapsed(), FIRST_PAUSE);
        // With a token of its own it is no session that could be renewed.
        let mut may_renew = self.proof.is_some() && ask.token.is_none() && !ask.anonymous;
        loop {
            let (why, after) = match self.attempt(&ask).await {
                Attempt::Answered(bytes) => return Ok(bytes),
                Attempt::Failed(trouble) if may_renew && is_signed_out(&trouble) => {
                    may_renew = false;
                    Box::pin(self.sign_in()).await?;
                    continue;
                }
                Attempt::Failed(trouble) => return Err(trouble),
                Attempt::Again { why, after } => (why, after),
            };
            let tried = timer.elapsed().saturating_sub(began);
            let next = after.unwrap_or_else(|| self.jittered(pause));
            if tried + next > self.patience {
                let tried = Duration::from_secs(tried.as_secs());
                return Err(Trouble::Unreachable { server: self.server.to_string(), tried, last: why });
            }
            timer.wait(next).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn attempt(&self, ask: &Ask<'_>) -> Attempt {
        let url = format!("{}{}", self.server, ask.path);
        let mut request = self.http.request(ask.method.clone(), url).timeout(ANSWER + ask.wait);
        match ask.token {
            Some(token) => request = request.bearer_auth(token.expose_secret()),
            None if ask.anonymous => {}
            None => {
                if let Some(token) = self.token.read().await.as_ref() {
                    request = request.bearer_auth(token.expose_secret());
                }
            }
        }
        if let Some(key) = ask.key {
            request = request.header(IDEMPOTENCY_KEY, key);
        }
        if let Some(body) = &ask.body {
            request = request.json(body);
        }
        match request.send().await {
            Ok(response) => self.answer(response).await,
            Err(error) => Attempt::Again { why: in_words(&error), after: None },
        }
    }

    async fn answer(&self, response: Response) -> Attempt {
        let status = response.status();
        let after = response.headers().get(RETRY_AFTER).and_then(|it| it.to_str().ok()?.parse().ok());
        let after = after.map(Duration::from_secs);
        let bytes = match body(response).await {
            Ok(bytes) => bytes,
            Err(why) => return Attempt::Again { why, after },
        };
        if status.is_success() {
            return Attempt::Answered(bytes);
        }
        let problem: Option<Problem> = serde_json::from_slice(&bytes).ok();
        match problem {
            Some(problem) if is_passing(problem.code) => Attempt::Again { why: problem.detail, after },
            Some(problem) => Attempt::Failed(Trouble::Refused(Box::new(problem))),
            // Something that stands in front of the server.
            None if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                Attempt::Again { why: format!("HTTP {status}"), after }
            }
            None => Attempt::Failed(Trouble::Odd(format!(
                "{} answers HTTP {status} and not as a jit does: is the address right, and the server new enough?",
                self.server
            ))),
        }
    }

    /// Somewhere between half of it and all.
    fn jittered(&self, pause: Duration) -> Duration {
        let mut byte = [0];
        self.around.entropy.fill(&mut byte);
        pause / 2 + pause / 2 * u32::from(byte[0]) / 255
    }
}

fn is_signed_out(trouble: &Trouble) -> bool {
    matches!(trouble.code(), Some(ProblemCode::SessionExpired | ProblemCode::Unauthenticated))
}

/// Whether the same call may well be answered soon.
fn is_passing(code: ProblemCode) -> bool {
    match code {
        ProblemCode::RateLimited
        | ProblemCode::SlackUnavailable
        | ProblemCode::IssuerUnavailable
        | ProblemCode::CloudUnavailable
        | ProblemCode::TooSlow => true,
        ProblemCode::Unauthenticated
        | ProblemCode::SessionExpired
        | ProblemCode::Forbidden
        | ProblemCode::NotFound
        | ProblemCode::MethodNotAllowed
        | ProblemCode::InvalidRequest
        | ProblemCode::TooLarge
        | ProblemCode::UnknownRole
        | ProblemCode::NotARequester
        | ProblemCode::DurationTooLong
        | ProblemCode::DurationTooShort
        | ProblemCode::ReasonRequired
        | ProblemCode::TicketRequired
        | ProblemCode::NoRuleFits
        | ProblemCode::TooFewApprovers
        | ProblemCode::LimitReached
        | ProblemCode::AlreadyPending
        | ProblemCode::Conflict
        | ProblemCode::GrantNotActive
        | ProblemCode::PlanMismatch
        | ProblemCode::NoCredentials
        | ProblemCode::CloudRefused
        | ProblemCode::WorkloadUnknown
        | ProblemCode::TokenInvalid
        | ProblemCode::TokenExpired
        | ProblemCode::TokenReplayed
        | ProblemCode::AudienceMismatch
        | ProblemCode::IdempotencyMismatch
        | ProblemCode::Internal
        | ProblemCode::Unknown => false,
    }
}

async fn body(mut response: Response) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| in_words(&error))? {
        if bytes.len() + chunk.len() > MOST_BYTES {
            return Err("the answer has no end".to_owned());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// The innermost cause says what happened. Addresses are left out: they are known, and may hold secrets.
fn in_words(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
