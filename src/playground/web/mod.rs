//! The playground as people see it: a page that looks like Slack, with the clouds and a few levers beside it.
//!
//! The page is drawn here, on the server, from the workspace model, the demo clouds and the bot's own grammar; a small
//! script swaps in what has changed and sends back what people do. Everything listens on loopback alone.

mod act;
mod bot;
mod cast;
mod complete;
mod guard;
mod lever;
mod live;
mod policy;
mod routes;
mod seat;
mod stage;
mod view;

use std::{
    io::{self, Write},
    net::SocketAddr,
    path::PathBuf,
};

use tokio::net::TcpListener;
use url::Url;

use super::story::Trouble;
use crate::shutdown;

/// How the playground is set up.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Whose roles and rules to play with; without a file, the playground's own.
    pub config: Option<PathBuf>,
    /// Where calls of AWS go instead of the demo cloud.
    pub aws_endpoint: Option<Url>,
    /// Where the page is; a free port when it is 0.
    pub port: u16,
}

/// Whoever started it may have read enough before the end, or nothing.
fn greet(address: SocketAddr) {
    let text = format!(
        "The playground is at http://{address}/\nEverything in it lives on this machine and ends with Ctrl-C.\n"
    );
    let _whether_or_not_anybody_reads = io::stdout().lock().write_all(text.as_bytes());
}

/// Stays up until the process is asked to end.
///
/// # Errors
/// When something does not start.
pub async fn run(options: Options) -> Result<(), Trouble> {
    let stop = shutdown::on_signal()?;
    let listener = TcpListener::bind(("127.0.0.1", options.port)).await.map_err(|error| {
        io::Error::new(error.kind(), format!("nothing can listen on port {} of this machine: {error}", options.port))
    })?;
    let address = listener.local_addr()?;
    let stage = stage::Stage::set(&options).await?;
    greet(address);
    let router = routes::router(stage.clone(), address);
    tokio::select! {
        served = axum::serve(listener, router) => served?,
        () = stop.cancelled() => {}
    }
    stage.strike();
    Ok(())
}
