//! The model against its own claims: that Slack's client library is content with it, that it refuses and fails as told,
//! and that what people do reaches a bot.

mod faults;
mod library;
mod limits;
mod people;
mod refusals;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use jiff::Timestamp;
use serde_json::{Value, json};
use slack_morphism::{SlackSigningSecret, signature_verifier::SlackEventSignatureVerifier};
use tokio::net::TcpListener;

use super::{Channel, Group, Server, Workspace};
use crate::ambient::{Clock, ManualClock, SystemClock};

/// A workspace with `ann`, `bob`, the group `oncall` and the channel `requests`, listening.
async fn workspace_by(clock: Arc<dyn Clock>) -> (Workspace, Server) {
    let workspace = Workspace::new(clock);
    for name in ["ann", "bob"] {
        _ = workspace.person(name);
    }
    workspace.add_group(Group::of("oncall", ["bob"]));
    workspace.add_channel(Channel::public("requests"));
    let server = workspace.start().await.unwrap();
    (workspace, server)
}

/// The same by a clock that stands still.
async fn workspace() -> (Workspace, Server, ManualClock) {
    let clock = ManualClock::at(Timestamp::from_second(1_763_715_600).unwrap());
    let (workspace, server) = workspace_by(Arc::new(clock.clone())).await;
    (workspace, server, clock)
}

/// Calls the Web API as the bot.
async fn call(server: &Server, method: &str, args: Value) -> Value {
    let url = format!("{}/{method}", server.api_url());
    let request = super::delivery::client().post(url).bearer_auth("xoxb-workspace-model").json(&args);
    request.send().await.unwrap().json().await.unwrap()
}

/// A bot that checks signatures, remembers what it was told and answers as it was told to.
#[derive(Clone, Default)]
struct Bot(Arc<Mutex<BotState>>);

#[derive(Default)]
struct BotState {
    received: Vec<String>,
    answers: VecDeque<(u16, String)>,
}

impl Bot {
    /// Starts a bot and connects it to the workspace.
    async fn of(workspace: &Workspace) -> Self {
        let bot = Self::default();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        workspace.connect_bot(format!("http://{}/slack/events", listener.local_addr().unwrap()));
        let router = Router::new().route("/slack/events", post(receive)).with_state(bot.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        bot
    }

    fn will_answer(&self, status: u16, body: impl Into<String>) {
        self.0.lock().unwrap().answers.push_back((status, body.into()));
    }

    /// The last body that arrived, as form fields.
    fn last_form(&self) -> Vec<(String, String)> {
        let body = self.0.lock().unwrap().received.last().unwrap().clone();
        url::form_urlencoded::parse(body.as_bytes()).into_owned().collect()
    }

    /// The payload of the last interaction that arrived.
    fn last_payload(&self) -> Value {
        serde_json::from_str(&self.last_form()[0].1).unwrap()
    }
}

async fn receive(State(bot): State<Bot>, headers: HeaderMap, body: String) -> (StatusCode, String) {
    let header = |name: &str| headers[name].to_str().unwrap();
    let verifier = SlackEventSignatureVerifier::new(&SlackSigningSecret("workspace-model-signing-secret".to_owned()));
    if verifier.verify(header("x-slack-signature"), &body, header("x-slack-request-timestamp")).is_err() {
        return (StatusCode::UNAUTHORIZED, String::new());
    }
    let mut state = bot.0.lock().unwrap();
    state.received.push(body);
    let (status, body) = state.answers.pop_front().unwrap_or((200, String::new()));
    (StatusCode::from_u16(status).unwrap(), body)
}

fn plain(text: &str) -> Value {
    json!({ "type": "plain_text", "text": text })
}

fn mrkdwn(text: &str) -> Value {
    json!({ "type": "mrkdwn", "text": text })
}

fn button(label: &str, action_id: &str) -> Value {
    json!({ "type": "button", "text": plain(label), "action_id": action_id, "value": "REQ-1" })
}

/// A card with the buttons Approve and Deny.
fn card() -> Value {
    json!([
        { "type": "section", "text": mrkdwn("<@U0ANN> asks for *prod-deploy*") },
        { "type": "actions", "elements": [button("Approve", "approve"), button("Deny", "deny")] },
    ])
}

fn system_clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}
