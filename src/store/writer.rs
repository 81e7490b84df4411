//! Group commit: one connection that writes, one transaction for whatever waits, one savepoint for each unit of work.
//!
//! With `synchronous=FULL` a commit costs a sync of the disk. Sharing it among everything that waits takes the store
//! from hundreds of units a second to thousands, and nobody is answered before the shared commit is on disk.

use std::{fmt, panic::AssertUnwindSafe, sync::Arc, thread};

use futures::{FutureExt, future::BoxFuture};
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
};

use super::{Agenda, Bell, StoreError, Tx};

/// How many units share one commit at most; more would only make the first ones wait.
const GROUP: usize = 64;
/// How many units may wait before callers are held back.
const QUEUE: usize = 1024;

/// A handle to the task that writes.
#[derive(Clone)]
pub(super) struct Writer {
    queue: mpsc::Sender<Unit>,
}

/// Runs the work and says whether to keep it; what it gives back answers the caller.
type Unit = Box<dyn for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Ran> + Send>;

struct Ran {
    keep: bool,
    answer: Answer,
}

/// Tells the caller how the commit went.
type Answer = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

impl Writer {
    pub(super) fn start(tx: Tx, agenda: Arc<Agenda>, bell: Arc<Bell>) -> Self {
        let (queue, units) = mpsc::channel(QUEUE);
        // A thread of its own: a unit is twenty trips to the database's thread and back, and on each way back it would
        // wait behind whatever else the runtime does. It ends when the last handle is gone and all is written.
        let runtime = Handle::current();
        thread::spawn(move || runtime.block_on(write_groups(tx, units, &agenda, &bell)));
        Self { queue }
    }

    pub(super) async fn run<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, StoreError>> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let unit: Unit = Box::new(move |tx| {
            Box::pin(async move {
                let outcome = AssertUnwindSafe(work(tx)).catch_unwind().await;
                let outcome = outcome.unwrap_or(Err(StoreError::Panicked));
                let keep = outcome.is_ok();
                let answer: Answer = Box::new(move |committed| {
                    // A caller that has gone away was answered by its own timeout; the work stands all the same.
                    let _ = reply.send(committed.and(outcome));
                });
                Ran { keep, answer }
            })
        });
        self.queue.send(unit).await.map_err(|_closed| StoreError::Closed)?;
        answer.await.map_err(|_untried| StoreError::CommitFailed("its turn never came".to_owned()))?
    }

    /// Waits until everything handed in so far is written.
    pub(super) async fn close(&self) {
        // An empty unit is answered after all that came before it.
        let _ = self.run(|_tx| Box::pin(async { Ok(()) })).await;
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}

async fn write_groups(mut tx: Tx, mut units: mpsc::Receiver<Unit>, agenda: &Agenda, bell: &Bell) {
    let mut group = Vec::with_capacity(GROUP);
    while units.recv_many(&mut group, GROUP).await > 0 {
        let mut answers = Vec::with_capacity(group.len());
        let committed = write_group(&mut tx, &mut group, &mut answers).await;
        let failure = committed.err().map(|error| error.to_string());
        // Whatever is left of the group was not even tried; it fails with the rest.
        group.clear();
        if failure.is_some() {
            tx.roll_back().await;
        }
        for kind in tx.pending.recorded.drain(..) {
            metrics::counter!("jit_events_total", "kind" => kind).increment(1);
        }
        agenda.touch(tx.pending.touched.drain(..));
        bell.ring(tx.pending.news.drain(..));
        for (answer, kept) in answers {
            answer(failure.clone().map_or(kept, |why| Err(StoreError::CommitFailed(why))));
        }
    }
}

/// A unit that fails is undone alone. When the database has undone the whole transaction (a full disk can do that), a
/// savepoint is no longer there, the next statement says so, and the group fails as a whole.
///
/// Every trip to the database's thread costs about as much as a small statement, so what follows one another goes
/// together.
async fn write_group(
    tx: &mut Tx,
    group: &mut Vec<Unit>,
    answers: &mut Vec<(Answer, Result<(), StoreError>)>,
) -> Result<(), StoreError> {
    tx.begin().await?;
    let mut units = group.drain(..).peekable();
    while let Some(unit) = units.next() {
        let mark = tx.pending.mark();
        let Ran { keep, answer } = unit(tx).await;
        let another = units.peek().is_some();
        let kept = if keep { tx.keep_unit(another).await } else { Ok(()) };
        if keep && kept.is_ok() {
            answers.push((answer, kept));
            continue;
        }
        match tx.undo_unit(mark, another).await {
            Ok(()) => answers.push((answer, kept)),
            Err(error) => {
                answers.push((answer, Ok(())));
                return Err(kept.err().unwrap_or(error));
            }
        }
    }
    Ok(())
}
