//! The accounts of an organisational unit. Two calls to AWS Organizations, signed by hand: its SDK would be 127,000 lines
//! to compile for them.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    call::{Operation, count},
    error::explain,
};
use crate::provider::{
    ErrorKind, ProviderError,
    aws::fault::{Answer, Cause, Fault},
    tally::sent,
};

/// How often a call is tried before the failure is told.
const ATTEMPTS: u32 = 3;

/// AWS Organizations, of which there is one in each partition.
#[derive(Debug)]
pub(super) struct Organizations {
    http: reqwest::Client,
    credentials: Option<SharedCredentialsProvider>,
    url: String,
    region: &'static str,
}

impl Organizations {
    /// As the bot itself; `endpoint_url` leads elsewhere.
    pub fn new(config: &SdkConfig, http: reqwest::Client, region: &str, endpoint_url: Option<&str>) -> Self {
        let (region, usual) = home(region);
        let url = endpoint_url.unwrap_or(usual).trim_end_matches('/').to_owned() + "/";
        Self { http, credentials: config.credentials_provider(), url, region }
    }

    /// Every active account in the unit and in the units within it, in order.
    pub async fn accounts_of(&self, unit: &str, now: Timestamp) -> Result<Vec<String>, ProviderError> {
        let mut found = Vec::new();
        let mut units = vec![unit.to_owned()];
        while let Some(unit) = units.pop() {
            for account in self.list(Operation::ListAccounts, &unit, now).await? {
                // `State` takes the place of `Status`, which AWS is giving up
                if account.state.or(account.status).as_deref() == Some("ACTIVE") {
                    found.push(account.id);
                }
            }
            units.extend(self.list(Operation::ListUnits, &unit, now).await?.into_iter().map(|unit| unit.id));
        }
        found.sort();
        found.dedup();
        Ok(found)
    }

    async fn list(&self, operation: Operation, unit: &str, now: Timestamp) -> Result<Vec<Entry>, ProviderError> {
        let mut entries = Vec::new();
        let mut next = Value::Null;
        loop {
            let mut body = json!({ "ParentId": unit });
            if next.is_string() {
                body["NextToken"] = next;
            }
            let page = self.call(operation, unit, &body.to_string(), now).await?;
            entries.extend(page.accounts.into_iter().chain(page.units));
            match page.next.filter(|token| !token.is_empty()) {
                Some(token) => next = token.into(),
                None => return Ok(entries),
            }
        }
    }

    async fn call(&self, operation: Operation, unit: &str, body: &str, now: Timestamp) -> Result<Page, ProviderError> {
        let mut attempt = 1;
        loop {
            let fault = match self.send(operation, body, now).await {
                Ok(page) => {
                    count(operation, "ok");
                    return Ok(page);
                }
                Err(fault) => fault,
            };
            count(operation, fault.outcome());
            let error = explain(operation, &format!("organisational unit {unit}"), &fault);
            let may_pass = matches!(error.kind, ErrorKind::Throttled { .. } | ErrorKind::Unavailable);
            if !may_pass || attempt >= ATTEMPTS {
                return Err(error);
            }
            tokio::time::sleep(Duration::from_millis(200 << attempt)).await;
            attempt += 1;
        }
    }

    async fn send(&self, operation: Operation, body: &str, now: Timestamp) -> Result<Page, Fault> {
        let fault = |cause| Fault { cause, request_id: None };
        let headers = self.signed(operation, body, now).await.map_err(fault)?;
        sent(operation.name());
        let request = headers.into_iter().fold(self.http.post(&self.url), |it, (name, value)| it.header(name, value));
        let answer = request
            .body(body.to_owned())
            .send()
            .await
            .map_err(|error| fault(if error.is_timeout() { Cause::TimedOut } else { Cause::Unreachable }))?;
        let header = |name| answer.headers().get(name).and_then(|it| it.to_str().ok()).map(str::to_owned);
        let (status, request_id, kind) = (answer.status(), header("x-amzn-requestid"), header("x-amzn-errortype"));
        let text = answer.text().await.map_err(|_| fault(Cause::Unreachable))?;
        if status.is_success() {
            return serde_json::from_str(&text).map_err(|_| fault(Cause::Garbled));
        }
        let said: Value = serde_json::from_str(&text).unwrap_or_default();
        let part = |names: [&str; 2]| names.iter().find_map(|name| said[*name].as_str()).map(str::to_owned);
        let code = kind.or_else(|| part(["__type", "code"]));
        let code =
            code.map(|code| code.rsplit('#').next().unwrap_or(&code).split(':').next().unwrap_or_default().to_owned());
        let text = part(["Message", "message"]).unwrap_or_default();
        let answer = Answer { status: status.as_u16(), code, text, retry_after: None };
        Err(Fault { cause: Cause::Answered(answer), request_id })
    }

    /// The headers of a call, with our signature.
    async fn signed(&self, operation: Operation, body: &str, now: Timestamp) -> Result<Vec<(String, String)>, Cause> {
        let credentials = self.credentials.as_ref().ok_or(Cause::NoCredentials)?;
        let identity = credentials.provide_credentials().await.map_err(|_| Cause::NoCredentials)?.into();
        let mut headers = vec![
            ("content-type".to_owned(), "application/x-amz-json-1.1".to_owned()),
            ("x-amz-target".to_owned(), format!("AWSOrganizationsV20161128.{}", operation.name())),
        ];
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.region)
            .name("organizations")
            .time(now.into())
            .settings(SigningSettings::default())
            .build()
            .map_err(|_| Cause::NotSent)?
            .into();
        let named = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let request = SignableRequest::new("POST", &self.url, named, SignableBody::Bytes(body.as_bytes()));
        let (signature, _) =
            sign(request.map_err(|_| Cause::NotSent)?, &params).map_err(|_| Cause::NotSent)?.into_parts();
        headers.extend(signature.headers().map(|(name, value)| (name.to_owned(), value.to_owned())));
        Ok(headers)
    }
}

/// Where Organizations of a region's partition lives. Source: AWS General Reference, "AWS Organizations endpoints".
fn home(region: &str) -> (&'static str, &'static str) {
    if region.starts_with("us-gov-") {
        ("us-gov-west-1", "https://organizations.us-gov-west-1.amazonaws.com")
    } else if region.starts_with("cn-") {
        ("cn-northwest-1", "https://organizations.cn-northwest-1.amazonaws.com.cn")
    } else {
        ("us-east-1", "https://organizations.us-east-1.amazonaws.com")
    }
}

#[derive(Deserialize)]
struct Page {
    #[serde(rename = "Accounts", default)]
    accounts: Vec<Entry>,
    #[serde(rename = "OrganizationalUnits", default)]
    units: Vec<Entry>,
    #[serde(rename = "NextToken", default)]
    next: Option<String>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "Id")]
    id: String,
    #[serde(rename = "Status", default)]
    status: Option<String>,
    #[serde(rename = "State", default)]
    state: Option<String>,
}
