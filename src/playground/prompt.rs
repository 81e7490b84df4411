//! After the story: stays up, tells what goes on, and does what is typed where a terminal is at hand.

use std::{
    io::{self, BufRead, IsTerminal},
    time::Duration,
};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{
    page::Page,
    stage::{AUDIT, PEOPLE, REQUESTS, Stage},
    story::Trouble,
    watch::{Place, Sight, Watch},
    workspace::Person,
};

/// How often to look for something new while somebody plays.
const INTERVAL: Duration = Duration::from_millis(250);

/// What can be typed.
const USAGE: [(&str, &str); 7] = [
    ("ann: /jit list", "ann types a command; bob and carol can, too"),
    ("bob clicks Approve", "bob presses the button on the newest message that has it"),
    ("screens", "the cards and direct messages as they are now"),
    ("cloud", "who has what in the demo cloud"),
    ("audit", "the whole trail, and whether it is sound"),
    ("help", "this text"),
    ("quit", "ends the bot and removes its store"),
];

/// Stays until the process is asked to end, or somebody types `quit`.
pub(super) async fn stay(
    stage: &Stage,
    page: &mut Page,
    watch: Watch,
    stop: &CancellationToken,
) -> Result<(), Trouble> {
    let jit = std::env::args().next().unwrap_or_else(|| "jit".to_owned());
    let verify = format!("{jit} audit verify --config {}", stage.folder.config().display());
    page.heading("Now it is yours")?;
    page.table(&[
        ("the bot", &format!("{} with /healthz, /readyz and /metrics", stage.bot)),
        ("the workspace", &format!("{}, which the bot takes for Slack's Web API", stage.slack.url())),
        ("the trail", &verify),
        ("the policy", "config/playground.toml; README.md says how to go on with your own Slack and cloud"),
    ])?;
    if !io::stdin().is_terminal() {
        page.tell("All of it stays up until Ctrl-C.")?;
        stop.cancelled().await;
        return Ok(());
    }
    Prompt { stage, page, watch }.answer(lines()).await
}

/// The lines of standard input. The thread that reads them ends with the process: there is no way to wake it.
fn lines() -> mpsc::Receiver<String> {
    let (send, receive) = mpsc::channel(1);
    std::thread::spawn(move || {
        let mut lines = io::stdin().lock().lines();
        while let Some(Ok(line)) = lines.next() {
            if send.blocking_send(line).is_err() {
                break;
            }
        }
    });
    receive
}

/// Something that was typed.
#[derive(Debug, PartialEq, Eq)]
enum Line<'a> {
    Nothing,
    Help,
    Screens,
    Cloud,
    Audit,
    Quit,
    Types { who: &'a str, command: &'a str },
    Clicks { who: &'a str, button: &'a str },
    Unknown,
}

impl<'a> Line<'a> {
    fn read(line: &'a str) -> Self {
        let line = line.trim();
        match line {
            "" => return Self::Nothing,
            "help" | "?" => return Self::Help,
            "screens" => return Self::Screens,
            "cloud" => return Self::Cloud,
            "audit" => return Self::Audit,
            "quit" | "exit" => return Self::Quit,
            _ => {}
        }
        if let Some((who, button)) = line.split_once(" clicks ") {
            return Self::Clicks { who: who.trim(), button: button.trim().trim_matches(['[', ']']) };
        }
        match line.split_once(':') {
            Some((who, command)) if command.trim().starts_with('/') => {
                Self::Types { who: who.trim(), command: command.trim() }
            }
            _ => Self::Unknown,
        }
    }
}

/// What the playground offers to somebody at a terminal.
struct Prompt<'a> {
    stage: &'a Stage,
    page: &'a mut Page,
    watch: Watch,
}

impl Prompt<'_> {
    async fn answer(mut self, mut lines: mpsc::Receiver<String>) -> Result<(), Trouble> {
        self.help()?;
        self.page.prompt()?;
        let mut look = tokio::time::interval(INTERVAL);
        loop {
            tokio::select! {
                _ = look.tick() => {
                    let news = self.news();
                    if !news.is_empty() {
                        self.page.leave_prompt()?;
                        self.tell(&news)?;
                        self.page.prompt()?;
                    }
                }
                line = lines.recv() => match line.as_deref().map(Line::read) {
                    None | Some(Line::Quit) => return Ok(()),
                    Some(line) => {
                        self.obey(line).await?;
                        let news = self.news();
                        self.tell(&news)?;
                        self.page.prompt()?;
                    }
                }
            }
        }
    }

    async fn obey(&mut self, line: Line<'_>) -> Result<(), Trouble> {
        match line {
            Line::Nothing | Line::Quit => {}
            Line::Help => self.help()?,
            Line::Screens => self.screens()?,
            Line::Cloud => self.page.sight("the cloud", &self.stage.in_the_cloud())?,
            Line::Audit => self.audit().await?,
            Line::Unknown => self.page.tell("That is nothing I know. `help` says what can be typed.")?,
            Line::Types { who, command } => {
                if let Some(person) = self.somebody(who)? {
                    let delivery = person.types(command).await;
                    self.complain(delivery.problem)?;
                }
            }
            Line::Clicks { who, button } => {
                if let Some(person) = self.somebody(who)? {
                    self.click(&person, button).await?;
                }
            }
        }
        Ok(())
    }

    async fn click(&mut self, person: &Person, button: &str) -> Result<(), Trouble> {
        let buttons = person.buttons();
        if !buttons.iter().any(|label| label == button) {
            let name = person.name();
            let there = if buttons.is_empty() { "none at all".to_owned() } else { buttons.join(", ") };
            return Ok(self.page.tell(&format!("{name} sees no button `{button}`. There is: {there}."))?);
        }
        let delivery = person.clicks(button).await;
        self.complain(delivery.problem)
    }

    fn somebody(&mut self, name: &str) -> io::Result<Option<Person>> {
        if PEOPLE.contains(&name) {
            return Ok(Some(self.stage.person(name)));
        }
        self.page.tell(&format!("There is nobody called `{name}` here. There are: {}.", PEOPLE.join(", ")))?;
        Ok(None)
    }

    fn complain(&mut self, problem: Option<String>) -> Result<(), Trouble> {
        if let Some(problem) = problem {
            self.page.tell(&format!("The workspace says: {problem}"))?;
        }
        Ok(())
    }

    fn help(&mut self) -> io::Result<()> {
        self.page.table(&USAGE)
    }

    fn screens(&mut self) -> io::Result<()> {
        for place in self.places() {
            let said = place.said().join("\n");
            self.page.sight(place.name(), if said.is_empty() { "(nothing)" } else { &said })?;
        }
        Ok(())
    }

    async fn audit(&mut self) -> Result<(), Trouble> {
        let audit = self.audit_channel();
        let lines: Vec<String> = audit.said().into_iter().filter(|line| !line.is_empty()).collect();
        self.page.feed(audit.name(), &lines)?;
        let said = match self.stage.verify().await? {
            Ok((events, _)) => format!("The trail is sound: {events} events."),
            Err(broken) => format!("The trail is broken: {broken}."),
        };
        Ok(self.page.tell(&said)?)
    }

    /// What appeared or changed since the last look.
    fn news(&mut self) -> Vec<News> {
        let mut news = Vec::new();
        for person in PEOPLE.map(|name| self.stage.person(name)) {
            let told = person.private();
            if !told.is_empty() {
                news.push(News::Sight { place: format!("only {} sees", person.name()), text: told });
            }
        }
        for place in self.places() {
            let sights = self.watch.news(&place).into_iter();
            news.extend(sights.map(|Sight { place, text, .. }| News::Sight { place, text }));
        }
        let told = self.watch.news(&self.audit_channel());
        let told: Vec<String> = told.iter().flat_map(|sight| sight.text.lines().map(str::to_owned)).collect();
        if !told.is_empty() {
            news.push(News::Trail(told));
        }
        news
    }

    fn tell(&mut self, news: &[News]) -> io::Result<()> {
        news.iter().try_for_each(|news| match news {
            News::Sight { place, text } => self.page.sight(place, text),
            News::Trail(lines) => self.page.feed(&format!("#{AUDIT}"), lines),
        })
    }

    /// All that people see, but for the trail, which is told apart.
    fn places(&self) -> Vec<Place> {
        let direct = PEOPLE.map(|name| Place::direct(&self.stage.person(name)));
        [Place::channel(&self.stage.workspace, REQUESTS)].into_iter().chain(direct).collect()
    }

    fn audit_channel(&self) -> Place {
        Place::channel(&self.stage.workspace, AUDIT)
    }
}

/// Something that was not there at the last look.
enum News {
    Sight { place: String, text: String },
    Trail(Vec<String>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_the_help_writes_them() {
        let (types, clicks) =
            (Line::Types { who: "ann", command: "/jit list" }, Line::Clicks { who: "bob", button: "Approve" });
        for (line, read) in
            USAGE.iter().zip([types, clicks, Line::Screens, Line::Cloud, Line::Audit, Line::Help, Line::Quit])
        {
            assert_eq!(Line::read(line.0), read);
        }
        assert_eq!(Line::read(" bob  clicks [End now] "), Line::Clicks { who: "bob", button: "End now" });
        for unknown in ["bob: hello", "approve", "bob clicks"] {
            assert_eq!(Line::read(unknown), Line::Unknown, "{unknown}");
        }
    }
}
