//! What the bot runs with: the playground's own policy, or somebody's, with every place that it names replaced by one on
//! this machine.
//!
//! Roles, rules, limits and groups stay word for word. Targets become demo ones, so nothing real can be opened; with an
//! emulator, those of AWS stay what they are and their calls go there.

use std::{
    collections::BTreeMap,
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use toml::{Table, Value};
use url::Url;

use super::{Options, cast::TEAM};
use crate::{
    app::StartError,
    config::{self, ProcessEnvironment, Secrets},
    playground::story::Trouble,
};

/// The playground's own.
const OWN: &str = include_str!("../../../config/playground.toml");
/// Under which names the bot finds the workspace's secrets.
pub(super) const SIGNING_SECRET: &str = "PLAYGROUND_SIGNING_SECRET";
pub(super) const BOT_TOKEN: &str = "PLAYGROUND_BOT_TOKEN";
/// The account that an emulator takes its callers for.
const EMULATED_ACCOUNT: &str = "123456789012";
/// What every file may add to.
const LISTS: [&str; 2] = ["role", "person"];

/// Where things are on this machine.
pub(super) struct Places<'a> {
    pub(super) folder: &'a Path,
    pub(super) api_url: String,
    pub(super) bot: SocketAddr,
}

/// What the cast is made from besides the checked configuration.
#[derive(Debug, Default)]
pub(super) struct Policy {
    /// Whether it is somebody's own.
    pub(super) is_theirs: bool,
    /// What user groups are called, where a group of the file stands for one alone.
    pub(super) handles: BTreeMap<String, String>,
}

/// Writes the configuration down where the bot reads it.
pub(super) fn prepare(options: &Options, places: &Places<'_>) -> Result<Policy, Trouble> {
    let mut policy = match &options.config {
        Some(path) => theirs(path)?,
        None => OWN.parse().map_err(io::Error::other)?,
    };
    let emulator = options.aws_endpoint.as_ref();
    move_in(&mut policy, places, emulator);
    for role in tables(&mut policy, "role") {
        let name = text(role, "name");
        let mut targets: Vec<Table> = Vec::new();
        for target in tables(role, "target") {
            let target = playable(target, &name, emulator.is_some());
            if !targets.contains(&target) {
                targets.push(target);
            }
        }
        role.insert("target".to_owned(), Value::Array(targets.into_iter().map(Value::Table).collect()));
    }
    fs::write(places.folder.join("jit.toml"), policy.to_string())?;
    Ok(Policy { is_theirs: options.config.is_some(), handles: handles(&policy) })
}

/// Somebody's configuration in one piece, checked as it stands so that problems are told with the lines of their file.
fn theirs(path: &Path) -> Result<Table, Trouble> {
    config::check(path, &ProcessEnvironment, Secrets::MayBeMissing).map_err(StartError::Config)?;
    let mut whole = read(path)?;
    let patterns = whole.remove("include").and_then(|value| value.as_array().cloned()).unwrap_or_default();
    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
    for pattern in patterns.iter().filter_map(Value::as_str) {
        let pattern = folder.join(pattern).display().to_string();
        for file in glob::glob(&pattern).map_err(io::Error::other)?.flatten() {
            merge(&mut whole, read(&file)?);
        }
    }
    Ok(whole)
}

/// One file, with the files that it names by their full paths.
fn read(path: &Path) -> io::Result<Table> {
    let mut table: Table = fs::read_to_string(path)?.parse().map_err(io::Error::other)?;
    let folder = fs::canonicalize(path)?.parent().map(Path::to_owned).unwrap_or_default();
    for role in tables(&mut table, "role") {
        for target in tables(role, "target") {
            for key in ["policy", "session_policy"] {
                absolute(target.get_mut(key), &folder);
            }
        }
    }
    Ok(table)
}

fn absolute(file: Option<&mut Value>, folder: &Path) {
    let path = match file {
        Some(Value::Table(table)) => table.get_mut("file"),
        other => other,
    };
    if let Some(Value::String(path)) = path
        && !path.trim_start().starts_with('{')
    {
        *path = folder.join(PathBuf::from(&*path)).display().to_string();
    }
}

fn merge(whole: &mut Table, part: Table) {
    for (key, value) in part {
        match (whole.get_mut(&key), value) {
            (Some(Value::Array(all)), Value::Array(more)) if LISTS.contains(&key.as_str()) => all.extend(more),
            (Some(Value::Table(all)), Value::Table(more)) => all.extend(more),
            (Some(_), _) => {}
            (None, value) => _ = whole.insert(key, value),
        }
    }
}

/// Puts this machine's places where the file had its own.
fn move_in(policy: &mut Table, places: &Places<'_>, emulator: Option<&Url>) {
    let store = format!("sqlite:{}", places.folder.join("jit.db").display());
    let secret = |name: &str| Value::Table([("env".to_owned(), name.into())].into_iter().collect());
    let teams = Value::Array(vec![TEAM.into()]);
    for (table, key, value) in [
        ("server", "listen", places.bot.to_string().into()),
        ("server", "public_url", format!("http://{}", places.bot).into()),
        ("store", "url", store.into()),
        ("slack", "api_url", places.api_url.clone().into()),
        ("slack", "mode", "http".into()),
        ("slack", "signing_secret", secret(SIGNING_SECRET)),
        ("slack", "bot_token", secret(BOT_TOKEN)),
        ("slack", "team_ids", teams),
    ] {
        table_of(policy, table).insert(key.to_owned(), value);
    }
    table_of(policy, "slack").remove("app_token");
    // What only a real cloud needs is not needed, and its secrets are not asked for.
    policy.remove("azure");
    match emulator {
        None => _ = policy.remove("aws"),
        Some(url) => {
            let aws = table_of(policy, "aws");
            aws.entry("region").or_insert_with(|| "eu-west-1".into());
            aws.insert("endpoint_url".to_owned(), url.to_string().into());
            aws.remove("federation_url");
            aws.remove("revoker_role_arn");
        }
    }
}

/// A target that opens nothing real.
fn playable(target: &Table, role: &str, is_emulated: bool) -> Table {
    let kind = text(target, "type");
    let cloud = match kind.as_str() {
        "demo" => target.get("cloud").and_then(Value::as_str).unwrap_or("aws"),
        kind if kind.starts_with("aws-") => "aws",
        _ => "azure",
    };
    if is_emulated && kind == "demo" && cloud == "aws" {
        let role_arn = format!("arn:aws:iam::{EMULATED_ACCOUNT}:role/{role}");
        return [("type", "aws-sts".to_owned()), ("role_arn", role_arn)]
            .into_iter()
            .map(|(key, value)| (key.to_owned(), Value::String(value)))
            .collect();
    }
    if kind == "demo" || (is_emulated && cloud == "aws") {
        return target.clone();
    }
    let mut demo = Table::new();
    demo.insert("type".to_owned(), "demo".into());
    demo.insert("cloud".to_owned(), cloud.into());
    demo.insert("name".to_owned(), opened(target, role).into());
    if kind == "aws-sts" {
        demo.insert("sessions".to_owned(), true.into());
    }
    demo
}

/// What a real target opens, in a few words.
fn opened(target: &Table, role: &str) -> String {
    // The keys of each kind of target that say so, the thing before the place it is in.
    let keys = [
        ["role_arn", ""],
        ["permission_set_arn", "account"],
        ["role_definition_id", "scope"],
        ["role_definition_id", "directory_scope"],
        ["group_id", "access"],
        ["group", "user"],
        ["role", ""],
        ["user", ""],
    ];
    let shown =
        |key: &str| target.get(key).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    let named = keys.iter().find_map(|[thing, place]| {
        let thing = shown(thing)?;
        Some(shown(place).map_or_else(|| thing.clone(), |place| format!("{thing} on {place}")))
    });
    named.unwrap_or_else(|| role.to_owned())
}

/// A user group goes by the name of the group that stands for it alone.
fn handles(policy: &Table) -> BTreeMap<String, String> {
    let groups = policy.get("groups").and_then(Value::as_table).into_iter().flatten();
    let alone = |members: &Value| match members.as_array().map(Vec::as_slice) {
        Some([Value::String(id)]) if id.starts_with('S') => Some(id.clone()),
        _ => None,
    };
    groups.filter_map(|(name, members)| Some((alone(members)?, name.clone()))).collect()
}

fn tables<'t>(table: &'t mut Table, key: &str) -> impl Iterator<Item = &'t mut Table> {
    let items = table.get_mut(key).and_then(Value::as_array_mut);
    items.into_iter().flatten().filter_map(Value::as_table_mut)
}

fn table_of<'t>(table: &'t mut Table, key: &str) -> &'t mut Table {
    let value = table.entry(key).or_insert_with(|| Value::Table(Table::new()));
    if !value.is_table() {
        *value = Value::Table(Table::new());
    }
    value.as_table_mut().expect("it was made a table")
}

fn text(table: &Table, key: &str) -> String {
    table.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_is_played_by_its_own_kind_of_cloud() {
        let table = |text: &str| text.parse::<Table>().unwrap();
        for (theirs, is_emulated, played) in [
            (
                "type = 'aws-sts'\nrole_arn = 'arn:aws:iam::1:role/x'",
                false,
                "type = 'demo'\ncloud = 'aws'\nname = 'arn:aws:iam::1:role/x'\nsessions = true",
            ),
            (
                "type = 'aws-iam-group'\nuser = 'ann'\ngroup = 'ops'",
                false,
                "type = 'demo'\ncloud = 'aws'\nname = 'ops on ann'",
            ),
            (
                "type = 'azure-role'\nscope = '/subscriptions/1'\nrole_definition_id = 'reader'",
                true,
                "type = 'demo'\ncloud = 'azure'\nname = 'reader on /subscriptions/1'",
            ),
            ("type = 'aws-sts'\nrole_arn = 'x'", true, "type = 'aws-sts'\nrole_arn = 'x'"),
            ("type = 'demo'", false, "type = 'demo'"),
            ("type = 'demo'", true, "type = 'aws-sts'\nrole_arn = 'arn:aws:iam::123456789012:role/deploy'"),
            ("type = 'demo'\ncloud = 'azure'", true, "type = 'demo'\ncloud = 'azure'"),
        ] {
            assert_eq!(playable(&table(theirs), "deploy", is_emulated), table(played), "{theirs}");
        }
    }
}
