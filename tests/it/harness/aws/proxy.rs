//! The proxy before moto: notes what passes, lets things go wrong on order, and keeps STS' time by the test's clock.

use std::{collections::BTreeMap, io, sync::Arc};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
};
use jiff::{SignedDuration, Timestamp};
use jit::ambient::Clock;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};
use url::Url;

use super::{
    super::waiting::Faults,
    center::Center,
    faults::Fault,
    federation, moto,
    record::{Call, Record, Session},
};

/// The running proxy; it ends when dropped.
pub(super) struct Proxy {
    pub url: Url,
    pub shared: Arc<Shared>,
    server: JoinHandle<()>,
}

/// What the proxy and the test both look at.
pub(super) struct Shared {
    pub faults: Faults<Fault>,
    pub record: Record,
    pub center: Center,
    pub http: reqwest::Client,
    moto: Url,
    clock: Arc<dyn Clock>,
}

impl Proxy {
    pub async fn start(moto: Url, clock: Arc<dyn Clock>) -> Self {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let (faults, record, center) = (Faults::default(), Record::default(), Center::default());
        let shared = Arc::new(Shared { faults, record, center, http, moto, clock });
        let app = Router::new()
            .route("/federation", axum::routing::any(federation::answer))
            .fallback(answer)
            .with_state(Arc::clone(&shared));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, shared, server }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// By the story's clock: the SDK holds the date of an answer against its own, and mends a difference by itself.
async fn answer(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let date = shared.now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let mut answer = reply(shared, headers, body).await;
    answer.headers_mut().insert(header::DATE, date.parse().expect("a date is a header"));
    answer
}

async fn reply(shared: Arc<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let call = read(&headers, &body);
    shared.record.note_call(call.clone());
    let fault = shared.faults.take(&call.action);
    match fault {
        None => shared.forward(&call, &headers, body, true).await,
        Some(Fault::Refuse { status, code, message }) => error(&headers, status, code, message),
        Some(Fault::Answer(body)) => body.into_response(),
        Some(Fault::Html503) => {
            (StatusCode::SERVICE_UNAVAILABLE, [(header::CONTENT_TYPE, "text/html")], "<html>503</html>").into_response()
        }
        Some(Fault::FailAfter) => {
            shared.forward(&call, &headers, body, false).await;
            error(&headers, 500, "InternalFailure", "the work was done")
        }
        Some(Fault::DropAfter) => {
            shared.forward(&call, &headers, body, false).await;
            broken()
        }
        Some(Fault::Hang) => {
            // also when nobody waits for the answer any more
            let late = tokio::spawn(async move {
                shared.faults.healed().await;
                shared.forward(&call, &headers, body, true).await
            });
            late.await.unwrap_or_else(|_| broken())
        }
        Some(Fault::Twice) => {
            shared.forward(&call, &headers, body.clone(), false).await;
            shared.forward(&call, &headers, body, true).await
        }
        Some(Fault::HangAfter) => {
            let answer = shared.forward(&call, &headers, body, false).await;
            shared.faults.healed().await;
            answer
        }
    }
}

impl Shared {
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    async fn forward(&self, call: &Call, headers: &HeaderMap, body: Bytes, delivered: bool) -> Response {
        if is_json(headers) {
            let body = serde_json::from_slice(&body).unwrap_or_default();
            let (status, answer) = self.center(&call.action, headers, &body).await;
            return (StatusCode::from_u16(status).unwrap(), axum::Json(answer)).into_response();
        }
        let mut request = self.http.post(self.moto.clone()).body(body);
        for (name, value) in headers.iter().filter(|(name, _)| !is_hop(name.as_str())) {
            request = request.header(name, value);
        }
        let answer = request.send().await.expect("moto answers");
        let (status, request_id) = (answer.status(), answer.headers().get("x-amzn-requestid").cloned());
        let mut text = answer.text().await.unwrap();
        if call.action == "AssumeRole" && status.is_success() {
            text = self.minted(call, &text, delivered);
        }
        let mut response = (status, [(header::CONTENT_TYPE, "text/xml")], text).into_response();
        response.headers_mut().extend(request_id.map(|id| (header::HeaderName::from_static("x-amzn-requestid"), id)));
        response
    }

    /// Asks moto in JSON; as if the bot had made the call `action` to Identity Center when one is named, whatever the
    /// call is that it really makes now.
    pub async fn ask_moto(&self, action: Option<&str>, headers: &HeaderMap, body: &Value) -> (u16, Value) {
        let mut request = self.http.post(self.moto.clone()).body(body.to_string());
        for (name, value) in headers.iter().filter(|(name, _)| !is_hop(name.as_str())) {
            request = match action {
                Some(action) if name == TARGET => request.header(name, format!("SWBExternalService.{action}")),
                Some(_) if name == header::AUTHORIZATION => request.header(name, scope("sso")),
                Some(_) | None => request.header(name, value),
            };
        }
        let _turn = moto::turn().await;
        let answer = request.send().await.expect("moto answers");
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    /// Notes the session. moto goes by the machine's clock, so the expiry is written anew.
    fn minted(&self, call: &Call, answer: &str, delivered: bool) -> String {
        let seconds = call.params.get("DurationSeconds").map_or(3_600, |seconds| seconds.parse().unwrap());
        let now = self.now();
        let expires_at = Timestamp::from_second((now + SignedDuration::from_secs(seconds)).as_second()).unwrap();
        self.record.note_session(Session::of(call, answer, now, expires_at, delivered));
        let (head, rest) = answer.split_once("<Expiration>").expect("moto sends an expiry");
        let (_, tail) = rest.split_once("</Expiration>").expect("moto ends its expiry");
        format!("{head}<Expiration>{expires_at}</Expiration>{tail}")
    }
}

fn read(headers: &HeaderMap, body: &[u8]) -> Call {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (params, action) = if is_json(headers) {
        (json_params(body), text(TARGET).rsplit('.').next().map(str::to_owned))
    } else {
        let params: BTreeMap<_, _> = url::form_urlencoded::parse(body).into_owned().collect();
        let action = params.get("Action").cloned();
        (params, action)
    };
    let signed_by = text(header::AUTHORIZATION).split_once("Credential=").and_then(|(_, rest)| rest.split('/').next());
    Call {
        action: action.unwrap_or_default(),
        signed_by: signed_by.map(str::to_owned),
        user_agent: text(header::USER_AGENT).to_owned(),
        params,
    }
}

/// Which header names the action of a call in JSON.
const TARGET: HeaderName = HeaderName::from_static("x-amz-target");

fn is_json(headers: &HeaderMap) -> bool {
    headers.contains_key(TARGET)
}

fn json_params(body: &[u8]) -> BTreeMap<String, String> {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    body.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), text(value))).collect()
}

/// moto tells services apart by what the signature is for; it does not check it.
pub(super) fn scope(service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential={}/20261121/{}/{service}/aws4_request, SignedHeaders=host, Signature=0",
        super::ACCESS_KEY_ID,
        super::REGION
    )
}

/// Headers that are about the connection and not about the call.
fn is_hop(name: &str) -> bool {
    ["host", "connection", "content-length", "transfer-encoding"].contains(&name)
}

fn error(headers: &HeaderMap, status: u16, code: &str, message: &str) -> Response {
    if is_json(headers) {
        let body = axum::Json(json!({ "__type": format!("com.amazonaws.sso#{code}"), "Message": message }));
        let id = [("x-amzn-requestid", "f0f0f0f0-1111-2222-3333-444444444444")];
        return (StatusCode::from_u16(status).unwrap(), id, body).into_response();
    }
    let body = format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>\
         <RequestId>f0f0f0f0-1111-2222-3333-444444444444</RequestId></ErrorResponse>"
    );
    let id = [("x-amzn-requestid", "f0f0f0f0-1111-2222-3333-444444444444"), ("content-type", "text/xml")];
    (StatusCode::from_u16(status).unwrap(), id, body).into_response()
}

/// An answer that breaks off before its end.
pub fn broken() -> Response {
    let breaks = futures::stream::once(async { Err::<Bytes, _>(io::Error::other("the line is dead")) });
    Response::new(Body::from_stream(breaks))
}
