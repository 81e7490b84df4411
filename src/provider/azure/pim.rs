//! The calls of Privileged Identity Management: look, ask, and find out what came of it. Azure Resource Manager and
//! Microsoft Graph say the same in different words; from here on there is no difference.

use azure_core::http::{Method, Url};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    client::{Client, Service},
    failure::Failure,
    status::Status,
    tuple::{Thing, Tuple},
};
use crate::{domain::catalog::AzureRole, provider::Cause};

/// The stable version of the API.
const VERSION: (&str, &str) = ("api-version", "2020-10-01");
/// The longest justification that Azure takes.
const LONGEST_JUSTIFICATION: usize = 500;

/// An assignment that a list shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    /// Whose it is.
    pub principal: String,
    /// Its id.
    pub schedule: String,
    /// When Azure ends it.
    pub ends_at: Option<Timestamp>,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    /// Azure's name for the request.
    pub request: String,
    pub status: Status,
    /// The id of the assignment that it is about.
    pub schedule: Option<String>,
    /// When what was asked for ends, as far as the answer says it.
    pub ends_at: Option<Timestamp>,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// That it be assigned for so many seconds from now.
    Assign(i64),
    /// That what is assigned end so many seconds from now.
    Update(i64),
    /// That it be taken away.
    Remove,
}

impl Client {
    /// Everybody to whom the thing is directly assigned now, by whomever. What has an end that is over is not.
    pub async fn assigned(&self, thing: Thing<'_>, now: Timestamp) -> Result<Vec<Row>, Failure> {
        let filter = match thing {
            Thing::Resource(_) => "atScope()".to_owned(),
            Thing::Directory(role) => format!("roleDefinitionId eq '{}'", role.role_definition_id),
            Thing::Group(group) => format!("groupId eq '{}'", group.group_id),
        };
        let rows = self.rows(thing, &filter).await?;
        Ok(rows.into_iter().filter(|row| row.ends_at.is_none_or(|ends_at| ends_at > now)).collect())
    }

    /// The direct assignment of this tuple, by whomever, if there is one.
    pub async fn look(&self, it: &Tuple<'_>) -> Result<Option<Row>, Failure> {
        let filter = match it.thing {
            Thing::Resource(_) | Thing::Directory(_) => format!("principalId eq '{}'", it.principal),
            Thing::Group(group) => format!("groupId eq '{}'", group.group_id),
        };
        let rows = self.rows(it.thing, &filter).await?.into_iter();
        // a list that lags may show an assignment and the one that has taken its place
        Ok(rows.filter(|row| row.principal == it.principal).max_by_key(|row| row.ends_at.unwrap_or(Timestamp::MAX)))
    }

    async fn rows(&self, thing: Thing<'_>, filter: &str) -> Result<Vec<Row>, Failure> {
        let (service, path) = self.instances(thing);
        let url = match thing {
            Thing::Resource(_) => service.url(&path, &[VERSION, ("$filter", filter)]),
            Thing::Directory(_) | Thing::Group(_) => service.url(&path, &[("$filter", filter)]),
        };
        let items = service.list(url).await?;
        Ok(items.iter().filter_map(|item| row(thing, item)).collect())
    }

    /// Asks once for a change, in the name that we have for the request.
    pub async fn ask(
        &self,
        it: &Tuple<'_>,
        change: Change,
        guid: &str,
        why: &Cause,
        now: Timestamp,
    ) -> Result<Outcome, Failure> {
        let (service, path) = self.requests(it.thing);
        let justification = justification(why, change, guid);
        let answer = match it.thing {
            Thing::Resource(role) => {
                let url = service.url(&format!("{path}/{guid}"), &[VERSION]);
                let body = arm_body(role, &it.principal, change, &justification, why);
                service.send(Method::Put, url, Some(&body)).await?
            }
            Thing::Directory(_) | Thing::Group(_) => {
                let body = graph_body(it, change, &justification, (why, now));
                service.send(Method::Post, service.url(&path, &[]), Some(&body)).await?
            }
        };
        outcome(&answer).ok_or(Failure::Garbled)
    }

    /// How far Azure is with a request that it has a name for.
    pub async fn status(&self, thing: Thing<'_>, request: &str) -> Result<Option<Outcome>, Failure> {
        let answer = self.requests(thing).0.look_up(self.request(thing, request)).await?;
        answer.map(|answer| outcome(&answer).ok_or(Failure::Garbled)).transpose()
    }

    /// What became of a request that we have a name for and whose answer never reached us. Graph does not let us name
    /// requests, so there its name is the last word of its justification.
    pub async fn find(&self, it: &Tuple<'_>, guid: &str) -> Result<Option<Outcome>, Failure> {
        if let Thing::Resource(_) = it.thing {
            return self.status(it.thing, guid).await;
        }
        let (service, path) = self.requests(it.thing);
        let filter = format!("principalId eq '{}'", it.principal);
        let all = service.list(service.url(&path, &[("$filter", &filter)])).await?;
        let is_it = |item: &&Value| item["justification"].as_str().is_some_and(|words| words.contains(guid));
        all.iter().find(is_it).map(|item| outcome(item).ok_or(Failure::Garbled)).transpose()
    }

    /// Takes a request back that waits for people in Azure.
    pub async fn cancel(&self, thing: Thing<'_>, request: &str) -> Result<(), Failure> {
        let mut url = self.request(thing, request);
        url.set_path(&format!("{}/cancel", url.path()));
        self.requests(thing).0.send(Method::Post, url, None).await.map(|_| ())
    }

    fn request(&self, thing: Thing<'_>, request: &str) -> Url {
        let (service, path) = self.requests(thing);
        let path = format!("{path}/{request}");
        match thing {
            Thing::Resource(_) => service.url(&path, &[VERSION]),
            Thing::Directory(_) | Thing::Group(_) => service.url(&path, &[]),
        }
    }

    fn requests(&self, thing: Thing<'_>) -> (&Service, String) {
        match thing {
            Thing::Resource(role) => (&self.arm, authorization(role, "roleAssignmentScheduleRequests")),
            Thing::Directory(_) => (&self.graph, directory("roleAssignmentScheduleRequests")),
            Thing::Group(_) => (&self.graph, group("assignmentScheduleRequests")),
        }
    }

    fn instances(&self, thing: Thing<'_>) -> (&Service, String) {
        match thing {
            Thing::Resource(role) => (&self.arm, authorization(role, "roleAssignmentScheduleInstances")),
            Thing::Directory(_) => (&self.graph, directory("roleAssignmentScheduleInstances")),
            Thing::Group(_) => (&self.graph, group("assignmentScheduleInstances")),
        }
    }
}

fn authorization(role: &AzureRole, collection: &str) -> String {
    format!("{}/providers/Microsoft.Authorization/{collection}", role.scope)
}

fn directory(collection: &str) -> String {
    format!("/v1.0/roleManagement/directory/{collection}")
}

fn group(collection: &str) -> String {
    format!("/v1.0/identityGovernance/privilegedAccess/group/{collection}")
}

fn arm_body(role: &AzureRole, principal: &str, change: Change, justification: &str, why: &Cause) -> Value {
    let (action, seconds) = match change {
        Change::Assign(seconds) => ("AdminAssign", Some(seconds)),
        Change::Update(seconds) => ("AdminUpdate", Some(seconds)),
        Change::Remove => ("AdminRemove", None),
    };
    let mut properties = json!({
        "principalId": principal,
        "roleDefinitionId": role.definition(),
        "requestType": action,
        "justification": justification,
        "ticketInfo": ticket(why),
    });
    if let Some(seconds) = seconds {
        // from now on: without a start, Azure's clock counts and not ours
        properties["scheduleInfo"] =
            json!({ "expiration": { "type": "AfterDuration", "duration": duration(seconds) } });
    }
    json!({ "properties": properties })
}

fn graph_body(it: &Tuple<'_>, change: Change, justification: &str, (why, now): (&Cause, Timestamp)) -> Value {
    let (action, seconds) = match change {
        Change::Assign(seconds) => ("adminAssign", Some(seconds)),
        Change::Update(seconds) => ("adminUpdate", Some(seconds)),
        Change::Remove => ("adminRemove", None),
    };
    let mut body = json!({ "action": action, "principalId": it.principal, "justification": justification });
    match it.thing {
        Thing::Resource(role) => body["roleDefinitionId"] = json!(role.role_definition_id),
        Thing::Directory(role) => {
            body["roleDefinitionId"] = json!(role.role_definition_id);
            body["directoryScopeId"] = json!(role.directory_scope);
        }
        Thing::Group(group) => {
            body["groupId"] = json!(group.group_id);
            body["accessId"] = json!(group.access.as_str());
        }
    }
    if let Some(seconds) = seconds {
        body["ticketInfo"] = ticket(why);
        body["scheduleInfo"] = json!({
            "startDateTime": now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "expiration": { "type": "afterDuration", "duration": duration(seconds) },
        });
    }
    body
}

/// What stands in Azure's own audit log. Where no ticket was named, the request is one.
fn ticket(why: &Cause) -> Value {
    json!({ "ticketNumber": why.ticket.as_ref().unwrap_or(&why.request), "ticketSystem": "jit" })
}

fn justification(why: &Cause, change: Change, guid: &str) -> String {
    let reason = why.reason.trim();
    let reason = if reason.is_empty() { String::new() } else { format!(" {reason}") };
    let role = if why.role.is_empty() { String::new() } else { format!("role {}", why.role) };
    let approvers =
        if why.approvers.is_empty() { String::new() } else { format!(", approved by {}", why.approvers.join(", ")) };
    let over = if change == Change::Remove { " is over" } else { "" };
    let (head, tail) = (format!("jit {}{over}: {role}{approvers};{reason}", why.request), format!(" ({guid})"));
    let room = LONGEST_JUSTIFICATION - tail.chars().count();
    let head: String =
        if head.chars().count() > room { head.chars().take(room - 1).chain(['…']).collect() } else { head };
    format!("{head}{tail}")
}

/// `PT1H29M58S`
fn duration(seconds: i64) -> String {
    let parts = [(seconds / 3600, 'H'), (seconds % 3600 / 60, 'M'), (seconds % 60, 'S')];
    parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .fold("PT".to_owned(), |text, (count, unit)| format!("{text}{count}{unit}"))
}

/// A line of a list, when it is a direct assignment of the thing.
fn row(thing: Thing<'_>, item: &Value) -> Option<Row> {
    let fields = item.get("properties").unwrap_or(item);
    let text = |key: &str| fields.get(key).and_then(Value::as_str);
    let is = |key: &str, wanted: &str| text(key).is_some_and(|text| text.eq_ignore_ascii_case(wanted));
    let is_direct = text("memberType").is_none_or(|kind| kind.eq_ignore_ascii_case("Direct"));
    let fits = match thing {
        Thing::Resource(role) => {
            let scope = text("scope").unwrap_or_default().trim_end_matches('/');
            scope.eq_ignore_ascii_case(&role.scope)
                && text("roleDefinitionId").is_some_and(|id| last(id) == role.role_definition_id)
        }
        Thing::Directory(role) => {
            is("roleDefinitionId", &role.role_definition_id) && is("directoryScopeId", &role.directory_scope)
        }
        Thing::Group(group) => is("groupId", &group.group_id) && is("accessId", group.access.as_str()),
    };
    if !fits || !is_direct {
        return None;
    }
    let schedule = text("roleAssignmentScheduleId").or_else(|| text("assignmentScheduleId"));
    Some(Row {
        principal: text("principalId")?.to_ascii_lowercase(),
        schedule: last(schedule.unwrap_or_default()),
        ends_at: text("endDateTime").and_then(|at| at.parse().ok()),
    })
}

fn outcome(answer: &Value) -> Option<Outcome> {
    let fields = answer.get("properties").unwrap_or(answer);
    let text = |key: &str| fields.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let request = answer.get("name").or_else(|| answer.get("id"))?.as_str()?;
    let schedule = text("targetRoleAssignmentScheduleId").or_else(|| text("targetScheduleId"));
    let info = fields.get("scheduleInfo");
    let of_info = |path: &str| info.and_then(|info| info.pointer(path)).and_then(Value::as_str);
    let time = |path: &str| of_info(path).and_then(|at| at.parse::<Timestamp>().ok());
    let lasts = of_info("/expiration/duration").and_then(|text| text.parse::<SignedDuration>().ok());
    let by_length = || Some(time("/startDateTime")? + lasts?);
    let ends_at = time("/expiration/endDateTime").or_else(by_length);
    Some(Outcome {
        request: last(request),
        status: Status::read(text("status")?),
        schedule: schedule.map(last),
        ends_at,
    })
}

/// The last part of a path, in small letters: prefixes differ with the scope that a thing is read at.
fn last(path: &str) -> String {
    path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_azure_reads_them() {
        for (seconds, text) in [(300, "PT5M"), (5_398, "PT1H29M58S"), (86_400, "PT24H"), (7_200, "PT2H")] {
            assert_eq!(duration(seconds), text);
        }
    }

    #[test]
    fn a_justification_keeps_its_mark_however_long_the_reason_is() {
        let why = Cause {
            request: "REQ-7K3M".into(),
            role: "prod".into(),
            reason: "ä".repeat(2_000),
            approvers: vec!["Anna".into()],
            ticket: None,
        };
        let words = justification(&why, Change::Assign(300), "11112222-0000-8000-8000-000000000000");
        assert_eq!(words.chars().count(), 500);
        assert!(words.starts_with("jit REQ-7K3M: role prod, approved by Anna; ä"), "{words}");
        assert!(words.ends_with("… (11112222-0000-8000-8000-000000000000)"), "{words}");
    }

    #[test]
    fn only_direct_assignments_of_the_same_thing_count() {
        let id = "b24988ac-6180-42a0-ab88-20f7382dd24c";
        let role = AzureRole::new("/subscriptions/A", id, None);
        let item = |scope: &str, kind: &str| {
            json!({ "properties": {
                "scope": scope, "memberType": kind, "principalId": "P-1", "endDateTime": null,
                "roleDefinitionId": format!("/providers/Microsoft.Authorization/roleDefinitions/{}", id.to_uppercase()),
                "roleAssignmentScheduleId": "/subscriptions/a/x/S-1",
            }})
        };
        let found = row(Thing::Resource(&role), &item("/SUBSCRIPTIONS/a", "Direct")).unwrap();
        assert_eq!(found, Row { principal: "p-1".into(), schedule: "s-1".into(), ends_at: None });
        assert_eq!(row(Thing::Resource(&role), &item("/subscriptions/a", "Group")), None);
        assert_eq!(row(Thing::Resource(&role), &item("/subscriptions/a/resourceGroups/b", "Direct")), None);
    }
}
