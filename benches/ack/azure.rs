//! Calls of Azure for one grant: the provider itself, over a transport that answers as Azure does and keeps one assignment.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use azure_core::{
    Error,
    error::ErrorKind,
    http::{AsyncRawResponse, HttpClient, Method, Request, StatusCode, headers::Headers},
};
use jiff::{SignedDuration, Timestamp};
use jit::{
    ambient::{Clock, Entropy, ManualClock, SeededEntropy},
    domain::{
        access::AccessKey,
        catalog::{AzureRole, Target},
        ids::GrantId,
    },
    provider::{
        Calls, Cause, Desired, Holder, Progress, Provider, Receipt, Work,
        azure::{Azure, Identity, Settings, Tuning},
        counting,
    },
};
use serde_json::{Value, json};
use uuid::Uuid;

/// What one grant costs.
pub struct Steps {
    /// The request, before anybody is bothered, with nothing known yet.
    pub request: Calls,
    /// Approval to live.
    pub approve: Calls,
    /// An early end to gone.
    pub revoke: Calls,
}

const USER: &str = "0cf0dc1e-0d4d-4a3b-8a3f-6f1a1f5f0001";
const SCOPE: &str = "/subscriptions/0b1f6471-1bf0-4dda-aec3-111122223333";
const CONTRIBUTOR: &str = "b24988ac-6180-42a0-ab88-20f7382dd24c";
const SCHEDULE: &str = "0cf0dc1e-0d4d-4a3b-8a3f-6f1a1f5f0002";

#[derive(Debug, Default)]
struct Double(Mutex<bool>);

#[async_trait::async_trait]
impl HttpClient for Double {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let mut is_there = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let path = request.url().path();
        let body = if path.ends_with("/token") {
            json!({ "token_type": "Bearer", "expires_in": 3599, "access_token": "fake" })
        } else if path.ends_with("/users") {
            json!({ "value": [{ "id": USER, "userPrincipalName": "ann@example.com", "accountEnabled": true }] })
        } else if path.ends_with("/roleAssignmentScheduleInstances") {
            let row = json!({ "properties": {
                "scope": SCOPE, "roleDefinitionId": CONTRIBUTOR, "principalId": USER, "memberType": "Direct",
                "roleAssignmentScheduleId": SCHEDULE, "endDateTime": "2026-11-21T13:00:00Z",
            }});
            json!({ "value": if *is_there { vec![row] } else { Vec::new() } })
        } else if *request.method().as_ref() == *Method::Put.as_ref() {
            let azure_core::http::Body::Bytes(bytes) = request.body() else {
                return Err(Error::with_message(ErrorKind::Other, "a stream"));
            };
            let asked: Value = serde_json::from_slice(bytes)?;
            *is_there = asked["properties"]["requestType"] != "AdminRemove";
            let status = if *is_there { "Provisioned" } else { "Revoked" };
            let name = path.rsplit('/').next();
            json!({ "name": name, "properties": { "status": status, "targetRoleAssignmentScheduleId": SCHEDULE } })
        } else {
            return Err(Error::with_message(ErrorKind::Other, "an unknown call"));
        };
        Ok(AsyncRawResponse::from_bytes(StatusCode::Ok, Headers::new(), body.to_string()))
    }
}

/// Opens a role for a person and takes it away after a while, with warm caches but for the request.
pub async fn run() -> Steps {
    let clock = ManualClock::at("2026-11-21T12:00:00Z".parse().expect("a time"));
    let (time, entropy): (Arc<dyn Clock>, Arc<dyn Entropy>) =
        (Arc::new(clock.clone()), Arc::new(SeededEntropy::new(1)));
    let settings = Settings {
        tenant_id: "t".to_owned(),
        identity: Identity::ClientSecret { client_id: "c".to_owned(), secret: "s".to_owned().into() },
        arm_url: "https://management.azure.com".parse().expect("a URL"),
        graph_url: "https://graph.microsoft.com".parse().expect("a URL"),
        authority_host: "https://login.microsoftonline.com".parse().expect("a URL"),
        guests: false,
    };
    let tuning = Tuning { transport: Some(Arc::new(Double::default())), credential: None };
    let azure = Azure::connect(&settings, &tuning, &time, &entropy).expect("it is set up");
    let (resolved, request) = counting(azure.resolve(&work(&clock, BTreeMap::new()))).await;
    resolved.expect("it can be granted");

    let until = clock.now() + SignedDuration::from_hours(1);
    let (noted, approve) = counting(async {
        let noted = azure.resolve(&work(&clock, BTreeMap::new())).await.expect("it can be granted").shown();
        let progress = azure.apply(&work(&clock, noted.clone()), &Desired::Present { until }).await;
        done(noted, progress.expect("it is granted"))
    })
    .await;
    clock.advance(SignedDuration::from_mins(20));
    let desired = Desired::Absent { planned_end: until, sessions_until: None, early: true };
    let (progress, revoke) = counting(azure.apply(&work(&clock, noted.clone()), &desired)).await;
    done(noted, progress.expect("it is taken away"));
    Steps { request, approve, revoke }
}

fn work(clock: &ManualClock, receipt: BTreeMap<String, String>) -> Work {
    let target = Target::AzureRole(AzureRole::new(SCOPE, CONTRIBUTOR, None));
    let grant = GrantId(Uuid::from_u128(1));
    let now: Timestamp = clock.now();
    Work {
        key: AccessKey::of(&target, &"U0ANN".into(), grant),
        target,
        grant,
        holder: Holder { email: Some("ann@example.com".to_owned()), ..Holder::unknown("U0ANN".into()) },
        receipt: Receipt(receipt),
        siblings: Vec::new(),
        past: Vec::new(),
        cause: Cause { request: "REQ-1".to_owned(), ..Cause::default() },
        now,
    }
}

fn done(mut noted: BTreeMap<String, String>, progress: Progress) -> BTreeMap<String, String> {
    let Progress::Done { receipt, .. } = progress else { panic!("not at once: {progress:?}") };
    receipt.add_to(&mut noted);
    noted
}
