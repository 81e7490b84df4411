//! The workspace's state while somebody works on it. Whoever changes something need not think of telling: that is done
//! when they let go of it.

use std::{
    ops::{Deref, DerefMut},
    sync::MutexGuard,
};

use tokio::sync::watch;

use super::state::State;

/// A hold on the state.
#[derive(Debug)]
pub(super) struct Held<'w> {
    state: MutexGuard<'w, State>,
    changed: &'w watch::Sender<()>,
    is_touched: bool,
}

impl<'w> Held<'w> {
    pub(super) fn new(state: MutexGuard<'w, State>, changed: &'w watch::Sender<()>) -> Self {
        Self { state, changed, is_touched: false }
    }
}

impl Deref for Held<'_> {
    type Target = State;

    fn deref(&self) -> &State {
        &self.state
    }
}

impl DerefMut for Held<'_> {
    fn deref_mut(&mut self) -> &mut State {
        self.is_touched = true;
        &mut self.state
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if self.is_touched {
            self.changed.send_replace(());
        }
    }
}
