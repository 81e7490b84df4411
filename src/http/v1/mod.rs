//! The API: the same use-cases as Slack's, for programs.
//!
//! A call says who it is by a session's token, gets an answer that stands in the OpenAPI document, and a refusal is
//! problem+json with a code that keeps its meaning. A file for each resource; nothing is decided here.

use std::{collections::BTreeSet, sync::Arc};

use axum::{
    Router,
    extract::Request,
    http::{HeaderValue, header},
    middleware::{self, Next},
    response::Response,
    routing::{delete, get, post},
};
use futures::future::BoxFuture;

use self::{
    caller::{Caller, Place},
    failure::Failure,
    limit::Limiter,
};
use crate::{
    api::ProblemCode,
    app::App,
    domain::{
        audit::Attempt,
        ids::{RequestId, UserGroupId},
    },
    job::directory,
    store::{StoreError, Tx},
    usecase::run,
};

mod audit;
mod body;
mod caller;
mod credentials;
mod failure;
mod grants;
mod limit;
mod login;
mod once;
pub mod openapi;
mod requests;
mod shown;
mod wait;
mod workloads;

/// What the routes work with.
#[derive(Debug)]
struct V1 {
    app: Arc<App>,
    strangers: Limiter,
}

/// Every route below `/v1`, ready to be served.
pub(super) fn router(app: Arc<App>) -> Router {
    let v1 = Arc::new(V1 { app, strangers: Limiter::default() });
    Router::new()
        .route("/openapi.json", get(openapi::document))
        .route("/logins", post(login::begin))
        .route("/logins/{id}", get(login::look))
        .route("/workload-sessions", post(workloads::prove))
        .route("/session", delete(login::sign_out))
        .route("/whoami", get(login::whoami))
        .route("/roles", get(requests::roles))
        .route("/requests", get(requests::mine).post(requests::ask))
        .route("/requests/{id}", get(requests::one).delete(requests::withdraw))
        .route("/grants", get(grants::mine))
        .route("/grants/{id}", get(grants::one))
        .route("/grants/{id}/extend", post(grants::prolong))
        .route("/grants/{id}/end", post(grants::give_back))
        .route("/grants/{id}/heartbeat", post(grants::beat))
        .route("/grants/{id}/credentials", post(credentials::claim))
        .route("/grants/{id}/console", post(credentials::console))
        .route("/audit", get(audit::trail))
        .fallback(nothing_here)
        .method_not_allowed_fallback(another_method)
        .layer(middleware::from_fn(finished))
        .with_state(v1)
}

impl V1 {
    async fn read<T, F>(&self, work: F) -> Result<T, Failure>
    where
        T: Send,
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, StoreError>> + Send,
    {
        self.app.ctx.store.read(work).await.map_err(|error| Failure::store(&self.app, &error))
    }

    async fn write<T, F>(&self, work: F) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, StoreError>> + Send + 'static,
    {
        self.app.ctx.store.write(work).await.map_err(|error| Failure::store(&self.app, &error))
    }

    /// Counts a call of somebody who has not proven who they are.
    fn admit(&self, place: Place) -> Result<(), Failure> {
        let most = self.app.config.load().api.strangers_per_minute.get();
        self.strangers.admit(place.0, most, self.app.ctx.clock.now())
    }

    /// Refuses somebody who is no longer in the workspace: a session outlives an account by what is left of it otherwise.
    async fn is_here(&self, caller: &Caller) -> Result<(), Failure> {
        let Some(person) = caller.principal().person() else { return Ok(()) };
        let left = directory::has_left(&self.app.ctx, person).await;
        if left.map_err(|error| Failure::store(&self.app, &error))? {
            let detail = "Slack says that this account was deactivated.";
            return Err(Failure::new(ProblemCode::SessionExpired, detail));
        }
        Ok(())
    }

    /// Refuses another run of a pipeline than the one that has asked.
    async fn is_their_run(&self, caller: &Caller, request: RequestId, attempt: Attempt) -> Result<(), Failure> {
        if caller.session.origin.is_none() {
            return Ok(());
        }
        let (env, by, run) = (self.app.ctx.env(), caller.principal().clone(), caller.run().map(str::to_owned));
        let whose = by.clone();
        let another =
            self.read(move |tx| Box::pin(async move { run::of_another(tx, &whose, run.as_deref(), request).await }));
        let Some(request) = another.await? else { return Ok(()) };
        self.write(move |tx| Box::pin(async move { run::refuse(tx, &env, &by, &request, attempt).await })).await?;
        Err(failure::another_run())
    }

    /// Whether it is known well enough who is in these user groups.
    async fn knows(&self, groups: &BTreeSet<UserGroupId>) -> Result<bool, Failure> {
        let known = directory::ensure_members(&self.app.ctx, groups).await;
        known.map_err(|error| Failure::store(&self.app, &error))
    }
}

async fn nothing_here() -> Failure {
    Failure::new(ProblemCode::NotFound, "There is no such route. /v1/openapi.json describes those that there are.")
}

async fn another_method() -> Failure {
    Failure::new(ProblemCode::MethodNotAllowed, "The header `Allow` says which methods this route knows.")
}

/// Counts answers, and sees to it that nothing of them is kept on the way.
async fn finished(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let status = response.status().as_u16().to_string();
    metrics::counter!("jit_api_answers_total", "status" => status).increment(1);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
