//! The Azure targets: roles on resources, roles in the Entra directory, and Entra groups. Everything in Azure has a GUID
//! for a name, so this is where one that was cut short or put in the wrong place is found.

use std::{collections::BTreeSet, sync::LazyLock};

use regex::Regex;

use super::{
    forms,
    problem::Finding,
    reader::{Node, Table, Wants},
    suggest,
};
use crate::domain::{
    azure,
    catalog::{AzureRole, EntraGroup, EntraRole, GroupAccess},
};

const GUID: &str = "00000000-0000-0000-0000-000000000000";

/// A role at a scope.
pub(super) fn azure_role(table: &mut Table<'_>) -> Option<AzureRole> {
    let scope = table.required("scope", scope);
    let before = table.report().count();
    let id = table.optional("role_definition_id", definition_id);
    let name = table.optional("role", role_by_name);
    let is_judged = table.report().count() == before;
    let holder = table.optional("holder_object_id", object_id);
    let role = match (id, name) {
        (Some(id), None) => Some(id),
        (None, Some(id)) => Some(id.to_owned()),
        (Some(_), Some(_)) => {
            let help = "Take one of them out: both name the role.";
            let message = "A target has a `role` or a `role_definition_id`, not both";
            table.report().add(Finding::at(table.place(), message, help));
            None
        }
        (None, None) if is_judged => {
            let help = "Add role = \"Contributor\", or role_definition_id = \"...\" with the id of any role.";
            table.report().add(Finding::at(table.place(), "`target` lacks `role` or `role_definition_id`", help));
            None
        }
        (None, None) => None,
    };
    Some(AzureRole::new(&scope?, &role?, holder))
}

/// A role in the directory, out of the allowed ones.
pub(super) fn entra_role(table: &mut Table<'_>, allowed: Option<&BTreeSet<String>>) -> Option<EntraRole> {
    let role = table.required("role_definition_id", |node| {
        let id = definition_id(node)?;
        if allowed.is_some_and(|allowed| !allowed.contains(&id)) {
            let help = format!("Add \"{id}\" to entra_roles in [azure], if this role is to be had on request.");
            node.refuse(format!("The Entra role {} may not be opened", azure::mighty(&id).unwrap_or(&id)), help);
            return None;
        }
        Some(id)
    });
    let scope = table.optional("directory_scope", directory_scope);
    let holder = table.optional("holder_object_id", object_id);
    Some(EntraRole::new(&role?, scope.as_deref().unwrap_or("/"), holder))
}

/// A membership in a group, or its ownership.
pub(super) fn entra_group(table: &mut Table<'_>) -> Option<EntraGroup> {
    let group = table.required("group_id", object_id);
    let options = [("member", GroupAccess::Member), ("owner", GroupAccess::Owner)];
    let access = table.optional("access", forms::choice(&options)).unwrap_or_default();
    let holder = table.optional("holder_object_id", object_id);
    Some(EntraGroup::new(&group?, access, holder))
}

/// `entra_roles` of `[azure]`: which roles in the directory may be opened. From the mightiest everything else can be
/// reached, so whoever lists one has to say that they know.
pub(super) fn allowed_roles(node: Node<'_>) -> Option<BTreeSet<String>> {
    let wants = Wants("a list of role ids", "[\"f2ef992c-3afb-46b9-b7cf-a126ee74c451\"]");
    Some(node.list(&wants)?.into_iter().filter_map(allowed_role).collect())
}

fn allowed_role(node: Node<'_>) -> Option<String> {
    let (id, knows) = if node.is_text() {
        (definition_id(node)?, false)
    } else {
        let wants = Wants("a role's id or a table", "{ role_definition_id = \"...\", i_know = true }");
        node.table(&wants, |table| {
            let id = table.required("role_definition_id", definition_id);
            let knows = table.optional("i_know", forms::boolean).unwrap_or(false);
            Some((id?, knows))
        })
        .flatten()?
    };
    if let Some(name) = azure::mighty(&id).filter(|_| !knows) {
        let help = format!(
            "Prefer a lesser role. If it must be this one, write {{ role_definition_id = \"{id}\", i_know = true }}."
        );
        node.refuse(format!("{name} opens everything: who has it can give themselves any other role"), help);
        return None;
    }
    Some(id)
}

/// The object id of a person, a service principal or a group.
pub(super) fn object_id(node: Node<'_>) -> Option<String> {
    let text = node.text(&Wants("an object id", "\"00000000-0000-0000-0000-000000000000\""))?;
    if !is_guid(text) {
        let help = format!("It looks like {GUID}; the Entra admin center shows it on the page of what it names.");
        node.refuse(format!("\"{text}\" is not an object id in Entra"), help);
        return None;
    }
    Some(text.to_ascii_lowercase())
}

/// The id of a role, alone or at the end of its path.
fn definition_id(node: Node<'_>) -> Option<String> {
    let text = node.text(&Wants("the id of a role", "\"b24988ac-6180-42a0-ab88-20f7382dd24c\""))?;
    let id = text.rsplit('/').next().unwrap_or(text);
    if !is_guid(id) {
        let help = format!("It looks like {GUID}; `az role definition list --name \"...\" --query [].name` prints it.");
        node.refuse(format!("\"{text}\" is not the id of a role"), help);
        return None;
    }
    Some(id.to_ascii_lowercase())
}

fn role_by_name(node: Node<'_>) -> Option<&'static str> {
    let name = node.text(&Wants("the name of a role", "\"Contributor\""))?;
    let id = azure::resource_role(name);
    if id.is_none() {
        let names = azure::resource_role_names();
        let meant = suggest::nearest(name, names.iter().copied());
        let meant = meant.map(|meant| format!("Did you mean \"{meant}\"? ")).unwrap_or_default();
        let help = format!(
            "{meant}Any role can be named by its id: role_definition_id = \"...\", which `az role definition list --name \
             \"...\" --query [].name` prints."
        );
        node.refuse(format!("\"{name}\" is not a built-in role that jit knows by name"), help);
    }
    id
}

fn scope(node: Node<'_>) -> Option<String> {
    static SCOPE: LazyLock<Regex> = LazyLock::new(|| {
        let subscription = "/subscriptions/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}";
        let below = "(/resourcegroups/[^/?#%\\s]+(/providers/[^/?#%\\s]+(/[^/?#%\\s]+/[^/?#%\\s]+)+)?)?";
        let group = "/providers/microsoft\\.management/managementgroups/[^/?#%\\s]+";
        Regex::new(&format!("^(?i)({subscription}{below}|{group})/?$")).expect("a valid pattern")
    });
    let text = node.text(&Wants("a scope in Azure", "\"/subscriptions/00000000-0000-0000-0000-000000000000\""))?;
    if !SCOPE.is_match(text) {
        let help = "It is /subscriptions/<id>, with /resourceGroups/<name> and the path of a resource behind it if need \
                    be, or /providers/Microsoft.Management/managementGroups/<name>.";
        node.refuse(format!("\"{text}\" is not a scope in Azure"), help);
        return None;
    }
    Some(text.to_owned())
}

fn directory_scope(node: Node<'_>) -> Option<String> {
    let text = forms::text(node)?;
    let fits =
        text.starts_with('/') && !text.contains(|letter: char| letter.is_whitespace() || "?#%'".contains(letter));
    if !fits {
        let help = "Write \"/\" for the whole directory, or \"/administrativeUnits/<id>\".";
        node.refuse(format!("\"{text}\" is not a scope in the directory"), help);
        return None;
    }
    Some(text)
}

fn is_guid(text: &str) -> bool {
    static GUID: LazyLock<Regex> =
        LazyLock::new(|| Regex::new("^(?i)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$").expect("a valid pattern"));
    GUID.is_match(text)
}
