//! Targets in Azure, and what `[azure]` allows.

use std::time::Duration;

use super::*;
use crate::domain::catalog::{GroupAccess, Target};

const GROUP: &str = "0cf0dc1e-0d4d-4a3b-8a3f-6f1a1f5f0001";
const HELPDESK: &str = "729827e3-9c14-49f7-bb1b-9608f156bbb8";
const GLOBAL_ADMINISTRATOR: &str = "62e90394-69f5-4237-9190-012177145e10";
const SUBSCRIPTION: &str = "/subscriptions/0b1f6471-1bf0-4dda-aec3-111122223333";

/// `[azure]` with this besides, and a role with these lines and targets.
fn with(azure: &str, role: &str, targets: &str) -> String {
    format!(
        "[azure]\ntenant_id = \"t\"\ncredential = \"azure-cli\"\n{azure}\n[[role]]\nname = \"deploy\"\n{role}\n\
         rule = [{{ approvers = [\"U0AAAA1\"] }}]\n{targets}"
    )
}

fn target(kind: &str, lines: &str) -> String {
    format!("[[role.target]]\ntype = \"{kind}\"\n{lines}\n")
}

const USUAL: &str = "max_duration = \"2h\"";

#[test]
fn good_ones() {
    let targets = [
        target("azure-role", &format!("scope = \"{SUBSCRIPTION}/resourceGroups/Web\"\nrole = \"contributor\"")),
        target("azure-role", &format!("scope = \"{SUBSCRIPTION}\"\nrole_definition_id = \"/x/{HELPDESK}\"")),
        target("azure-role", "scope = \"/providers/Microsoft.Management/managementGroups/corp\"\nrole = \"Reader\""),
        target("entra-role", &format!("role_definition_id = \"{}\"", HELPDESK.to_uppercase())),
        target(
            "entra-group",
            &format!("group_id = \"{GROUP}\"\naccess = \"owner\"\nholder_object_id = \"{HELPDESK}\""),
        ),
    ];
    let text = with(&format!("entra_roles = [\"{HELPDESK}\"]"), USUAL, &targets.concat());
    let folder = Folder::new(&[("jit.toml", &format!("{TOP}{text}"))]);
    let config = folder.load().unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    let role = &config.catalog.roles.values().next().unwrap();
    assert_eq!(role.min_duration, Duration::from_mins(5), "Azure gives nothing for less");
    let Target::AzureRole(contributor) = &role.targets[0] else { panic!("{:?}", role.targets) };
    assert_eq!(
        (contributor.role(), contributor.scope.as_str()),
        ("Contributor", &*format!("{SUBSCRIPTION}/resourceGroups/Web"))
    );
    let Target::EntraRole(helpdesk) = &role.targets[3] else { panic!("{:?}", role.targets) };
    assert_eq!((helpdesk.role_definition_id.as_str(), helpdesk.directory_scope.as_str()), (HELPDESK, "/"));
    let Target::EntraGroup(group) = &role.targets[4] else { panic!("{:?}", role.targets) };
    assert_eq!((group.access, role.targets[4].principal()), (GroupAccess::Owner, Some(HELPDESK)));
    let said = folder.check(Secrets::Required);
    assert!(said.contains(&format!("Azure role Contributor at {SUBSCRIPTION}/resourceGroups/Web")), "{said}");
    assert!(said.contains(&format!("owner of Entra group {GROUP}, for {HELPDESK} whoever asks")), "{said}");
}

#[test]
fn what_is_misspelt_is_named_with_its_way_out() {
    for (kind, lines, problem) in [
        ("azure-role", "scope = \"subscriptions/1\"\nrole = \"Reader\"", "\"subscriptions/1\" is not a scope in Azure"),
        (
            "azure-role",
            &*format!("scope = \"{SUBSCRIPTION}\"\nrole = \"Contributer\""),
            "Did you mean \"Contributor\"?",
        ),
        ("azure-role", &*format!("scope = \"{SUBSCRIPTION}\""), "`target` lacks `role` or `role_definition_id`"),
        (
            "azure-role",
            &*format!("scope = \"{SUBSCRIPTION}\"\nrole = \"Reader\"\nrole_definition_id = \"{HELPDESK}\""),
            "A target has a `role` or a `role_definition_id`, not both",
        ),
        ("entra-group", "group_id = \"oncall\"", "\"oncall\" is not an object id in Entra"),
        ("entra-group", &*format!("group_id = \"{GROUP}\"\naccess = \"guest\""), "`access` cannot be \"guest\""),
        ("entra-role", &*format!("role_definition_id = \"{HELPDESK}\""), "may not be opened"),
    ] {
        let said = brief(&with("", USUAL, &target(kind, lines)));
        assert!(said.contains(problem), "{lines}: {said}");
        assert_eq!(said.lines().count(), 1, "one problem: {said}");
    }
}

#[test]
fn nothing_in_azure_is_for_less_than_five_minutes() {
    let reader = target("azure-role", &format!("scope = \"{SUBSCRIPTION}\"\nrole = \"Reader\""));
    for (role, problem) in [
        (
            "max_duration = \"2h\"\nmin_duration = \"4m\"",
            "`min_duration` 4m is too short for a role that opens something in Azure",
        ),
        ("max_duration = \"4m59s\"", "`max_duration` 4m59s is too short for a role that opens something in Azure"),
        ("max_duration = \"2h\"\ndefault_duration = \"1m\"", "`default_duration` 1m is outside"),
    ] {
        let said = brief(&with("", role, &reader));
        assert!(said.contains(problem), "{said}");
    }
    assert_eq!(brief(&with("", "max_duration = \"5m\"\nmin_duration = \"5m\"", &reader)), "in order");
}

#[test]
fn the_mightiest_roles_are_opened_only_by_who_says_that_they_know() {
    let admin = target("entra-role", &format!("role_definition_id = \"{GLOBAL_ADMINISTRATOR}\""));
    let said = brief(&with(&format!("entra_roles = [\"{GLOBAL_ADMINISTRATOR}\"]"), USUAL, &admin));
    assert!(said.starts_with("Global Administrator opens everything"), "{said}");
    let knows = format!("entra_roles = [{{ role_definition_id = \"{GLOBAL_ADMINISTRATOR}\", i_know = true }}]");
    assert_eq!(brief(&with(&knows, USUAL, &admin)), "in order");
    let said = brief(&with("", USUAL, &admin));
    assert!(said.starts_with("The Entra role Global Administrator may not be opened"), "{said}");
}

#[test]
fn a_target_in_azure_needs_the_table() {
    let reader = target("azure-role", &format!("scope = \"{SUBSCRIPTION}\"\nrole = \"Reader\""));
    let role = format!("[[role]]\nname = \"deploy\"\n{USUAL}\nrule = [{{ approvers = [\"U0AAAA1\"] }}]\n{reader}");
    let said = brief(&role);
    assert!(said.starts_with("A target of type \"azure-role\" needs the table [azure]"), "{said}");
}
