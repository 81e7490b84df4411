//! An Identity Center that takes whatever it is asked, at once and without a quota, and a Slack that says yes to
//! everything: what is measured is the bot, not these. As in AWS, a removal is under way first and done when it is asked
//! about.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::{any, post},
};
use jiff::Timestamp;
use jit::ambient::{Clock, SystemClock};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// The one Identity Center there is.
pub const INSTANCE: &str = "arn:aws:sso:::instance/ssoins-1111111111111111";
/// Where its people are.
pub const DIRECTORY: &str = "d-1111111111";
/// How many assignments one page of a list holds. Source: IAM Identity Center API Reference.
const PAGE: usize = 100;

/// Account, permission set and user.
pub type Assignment = (String, String, String);

/// The cloud, for as long as this value lives.
pub struct Double {
    /// Where it listens.
    pub url: String,
    desk: Arc<Mutex<Desk>>,
}

#[derive(Default)]
struct Desk {
    assigned: BTreeSet<Assignment>,
    calls: BTreeMap<String, usize>,
    deleted: Vec<Timestamp>,
}

impl Double {
    /// Starts it.
    pub async fn start() -> Self {
        let desk = Arc::new(Mutex::new(Desk::default()));
        let router = Router::new()
            .route("/", post(identity_center))
            .route("/slack/{method}", any(slack))
            .with_state(desk.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        tokio::spawn(async move { axum::serve(listener, router).await.expect("it listens") });
        Self { url, desk }
    }

    /// Begins again, with these.
    pub fn reset(&self, assigned: &BTreeSet<Assignment>) {
        *lock(&self.desk) = Desk { assigned: assigned.clone(), ..Desk::default() };
    }

    /// How many there are.
    pub fn assigned(&self) -> usize {
        lock(&self.desk).assigned.len()
    }

    /// When each removal was asked for.
    pub fn deleted(&self) -> Vec<Timestamp> {
        lock(&self.desk).deleted.clone()
    }

    /// How often it was asked what.
    pub fn calls(&self) -> BTreeMap<String, usize> {
        lock(&self.desk).calls.clone()
    }
}

fn lock(desk: &Mutex<Desk>) -> MutexGuard<'_, Desk> {
    desk.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn slack() -> Json<Value> {
    Json(json!({ "ok": true, "channel": "C0ANY", "ts": "1.000001", "team_id": "T0ACME" }))
}

async fn identity_center(
    State(desk): State<Arc<Mutex<Desk>>>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, Json<Value>) {
    let target = headers.get("x-amz-target").and_then(|it| it.to_str().ok()).unwrap_or_default();
    let action = target.rsplit('.').next().unwrap_or_default();
    let body: Value = serde_json::from_slice(&body).expect("the SDK sends JSON");
    let mut desk = lock(&desk);
    *desk.calls.entry(action.to_owned()).or_default() += 1;
    let part = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    let answer = match action {
        "DescribePermissionSet" => json!({ "PermissionSet": { "SessionDuration": "PT1H" } }),
        "DeleteAccountAssignment" => {
            desk.deleted.push(SystemClock.now());
            let it = (part("TargetId"), part("PermissionSetArn"), part("PrincipalId"));
            assert!(desk.assigned.remove(&it), "there is no {it:?}");
            json!({ "AccountAssignmentDeletionStatus": { "Status": "IN_PROGRESS", "RequestId": it.2 } })
        }
        "DescribeAccountAssignmentDeletionStatus" => {
            json!({ "AccountAssignmentDeletionStatus": { "Status": "SUCCEEDED" } })
        }
        "ListAccountAssignmentsForPrincipal" => {
            let user = part("PrincipalId");
            let account = body["Filter"]["AccountId"].as_str().unwrap_or_default();
            let from = (account.to_owned(), String::new(), String::new());
            let here = desk.assigned.range(from..).take_while(|it| it.0 == account);
            let theirs: Vec<Value> = here.filter(|it| it.2 == user).map(shown).collect();
            json!({ "AccountAssignments": theirs })
        }
        "ListAccountAssignments" => {
            let from: usize = part("NextToken").parse().unwrap_or_default();
            let (account, set) = (part("AccountId"), part("PermissionSetArn"));
            let here = desk.assigned.range((account.clone(), set.clone(), String::new())..);
            let here = here.take_while(|it| it.0 == account && it.1 == set).skip(from);
            let page: Vec<Value> = here.take(PAGE).map(shown).collect();
            let next = (page.len() == PAGE).then(|| (from + PAGE).to_string());
            json!({ "AccountAssignments": page, "NextToken": next })
        }
        other => panic!("nobody needs {other}"),
    };
    (StatusCode::OK, Json(answer))
}

fn shown((account, set, user): &Assignment) -> Value {
    json!({ "AccountId": account, "PermissionSetArn": set, "PrincipalId": user, "PrincipalType": "USER" })
}
