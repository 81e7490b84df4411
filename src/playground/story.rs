//! The story: what people type and click, what each of them sees, what the trail says about it.
//!
//! Nothing of the bot is played. It gets the signed requests that Slack would send, and what is shown is what it did
//! about them; a step that does not show in time ends the story with what was there instead.

use std::{
    io::{self, IsTerminal},
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use super::{
    page::Page,
    prompt,
    stage::{AUDIT, REQUESTS, Stage},
    watch::{Place, Sight, Watch},
    workspace::{Delivery, Person},
};
use crate::{app::StartError, shutdown, store::StoreError};

/// Between two steps, where somebody reads along.
const READING_PACE: Duration = Duration::from_millis(700);

/// How the story is told.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Whether to end after the story.
    pub once: bool,
    /// The pause before each step; without one, it depends on whether somebody watches.
    pub pace: Option<Duration>,
}

/// Why the story could not be told to its end.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// The bot did not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The machine refused something.
    #[error("the playground cannot go on: {0}")]
    Machine(#[from] io::Error),
    /// The store could not be read.
    #[error("the store cannot be read: {0}")]
    Store(#[from] StoreError),
    /// Something did not show.
    #[error("the story stopped. Expected in {place}: `{wanted}`. What is there:\n{there}")]
    Missing {
        /// Where it was expected.
        place: String,
        /// What was expected.
        wanted: String,
        /// What was there.
        there: String,
    },
    /// The bot did not take what somebody did.
    #[error("the story stopped: when {who} tried `{what}`, the workspace said {problem}")]
    NotTaken {
        /// Who did it.
        who: String,
        /// What they did.
        what: String,
        /// What came of it.
        problem: String,
    },
}

impl Trouble {
    pub(super) fn missing(place: &str, wanted: &str, there: &str) -> Self {
        Self::Missing { place: place.to_owned(), wanted: wanted.to_owned(), there: there.to_owned() }
    }
}

/// Plays the story and, unless it is to be told `once`, stays up until the process is asked to end.
///
/// # Errors
/// When something does not happen as it should.
pub async fn run(options: Options) -> Result<(), Trouble> {
    let stop = shutdown::on_signal()?;
    let stage = Stage::set().await?;
    let told = tokio::select! {
        told = tell(&stage, options, &stop) => told,
        () = stop.cancelled() => Ok(()),
    };
    let struck = stage.strike().await;
    told.and(struck)
}

async fn tell(stage: &Stage, options: Options, stop: &CancellationToken) -> Result<(), Trouble> {
    let watched = io::stdout().is_terminal() && !options.once;
    let pace = options.pace.unwrap_or(if watched { READING_PACE } else { Duration::ZERO });
    let mut teller = Teller::new(stage, pace);
    teller.introduce()?;
    teller.somebody_needs_production_for_a_moment().await?;
    teller.nobody_decides_alone_about_themselves().await?;
    teller.two_people_and_an_early_end().await?;
    teller.look_at_the_trail().await?;
    if options.once {
        return Ok(());
    }
    let Teller { mut page, watch, .. } = teller;
    prompt::stay(stage, &mut page, watch, stop).await
}

/// Tells what happens while it happens.
struct Teller<'a> {
    stage: &'a Stage,
    page: Page,
    watch: Watch,
    pace: Duration,
    requests: Place,
    audit: Place,
}

impl<'a> Teller<'a> {
    fn new(stage: &'a Stage, pace: Duration) -> Self {
        let channel = |name| Place::channel(&stage.workspace, name);
        let watch = Watch::new(stage.workspace.clone());
        Self { stage, page: Page::stdout(), watch, pace, requests: channel(REQUESTS), audit: channel(AUDIT) }
    }

    fn introduce(&mut self) -> io::Result<()> {
        self.page.heading("jit playground")?;
        self.page.tell(
            "A real jit on this machine, with a workspace and a cloud that are only played. What people type and click \
             reaches it as signed requests over HTTP, as from Slack; the store is on disk and the clock is yours.",
        )?;
        self.page.table(&[
            ("people", "ann asks; bob and carol are @oncall, who may approve"),
            ("channels", "#access-requests has the cards, #access-audit the trail"),
            ("roles", "prod-deploy and db-admin open something in the cloud `demo`, which lives in this process"),
        ])
    }

    async fn somebody_needs_production_for_a_moment(&mut self) -> Result<(), Trouble> {
        let [ann, bob] = ["ann", "bob"].map(|name| self.stage.person(name));
        self.page.heading("1. Ann needs production for a moment")?;
        self.types(&ann, "/jit list").await?;
        let answer = self.types(&ann, "/jit request prod-deploy 5s fixing OPS-42").await?;
        let (name, grant) = names(&answer);
        let card = self.card(&[&name, "[Approve]"]).await?;
        self.clicks(&bob, &card, "Approve").await?;
        self.card(&[&name, "*live*"]).await?;
        self.direct(&ann, &[&grant, "*live*"]).await?;
        self.cloud()?;
        self.page.tell("Nobody does anything now. After five seconds:")?;
        self.card(&[&name, "*ended*"]).await?;
        self.direct(&ann, &[&grant, "*ended*"]).await?;
        self.cloud()?;
        self.trail(&grant, "*ended*").await
    }

    async fn nobody_decides_alone_about_themselves(&mut self) -> Result<(), Trouble> {
        let [bob, carol] = ["bob", "carol"].map(|name| self.stage.person(name));
        self.page.heading("2. Carol may approve, but not for herself; and Bob says no")?;
        let answer = self.types(&carol, "/jit request prod-deploy 20m I would like to look around").await?;
        let (name, _) = names(&answer);
        let card = self.card(&[&name, "[Deny]"]).await?;
        self.clicks(&carol, &card, "Approve").await?;
        self.clicks(&bob, &card, "Deny").await?;
        self.card(&[&name, "*Denied*"]).await?;
        self.direct(&carol, &[&name, "*denied*"]).await?;
        self.trail(&name, "*denied*").await
    }

    async fn two_people_and_an_early_end(&mut self) -> Result<(), Trouble> {
        let [ann, bob, carol] = ["ann", "bob", "carol"].map(|name| self.stage.person(name));
        self.page.heading("3. The database takes two people, and Carol ends it before its time")?;
        let answer = self.types(&ann, "/jit request db-admin 10m restoring a table, OPS-43").await?;
        let (name, grant) = names(&answer);
        let card = self.card(&[&name, "[Approve]"]).await?;
        self.clicks(&bob, &card, "Approve").await?;
        let card = self.card(&[&name, "Approved so far"]).await?;
        self.clicks(&carol, &card, "Approve").await?;
        let card = self.card(&[&name, "*live*"]).await?;
        self.direct(&ann, &[&grant, "*live*"]).await?;
        self.cloud()?;
        self.clicks(&carol, &card, "Revoke").await?;
        self.card(&[&name, "*ended*"]).await?;
        self.direct(&ann, &[&grant, "*ended*"]).await?;
        self.cloud()?;
        self.trail(&grant, "*ended*").await
    }

    async fn look_at_the_trail(&mut self) -> Result<(), Trouble> {
        self.page.heading("4. What is left is the trail")?;
        let (events, hash) = self
            .stage
            .verify()
            .await?
            .map_err(|broken| Trouble::missing("the trail", "an unbroken chain", &broken.to_string()))?;
        Ok(self.page.tell(&format!(
            "The trail is sound: {events} events, each sealed with the hash of the one before; the last ends with \
             #{events} {}, as in #{AUDIT}.",
            &hash[..8]
        ))?)
    }

    async fn types(&mut self, who: &Person, command: &str) -> Result<String, Trouble> {
        tokio::time::sleep(self.pace).await;
        self.page.deed(&who.name(), "types", command)?;
        let delivery = who.types(command).await;
        self.told(who, command, &delivery).await
    }

    async fn clicks(&mut self, who: &Person, card: &Sight, button: &str) -> Result<String, Trouble> {
        tokio::time::sleep(self.pace).await;
        let label = format!("[{button}]");
        self.page.deed(&who.name(), "clicks", &label)?;
        let delivery = who.clicks_on(&card.message, button).await;
        if let Some(question) = delivery.confirmation() {
            self.page.sight(&format!("{} is asked back, and goes on", who.name()), question)?;
        }
        self.told(who, &label, &delivery).await
    }

    /// What the bot says to whoever did something.
    async fn told(&mut self, who: &Person, what: &str, delivery: &Delivery) -> Result<String, Trouble> {
        if let Some(problem) = delivery.problem.clone() {
            return Err(Trouble::NotTaken { who: who.name(), what: what.to_owned(), problem });
        }
        let answer = self.watch.private(who).await?;
        self.page.sight(&format!("only {} sees", who.name()), &answer)?;
        Ok(answer)
    }

    async fn card(&mut self, words: &[&str]) -> Result<Sight, Trouble> {
        let requests = self.requests.clone();
        self.sees(&requests, words).await
    }

    async fn direct(&mut self, who: &Person, words: &[&str]) -> Result<Sight, Trouble> {
        self.sees(&Place::direct(who), words).await
    }

    async fn sees(&mut self, place: &Place, words: &[&str]) -> Result<Sight, Trouble> {
        let sight = self.watch.until(place, words).await?;
        self.page.sight(&sight.place, &sight.text)?;
        Ok(sight)
    }

    fn cloud(&mut self) -> io::Result<()> {
        self.page.sight("the cloud", &self.stage.in_the_cloud())
    }

    async fn trail(&mut self, name: &str, word: &str) -> Result<(), Trouble> {
        let lines = self.watch.feed(&self.audit, &[name, word]).await?;
        Ok(self.page.feed(self.audit.name(), &lines)?)
    }
}

/// The names of the request in an answer, and of the grant that it becomes: the same letters. Without one in the answer,
/// something that nothing else says.
fn names(answer: &str) -> (String, String) {
    let mut words = answer.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-');
    let code = words.find_map(|word| word.strip_prefix("REQ-")).unwrap_or("?");
    (format!("REQ-{code}"), format!("GRANT-{code}"))
}
