//! `kill -9` in the middle of the work: at every commit, and at every call to the outside.

use std::{future::poll_fn, pin::pin, task::Poll, time::SystemTime};

use jit::job::JobError;

use super::World;

/// Burns with every step that the work takes, and kills the process when it has burnt down.
#[derive(Debug)]
pub struct Fuse {
    left: usize,
    seen: Option<Trace>,
}

/// What changes with every step: calls that the outside got, and what the store's log holds.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Trace {
    slack: usize,
    aws: usize,
    azure: usize,
    sessions: usize,
    log: Option<(u64, SystemTime)>,
}

impl World {
    /// From here on the process is killed once, after so many steps, and started again.
    pub fn crash_after(&mut self, steps: usize) {
        self.fuse = Some(Fuse { left: steps, seen: None });
    }

    /// Whether it was killed yet.
    pub fn has_crashed(&self) -> bool {
        self.fuse.is_none()
    }

    /// Runs what is due, across the crash if there is to be one.
    pub(super) async fn run_due(&mut self) -> Result<(), JobError> {
        let Some(mut fuse) = self.fuse.take() else {
            return self.worker().run_due().await.map(drop);
        };
        let worker = self.worker();
        let done = {
            let mut work = pin!(worker.run_due());
            poll_fn(|cx| if fuse.burn(self) { Poll::Ready(None) } else { work.as_mut().poll(cx).map(Some) }).await
        };
        if let Some(done) = done {
            self.fuse = Some(fuse);
            return done.map(drop);
        }
        self.restart().await;
        self.worker().run_due().await.map(drop)
    }

    fn trace(&self) -> Trace {
        let log = std::fs::metadata(format!("{}-wal", self.store_file().display())).ok();
        let log = log.and_then(|log| Some((log.len(), log.modified().ok()?)));
        let (slack, aws, azure) = (self.slack.calls().len(), self.cloud.calls().len(), self.azure.calls().len());
        Trace { slack, aws, azure, sessions: self.cloud.sessions().len(), log }
    }
}

impl Fuse {
    /// Whether it has burnt down.
    fn burn(&mut self, world: &World) -> bool {
        let now = world.trace();
        if self.seen.replace(now.clone()) != Some(now) {
            match self.left.checked_sub(1) {
                Some(left) => self.left = left,
                None => return true,
            }
        }
        false
    }
}
