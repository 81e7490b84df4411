//! A container credentials endpoint on this machine, for one command: every SDK of AWS asks it for credentials, and asks
//! again before they run out.
//!
//! It listens on the loopback address alone, under a path that cannot be guessed, for whoever brings the token that only
//! the command was given, and it is gone when we are.

use std::{io, net::Ipv4Addr, sync::Arc};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use jiff::Timestamp;
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::{net::TcpListener, task::JoinHandle};

use super::vault::{Answer, Vault};
use crate::ambient::Entropy;

/// The endpoint; it ends with this value.
#[derive(Debug)]
pub struct Endpoint {
    url: String,
    token: String,
    serving: JoinHandle<()>,
}

#[derive(Clone)]
struct Door {
    vault: Arc<Vault>,
    /// What must be in `Authorization`, as its digest: comparing digests tells nothing about the token.
    token: [u8; 32],
    /// What must be in `Host`: a page in a browser that was led here by a name of its own says that name.
    host: String,
}

impl Endpoint {
    /// Opens it.
    ///
    /// # Errors
    /// When nothing can listen on this machine.
    pub async fn open(vault: Arc<Vault>, entropy: &dyn Entropy) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let host = listener.local_addr()?.to_string();
        let (path, token) = (random(entropy), random(entropy));
        let url = format!("http://{host}/{path}");
        let door = Door { vault, token: Sha256::digest(&token).into(), host };
        let router = Router::new().route(&format!("/{path}"), get(answer)).with_state(door);
        let serving = tokio::spawn(async move {
            let _for_ever = axum::serve(listener, router).await;
        });
        Ok(Self { url, token, serving })
    }

    /// What leads the SDKs here.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        vec![
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI".to_owned(), self.url.clone()),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN".to_owned(), self.token.clone()),
        ]
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn random(entropy: &dyn Entropy) -> String {
    let mut bytes = [0; 32];
    entropy.fill(&mut bytes);
    hex::encode(bytes)
}

async fn answer(State(door): State<Door>, headers: HeaderMap) -> Response {
    let header = |name| headers.get(name).map_or(&[][..], axum::http::HeaderValue::as_bytes);
    let brings_token = <[u8; 32]>::from(Sha256::digest(header(header::AUTHORIZATION))) == door.token;
    if !brings_token || header(header::HOST) != door.host.as_bytes() {
        return refusal(StatusCode::FORBIDDEN, "Forbidden", "this endpoint is for the command that jit runs");
    }
    match door.vault.open().await {
        Answer::Credentials(credentials, advertised) => {
            let body = json!({
                "AccessKeyId": credentials.access_key_id,
                "SecretAccessKey": credentials.secret_access_key.expose(),
                "Token": credentials.session_token.expose(),
                "Expiration": expiration(advertised),
            });
            ([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
        }
        // The SDKs do not ask again after a 4xx, and show these words.
        Answer::Closed(why) => refusal(StatusCode::FORBIDDEN, "GrantRevoked", &why),
        Answer::NotNow(why) => refusal(StatusCode::SERVICE_UNAVAILABLE, "JitUnavailable", &why),
    }
}

fn refusal(status: StatusCode, code: &str, message: &str) -> Response {
    (status, Json(json!({ "code": code, "message": message }))).into_response()
}

/// Some SDKs read no fractions of a second.
#[must_use]
pub fn expiration(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        ambient::SystemEntropy,
        api::CredentialsAsk,
        client::{Client, Surroundings},
    };

    /// An endpoint whose server is not there.
    async fn endpoint() -> (Arc<Vault>, Endpoint) {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let around =
            Surroundings { timer: Arc::new(crate::ambient::ManualTimer::default()), ..Surroundings::default() };
        let client = Client::new("http://127.0.0.1:1".parse().unwrap(), Duration::ZERO, around).unwrap();
        let ends_at = "2999-01-01T00:00:00Z".parse().unwrap();
        let vault = Arc::new(Vault::of(client, "GRANT-7K3M".into(), ends_at, CredentialsAsk::default()));
        let endpoint = Endpoint::open(vault.clone(), &SystemEntropy).await.unwrap();
        (vault, endpoint)
    }

    /// A plain `GET`, by hand: no client of HTTP lives in this room.
    async fn get(url: &str, token: &str, host: Option<&str>) -> String {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (address, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let host = host.unwrap_or(address);
        let head =
            format!("GET /{path} HTTP/1.1\r\nhost: {host}\r\nauthorization: {token}\r\nconnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn only_the_command_gets_an_answer() {
        let (vault, endpoint) = endpoint().await;
        vault.close("GRANT-7K3M was revoked by carol");
        assert!(endpoint.url.starts_with("http://127.0.0.1:"), "{}", endpoint.url);
        let told = get(&endpoint.url, &endpoint.token, None).await;
        assert!(told.starts_with("HTTP/1.1 403") && told.contains("revoked by carol"), "{told}");
        for (token, host) in [("guess", None), ("", None), (&*endpoint.token, Some("evil.example.com"))] {
            let told = get(&endpoint.url, token, host).await;
            assert!(told.starts_with("HTTP/1.1 403") && !told.contains("carol"), "{told}");
        }
        let elsewhere = endpoint.url.rsplit_once('/').unwrap().0.to_owned() + "/credentials";
        assert!(get(&elsewhere, &endpoint.token, None).await.starts_with("HTTP/1.1 404"));
    }

    #[tokio::test]
    async fn while_the_server_is_away_it_says_so_and_may_be_asked_again() {
        let (_vault, endpoint) = endpoint().await;
        let told = get(&endpoint.url, &endpoint.token, None).await;
        assert!(told.starts_with("HTTP/1.1 503") && told.contains("cannot be reached"), "{told}");
    }

    #[tokio::test]
    async fn it_is_gone_when_we_are() {
        let (_vault, endpoint) = endpoint().await;
        let address = endpoint.url.strip_prefix("http://").unwrap().split_once('/').unwrap().0.to_owned();
        drop(endpoint);
        for _ in 0..500 {
            if tokio::net::TcpStream::connect(&address).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("somebody still listens on {address}");
    }
}
