//! Azure targets by what they open: one name for each thing, made here and nowhere else, and what holds for all of them.

use std::time::Duration;

use super::catalog::{AzureRole, EntraGroup, EntraRole, GroupAccess};

/// Azure gives nothing for less, and takes nothing away that is younger. Source: Microsoft's documentation of Privileged
/// Identity Management, for roles on resources, roles in the directory and groups alike.
pub const SHORTEST: Duration = Duration::from_mins(5);

/// Roles on resources that people know by name. Built-in roles have the same ids in every tenant. Source: Azure built-in
/// roles.
const RESOURCE_ROLES: [(&str, &str); 19] = [
    ("Owner", "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"),
    ("Contributor", "b24988ac-6180-42a0-ab88-20f7382dd24c"),
    ("Reader", "acdd72a7-3385-48ef-bd42-f606fba81ae7"),
    ("User Access Administrator", "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9"),
    ("Role Based Access Control Administrator", "f58310d9-a9f6-439a-9e8d-f62e7b41a168"),
    ("Virtual Machine Contributor", "9980e02c-c2be-4d73-94e8-173b1dc7cf3c"),
    ("Virtual Machine Administrator Login", "1c0163c0-47e6-4577-8991-ea5c82e286e4"),
    ("Network Contributor", "4d97b98b-1d4f-4787-a291-c67834d212e7"),
    ("Storage Account Contributor", "17d1049b-9a84-46fb-8f53-869881c3d3ab"),
    ("Storage Blob Data Owner", "b7e6dc6d-f1e8-4753-8033-0f276bb0955b"),
    ("Storage Blob Data Contributor", "ba92f5b4-2d11-453d-a403-e96b0029c9fe"),
    ("Storage Blob Data Reader", "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"),
    ("Key Vault Administrator", "00482a5a-887f-4fb3-b363-3b7fe8e74483"),
    ("Key Vault Secrets Officer", "b86a8fe4-44ce-4948-aee5-eccb2c155cd7"),
    ("Key Vault Secrets User", "4633458b-17de-408a-b874-0445c86b69e6"),
    ("Azure Kubernetes Service Cluster Admin Role", "0ab0b1a8-8aac-4efd-b8c2-3ee1fb270be8"),
    ("Azure Kubernetes Service RBAC Cluster Admin", "b1ff04bb-8a4e-4dc4-8eb5-8693973ce19b"),
    ("Security Admin", "fb1c8493-542b-48eb-b624-b4c8fea62acd"),
    ("Security Reader", "39bc4728-0917-49c7-9d2c-d95423bc2eb4"),
];

/// Roles in the directory from which everything else can be reached: who has one can give themselves any other, or take
/// over somebody or something that has it.
const MIGHTY_ROLES: [(&str, &str); 7] = [
    ("Global Administrator", "62e90394-69f5-4237-9190-012177145e10"),
    ("Privileged Role Administrator", "e8611ab8-c189-46e8-94e1-60213ab1f814"),
    ("Privileged Authentication Administrator", "7be44c8a-adaf-4e2a-84d6-ab2649e08a13"),
    ("Application Administrator", "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3"),
    ("Cloud Application Administrator", "158c047a-c907-4556-b7ef-446551a6b5f7"),
    ("Hybrid Identity Administrator", "8ac3fc64-6eca-42ea-9e69-59f4c7b60eb2"),
    ("Partner Tier2 Support", "e00e864a-17c5-4a4b-9c06-f5b95a8d5bd8"),
];

/// The names that `role` of a target can have.
#[must_use]
pub fn resource_role_names() -> Vec<&'static str> {
    RESOURCE_ROLES.iter().map(|(name, _)| *name).collect()
}

/// The id of a built-in role on resources.
#[must_use]
pub fn resource_role(name: &str) -> Option<&'static str> {
    RESOURCE_ROLES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, id)| *id)
}

/// The name of a role in the directory from which everything else can be reached; `None` for any other role.
#[must_use]
pub fn mighty(role_definition_id: &str) -> Option<&'static str> {
    MIGHTY_ROLES.iter().find(|(_, id)| id.eq_ignore_ascii_case(role_definition_id)).map(|(name, _)| *name)
}

impl AzureRole {
    /// A role at a scope: a management group, a subscription, a resource group or a resource.
    #[must_use]
    pub fn new(scope: &str, role_definition_id: &str, holder_object_id: Option<String>) -> Self {
        let scope = scope.trim_end_matches('/').to_owned();
        let role_definition_id = role_definition_id.to_ascii_lowercase();
        let resource = format!("{}|{role_definition_id}", scope.to_ascii_lowercase());
        Self { scope, role_definition_id, holder_object_id, resource }
    }

    /// The role's id as a path: in the scope's subscription or management group, where custom roles live too.
    #[must_use]
    pub fn definition(&self) -> String {
        let lower = self.scope.to_ascii_lowercase();
        let parts = if lower.starts_with("/subscriptions/") { 2 } else { 4 };
        let root: Vec<&str> = self.scope.split('/').take(parts + 1).collect();
        format!("{}/providers/Microsoft.Authorization/roleDefinitions/{}", root.join("/"), self.role_definition_id)
    }

    /// The role's name where it is a well-known one, else its id.
    #[must_use]
    pub fn role(&self) -> &str {
        let known = RESOURCE_ROLES.iter().find(|(_, id)| *id == self.role_definition_id);
        known.map_or(self.role_definition_id.as_str(), |(name, _)| *name)
    }
}

impl EntraRole {
    /// A role in the directory.
    #[must_use]
    pub fn new(role_definition_id: &str, directory_scope: &str, holder_object_id: Option<String>) -> Self {
        let role_definition_id = role_definition_id.to_ascii_lowercase();
        let resource = format!("{}|{role_definition_id}", directory_scope.to_ascii_lowercase());
        Self { role_definition_id, directory_scope: directory_scope.to_owned(), holder_object_id, resource }
    }

    /// The role's name where it is one of the mighty ones, else its id.
    #[must_use]
    pub fn role(&self) -> &str {
        mighty(&self.role_definition_id).unwrap_or(&self.role_definition_id)
    }
}

impl EntraGroup {
    /// A membership in a group, or its ownership.
    #[must_use]
    pub fn new(group_id: &str, access: GroupAccess, holder_object_id: Option<String>) -> Self {
        let group_id = group_id.to_ascii_lowercase();
        let resource = format!("{group_id}|{}", access.as_str());
        Self { group_id, access, holder_object_id, resource }
    }
}

impl GroupAccess {
    /// As the configuration and Microsoft Graph write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Owner => "owner",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_one_thing_however_it_is_spelt() {
        let one = AzureRole::new("/subscriptions/AB/resourceGroups/Web/", "B24988AC-6180-42A0-AB88-20F7382DD24C", None);
        let other = AzureRole::new("/subscriptions/ab/resourcegroups/web", resource_role("contributor").unwrap(), None);
        assert_eq!(one.resource, other.resource);
        assert_eq!(one.role(), "Contributor");
        let path = "/providers/Microsoft.Authorization/roleDefinitions/b24988ac-6180-42a0-ab88-20f7382dd24c";
        assert_eq!(one.definition(), format!("/subscriptions/AB{path}"));
        let group =
            AzureRole::new("/providers/Microsoft.Management/managementGroups/corp", &one.role_definition_id, None);
        assert_eq!(group.definition(), format!("/providers/Microsoft.Management/managementGroups/corp{path}"));
    }
}
