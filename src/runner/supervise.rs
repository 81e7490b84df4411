//! A command from its start to its end, on a grant that may end before it.

use std::{io, sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::{sync::mpsc, task::JoinHandle};

use super::{
    child::{Child, Signals},
    schedule::{Schedule, Step},
    vault::Vault,
    watch::{News, Watch},
};
use crate::{
    api::{DurationAsk, ExtendAsk, Grant, Request, RequestState},
    client::{Client, LONGEST_WAIT, Trouble},
};

/// What somebody should know while the command runs.
#[derive(Debug)]
pub enum Notice {
    /// The end is near.
    EndIsNear(Timestamp),
    /// The end has moved.
    EndMoved(Timestamp),
    /// More time was asked for.
    AskedForMore(Box<Request>),
    /// It was decided, and not as wished; or it could not be asked for.
    NoMore(String),
    /// The server does not answer.
    Silence(String),
    /// It answers again.
    Back,
    /// It does not take us for who we were.
    Refused(String),
    /// The grant is over, so the command is asked to end.
    Stopping {
        /// Why the grant is over.
        why: String,
        /// How long the command has.
        grace: Duration,
    },
}

/// How it went.
#[derive(Debug)]
pub enum Fate {
    /// The command has ended, with this code.
    Exited(u8),
    /// The grant ended first.
    CutOff,
}

/// A command that runs, and everything that concerns it.
#[derive(Debug)]
pub struct Supervised {
    /// The command.
    pub child: Child,
    /// The grant that it runs on.
    pub grant: Grant,
    /// Where its credentials are, if it has any.
    pub vault: Option<Arc<Vault>>,
    /// How the end is met.
    pub schedule: Schedule,
    /// How long the command has to end, once the grant is over.
    pub grace: Duration,
    /// Whom to talk to.
    pub client: Client,
}

impl Supervised {
    /// Waits until the command has ended, or makes it end when the grant is over.
    ///
    /// # Errors
    /// When the machine does not say how the command ended.
    pub async fn finish(
        mut self,
        signals: &mut Signals,
        watch: &mut Watch,
        tell: &(dyn Fn(Notice) + Send + Sync),
    ) -> io::Result<Fate> {
        let mut extension = Extension::none();
        loop {
            let (at, step) = self.schedule.next();
            let left = Duration::try_from(self.client.around.clock.now().duration_until(at)).unwrap_or_default();
            let timer = self.client.around.timer.clone();
            tokio::select! {
                // a signal that ended the command is over with it: it must not be taken for one that comes later
                biased;
                caught = signals.next() => self.child.pass_on(caught),
                code = self.child.wait() => return code.map(Fate::Exited),
                news = watch.next() => if let Some(why) = self.hear(news, tell) {
                    return Ok(self.cut_off(&why, tell).await);
                },
                more = extension.next() => self.hear_of_more(more, tell),
                () = timer.wait(left) => match step {
                    Step::Warn => {
                        self.schedule.warned();
                        tell(Notice::EndIsNear(self.grant.ends_at));
                    }
                    Step::Extend(more) => extension.ask(&self.client, &self.grant, more, self.schedule.no_more()),
                    Step::Over => return Ok(self.cut_off("its time is over", tell).await),
                },
            }
        }
    }

    /// Takes note of news; gives the reason when the grant is over.
    fn hear(&mut self, news: News, tell: &(dyn Fn(Notice) + Send + Sync)) -> Option<String> {
        match news {
            News::Over(grant) => return Some(grant.why.unwrap_or_else(|| "it has ended".to_owned())),
            News::EndsAt(at) if at != self.grant.ends_at => {
                self.grant.ends_at = at;
                self.schedule.ends_at(at);
                if let Some(vault) = &self.vault {
                    vault.ends_at(at);
                }
                tell(Notice::EndMoved(at));
            }
            News::EndsAt(_) => {}
            News::Silence(why) => tell(Notice::Silence(why)),
            News::Back => tell(Notice::Back),
            News::Refused(why) => tell(Notice::Refused(why)),
        }
        None
    }

    fn hear_of_more(&mut self, more: More, tell: &(dyn Fn(Notice) + Send + Sync)) {
        match more {
            More::Asked(request) => tell(Notice::AskedForMore(request)),
            More::Granted { request, extend } => {
                let whole = Duration::from_secs(request.duration_seconds);
                if let Ok(ends_at) = self.grant.starts_at.checked_add(whole) {
                    self.hear(News::EndsAt(ends_at.max(self.grant.ends_at)), tell);
                }
                if let Some(extend) = extend {
                    self.schedule.more(extend);
                }
            }
            More::Refused(why) => tell(Notice::NoMore(why)),
        }
    }

    async fn cut_off(&mut self, why: &str, tell: &(dyn Fn(Notice) + Send + Sync)) -> Fate {
        let why = format!("{} is over: {why}", self.grant.name);
        if let Some(vault) = &self.vault {
            vault.close(&why);
        }
        tell(Notice::Stopping { why, grace: self.grace });
        self.child.stop(self.grace).await;
        Fate::CutOff
    }
}

/// What became of a wish for more time.
#[derive(Debug)]
enum More {
    Asked(Box<Request>),
    Granted { request: Box<Request>, extend: Option<(Duration, Duration)> },
    Refused(String),
}

/// A wish for more time, on its way.
struct Extension {
    news: Option<mpsc::Receiver<More>>,
    task: Option<JoinHandle<()>>,
}

impl Extension {
    fn none() -> Self {
        Self { news: None, task: None }
    }

    fn ask(&mut self, client: &Client, grant: &Grant, more: Duration, extend: Option<(Duration, Duration)>) {
        let (sender, news) = mpsc::channel(2);
        let (client, id) = (client.clone(), grant.id.to_string());
        let task = tokio::spawn(async move {
            let outcome = match ask_for_more(&client, &id, more, &sender).await {
                Ok(request) if request.state == RequestState::Approved => {
                    More::Granted { request: Box::new(request), extend }
                }
                Ok(request) => More::Refused(request.decision_text.unwrap_or_else(|| "it was not granted".to_owned())),
                Err(trouble) => More::Refused(trouble.to_string()),
            };
            let _nobody_waits = sender.send(outcome).await;
        });
        (self.news, self.task) = (Some(news), Some(task));
    }

    async fn next(&mut self) -> More {
        match &mut self.news {
            Some(news) => match news.recv().await {
                Some(more) => more,
                None => std::future::pending().await,
            },
            None => std::future::pending().await,
        }
    }
}

impl Drop for Extension {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

async fn ask_for_more(
    client: &Client,
    id: &str,
    more: Duration,
    news: &mpsc::Sender<More>,
) -> Result<Request, Trouble> {
    let ask = ExtendAsk { duration: DurationAsk::Seconds(more.as_secs()), reason: None };
    let mut request = client.extend(id, &ask).await?;
    let _nobody_waits = news.send(More::Asked(Box::new(request.clone()))).await;
    while request.state == RequestState::Awaiting {
        request = client.decision(&request.id.to_string(), LONGEST_WAIT).await?;
    }
    Ok(request)
}
