//! Who may import whom, and which crates belong to which room.

use regex::Regex;

use super::{Source, none, sources};

/// For rooms that hold the others together.
const ANY: &[&str] = &["all"];

/// What a room may use of the others. `store` allows all of that room, `job::directory` a part of it.
#[rustfmt::skip] // a table
const ROOMS: [(&str, &[&str]); 19] = [
    ("allocator",  &[]),
    ("api",        &[]),
    ("ambient",    &[]),
    ("client",     &["api", "ambient"]),
    ("runner",     &["api", "ambient", "client"]),
    ("shutdown",   &[]),
    ("telemetry",  &[]),
    ("domain",     &["ambient::Entropy"]),
    ("config",     &["domain"]),
    ("store",      &["domain", "ambient"]),
    ("provider",   &["domain", "ambient"]),
    ("identity",   &["api", "domain"]),
    ("usecase",    &["domain", "ambient", "store"]),
    ("slack",      &["domain", "usecase"]),
    ("job",        &["domain", "ambient", "store", "provider", "usecase", "slack"]),
    ("app",        &["domain", "ambient", "config", "store", "provider", "identity", "usecase", "job", "slack::client"]),
    ("http",       &["api", "identity", "domain", "app", "usecase", "slack", "store", "provider", "telemetry", "job::directory"]),
    ("cli",        ANY),
    ("playground", ANY),
];

/// Crates that only some rooms know, with what that keeps true. The name of a crate may be the beginning of several.
#[rustfmt::skip] // a table
const CRATES: [(&str, &[&str], &str); 17] = [
    ("sqlx",           &["store"],                                 "only store knows SQL"),
    ("aws_",           &["provider", "client"],                    "only provider talks to clouds, and client proves by AWS who it is"),
    ("azure_core",     &["provider"],                              "only provider talks to clouds"),
    ("azure_identity", &["provider"],                              "only provider talks to clouds"),
    ("p12_keystore",   &["provider"],                              "only provider opens certificates"),
    ("reqwest",        &["provider", "identity", "playground", "client"], "only provider talks to clouds, identity to issuers, client to the API"),
    ("jsonwebtoken",   &["identity", "provider"],                  "only identity judges proofs, and provider signs its own"),
    ("slack_morphism", &["slack", "playground"],                   "only slack knows Slack"),
    ("axum",           &["http", "cli", "playground", "runner"],   "only http answers HTTP, and runner the command that it runs"),
    ("maud",           &["http", "playground"],                    "only http writes pages"),
    ("toml",           &["config", "playground"],                   "only config reads TOML, and the playground writes it"),
    ("miette",         &["config"],                                "only config reports problems of configurations"),
    ("keyring",        &["client"],                                "only client keeps sessions"),
    ("rustix",         &["runner", "cli"],                         "only runner has to do with processes, and cli asks for the machine's name"),
    ("clap",           &["cli", "main"],                           "only cli knows the command line"),
    ("utoipa",         &["api", "http"],                           "only the API is described"),
    ("rand",           &["ambient"],                               "only ambient has randomness"),
];

#[test]
fn rooms_import_only_what_they_may() {
    let complaints: Vec<String> = sources("src", "rs").iter().flat_map(trespasses).collect();
    none(&complaints);
}

fn trespasses(file: &Source) -> Vec<String> {
    if ["lib", "main"].contains(&file.room()) {
        return Vec::new();
    }
    let room = file.room();
    let Some((_, allowed)) = ROOMS.iter().find(|(name, _)| *name == room) else {
        return vec![format!(
            "{}: the room `{room}` is not in the table of rooms in tests/it/tidy/rooms.rs",
            file.path
        )];
    };
    let forbidden = |path: &str| {
        let within = |outer: &str| path == outer || path.strip_prefix(outer).is_some_and(|rest| rest.starts_with("::"));
        allowed != &ANY && !within(room) && !allowed.iter().any(|allowed| within(allowed))
    };
    imports(&file.text)
        .into_iter()
        .filter(|(_, path)| forbidden(path))
        .map(|(offset, path)| {
            format!("{} uses crate::{path}: `{room}` may use {} alone", file.place(offset), listed(allowed))
        })
        .collect()
}

fn listed(names: &[&str]) -> String {
    if names.is_empty() { "nothing of ours".to_owned() } else { names.join(", ") }
}

/// Every path that begins with `crate::`, without it, and where it stands; `{…}` taken apart.
fn imports(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (offset, begin) in text.match_indices("crate::") {
        // `$crate::` and `my_crate::` are not ours; comments are, because they name what a reader should know.
        let before = text[..offset].chars().next_back();
        if before.is_some_and(|letter| letter.is_alphanumeric() || letter == '_' || letter == '$') {
            continue;
        }
        expand("", &text[offset + begin.len()..], offset, &mut found);
    }
    found
}

/// Reads one tree of paths and answers with what follows it.
fn expand<'t>(prefix: &str, text: &'t str, offset: usize, found: &mut Vec<(usize, String)>) -> &'t str {
    let text = text.trim_start();
    if let Some(mut rest) = text.strip_prefix('{') {
        loop {
            rest = expand(prefix, rest, offset, found).trim_start();
            match rest.strip_prefix(',').unwrap_or(rest).trim_start() {
                after if after.starts_with('}') => return &after[1..],
                after if after.is_empty() || after == rest => return after,
                after => rest = after,
            }
        }
    }
    let end = text.find(|letter: char| !(letter.is_alphanumeric() || letter == '_')).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let path = match (prefix, name) {
        ("", name) => name.to_owned(),
        (prefix, "" | "self") => prefix.to_owned(),
        (prefix, name) => format!("{prefix}::{name}"),
    };
    match rest.strip_prefix("::") {
        Some(deeper) if !name.is_empty() => expand(&path, deeper, offset, found),
        _ => {
            found.push((offset, path));
            rest.trim_start().strip_prefix("as ").map_or(rest, |alias| {
                alias.trim_start().trim_start_matches(|letter: char| letter.is_alphanumeric() || letter == '_')
            })
        }
    }
}

#[test]
fn crates_stay_in_their_rooms() {
    let files = sources("src", "rs");
    let mut complaints = Vec::new();
    for (name, rooms, rule) in CRATES {
        let rest_of_name = if name.ends_with('_') { r"\w*" } else { "" };
        // Code alone, and paths that begin with the crate: not `x::toml::`.
        let pattern = Regex::new(&format!(r"(?m)^(?:[^/\n]|/[^/\n])*?(?:^|[^\w:])({name}{rest_of_name}::)")).unwrap();
        for file in files.iter().filter(|file| !rooms.contains(&file.room())) {
            let hits = pattern.captures_iter(&file.text).filter_map(|hit| hit.get(1));
            complaints.extend(hits.map(|hit| format!("{} uses `{}`: {rule}", file.place(hit.end()), hit.as_str())));
        }
    }
    none(&complaints);
}

#[test]
fn the_audit_trail_is_only_added_to() {
    let mut complaints = Vec::new();
    let mut inserts = Vec::new();
    let change = Regex::new(
        r"(?i)(\bupdate\s+(or\s+\w+\s+)?|\bdelete\s+from\s+|\breplace\s+into\s+|\bdrop\s+table\s+(if\s+exists\s+)?|\balter\s+table\s+)audit_event\b|\baudit_event\b[^;]*\bon\s+conflict\b",
    )
    .unwrap();
    let insert = Regex::new(r"(?i)\binsert\s+(or\s+\w+\s+)?into\s+audit_event\b").unwrap();
    for file in sources("src", "rs").into_iter().chain(sources("migrations", "sql")) {
        for hit in change.find_iter(&file.text) {
            let said = hit.as_str().split_whitespace().collect::<Vec<_>>().join(" ");
            complaints
                .push(format!("{}: `{said}`: events of the trail are never changed or removed", file.place(hit.end())));
        }
        inserts.extend(insert.find_iter(&file.text).map(|hit| file.place(hit.end())));
    }
    if inserts.len() != 1 || !inserts[0].starts_with("src/store/pending.rs:") {
        complaints.push(format!("events are added in one place, src/store/pending.rs, not in {inserts:?}"));
    }
    none(&complaints);
}

#[test]
fn trees_of_paths_are_read_to_their_leaves() {
    let text = "use crate::{\n    ambient::Clock,\n    domain::{ids::{self, UserId as Id}, time},\n    store,\n};\nlet x = crate::app::App::start();";
    let found: Vec<String> = imports(text).into_iter().map(|(_, path)| path).collect();
    let expected = ["ambient::Clock", "domain::ids", "domain::ids::UserId", "domain::time", "store", "app::App::start"];
    assert_eq!(found, expected);
}
