//! The typed way to Azure Resource Manager and Microsoft Graph: one call, one attempt, its answer read here.
//!
//! The SDK's own check of answers loses the code of every error whose words have an escape in them, which is so for all
//! that Privileged Identity Management has to say about policies; so it is left out, and answers are read here. Nothing is
//! ever sent again by itself: whoever gets an answer decides.

use std::{sync::Arc, time::Duration};

use azure_core::{
    credentials::TokenCredential,
    http::{
        ClientOptions, Context, Method, Pipeline, PipelineSendOptions, Request, RetryOptions, Transport, Url,
        headers::{self, RETRY_AFTER},
        policies::{Policy, auth::BearerTokenAuthorizationPolicy},
    },
};
use serde_json::Value;

use super::{failure::Failure, wire::Counted};

const ARM_HOST: &str = "management.azure.com";
const GRAPH_HOST: &str = "graph.microsoft.com";
/// No list is longer than so many pages: what has more is not what we asked for.
const MOST_PAGES: usize = 200;

/// One of the two services.
#[derive(Debug)]
pub(super) struct Service {
    base: Url,
    pipeline: Pipeline,
}

/// Both.
#[derive(Debug)]
pub(super) struct Client {
    pub arm: Service,
    pub graph: Service,
    credential: Arc<dyn TokenCredential>,
    graph_scope: String,
}

impl Client {
    pub fn new(arm: &Url, graph: &Url, credential: &Arc<dyn TokenCredential>, wire: &Counted) -> Self {
        let service = |base: &Url, usual: &str| Service {
            pipeline: pipeline(wire, vec![bearer(credential, scope(base, usual))]),
            base: base.clone(),
        };
        Self {
            arm: service(arm, ARM_HOST),
            graph: service(graph, GRAPH_HOST),
            credential: credential.clone(),
            graph_scope: scope(graph, GRAPH_HOST),
        }
    }

    /// What the bot may do with Graph, as Entra writes it into the token; `None` when the token does not say.
    pub async fn graph_roles(&self) -> Result<Option<Vec<String>>, Failure> {
        let token = self.credential.get_token(&[&self.graph_scope], None).await.map_err(|error| Failure::of(&error))?;
        Ok(roles(token.token.secret()))
    }
}

/// The claim `roles` of a token. Nobody relies on it: it only explains what Graph would refuse.
fn roles(token: &str) -> Option<Vec<String>> {
    let payload = token.split('.').nth(1)?.replace('-', "+").replace('_', "/");
    let padding = "=".repeat((4 - payload.len() % 4) % 4);
    let payload = aws_smithy_types::base64::decode(payload + &padding).ok()?;
    let claims: Value = serde_json::from_slice(&payload).ok()?;
    let roles = claims.get("roles").and_then(Value::as_array).into_iter().flatten();
    Some(roles.filter_map(Value::as_str).map(str::to_owned).collect())
}

/// What a pipeline has in common with that of the credential: the wire, and that it sends once.
pub(super) fn options(wire: &Counted) -> ClientOptions {
    ClientOptions {
        retry: RetryOptions::none(),
        transport: Some(Transport::new(Arc::new(wire.clone()))),
        ..ClientOptions::default()
    }
}

fn pipeline(wire: &Counted, per_try: Vec<Arc<dyn Policy>>) -> Pipeline {
    let (name, version) = (option_env!("CARGO_PKG_NAME"), option_env!("CARGO_PKG_VERSION"));
    Pipeline::new(name, version, options(wire), Vec::new(), per_try, None)
}

fn bearer(credential: &Arc<dyn TokenCredential>, scope: String) -> Arc<dyn Policy> {
    Arc::new(BearerTokenAuthorizationPolicy::new(credential.clone(), [scope]))
}

/// What a token for a service is asked for by: the service's own address, in whichever cloud of Microsoft's it is.
/// Stand-ins for Azure have the scopes of Azure itself.
fn scope(base: &Url, usual: &str) -> String {
    let host = base.host_str().unwrap_or_default();
    let is_azure = |suffix: &str| host == suffix || host.ends_with(&format!(".{suffix}"));
    let known = ["azure.com", "microsoft.com", "usgovcloudapi.net", "microsoft.us", "chinacloudapi.cn"];
    let host = if known.into_iter().any(is_azure) { host } else { usual };
    format!("https://{host}/.default")
}

impl Service {
    /// The URL of a path below the service, with what is asked of it.
    pub fn url(&self, path: &str, query: &[(&str, &str)]) -> Url {
        let mut url = self.base.clone();
        let before = self.base.path().trim_end_matches('/');
        url.set_path(&format!("{before}/{}", path.trim_start_matches('/')));
        if !query.is_empty() {
            // `+` for a blank is for forms; OData wants %20
            let encoded =
                query.iter().fold(url::form_urlencoded::Serializer::new(String::new()), |mut all, (key, value)| {
                    all.append_pair(key, value);
                    all
                });
            let encoded = { encoded }.finish().replace('+', "%20").replace("%24", "$");
            url.set_query(Some(&encoded));
        }
        url
    }

    /// What is there; `None` when Azure says that it is not.
    pub async fn look_up(&self, url: Url) -> Result<Option<Value>, Failure> {
        match self.send(Method::Get, url, None).await {
            Ok(value) => Ok(Some(value)),
            Err(Failure::Answered(answer)) if answer.status == 404 => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// All of a list, page after page.
    pub async fn list(&self, url: Url) -> Result<Vec<Value>, Failure> {
        let (mut next, mut all) = (Some(url), Vec::new());
        for _ in 0..MOST_PAGES {
            let Some(url) = next.take() else { return Ok(all) };
            let mut page = self.send(Method::Get, url, None).await?;
            let Some(Value::Array(items)) = page.get_mut("value").map(Value::take) else {
                return Err(Failure::Garbled);
            };
            all.extend(items);
            next = self.next_page(&page)?;
        }
        Err(Failure::Garbled)
    }

    /// A token never goes anywhere else than to the service itself.
    fn next_page(&self, page: &Value) -> Result<Option<Url>, Failure> {
        let link = ["nextLink", "@odata.nextLink"].iter().find_map(|key| page.get(*key)?.as_str());
        let Some(link) = link.filter(|link| !link.is_empty()) else { return Ok(None) };
        let url = self.base.join(link).map_err(|_| Failure::Garbled)?;
        let same = (url.scheme(), url.host_str(), url.port_or_known_default())
            == (self.base.scheme(), self.base.host_str(), self.base.port_or_known_default());
        if same { Ok(Some(url)) } else { Err(Failure::Garbled) }
    }

    /// Sends a call once.
    pub async fn send(&self, method: Method, url: Url, body: Option<&Value>) -> Result<Value, Failure> {
        let mut request = Request::new(url, method);
        request.insert_header(headers::ACCEPT, "application/json");
        if let Some(body) = body {
            request.insert_header(headers::CONTENT_TYPE, "application/json");
            request.set_body(body.to_string());
        }
        let unchecked = PipelineSendOptions { skip_checks: true, ..PipelineSendOptions::default() };
        let sent = self.pipeline.send(&Context::default(), &mut request, Some(unchecked)).await;
        let answer = sent.map_err(|error| Failure::of(&error))?;
        let status = u16::from(answer.status());
        let body: &[u8] = answer.body();
        if (200..300).contains(&status) {
            if body.is_empty() {
                return Ok(Value::Null);
            }
            return serde_json::from_slice(body).map_err(|_| Failure::Garbled);
        }
        let after = answer.headers().get_optional_str(&RETRY_AFTER).and_then(|after| after.trim().parse().ok());
        Err(Failure::answered(status, body, after.map(Duration::from_secs)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_bot_may_do_is_read_from_its_token() {
        let payload = aws_smithy_types::base64::encode(r#"{"roles":["User.Read.All"],"x":"??>"}"#);
        let token = format!("e30.{}.s", payload.replace('+', "-").replace('/', "_").trim_end_matches('='));
        assert_eq!(roles(&token), Some(vec!["User.Read.All".to_owned()]));
        assert_eq!(roles("opaque"), None);
    }

    #[test]
    fn tokens_are_for_the_service_that_is_called() {
        for (base, expected) in [
            ("https://management.azure.com", "https://management.azure.com/.default"),
            ("https://graph.microsoft.com/", "https://graph.microsoft.com/.default"),
            ("https://graph.microsoft.us", "https://graph.microsoft.us/.default"),
            ("https://localhost:4000", "https://usual.example/.default"),
        ] {
            assert_eq!(scope(&base.parse().unwrap(), "usual.example"), expected);
        }
    }
}
