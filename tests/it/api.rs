//! Programs that call the API: they ask, wait, claim and give back, for whoever has signed them in.

use jit::domain::audit::{AttemptRefusal, Fact, Purpose};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{World, hours, minutes, seconds};

#[tokio::test]
async fn a_program_asks_waits_claims_and_gives_back() {
    let mut world = World::start().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    let program = world.signs_in(&requester).await;
    let roles = program.get("/roles").await.ok();
    assert_eq!(roles[0]["name"], "prod-deploy");
    assert_eq!(roles[0]["targets"][0]["gives"], "credentials");
    assert_eq!(roles[0]["targets"][0]["type"], "aws-sts");

    let ask = json!({ "role": "prod-deploy", "duration": "30m", "reason": "fixing OPS-42" });
    let request = program.post("/requests", ask).await;
    assert_eq!(request.status, 201);
    assert_eq!(request.body["state"], "awaiting");
    assert_eq!(request.body["duration_seconds"], 1800);
    assert_eq!(request.text("/waits_for"), format!("1 approval from S0ONCALL or {}", approver.id()));
    assert_eq!(program.get("/requests").await.ok()[0]["id"], request.body["id"]);
    world.settle().await;

    let waiting = tokio::spawn({
        let (program, name) = (program.clone(), request.text("/name"));
        async move { program.get(&format!("/requests/{name}?wait=60")).await }
    });
    world.hears(1).await;
    approver.clicks("Approve").await;
    world.settle().await;
    let _ = (approver.private(), requester.dm().screen());
    let decided = waiting.await.unwrap().ok();
    assert_eq!(decided["state"], "approved");
    assert_eq!(decided["grant"]["state"], "active");
    assert_eq!(decided["grant"]["ends_at"], "2026-11-21T12:30:00Z");
    let grant = decided["grant"]["name"].as_str().unwrap().to_owned();

    let credentials = program.post(&format!("/grants/{grant}/credentials"), json!({})).await.ok();
    let key = credentials["access_key_id"].as_str().unwrap();
    for secret in ["secret_access_key", "session_token"] {
        world.shown_secrets.push(credentials[secret].as_str().unwrap().to_owned());
    }
    assert_eq!(credentials["expires_at"], "2026-11-21T12:30:00Z", "they stop working at the grant's end");
    assert!(world.works(key).await);
    let claimed = world.facts().await.into_iter().find_map(|fact| match fact {
        Fact::CredentialsClaimed { purpose, access_key_id, .. } => Some((purpose, access_key_id)),
        _ => None,
    });
    assert_eq!(claimed, Some((Purpose::Program, key.to_owned())));
    let console = program.post(&format!("/grants/{grant}/console"), json!({})).await.ok();
    assert!(console["url"].as_str().unwrap().contains("SigninToken"), "{console}");
    world.shown_secrets.push(console["url"].as_str().unwrap().to_owned());

    let extension = program.post(&format!("/grants/{grant}/extend"), json!({ "duration": "10m" })).await;
    assert_eq!((extension.status, extension.body["extends"].as_str()), (201, Some(grant.as_str())));
    let again = program.post(&format!("/grants/{grant}/extend"), json!({ "duration": "10m" })).await;
    assert_eq!(again.code(), "already_pending");
    assert_eq!(program.delete(&format!("/requests/{}", extension.text("/id"))).await.ok()["state"], "cancelled");

    let ended = program.post(&format!("/grants/{grant}/end"), json!({})).await.ok();
    assert_eq!(ended["state"], "ending");
    world.settle().await;
    let over = program.get(&format!("/grants/{grant}?wait=1&while=ending")).await.ok();
    assert_eq!((over["state"].as_str(), over["end_confirmed"].as_bool()), (Some("ended"), Some(true)));
    assert!(!world.works(key).await);
    for call in ["end", "credentials", "console"] {
        let refused = program.post(&format!("/grants/{grant}/{call}"), json!({})).await;
        assert_eq!(refused.code(), "grant_not_active", "{call}");
    }
    assert_eq!(program.get("/grants").await.ok(), json!([]));
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn a_denial_and_a_lapse_are_told_to_whoever_waits() {
    let mut world = World::start().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    let program = world.signs_in(&requester).await;
    let request = program.post("/requests", json!({ "role": "prod-deploy", "reason": "OPS-1" })).await;
    world.settle().await;
    approver.clicks("Deny").await;
    world.settle().await;
    let denied = program.get(&format!("/requests/{}?wait=60", request.text("/id"))).await.ok();
    assert_eq!(denied["state"], "denied");
    assert_eq!(denied["decided_by"], approver.id());
    assert_eq!(denied["waits_for"], "");

    let request = program.post("/requests", json!({ "role": "prod-deploy", "reason": "OPS-2" })).await;
    world.advance(hours(1)).await;
    let lapsed = program.get(&format!("/requests/{}", request.text("/id"))).await.ok();
    assert_eq!(lapsed["state"], "lapsed");
    assert_eq!(program.delete(&format!("/requests/{}", request.text("/id"))).await.code(), "conflict");
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn what_the_rules_refuse_has_a_code_and_the_way_out() {
    let mut world = World::start().await;
    let [requester, outsider] = world.people(["requester", "outsider"]);
    let (program, other) = (world.signs_in(&requester).await, world.signs_in(&outsider).await);
    let refused = |ask: Value| {
        let program = program.clone();
        async move {
            let answer = program.post("/requests", ask).await;
            format!("{} {}: {}", answer.status, answer.code(), answer.text("/detail"))
        }
    };
    insta::assert_snapshot!(refused(json!({ "role": "prod-deplay", "reason": "x" })).await, @"422 unknown_role: There is no role prod-deplay. Did you mean prod-deploy?");
    insta::assert_snapshot!(refused(json!({ "role": "prod-deploy", "reason": "x", "duration": "3h" })).await, @"422 duration_too_long: 3h is longer than this role allows. Ask for 2h or less.");
    insta::assert_snapshot!(refused(json!({ "role": "prod-deploy", "reason": "x", "duration": 30 })).await, @"422 duration_too_short: 30s is shorter than this role allows. Ask for 1m or more.");
    insta::assert_snapshot!(refused(json!({ "role": "prod-deploy" })).await, @"422 reason_required: This role wants a reason. Say at the end of the command why you need it.");
    insta::assert_snapshot!(refused(json!({ "role": "prod-deploy", "rule": 1 })).await, @"400 invalid_request: The body cannot be read: unknown field `rule`, expected one of `role`, `duration`, `reason`, `plan`, `heartbeats` at line 1 column 28.");
    insta::assert_snapshot!(refused(json!({ "role": "prod-deploy", "duration": "soon" })).await, @r#"400 invalid_request: `duration` is a number of seconds from 1, or text with a unit like "30m", "1h30m", "1d"."#);
    let answer = other.post("/requests", json!({ "role": "prod-deploy", "reason": "x" })).await;
    assert_eq!(answer.code(), "not_a_requester");
    let answer = program.get("/requests/REQ-0000?wait=61").await;
    assert_eq!(answer.code(), "invalid_request");
    assert_eq!(program.get("/requests/REQ-0000").await.code(), "not_found");
    assert_eq!(program.get("/nothing").await.code(), "not_found");
    let answer = program.send(program.call(Method::PUT, "/roles")).await;
    assert_eq!((answer.code(), answer.header("allow")), ("method_not_allowed", "GET,HEAD"));
    let large = program.call(Method::POST, "/requests").header("content-type", "application/json");
    assert_eq!(program.send(large.body("x".repeat(300 * 1024))).await.code(), "too_large");
    let form = program.call(Method::POST, "/requests").body("role=prod-deploy");
    assert_eq!(program.send(form).await.code(), "invalid_request");
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn a_call_that_is_sent_twice_happens_once() {
    let mut world = World::start().await;
    let [requester, lead] = world.people(["requester", "lead"]);
    let (program, other) = (world.signs_in(&requester).await, world.signs_in(&lead).await);
    let ask = json!({ "role": "prod-deploy", "duration": "30m", "reason": "OPS-42" });
    // Both arrive at the same time: a proxy that repeats what it thinks was lost.
    let (one, two) = tokio::join!(
        program.post_once("/requests", "key-1", ask.clone()),
        program.post_once("/requests", "key-1", ask.clone())
    );
    assert_eq!((one.status, two.status), (201, 201));
    assert_eq!(one.body, two.body, "the same answer");
    let replayed = [&one, &two].map(|answer| answer.header("idempotent-replayed") == "true");
    assert_eq!(replayed.iter().filter(|it| **it).count(), 1);
    assert_eq!(program.get("/requests").await.ok().as_array().unwrap().len(), 1);

    let changed = json!({ "role": "prod-deploy", "duration": "1h", "reason": "OPS-42" });
    assert_eq!(program.post_once("/requests", "key-1", changed).await.code(), "idempotency_mismatch");
    let others = other.post_once("/requests", "key-1", ask.clone()).await;
    assert_ne!(others.body["id"], one.body["id"], "a key belongs to whoever sent it");

    let refused = json!({ "role": "prod-deploy" });
    let first = program.post_once("/requests", "key-2", refused.clone()).await;
    assert_eq!(first.code(), "reason_required");
    let again = program.post_once("/requests", "key-2", refused).await;
    assert_eq!((again.code(), &again.body), ("reason_required", &first.body));
    let refusals = world.facts().await.iter().filter(|fact| matches!(fact, Fact::AskRefused { .. })).count();
    assert_eq!(refusals, 1, "the trail tells it once");

    world.restart().await;
    assert_eq!(program.post_once("/requests", "key-1", ask.clone()).await.body["id"], one.body["id"]);
    let key = "x".repeat(201);
    assert_eq!(program.post_once("/requests", &key, ask).await.code(), "invalid_request");
    world.advance(hours(1)).await;
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn nobody_touches_what_is_somebody_elses() {
    let mut world = World::start().await;
    let [requester, approver, lead] = world.people(["requester", "approver", "lead"]);
    let (program, other) = (world.signs_in(&requester).await, world.signs_in(&lead).await);
    let ask = json!({ "role": "prod-deploy", "duration": "30m", "reason": "OPS-42" });
    let grant = world.grants_by_api(&program, &approver, ask).await;
    let (id, request) = (grant["id"].as_str().unwrap(), grant["request_id"].as_str().unwrap());
    for path in [format!("/grants/{id}"), format!("/requests/{request}")] {
        assert_eq!(other.get(&path).await.code(), "forbidden", "{path}");
    }
    for call in ["credentials", "console", "end", "heartbeat"] {
        assert_eq!(other.post(&format!("/grants/{id}/{call}"), json!({})).await.code(), "forbidden", "{call}");
    }
    assert_eq!(other.post(&format!("/grants/{id}/extend"), json!({ "duration": "5m" })).await.code(), "forbidden");
    assert_eq!(other.delete(&format!("/requests/{request}")).await.code(), "forbidden");
    insta::assert_snapshot!(world.refusals().await.join("\n"), @r"
    U0LEAD Claim: NotTheirs
    U0LEAD Claim: NotTheirs
    U0LEAD End: NotTheirs
    U0LEAD Heartbeat: NotTheirs
    U0LEAD Extend: NotTheirs
    U0LEAD Cancel: NotTheirs
    ");
    world.advance(minutes(30)).await;
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn a_process_that_is_not_heard_of_any_more_loses_its_grant() {
    let mut world = World::start().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    let program = world.signs_in(&requester).await;
    let ask = json!({ "role": "prod-deploy", "duration": "30m", "reason": "OPS-42" });
    let grant = world.grants_by_api(&program, &approver, ask).await;
    let path = format!("/grants/{}", grant["id"].as_str().unwrap());
    world.advance(minutes(5)).await;
    assert_eq!(program.get(&path).await.ok()["state"], "active", "nobody is missed who was never heard of");

    for _ in 0..4 {
        let beat = program.post(&format!("{path}/heartbeat"), json!({})).await.ok();
        assert_eq!(beat["next_within_seconds"], 120);
        world.advance(seconds(100)).await;
    }
    let heard = program.get(&path).await.ok();
    assert_eq!(heard["state"], "active");
    assert_eq!(heard["next_heartbeat_by"], "2026-11-21T12:12:00Z");

    // The bot is down for longer than that: nobody could be heard, so the wait begins anew.
    world.kill().await;
    world.clock.advance(minutes(4));
    world.restart().await;
    world.settle().await;
    assert_eq!(program.get(&path).await.ok()["state"], "active");
    world.advance(seconds(119)).await;
    assert_eq!(program.get(&path).await.ok()["state"], "active");
    world.advance(seconds(1)).await;
    let lost = program.get(&path).await.ok();
    assert_eq!(lost["state"], "ended");
    assert!(lost["why"].as_str().unwrap().starts_with("the process that used it was not heard of any more"), "{lost}");
    let late = program.post(&format!("{path}/heartbeat"), json!({})).await.ok();
    assert_eq!(late["state"], "ended", "a process that comes back is told");
    assert!(world.feed().contains("*ended*: no heartbeat since 2026-11-21 12:15:40 UTC"), "{}", world.feed());
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn a_grant_for_a_plan_gives_credentials_for_that_plan_alone() {
    let mut world = World::with(|config| {
        config.replace(
            "[[role.rule]]\nwhen = { up_to = \"30m\" }\napprovals = 1\napprovers = [\"sre\"]\n",
            "[[role.rule]]\nwhen = { up_to = \"30m\", destroys = false }\napprovals = 1\napprovers = [\"sre\"]\n",
        )
    })
    .await;
    let [requester, approver] = world.people(["requester", "approver"]);
    let program = world.signs_in(&requester).await;
    let sha256 = "ab".repeat(32);
    let plan = |destroy: u32, destroyed: &[&str]| {
        json!({ "role": "prod-deploy", "duration": "30m", "reason": "OPS-42",
                "plan": { "sha256": sha256, "add": 3, "change": 1, "destroy": destroy, "destroyed": destroyed } })
    };
    let harmful = program.post("/requests", plan(2, &["aws_db_instance.main"])).await;
    assert_eq!(harmful.body["approvals_needed"], 2, "the rule for harmless plans does not cover it");
    world.settle().await;
    insta::assert_snapshot!(world.screen("requests"), @r"
    jit:
      @requester asks for *prod-deploy* for *30m*
      Why: OPS-42
      For one plan alone, `abababababababab`…, which by the word of whoever asks has 3 to add, 1 to change, *2 to destroy*
      Destroys `aws_db_instance.main` and *1 more*
      2 approvals needed from @oncall, @approver or @lead
      To be decided by 2026-11-21 13:00:00 UTC
      [Approve] [Deny]
      REQ-CODE · rule 2 of prod-deploy: 2 approvals · asked 2026-11-21 12:00:00 UTC
    ");
    program.delete(&format!("/requests/{}", harmful.text("/id"))).await.ok();
    let none = program.post("/requests", json!({ "role": "prod-deploy", "duration": "30m", "reason": "x" })).await;
    assert_eq!(none.body["approvals_needed"], 2, "without a plan nobody knows what is destroyed");
    program.delete(&format!("/requests/{}", none.text("/id"))).await.ok();
    world.settle().await;

    let grant = world.grants_by_api(&program, &approver, plan(0, &[])).await;
    assert_eq!(grant["plan"]["sha256"], sha256.as_str());
    let path = format!("/grants/{}", grant["id"].as_str().unwrap());
    for wrong in [json!({}), json!({ "plan_sha256": "cd".repeat(32) })] {
        assert_eq!(program.post(&format!("{path}/credentials"), wrong).await.code(), "plan_mismatch");
    }
    assert_eq!(program.post(&format!("{path}/console"), json!({})).await.code(), "plan_mismatch");
    let right = program.post(&format!("{path}/credentials"), json!({ "plan_sha256": sha256 })).await.ok();
    for secret in ["secret_access_key", "session_token"] {
        world.shown_secrets.push(right[secret].as_str().unwrap().to_owned());
    }
    assert!(requester.dm().screen().contains("It is for one plan alone"), "no button for a shell");
    let mismatches = world.facts().await.into_iter();
    let mismatches =
        mismatches.filter(|fact| matches!(fact, Fact::AttemptRefused { refusal: AttemptRefusal::PlanMismatch, .. }));
    assert_eq!(mismatches.count(), 3);
    for (broken, why) in [
        (json!({ "sha256": "AB".repeat(32), "add": 0, "change": 0, "destroy": 0 }), "64 hex digits"),
        (json!({ "sha256": sha256, "add": 0, "change": 0, "destroy": 0, "destroyed": ["x"] }), "names more than"),
    ] {
        let answer = program.post("/requests", json!({ "role": "prod-deploy", "reason": "x", "plan": broken })).await;
        assert!(answer.code() == "invalid_request" && answer.text("/detail").contains(why), "{answer:?}");
    }
    world.advance(minutes(30)).await;
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn auditors_read_the_trail_and_others_do_not() {
    let mut world = World::with(|config| format!("{config}\n[api]\nauditors = [\"leads\"]\n")).await;
    let [requester, lead] = world.people(["requester", "lead"]);
    let (program, auditor) = (world.signs_in(&requester).await, world.signs_in(&lead).await);
    assert_eq!(program.get("/audit").await.code(), "forbidden");
    assert_eq!(auditor.get("/whoami").await.ok()["is_auditor"], true);
    let all = auditor.get("/audit").await.ok();
    let kinds: Vec<&str> = all["events"].as_array().unwrap().iter().map(|it| it["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["policy_loaded", "session_begun", "session_begun"]);
    assert_eq!(all.get("next"), None);
    let first = auditor.get("/audit?limit=2").await.ok();
    assert_eq!((first["events"].as_array().unwrap().len(), &first["next"]), (2, &json!(2)));
    let rest = auditor.get("/audit?after=2&limit=2").await.ok();
    assert_eq!(rest["events"][0]["prev"], first["events"][1]["hash"]);
    assert_eq!(auditor.get("/audit?limit=0").await.code(), "invalid_request");
    world.everything_is_read();
    world.finish().await;
}
