//! What the SDK sends, counted. It stands where the SDK hands a signed request to the connection, so each attempt passes
//! here, those for the bot's own sessions included.

use aws_config::BehaviorVersion;
use aws_smithy_runtime::client::defaults::default_http_client_plugin_v2;
use aws_smithy_runtime_api::client::{
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
    },
    orchestrator::HttpRequest,
    runtime_components::{RuntimeComponents, RuntimeComponentsBuilder},
    runtime_plugin::RuntimePlugin,
};

use crate::provider::tally::sent;

/// The client that the SDK would take by itself, proxies from the environment and all, with a counter before it.
pub(super) fn counted_client(version: BehaviorVersion) -> Option<SharedHttpClient> {
    let usual = default_http_client_plugin_v2(version)?;
    let client = usual.runtime_components(&RuntimeComponentsBuilder::new("jit")).http_client()?;
    Some(SharedHttpClient::new(Counted(client)))
}

#[derive(Debug)]
struct Counted<T>(T);

impl HttpClient for Counted<SharedHttpClient> {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Counted(self.0.http_connector(settings, components)))
    }
}

impl HttpConnector for Counted<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if let Some(name) = name_of(&request) {
            sent(&name);
        }
        self.0.call(request)
    }
}

/// What is called: newer services say it in a header, older ones in the form. What has no name is none of AWS' services:
/// the machine is asked who it is.
fn name_of(request: &HttpRequest) -> Option<String> {
    if let Some(target) = request.headers().get("x-amz-target") {
        return target.rsplit('.').next().map(str::to_owned);
    }
    let form = url::form_urlencoded::parse(request.body().bytes()?);
    form.into_iter().find(|(name, _)| name == "Action").map(|(_, action)| action.into_owned())
}
