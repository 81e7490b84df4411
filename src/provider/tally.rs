//! Counts the calls that go out to a cloud for one piece of work: every attempt, as it is sent. A retry is a call, and so
//! is what the SDK sends by itself to open a session. What else goes out at the same time is not counted in.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

/// How often what was called, by the cloud's own names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Calls(pub BTreeMap<String, u64>);

impl Calls {
    /// All of them together.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.values().sum()
    }

    /// Adds others to these.
    pub fn add(&mut self, others: Self) {
        for (name, count) in others.0 {
            *self.0.entry(name).or_default() += count;
        }
    }
}

type Tally = Arc<Mutex<Calls>>;

tokio::task_local! {
    static TALLY: Tally;
}

/// Does the work and counts the calls that it makes, as long as it makes them itself and not in a task of their own.
pub async fn counting<T>(work: impl Future<Output = T>) -> (T, Calls) {
    let tally = Tally::default();
    let done = TALLY.scope(Arc::clone(&tally), work).await;
    let calls = tally.lock().unwrap_or_else(PoisonError::into_inner).clone();
    (done, calls)
}

/// A call is about to be sent.
pub(super) fn sent(name: &str) {
    // nobody counts most of the time
    let _ = TALLY.try_with(|tally| {
        *tally.lock().unwrap_or_else(PoisonError::into_inner).0.entry(name.to_owned()).or_default() += 1;
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_piece_of_work_has_its_own_count() {
        sent("ListInstances");
        let work = |name: &'static str| async move {
            sent("GetGroup");
            tokio::task::yield_now().await;
            sent(name);
            sent(name);
        };
        let ((((), first), ((), second)), both) =
            counting(async { tokio::join!(counting(work("GetGroup")), counting(work("ListUserPolicies"))) }).await;
        assert_eq!(first, Calls([("GetGroup".to_owned(), 3)].into()));
        assert_eq!(second.count(), 3);
        assert_eq!(both.count(), 0, "what is counted within is not counted twice");
        let mut all = first;
        all.add(second);
        assert_eq!(all.0["GetGroup"], 4);
    }
}
