//! `[aws]` and `[azure]`: who the bot is in each cloud and where the cloud is.

use std::path::PathBuf;

use url::Url;

use super::{
    Secrets, azure_target,
    context::Context,
    forms,
    problem::Finding,
    reader::{Node, Table, Wants},
    secret,
    settings::{Aws, Azure, AzureCredential, IdentityCenter},
};

/// `[aws]`
pub(super) fn aws(table: &mut Table<'_>, context: &Context<'_>) -> Option<Aws> {
    let region = region(table, context);
    let endpoint_url = table.optional("endpoint_url", forms::url);
    let federation_url = table.optional("federation_url", forms::url);
    let beside_endpoint = || endpoint_url.as_ref().and_then(federation_beside);
    let federation_url = federation_url.or_else(beside_endpoint);
    let revoker_role_arn = table.optional("revoker_role_arn", forms::role_arn);
    let wants =
        Wants("a table", "{ instance_arn = \"arn:aws:sso:::instance/ssoins-...\", identity_store_id = \"d-...\" }");
    let identity_center = table.optional("identity_center", |node| node.table(&wants, identity_center).flatten());
    Some(Aws { region: region?, endpoint_url, federation_url, revoker_role_arn, identity_center })
}

/// The region, or what the AWS tools take when none is said.
fn region(table: &mut Table<'_>, context: &Context<'_>) -> Option<String> {
    let usual = ["AWS_REGION", "AWS_DEFAULT_REGION"]
        .iter()
        .find_map(|name| context.environment.lookup(name).filter(|region| is_region(region)));
    match usual {
        Some(usual) => {
            let before = table.report().count();
            let said = table.optional("region", region_name);
            said.or_else(|| (table.report().count() == before).then_some(usual))
        }
        None => table.required("region", region_name),
    }
}

fn region_name(node: Node<'_>) -> Option<String> {
    let text = node.text(&Wants("an AWS region", "\"eu-west-1\""))?.to_owned();
    if !is_region(&text) {
        node.refuse(format!("\"{text}\" is not an AWS region"), "It looks like eu-west-1 or us-gov-east-1.");
        return None;
    }
    Some(text)
}

fn is_region(text: &str) -> bool {
    text.contains('-')
        && text.bytes().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == b'-')
}

/// A stand-in for AWS has its sign-in endpoint at the same address.
fn federation_beside(endpoint: &Url) -> Option<Url> {
    format!("{}/federation", endpoint.as_str().trim_end_matches('/')).parse().ok()
}

fn identity_center(table: &mut Table<'_>) -> Option<IdentityCenter> {
    let instance_arn = table.required("instance_arn", forms::beginning_with("arn:aws"));
    let identity_store_id = table.required("identity_store_id", forms::beginning_with("d-"));
    Some(IdentityCenter { instance_arn: instance_arn?, identity_store_id: identity_store_id? })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    ClientSecret,
    ClientCertificate,
    WorkloadIdentity,
    ManagedIdentity,
    AzureCli,
}

const KINDS: [(&str, Kind); 5] = [
    ("client-secret", Kind::ClientSecret),
    ("client-certificate", Kind::ClientCertificate),
    ("workload-identity", Kind::WorkloadIdentity),
    ("managed-identity", Kind::ManagedIdentity),
    ("azure-cli", Kind::AzureCli),
];

/// `[azure]`
pub(super) fn azure(table: &mut Table<'_>, context: &Context<'_>) -> Option<Azure> {
    let tenant_id = tenant_id(table, context);
    let kind = table.required("credential", forms::choice(&KINDS));
    let credential = credential(table, kind, context);
    let arm_url = endpoint(table, "arm_url", "https://management.azure.com");
    let graph_url = endpoint(table, "graph_url", "https://graph.microsoft.com");
    let authority_host = authority_host(table, context);
    let guests = table.optional("guests", forms::boolean).unwrap_or(false);
    let entra_roles = table.optional("entra_roles", azure_target::allowed_roles);
    Some(Azure {
        guests,
        entra_roles: entra_roles.unwrap_or_default(),
        tenant_id: tenant_id?,
        credential: credential?,
        arm_url: arm_url?,
        graph_url: graph_url?,
        authority_host: authority_host?,
    })
}

/// The tenant, or what the Azure tools take when none is said.
fn tenant_id(table: &mut Table<'_>, context: &Context<'_>) -> Option<String> {
    match context.environment.lookup("AZURE_TENANT_ID").filter(|tenant| !tenant.trim().is_empty()) {
        Some(usual) => {
            let before = table.report().count();
            let said = table.optional("tenant_id", forms::text);
            said.or_else(|| (table.report().count() == before).then_some(usual))
        }
        None => table.required("tenant_id", forms::text),
    }
}

fn endpoint(table: &mut Table<'_>, key: &'static str, usual: &str) -> Option<Url> {
    let before = table.report().count();
    let said = table.optional(key, forms::https_url);
    said.or_else(|| (table.report().count() == before).then(|| usual.parse().ok()).flatten())
}

/// Where tokens come from: what is said here, else what the Azure tools take.
fn authority_host(table: &mut Table<'_>, context: &Context<'_>) -> Option<Url> {
    let usual = context.environment.lookup("AZURE_AUTHORITY_HOST").filter(|host| host.starts_with("https://"));
    endpoint(table, "authority_host", usual.as_deref().unwrap_or("https://login.microsoftonline.com"))
}

/// What each kind of credential needs; a secret for another kind is refused, so that none lies about unused.
fn credential(table: &mut Table<'_>, kind: Option<Kind>, context: &Context<'_>) -> Option<AzureCredential> {
    for (key, user) in [
        ("client_secret", Kind::ClientSecret),
        ("client_certificate", Kind::ClientCertificate),
        ("client_certificate_password", Kind::ClientCertificate),
    ] {
        if kind != Some(user) {
            refuse_unused(table, key, kind);
        }
    }
    match kind? {
        Kind::ClientSecret => {
            let client_id = table.required("client_id", forms::text);
            let client_secret = table.required("client_secret", |node| secret::now(node, context));
            Some(AzureCredential::ClientSecret { client_id: client_id?, client_secret: client_secret? })
        }
        Kind::ClientCertificate => {
            let client_id = table.required("client_id", forms::text);
            let certificate = table.required("client_certificate", |node| certificate(node, context));
            let password = table.optional("client_certificate_password", |node| secret::now(node, context));
            Some(AzureCredential::ClientCertificate { client_id: client_id?, certificate: certificate?, password })
        }
        Kind::WorkloadIdentity => {
            Some(AzureCredential::WorkloadIdentity { client_id: table.optional("client_id", forms::text) })
        }
        Kind::ManagedIdentity => {
            Some(AzureCredential::ManagedIdentity { client_id: table.optional("client_id", forms::text) })
        }
        Kind::AzureCli => {
            table.optional("client_id", forms::text);
            Some(AzureCredential::AzureCli)
        }
    }
}

fn refuse_unused(table: &mut Table<'_>, key: &'static str, kind: Option<Kind>) {
    let Some(node) = table.unwanted(key) else { return };
    let Some((chosen, _)) = KINDS.iter().find(|(_, known)| Some(*known) == kind) else { return };
    let help = format!("Take `{key}` out, or choose the credential that it belongs to.");
    node.refuse(format!("`{key}` is not used with credential = \"{chosen}\""), help);
}

/// `{ file = "…" }` of a PKCS#12 file, which is not text and so is not read here.
fn certificate(node: Node<'_>, context: &Context<'_>) -> Option<PathBuf> {
    let wants = Wants("a file", "{ file = \"jit.p12\" }");
    let path = node.table(&wants, |table| table.required("file", forms::text)).flatten()?;
    let path = context.beside(node.place(), &path);
    if context.secrets == Secrets::Required && !path.is_file() {
        let message = format!("There is no file {}", path.display());
        node.report.add(Finding::at(node.place(), message, "Put the PKCS#12 file there, or mend the path."));
        return None;
    }
    Some(path)
}
