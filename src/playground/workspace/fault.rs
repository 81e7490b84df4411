//! The ways in which Slack lets its callers down, on demand.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::watch;

/// What goes wrong with a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// 429 with `Retry-After`; nothing was done.
    RateLimited {
        /// Seconds until the next try is welcome.
        retry_after: u64,
    },
    /// 500 with a page of HTML; nothing was done.
    ServerError,
    /// 500 with a page of HTML, although the work was done.
    ServerErrorAfterWork,
    /// No answer until the faults are cleared; nothing is done before.
    Hang,
    /// The work is done at once, and there is no answer until the faults are cleared.
    HangAfterWork,
    /// The work is done, then the connection closes without an answer.
    DropAnswerAfterWork,
    /// `ok: false` with this error; nothing was done.
    Refuse(String),
    /// The work is done after so long.
    Slow(Duration),
    /// The connection closes without an answer; nothing was done.
    Unreachable,
}

impl Fault {
    /// A refusal with Slack's error code.
    #[must_use]
    pub fn refuse(error: &str) -> Self {
        Self::Refuse(error.to_owned())
    }
}

/// How long a fault lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// So many calls.
    Next(u32),
    /// Until the faults are cleared.
    UntilCleared,
}

/// A fault that waits for its call.
#[derive(Debug)]
struct Planned {
    /// The method, or `*`.
    method: String,
    /// The channel's id, where only calls about one channel fail.
    channel: Option<String>,
    fault: Fault,
    times: Times,
}

impl Planned {
    fn is_for(&self, method: &str, channel: Option<&str>) -> bool {
        let is_due = self.times != Times::Next(0);
        let is_here = self.channel.is_none() || self.channel.as_deref() == channel;
        is_due && is_here && (self.method == method || self.method == "*")
    }
}

/// The faults that are due.
#[derive(Debug, Default)]
pub(super) struct Faults {
    planned: Mutex<Vec<Planned>>,
    cleared: watch::Sender<()>,
}

impl Faults {
    pub(super) fn add(&self, method: &str, channel: Option<String>, fault: Fault, times: Times) {
        self.planned().push(Planned { method: method.to_owned(), channel, fault, times });
    }

    pub(super) fn clear(&self) {
        self.planned().clear();
        self.cleared.send_replace(());
    }

    /// The fault that a call about `channel` meets, if any; the first that was planned goes first.
    pub(super) fn meet(&self, method: &str, channel: Option<&str>) -> Option<Fault> {
        let mut planned = self.planned();
        let met = planned.iter_mut().find(|planned| planned.is_for(method, channel))?;
        if let Times::Next(left) = &mut met.times {
            *left -= 1;
        }
        Some(met.fault.clone())
    }

    /// Listens for the end of all faults, from now on.
    pub(super) fn listen(&self) -> watch::Receiver<()> {
        self.cleared.subscribe()
    }

    fn planned(&self) -> MutexGuard<'_, Vec<Planned>> {
        self.planned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_lasts_as_long_as_it_was_told_to() {
        let faults = Faults::default();
        faults.add("chat.update", None, Fault::ServerError, Times::Next(1));
        faults.add("*", Some("C0AUDIT".to_owned()), Fault::Hang, Times::UntilCleared);
        assert_eq!(faults.meet("chat.update", Some("C0AUDIT")), Some(Fault::ServerError));
        assert_eq!(faults.meet("chat.update", Some("C0AUDIT")), Some(Fault::Hang));
        assert_eq!(faults.meet("chat.postMessage", Some("C0AUDIT")), Some(Fault::Hang));
        assert_eq!(faults.meet("chat.postMessage", Some("C0REQUESTS")), None);
        assert_eq!(faults.meet("users.info", None), None);
        faults.clear();
        assert_eq!(faults.meet("chat.update", Some("C0AUDIT")), None);
    }
}
