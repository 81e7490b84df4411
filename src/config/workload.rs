//! `[[workload]]`: pipelines, what each proves itself with, and what it may ask for.
//!
//! A workload says which claims its proof must have. What would let more in than one pipeline is refused here: a claim
//! that anything fits, or a repository without saying which of its branches or environments.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    api, forms,
    problem::Finding,
    raw::Value,
    reader::{Node, Table, Wants},
    source::{At, Place},
    suggest,
};
use crate::domain::{
    catalog::Role,
    ids::{RoleName, WorkloadName},
    workload::{Algorithm, AwsCaller, IssuerKind, Proof, TokenRule, Workload},
};

/// A run seldom takes longer, and whatever is granted ends by itself anyway.
const USUAL_SESSION: Duration = Duration::from_hours(6);
const GITHUB: &str = "https://token.actions.githubusercontent.com";
const GITLAB: &str = "https://gitlab.com";
/// The tables by which a workload says what it proves itself with: one of them.
const PROOFS: [&str; 5] = ["github", "gitlab", "oidc", "aws", "aws_web_identity"];

/// All workloads of all files; a name stands for one of them.
pub(super) fn read_all(
    nodes: &[Node<'_>],
    roles: &BTreeMap<RoleName, Role>,
    region: Option<&str>,
) -> BTreeMap<WorkloadName, Workload> {
    let mut places: BTreeMap<WorkloadName, Place> = BTreeMap::new();
    let mut workloads = BTreeMap::new();
    for node in nodes {
        for workload in node.tables(|table| read(table, roles, region)) {
            let Some(At { value: workload, place }) = workload.value else { continue };
            if let Some(first) = places.get(&workload.name) {
                let help = "Give one of them another name, or take it out.";
                let finding = Finding::at(place, format!("There are two workloads \"{}\"", workload.name), help);
                node.report.add(finding.label("again here").also(*first, "first here"));
                continue;
            }
            places.insert(workload.name.clone(), place);
            workloads.insert(workload.name.clone(), workload);
        }
    }
    workloads
}

fn read(table: &mut Table<'_>, roles: &BTreeMap<RoleName, Role>, region: Option<&str>) -> Option<At<Workload>> {
    let before = table.report().count();
    let name = table.required("name", forms::at(workload_name));
    let may_ask = table.required("roles", |node| known_roles(node, roles));
    let session = table.optional("session", api::session).unwrap_or(USUAL_SESSION);
    let proofs: Vec<Proof> = PROOFS
        .into_iter()
        .filter_map(|kind| {
            let node = table.optional(kind, Some)?;
            node.table(&Wants("a table", "[workload.github]"), |inner| proof(kind, inner, region)).flatten()
        })
        .collect();
    if table.report().count() > before {
        return None;
    }
    let name = name?;
    let [proof] = proofs.try_into().ok().or_else(|| {
        let help = format!("Add one of [workload.{}].", PROOFS.join("], [workload."));
        table.report().add(Finding::at(name.place, "A workload proves itself in exactly one way", help));
        None
    })?;
    let At { value: name, place } = name;
    Some(At { value: Workload { name, roles: may_ask?, proof, session }, place })
}

fn workload_name(node: Node<'_>) -> Option<WorkloadName> {
    forms::role_name(node).map(|name| WorkloadName(name.0))
}

fn known_roles(node: Node<'_>, roles: &BTreeMap<RoleName, Role>) -> Option<BTreeSet<RoleName>> {
    let wants = Wants("a list of roles", "[\"prod-deploy\"]");
    let mut all = Some(BTreeSet::new());
    for item in node.list(&wants)? {
        let name = RoleName(item.text(&wants)?.to_owned());
        if roles.contains_key(&name) {
            all.as_mut()?.insert(name);
            continue;
        }
        // A role with problems of its own is reported there.
        let near = suggest::nearest(name.as_str(), roles.keys().map(RoleName::as_str));
        let help = near.map_or("Name a [[role]].".to_owned(), |near| format!("Did you mean \"{near}\"?"));
        item.refuse(format!("There is no role \"{name}\""), help);
        all = None;
    }
    all
}

fn proof(kind: &str, table: &mut Table<'_>, region: Option<&str>) -> Option<Proof> {
    match kind {
        "github" => github(table).map(Proof::Token),
        "gitlab" => gitlab(table).map(Proof::Token),
        "aws" => aws(table, region).map(Proof::AwsCaller),
        "aws_web_identity" => aws_web_identity(table).map(Proof::Token),
        _ => oidc(table).map(Proof::Token),
    }
}

fn github(table: &mut Table<'_>) -> Option<TokenRule> {
    let mut claims = Claims::default();
    claims.required(table, "repository_id");
    claims.required(table, "repository_owner_id");
    let narrowed = [claims.optional(table, "ref"), claims.optional(table, "environment")];
    for claim in ["event_name", "job_workflow_ref", "workflow_ref", "runner_environment"] {
        claims.optional(table, claim);
    }
    let issuer = table.optional("issuer", issuer).unwrap_or_else(|| GITHUB.to_owned());
    let jwks_url = jwks_url(table, &issuer, "/.well-known/jwks")?;
    narrow(table, narrowed)?;
    Some(rule(IssuerKind::Github, issuer, jwks_url, claims, &[Algorithm::Rs256]))
}

fn gitlab(table: &mut Table<'_>) -> Option<TokenRule> {
    let mut claims = Claims::default();
    claims.required(table, "project_id");
    let narrowed = [claims.optional(table, "ref"), claims.optional(table, "environment")];
    for claim in [
        "namespace_id",
        "ref_type",
        "environment_protected",
        "deployment_tier",
        "pipeline_source",
        "runner_environment",
    ] {
        claims.optional(table, claim);
    }
    let issuer = table.optional("issuer", issuer).unwrap_or_else(|| GITLAB.to_owned());
    let jwks_url = jwks_url(table, &issuer, "/oauth/discovery/keys")?;
    narrow(table, narrowed)?;
    Some(rule(IssuerKind::Gitlab, issuer, jwks_url, claims, &[Algorithm::Rs256]))
}

/// Anybody who may push anywhere in a repository could act for it otherwise.
fn narrow(table: &Table<'_>, narrowed: [bool; 2]) -> Option<()> {
    if narrowed.contains(&true) {
        return Some(());
    }
    let help = "Add ref = \"refs/heads/main\" (in GitLab \"main\"), or environment = \"production\", or both.";
    let message = "This workload is whoever may push any branch: it lacks `ref` or `environment`";
    table.report().add(Finding::at(table.place(), message, help));
    None
}

fn oidc(table: &mut Table<'_>) -> Option<TokenRule> {
    let issuer = table.required("issuer", issuer);
    let jwks = table.required("jwks_url", forms::url);
    let algorithms = table.optional("algorithms", algorithms);
    let claims = table.required("claims", every_claim);
    let algorithms = algorithms.unwrap_or_else(|| vec![Algorithm::Rs256]);
    Some(rule(IssuerKind::Any, issuer?, jwks?.into(), claims?, &algorithms))
}

fn aws_web_identity(table: &mut Table<'_>) -> Option<TokenRule> {
    let issuer = table.required("issuer", issuer);
    let claims = table.required("claims", every_claim);
    let issuer = issuer?;
    let jwks_url = jwks_url(table, &issuer, "/.well-known/jwks.json")?;
    Some(rule(IssuerKind::AwsWebIdentity, issuer, jwks_url, claims?, &[Algorithm::Rs256, Algorithm::Es384]))
}

fn aws(table: &mut Table<'_>, usual_region: Option<&str>) -> Option<AwsCaller> {
    let account = table.required("account", account);
    let role = table.optional("role", forms::text);
    let role_id = table.optional("role_id", forms::beginning_with("AROA"));
    let region = match usual_region {
        Some(usual) => Some(table.optional("region", forms::text).unwrap_or_else(|| usual.to_owned())),
        None => table.required("region", forms::text),
    };
    let sts_url = table.optional("sts_url", forms::url).map(Into::into);
    if role.is_none() && role_id.is_none() {
        let help =
            "Add role = \"deployer\", the role's name, or role_id = \"AROA...\", which `aws iam get-role` prints.";
        let message = "This workload is whoever is in the account: it lacks `role` or `role_id`";
        table.report().add(Finding::at(table.place(), message, help));
        return None;
    }
    Some(AwsCaller { account: account?, role, role_id, region: region?, sts_url })
}

fn account(node: Node<'_>) -> Option<String> {
    let text = node.text(&Wants("an AWS account", "\"111122223333\""))?;
    if text.len() != 12 || !text.bytes().all(|letter| letter.is_ascii_digit()) {
        node.refuse(format!("\"{text}\" is not an AWS account"), "It has twelve digits, between quotes.");
        return None;
    }
    Some(text.to_owned())
}

fn rule(
    issuer_kind: IssuerKind,
    issuer: String,
    jwks_url: String,
    claims: Claims,
    algorithms: &[Algorithm],
) -> TokenRule {
    let algorithms = algorithms.iter().copied().collect();
    TokenRule { issuer_kind, issuer, jwks_url, algorithms, claims: claims.0 }
}

/// An issuer as its tokens write it: it is compared letter for letter.
fn issuer(node: Node<'_>) -> Option<String> {
    forms::url(node)?;
    node.text(&Wants("a URL", "\"https://gitlab.example.com\"")).map(str::to_owned)
}

/// Where the keys are: at the usual place below the issuer, unless it is said.
fn jwks_url(table: &mut Table<'_>, issuer: &str, path: &str) -> Option<String> {
    let before = table.report().count();
    let said = table.optional("jwks_url", forms::url).map(String::from);
    let usual = || format!("{}{path}", issuer.trim_end_matches('/'));
    (table.report().count() == before).then(|| said.unwrap_or_else(usual))
}

fn algorithms(node: Node<'_>) -> Option<Vec<Algorithm>> {
    let items = node.list(&Wants("a list of algorithms", "[\"RS256\"]"))?;
    items.into_iter().map(forms::choice(&Algorithm::NAMED)).collect()
}

fn every_claim(node: Node<'_>) -> Option<Claims> {
    let mut claims = Claims::default();
    let all = node.table(&Wants("a table", "claims = { project = \"web\" }"), Table::every_key)?;
    if all.is_empty() {
        node.refuse(
            "Without a claim, everybody whom the issuer knows would fit",
            "Add what only this pipeline's tokens say.",
        );
        return None;
    }
    for (name, value) in all {
        claims.0.insert(name.value.to_owned(), values(value)?);
    }
    Some(claims)
}

/// What each claim may be.
#[derive(Default)]
struct Claims(BTreeMap<String, BTreeSet<String>>);

impl Claims {
    fn required(&mut self, table: &mut Table<'_>, claim: &'static str) {
        let values = table.required(claim, values);
        self.0.extend(values.map(|values| (claim.to_owned(), values)));
    }

    fn optional(&mut self, table: &mut Table<'_>, claim: &'static str) -> bool {
        let values = table.optional(claim, values);
        let is_there = values.is_some();
        self.0.extend(values.map(|values| (claim.to_owned(), values)));
        is_there
    }
}

/// A text, or a list of texts of which one must fit.
fn values(node: Node<'_>) -> Option<BTreeSet<String>> {
    let items = if let Value::List(_) = node.raw.value {
        node.list(&Wants("a list of texts", "[\"refs/heads/main\"]"))?
    } else {
        vec![node]
    };
    items.into_iter().map(value).collect()
}

fn value(node: Node<'_>) -> Option<String> {
    let text = forms::text(node)?;
    let start = text.strip_suffix('*').unwrap_or(&text);
    if start.is_empty() || start.contains('*') {
        let help = "A `*` stands for any rest, at the end alone and behind something: \"refs/tags/v*\".";
        node.refuse(format!("`{}` cannot be \"{text}\"", node.key), help);
        return None;
    }
    Some(text)
}
