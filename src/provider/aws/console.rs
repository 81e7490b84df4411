//! The way into the AWS console: credentials are exchanged for a sign-in token, and the token goes into a link that
//! signs a browser in. AWS lets the link live for 15 minutes; it is a secret.

use std::time::Duration;

use reqwest::{StatusCode, redirect::Policy};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;
use url::Url;

use super::{arn::Partition, sts::refused};
use crate::provider::{Credentials, ErrorKind, ProviderError};

/// The federation endpoint.
#[derive(Debug)]
pub(super) struct Console {
    http: reqwest::Client,
    federation_url: Option<Url>,
    issuer: Url,
}

impl Console {
    /// `federation_url` replaces the partition's own; `issuer` is where AWS sends people whose session is over.
    pub fn new(federation_url: Option<Url>, issuer: Url, timeout: Duration) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder().timeout(timeout).redirect(Policy::none()).build()?;
        Ok(Self { http, federation_url, issuer })
    }

    /// The link. How long the console session lasts is left to AWS, which takes the credentials' own lifetime.
    pub async fn link(&self, credentials: &Credentials) -> Result<SecretString, ProviderError> {
        let partition = Partition::named(&credentials.partition)
            .ok_or_else(|| refused(format!("no console is known for the AWS partition {}", credentials.partition)))?;
        let endpoint = self.endpoint(partition)?;
        let token = self.sign_in_token(&endpoint, credentials).await?;
        Ok(self.login_url(endpoint, &partition.console_home(&credentials.region), &token))
    }

    fn endpoint(&self, partition: Partition) -> Result<Url, ProviderError> {
        match &self.federation_url {
            Some(url) => Ok(url.clone()),
            None => Url::parse(partition.federation_url()).map_err(|error| refused(error.to_string())),
        }
    }

    /// Sends the credentials as a form: in a URL they would end up in the logs of proxies.
    async fn sign_in_token(&self, endpoint: &Url, credentials: &Credentials) -> Result<SecretString, ProviderError> {
        let session = json!({
            "sessionId": credentials.access_key_id,
            "sessionKey": credentials.secret_access_key.expose_secret(),
            "sessionToken": credentials.session_token.expose_secret(),
        });
        let form = [("Action", "getSigninToken"), ("Session", &session.to_string())];
        let answer = self.http.post(endpoint.clone()).form(&form).send().await;
        let outcome = answer.as_ref().map_or("unreachable", |answer| outcome(answer.status()));
        metrics::counter!("jit_aws_calls_total", "operation" => "getSigninToken", "outcome" => outcome).increment(1);
        let answer = answer.map_err(|error| unavailable(silence(&error)))?;
        if !answer.status().is_success() {
            return Err(explain(answer.status()));
        }
        let answer: SignInToken =
            answer.json().await.map_err(|_| unavailable("AWS' sign-in service sent an answer without a token"))?;
        Ok(answer.token.into())
    }

    fn login_url(&self, mut endpoint: Url, destination: &str, token: &SecretString) -> SecretString {
        endpoint
            .query_pairs_mut()
            .append_pair("Action", "login")
            .append_pair("Issuer", self.issuer.as_str())
            .append_pair("Destination", destination)
            .append_pair("SigninToken", token.expose_secret());
        String::from(endpoint).into()
    }
}

#[derive(Deserialize)]
struct SignInToken {
    #[serde(rename = "SigninToken")]
    token: String,
}

fn outcome(status: StatusCode) -> &'static str {
    if status.is_success() { "ok" } else { "refused" }
}

fn silence(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        "AWS' sign-in service did not answer in time: try again"
    } else {
        "AWS' sign-in service could not be reached: try again"
    }
}

fn unavailable(message: impl Into<String>) -> ProviderError {
    ProviderError { kind: ErrorKind::Unavailable, message: message.into() }
}

fn explain(status: StatusCode) -> ProviderError {
    if status == StatusCode::TOO_MANY_REQUESTS {
        let message = "AWS' sign-in service gets too many calls: try again".to_owned();
        return ProviderError { kind: ErrorKind::Throttled { after: None }, message };
    }
    if status.is_client_error() {
        return refused(format!("AWS' sign-in service refused the credentials (HTTP {})", status.as_u16()));
    }
    unavailable(format!("AWS' sign-in service failed (HTTP {}): try again", status.as_u16()))
}
