//! A program that calls the API over the wire, with a session's token.

use jit::playground::workspace::Person;
use serde_json::{Value, json};

use super::World;

/// Somebody's program.
#[derive(Clone)]
pub struct Client {
    base: String,
    token: Option<String>,
    http: reqwest::Client,
}

/// What was answered.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
    pub headers: reqwest::header::HeaderMap,
}

impl Answer {
    /// The code of a problem.
    pub fn code(&self) -> &str {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        assert_eq!(self.body["status"], self.status, "{self:?}");
        self.body["code"].as_str().unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body, if the call succeeded.
    #[track_caller]
    pub fn ok(self) -> Value {
        assert!((200..300).contains(&self.status), "{self:?}");
        self.body
    }

    pub fn text(&self, pointer: &str) -> String {
        self.body.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("{pointer}: {self:?}")).to_owned()
    }
}

impl Client {
    /// A program without a session.
    pub fn of(world: &World) -> Self {
        Self { base: world.url("/v1"), token: None, http: reqwest::Client::new() }
    }

    /// The same with another token.
    pub fn with(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.http.get(format!("{}{path}", self.base))).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.http.delete(format!("{}{path}", self.base))).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(self.http.post(format!("{}{path}", self.base)).json(&body)).await
    }

    /// The same with an idempotency key.
    pub async fn post_once(&self, path: &str, key: &str, body: Value) -> Answer {
        let call = self.http.post(format!("{}{path}", self.base)).header("idempotency-key", key);
        self.send(call.json(&body)).await
    }

    /// A call of any form.
    pub async fn send(&self, call: reqwest::RequestBuilder) -> Answer {
        let call = match &self.token {
            Some(token) => call.bearer_auth(token),
            None => call,
        };
        let answer = call.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let text = answer.text().await.unwrap();
        Answer { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::Null) }
    }

    /// A call of any form to this path.
    pub fn call(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }
}

impl World {
    /// `jit login` on a machine of this person's, confirmed in Slack: a program with a session.
    pub async fn signs_in(&mut self, person: &Person) -> Client {
        let stranger = Client::of(self);
        let login = stranger.post("/logins", json!({ "machine": "laptop", "user": "me" })).await;
        assert_eq!(login.status, 201, "{login:?}");
        person.types(&format!("/jit login {}", login.text("/code"))).await;
        person.clicks("Confirm").await;
        self.settle().await;
        let _ = person.private();
        let poll = stranger.with(&login.text("/poll_token"));
        let status = poll.get(&format!("/logins/{}", login.text("/id"))).await;
        let token = status.text("/token");
        self.shown_secrets.extend([token.clone(), login.text("/poll_token")]);
        stranger.with(&token)
    }

    /// Waits until so many calls wait for news.
    pub async fn hears(&self, calls: usize) {
        let bell = self.app.ctx.store.bell();
        while bell.listeners() < calls {
            tokio::task::yield_now().await;
        }
    }

    /// A program asks for a role and somebody approves; the grant as it then stands.
    pub async fn grants_by_api(&mut self, client: &Client, approver: &Person, ask: Value) -> Value {
        let request = client.post("/requests", ask).await;
        assert_eq!(request.status, 201, "{request:?}");
        self.settle().await;
        approver.clicks("Approve").await;
        self.settle().await;
        let _ = approver.private();
        client.get(&format!("/requests/{}", request.text("/id"))).await.ok()["grant"].clone()
    }
}
