//! Logs and metrics.
//!
//! Logs go to standard error as one JSON object a line, with ids as fields; nothing in this crate logs a body, a token
//! or a credential. `JIT_LOG` chooses what is shown (`info` by default; syntax of `tracing_subscriber::EnvFilter`).

use std::sync::OnceLock;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

/// Crates that write what goes over the wire, at levels below `info`: bodies, and headers with tokens in them.
const NEVER_BELOW_INFO: [&str; 13] = [
    "slack_morphism=info",
    "azure_core=info",
    "azure_identity=info",
    "reqwest=info",
    "typespec=info",
    "typespec_client_core=info",
    "aws_config=info",
    "aws_runtime=info",
    "aws_sigv4=info",
    "aws_smithy_runtime=info",
    "h2=info",
    "hyper=info",
    "hyper_util=info",
];

/// Starts logging. A second call changes nothing.
pub fn start_logging() {
    let filter = filter(std::env::var("JIT_LOG").ok().as_deref());
    // Somebody who embeds the crate may have started logging already.
    let _ = tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(std::io::stderr).try_init();
}

/// What is shown. A wish that cannot be read counts as none.
fn filter(wish: Option<&str>) -> EnvFilter {
    let wished = wish.filter(|wish| !wish.trim().is_empty()).and_then(|wish| EnvFilter::try_new(wish).ok());
    let filter = wished.unwrap_or_else(|| EnvFilter::new("info"));
    NEVER_BELOW_INFO.iter().filter_map(|limit| limit.parse().ok()).fold(filter, EnvFilter::add_directive)
}

/// Starts counting, once for the process, and gives the handle that `/metrics` reads.
#[must_use]
pub fn metrics() -> PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(install).clone()
}

/// What `measure` counts, and nothing else, in Prometheus' text format: for what is read off one store, of which a process
/// may have several.
#[must_use]
pub fn rendered_apart(measure: impl FnOnce()) -> String {
    let recorder = PrometheusBuilder::new().build_recorder();
    metrics::with_local_recorder(&recorder, || {
        describe();
        measure();
    });
    recorder.handle().render()
}

fn install() -> PrometheusHandle {
    let acks = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0];
    let lateness = [0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0];
    let builder = PrometheusBuilder::new();
    let builder = builder
        .set_buckets_for_metric(Matcher::Full("jit_ack_seconds".to_owned()), &acks)
        .and_then(|it| {
            it.set_buckets_for_metric(Matcher::Full("jit_revocation_lateness_seconds".to_owned()), &lateness)
        })
        .unwrap_or_default();
    let recorder = builder.build_recorder();
    let handle = recorder.handle();
    // Another recorder in the process means that somebody else counts; ours then stays empty.
    let _ = metrics::set_global_recorder(recorder);
    describe();
    handle
}

fn describe() {
    use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
    describe_histogram!("jit_ack_seconds", Unit::Seconds, "From the arrival of a request from Slack to its answer.");
    describe_counter!("jit_api_answers_total", "Answers of the API, by status.");
    describe_counter!("jit_slack_refused_total", "Requests that were not taken for Slack's, by reason.");
    describe_counter!("jit_slack_calls_total", "Calls of the Slack Web API, by method and outcome.");
    describe_counter!("jit_aws_calls_total", "Calls of AWS, by operation and outcome.");
    describe_counter!("jit_azure_calls_total", "Calls of Azure and of its token endpoint, by operation and outcome.");
    describe_counter!("jit_sweep_unanswered_total", "Things that a sweep could not find out about, by cloud.");
    describe_counter!("jit_jobs_total", "Jobs that ran, by kind and outcome.");
    describe_histogram!(
        "jit_revocation_lateness_seconds",
        Unit::Seconds,
        "From the moment an access should have ended to the cloud's confirmation."
    );
    describe_counter!(
        "jit_events_total",
        "Events on the audit trail since the start, by kind: requests, grants, ends and refusals."
    );
    describe_gauge!("jit_requests_awaiting", "Requests that await a decision.");
    describe_gauge!("jit_grants", "Grants that are not over, by state.");
    describe_gauge!("jit_accesses_stuck", "Accesses that the cloud does not open or close as it should.");
    describe_gauge!("jit_jobs_unfinished", "Jobs that are waiting or running.");
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::filter::LevelFilter;

    use super::*;

    #[test]
    fn operators_see_what_they_ask_for_and_no_secrets() {
        for (wish, level) in [
            (None, LevelFilter::INFO),
            (Some(""), LevelFilter::INFO),
            (Some("jit=oops=1"), LevelFilter::INFO),
            (Some("debug"), LevelFilter::DEBUG),
            (Some("warn,jit=debug"), LevelFilter::DEBUG),
            (Some("h2=trace,debug"), LevelFilter::TRACE),
        ] {
            let filter = filter(wish);
            assert_eq!(filter.max_level_hint(), Some(level), "{wish:?}");
            let text = filter.to_string();
            assert!(NEVER_BELOW_INFO.iter().all(|limit| text.contains(limit)), "{wish:?}: {text}");
            assert!(!text.contains("h2=trace"), "{wish:?}: {text}");
        }
    }
}
