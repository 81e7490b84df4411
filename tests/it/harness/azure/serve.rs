//! What happens to a request that reaches the double: it is held against the contract, against the token it carries and
//! the host it was meant for; then it suffers what it is to suffer, and is answered.

use std::sync::Arc;

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    Call, Shared, arm,
    contract::{CONTRACT, Operation, Sent},
    directory::TENANT,
    faults::Fault,
    graph, token,
    transport::{HOSTS, MEANT_FOR},
};
use crate::harness::aws::broken;

/// Which part of Azure a call is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Arm,
    Graph,
    Login,
}

impl Part {
    fn of(path: &str) -> Self {
        if path.ends_with("/oauth2/v2.0/token") {
            Self::Login
        } else if path.starts_with("/v1.0/") {
            Self::Graph
        } else {
            Self::Arm
        }
    }

    pub fn host(self) -> &'static str {
        HOSTS[self as usize]
    }

    /// The part that is reached at this address.
    pub fn at(host: &str) -> Option<Self> {
        [Self::Arm, Self::Graph, Self::Login].into_iter().find(|part| part.host() == host)
    }

    /// A token for it, as Entra makes them; applications find their permissions for Graph in it.
    pub fn token(self, roles: &[String]) -> String {
        let claims = json!({ "aud": format!("https://{}", self.host()), "roles": roles, "tid": TENANT });
        let key = jsonwebtoken::EncodingKey::from_secret(b"of the double alone");
        jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap()
    }
}

/// How every token of the double begins.
pub const TOKENS: &str = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.";

/// A request that keeps to the contract, ready to be answered.
pub struct Asked {
    pub operation: &'static Operation,
    pub part: Part,
    /// Without percent encoding.
    pub path: String,
    pub query: Vec<(String, String)>,
    pub body: Value,
    /// When it arrived.
    pub at: Timestamp,
    /// What links to further pages begin with.
    pub base: String,
}

impl Asked {
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str())
    }

    /// The part of the path behind its last `/`.
    pub fn last(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// The link to what comes after so many rows.
    pub fn next_link(&self, after: usize) -> String {
        let mut url = url::Url::parse(&self.base).unwrap();
        url.set_path(&self.path);
        let kept = self.query.iter().filter(|(name, _)| name != "$skiptoken");
        url.query_pairs_mut().extend_pairs(kept).append_pair("$skiptoken", &after.to_string());
        url.to_string()
    }
}

/// A status, and a body where there is one.
pub type Answer = (u16, Value);

/// The double as an HTTP server.
pub fn router(shared: Arc<Shared>) -> Router {
    Router::new().fallback(answer).with_state(shared)
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let asked = match read(&shared, &method, &uri, &headers, &body) {
        Ok(asked) => asked,
        Err(response) => return response,
    };
    let action = action(&asked);
    let call = Call { action: action.clone(), body: asked.body.clone(), at: asked.at };
    shared.desk().calls.push(call);
    suffer(&shared, shared.faults.take(&action), asked).await
}

async fn suffer(shared: &Arc<Shared>, fault: Option<Fault>, asked: Asked) -> Response {
    let is_graph = asked.part == Part::Graph;
    match fault {
        None => shared.perform(&asked),
        Some(Fault::Refuse { status, code, message }) => response((status, Fault::body(code, message, is_graph))),
        Some(Fault::Throttled(seconds)) => {
            let body = Fault::body("TooManyRequests", "The request is being throttled.", is_graph);
            let mut response = response((429, body));
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            response
        }
        Some(Fault::Html503) => {
            (StatusCode::SERVICE_UNAVAILABLE, [(header::CONTENT_TYPE, "text/html")], "<html>503</html>").into_response()
        }
        Some(Fault::FailBefore) => response((500, Fault::body("InternalServerError", "Try again.", is_graph))),
        Some(Fault::FailAfter) => {
            shared.perform(&asked);
            response((500, Fault::body("InternalServerError", "The work was done.", is_graph)))
        }
        Some(Fault::DropAfter) => {
            shared.perform(&asked);
            broken()
        }
        Some(Fault::Hang) => {
            // also when nobody waits for the answer any more
            let shared = Arc::clone(shared);
            let late = tokio::spawn(async move {
                shared.faults.healed().await;
                shared.perform(&asked)
            });
            late.await.unwrap_or_else(|_| broken())
        }
        Some(Fault::HangAfter) => {
            let answer = shared.perform(&asked);
            shared.faults.healed().await;
            answer
        }
        Some(Fault::Token { code, words }) => response(token::refused(code, words)),
        Some(Fault::Answer(body)) => response((200, body)),
    }
}

impl Shared {
    /// Does it. An answer that breaks the contract is the double's own defect.
    fn perform(&self, asked: &Asked) -> Response {
        let now = self.clock.now();
        let mut desk = self.desk();
        desk.pim.catch_up(now);
        let (status, body) = match asked.part {
            Part::Arm => arm::answer(&mut desk, asked, now),
            Part::Graph => graph::answer(&mut desk, asked, now),
            Part::Login => token::answer(&mut desk, asked),
        };
        for complaint in asked.operation.complaints_of_answer(status, &body) {
            desk.defects.push(format!("the double itself, {}: {complaint}: {body}", asked.operation.id));
        }
        response((status, body))
    }
}

#[expect(clippy::result_large_err, reason = "a refusal is an answer like any other")]
fn read(shared: &Shared, method: &Method, uri: &Uri, headers: &HeaderMap, body: &Bytes) -> Result<Asked, Response> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let content_type = text("content-type");
    let sent = Sent { method: method.as_str(), path: uri.path(), query: uri.query(), content_type, body };
    let part = Part::of(uri.path());
    let wrong = |status: u16, code: &str, complaint: String| {
        let answer = response((status, Fault::body(code, &complaint, part == Part::Graph)));
        shared.desk().defects.push(complaint);
        answer
    };
    if uri.path().starts_with("/moto-api/") {
        // another process that looks whether its moto is up, on a port that was free a moment ago: no client of ours
        return Err(response((404, Fault::body("NotFound", "this is no moto", false))));
    }
    let operation = CONTRACT.check(&sent).map_err(|complaint| {
        let status = if complaint.starts_with("no operation") { 404 } else { 400 };
        wrong(status, "BadRequest", complaint)
    })?;
    let meant_for = text(MEANT_FOR);
    if meant_for.is_some_and(|host| host != part.host()) {
        return Err(wrong(404, "NotFound", format!("{uri} was sent to {meant_for:?}")));
    }
    let token = text("authorization").and_then(|value| value.strip_prefix("Bearer "));
    let is_good = shared.desk().issued.iter().any(|(of, issued)| *of == part && Some(issued.as_str()) == token);
    if part != Part::Login && !is_good {
        return Err(wrong(401, "InvalidAuthenticationToken", format!("{uri} came with no token for it: {token:?}")));
    }
    let host = meant_for.or(text("host")).unwrap_or_default();
    let is_form = content_type.is_some_and(|kind| kind.contains("urlencoded"));
    Ok(Asked {
        operation,
        part,
        path: super::contract::decoded(uri.path()),
        query: url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect(),
        body: if is_form { form(body) } else { serde_json::from_slice(body).unwrap_or_default() },
        at: shared.clock.now(),
        base: format!("https://{host}"),
    })
}

fn form(body: &[u8]) -> Value {
    let pairs = url::form_urlencoded::parse(body).into_owned();
    pairs.map(|(name, value)| (name, Value::String(value))).collect::<serde_json::Map<_, _>>().into()
}

fn response((status, body): Answer) -> Response {
    let status = StatusCode::from_u16(status).unwrap();
    if body.is_null() { (status, Body::empty()).into_response() } else { (status, axum::Json(body)).into_response() }
}

/// What stories call it.
fn action(asked: &Asked) -> String {
    let id = asked.operation.id.as_str();
    let kind = asked.body["properties"]["requestType"].as_str().or(asked.body["action"].as_str());
    if let Some(kind) = kind {
        let (first, rest) = kind.split_at(1);
        return format!("{}{rest}", first.to_uppercase());
    }
    let names = [
        ("armGet_", "GetRequest"),
        ("graphRequest_", "GetRequest"),
        ("graphRequests_", "ListRequests"),
        ("armCancel_", "CancelRequest"),
        ("graphCancel_", "CancelRequest"),
        ("armList_roleAssignmentScheduleInstances_", "ListInstances"),
        ("graphInstances_", "ListInstances"),
        ("armList_roleAssignmentSchedules_", "ListSchedules"),
        ("graphSchedules_", "ListSchedules"),
        ("armPolicies", "ListPolicies"),
        ("graphPolicies", "ListPolicies"),
        ("armRoles", "ListRoles"),
        ("armRole", "GetRole"),
        ("graphRole", "GetRole"),
        ("armPermissions", "ListPermissions"),
        ("graphGroup", "GetGroup"),
        ("graphPrincipal", "GetServicePrincipal"),
        ("graphApp", "GetApp"),
        ("graphUsers", "FindUser"),
        ("graphUser", "GetUser"),
        ("token", "Token"),
    ];
    let known = names.iter().find(|(start, _)| id.starts_with(start));
    known.unwrap_or_else(|| panic!("{id} has no name for stories")).1.to_owned()
}
