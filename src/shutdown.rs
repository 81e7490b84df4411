//! Signals: SIGTERM and SIGINT end the bot in good order, SIGHUP has it read its configuration again.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A token that is cancelled when the process is asked to end.
///
/// # Errors
/// When the signals cannot be watched.
pub fn on_signal() -> std::io::Result<CancellationToken> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let stop = CancellationToken::new();
    let cancelled = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        cancelled.cancel();
    });
    Ok(stop)
}

/// Says when the configuration is to be read again.
///
/// # Errors
/// When the signal cannot be watched.
pub fn on_hangup() -> std::io::Result<Signal> {
    signal(SignalKind::hangup())
}
