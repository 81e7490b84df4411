//! Wakes whoever waits for news of a request or a login. Rung after the commit that makes the news, so that nobody has to
//! ask the store again and again: ten thousand who wait are ten thousand sleeping futures and one map.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;
use uuid::Uuid;

/// The bell of one store.
#[derive(Debug, Default)]
pub struct Bell {
    ears: Mutex<HashMap<Uuid, Ear>>,
}

/// Those who wait for the same thing.
#[derive(Debug, Default)]
struct Ear {
    notify: Arc<Notify>,
    listeners: usize,
}

/// Somebody who waits for news of one thing.
#[derive(Debug)]
pub struct Listener {
    bell: Arc<Bell>,
    about: Uuid,
    notify: Arc<Notify>,
}

impl Bell {
    /// Begins to listen. News that come from now on are heard, whether or not somebody waits for them at that moment,
    /// as long as the future was made before.
    #[must_use]
    pub fn listen(self: &Arc<Self>, about: Uuid) -> Listener {
        let mut ears = self.ears();
        let ear = ears.entry(about).or_default();
        ear.listeners += 1;
        Listener { bell: self.clone(), about, notify: ear.notify.clone() }
    }

    /// How many wait.
    #[must_use]
    pub fn listeners(&self) -> usize {
        self.ears().values().map(|ear| ear.listeners).sum()
    }

    /// There is news of these.
    pub(super) fn ring(&self, about: impl IntoIterator<Item = Uuid>) {
        let ears = self.ears();
        for about in about {
            if let Some(ear) = ears.get(&about) {
                ear.notify.notify_waiters();
            }
        }
    }

    fn ears(&self) -> MutexGuard<'_, HashMap<Uuid, Ear>> {
        self.ears.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener {
    /// The next news. Make the future before looking at the store and wait for it after: what happens between is heard.
    pub fn news(&self) -> tokio::sync::futures::Notified<'_> {
        self.notify.notified()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut ears = self.bell.ears();
        if let Some(ear) = ears.get_mut(&self.about) {
            ear.listeners -= 1;
            if ear.listeners == 0 {
                ears.remove(&self.about);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn news_between_looking_and_waiting_are_heard() {
        let bell = Arc::new(Bell::default());
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let listener = bell.listen(one);
        let (news, later) = (listener.news(), listener.news());
        bell.ring([one, other]);
        news.await;
        later.await;
        assert_eq!(bell.listeners(), 1);
        drop(listener);
        assert_eq!(bell.listeners(), 0);
        assert!(bell.ears().is_empty(), "nobody is remembered who has gone");
    }
}
