//! Identity Center between the bot and moto. moto does everything at once and keeps duplicates; AWS takes its time, tells
//! by a request's id how far it is, refuses a second change to what is under way, and knows an assignment only once.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use axum::http::HeaderMap;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::proxy::Shared;

/// How long AWS is at something, and how it ends.
#[derive(Debug, Clone, Copy, Default)]
pub struct Slow {
    /// How often it is said to be in progress when asked, after the answer to the call itself said so.
    pub polls: u32,
    /// For how long at least, by the test's clock.
    pub lasts: SignedDuration,
    /// Why it is not done in the end.
    pub fails: Option<&'static str>,
}

/// What AWS is at, and what it is to be slow at.
#[derive(Default)]
pub(super) struct Center {
    desk: Mutex<Desk>,
    /// Held while a call is answered: what two of them see to be ripe would be done twice.
    alone: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Desk {
    slow: Vec<(String, usize, Slow)>,
    requests: BTreeMap<String, Request>,
}

#[derive(Clone)]
struct Request {
    action: String,
    body: Value,
    polls: u32,
    ready_at: Timestamp,
    fails: Option<&'static str>,
    is_done: bool,
}

impl Request {
    fn is_about(&self, body: &Value) -> bool {
        ["TargetId", "PermissionSetArn", "PrincipalId"].iter().all(|part| self.body[part] == body[part])
    }

    fn shown(&self, id: &str) -> Value {
        let mut shown = self.body.clone();
        shown["RequestId"] = id.into();
        shown["AccountId"] = self.body["TargetId"].clone();
        shown["Status"] = match (self.is_done, self.fails) {
            (false, _) => "IN_PROGRESS",
            (true, None) => "SUCCEEDED",
            (true, Some(_)) => "FAILED",
        }
        .into();
        if self.is_done
            && let Some(reason) = self.fails
        {
            shown["FailureReason"] = reason.into();
        }
        shown
    }
}

impl Center {
    pub fn slow(&self, action: &str, times: usize, slow: Slow) {
        self.desk().slow.push((action.to_owned(), times, slow));
    }

    pub fn clear(&self) {
        self.desk().slow.clear();
    }

    /// Requests of one kind that are as far as the question wants, as little as AWS tells of each.
    fn list(&self, action: &str, question: &Value) -> Vec<Value> {
        let desk = self.desk();
        let all = desk.requests.iter().filter(|(_, it)| it.action == action).map(|(id, it)| it.shown(id));
        let wanted = all.filter(|it| it["Status"] == question["Filter"]["Status"]);
        wanted.map(|it| json!({ "RequestId": it["RequestId"], "Status": it["Status"] })).collect()
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// Answers a call in JSON: status and body.
    pub(super) async fn center(&self, action: &str, headers: &HeaderMap, body: &Value) -> (u16, Value) {
        let _alone = self.center.alone.lock().await;
        for id in self.ripe() {
            self.finish(&id, headers).await;
        }
        match action {
            "CreateAccountAssignment" | "DeleteAccountAssignment" | "ProvisionPermissionSet" => {
                self.take_on(action, headers, body).await
            }
            "DescribeAccountAssignmentCreationStatus" => {
                self.status("AccountAssignmentCreationRequestId", "AccountAssignmentCreationStatus", headers, body)
                    .await
            }
            "DescribeAccountAssignmentDeletionStatus" => {
                self.status("AccountAssignmentDeletionRequestId", "AccountAssignmentDeletionStatus", headers, body)
                    .await
            }
            "DescribePermissionSetProvisioningStatus" => {
                self.status("ProvisionPermissionSetRequestId", "PermissionSetProvisioningStatus", headers, body).await
            }
            "ListAccountAssignmentCreationStatus" => {
                (200, json!({ "AccountAssignmentsCreationStatus": self.center.list("CreateAccountAssignment", body) }))
            }
            "ListAccountAssignmentDeletionStatus" => {
                (200, json!({ "AccountAssignmentsDeletionStatus": self.center.list("DeleteAccountAssignment", body) }))
            }
            _ => self.ask_moto(None, headers, body).await,
        }
    }

    async fn take_on(&self, action: &str, headers: &HeaderMap, body: &Value) -> (u16, Value) {
        let is_busy = self.center.desk().requests.values().any(|it| !it.is_done && it.is_about(body));
        if is_busy {
            return (
                400,
                json!({ "__type": "ConflictException", "Message": "a conflict with a previous successful write" }),
            );
        }
        if action == "DeleteAccountAssignment" && !self.is_assigned(headers, body).await {
            return (400, json!({ "__type": "ResourceNotFoundException", "Message": "no such assignment" }));
        }
        let (id, slow) = {
            let mut desk = self.center.desk();
            let slow = desk.slow.iter_mut().find(|(on, times, _)| on == action && *times > 0);
            let slow = slow.map(|(_, times, slow)| {
                *times -= 1;
                *slow
            });
            let id = format!("{action}-{}", desk.requests.len() + 1);
            let Slow { polls, lasts, fails } = slow.unwrap_or_default();
            let ready_at = self.now() + lasts;
            let (action, body) = (action.to_owned(), body.clone());
            desk.requests.insert(id.clone(), Request { action, body, polls, ready_at, fails, is_done: false });
            (id, slow)
        };
        if slow.is_none() {
            self.finish(&id, headers).await;
        }
        let part = match action {
            "CreateAccountAssignment" => "AccountAssignmentCreationStatus",
            "DeleteAccountAssignment" => "AccountAssignmentDeletionStatus",
            _ => "PermissionSetProvisioningStatus",
        };
        (200, json!({ part: self.center.desk().requests[&id].shown(&id) }))
    }

    async fn status(&self, id: &str, part: &str, headers: &HeaderMap, body: &Value) -> (u16, Value) {
        let id = body[id].as_str().unwrap_or_default().to_owned();
        let Some(request) = self.center.desk().requests.get(&id).cloned() else {
            return (400, json!({ "__type": "ResourceNotFoundException", "Message": "no such request" }));
        };
        if !request.is_done && request.polls == 0 && request.ready_at <= self.now() {
            self.finish(&id, headers).await;
        }
        let mut desk = self.center.desk();
        let request = desk.requests.get_mut(&id).unwrap();
        request.polls = request.polls.saturating_sub(1);
        (200, json!({ part: request.shown(&id) }))
    }

    /// What comes to its end by the clock alone, whether or not somebody asks.
    fn ripe(&self) -> Vec<String> {
        let now = self.now();
        let desk = self.center.desk();
        let is_ripe = |it: &Request| !it.is_done && it.polls == 0 && it.ready_at < now;
        desk.requests.iter().filter(|(_, it)| is_ripe(it)).map(|(id, _)| id.clone()).collect()
    }

    async fn finish(&self, id: &str, headers: &HeaderMap) {
        let request = self.center.desk().requests[id].clone();
        let is_double = request.action == "CreateAccountAssignment" && self.is_assigned(headers, &request.body).await;
        if request.fails.is_none() && !is_double {
            let (status, answer) = self.ask_moto(Some(&request.action), headers, &request.body).await;
            // somebody else may have taken it away meanwhile
            let is_done = status == 200 || request.action == "DeleteAccountAssignment";
            assert!(is_done, "moto does not do what was taken on: {answer}");
        }
        self.center.desk().requests.get_mut(id).unwrap().is_done = true;
    }

    async fn is_assigned(&self, headers: &HeaderMap, body: &Value) -> bool {
        let question = json!({
            "InstanceArn": body["InstanceArn"], "AccountId": body["TargetId"], "PermissionSetArn": body["PermissionSetArn"],
            "MaxResults": 1000,
        });
        let (_, list) = self.ask_moto(Some("ListAccountAssignments"), headers, &question).await;
        let list = list["AccountAssignments"].as_array().cloned().unwrap_or_default();
        list.iter().any(|it| it["PrincipalId"] == body["PrincipalId"])
    }
}
