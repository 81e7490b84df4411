//! Hears from the server how a grant stands while something runs on it, and tells the server that it still runs.
//!
//! Two tasks: one asks to be told when the grant is over, the other says every half minute that we are there. When that
//! stops - because we were killed, or the machine is gone - the server ends the grant.

use std::time::Duration;

use jiff::Timestamp;
use tokio::{sync::mpsc, task::JoinHandle};

use crate::{
    api::{Grant, GrantState, ProblemCode},
    client::{Client, LONGEST_WAIT, Trouble},
};

/// How often we say that we are there, if the server does not want to hear it more often.
const BEAT: Duration = Duration::from_secs(30);
/// How long one call is tried before it counts as silence.
const PATIENCE: Duration = Duration::from_secs(10);
/// The pause after a failure, before the next attempt.
const PAUSE: Duration = Duration::from_secs(2);

/// What was heard.
#[derive(Debug)]
pub enum News {
    /// The grant is over, or about to be.
    Over(Box<Grant>),
    /// The grant ends then.
    EndsAt(Timestamp),
    /// The server does not answer any more.
    Silence(String),
    /// It answers again.
    Back,
    /// It answers, but not to us.
    Refused(String),
}

/// Whether the server is told that we are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heartbeats {
    /// It is, and ends the grant when it does not hear from us.
    Yes,
    /// It is not: the grant lives on without us.
    No,
}

/// The tasks; they end with this value.
#[derive(Debug)]
pub struct Watch {
    news: mpsc::Receiver<News>,
    tasks: Vec<JoinHandle<()>>,
}

impl Watch {
    /// Begins to watch.
    #[must_use]
    pub fn begin(client: &Client, grant: &Grant, heartbeats: Heartbeats) -> Self {
        let (sender, news) = mpsc::channel(16);
        let client = client.clone().patient_for(PATIENCE);
        let id = grant.id.to_string();
        let mut tasks = vec![tokio::spawn(listen(client.clone(), id.clone(), grant.ends_at, sender.clone()))];
        match heartbeats {
            Heartbeats::Yes => tasks.push(tokio::spawn(beat(client, id, sender))),
            Heartbeats::No => {}
        }
        Self { news, tasks }
    }

    /// The next news. Never, once there is nobody left to hear it from.
    pub async fn next(&mut self) -> News {
        match self.news.recv().await {
            Some(news) => news,
            None => std::future::pending().await,
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// Waits for the grant's end, which the server tells at once.
async fn listen(client: Client, id: String, mut ends_at: Timestamp, news: mpsc::Sender<News>) {
    let mut silent = false;
    loop {
        match client.grant_after(&id, &[GrantState::Applying, GrantState::Active], LONGEST_WAIT).await {
            Ok(grant) if is_over(grant.state) => {
                let _nobody_waits = news.send(News::Over(Box::new(grant))).await;
                return;
            }
            Ok(grant) => {
                if silent && news.send(News::Back).await.is_err() {
                    return;
                }
                silent = false;
                if grant.ends_at != ends_at {
                    ends_at = grant.ends_at;
                    if news.send(News::EndsAt(ends_at)).await.is_err() {
                        return;
                    }
                }
            }
            Err(trouble) => {
                let said = if silent { Ok(()) } else { news.send(failure(&trouble)).await };
                if said.is_err() {
                    return;
                }
                silent = true;
                client.around.timer.wait(PAUSE).await;
            }
        }
    }
}

/// Says again and again that we are there.
async fn beat(client: Client, id: String, news: mpsc::Sender<News>) {
    let mut known_end = None;
    loop {
        let pause = match client.heartbeat(&id).await {
            Ok(heard) => {
                if known_end.replace(heard.ends_at).is_some_and(|known| known != heard.ends_at)
                    && news.send(News::EndsAt(heard.ends_at)).await.is_err()
                {
                    return;
                }
                BEAT.min(Duration::from_secs(heard.next_within_seconds) / 4)
            }
            // The other task hears what became of it.
            Err(_) => PAUSE,
        };
        client.around.timer.wait(pause).await;
    }
}

fn failure(trouble: &Trouble) -> News {
    match trouble {
        Trouble::Unreachable { .. } | Trouble::Odd(_) => News::Silence(trouble.to_string()),
        Trouble::Refused(problem) if problem.code == ProblemCode::Internal => News::Silence(trouble.to_string()),
        Trouble::Refused(_) | Trouble::NoProof(_) => News::Refused(trouble.to_string()),
    }
}

/// Whether a grant in this state gives nothing any more.
#[must_use]
pub fn is_over(state: GrantState) -> bool {
    match state {
        GrantState::Applying | GrantState::Active => false,
        GrantState::Ending | GrantState::Ended | GrantState::Failed => true,
    }
}
