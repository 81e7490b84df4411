//! Whether the bot is alive and ready, and what it has counted.

use std::sync::Arc;

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};

use crate::{app::App, store::Occupancy, telemetry};

/// The process answers.
pub async fn alive() -> &'static str {
    "ok\n"
}

/// The store and Slack answer too. Says which does not. Whoever asks also has the worker learn what another process has
/// written into the store, since every write does: a command that has done so asks here.
pub async fn ready(State(app): State<Arc<App>>) -> Response {
    let store = app.ctx.store.write(|_tx| Box::pin(async { Ok(()) }));
    let slack = app.ctx.tools.load().slack.clone();
    let patience = std::time::Duration::from_secs(3);
    let (store, slack) =
        tokio::join!(tokio::time::timeout(patience, store), tokio::time::timeout(patience, slack.whoami()));
    let missing: Vec<&str> = [(matches!(store, Ok(Ok(()))), "store"), (matches!(slack, Ok(Ok(_))), "Slack")]
        .into_iter()
        .filter_map(|(works, name)| (!works).then_some(name))
        .collect();
    if missing.is_empty() {
        "ready\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {} cannot be reached\n", missing.join(" and ")))
            .into_response()
    }
}

/// In Prometheus' text format.
pub async fn metrics(State(app): State<Arc<App>>) -> Response {
    let mut page = app.metrics.render();
    match app.ctx.store.read(|tx| Box::pin(async move { tx.occupancy().await })).await {
        Ok(occupancy) => page.push_str(&telemetry::rendered_apart(|| gauge(&occupancy))),
        Err(error) => tracing::error!(%error, "the store does not say how full it is"),
    }
    page.into_response()
}

#[expect(clippy::cast_precision_loss, reason = "counts of rows are far below 2^52")]
fn gauge(occupancy: &Occupancy) {
    metrics::gauge!("jit_requests_awaiting").set(occupancy.awaiting_requests as f64);
    metrics::gauge!("jit_accesses_stuck").set(occupancy.stuck_accesses as f64);
    metrics::gauge!("jit_jobs_unfinished").set(occupancy.jobs as f64);
    for state in ["applying", "active", "ending"] {
        let count = occupancy.grants.get(state).copied().unwrap_or_default();
        metrics::gauge!("jit_grants", "state" => state).set(count as f64);
    }
}
