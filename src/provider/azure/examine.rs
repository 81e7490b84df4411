//! What the tenant says about a target before anybody asks for it: the rules of its policy, and which of the bot's
//! permissions are missing. Only looked at by `jit check --live`; nothing is changed.

use std::time::Duration;

use azure_core::http::Method;
use jiff::{SpanRelativeTo, Unit};
use serde_json::Value;

use super::{Azure, failure::Failure, tuple::Thing};
use crate::domain::{catalog::Target, time::short};

/// The rule that says for how long at most.
const LONGEST: &str = "Expiration_Admin_Assignment";
/// The rule that says what an assignment has to come with.
const ENABLEMENT: &str = "Enablement_Admin_Assignment";

/// What a role of the configuration wants of a target.
#[derive(Debug, Clone, Copy)]
pub struct Wants {
    /// The longest a grant may be.
    pub longest: Duration,
    /// Whether people have to give a reason.
    pub reason: bool,
    /// Whether the reason has to name a ticket.
    pub ticket: bool,
}

/// What was found out about a target, in words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Examined {
    /// What it opens.
    pub about: String,
    /// What the tenant's policy says.
    pub rules: Vec<String>,
    /// What stands in the way of grants, each with its way out.
    pub problems: Vec<String>,
    /// What could not be found out, and why.
    pub unknown: Vec<String>,
}

impl Examined {
    /// What cannot be found out is a problem where nothing can be, because the bot has no way in.
    fn not_told(&mut self, what: &str, failure: &Failure, why: &str) {
        let words = format!("{what}: {why}");
        match failure {
            Failure::NoToken(_) | Failure::NoAnswer { .. } => self.problems.push(words),
            Failure::Garbled | Failure::Answered(_) => self.unknown.push(words),
        }
    }
}

/// The part of a policy that counts for what an administrator assigns, which is what the bot does.
#[derive(Debug, Default, PartialEq, Eq)]
struct Policy {
    longest: Option<Duration>,
    mfa: bool,
    reason: bool,
    ticket: bool,
}

impl Azure {
    /// Asks the tenant about a target.
    pub async fn examine(&self, target: &Target, wants: &Wants) -> Examined {
        let thing = match Thing::of(target) {
            Ok(thing) => thing,
            Err(error) => return Examined { problems: vec![error.message], ..Examined::default() },
        };
        let mut examined = Examined { about: thing.words(), ..Examined::default() };
        match self.policy(thing).await {
            Ok(Some(policy)) => policy.judge(wants, &mut examined),
            Ok(None) => examined.unknown.push("its policy: Azure lists none for it".to_owned()),
            Err(failure) => {
                let error = failure.of_reading(&format!("the policy of {}", thing.words()));
                examined.not_told("its policy", &failure, &error.message);
            }
        }
        self.permissions(thing, &mut examined).await;
        examined
    }

    async fn policy(&self, thing: Thing<'_>) -> Result<Option<Policy>, Failure> {
        let (service, url, id) = match thing {
            Thing::Resource(role) => {
                let path = format!("{}/providers/Microsoft.Authorization/roleManagementPolicyAssignments", role.scope);
                let filter = format!("roleDefinitionId eq '{}'", role.definition());
                let url = self.client.arm.url(&path, &[("api-version", "2020-10-01"), ("$filter", &filter)]);
                (&self.client.arm, url, role.role_definition_id.as_str())
            }
            Thing::Directory(role) => {
                let id = role.role_definition_id.as_str();
                let filter = format!("scopeId eq '/' and scopeType eq 'DirectoryRole' and roleDefinitionId eq '{id}'");
                (&self.client.graph, self.graph_policies(&filter), id)
            }
            Thing::Group(group) => {
                let id = group.access.as_str();
                let filter =
                    format!("scopeId eq '{}' and scopeType eq 'Group' and roleDefinitionId eq '{id}'", group.group_id);
                (&self.client.graph, self.graph_policies(&filter), id)
            }
        };
        // whether the filter is honoured is not documented
        let all = service.list(url).await?;
        Ok(all.iter().find(|item| is_for(item, id)).map(Policy::read))
    }

    fn graph_policies(&self, filter: &str) -> url::Url {
        let query = [("$filter", filter), ("$expand", "policy($expand=effectiveRules)")];
        self.client.graph.url("/v1.0/policies/roleManagementPolicyAssignments", &query)
    }

    async fn permissions(&self, thing: Thing<'_>, examined: &mut Examined) {
        match thing {
            Thing::Resource(role) => {
                let path = format!("{}/providers/Microsoft.Authorization/permissions", role.scope);
                let url = self.client.arm.url(&path, &[("api-version", "2022-04-01")]);
                match self.client.arm.list(url).await {
                    Ok(sets) => {
                        let missing = ARM_NEEDED.iter().filter(|needed| !is_allowed(&sets, needed));
                        examined.problems.extend(missing.map(|needed| {
                            format!(
                                "the bot lacks {needed} at {}: assign it the role User Access Administrator there, or the \
                                 custom role of README.md",
                                role.scope
                            )
                        }));
                    }
                    Err(failure) => {
                        let error = failure.of_reading(&format!("the bot's permissions at {}", role.scope));
                        examined.not_told("its permissions", &failure, &error.message);
                    }
                }
            }
            Thing::Directory(_) => self.graph_permissions(&DIRECTORY_NEEDED, examined).await,
            Thing::Group(_) => self.graph_permissions(&GROUP_NEEDED, examined).await,
        }
    }

    /// Entra writes what an app may do with Graph into its token.
    async fn graph_permissions(&self, needed: &[&[&str]], examined: &mut Examined) {
        let held = match self.client.graph_roles().await {
            Ok(Some(held)) => held,
            Ok(None) => {
                let words = "its permissions: the token for Microsoft Graph does not tell them";
                examined.unknown.push(words.to_owned());
                return;
            }
            Err(failure) => {
                examined.problems.push(failure.of_reading("Microsoft Graph").message);
                return;
            }
        };
        let lacks = |any: &&&[&str]| !any.iter().any(|one| held.iter().any(|held| held == one));
        examined.problems.extend(needed.iter().filter(lacks).map(|any| {
            format!(
                "the app lacks the permission {} of Microsoft Graph: add it to the app registration as an application \
                 permission, and let an administrator consent",
                any[0]
            )
        }));
    }

    /// Whether the bot can look people up, when somebody's e-mail address is all there is; `None` when that cannot be
    /// told.
    pub async fn can_find_people(&self) -> Option<bool> {
        let url =
            self.client.graph.url("/v1.0/users", &[("$filter", "mail eq 'nobody@jit.invalid'"), ("$select", "id")]);
        match self.client.graph.send(Method::Get, url, None).await {
            Ok(_) => Some(true),
            Err(Failure::Answered(answer)) if matches!(answer.status, 401 | 403) => Some(false),
            Err(_) => None,
        }
    }
}

/// What the bot does at a scope.
const ARM_NEEDED: [&str; 5] = [
    "Microsoft.Authorization/roleAssignmentScheduleRequests/read",
    "Microsoft.Authorization/roleAssignmentScheduleRequests/write",
    "Microsoft.Authorization/roleAssignmentScheduleRequests/cancel/action",
    "Microsoft.Authorization/roleAssignmentScheduleInstances/read",
    "Microsoft.Authorization/roleAssignments/write",
];
/// What it needs for roles in the directory; any of each, the least first.
const DIRECTORY_NEEDED: [&[&str]; 1] =
    [&["RoleAssignmentSchedule.ReadWrite.Directory", "RoleManagement.ReadWrite.Directory"]];
/// What it needs for groups.
const GROUP_NEEDED: [&[&str]; 1] = [&["PrivilegedAssignmentSchedule.ReadWrite.AzureADGroup"]];

/// Whether one of the bot's roles at the scope allows an action: wildcards and all, and what it takes away again.
fn is_allowed(sets: &[Value], action: &str) -> bool {
    let lists = |set: &Value, key: &str| {
        let patterns = set.get(key).and_then(Value::as_array).into_iter().flatten();
        patterns.filter_map(Value::as_str).any(|pattern| fits(pattern, action))
    };
    sets.iter().any(|set| lists(set, "actions") && !lists(set, "notActions"))
}

/// `Microsoft.Authorization/*/read`
fn fits(pattern: &str, action: &str) -> bool {
    let (pattern, action) = (pattern.to_ascii_lowercase(), action.to_ascii_lowercase());
    let mut parts = pattern.split('*');
    let Some(mut rest) = action.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

fn is_for(item: &Value, id: &str) -> bool {
    let fields = item.get("properties").unwrap_or(item);
    let role = fields.get("roleDefinitionId").and_then(Value::as_str).unwrap_or_default();
    role.rsplit('/').next().is_some_and(|last| last.eq_ignore_ascii_case(id))
}

impl Policy {
    fn read(item: &Value) -> Self {
        let places = ["/properties/effectiveRules", "/policy/effectiveRules", "/policy/rules"];
        let rules = places.iter().find_map(|place| item.pointer(place)?.as_array()).cloned().unwrap_or_default();
        let rule = |id: &str| rules.iter().find(|rule| rule["id"] == id);
        let enabled = |what: &str| {
            let rules = rule(ENABLEMENT).and_then(|rule| rule["enabledRules"].as_array());
            rules.is_some_and(|rules| rules.iter().any(|rule| rule == what))
        };
        let longest = rule(LONGEST).filter(|rule| rule["isExpirationRequired"] != false);
        Self {
            longest: longest.and_then(|rule| rule["maximumDuration"].as_str()).and_then(duration),
            mfa: enabled("MultiFactorAuthentication"),
            reason: enabled("Justification"),
            ticket: enabled("Ticketing"),
        }
    }

    fn judge(&self, wants: &Wants, examined: &mut Examined) {
        match self.longest {
            Some(longest) => examined.rules.push(format!("for {} at most", short(longest))),
            None => examined.rules.push("for as long as one likes".to_owned()),
        }
        if let Some(longest) = self.longest.filter(|longest| *longest < wants.longest) {
            examined.problems.push(format!(
                "max_duration {} is longer than {}, which is the most that the tenant's policy allows (ExpirationRule): \
                 lower the one or raise the other",
                short(wants.longest),
                short(longest)
            ));
        }
        if self.mfa {
            examined.rules.push("with multi-factor authentication".to_owned());
            examined.problems.push(
                "the tenant's policy wants multi-factor authentication from whoever assigns it (MfaRule), which a bot \
                 cannot do: switch that off for active assignments of this role"
                    .to_owned(),
            );
        }
        if self.reason {
            let own = if wants.reason { "" } else { "; where people give none, the bot gives the request's id" };
            examined.rules.push(format!("with a justification{own}"));
        }
        if self.ticket {
            let own = if wants.ticket { "" } else { "; the role has no `ticket`, so the request's id is given" };
            examined.rules.push(format!("with a ticket{own}"));
        }
    }
}

/// `P90D`, `PT8H`
fn duration(text: &str) -> Option<Duration> {
    let span: jiff::Span = text.parse().ok()?;
    let seconds = span.total((Unit::Second, SpanRelativeTo::days_are_24_hours())).ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_policy_becomes_words() {
        let item = json!({ "properties": { "effectiveRules": [
            { "id": "Expiration_EndUser_Assignment", "isExpirationRequired": true, "maximumDuration": "PT1H" },
            { "id": "Expiration_Admin_Assignment", "isExpirationRequired": true, "maximumDuration": "PT8H" },
            { "id": "Enablement_Admin_Assignment", "enabledRules": ["MultiFactorAuthentication", "Justification"] },
        ]}});
        let policy = Policy::read(&item);
        let hours = Duration::from_hours;
        assert_eq!(policy, Policy { longest: Some(hours(8)), mfa: true, reason: true, ticket: false });
        let mut examined = Examined::default();
        policy.judge(&Wants { longest: hours(12), reason: true, ticket: false }, &mut examined);
        assert_eq!(examined.rules, ["for 8h at most", "with multi-factor authentication", "with a justification"]);
        assert_eq!(examined.problems.len(), 2, "{examined:?}");
        assert_eq!(duration("P90D"), Some(hours(90 * 24)));
    }

    #[test]
    fn actions_are_allowed_by_wildcards_and_taken_away_again() {
        let sets = |actions: &[&str], not: &[&str]| vec![json!({ "actions": actions, "notActions": not })];
        let write = "Microsoft.Authorization/roleAssignmentScheduleRequests/write";
        for (actions, not, allowed) in [
            (&["*"][..], &[][..], true),
            (&["*"], &["Microsoft.Authorization/*/Write"], false),
            (&["Microsoft.Authorization/*"], &[], true),
            (&["microsoft.authorization/roleassignmentschedulerequests/*"], &[], true),
            (&["*/read"], &[], false),
            (&[write], &[], true),
            (&[], &[], false),
        ] {
            assert_eq!(is_allowed(&sets(actions, not), write), allowed, "{actions:?} {not:?}");
        }
    }
}
