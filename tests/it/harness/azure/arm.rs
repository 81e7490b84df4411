//! Azure Resource Manager's side of the double, in its bodies: `properties` and all, with nulls where there is nothing.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    Desk,
    directory::{self, ROLES},
    faults::Fault,
    pim::{Action, Ends, Policy, Refusal, Request, Schedule, Thing, Write, trailing},
    serve::{Answer, Asked},
};

const AUTHORIZATION: &str = "/providers/Microsoft.Authorization";

pub fn answer(desk: &mut Desk, asked: &Asked, now: Timestamp) -> Answer {
    let id = asked.operation.id.as_str();
    let done = match id.split('_').next().unwrap_or_default() {
        "armPut" => put(desk, asked, now),
        "armGet" => get(desk, asked),
        "armCancel" => cancel(desk, asked, now),
        "armList" => list(desk, asked, now),
        "armPolicies" => Ok((200, policies(desk, asked))),
        "armRoles" => Ok((200, roles(asked))),
        "armRole" => role(asked),
        "armPermissions" => Ok((200, json!({ "value": desk.permissions }))),
        other => panic!("{other} is not answered"),
    };
    done.unwrap_or_else(|refusal| refused(&refusal))
}

fn refused((status, code, words): &Refusal) -> Answer {
    (*status, Fault::body(code, words, false))
}

/// The scope of a path: what stands before the last `/providers/Microsoft.Authorization`.
fn scope(path: &str) -> &str {
    let at = path.to_lowercase().rfind(&AUTHORIZATION.to_lowercase()).expect("every path has it");
    &path[..at]
}

fn put(desk: &mut Desk, asked: &Asked, now: Timestamp) -> Result<Answer, Refusal> {
    let body = &asked.body["properties"];
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let principal = text(&body["principalId"]).unwrap_or_default().to_lowercase();
    let role = trailing(body["roleDefinitionId"].as_str().unwrap_or_default());
    if !ROLES.iter().any(|(_, id)| *id == role) {
        return Err((400, "RoleNotFound", "The role is not found.".to_owned()));
    }
    if desk.principal(&principal).is_none() {
        return Err((400, "SubjectNotFound", "The subject is not found.".to_owned()));
    }
    let action = match body["requestType"].as_str() {
        Some("AdminAssign") => Action::Assign,
        Some("AdminUpdate" | "AdminExtend") => Action::Update,
        _ => Action::Remove,
    };
    let write = Write {
        id: asked.last().to_lowercase(),
        thing: Thing::resource(scope(&asked.path), &role),
        principal,
        action,
        justification: text(&body["justification"]),
        ticket: text(&body["ticketInfo"]["ticketNumber"]),
        start: body["scheduleInfo"]["startDateTime"].as_str().and_then(|at| at.parse().ok()),
        ends: ends(&body["scheduleInfo"]["expiration"]),
        sent_at: asked.at,
        body: asked.body.clone(),
    };
    let request = desk.pim.write(write, now, &mut desk.defects)?;
    Ok((201, shown(desk, &request, scope(&asked.path))))
}

/// An expiration, in either API's spelling.
pub fn ends(expiration: &Value) -> Option<Ends> {
    let duration = expiration["duration"].as_str().map(|text| Ends::After(iso(text)));
    duration.or_else(|| expiration["endDateTime"].as_str().and_then(|at| at.parse().ok()).map(Ends::At))
}

/// `P1DT30M`; days have 24 hours.
fn iso(text: &str) -> SignedDuration {
    let days = text.strip_prefix('P').and_then(|rest| rest.split_once('D'));
    let (days, rest) = days.map_or((0, text.to_owned()), |(days, rest)| (days.parse().unwrap(), format!("P{rest}")));
    let rest = if rest == "P" { SignedDuration::ZERO } else { rest.parse().unwrap() };
    SignedDuration::from_hours(24 * days) + rest
}

fn get(desk: &Desk, asked: &Asked) -> Result<Answer, Refusal> {
    let missing = || (404, "RoleAssignmentScheduleRequestNotFound", "The request does not exist.".to_owned());
    let request = desk.pim.request(asked.last()).ok_or_else(missing)?;
    let Thing::Resource { scope: of, .. } = &request.write.thing else { return Err(missing()) };
    if *of != scope(&asked.path).to_lowercase() {
        return Err(missing());
    }
    Ok((200, shown(desk, request, scope(&asked.path))))
}

fn cancel(desk: &mut Desk, asked: &Asked, now: Timestamp) -> Result<Answer, Refusal> {
    let id = asked.path.rsplit('/').nth(1).unwrap_or_default();
    if desk.pim.cancel(id, now) {
        return Ok((200, Value::Null));
    }
    Err((400, "RoleAssignmentRequestCannotBeCanceled", "Only pending requests can be canceled.".to_owned()))
}

fn shown(desk: &Desk, request: &Request, scope: &str) -> Value {
    let (write, sent) = (&request.write, &request.write.body["properties"]);
    let principal = desk.principal(&write.principal).expect("it was looked up");
    let expiration = &sent["scheduleInfo"]["expiration"];
    let id = format!("{scope}{AUTHORIZATION}/RoleAssignmentScheduleRequests/{}", write.id);
    json!({
        "properties": {
            "targetRoleAssignmentScheduleId": request.schedule,
            "targetRoleAssignmentScheduleInstanceId": null,
            "scope": scope,
            "roleDefinitionId": sent["roleDefinitionId"],
            "principalId": write.principal,
            "principalType": principal.type_name(),
            "requestType": sent["requestType"],
            "status": request.status,
            "approvalId": null,
            "scheduleInfo": match write.action {
                Action::Remove => Value::Null,
                Action::Assign | Action::Update => json!({
                    "startDateTime": write.start.unwrap_or(request.made_at),
                    "expiration": {
                        "type": expiration["type"], "endDateTime": expiration["endDateTime"],
                        "duration": expiration["duration"],
                    },
                }),
            },
            "ticketInfo": {
                "ticketNumber": sent["ticketInfo"]["ticketNumber"], "ticketSystem": sent["ticketInfo"]["ticketSystem"],
            },
            "justification": sent["justification"],
            "requestorId": directory::guid("jit"),
            "createdOn": request.made_at,
            "condition": null,
            "conditionVersion": null,
            "expandedProperties": expanded(principal, scope, &trailing_of(&write.thing)),
        },
        "name": write.id,
        "id": id,
        "type": "Microsoft.Authorization/RoleAssignmentScheduleRequests",
    })
}

fn trailing_of(thing: &Thing) -> String {
    match thing {
        Thing::Resource { role, .. } | Thing::Entra { role, .. } => role.clone(),
        Thing::Group { group, .. } => group.clone(),
    }
}

fn expanded(principal: &directory::Principal, scope: &str, role: &str) -> Value {
    let name = ROLES.iter().find(|(_, id)| *id == role).map(|(name, _)| *name);
    json!({
        "scope": { "id": scope, "displayName": "Acme", "type": "subscription" },
        "roleDefinition": { "id": role, "displayName": name, "type": "BuiltInRole" },
        "principal": {
            "id": principal.id, "displayName": principal.name, "email": principal.mail, "type": principal.type_name(),
        },
    })
}

fn list(desk: &Desk, asked: &Asked, now: Timestamp) -> Result<Answer, Refusal> {
    let future = asked.operation.id.contains("Schedules_");
    let here = scope(&asked.path);
    let filter = asked.query("$filter").unwrap_or_default();
    let wanted = Wanted::of(filter)?;
    let rows = desk.pim.listed(now, future).into_iter();
    let rows: Vec<Value> = rows.filter_map(|schedule| row(desk, schedule, here, &wanted, now)).collect();
    Ok((200, page(desk.page, asked, rows, "nextLink")))
}

/// One page of a list, with a link to the next one if there is more.
pub fn page(size: usize, asked: &Asked, rows: Vec<Value>, link: &str) -> Value {
    let skip = asked.query("$skiptoken").and_then(|after| after.parse().ok()).unwrap_or_default();
    let more = rows.len() > skip + size;
    let mut page = json!({ "value": rows.into_iter().skip(skip).take(size).collect::<Vec<_>>() });
    if more {
        page[link] = asked.next_link(skip + size).into();
    }
    page
}

/// What a filter of a list lets through.
enum Wanted {
    Everything,
    AtScope,
    Principal(String),
    /// Also by way of groups.
    AssignedTo(String),
}

impl Wanted {
    fn of(filter: &str) -> Result<Self, Refusal> {
        let quoted = || filter.split('\'').nth(1).unwrap_or_default().to_lowercase();
        let is_single = filter.matches('\'').count() == 2 && !filter.contains(" and ");
        match filter {
            "" => Ok(Self::Everything),
            "atScope()" => Ok(Self::AtScope),
            _ if is_single && filter.starts_with("principalId eq '") => Ok(Self::Principal(quoted())),
            _ if is_single && filter.starts_with("assignedTo('") => Ok(Self::AssignedTo(quoted())),
            _ => Err((400, "InvalidFilter", format!("The filter '{filter}' is not supported."))),
        }
    }
}

fn row(desk: &Desk, schedule: &Schedule, here: &str, wanted: &Wanted, now: Timestamp) -> Option<Value> {
    let Thing::Resource { scope, role } = &schedule.thing else { return None };
    let (lower, is_group) = (here.to_lowercase(), |id: &str| desk.is_group(id));
    let (at, above, below) = (*scope == lower, is_above(scope, &lower), is_above(&lower, scope));
    let fits = match wanted {
        Wanted::Everything => at || above || below,
        Wanted::AtScope => at || above,
        Wanted::Principal(id) => (at || above || below) && schedule.principal == *id,
        Wanted::AssignedTo(id) => {
            (at || above || below) && (schedule.principal == *id || desk.is_member(id, &schedule.principal))
        }
    };
    let principal = desk.principal(&schedule.principal)?;
    let subscription: String = here.split('/').take(3).collect::<Vec<_>>().join("/");
    let shown_scope = scope.clone();
    fits.then(|| {
        json!({
            "properties": {
                "scope": shown_scope,
                "roleDefinitionId": format!("{subscription}{AUTHORIZATION}/roleDefinitions/{}", role.to_uppercase()),
                "principalId": schedule.principal.to_uppercase(),
                "principalType": principal.type_name(),
                "roleAssignmentScheduleId": format!("{scope}{AUTHORIZATION}/RoleAssignmentSchedules/{}", schedule.id),
                "originRoleAssignmentId": format!("{scope}{AUTHORIZATION}/RoleAssignments/{}", schedule.id),
                "status": "Accepted",
                "startDateTime": schedule.starts_at,
                "endDateTime": schedule.listed_end(now),
                "assignmentType": "Assigned",
                "memberType": if !at && above { "Inherited" } else if is_group(&schedule.principal) { "Group" } else { "Direct" },
                "createdOn": schedule.assigned_at,
                "condition": null,
                "conditionVersion": null,
                "expandedProperties": expanded(principal, scope, role),
            },
            "name": schedule.id,
            "id": format!("{scope}{AUTHORIZATION}/RoleAssignmentScheduleInstances/{}", schedule.id),
            "type": "Microsoft.Authorization/RoleAssignmentScheduleInstances",
        })
    })
}

/// Whether `upper` is a scope that `lower` is in. All subscriptions are in all management groups.
fn is_above(upper: &str, lower: &str) -> bool {
    let is_management_group = |scope: &str| scope.starts_with("/providers/microsoft.management/");
    lower.starts_with(&format!("{upper}/")) || (is_management_group(upper) && !is_management_group(lower))
}

fn policies(desk: &Desk, asked: &Asked) -> Value {
    let here = scope(&asked.path);
    // whether the filter is honoured is not known: all roles are shown
    let rows = ROLES.iter().map(|(_, role)| {
        let policy = desk.pim.policies.get(&Thing::resource(here, role)).copied().unwrap_or_default();
        json!({
            "properties": {
                "scope": here,
                "roleDefinitionId": format!("{here}{AUTHORIZATION}/roleDefinitions/{}", role.to_uppercase()),
                "policyId": format!("{here}{AUTHORIZATION}/roleManagementPolicies/{}", directory::guid(role)),
                "effectiveRules": rules(&policy, |kind, rule| rule["ruleType"] = format!("RoleManagementPolicy{kind}Rule").into()),
            },
            "name": format!("{}_{role}", directory::guid(role)),
            "id": format!("{here}{AUTHORIZATION}/roleManagementPolicyAssignments/{}_{role}", directory::guid(role)),
            "type": "Microsoft.Authorization/RoleManagementPolicyAssignment",
        })
    });
    page(desk.page, asked, rows.collect(), "nextLink")
}

/// A policy's rules as either API has them; `kind` says of which kind a rule is, in that API's way.
pub fn rules(policy: &Policy, kind: impl Fn(&str, &mut Value)) -> Vec<Value> {
    let enabled = [
        ("MultiFactorAuthentication", policy.mfa),
        ("Justification", policy.justification),
        ("Ticketing", policy.ticket),
    ];
    let enabled: Vec<&str> = enabled.iter().filter(|(_, on)| *on).map(|(name, _)| *name).collect();
    let most = format!("PT{}M", policy.most.as_mins());
    let mut rules = [
        (
            "Expiration",
            json!({ "id": "Expiration_Admin_Eligibility", "isExpirationRequired": false, "maximumDuration": "P365D" }),
        ),
        (
            "Expiration",
            json!({ "id": "Expiration_Admin_Assignment", "isExpirationRequired": true, "maximumDuration": most }),
        ),
        ("Enablement", json!({ "id": "Enablement_Admin_Assignment", "enabledRules": enabled })),
        (
            "Expiration",
            json!({ "id": "Expiration_EndUser_Assignment", "isExpirationRequired": true, "maximumDuration": "PT7H" }),
        ),
        (
            "Enablement",
            json!({ "id": "Enablement_EndUser_Assignment", "enabledRules": ["MultiFactorAuthentication", "Ticketing"] }),
        ),
    ];
    for (name, rule) in &mut rules {
        kind(name, rule);
    }
    rules.into_iter().map(|(_, rule)| rule).collect()
}

fn shown_role(here: &str, name: &str, id: &str) -> Value {
    let subscription: String = here.split('/').take(3).collect::<Vec<_>>().join("/");
    json!({
        "properties": { "roleName": name, "type": "BuiltInRole", "assignableScopes": ["/"], "permissions": [] },
        "name": id,
        "id": format!("{subscription}{AUTHORIZATION}/roleDefinitions/{id}"),
        "type": "Microsoft.Authorization/roleDefinitions",
    })
}

fn roles(asked: &Asked) -> Value {
    let named = asked.query("$filter").and_then(|filter| filter.split('\'').nth(1));
    let rows = ROLES.iter().filter(|(name, _)| named.is_none_or(|named| named.eq_ignore_ascii_case(name)));
    json!({ "value": rows.map(|(name, id)| shown_role(scope(&asked.path), name, id)).collect::<Vec<_>>() })
}

fn role(asked: &Asked) -> Result<Answer, Refusal> {
    let found = ROLES.iter().find(|(_, id)| id.eq_ignore_ascii_case(asked.last()));
    let missing = || (404, "RoleDefinitionDoesNotExist", "The specified role definition does not exist.".to_owned());
    found.map(|(name, id)| (200, shown_role(scope(&asked.path), name, id))).ok_or_else(missing)
}
