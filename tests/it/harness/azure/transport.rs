//! The way from the bot to the double: hosts of Azure's are led to the loopback, and no other host is reached at all.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use azure_core::{
    Error,
    error::ErrorKind,
    http::{AsyncRawResponse, HttpClient, Request},
};

/// Which host is which part of Azure.
pub const HOSTS: [&str; 3] = ["management.azure.com", "graph.microsoft.com", "login.microsoftonline.com"];
/// Under which header the double is told which host was meant.
pub const MEANT_FOR: &str = "x-meant-for-host";

/// A transport for the SDK's pipelines.
pub struct Transport {
    to: std::net::SocketAddr,
    http: Arc<dyn HttpClient>,
    refused: Arc<Mutex<Vec<String>>>,
}

impl Transport {
    pub fn new(to: std::net::SocketAddr, refused: Arc<Mutex<Vec<String>>>) -> Self {
        // straight to the loopback, whatever proxies the environment names
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { to, http: Arc::new(http), refused }
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Transport to {}", self.to)
    }
}

#[async_trait]
impl HttpClient for Transport {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let url = request.url().clone();
        let host = url.host_str().unwrap_or_default().to_owned();
        if !HOSTS.contains(&host.as_str()) || url.scheme() != "https" {
            self.refused.lock().unwrap_or_else(PoisonError::into_inner).push(format!("a request to {url}"));
            return Err(Error::with_message(ErrorKind::Connection, format!("{host} is not to be reached in a test")));
        }
        let mut request = request.clone();
        let to = request.url_mut();
        to.set_scheme("http").expect("http is a scheme");
        to.set_host(Some(&self.to.ip().to_string())).expect("an address is a host");
        to.set_port(Some(self.to.port())).expect("http has ports");
        request.insert_header(MEANT_FOR, host);
        // patience enough for a busy machine, and less than the bot's own
        let answer = tokio::time::timeout(Duration::from_millis(1_500), self.http.execute_request(&request)).await;
        answer.unwrap_or_else(|_| Err(Error::with_message(ErrorKind::Io, "no answer in time")))
    }
}
