//! Looks at the workspace until what is expected shows.
//!
//! The bot answers first and works afterwards, so the story never waits for a length of time, only for a message. Every
//! version of a message is kept, so nothing is missed that was there for a moment only.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::{Instant, sleep};

use super::{
    story::Trouble,
    workspace::{ChannelScreen, Message, Person, Workspace},
};

/// How often to look.
const INTERVAL: Duration = Duration::from_millis(20);
/// How long to look: much longer than anything in the story takes, on a slow and busy machine too.
const PATIENCE: Duration = Duration::from_secs(30);

/// A channel, or the direct messages of somebody.
#[derive(Clone)]
pub(super) struct Place {
    name: String,
    screen: ChannelScreen,
}

impl Place {
    pub(super) fn channel(workspace: &Workspace, name: &str) -> Self {
        Self { name: format!("#{name}"), screen: workspace.channel(name) }
    }

    pub(super) fn direct(person: &Person) -> Self {
        Self { name: format!("direct to {}", person.name()), screen: person.dm() }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// All that stands there now.
    pub(super) fn screen(&self) -> String {
        self.screen.screen()
    }

    /// The same, with an empty line before each message instead of the name of who said it: it is always the bot.
    pub(super) fn said(&self) -> Vec<String> {
        let lines = self.screen();
        let said = lines.lines().map(|line| line.strip_prefix("  ").unwrap_or_default().to_owned());
        said.skip(1).collect()
    }
}

/// Something that was not there at the last look.
pub(super) struct Sight {
    /// Where it is, and whether it is a new message or a changed one.
    pub(super) place: String,
    /// The message itself.
    pub(super) message: Message,
    /// What it says.
    pub(super) text: String,
}

/// Remembers what was seen.
pub(super) struct Watch {
    workspace: Workspace,
    /// How many versions of each message were seen, by channel and timestamp.
    seen: BTreeMap<(String, String), usize>,
}

impl Watch {
    pub(super) fn new(workspace: Workspace) -> Self {
        Self { workspace, seen: BTreeMap::new() }
    }

    /// Waits until a message appears or changes that says all of this.
    pub(super) async fn until(&mut self, place: &Place, words: &[&str]) -> Result<Sight, Trouble> {
        let fits = |sight: &Sight| words.iter().all(|word| sight.text.contains(word));
        let found = patiently(|| self.unseen(place).into_iter().find(|(_, sight)| fits(sight))).await;
        let missing = || Trouble::missing(&place.name, &words.join("` and `"), &place.screen());
        let (version, sight) = found.ok_or_else(missing)?;
        self.seen.insert(key(&sight.message), version + 1);
        Ok(sight)
    }

    /// Waits until the feed has a line with all of this, and gives every line that is new.
    pub(super) async fn feed(&mut self, place: &Place, words: &[&str]) -> Result<Vec<String>, Trouble> {
        let fits = |line: &str| words.iter().all(|word| line.contains(word));
        let all_told = || {
            let told = self.unseen(place).iter().any(|(_, sight)| sight.text.lines().any(fits));
            told.then_some(())
        };
        let missing = || Trouble::missing(&place.name, &words.join("` and `"), &place.screen());
        patiently(all_told).await.ok_or_else(missing)?;
        Ok(self.news(place).iter().flat_map(|sight| sight.text.lines().map(str::to_owned)).collect())
    }

    /// Waits until somebody is told something that only they see.
    pub(super) async fn private(&self, person: &Person) -> Result<String, Trouble> {
        let told = patiently(|| Some(person.private()).filter(|text| !text.is_empty())).await;
        let missing = || Trouble::missing(&format!("a private answer to {}", person.name()), "anything", "nothing");
        told.ok_or_else(missing)
    }

    /// The newest version of whatever appeared or changed since the last look.
    pub(super) fn news(&mut self, place: &Place) -> Vec<Sight> {
        let mut newest: BTreeMap<(String, String), (usize, Sight)> = BTreeMap::new();
        for (version, sight) in self.unseen(place) {
            newest.insert(key(&sight.message), (version, sight));
        }
        for (key, (version, _)) in &newest {
            self.seen.insert(key.clone(), version + 1);
        }
        newest.into_values().map(|(_, sight)| sight).collect()
    }

    /// Every version of the bot's messages that was not seen, with its number.
    fn unseen(&self, place: &Place) -> Vec<(usize, Sight)> {
        let bot = self.workspace.app().user_id;
        let mut unseen = Vec::new();
        for message in place.screen.messages().into_iter().filter(|message| message.author == bot) {
            let seen = self.seen.get(&key(&message)).copied().unwrap_or_default();
            for (number, version) in message.versions.iter().enumerate().skip(seen) {
                let what = if number == 0 { "a new message" } else { "the message changes" };
                let (place, text) = (format!("{}: {what}", place.name), self.workspace.drawn(version));
                unseen.push((number, Sight { place, message: message.clone(), text }));
            }
        }
        unseen
    }
}

fn key(message: &Message) -> (String, String) {
    (message.channel.clone(), message.ts.clone())
}

/// Looks again and again until there is something, or the patience is over.
async fn patiently<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + PATIENCE;
    loop {
        match look() {
            Some(found) => return Some(found),
            None if Instant::now() > end => return None,
            None => sleep(INTERVAL).await,
        }
    }
}
