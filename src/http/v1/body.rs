//! What a call says: its body, its parameters, the names in its path.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Request},
    http::{HeaderMap, header, request::Parts},
};
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use uuid::Uuid;

use super::{V1, failure::Failure};
use crate::{
    api::{DurationAsk, LONGEST_WAIT, ProblemCode},
    domain::{ids::Code, time::parse_duration},
};

/// Enough for a plan that names everything it destroys.
const BODY_LIMIT: usize = 256 * 1024;
/// How long the body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(10);

/// A body of JSON. An empty one counts as `{}`.
#[derive(Debug)]
pub(super) struct Body<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Arc<V1>> for Body<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, _v1: &Arc<V1>) -> Result<Self, Failure> {
        let json = is_json(request.headers());
        let bytes = arrived(request).await?;
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return read(b"{}");
        }
        if !json {
            return Err(Failure::invalid("Send the body as `Content-Type: application/json`."));
        }
        read(&bytes)
    }
}

async fn arrived(request: Request) -> Result<Bytes, Failure> {
    let body = axum::body::to_bytes(request.into_body(), BODY_LIMIT);
    let in_time = timeout(BODY_TIME, body).await.map_err(|_elapsed| {
        Failure::new(ProblemCode::TooSlow, format!("The body did not arrive within {} s.", BODY_TIME.as_secs()))
    })?;
    in_time.map_err(|_too_long| {
        Failure::new(ProblemCode::TooLarge, format!("A body may have {} KiB at most.", BODY_LIMIT / 1024))
    })
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<Body<T>, Failure> {
    serde_json::from_slice(bytes)
        .map(Body)
        .map_err(|error| Failure::invalid(format!("The body cannot be read: {error}.")))
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}

/// What is asked about: an id, or the short name that people use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Name {
    Id(Uuid),
    Code(Code),
}

impl Name {
    /// Reads `REQ-7K3M`, `GRANT-7K3M` or a UUID; anything else names nothing.
    pub(super) fn read(text: &str) -> Result<Self, Failure> {
        let id = Uuid::parse_str(text).ok().map(Self::Id);
        id.or_else(|| Code::parse(text).map(Self::Code)).ok_or_else(unknown)
    }
}

/// There is nothing of that name.
pub(super) fn unknown() -> Failure {
    Failure::new(ProblemCode::NotFound, "There is nothing of that name.")
}

/// The parameters of a call, each at most once. A parameter that no call knows is left alone.
#[derive(Debug, Clone, Default)]
pub(super) struct Parameters(Vec<(String, String)>);

impl FromRequestParts<Arc<V1>> for Parameters {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _v1: &Arc<V1>) -> Result<Self, Failure> {
        let pairs = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
        Ok(Self(pairs.into_owned().collect()))
    }
}

impl Parameters {
    pub(super) fn text(&self, name: &str) -> Result<Option<&str>, Failure> {
        let mut found = self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str());
        match (found.next(), found.next()) {
            (value, None) => Ok(value),
            (_, Some(_)) => Err(Failure::invalid(format!("`{name}` stands there twice."))),
        }
    }

    pub(super) fn number(&self, name: &str, range: std::ops::RangeInclusive<i64>) -> Result<Option<i64>, Failure> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let digits = !text.is_empty() && text.bytes().all(|letter| letter.is_ascii_digit());
        let number = text.parse().ok().filter(|number| digits && range.contains(number));
        number.map(Some).ok_or_else(|| {
            Failure::invalid(format!("`{name}` is a whole number from {} to {}.", range.start(), range.end()))
        })
    }

    /// How long to wait for news.
    pub(super) fn wait(&self) -> Result<Duration, Failure> {
        let most = i64::try_from(LONGEST_WAIT).unwrap_or(i64::MAX);
        let seconds = self.number("wait", 0..=most)?.unwrap_or_default();
        Ok(Duration::from_secs(seconds.unsigned_abs()))
    }
}

/// A length of time.
pub(super) fn duration(ask: &DurationAsk) -> Result<Duration, Failure> {
    let duration = match ask {
        DurationAsk::Seconds(0) => None,
        DurationAsk::Seconds(seconds) => Some(Duration::from_secs(*seconds)),
        DurationAsk::Text(text) => parse_duration(text),
    };
    // Nothing lasts for so long; what comes after may add to it without overflow.
    let most = Duration::from_hours(24 * 366);
    duration.filter(|it| *it <= most).ok_or_else(|| {
        Failure::invalid(
            "`duration` is a number of seconds from 1, or text with a unit like \"30m\", \"1h30m\", \"1d\".",
        )
    })
}
