//! The bot in a process of its own: what `jit serve` runs, but with a quota that can be lifted, which a configuration
//! cannot. The benchmark starts itself with [`FLAG`].

use std::{collections::BTreeMap, path::Path, sync::Arc};

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use jit::{
    ambient::{SystemClock, SystemEntropy},
    app::{App, Wiring},
    config::{self, Config},
    provider::aws::{
        Tuning,
        identity_center::{Limits, Quota},
    },
    telemetry,
};
use tokio_util::sync::CancellationToken;

/// Makes the benchmark be this bot; then come its directory and `free` or `paced`.
pub const FLAG: &str = "--bot";

/// Works until the process is ended. Says on standard output when it begins.
pub async fn work(home: &str, pace: &str) {
    telemetry::start_logging();
    let limits = if pace == "free" { Limits::NONE } else { Limits::default() };
    let wiring = Wiring {
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
        environment: Arc::new(environment()),
        aws: Tuning { credentials: Some(credentials()), quota: Arc::new(Quota::new(limits)), ..Tuning::default() },
        azure: jit::provider::azure::Tuning::default(),
        demo: None,
        metrics: telemetry::metrics(),
    };
    let app = Box::pin(App::start(read_config(Path::new(home)), wiring)).await.expect("the configuration is good");
    println!("ready");
    app.worker().work(CancellationToken::new()).await;
}

/// The configuration in a directory.
pub fn read_config(home: &Path) -> Config {
    config::load(&home.join("jit.toml"), &environment()).unwrap_or_else(|problems| panic!("{}", problems.render(false)))
}

/// Credentials that the double does not look at.
pub fn credentials() -> SharedCredentialsProvider {
    SharedCredentialsProvider::new(Credentials::new("AKIAJITBOT0000000001", "a-secret-key", None, None, "bench"))
}

fn environment() -> BTreeMap<String, String> {
    ["SLACK_SIGNING_SECRET", "SLACK_BOT_TOKEN"].map(|name| (name.to_owned(), "xoxb-a-secret".to_owned())).into()
}
