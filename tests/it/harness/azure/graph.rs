//! Microsoft Graph's side of the double: people, roles of the directory and groups, in Graph's bodies.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    Desk,
    arm::{ends, page, rules},
    directory::{ENTRA_ROLES, Principal, PrincipalKind, guid},
    faults::Fault,
    pim::{Action, Refusal, Request, Schedule, Thing, Write},
    serve::{Answer, Asked},
};

pub fn answer(desk: &mut Desk, asked: &Asked, now: Timestamp) -> Answer {
    let done = match asked.operation.id.as_str() {
        "graphUsers" => Ok(users(desk, asked)),
        "graphUser" => user(desk, asked),
        "graphGroup" => named(desk, asked, PrincipalKind::Group),
        "graphPrincipal" => named(desk, asked, PrincipalKind::ServicePrincipal),
        "graphApp" => app(desk, asked),
        "graphRole" => role(asked),
        "graphPolicies" => Ok((200, policies(desk, asked))),
        "graph_GraphRoleRequestIn" | "graph_GraphGroupRequestIn" => write(desk, asked, now),
        "graphRequest_role" | "graphRequest_group" => request(desk, asked),
        "graphCancel_role" | "graphCancel_group" => cancel(desk, asked, now),
        "graphRequests_role" | "graphRequests_group" => {
            let is_role = asked.operation.id.ends_with("_role");
            let all = desk.pim.requests.iter().filter(|it| matches!(it.write.thing, Thing::Entra { .. }) == is_role);
            let all = all.filter(|it| !matches!(it.write.thing, Thing::Resource { .. })).map(shown);
            Ok(filtered(desk, asked, all.collect()))
        }
        "graphInstances_role" | "graphInstances_group" | "graphSchedules_role" | "graphSchedules_group" => {
            let future = asked.operation.id.contains("Schedules");
            let is_role = asked.operation.id.ends_with("_role");
            let rows = desk.pim.listed(now, future).into_iter().filter_map(|it| row(desk, it, is_role, future, now));
            Ok(filtered(desk, asked, rows.collect()))
        }
        other => panic!("{other} is not answered"),
    };
    done.unwrap_or_else(|(status, code, words)| (status, Fault::body(code, &words, true)))
}

fn missing() -> Refusal {
    (
        404,
        "Request_ResourceNotFound",
        "Resource does not exist or one of its queried reference-property objects are not present.".to_owned(),
    )
}

/// Only what was selected; the id comes always.
fn selected(asked: &Asked, all: Value, usual: &[&str]) -> Value {
    let wanted: Vec<&str> = asked.query("$select").map_or(usual.to_vec(), |select| select.split(',').collect());
    let Value::Object(members) = all else { return all };
    let kept = members.into_iter().filter(|(name, _)| name == "id" || wanted.contains(&name.as_str()));
    kept.collect::<serde_json::Map<_, _>>().into()
}

fn shown_user(asked: &Asked, user: &Principal) -> Value {
    let kind = if user.kind == PrincipalKind::Guest { "Guest" } else { "Member" };
    let all = json!({
        "id": user.id, "userPrincipalName": user.upn, "mail": user.mail, "displayName": user.name,
        "accountEnabled": user.enabled, "userType": kind, "givenName": null, "jobTitle": null,
    });
    // whether the account is enabled comes only when asked for
    selected(asked, all, &["userPrincipalName", "mail", "displayName", "givenName", "jobTitle"])
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "this is what `filter` hands over")]
fn is_person(principal: &&Principal) -> bool {
    matches!(principal.kind, PrincipalKind::User | PrincipalKind::Guest)
}

fn users(desk: &Desk, asked: &Asked) -> Answer {
    let filter = asked.query("$filter").unwrap_or_default();
    let (field, value) = filter.split_once(" eq ").unwrap_or_default();
    let value = value.trim_matches('\'').replace("''", "'").to_lowercase();
    let fits = |user: &&Principal| {
        let found = if field == "mail" { user.mail.clone() } else { Some(user.upn.clone()) };
        found.is_some_and(|found| found.to_lowercase() == value)
    };
    let found = desk.principals.iter().filter(is_person).filter(fits).map(|user| shown_user(asked, user));
    (200, page(desk.page, asked, found.collect(), "@odata.nextLink"))
}

fn user(desk: &Desk, asked: &Asked) -> Result<Answer, Refusal> {
    let wanted = asked.last().to_lowercase();
    let mut people = desk.principals.iter().filter(is_person);
    let found = people.find(|user| user.id == wanted || user.upn.to_lowercase() == wanted);
    found.map(|user| (200, shown_user(asked, user))).ok_or_else(missing)
}

fn shown_principal(asked: &Asked, principal: &Principal) -> Value {
    let all = json!({
        "id": principal.id, "displayName": principal.name, "accountEnabled": principal.enabled,
        "appId": principal.upn, "servicePrincipalType": "Application", "securityEnabled": true,
        "isAssignableToRole": true, "groupTypes": [],
    });
    let Value::Object(members) = &all else { unreachable!("it is one") };
    let usual: Vec<&str> = members.keys().map(String::as_str).collect();
    selected(asked, all.clone(), &usual)
}

fn named(desk: &Desk, asked: &Asked, kind: PrincipalKind) -> Result<Answer, Refusal> {
    let wanted = asked.last().to_lowercase();
    let found = desk.principals.iter().find(|it| it.kind == kind && it.id == wanted);
    found.map(|it| (200, shown_principal(asked, it))).ok_or_else(missing)
}

fn app(desk: &Desk, asked: &Asked) -> Result<Answer, Refusal> {
    let id = asked.path.split('\'').nth(1).unwrap_or_default().to_lowercase();
    let found = desk.principals.iter().find(|it| it.kind == PrincipalKind::ServicePrincipal && it.upn == id);
    found.map(|it| (200, shown_principal(asked, it))).ok_or_else(missing)
}

fn role(asked: &Asked) -> Result<Answer, Refusal> {
    let found = ENTRA_ROLES.iter().find(|(_, id)| id.eq_ignore_ascii_case(asked.last()));
    found.map(|(name, id)| (200, json!({ "id": id, "displayName": name }))).ok_or_else(missing)
}

fn policies(desk: &Desk, asked: &Asked) -> Value {
    let filter = asked.query("$filter").unwrap_or_default();
    let said = |field: &str| terms(filter).into_iter().find(|(name, _)| name == field).map(|(_, value)| value);
    let scope = said("scopeId").unwrap_or_default();
    let is_group = said("scopeType").as_deref() == Some("group");
    let things: Vec<(String, Thing)> = if is_group {
        ["member", "owner"].map(|access| (access.to_owned(), Thing::group(&scope, access))).into()
    } else {
        ENTRA_ROLES.iter().map(|(_, id)| ((*id).to_owned(), Thing::entra(id, &scope))).collect()
    };
    let wanted = said("roleDefinitionId");
    let rows =
        things.into_iter().filter(|(id, _)| wanted.as_ref().is_none_or(|wanted| wanted == id)).map(|(id, thing)| {
            let policy = desk.pim.policies.get(&thing).copied().unwrap_or_default();
            let kind = |kind: &str, rule: &mut Value| {
                rule["@odata.type"] = format!("#microsoft.graph.unifiedRoleManagementPolicy{kind}Rule").into();
            };
            let mut row = json!({
                "id": format!("{}_{id}", guid(&id)), "policyId": guid(&id), "scopeId": scope,
                "scopeType": if is_group { "Group" } else { "DirectoryRole" }, "roleDefinitionId": id,
            });
            if let Some(expand) = asked.query("$expand") {
                let part = if expand.contains("effectiveRules") { "effectiveRules" } else { "rules" };
                row["policy"] = json!({ "id": guid(&id), part: rules(&policy, kind) });
            }
            row
        });
    page(desk.page, asked, rows.collect(), "@odata.nextLink")
}

/// `a eq 'b' and c eq 'd'`, values in lower case.
fn terms(filter: &str) -> Vec<(String, String)> {
    let terms = filter.split(" and ").filter_map(|term| term.split_once(" eq "));
    terms.map(|(name, value)| (name.to_owned(), value.trim_matches('\'').to_lowercase())).collect()
}

fn filtered(desk: &Desk, asked: &Asked, rows: Vec<Value>) -> Answer {
    let terms = terms(asked.query("$filter").unwrap_or_default());
    let fits = |row: &Value| {
        terms.iter().all(|(name, value)| row[name].as_str().is_some_and(|found| found.eq_ignore_ascii_case(value)))
    };
    let rows = rows.into_iter().filter(fits).collect();
    (200, page(desk.page, asked, rows, "@odata.nextLink"))
}

fn write(desk: &mut Desk, asked: &Asked, now: Timestamp) -> Result<Answer, Refusal> {
    let body = &asked.body;
    let text = |name: &str| body[name].as_str().map(str::to_owned);
    let id = |name: &str| text(name).unwrap_or_default().to_lowercase();
    let is_role = body.get("roleDefinitionId").is_some();
    let thing = if is_role {
        Thing::entra(&id("roleDefinitionId"), &id("directoryScopeId"))
    } else {
        Thing::group(&id("groupId"), &id("accessId"))
    };
    let is_known = match &thing {
        Thing::Entra { role, .. } => ENTRA_ROLES.iter().any(|(_, it)| it == role),
        Thing::Group { group, .. } => desk.is_group(group),
        Thing::Resource { .. } => false,
    };
    if !is_known {
        return Err(missing());
    }
    if desk.principal(&id("principalId")).is_none() {
        return Err((400, "SubjectNotFound", "The subject is not found.".to_owned()));
    }
    let action = match body["action"].as_str() {
        Some("adminAssign") => Action::Assign,
        Some("adminRemove") => Action::Remove,
        _ => Action::Update,
    };
    let write = Write {
        id: guid(&format!("graph request {}", desk.pim.requests.len())),
        thing,
        principal: id("principalId"),
        action,
        justification: text("justification"),
        ticket: body["ticketInfo"]["ticketNumber"].as_str().map(str::to_owned),
        start: body["scheduleInfo"]["startDateTime"].as_str().and_then(|at| at.parse().ok()),
        ends: ends(&body["scheduleInfo"]["expiration"]),
        sent_at: asked.at,
        body: body.clone(),
    };
    let request = desk.pim.write(write, now, &mut desk.defects)?;
    Ok((201, shown(&request)))
}

fn request(desk: &Desk, asked: &Asked) -> Result<Answer, Refusal> {
    let is_role = asked.operation.id.ends_with("_role");
    let found = desk.pim.request(asked.last());
    let found = found.filter(|it| match it.write.thing {
        Thing::Entra { .. } => is_role,
        Thing::Group { .. } => !is_role,
        Thing::Resource { .. } => false,
    });
    found.map(|it| (200, shown(it))).ok_or_else(missing)
}

fn cancel(desk: &mut Desk, asked: &Asked, now: Timestamp) -> Result<Answer, Refusal> {
    let id = asked.path.rsplit('/').nth(1).unwrap_or_default();
    if desk.pim.cancel(id, now) {
        return Ok((204, Value::Null));
    }
    Err((400, "RoleAssignmentRequestCannotBeCanceled", "Only pending requests can be canceled.".to_owned()))
}

fn shown(request: &Request) -> Value {
    let (write, sent) = (&request.write, &request.write.body);
    let target = request.schedule.as_ref().map(|schedule| match &write.thing {
        Thing::Group { group, access } => format!("{group}_{access}_{schedule}"),
        Thing::Resource { .. } | Thing::Entra { .. } => schedule.clone(),
    });
    let expiration = &sent["scheduleInfo"]["expiration"];
    let mut shown = json!({
        "id": write.id,
        "status": request.status,
        "createdDateTime": request.made_at,
        "completedDateTime": request.made_at,
        "approvalId": null,
        "customData": null,
        "action": sent["action"],
        "principalId": write.principal,
        "isValidationOnly": false,
        "targetScheduleId": target,
        "justification": sent["justification"],
        "createdBy": { "application": { "id": guid("jit") }, "device": null, "user": null },
        "scheduleInfo": match write.action {
            Action::Remove => Value::Null,
            Action::Assign | Action::Update => json!({
                "startDateTime": write.start.unwrap_or(request.made_at),
                "recurrence": null,
                "expiration": {
                    "type": expiration["type"], "endDateTime": expiration["endDateTime"],
                    "duration": expiration["duration"],
                },
            }),
        },
        "ticketInfo": {
            "ticketNumber": sent["ticketInfo"]["ticketNumber"], "ticketSystem": sent["ticketInfo"]["ticketSystem"],
        },
    });
    for name in ["roleDefinitionId", "directoryScopeId", "groupId", "accessId"] {
        if let Some(value) = sent.get(name) {
            shown[name] = value.clone();
        }
    }
    if sent.get("directoryScopeId").is_some() {
        shown["appScopeId"] = Value::Null;
    }
    shown
}

fn row(desk: &Desk, schedule: &Schedule, is_role: bool, future: bool, now: Timestamp) -> Option<Value> {
    let of_group = desk.is_group(&schedule.principal);
    let mut row = match &schedule.thing {
        Thing::Entra { role, directory_scope } if is_role => json!({
            "id": schedule.id, "roleDefinitionId": role, "directoryScopeId": directory_scope, "appScopeId": null,
            "memberType": if of_group { "Group" } else { "Direct" }, "assignmentType": "Assigned",
            "roleAssignmentScheduleId": schedule.id, "roleAssignmentOriginId": schedule.id,
        }),
        Thing::Group { group, access } if !is_role => {
            let id = format!("{group}_{access}_{}", schedule.id);
            json!({
                "id": id, "groupId": group, "accessId": access, "memberType": "direct", "assignmentType": "assigned",
                "assignmentScheduleId": id,
            })
        }
        Thing::Entra { .. } | Thing::Group { .. } | Thing::Resource { .. } => return None,
    };
    row["principalId"] = schedule.principal.to_uppercase().into();
    let (start, end) = (json!(schedule.starts_at), json!(schedule.listed_end(now)));
    if future {
        row["status"] = "Provisioned".into();
        row["scheduleInfo"] =
            json!({ "startDateTime": start, "expiration": { "type": "afterDateTime", "endDateTime": end } });
    } else {
        (row["startDateTime"], row["endDateTime"]) = (start, end);
    }
    Some(row)
}
