//! The barest server that could acknowledge a command: it looks at the signature, inserts one row of about the size of
//! ours, and answers when that is on disk. One insert is one commit, as one would write it first.
//!
//! It runs in a process of its own, as the bot does: the benchmark starts itself with [`FLAG`].

use std::{str::FromStr, sync::Arc};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use jit::{
    ambient::{Clock, SystemClock},
    slack::inbound,
};
use secrecy::SecretString;
use sqlx::{
    SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

/// Makes the benchmark be this server; then come the store's URL and the signing secret.
pub const FLAG: &str = "--naive";

struct Naive {
    writer: SqlitePool,
    secret: SecretString,
}

/// Serves until the process is ended. The first line on standard output says where.
pub async fn serve(store: &str, secret: &str) {
    let options = SqliteConnectOptions::from_str(store)
        .expect("the store's URL is good")
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    let writer = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.expect("a new file");
    sqlx::query("create table request (id integer primary key, asked_at integer, body text) strict")
        .execute(&writer)
        .await
        .expect("a new table");
    let naive = Arc::new(Naive { writer, secret: SecretString::from(secret) });
    let router = Router::new().route("/slack/events", post(receive)).with_state(naive);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    println!("{}", listener.local_addr().expect("it is bound"));
    axum::serve(listener, router).await.expect("it listens");
}

async fn receive(State(naive): State<Arc<Naive>>, headers: HeaderMap, body: Bytes) -> Result<&'static str, StatusCode> {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let (timestamp, now) = (header("x-slack-request-timestamp"), SystemClock.now());
    let refuse = |_| StatusCode::UNAUTHORIZED;
    inbound::verify_age(timestamp, now).map_err(refuse)?;
    let signature = header("x-slack-signature");
    inbound::verify(&naive.secret, timestamp.unwrap_or_default(), signature, &body).map_err(refuse)?;
    sqlx::query("insert into request (asked_at, body) values ($1, $2)")
        .bind(now.as_microsecond())
        .bind(String::from_utf8_lossy(&body).into_owned())
        .execute(&naive.writer)
        .await
        .map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok("kept")
}
