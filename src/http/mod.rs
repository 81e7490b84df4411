//! The route table: what the bot answers over HTTP.

use std::sync::Arc;

use axum::{
    Router,
    routing::{get, post},
};

use crate::app::App;

mod claim;
mod click;
mod command;
mod form;
mod health;
pub(crate) mod listen;
mod page;
mod slack;
pub mod v1;

/// Every route, ready to be served.
pub fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/slack/events", post(slack::receive))
        .route("/slack/command", post(slack::receive))
        .route("/slack/interaction", post(slack::receive))
        .route("/claim/{token}", get(claim::show).post(claim::claim))
        .route("/console/{token}", post(claim::console))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .with_state(app.clone())
        .nest("/v1", v1::router(app))
}
