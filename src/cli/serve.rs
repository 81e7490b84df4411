//! `jit serve`

use std::{fs::File, path::PathBuf, process::ExitCode, sync::Arc};

use clap::Args;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{ConfigFile, colour, fail, wiring};
use crate::{
    app::{App, StartError},
    config::{self, Config, ProcessEnvironment, SlackMode},
    http, shutdown, store, telemetry,
};

/// Run the bot.
#[derive(Debug, Args)]
pub(super) struct Serve {
    #[command(flatten)]
    config: ConfigFile,
}

impl Serve {
    pub(super) async fn run(self) -> ExitCode {
        let config = match config::load(&self.config.path, &ProcessEnvironment) {
            Ok(config) => config,
            Err(problems) => {
                eprintln!("{}", problems.render(colour()));
                return ExitCode::from(2);
            }
        };
        telemetry::start_logging();
        match Box::pin(serve(config)).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(&error.to_string()),
        }
    }
}

async fn serve(config: Config) -> Result<(), StartError> {
    let machine = |what: &str, error: std::io::Error| StartError::Machine(format!("{what}: {error}"));
    if let SlackMode::Socket { .. } = config.slack.mode {
        return Err(StartError::Machine(
            "`slack.mode = \"socket\"` is not available in this version. Use `mode = \"http\"`.".to_owned(),
        ));
    }
    let _held = hold_store(&config.store_url)?;
    open_as_many_files_as_allowed();
    let address = config.server.listen;
    let listener = TcpListener::bind(address)
        .await
        .map_err(|error| machine(&format!("nothing can listen on {address}"), error))?;
    let stop = shutdown::on_signal().map_err(|error| machine("no signals", error))?;
    let hangup = shutdown::on_hangup().map_err(|error| machine("no signals", error))?;
    let app = App::start(config, wiring()).await?;
    tokio::spawn(greet(app.clone()));
    tokio::spawn(reload_on_hangup(app.clone(), hangup));
    tracing::info!(%address, "jit serves");
    run(app, listener, stop).await;
    Ok(())
}

/// Answers and works until `stop`; then finishes what has begun.
pub(crate) async fn run(app: Arc<App>, listener: TcpListener, stop: CancellationToken) {
    let worker = app.worker();
    let working = tokio::spawn({
        let stop = stop.clone();
        async move { worker.work(stop).await }
    });
    let waking = tokio::spawn({
        let (stop, closing) = (stop.clone(), app.closing.clone());
        async move {
            stop.cancelled().await;
            closing.cancel();
        }
    });
    http::listen::serve(listener, http::router(app.clone()), stop).await;
    _ = waking.await;
    if let Err(error) = working.await {
        tracing::error!(%error, "the worker broke off");
    }
    app.finish().await;
}

/// Each pipeline that waits holds a connection, and the usual limit is 1,024 of them. What the machine allows beyond that
/// has only to be asked for.
fn open_as_many_files_as_allowed() {
    let limit = getrlimit(Resource::Nofile);
    // Where it is refused the bot has what it had.
    _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

/// Two bots on one store would take each other's work away.
fn hold_store(url: &str) -> Result<Option<File>, StartError> {
    let Some(file) = store::file_of(url) else {
        return Ok(None);
    };
    let mut name = file.into_os_string();
    name.push(".lock");
    let lock = PathBuf::from(name);
    let file = File::create(&lock).map_err(|error| {
        StartError::Machine(format!("the store's lock `{}` cannot be made: {error}", lock.display()))
    })?;
    file.try_lock().map_err(|_held| {
        StartError::Machine(format!("another jit serves from this store already: it holds `{}`", lock.display()))
    })?;
    Ok(Some(file))
}

/// Tells the operator early when Slack does not take the token; the bot runs on and tries.
async fn greet(app: Arc<App>) {
    let slack = app.ctx.tools.load().slack.clone();
    match slack.whoami().await {
        Ok(team) if app.config.load().slack.team_ids.contains(&team) => tracing::info!(team, "Slack knows us"),
        Ok(team) => tracing::error!(team, "the token belongs to a workspace that `slack.team_ids` does not name"),
        Err(error) => tracing::error!(%error, "Slack does not take `slack.bot_token`, or cannot be reached"),
    }
}

async fn reload_on_hangup(app: Arc<App>, mut hangup: tokio::signal::unix::Signal) {
    while hangup.recv().await.is_some() {
        match app.reload().await {
            Ok(()) => tracing::info!("the configuration was read again and is in force"),
            Err(error) => tracing::error!("the configuration was refused, the one before stays in force:\n{error}"),
        }
    }
}
