//! Lists in different files that must say the same.

use std::collections::{BTreeMap, BTreeSet};

use jit::{config::RESERVED_ROLE_NAMES, slack::grammar::VERBS, slack::view::answer};
use regex::Regex;

use super::{Source, none, sources};

/// The words of a text that `pattern` finds, in its first group.
fn found<'t>(pattern: &str, text: &'t str) -> BTreeSet<&'t str> {
    let pattern = Regex::new(pattern).unwrap();
    pattern.captures_iter(text).filter_map(|hit| hit.get(1)).map(|hit| hit.as_str()).collect()
}

/// What is in one set and not in the other, as complaints.
fn differences(here: &str, is: &BTreeSet<&str>, there: &str, should: &BTreeSet<&str>) -> Vec<String> {
    let missing = should.difference(is).map(|it| format!("{here} lacks `{it}`, which {there} has"));
    let superfluous = is.difference(should).map(|it| format!("{here} has `{it}`, which {there} does not know"));
    missing.chain(superfluous).collect()
}

#[test]
fn commands_are_the_same_wherever_they_are_named() {
    let verbs: BTreeSet<&str> = VERBS.into();
    let help = answer::help("/jit").text;
    let (manifest, readme) = (Source::read("manifest.yml"), Source::read("README.md"));
    let hint = manifest.text.lines().find(|line| line.contains("usage_hint")).expect("the command has a hint");
    let places = [
        ("the help text", found(r"`/jit ([a-z]+)", &help)),
        ("manifest.yml's usage_hint", found(r"(?:\[|\| )([a-z]+)", hint)),
        ("README.md", found(r"`/jit ([a-z]+)", &readme.text)),
    ];
    let mut complaints: Vec<String> =
        places.iter().flat_map(|(place, named)| differences(place, named, "slack::grammar::VERBS", &verbs)).collect();
    let reserved: BTreeSet<&str> = RESERVED_ROLE_NAMES.into();
    complaints.extend(verbs.difference(&reserved).map(|verb| {
        format!("config::RESERVED_ROLE_NAMES lacks `{verb}`: a role of that name could not be told from the command")
    }));
    none(&complaints);
}

/// What each method of the Web API needs, by Slack's reference of its methods.
#[rustfmt::skip] // a table
const SCOPES: [(&str, &[&str]); 10] = [
    ("auth.test",              &[]),
    ("chat.postEphemeral",     &["chat:write"]),
    ("chat.postMessage",       &["chat:write"]),
    ("chat.update",            &["chat:write"]),
    ("conversations.history",  &["channels:history", "groups:history", "im:history"]),
    ("conversations.open",     &["im:write"]),
    ("usergroups.users.list",  &["usergroups:read"]),
    ("users.info",             &["users:read", "users:read.email"]),
    ("views.open",             &[]),
    ("views.publish",          &[]),
];

#[test]
fn the_manifest_asks_for_the_scopes_that_are_used() {
    let client = Source::read("src/slack/client.rs");
    let used = found(r#"\.(?:read|write)\(\s*"([a-zA-Z.]+)""#, &client.text);
    let known: BTreeMap<&str, &[&str]> = SCOPES.into();
    let mut complaints =
        differences("src/slack/client.rs", &used, "the table SCOPES here", &known.keys().copied().collect());
    let needed: BTreeSet<&str> =
        used.iter().filter_map(|method| known.get(method)).copied().flatten().copied().collect();
    let needed: BTreeSet<&str> = needed.into_iter().chain(["commands"]).collect();
    let manifest = Source::read("manifest.yml");
    let asked = list(&manifest.text, "bot");
    complaints.extend(differences("manifest.yml", &asked, "src/slack/client.rs", &needed));
    // Slack's manifests name an optional scope in both lists.
    let optional = list(&manifest.text, "bot_optional");
    complaints
        .extend(optional.difference(&asked).map(|it| format!("manifest.yml has `{it}` under bot_optional alone")));
    none(&complaints);
}

/// The items of a list in YAML as we write it.
fn list<'t>(yaml: &'t str, key: &str) -> BTreeSet<&'t str> {
    let heading = format!("{key}:");
    let after = yaml.lines().skip_while(|line| line.trim() != heading).skip(1);
    let items = after.map(str::trim).take_while(|line| line.starts_with("- ") || line.starts_with('#'));
    let items = items.filter_map(|line| line.strip_prefix("- ")?.split_whitespace().next());
    let items: BTreeSet<&str> = items.collect();
    assert!(!items.is_empty(), "there is no list `{key}` in the YAML");
    items
}

#[test]
fn the_manifest_sends_everything_to_a_route_that_there_is() {
    let (manifest, routes) = (Source::read("manifest.yml"), Source::read("src/http/mod.rs"));
    let paths = found(r"(?m)^\s*(?:- )?(?:request_)?url: https://jit\.example\.com(/\S*)$", &manifest.text);
    let urls = Regex::new(r"(?m)url: ").unwrap().find_iter(&manifest.text).count();
    assert_eq!(urls, 3, "manifest.yml: a URL each for the command, interactions and events");
    let known = found(r#"\.route\("([^"]+)", post"#, &routes.text);
    assert_eq!(paths, BTreeSet::from(["/slack/events"]), "manifest.yml: everything goes to one address");
    assert!(known.contains("/slack/events"), "src/http/mod.rs has no such route any more: {known:?}");
}

#[test]
fn every_metric_is_described_and_every_description_has_its_metric() {
    let telemetry = Source::read("src/telemetry.rs");
    let described = found(r#"describe_\w+!\(\s*"(jit_\w+)""#, &telemetry.text);
    let files = sources("src", "rs");
    let counted: BTreeSet<&str> =
        files.iter().flat_map(|file| found(r#"\b(?:counter|gauge|histogram)!\(\s*"(\w+)""#, &file.text)).collect();
    let mut complaints = differences("the code", &counted, "src/telemetry.rs", &described);
    let readme = Source::read("README.md");
    complaints.extend(differences("README.md", &found(r"`(jit_\w+)`", &readme.text), "src/telemetry.rs", &described));
    none(&complaints);
}

#[test]
fn every_table_and_column_says_what_it_is_for() {
    let mut complaints = Vec::new();
    for file in sources("migrations", "sql") {
        let mut table = None;
        let mut before = "";
        for (number, line) in file.text.lines().enumerate() {
            let place = format!("{}:{}", file.path, number + 1);
            let words: Vec<&str> = line.split_whitespace().collect();
            match (table, words.as_slice()) {
                (None, ["create", "table", name, ..]) => {
                    table = Some(*name);
                    if !before.starts_with("--") {
                        complaints.push(format!("{place}: a comment over `{name}` should say what it is for"));
                    }
                }
                (Some(_), [end, ..]) if end.starts_with(')') => table = None,
                (Some(_), ["primary" | "unique" | "foreign" | "check" | "constraint" | "--", ..]) => {}
                (Some(table), [column, ..]) if !line.contains("-- ") => {
                    complaints.push(format!("{place}: a comment behind `{table}.{column}` should say what it is for"));
                }
                _ => {}
            }
            before = line;
        }
        assert!(table.is_none(), "{}: the end of a table was not found", file.path);
    }
    none(&complaints);
}
