//! The SDK repeats by itself what went wrong on the way. A call takes its place among those that AWS allows before it is
//! made; each time that it is made again it takes another one, here, where requests are handed to the connection.

use std::sync::Arc;

use aws_smithy_runtime_api::client::{
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
    },
    orchestrator::HttpRequest,
    runtime_components::RuntimeComponents,
};

use super::quota::Quota;

/// In which header the SDK says how often it has tried: `attempt=2; max=3`.
const ATTEMPT: &str = "amz-sdk-request";

/// A client whose repetitions keep to the quota.
#[derive(Debug)]
pub(super) struct Paced<T> {
    inner: T,
    quota: Arc<Quota>,
}

impl Paced<SharedHttpClient> {
    pub fn new(inner: SharedHttpClient, quota: Arc<Quota>) -> Self {
        Self { inner, quota }
    }
}

impl HttpClient for Paced<SharedHttpClient> {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(Paced { inner, quota: self.quota.clone() })
    }
}

impl HttpConnector for Paced<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if !is_repeated(&request) {
            return self.inner.call(request);
        }
        let (inner, quota) = (self.inner.clone(), self.quota.clone());
        HttpConnectorFuture::new(async move {
            quota.place().await;
            inner.call(request).await
        })
    }
}

fn is_repeated(request: &HttpRequest) -> bool {
    let attempt = request.headers().get(ATTEMPT).and_then(|it| it.split(';').next()?.trim().strip_prefix("attempt="));
    attempt.is_some_and(|attempt| attempt != "1")
}
