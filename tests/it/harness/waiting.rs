//! What is to go wrong with the next calls of a cloud.

use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

/// The faults that lie in wait.
pub struct Faults<F> {
    waiting: Mutex<Vec<(String, usize, F)>>,
    healed: watch::Sender<u32>,
}

impl<F> Default for Faults<F> {
    fn default() -> Self {
        Self { waiting: Mutex::default(), healed: watch::Sender::new(0) }
    }
}

impl<F: Clone> Faults<F> {
    pub fn add(&self, action: &str, times: usize, fault: F) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push((action.to_owned(), times, fault));
    }

    pub fn clear(&self) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.healed.send_modify(|times| *times += 1);
    }

    /// What this attempt at `action` is to suffer.
    pub fn take(&self, action: &str) -> Option<F> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, times, fault) = waiting.iter_mut().find(|(on, times, _)| on == action && *times > 0)?;
        *times -= 1;
        Some(fault.clone())
    }

    pub async fn healed(&self) {
        // fails when the cloud is gone, and then there is nobody to hang for
        self.healed.subscribe().changed().await.ok();
    }
}
