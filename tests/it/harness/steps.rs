//! Steps that many stories begin with, so that a story can tell what it is about.

use futures::future::BoxFuture;
use jiff::Timestamp;
use jit::{
    domain::{
        audit::Fact,
        grant::{Grant, GrantState},
        ids::{RequestId, UserId},
    },
    playground::workspace::{Message, Person},
    store::{StoreError, Tx},
};

use super::{
    World,
    browser::{self, Page},
    checks,
};

impl World {
    /// `requester` asks with these words after `/jit request`, `approver` approves, and the jobs run.
    pub async fn grants(&mut self, requester: &Person, approver: &Person, ask: &str) {
        requester.types(&format!("/jit request {ask}")).await;
        self.settle().await;
        approver.clicks("Approve").await;
        self.settle().await;
        let _ = (requester.private(), approver.private());
    }

    /// The holder gets a private link to the credentials of their newest grant.
    pub async fn link_for(&mut self, holder: &Person) -> String {
        holder.clicks("Get credentials").await;
        self.settle().await;
        let _ = holder.private();
        holder.link("Open the page")
    }

    /// The holder claims credentials of their newest grant: the access key, and the page with all of it.
    pub async fn claims(&mut self, holder: &Person) -> (String, Page) {
        let link = self.link_for(holder).await;
        let page = browser::clicks_on_page(&link).await;
        assert_eq!(page.status, 200, "{}", page.text());
        self.shown(&page);
        (page.export("AWS_ACCESS_KEY_ID"), page)
    }

    /// Remembers the secrets on a page: they may stand nowhere else.
    pub fn shown(&mut self, page: &Page) {
        self.shown_secrets.push(page.export("AWS_SECRET_ACCESS_KEY"));
        self.shown_secrets.push(page.export("AWS_SESSION_TOKEN"));
    }

    /// Whether claimed credentials can be used at this moment.
    pub async fn works(&self, access_key_id: &str) -> bool {
        self.works_at(access_key_id, self.now()).await
    }

    /// Whether claimed credentials can be used then, as far as is known now.
    pub async fn works_at(&self, access_key_id: &str, at: Timestamp) -> bool {
        self.cloud.can(access_key_id, "s3:GetObject", at).await
    }

    /// Somebody reads all that is new in the channels for requests and alarms and in people's direct messages.
    pub fn everything_is_read(&self) {
        for channel in ["requests", "alerts"] {
            let _ = self.slack.channel(channel).screen();
        }
        for person in self.people(["requester", "approver", "lead", "outsider", "oncall1"]) {
            let _ = (person.dm().screen(), person.private());
        }
    }

    /// The lines of the audit channel. Which of them share a message depends on how fast jobs run beside each other.
    pub fn feed(&self) -> String {
        let screen = self.screen("audit");
        screen.lines().filter(|line| *line != "jit:").map(str::trim_start).collect::<Vec<_>>().join("\n")
    }

    /// The newest card in the channel for requests.
    pub fn newest_card(&self) -> Message {
        self.slack.channel("requests").messages().pop().expect("a card")
    }

    /// Every grant there was, oldest first.
    pub async fn all_grants(&self) -> Vec<Grant> {
        let ids: Vec<RequestId> = self.facts().await.iter().filter_map(approved).collect();
        self.read(|tx| Box::pin(async move { load_grants(tx, ids).await })).await
    }

    /// The newest grant.
    pub async fn grant(&self) -> Grant {
        self.all_grants().await.pop().expect("a grant")
    }

    /// What is on the trail.
    pub async fn facts(&self) -> Vec<Fact> {
        checks::facts(&checks::trail(self).await)
    }

    /// What was refused, as the trail tells it: who tried what, and why not.
    pub async fn refusals(&self) -> Vec<String> {
        let events = checks::trail(self).await;
        let told = events.iter().zip(checks::facts(&events)).filter_map(|(event, fact)| match fact {
            Fact::AttemptRefused { attempt, refusal, .. } => Some(format!("{} {attempt:?}: {refusal:?}", event.actor)),
            _ => None,
        });
        told.collect()
    }

    /// How often AWS was asked to do this.
    pub fn asked_aws(&self, action: &str) -> usize {
        self.cloud.actions().iter().filter(|done| *done == action).count()
    }

    /// The bot's own metrics, as Prometheus fetches them.
    pub async fn metric(&self, name: &str) -> String {
        let page = browser::opens(&self.url("/metrics")).await.body;
        page.lines().filter(|line| line.starts_with(name)).map(str::to_owned).collect::<Vec<_>>().join("\n")
    }

    /// How often a sweep got no answer from this cloud. Stories that run in one process count together, so that only an
    /// increase says something.
    pub async fn unanswered(&self, cloud: &str) -> u64 {
        let line = self.metric(&format!("jit_sweep_unanswered_total{{cloud=\"{cloud}\"}}")).await;
        line.rsplit(' ').next().and_then(|count| count.parse().ok()).unwrap_or_default()
    }

    /// Tampers with the store behind the bot's back.
    pub async fn sql(&self, statement: &'static str) {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(self.store_file());
        let mut store = sqlx::ConnectOptions::connect(&options).await.unwrap();
        sqlx::query(statement).execute(&mut store).await.unwrap();
    }

    /// Does something to the store as a verb does it.
    pub async fn does<T: Send + 'static>(
        &self,
        work: impl for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, StoreError>> + Send + 'static,
    ) -> T {
        self.app.ctx.store.write(work).await.unwrap()
    }
}

fn approved(fact: &Fact) -> Option<RequestId> {
    let is_approval = matches!(fact, Fact::RequestApproved { .. });
    fact.subject().filter(|_| is_approval).map(|about| about.request)
}

async fn load_grants(tx: &mut Tx, requests: Vec<RequestId>) -> Result<Vec<Grant>, StoreError> {
    let mut grants = Vec::new();
    for request in requests {
        grants.extend(tx.lookup_grant_of(request).await?);
    }
    Ok(grants)
}

/// The newest message that the bot wrote to somebody.
pub fn newest_dm(person: &Person) -> Message {
    person.dm().messages().pop().expect("a direct message")
}

/// A person's id as the bot knows it.
pub fn user(person: &Person) -> UserId {
    person.id().into()
}

/// Where a grant stands, in one word.
pub fn state(grant: &Grant) -> &'static str {
    let state: &GrantState = &grant.state;
    state.name()
}

/// A page's text with its secrets masked.
pub fn masked(world: &World, page: &Page) -> String {
    let text = world.tidy(&page.text());
    let secrets = ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"].map(|name| page.export(name));
    secrets.iter().fold(text, |text, secret| text.replace(secret, "SECRET"))
}
