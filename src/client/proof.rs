//! How a pipeline proves what it is, with what its CI system or its cloud gives it. Nothing of it is kept anywhere.

use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign},
    sign::v4,
};
use jiff::Timestamp;
use serde::Deserialize;
use url::Url;

use crate::api::{AUDIENCE_HEADER, CallerIdentity, Proof, Secret};

/// What a proof can be made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A job of GitHub Actions with `permissions: id-token: write`.
    GitHub,
    /// A job of GitLab, or any other place that puts an OIDC token into `JIT_ID_TOKEN`.
    GitLab,
    /// A presigned `GetCallerIdentity`, by whatever role the machine has.
    Aws,
    /// A token of `GetWebIdentityToken`, where the account has turned that on.
    AwsWebIdentity,
}

/// What is missing for a proof.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NoProof(String);

/// Reads a variable of the environment.
pub type Variable<'a> = &'a (dyn Fn(&str) -> Option<String> + Sync);

const GITHUB_URL: &str = "ACTIONS_ID_TOKEN_REQUEST_URL";
const GITHUB_TOKEN: &str = "ACTIONS_ID_TOKEN_REQUEST_TOKEN";
const ID_TOKEN: &str = "JIT_ID_TOKEN";
/// Where a machine gets its role from AWS. That somebody has keys on their own machine is no reason to be a pipeline.
const AWS_MACHINES: [&str; 4] = [
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "CODEBUILD_BUILD_ARN",
];

impl Source {
    /// What there is here.
    #[must_use]
    pub fn at_hand(variable: Variable<'_>) -> Option<Self> {
        let is_set = |name: &&str| variable(name).is_some_and(|value| !value.is_empty());
        if is_set(&GITHUB_URL) {
            Some(Self::GitHub)
        } else if is_set(&ID_TOKEN) {
            Some(Self::GitLab)
        } else if AWS_MACHINES.iter().any(is_set) {
            Some(Self::Aws)
        } else {
            None
        }
    }

    /// Makes the proof for `audience`.
    ///
    /// # Errors
    /// When something is missing that the proof is made of.
    pub async fn prove(self, audience: &str, variable: Variable<'_>, now: Timestamp) -> Result<Proof, NoProof> {
        match self {
            Self::GitHub => github(audience, variable).await,
            Self::GitLab => id_token(variable),
            Self::Aws => caller_identity(audience, now).await,
            Self::AwsWebIdentity => web_identity(audience).await,
        }
    }
}

async fn github(audience: &str, variable: Variable<'_>) -> Result<Proof, NoProof> {
    let missing = || {
        NoProof(format!(
            "{GITHUB_URL} or {GITHUB_TOKEN} is not set: is this a job of GitHub Actions, and does it say `permissions: \
             id-token: write`?"
        ))
    };
    let (url, token) = variable(GITHUB_URL).zip(variable(GITHUB_TOKEN)).ok_or_else(missing)?;
    let mut url: Url = url.parse().map_err(|_| NoProof(format!("{GITHUB_URL} is no address")))?;
    url.query_pairs_mut().append_pair("audience", audience);
    let failed = |error: reqwest::Error| NoProof(format!("GitHub gives no token: {}", error.without_url()));
    let http = reqwest::Client::builder().timeout(Duration::from_secs(20)).build().map_err(failed)?;
    let mut last = String::new();
    for _ in 0..3 {
        let answer = http.get(url.clone()).bearer_auth(&token).send().await.map_err(failed)?;
        if answer.status().is_success() {
            let answer: GitHubAnswer = answer.json().await.map_err(failed)?;
            return Ok(Proof::OidcToken(answer.value));
        }
        last = answer.status().to_string();
        if !answer.status().is_server_error() {
            break;
        }
    }
    Err(NoProof(format!("GitHub gives no token: HTTP {last}")))
}

#[derive(Deserialize)]
struct GitHubAnswer {
    value: Secret,
}

fn id_token(variable: Variable<'_>) -> Result<Proof, NoProof> {
    let token = variable(ID_TOKEN).filter(|token| !token.trim().is_empty());
    let missing = "JIT_ID_TOKEN is not set. In GitLab, the job says `id_tokens: { JIT_ID_TOKEN: { aud: … } }`";
    token.map(|token| Proof::OidcToken(token.trim().to_owned().into())).ok_or_else(|| NoProof(missing.to_owned()))
}

async fn aws() -> SdkConfig {
    aws_config::load_defaults(BehaviorVersion::v2026_01_12()).await
}

async fn caller_identity(audience: &str, now: Timestamp) -> Result<Proof, NoProof> {
    let config = aws().await;
    let none = || NoProof("this machine has no role or keys of AWS to prove itself with".to_owned());
    let provider = config.credentials_provider().ok_or_else(none)?;
    let credentials = provider.provide_credentials().await.map_err(|error| {
        let why = aws_smithy_types::error::display::DisplayErrorContext(&error).to_string();
        NoProof(format!("this machine has no role or keys of AWS to prove itself with: {why}"))
    })?;
    let region = config.region().map_or("us-east-1", Region::as_ref);
    presign(audience, &credentials, region, now).map_err(|why| NoProof(format!("the proof cannot be signed: {why}")))
}

/// A `GetCallerIdentity` that whoever has it can make for a minute, and that is good for `audience` alone.
fn presign(
    audience: &str,
    credentials: &aws_credential_types::Credentials,
    region: &str,
    now: Timestamp,
) -> Result<Proof, Box<dyn std::error::Error + Send + Sync>> {
    let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    let url = format!("https://sts.{region}.{domain}/?Action=GetCallerIdentity&Version=2011-06-15");
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(Duration::from_mins(1));
    let identity = credentials.clone().into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("sts")
        .time(now.into())
        .settings(settings)
        .build()?
        .into();
    let headers = [(AUDIENCE_HEADER, audience)].into_iter();
    let request = SignableRequest::new("GET", &url, headers, SignableBody::Bytes(b""))?;
    let (instructions, _) = sign(request, &params)?.into_parts();
    let (_, query) = instructions.into_parts();
    let mut url: Url = url.parse()?;
    url.query_pairs_mut().extend_pairs(query);
    Ok(Proof::AwsCallerIdentity(CallerIdentity { url: url.to_string().into() }))
}

async fn web_identity(audience: &str) -> Result<Proof, NoProof> {
    let sts = aws_sdk_sts::Client::new(&aws().await);
    let call = sts.get_web_identity_token().audience(audience).signing_algorithm("RS256").duration_seconds(300);
    let answer = call.send().await.map_err(|error| {
        let why = aws_smithy_types::error::display::DisplayErrorContext(&error).to_string();
        NoProof(format!("AWS gives no web identity token: {why}"))
    })?;
    let token = answer.web_identity_token().ok_or_else(|| NoProof("AWS answers without a token".to_owned()))?;
    Ok(Proof::AwsWebIdentityToken(token.to_owned().into()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn what_is_there_says_what_one_is() {
        let at_hand = |names: &[&str]| Source::at_hand(&|name| names.contains(&name).then(|| "something".to_owned()));
        assert_eq!(at_hand(&[GITHUB_URL, ID_TOKEN, "CODEBUILD_BUILD_ARN"]), Some(Source::GitHub));
        assert_eq!(at_hand(&[ID_TOKEN, "AWS_WEB_IDENTITY_TOKEN_FILE"]), Some(Source::GitLab));
        assert_eq!(at_hand(&["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"]), Some(Source::Aws));
        assert_eq!(at_hand(&["AWS_ACCESS_KEY_ID", "AWS_PROFILE"]), None, "somebody's own machine is no pipeline");
        assert_eq!(Source::at_hand(&|_| Some(String::new())), None, "an empty variable is none");
    }

    #[test]
    fn a_call_is_signed_for_one_audience() {
        let token = Some("the+session/token=".to_owned());
        let credentials = aws_credential_types::Credentials::new("ASIAEXAMPLE", "secret", token, None, "tests");
        let now = "2026-11-21T12:00:00Z".parse().unwrap();
        let proof = presign("https://jit.example.com", &credentials, "eu-west-1", now).unwrap();
        let Proof::AwsCallerIdentity(CallerIdentity { url }) = proof else { panic!("{proof:?}") };
        let url: Url = url.expose().parse().unwrap();
        assert_eq!(url.host_str(), Some("sts.eu-west-1.amazonaws.com"));
        let query: BTreeMap<_, _> = url.query_pairs().into_owned().collect();
        assert_eq!(query["Action"], "GetCallerIdentity");
        assert_eq!(query["X-Amz-SignedHeaders"], "host;x-jit-audience");
        assert_eq!(query["X-Amz-Date"], "20261121T120000Z");
        assert_eq!(query["X-Amz-Expires"], "60");
        assert_eq!(query["X-Amz-Credential"], "ASIAEXAMPLE/20261121/eu-west-1/sts/aws4_request");
        assert_eq!(query["X-Amz-Security-Token"], "the+session/token=");
        assert_eq!(query.len(), 9, "{query:?}");
        let other = presign("https://jit.example.org", &credentials, "eu-west-1", now).unwrap();
        assert_ne!(other, Proof::AwsCallerIdentity(CallerIdentity { url: url.to_string().into() }));
    }

    #[tokio::test]
    async fn what_is_missing_is_named() {
        let now = "2026-11-21T12:00:00Z".parse().unwrap();
        for (source, named) in [(Source::GitHub, "id-token: write"), (Source::GitLab, "id_tokens:")] {
            let missing = source.prove("https://jit.example.com", &|_| None, now).await.unwrap_err();
            assert!(missing.to_string().contains(named), "{missing}");
        }
    }
}
