//! The tables that there is one of: `[server]`, `[store]`, `[limits]`, `[slack]`, and the list of `[[person]]`.

use std::{collections::BTreeMap, time::Duration};

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

/// One `[[person]]`.
pub(super) fn person(table: &mut Table<'_>) -> Option<(At<UserId>, Alias)> {
    let slack = table.required("slack", forms::at(forms::user));
    let aws_identity_center = table.optional("aws_identity_center", forms::text);
    let azure_object_id = table.optional("azure_object_id", forms::text);
    Some((slack?, Alias { aws_identity_center, azure_object_id }))
}

/// Everybody by Slack id; nobody may be there twice.
pub(super) fn people(nodes: &[Node<'_>]) -> BTreeMap<UserId, Alias> {
    let mut places: BTreeMap<UserId, Place> = BTreeMap::new();
    let mut aliases = BTreeMap::new();
    for node in nodes {
        for (slack, alias) in node.tables(person).into_iter().filter_map(|person| person.value) {
            if let Some(first) = places.get(&slack.value) {
                let message = format!("{} is in the file twice", slack.value);
                let help = "Put all that is known about a person below one [[person]].";
                let finding = Finding::at(slack.place, message, help);
                node.report.add(finding.label("again here").also(*first, "first here"));
                continue;
            }
            places.insert(slack.value.clone(), slack.place);
            aliases.insert(slack.value, alias);
        }
    }
    aliases
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
