//! Takes connections, and answers on each until it is closed.
//!
//! Ten thousand pipelines may wait for an approval at once, each on a connection of its own. So a connection speaks HTTP/1.1
//! and nothing else, and holds what hyper needs for that: two thirds of what axum's own server would hold, which tries other
//! protocols as well.

use std::{convert::Infallible, io, net::SocketAddr, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request},
    routing::future::RouteFuture,
};
use futures::FutureExt;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_service::Service;

/// For how long a connection may send nothing, or part of a request's head. Load balancers keep a connection for the next
/// request, and take it ill when it is closed before they do: 60 seconds with AWS, 600 with Google.
const SILENCE: Duration = Duration::from_mins(11);
/// For how long those who are being answered may keep the process from stopping.
const GRACE: Duration = Duration::from_secs(20);
/// How long to wait when the machine has no room for one more connection.
const FULL: Duration = Duration::from_secs(1);

/// Answers until `stop`, and then what was asked before.
pub(crate) async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let mut protocol = http1::Builder::new();
    protocol.timer(TokioTimer::new()).header_read_timeout(SILENCE);
    let connections = GracefulShutdown::new();
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((stream, peer)) => {
                let (router, watcher) = (router.clone(), connections.watcher());
                // hyper writes an answer at once, so there is nothing to gather. It may be gone again already.
                _ = stream.set_nodelay(true);
                let connection = protocol.serve_connection(TokioIo::new(stream), service_fn(answers(router, peer)));
                // An async block would keep room for the connection twice.
                tokio::spawn(watcher.watch(connection).map(|ended| {
                    if let Err(error) = ended {
                        tracing::debug!(%error, "a connection broke off");
                    }
                }));
            }
            Err(error) if concerns_one(&error) => {}
            Err(error) => {
                tracing::error!(%error, "no connection can be taken now");
                tokio::time::sleep(FULL).await;
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(GRACE, connections.shutdown()).await.is_err() {
        tracing::warn!("some who were being answered take too long: they are left");
    }
}

/// The router, told who calls.
fn answers(router: Router, peer: SocketAddr) -> impl Fn(Request<Incoming>) -> RouteFuture<Infallible> + Clone {
    move |request| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        router.clone().call(request)
    }
}

/// Whether it is about the one who wanted to connect, and not about us.
fn concerns_one(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
