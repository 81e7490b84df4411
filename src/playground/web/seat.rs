//! Where somebody sits: as whom they play, and what they have open. It is all in the address, so that every tab of a
//! browser can be somebody else.

use serde::Deserialize;
use url::form_urlencoded::Serializer;

use super::{cast::Persona, stage::Stage};
use crate::playground::workspace::Person;

/// The place of the bot's home tab.
const HOME: &str = "home";

/// As whom, and where, as the address says it.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default, rename = "as")]
    who: String,
    #[serde(default, rename = "in")]
    place: String,
    #[serde(default)]
    thread: String,
}

/// What is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// A channel or the direct messages with the bot, by id.
    Channel(String),
    /// The bot's home tab.
    Home,
}

/// A seat that there is.
#[derive(Debug, Clone)]
pub(super) struct Seat {
    /// Who sits there, by id.
    pub(super) who: String,
    /// What they have open.
    pub(super) place: Place,
    /// The thread they have open beside it.
    pub(super) thread: Option<String>,
}

impl Seat {
    /// What was asked for, as far as it exists; otherwise the first of its kind.
    pub(super) fn find(stage: &Stage, asked: &Asked) -> Self {
        let known = stage.cast.people.iter().find(|persona| persona.id == asked.who);
        let who = known.or(stage.cast.people.first()).map(|persona| persona.id.clone()).unwrap_or_default();
        // Opened before anybody looks, so that it can be looked at.
        let direct = stage.workspace.person(&who).dm().id().to_owned();
        let place = match asked.place.as_str() {
            HOME => Place::Home,
            "dm" => Place::Channel(direct),
            id if stage.workspace.window().reads(id, &who) => Place::Channel(id.to_owned()),
            _ if stage.workspace.window().reads(&stage.cast.requests, &who) => {
                Place::Channel(stage.cast.requests.clone())
            }
            _ => Place::Channel(direct),
        };
        let thread = Some(asked.thread.clone()).filter(|thread| !thread.is_empty());
        Self { who, place, thread }
    }

    /// Who sits here.
    pub(super) fn person(&self, stage: &Stage) -> Person {
        stage.workspace.person(&self.who)
    }

    /// What is known of them.
    pub(super) fn persona<'s>(&self, stage: &'s Stage) -> Option<&'s Persona> {
        stage.cast.people.iter().find(|persona| persona.id == self.who)
    }

    /// The id of the channel that is open, if one is.
    pub(super) fn channel(&self) -> Option<&str> {
        match &self.place {
            Place::Channel(id) => Some(id),
            Place::Home => None,
        }
    }

    /// The address of this seat with something else open.
    pub(super) fn at(&self, place: &str) -> String {
        address(&self.who, place, None)
    }

    /// The address of somebody else's seat, with the same open as far as they have it.
    pub(super) fn taken_by(&self, who: &str) -> String {
        address(who, self.place_name(), self.thread.as_deref())
    }

    /// The address of this seat with a thread open.
    pub(super) fn reading(&self, thread: Option<&str>) -> String {
        address(&self.who, self.place_name(), thread)
    }

    fn place_name(&self) -> &str {
        match &self.place {
            Place::Home => HOME,
            Place::Channel(id) if id.starts_with('D') => "dm",
            Place::Channel(id) => id,
        }
    }
}

fn address(who: &str, place: &str, thread: Option<&str>) -> String {
    let mut query = Serializer::new(String::new());
    query.append_pair("as", who).append_pair("in", place);
    if let Some(thread) = thread {
        query.append_pair("thread", thread);
    }
    format!("/?{}", query.finish())
}
