//! Wait for news without asking again and again: a call that waits is a future that sleeps until the store's bell rings
//! for what it waits for, or its time is over.

use std::time::Duration;

use futures::future::BoxFuture;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use super::{V1, failure::Failure};

/// Looks, and as long as `settled` says that there is nothing new to tell, waits and looks again; at the end of the wait
/// whatever is so then.
pub(super) async fn news<T>(
    v1: &V1,
    about: Uuid,
    wait: Duration,
    look: impl Fn() -> BoxFuture<'static, Result<T, Failure>>,
    settled: impl Fn(&T) -> bool,
) -> Result<T, Failure> {
    if wait.is_zero() {
        return look().await;
    }
    let listener = v1.app.ctx.store.bell().listen(about);
    let until = Instant::now() + wait;
    loop {
        let news = listener.news();
        let found = look().await?;
        if settled(&found) || Instant::now() >= until {
            return Ok(found);
        }
        // Nothing but the sleeping future is kept while it waits.
        drop(found);
        let heard = async {
            tokio::select! {
                () = news => {}
                () = v1.app.closing.cancelled() => {}
            }
        };
        if timeout_at(until, heard).await.is_err() || v1.app.closing.is_cancelled() {
            return look().await;
        }
    }
}

/// The states that are no news, as a call names them.
pub(super) fn states(said: Option<&str>, usual: &str) -> Result<Vec<String>, Failure> {
    let all =
        ["awaiting", "approved", "denied", "cancelled", "lapsed", "applying", "active", "ending", "ended", "failed"];
    let states: Vec<String> = said.unwrap_or(usual).split(',').map(|state| state.trim().to_owned()).collect();
    match states.iter().find(|state| !all.contains(&state.as_str())) {
        Some(_) => {
            Err(Failure::invalid(format!("`while` names states, with commas between them: {}.", all.join(", "))))
        }
        None => Ok(states),
    }
}
