//! Presigned calls of AWS STS `GetCallerIdentity`: whoever can sign one is who STS says.
//!
//! The call is rebuilt from the few parts that it may have and made to a host that the configuration names: what the
//! caller sent is never forwarded, because whoever chooses the action or a header chooses what STS answers
//! (CVE-2020-16250), and a parameter that stands there twice means two things (CVE-2022-2385).

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::TimeZone};
use serde::Deserialize;
use url::Url;

use super::{Disproof, Disproven, LEEWAY, Verified, body, once, only};
use crate::{
    api::AUDIENCE_HEADER,
    domain::{
        session::Origin,
        workload::{AwsCaller, Proof, Workload},
    },
};

/// A session token makes for a long URL.
const MOST: usize = 4 * 1024;
/// How old a call may be. STS itself would take it for 15 minutes.
const AGE: SignedDuration = SignedDuration::from_mins(5);
/// How far ahead of ours the caller's clock may be.
const AHEAD: SignedDuration = SignedDuration::from_secs(60);
/// The answer is a few hundred bytes.
const ANSWER: usize = 64 * 1024;
/// The parameters that a call has: these and no others, each once.
const PARAMETERS: [&str; 9] = [
    "Action",
    "Version",
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-Security-Token",
    "X-Amz-Signature",
    "X-Amz-SignedHeaders",
];

pub(super) async fn verify<'w>(
    http: &reqwest::Client,
    url: &str,
    workloads: impl Iterator<Item = &'w Workload>,
    around: (&str, Timestamp),
) -> Result<Verified, Disproven> {
    let mut claimed = BTreeMap::new();
    let rules = workloads.filter_map(|workload| match &workload.proof {
        Proof::AwsCaller(rule) => Some((workload, rule)),
        Proof::Token(_) => None,
    });
    let checked = check(http, url, rules.collect(), around, &mut claimed).await;
    checked.map_err(|why| Disproven { why, claimed })
}

async fn check(
    http: &reqwest::Client,
    url: &str,
    rules: Vec<(&Workload, &AwsCaller)>,
    (audience, now): (&str, Timestamp),
    claimed: &mut BTreeMap<String, String>,
) -> Result<Verified, Disproof> {
    let call = Call::read(url, now)?;
    claimed.insert("host".to_owned(), call.host.chars().take(100).collect());
    let rules: Vec<_> = rules.into_iter().filter(|(_, rule)| rule.host() == call.host).collect();
    let Some((_, first)) = rules.first() else {
        let detail = "It is for a host that no workload of the configuration has. Sign the call for the region that is configured.";
        return Err(Disproof::Invalid(detail.to_owned()));
    };
    let who = call.make(http, first.sts_url.as_deref(), audience).await?;
    claimed.insert("arn".to_owned(), who.arn.chars().take(200).collect());
    let fitting: Vec<&Workload> = rules
        .iter()
        .filter(|(_, rule)| rule.sts_url == first.sts_url && rule.is(&who.account, &who.arn, &who.user_id))
        .map(|(workload, _)| *workload)
        .collect();
    let workload = only(&fitting, &format!("AWS knows the caller as {}, and no workload is this one.", who.arn))?;
    Ok(Verified {
        workload: workload.name.clone(),
        lasts: workload.session,
        origin: Origin { issuer: format!("https://{}", call.host), actor: Some(who.arn), ..Origin::default() },
        once: once(&["sts", &call.parameters["x-amz-signature"]]),
        worthless_from: call.signed_at + AGE + LEEWAY,
    })
}

/// A call, taken apart.
struct Call {
    host: String,
    /// By their names in lower case.
    parameters: BTreeMap<String, String>,
    signed_at: Timestamp,
}

/// Who called.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Caller {
    account: String,
    arn: String,
    user_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Identified {
    get_caller_identity_result: Caller,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    get_caller_identity_response: Identified,
}

impl Call {
    fn read(url: &str, now: Timestamp) -> Result<Self, Disproof> {
        let invalid = |why: &str| Disproof::Invalid(why.to_owned());
        if url.len() > MOST {
            return Err(invalid("It is longer than any such call."));
        }
        let url = Url::parse(url).map_err(|_| invalid("It is not a URL."))?;
        let plain = url.scheme() == "https"
            && url.port().is_none()
            && url.username().is_empty()
            && url.password().is_none()
            && url.fragment().is_none()
            && url.path() == "/";
        let host = url
            .host_str()
            .filter(|_| plain)
            .ok_or_else(|| invalid("It is not a call of STS: https://sts.REGION.amazonaws.com/?…"))?;
        let mut parameters = BTreeMap::new();
        for (name, value) in url.query_pairs() {
            let name = name.to_ascii_lowercase();
            if !PARAMETERS.iter().any(|known| known.eq_ignore_ascii_case(&name)) {
                return Err(invalid("It has a parameter that such a call does not have."));
            }
            if parameters.insert(name, value.into_owned()).is_some() {
                return Err(invalid("It has a parameter twice."));
            }
        }
        let is = |name: &str, wanted: &str| parameters.get(name).is_some_and(|value| value == wanted);
        if !is("action", "GetCallerIdentity") || !is("version", "2011-06-15") {
            return Err(invalid("It is not a call of GetCallerIdentity, version 2011-06-15."));
        }
        if !is("x-amz-algorithm", "AWS4-HMAC-SHA256") || !is("x-amz-signedheaders", &format!("host;{AUDIENCE_HEADER}"))
        {
            return Err(Disproof::Audience(format!(
                "It must be signed with the headers host and {AUDIENCE_HEADER}, and no others."
            )));
        }
        // One signature is written in one way, so that a call is known when it comes again.
        let is_signature =
            |text: &str| text.len() == 64 && text.bytes().all(|it| it.is_ascii_digit() || (b'a'..=b'f').contains(&it));
        if !parameters.get("x-amz-signature").is_some_and(|text| is_signature(text))
            || parameters.get("x-amz-credential").is_none_or(String::is_empty)
        {
            return Err(invalid("It is not signed."));
        }
        let signed_at = parameters.get("x-amz-date").and_then(|date| moment(date));
        let signed_at = signed_at.ok_or_else(|| invalid("It does not say when it was signed."))?;
        if now.duration_since(signed_at) > AGE || signed_at.duration_since(now) > AHEAD {
            return Err(Disproof::Expired(format!(
                "It was signed at {signed_at}; sign a fresh one, by a clock that is right."
            )));
        }
        Ok(Self { host: host.to_owned(), parameters, signed_at })
    }

    /// Makes the call anew: our host, our parameters in their places, our value of the header.
    async fn make(&self, http: &reqwest::Client, elsewhere: Option<&str>, audience: &str) -> Result<Caller, Disproof> {
        let unavailable = |why: String| {
            tracing::warn!(why, "STS could not be asked who a caller is");
            Disproof::Unavailable("AWS STS cannot be asked now. Try again.".to_owned())
        };
        let base = elsewhere.map_or_else(|| format!("https://{}/", self.host), str::to_owned);
        let mut url = Url::parse(&base).map_err(|error| unavailable(error.to_string()))?;
        let known = PARAMETERS.iter().filter_map(|name| Some((name, self.parameters.get(&name.to_ascii_lowercase())?)));
        url.query_pairs_mut().clear().extend_pairs(known);
        let call = http.get(url).header("host", &self.host).header(AUDIENCE_HEADER, audience);
        let answer = call.header("accept", "application/json").send().await;
        let answer = answer.map_err(|error| unavailable(error.without_url().to_string()))?;
        let status = answer.status();
        if status.is_server_error() || status.as_u16() == 429 {
            return Err(unavailable(status.to_string()));
        }
        if status.as_u16() != 200 {
            return Err(Disproof::Invalid(format!(
                "AWS STS does not take it ({status}): it was signed wrongly, for another audience, or by credentials that have ended."
            )));
        }
        let text = body(answer, ANSWER).await.map_err(unavailable)?;
        let answer: Answer = serde_json::from_slice(&text).map_err(|error| unavailable(error.to_string()))?;
        Ok(answer.get_caller_identity_response.get_caller_identity_result)
    }
}

/// `20261121T120000Z`
fn moment(text: &str) -> Option<Timestamp> {
    let at = DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?;
    at.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "https://sts.eu-west-1.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15\
        &X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=ASIAX%2F20261121%2Feu-west-1%2Fsts%2Faws4_request\
        &X-Amz-Date=20261121T120000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host%3Bx-jit-audience\
        &X-Amz-Signature=00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

    #[test]
    fn only_a_call_that_means_one_thing_is_rebuilt() {
        let now: Timestamp = "2026-11-21T12:01:00Z".parse().unwrap();
        assert!(Call::read(GOOD, now).is_ok());
        for (change, by) in [
            ("https://", "http://"),
            ("amazonaws.com/", "amazonaws.com:8443/"),
            ("amazonaws.com/?", "amazonaws.com/x?"),
            ("https://sts", "https://user@sts"),
            ("Action=GetCallerIdentity", "Action=AssumeRole"),
            ("&X-Amz-Expires=60", "&action=GetCallerIdentity"),
            ("&X-Amz-Expires=60", "&RoleArn=x"),
            ("host%3Bx-jit-audience", "host"),
            ("host%3Bx-jit-audience", "accept%3Bhost%3Bx-jit-audience"),
            ("X-Amz-Signature=0011", "X-Amz-Signature="),
            ("aabbccddeeff00", "AABBCCDDEEFF00"),
            ("ccddeeff00", "ccddeeff+0"),
            ("20261121T120000Z", "20261121T115459Z"),
            ("20261121T120000Z", "20261121T120201Z"),
            ("20261121T120000Z", "yesterday"),
        ] {
            let changed = GOOD.replace(change, by);
            assert_ne!(changed, GOOD);
            assert!(Call::read(&changed, now).is_err(), "{changed}");
        }
    }
}
