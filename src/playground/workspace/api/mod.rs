//! The Web API over HTTP, and the response URLs: what the bot can call.
//!
//! Every call meets the planned faults first, then the checks, then does its work in one step, and is logged with what
//! became of it. The methods themselves are in the table of [`method`].

mod args;
mod chat;
mod conversations;
mod method;
mod people;
mod refusal;
mod response_url;
mod views;

use axum::{
    Json, Router,
    body::Bytes,
    extract::{ConnectInfo, Path, RawQuery, State as Shared},
    http::{HeaderMap, StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::{any, post},
};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Fault, Workspace, serve::Wire, state::State};
use args::Args;
pub(super) use refusal::Refusal;

/// A call of the bot, and what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The method, such as `chat.postMessage`; `response_url` or `answer` for what came another way.
    pub method: String,
    /// Its arguments, without the token.
    pub args: Value,
    /// When it arrived.
    pub at: Timestamp,
    /// What became of it.
    pub outcome: CallOutcome,
}

/// What became of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallOutcome {
    /// It did its work.
    Done,
    /// `ok: false`.
    Refused {
        /// Slack's error code.
        error: String,
        /// What exactly was wrong, where Slack says so.
        messages: Vec<String>,
    },
    /// 429.
    RateLimited,
    /// 500, a hang or a cut connection by this planned fault.
    Failed(Fault),
}

/// The routes `/api/METHOD` and `/response/ID`.
pub(super) fn router(workspace: Workspace) -> Router {
    Router::new().route("/api/{method}", any(call)).route("/response/{id}", post(respond)).with_state(workspace)
}

async fn call(
    Shared(workspace): Shared<Workspace>,
    ConnectInfo(wire): ConnectInfo<Wire>,
    Path(method): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let args = match Args::parse(&headers, query.as_deref(), &body) {
        Ok(args) => args,
        Err(refusal) => return answer_call(Err(refusal)),
    };
    let (log, name) = (args.to_json(), method.clone());
    let work = move |state: &mut State, now| method::run(state, &name, &headers, &args, now);
    Attempt { workspace, wire, method, log }.go(work, answer_call).await
}

async fn respond(
    Shared(workspace): Shared<Workspace>,
    ConnectInfo(wire): ConnectInfo<Wire>,
    Path(id): Path<String>,
    Json(body): Json<Value>,
) -> Response {
    let (log, method) = (body.clone(), "response_url".to_owned());
    let work = move |state: &mut State, now| response_url::run(state, &id, &body, now);
    Attempt { workspace, wire, method, log }.go(work, answer_response_url).await
}

/// One call on its way through the faults.
struct Attempt {
    workspace: Workspace,
    wire: Wire,
    method: String,
    log: Value,
}

impl Attempt {
    async fn go(
        self,
        work: impl FnOnce(&mut State, Timestamp) -> Result<Value, Refusal>,
        answer: fn(Result<Value, Refusal>) -> Response,
    ) -> Response {
        // Listen before looking, so that a hang which is cleared in this instant is not missed.
        let mut cleared = self.workspace.0.faults.listen();
        let fault = self.workspace.0.faults.meet(&self.method, self.log["channel"].as_str());
        match fault {
            None => answer(self.work(work, None)),
            Some(Fault::RateLimited { retry_after }) => {
                answer(self.work(|_, _| Err(Refusal::throttled(retry_after)), None))
            }
            Some(Fault::Refuse(error)) => answer(self.work(|_, _| Err(Refusal::new(error)), None)),
            Some(fault @ Fault::ServerError) => {
                self.record(CallOutcome::Failed(fault));
                server_error()
            }
            Some(fault @ Fault::ServerErrorAfterWork) => {
                _ = self.work(work, Some(fault));
                server_error()
            }
            Some(fault @ Fault::Unreachable) => {
                self.record(CallOutcome::Failed(fault));
                self.wire.cut();
                server_error()
            }
            Some(Fault::Slow(time)) => {
                tokio::select! {
                    () = tokio::time::sleep(time) => {}
                    _ = cleared.changed() => {}
                }
                answer(self.work(work, None))
            }
            Some(fault @ Fault::Hang) => {
                self.record(CallOutcome::Failed(fault));
                _ = cleared.changed().await;
                answer(self.work(work, None))
            }
            Some(fault @ Fault::HangAfterWork) => {
                let result = self.work(work, Some(fault));
                _ = cleared.changed().await;
                answer(result)
            }
            Some(fault @ Fault::DropAnswerAfterWork) => {
                let result = self.work(work, Some(fault));
                self.wire.cut();
                answer(result)
            }
        }
    }

    /// Does the work and records it, as `fault` if that is what the caller will see.
    fn work(
        &self,
        work: impl FnOnce(&mut State, Timestamp) -> Result<Value, Refusal>,
        fault: Option<Fault>,
    ) -> Result<Value, Refusal> {
        let result = work(&mut self.workspace.state(), self.workspace.now());
        self.record(match (&result, fault) {
            (_, Some(fault)) => CallOutcome::Failed(fault),
            (Ok(_), None) => CallOutcome::Done,
            (Err(refusal), None) => refusal.outcome(),
        });
        result
    }

    fn record(&self, outcome: CallOutcome) {
        let at = self.workspace.now();
        let call = Call { method: self.method.clone(), args: self.log.clone(), at, outcome };
        self.workspace.state().calls.push(call);
    }
}

fn answer_call(result: Result<Value, Refusal>) -> Response {
    match result {
        Ok(mut answer) => {
            answer["ok"] = json!(true);
            Json(answer).into_response()
        }
        Err(refusal) => refusal.into_response(),
    }
}

fn answer_response_url(result: Result<Value, Refusal>) -> Response {
    match result {
        Ok(_) => "ok".into_response(),
        Err(refusal) if refusal.is_throttled() => refusal.into_response(),
        Err(refusal) => (StatusCode::NOT_FOUND, [(header::CONTENT_TYPE, "text/plain")], refusal.error).into_response(),
    }
}

fn server_error() -> Response {
    let page = Html("<!DOCTYPE html><html><body><h1>Server Error</h1></body></html>");
    (StatusCode::INTERNAL_SERVER_ERROR, page).into_response()
}
