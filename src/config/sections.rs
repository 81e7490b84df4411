//! The tables that there is one of: `[server]`, `[store]`, `[limits]`, `[slack]`, and the list of `[[person]]`.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    time::Duration,
};

use secrecy::ExposeSecret as _;

use super::{
    context::Context,
    forms,
    problem::Finding,
    reader::{Node, Table, Wants},
    secret,
    settings::{Drift, Server, Slack, SlackMode},
    source::{At, Place},
};
use crate::domain::{
    catalog::{Alias, Limits},
    ids::UserId,
    time::short,
};

/// `[server]`
pub(super) fn server(table: &mut Table<'_>) -> Option<Server> {
    let listen = table.required("listen", forms::socket_addr);
    let public_url = table.required("public_url", forms::url);
    Some(Server { listen: listen?, public_url: public_url? })
}

/// `[store]`: its URL.
pub(super) fn store(table: &mut Table<'_>) -> Option<String> {
    table.required("url", store_url)
}

fn store_url(node: Node<'_>) -> Option<String> {
    let url = node.text(&Wants("a store's URL", "\"sqlite:jit.db\""))?;
    let scheme = url.split(':').next().unwrap_or_default();
    let refusal = match scheme {
        "sqlite" if url.contains(":memory:") || url.contains("mode=memory") => {
            "a store in memory forgets every grant, and what must be taken back, when the bot stops"
        }
        "sqlite" if url.trim_start_matches("sqlite:").trim_matches('/').is_empty() => "the file's name is missing",
        "sqlite" => return Some(url.to_owned()),
        "postgres" | "postgresql" => "PostgreSQL is not available yet in this version",
        _ => "this is not a store that jit knows",
    };
    node.refuse(format!("`url`: {refusal}"), "Write \"sqlite:\" and a file, such as \"sqlite:jit.db\".");
    None
}

/// `[limits]`
pub(super) fn limits(table: &mut Table<'_>) -> Limits {
    let usual = Limits::default();
    Limits {
        requests_per_person_per_hour: table
            .optional("requests_per_person_per_hour", forms::count)
            .unwrap_or(usual.requests_per_person_per_hour),
        pending_per_person: table.optional("pending_per_person", forms::count).unwrap_or(usual.pending_per_person),
    }
}

/// A sweep asks the clouds about everything that is managed: more often would use up what they allow.
const LEAST_BETWEEN_SWEEPS: Duration = Duration::from_mins(1);

/// `[drift]`
pub(super) fn drift(table: &mut Table<'_>) -> Drift {
    Drift { every: table.optional("every", between_sweeps).unwrap_or(Drift::default().every) }
}

fn between_sweeps(node: Node<'_>) -> Option<Duration> {
    let every = forms::duration(node)?;
    if every < LEAST_BETWEEN_SWEEPS {
        let help = "Write \"1m\" or longer: each sweep asks the clouds about everything that is managed.";
        node.refuse(format!("{} is too short a time between sweeps", short(every)), help);
        return None;
    }
    Some(every)
}

#[derive(Clone, Copy)]
enum Mode {
    Http,
    Socket,
}

/// `[slack]`
pub(super) fn slack(table: &mut Table<'_>, context: &Context<'_>) -> Option<Slack> {
    let mode = table.optional("mode", forms::at(forms::choice(&[("http", Mode::Http), ("socket", Mode::Socket)])));
    let signing_secret = table.required("signing_secret", |node| secret::now(node, context));
    let bot_token = table.required("bot_token", |node| secret::now(node, context));
    let mode = slack_mode(table, mode, context);
    let api_url = table.optional("api_url", forms::url);
    let team_ids = table.required("team_ids", |node| {
        let items = node.list(&Wants("a list of workspace ids", "[\"T0ACME\"]"))?;
        Some(items.into_iter().filter_map(forms::team).collect())
    });
    let requests_channel = table.required("requests_channel", forms::channel);
    let audit_channel = table.required("audit_channel", forms::channel);
    let alerts_channel = table.optional("alerts_channel", forms::channel);
    let audit_channel = audit_channel?;
    Some(Slack {
        mode: mode?,
        signing_secret: signing_secret?,
        bot_token: bot_token?,
        api_url: api_url.or_else(|| "https://slack.com/api".parse().ok())?,
        team_ids: team_ids?,
        requests_channel: requests_channel?,
        alerts_channel: alerts_channel.unwrap_or_else(|| audit_channel.clone()),
        audit_channel,
    })
}

fn slack_mode(table: &mut Table<'_>, mode: Option<At<Mode>>, context: &Context<'_>) -> Option<SlackMode> {
    let before = table.report().count();
    let app_token = table.optional("app_token", |node| secret::now(node, context));
    let place = mode.as_ref().map(|mode| mode.place);
    match (mode.map_or(Mode::Http, |mode| mode.value), app_token) {
        (Mode::Http, _) => Some(SlackMode::Http),
        (Mode::Socket, Some(app_token)) => Some(SlackMode::Socket { app_token }),
        (Mode::Socket, None) => {
            if table.report().count() == before {
                let help = "Add app_token = { env = \"SLACK_APP_TOKEN\" }: an app-level token with the scope \
                            connections:write. Or use mode = \"http\".";
                let message = "`mode = \"socket\"` needs an `app_token`";
                table.report().add(Finding::at(place.unwrap_or(table.place()), message, help));
            }
            None
        }
    }
}

/// A `[[person]]` as written.
pub(super) struct Person {
    slack: At<UserId>,
    aws_identity_center: Option<At<String>>,
    azure_object_id: Option<At<String>>,
}

/// One `[[person]]`.
fn person(table: &mut Table<'_>) -> Option<Person> {
    let slack = table.required("slack", forms::at(forms::user));
    let aws_identity_center = table.optional("aws_identity_center", forms::at(forms::text));
    let azure_object_id = table.optional("azure_object_id", forms::at(forms::text));
    Some(Person { slack: slack?, aws_identity_center, azure_object_id })
}

/// Everybody by Slack id. Nobody may be there twice, and no two may be one and the same in a cloud: what one of them has
/// would be taken away with what the other one had.
pub(super) fn people(nodes: &[Node<'_>]) -> BTreeMap<UserId, Alias> {
    let (mut places, mut aliases) = (Places::default(), BTreeMap::new());
    for node in nodes {
        for person in node.tables(person).into_iter().filter_map(|person| person.value) {
            let Person { slack, aws_identity_center: aws, azure_object_id: azure } = person;
            let help = "Put all that is known about a person below one [[person]].";
            if !places.is_new(*node, "", &slack, help) {
                continue;
            }
            let help =
                "Two people in Slack cannot be one user in a cloud: the end of what one has would end it for both.";
            for (kind, name) in [("aws", &aws), ("azure", &azure)] {
                if let Some(name) = name {
                    places.is_new(*node, kind, name, help);
                }
            }
            let text = |name: Option<At<String>>| name.map(|name| name.value);
            aliases.insert(slack.value, Alias { aws_identity_center: text(aws), azure_object_id: text(azure) });
        }
    }
    aliases
}

/// Where which name stands first. Clouds know no case in the names of people.
#[derive(Default)]
struct Places(BTreeMap<(&'static str, String), Place>);

impl Places {
    /// Reports a name that stands there already.
    fn is_new(&mut self, node: Node<'_>, kind: &'static str, name: &At<impl ToString>, help: &str) -> bool {
        let written = name.value.to_string();
        match self.0.entry((kind, written.to_lowercase())) {
            Entry::Vacant(entry) => {
                entry.insert(name.place);
                true
            }
            Entry::Occupied(first) => {
                let finding = Finding::at(name.place, format!("{written} is in the file twice"), help);
                node.report.add(finding.label("again here").also(*first.get(), "first here"));
                false
            }
        }
    }
}

/// AWS refuses external ids of any other form.
pub(super) fn external_id(node: Node<'_>, context: &Context<'_>) -> Option<crate::domain::catalog::SecretRef> {
    let (place, today) = secret::later(node, context)?;
    let text = today.expose_secret();
    let fits = (2..=1224).contains(&text.len())
        && text.bytes().all(|letter| letter.is_ascii_alphanumeric() || b"_+=,.@:/-".contains(&letter));
    if !fits && !text.is_empty() {
        let help = "AWS takes 2 to 1224 letters, digits and _ + = , . @ : / - here; it must equal sts:ExternalId in the \
                    role's trust policy.";
        node.refuse("The external id has a form that AWS refuses", help);
        return None;
    }
    Some(place)
}
