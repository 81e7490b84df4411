//! An issuer of tokens whose keys rotate, and an STS that checks signatures: both over the wire.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign},
    sign::v4,
};
use axum::{
    Json, Router,
    extract::{RawQuery, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, jwk::Jwk};
use rcgen::{KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use url::Url;

/// A key that an issuer signs with.
#[derive(Clone)]
pub struct Key {
    pub kid: String,
    signing: EncodingKey,
    /// As everybody can have it.
    pub public_pem: String,
}

impl Key {
    pub fn fresh(kid: &str) -> Self {
        let pair = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
        let signing = EncodingKey::from_rsa_pem(pair.serialize_pem().as_bytes()).unwrap();
        Self { kid: kid.to_owned(), signing, public_pem: pair.public_key_pem() }
    }

    /// A token with these claims.
    pub fn signs(&self, claims: &Value) -> String {
        let header = Header { kid: Some(self.kid.clone()), ..Header::new(Algorithm::RS256) };
        encode(&header, claims, &self.signing).unwrap()
    }

    /// What somebody makes who has the public key alone, and hopes that it is taken for a secret.
    pub fn forges(&self, claims: &Value) -> String {
        let header = Header { kid: Some(self.kid.clone()), ..Header::new(Algorithm::HS256) };
        encode(&header, claims, &EncodingKey::from_secret(self.public_pem.as_bytes())).unwrap()
    }

    fn public(&self) -> Value {
        let mut jwk = Jwk::from_encoding_key(&self.signing, Algorithm::RS256).unwrap();
        jwk.common.key_id = Some(self.kid.clone());
        serde_json::to_value(jwk).unwrap()
    }
}

/// How an issuer answers who asks for its keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    Fine,
    Down,
    Redirecting,
    Endless,
}

/// An issuer.
#[derive(Clone)]
pub struct Issuer {
    pub url: String,
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    keys: Vec<Key>,
    mood: Mood,
    asked: usize,
}

impl Issuer {
    pub async fn start() -> Self {
        let inner = Arc::new(Mutex::new(Inner { keys: vec![Key::fresh("key-1")], mood: Mood::Fine, asked: 0 }));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let issuer = Self { url, inner };
        let router = Router::new()
            .route("/.well-known/jwks", get(keys))
            .route("/oauth/discovery/keys", get(keys))
            .route("/elsewhere", get(elsewhere))
            .with_state(issuer.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        issuer
    }

    /// The newest key.
    pub fn key(&self) -> Key {
        self.inner.lock().unwrap().keys.last().unwrap().clone()
    }

    /// From now on it signs with another key, and knows the old one no more.
    pub fn rotates(&self, kid: &str) -> Key {
        let key = Key::fresh(kid);
        self.inner.lock().unwrap().keys = vec![key.clone()];
        key
    }

    pub fn is(&self, mood: Mood) {
        self.inner.lock().unwrap().mood = mood;
    }

    /// How often it was asked for its keys.
    pub fn asked(&self) -> usize {
        self.inner.lock().unwrap().asked
    }
}

async fn keys(State(issuer): State<Issuer>) -> Response {
    let (mood, keys) = {
        let mut inner = issuer.inner.lock().unwrap();
        inner.asked += 1;
        (inner.mood, inner.keys.iter().map(Key::public).collect::<Vec<_>>())
    };
    match mood {
        Mood::Fine => Json(json!({ "keys": keys })).into_response(),
        Mood::Down => StatusCode::BAD_GATEWAY.into_response(),
        Mood::Redirecting => Redirect::temporary("/elsewhere").into_response(),
        Mood::Endless => vec![b' '; 1024 * 1024].into_response(),
    }
}

async fn elsewhere(State(issuer): State<Issuer>) -> Response {
    let keys: Vec<Value> = issuer.inner.lock().unwrap().keys.iter().map(Key::public).collect();
    Json(json!({ "keys": keys })).into_response()
}

const REGION: &str = "eu-west-1";

/// An STS that knows one role, and checks what was signed with its credentials.
#[derive(Clone)]
pub struct Sts {
    pub url: String,
    calls: Arc<Mutex<Vec<BTreeMap<String, String>>>>,
}

impl Sts {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let sts = Self { url: format!("http://{}", listener.local_addr().unwrap()), calls: Arc::default() };
        let router = Router::new().route("/", get(identity)).with_state(sts.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        sts
    }

    /// How often it was asked.
    pub fn asked(&self) -> usize {
        self.calls.lock().unwrap().len()
    }
}

/// A call of `GetCallerIdentity` that the role's credentials have signed at this moment, for this audience.
pub fn presigned(audience: &str, at: Timestamp) -> String {
    let mut url =
        Url::parse("https://sts.eu-west-1.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15").unwrap();
    let parameters = signature(url.as_str(), audience, at);
    url.query_pairs_mut().extend_pairs(parameters);
    url.into()
}

fn signature(url: &str, audience: &str, at: Timestamp) -> Vec<(String, String)> {
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(Duration::from_mins(1));
    let identity = Credentials::new(
        "ASIADEPLOYER00000001",
        "the-deployers-secret",
        Some("a+session/token==".to_owned()),
        None,
        "test",
    )
    .into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(REGION)
        .name("sts")
        .time(at.into())
        .settings(settings)
        .build()
        .unwrap()
        .into();
    let headers = [("x-jit-audience", audience)];
    let request = SignableRequest::new("GET", url, headers.into_iter(), SignableBody::Bytes(b"")).unwrap();
    let (instructions, _) = sign(request, &params).unwrap().into_parts();
    instructions.params().iter().map(|(name, value)| ((*name).to_owned(), value.to_string())).collect()
}

async fn identity(State(sts): State<Sts>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let asked: BTreeMap<String, String> =
        url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect();
    sts.calls.lock().unwrap().push(asked.clone());
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let at = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", &asked["X-Amz-Date"]).unwrap();
    let at = at.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp();
    let url = format!("https://{}/?Action=GetCallerIdentity&Version=2011-06-15", header("host"));
    let expected: BTreeMap<String, String> = signature(&url, &header("x-jit-audience"), at).into_iter().collect();
    if expected.get("X-Amz-Signature") != asked.get("X-Amz-Signature") {
        return (StatusCode::FORBIDDEN, "SignatureDoesNotMatch").into_response();
    }
    Json(json!({ "GetCallerIdentityResponse": { "GetCallerIdentityResult": {
        "Account": "111122223333",
        "Arn": "arn:aws:sts::111122223333:assumed-role/deployer/i-0123456789",
        "UserId": "AROADEPLOYER:i-0123456789",
    } } }))
    .into_response()
}
