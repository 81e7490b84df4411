//! The configuration: read from TOML files, checked as a whole, refused as a whole.
//!
//! There are two layers. The raw one (`raw`, read through `reader`) keeps every value with its place and judges
//! nothing; the checked one ([`Config`]) cannot be wrong. Whatever stands between the two is reported at once, each
//! problem with its line and a way out. Nothing here talks to Slack or a cloud.

mod api;
mod azure_target;
mod cloud;
mod cloud_target;
mod context;
mod files;
mod forms;
mod groups;
mod policy_file;
mod problem;
mod raw;
mod reader;
mod role;
mod rule;
pub mod secret;
mod sections;
mod session_policy;
mod settings;
mod shown;
mod source;
mod suggest;
mod summary;
mod target;
#[cfg(test)]
mod tests;
mod workload;

use std::{collections::BTreeSet, path::Path, sync::Arc};

use self::{
    context::{Context, Seen},
    files::Roots,
    problem::Report,
    reader::{Node, Table, Wants},
    role::Around,
    target::Clouds,
};
pub use self::{
    forms::RESERVED_ROLE_NAMES,
    problem::{Problem, Problems},
    secret::{Environment, ProcessEnvironment},
    settings::{Api, Aws, Azure, AzureCredential, Config, Drift, IdentityCenter, Server, Slack, SlackMode},
    summary::summary,
};
use crate::domain::{
    catalog::{Catalog, Requesters, Role},
    ids::{ChannelId, UserGroupId},
};

/// Whether secrets must be at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrets {
    /// As they are for running.
    Required,
    /// As they seldom are where a policy is only checked.
    MayBeMissing,
}

/// Reads the configuration that the bot runs with.
///
/// # Errors
/// All problems at once, when there are any.
pub fn load(path: &Path, environment: &dyn Environment) -> Result<Config, Problems> {
    read(path, environment, Secrets::Required)
}

/// Checks a configuration and says what is in it, as `jit check` does. Nothing is handed out to run with, because with
/// [`Secrets::MayBeMissing`] it might have empty secrets.
///
/// # Errors
/// All problems at once, when there are any.
pub fn check(path: &Path, environment: &dyn Environment, secrets: Secrets) -> Result<String, Problems> {
    read(path, environment, secrets).map(|config| summary(&config))
}

/// Where the store is, for commands that only look into it: they need none of the secrets.
///
/// # Errors
/// All problems at once, when there are any.
pub fn store_url(path: &Path, environment: &dyn Environment) -> Result<String, Problems> {
    read(path, environment, Secrets::MayBeMissing).map(|config| config.store_url)
}

fn read(path: &Path, environment: &dyn Environment, secrets: Secrets) -> Result<Config, Problems> {
    let (report, seen) = (Report::default(), Seen::default());
    let files = files::read(path, &report, &seen);
    let config = files.roots.as_ref().and_then(|roots| {
        let context = Context { environment, secrets, sources: &files.sources, seen: &seen };
        whole(roots, &report, &context)
    });
    let digest = seen.digest();
    report.close(files.sources)?;
    // Without a problem every part is there; without every part there is a problem.
    let mut config = config.ok_or_else(Problems::unexplained)?;
    config.catalog = Arc::new(Catalog { digest, ..Arc::unwrap_or_clone(config.catalog) });
    Ok(config)
}

fn whole(roots: &Roots, report: &Report, context: &Context<'_>) -> Option<Config> {
    let mut shared = Shared::default();
    let main = Node { key: "", raw: &roots.main, report };
    let config = main.table(&FILE, |table| sections(table, &mut shared, context)).flatten();
    for raw in &roots.included {
        Node { key: "", raw, report }.table(&FILE, |table| included(table, &mut shared));
    }
    let groups = groups::Groups::read(&shared.groups);
    let aliases = sections::people(&shared.people);
    let around = Around {
        context,
        groups: &groups,
        clouds: Clouds {
            has_aws: shared.has_aws,
            has_azure: shared.has_azure,
            entra_roles: config
                .as_ref()
                .and_then(|config| config.azure.as_ref())
                .map(|azure| azure.entra_roles.clone()),
        },
        requests_channel: config
            .as_ref()
            .map_or(ChannelId(String::new()), |config| config.slack.requests_channel.clone()),
    };
    let roles = role::read_all(&shared.roles, &around);
    let auditors = api::auditors(shared.auditors, &groups);
    let region = config.as_ref().and_then(|config| config.aws.as_ref()).map(|aws| aws.region.as_str());
    let workloads = workload::read_all(&shared.workloads, &roles, region);
    let mut config = config?;
    config.user_groups = roles.values().flat_map(user_groups).chain(&auditors.user_groups).cloned().collect();
    config.catalog = Arc::new(Catalog { roles, aliases, workloads, auditors, ..Arc::unwrap_or_clone(config.catalog) });
    config.files = context.sources.iter().map(|source| source.path.clone()).collect();
    Some(config)
}

const FILE: Wants = Wants("a table", "[server]");

/// What every file may add to.
#[derive(Default)]
struct Shared<'r> {
    groups: Vec<Node<'r>>,
    people: Vec<Node<'r>>,
    roles: Vec<Node<'r>>,
    workloads: Vec<Node<'r>>,
    auditors: Option<Node<'r>>,
    has_aws: bool,
    has_azure: bool,
}

impl<'r> Shared<'r> {
    fn gather(&mut self, table: &mut Table<'r>) {
        self.groups.extend(table.optional("groups", Some));
        self.people.extend(table.optional("person", Some));
        self.roles.extend(table.optional("role", Some));
        self.workloads.extend(table.optional("workload", Some));
    }
}

/// The main file's own tables; the catalog has its limits, roles come later.
fn sections<'r>(table: &mut Table<'r>, shared: &mut Shared<'r>, context: &Context<'_>) -> Option<Config> {
    table.optional("include", Some);
    let wants = |header| Wants("a table", header);
    let server = table.required("server", |node| node.table(&wants("[server]"), sections::server).flatten());
    let store_url = table.required("store", |node| node.table(&wants("[store]"), sections::store).flatten());
    let slack = table
        .required("slack", |node| node.table(&wants("[slack]"), |table| sections::slack(table, context)).flatten());
    let aws = table.optional("aws", |node| {
        shared.has_aws = true;
        node.table(&wants("[aws]"), |table| cloud::aws(table, context)).flatten()
    });
    let azure = table.optional("azure", |node| {
        shared.has_azure = true;
        node.table(&wants("[azure]"), |table| cloud::azure(table, context)).flatten()
    });
    let limits = table.optional("limits", |node| node.table(&wants("[limits]"), sections::limits)).unwrap_or_default();
    let api = table
        .optional("api", |node| node.table(&wants("[api]"), |table| api::api(table, &mut shared.auditors)))
        .unwrap_or_default();
    let drift = table.optional("drift", |node| node.table(&wants("[drift]"), sections::drift)).unwrap_or_default();
    shared.gather(table);
    let catalog = Arc::new(Catalog { limits, ..Catalog::default() });
    let (user_groups, files) = (BTreeSet::new(), Vec::new());
    let (server, store_url, slack) = (server?, store_url?, slack?);
    Some(Config { server, store_url, slack, aws, azure, api, drift, catalog, user_groups, files })
}

/// An included file adds roles, people and groups; what there is one of stays in the main file.
fn included<'r>(table: &mut Table<'r>, shared: &mut Shared<'r>) {
    shared.gather(table);
    for key in ["include", "server", "store", "slack", "aws", "azure", "api", "limits", "drift"] {
        if let Some(node) = table.unwanted(key) {
            let help = "Move it to the main file; included files have [[role]], [[person]], [[workload]] and [groups].";
            node.refuse(format!("`{key}` cannot stand in an included file"), help);
        }
    }
}

fn user_groups(role: &Role) -> impl Iterator<Item = &UserGroupId> {
    let asking = match &role.requesters {
        Requesters::Everybody => None,
        Requesters::Only(circle) => Some(circle),
    };
    role.rules.iter().map(|rule| &rule.approvers).chain(asking).flat_map(|circle| &circle.user_groups)
}
