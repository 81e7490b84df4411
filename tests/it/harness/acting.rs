//! Shorter words for what most stories do: somebody types or clicks, and reads the answer.

use jit::{
    domain::{
        audit::{Event, Fact},
        ids::UserId,
        request::Request,
    },
    playground::workspace::{Message, Person, sign},
};

use super::{World, checks};

impl World {
    /// Somebody types in the requests channel and reads the private answer.
    pub async fn told(&self, person: &Person, command: &str) -> String {
        person.types_in("requests", command).await;
        self.private(person)
    }

    /// Somebody types one command after the other; what was typed and answered, as one text.
    pub async fn dialogue(&self, person: &Person, commands: &[&str]) -> String {
        let mut text = String::new();
        for command in commands {
            let answer = self.told(person, command).await;
            text = format!("{text}> {}\n{answer}\n\n", self.tidy(command));
        }
        text
    }

    /// Somebody clicks the newest button of this name; the private answer to it, once everything it set going is done.
    pub async fn clicked(&mut self, person: &Person, button: &str) -> String {
        person.clicks(button).await;
        self.settle().await;
        self.private(person)
    }

    /// The newest request of somebody that awaits its decision.
    pub async fn awaiting(&self, person: &Person) -> Request {
        let id = UserId(person.id().to_owned());
        let mut requests = self.read(|tx| Box::pin(async move { tx.awaiting_requests_of(&id.into()).await })).await;
        requests.pop().expect("a request that awaits its decision")
    }

    /// The newest message of a channel.
    pub fn newest(&self, channel: &str) -> Message {
        self.slack.channel(channel).messages().pop().expect("a message")
    }

    /// How often Slack was called by this name.
    pub fn count_calls(&self, method: &str) -> usize {
        self.slack.calls().iter().filter(|call| call.method == method).count()
    }

    /// The audit trail so far.
    pub async fn trail(&self) -> Vec<Event> {
        checks::trail(self).await
    }

    /// The kinds of the newest events, oldest first.
    pub async fn kinds(&self, newest: usize) -> Vec<String> {
        let events = self.trail().await;
        let from = events.len().saturating_sub(newest);
        events[from..].iter().map(|event| format!("{} by {}", event.kind, event.actor)).collect()
    }

    /// The newest fact of the trail.
    pub async fn newest_fact(&self) -> Fact {
        checks::facts(&self.trail().await).pop().expect("an event")
    }

    /// Looks at everything once: for stories about something else than what stands there.
    pub fn glance(&self) {
        for channel in ["requests", "audit", "alerts"] {
            let _ = self.screen(channel);
        }
        for name in ["requester", "approver", "lead", "outsider", "oncall1"] {
            let [person] = self.people([name]);
            let _ = (self.dm(&person), self.private(&person));
        }
    }

    /// Changes the configuration and lets it count.
    pub async fn change_policy(&self, from: &str, to: &str) {
        self.edit_config(|config| {
            assert!(config.contains(from), "the configuration does not say `{from}`");
            config.replace(from, to)
        });
        self.app.reload().await.unwrap();
    }

    /// Sends the bot a signed body as Slack would, and gives the status and the answer.
    pub async fn slack_sends(&self, content_type: &str, body: &str) -> (u16, String) {
        let timestamp = self.now().as_second().to_string();
        let signature = sign(&self.slack.app().signing_secret, &timestamp, body);
        let request = reqwest::Client::new().post(self.url("/slack/events")).body(body.to_owned());
        let request = request.header("content-type", content_type);
        let request = request.header("x-slack-request-timestamp", timestamp).header("x-slack-signature", signature);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }
}
