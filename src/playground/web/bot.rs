//! The real bot, on threads of its own, so that it can be killed the way a machine kills it: everything that it does
//! stops where it is, connections break off, and what it knew is what is on disk.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    net::TcpListener,
    runtime::{Builder, Runtime},
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use crate::{
    app::{App, StartError, Wiring},
    config, http,
};

/// How long to try to get the address back that the bot had before it was killed.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often.
const INTERVAL: Duration = Duration::from_millis(20);
/// Handlers and jobs of one playground.
const THREADS: usize = 2;

/// The bot, alive or not.
#[derive(Debug)]
pub(super) struct Bot {
    /// Where it listens whenever it is alive.
    pub(super) address: SocketAddr,
    config: PathBuf,
    wiring: Wiring,
    life: Mutex<Option<Life>>,
}

/// From a start to the next kill.
#[derive(Debug)]
struct Life {
    app: Arc<App>,
    threads: Option<Runtime>,
}

impl Drop for Life {
    fn drop(&mut self) {
        if let Some(threads) = self.threads.take() {
            threads.shutdown_background();
        }
    }
}

impl Bot {
    /// A bot that was not started yet.
    pub(super) fn new(address: SocketAddr, config: PathBuf, wiring: Wiring) -> Self {
        Self { address, config, wiring, life: Mutex::default() }
    }

    /// The bot, if it is alive.
    pub(super) fn app(&self) -> Option<Arc<App>> {
        self.life().as_ref().map(|life| life.app.clone())
    }

    /// Whether it is.
    pub(super) fn is_alive(&self) -> bool {
        self.life().is_some()
    }

    /// Starts it on the store that its last life left behind. A bot that is alive stays as it is.
    pub(super) async fn start(&self) -> Result<(), StartError> {
        if self.is_alive() {
            return Ok(());
        }
        let machine = |error: io::Error| StartError::Machine(format!("the bot has no place to run: {error}"));
        let config = config::load(&self.config, &*self.wiring.environment).map_err(StartError::Config)?;
        let threads = Builder::new_multi_thread().worker_threads(THREADS).enable_all().build().map_err(machine)?;
        let (address, wiring) = (self.address, self.wiring.clone());
        let begun = threads.spawn(async move {
            let listener = listen(address).await.map_err(machine)?;
            let app = App::start(config, wiring).await?;
            let worker = app.worker();
            tokio::spawn(async move { worker.work(CancellationToken::new()).await });
            tokio::spawn(axum::serve(listener, http::router(app.clone())).into_future());
            Ok(app)
        });
        let begun = begun.await.unwrap_or_else(|broke_off| Err(machine(io::Error::other(broke_off))));
        match begun {
            Ok(app) => {
                *self.life() = Some(Life { app, threads: Some(threads) });
                Ok(())
            }
            Err(error) => {
                threads.shutdown_background();
                Err(error)
            }
        }
    }

    /// Stops it where it is.
    pub(super) fn kill(&self) {
        drop(self.life().take());
    }

    /// Has its worker look at the clock, because that was moved.
    pub(super) fn nudge(&self) {
        if let Some(app) = self.app() {
            app.ctx.store.agenda().nudge();
        }
    }

    fn life(&self) -> std::sync::MutexGuard<'_, Option<Life>> {
        self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The address may be held for a moment by a life that is just ending.
async fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let end = Instant::now() + PATIENCE;
    loop {
        match TcpListener::bind(address).await {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && Instant::now() < end => sleep(INTERVAL).await,
            bound => return bound,
        }
    }
}

/// An address that nobody has at this moment.
pub(super) fn free_address() -> io::Result<SocketAddr> {
    std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}
