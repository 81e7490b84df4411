//! What went wrong with a call to AWS, cut down to what may be shown: a code, a status, a request id. The raw answer stays
//! behind here, since it may repeat what we sent, external id included.

use std::{error::Error, time::Duration};

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sts::{error::ProvideErrorMetadata, operation::RequestId};
use aws_smithy_runtime_api::client::{
    orchestrator::HttpResponse,
    result::{ConnectorError, SdkError},
};

use super::failure;

/// A failed call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// How it failed.
    pub cause: Cause,
    /// AWS' id of the request, when there was an answer: what AWS support asks for.
    pub request_id: Option<String>,
}

/// How a call failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cause {
    /// AWS answered that it would not.
    Answered(Answer),
    /// The bot has no credentials of its own: the call was never sent.
    NoCredentials,
    /// No answer in time.
    TimedOut,
    /// No connection, or one that broke.
    Unreachable,
    /// An answer that makes no sense.
    Garbled,
    /// The call could not be put together.
    NotSent,
}

/// An error answer, as far as it may be looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// AWS' error code; missing in what load balancers send.
    pub code: Option<String>,
    /// AWS' words. Only ever searched for known phrases, never shown.
    pub text: String,
    /// How long AWS wants to be left alone.
    pub retry_after: Option<Duration>,
}

impl Fault {
    /// Reads what the SDK says.
    pub fn of<E>(error: &SdkError<E, HttpResponse>) -> Self
    where
        E: Error + ProvideErrorMetadata + 'static,
    {
        let cause = match error {
            SdkError::TimeoutError(_) => Cause::TimedOut,
            SdkError::DispatchFailure(failure) if failure.is_timeout() => Cause::TimedOut,
            SdkError::DispatchFailure(failure) if lacks_credentials(failure.as_connector_error()) => {
                Cause::NoCredentials
            }
            SdkError::DispatchFailure(_) => Cause::Unreachable,
            SdkError::ConstructionFailure(_) => Cause::NotSent,
            SdkError::ResponseError(response) if response.raw().status().is_success() => Cause::Garbled,
            _ => error.raw_response().map_or(Cause::Garbled, |raw| Cause::Answered(Answer::of(error, raw))),
        };
        Self { cause, request_id: error.request_id().map(str::to_owned) }
    }

    /// Whether AWS answered with this error code.
    pub fn is(&self, code: &str) -> bool {
        matches!(&self.cause, Cause::Answered(answer) if failure::code(answer) == code)
    }

    /// A word for the metrics: AWS' code, or what came in its place.
    pub fn outcome(&self) -> String {
        match &self.cause {
            Cause::Answered(Answer { code: Some(code), .. }) => code.clone(),
            Cause::Answered(Answer { status, .. }) => format!("http_{status}"),
            Cause::NoCredentials => "no_credentials".to_owned(),
            Cause::TimedOut => "timeout".to_owned(),
            Cause::Unreachable => "unreachable".to_owned(),
            Cause::Garbled => "garbled".to_owned(),
            Cause::NotSent => "not_sent".to_owned(),
        }
    }
}

impl Answer {
    fn of<E>(error: &SdkError<E, HttpResponse>, raw: &HttpResponse) -> Self
    where
        E: ProvideErrorMetadata,
    {
        let metadata = error.as_service_error().map(ProvideErrorMetadata::meta);
        let header = |name, unit: fn(u64) -> Duration| raw.headers().get(name)?.trim().parse().ok().map(unit);
        Self {
            status: raw.status().as_u16(),
            code: metadata.and_then(|metadata| metadata.code()).map(str::to_owned),
            text: metadata.and_then(|metadata| metadata.message()).unwrap_or_default().to_owned(),
            retry_after: header("x-amz-retry-after", Duration::from_millis)
                .or_else(|| header("retry-after", Duration::from_secs)),
        }
    }
}

/// Whether the request stayed unsent because the bot's own credentials could not be had.
fn lacks_credentials(failure: Option<&ConnectorError>) -> bool {
    let mut next = failure.map(|failure| failure as &(dyn Error + 'static));
    while let Some(error) = next {
        if error.is::<CredentialsError>() {
            return true;
        }
        next = error.source();
    }
    false
}
