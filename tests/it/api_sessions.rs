//! Who calls the API for whom: people sign a machine in from Slack, and sessions end.

use jit::{domain::audit::Fact, playground::workspace::User};
use serde_json::json;

use crate::harness::{World, client::Client, hours, minutes, seconds};

#[tokio::test]
async fn somebody_signs_a_machine_in_by_a_code_and_out_again() {
    let mut world = World::start().await;
    let [requester] = world.people(["requester"]);
    let stranger = Client::of(&world);
    let login = stranger.post("/logins", json!({ "machine": "laptop <!channel>\n*x*", "user": "ann" })).await;
    let poll = stranger.with(&login.text("/poll_token"));
    let path = format!("/logins/{}", login.text("/id"));
    assert_eq!(poll.get(&path).await.ok()["state"], "waiting");

    requester.types(&format!("/jit login {}", login.text("/code").to_lowercase())).await;
    insta::assert_snapshot!(world.private(&requester), @r"
    *Sign in this machine as you?*
    It calls itself `laptop <!channel> *x*`, user `ann`
    It calls from `127.0.0.1`. It asked on 2026-11-21 12:00:00 UTC
    Confirm only if you started `jit login` there yourself, just now. Whoever is signed in can ask for roles as you, and use what is granted to you.
    [Confirm] [It is not mine]
    ");
    assert_eq!(poll.get(&path).await.ok()["state"], "waiting", "typing the code is not confirming it");

    // The machine waits, and is told the moment it happens.
    let waiting = tokio::spawn({
        let (poll, path) = (poll.clone(), format!("{path}?wait=60"));
        async move { poll.get(&path).await }
    });
    world.hears(1).await;
    requester.clicks("Confirm").await;
    let status = waiting.await.unwrap();
    assert_eq!(status.body["state"], "confirmed", "{status:?}");
    let token = status.text("/token");
    assert!(token.starts_with("jits_"));
    assert_eq!(status.text("/expires_at"), "2026-11-22T00:00:00Z");
    world.shown_secrets.extend([token.clone(), login.text("/poll_token")]);
    world.answered().await;
    insta::assert_snapshot!(world.private(&requester), @"`laptop <!channel> *x*` is signed in as you. `/jit sessions` shows it and lets you sign it out.");
    assert_eq!(poll.get(&path).await.ok().get("token"), None, "a token is handed out once");

    let program = stranger.with(&token);
    let whoami = program.get("/whoami").await.ok();
    assert_eq!(whoami["kind"], "person");
    assert_eq!(whoami["id"], requester.id());
    assert_eq!(whoami["is_auditor"], false);

    requester.types("/jit sessions").await;
    insta::assert_snapshot!(world.private(&requester), @r"
    Machines that are signed in as you:
    1. `laptop <!channel> *x*` from `127.0.0.1`, since 2026-11-21 12:00:00 UTC, until 2026-11-22 00:00:00 UTC
    [Sign out 1]
    ");
    assert_eq!(program.delete("/session").await.status, 204);
    assert_eq!(program.get("/whoami").await.code(), "session_expired");
    world.settle().await;
    assert!(world.feed().contains(
        "*signed in*: @requester on `laptop <!channel> *x*` from `127.0.0.1`, until 2026-11-22 00:00:00 UTC"
    ));
    assert!(world.feed().contains("*signed out*: @requester"));
    world.finish().await;
}

#[tokio::test]
async fn a_session_ends_by_itself_or_by_a_click_in_slack() {
    let mut world = World::start().await;
    let [requester, lead] = world.people(["requester", "lead"]);
    let (one, other) = (world.signs_in(&requester).await, world.signs_in(&requester).await);
    requester.types("/jit sessions").await;
    requester.clicks("Sign out 1").await;
    world.settle().await;
    let _ = requester.private();
    let answers = [one.get("/whoami").await.status, other.get("/whoami").await.status];
    assert_eq!(answers.iter().filter(|status| **status == 401).count(), 1, "one of the two is signed out");
    world.advance(hours(12)).await;
    assert_eq!(other.get("/whoami").await.code(), "session_expired");
    assert_eq!(other.with("jits_nobody").get("/whoami").await.code(), "unauthenticated");
    assert_eq!(Client::of(&world).get("/whoami").await.code(), "unauthenticated");
    lead.types("/jit sessions").await;
    assert!(lead.private().contains("No machine is signed in as you"), "others do not see it");
    assert!(world.facts().await.iter().any(|fact| matches!(fact, Fact::SessionEnded { signed_out: false, .. })));
    world.finish().await;
}

#[tokio::test]
async fn nobody_confirms_what_somebody_else_has_typed() {
    let mut world = World::start().await;
    let [requester, lead] = world.people(["requester", "lead"]);
    let stranger = Client::of(&world);
    let login = stranger.post("/logins", json!({ "machine": "laptop" })).await;
    let code = login.text("/code");
    requester.types(&format!("/jit login {code}")).await;
    lead.types(&format!("/jit login {code}")).await;
    insta::assert_snapshot!(world.private(&lead), @"Somebody else has typed this code before you. `jit login` on your machine shows a fresh one.");
    requester.clicks("It is not mine").await;
    world.settle().await;
    assert!(world.private(&requester).contains("is not signed in"));
    let poll = stranger.with(&login.text("/poll_token"));
    let status = poll.get(&format!("/logins/{}", login.text("/id"))).await.ok();
    assert_eq!(status["state"], "refused");
    assert_eq!(status.get("token"), None);
    assert!(world.feed().contains("*login refused*: @requester typed the code of `laptop`"));

    let late = stranger.post("/logins", json!({ "machine": "laptop" })).await;
    world.advance(minutes(10)).await;
    requester.types(&format!("/jit login {}", late.text("/code"))).await;
    assert!(world.private(&requester).contains("There is no such code, or it is older than ten minutes"));
    let poll = stranger.with(&late.text("/poll_token"));
    assert_eq!(poll.get(&format!("/logins/{}", late.text("/id"))).await.ok()["state"], "expired");
    let other = stranger.with(&login.text("/poll_token"));
    assert_eq!(other.get(&format!("/logins/{}", late.text("/id"))).await.code(), "not_found", "with another's token");
    world.finish().await;
}

#[tokio::test]
async fn strangers_are_slowed_down_and_others_are_not() {
    let mut world = World::with(|config| format!("{config}\n[api]\nstrangers_per_minute = 4\n")).await;
    let [requester] = world.people(["requester"]);
    let program = world.signs_in(&requester).await;
    let stranger = Client::of(&world);
    let mut answers = Vec::new();
    for _ in 0..4 {
        answers.push(stranger.post("/logins", json!({ "machine": "x" })).await);
    }
    let last = answers.pop().unwrap();
    assert!(answers.iter().all(|answer| answer.status == 201));
    assert_eq!((last.code(), last.header("retry-after")), ("rate_limited", "15"));
    assert_eq!(stranger.with("jits_guess").get("/whoami").await.code(), "rate_limited", "guessing is slowed down too");
    assert_eq!(program.get("/whoami").await.status, 200);
    world.advance(seconds(15)).await;
    assert_eq!(stranger.post("/logins", json!({ "machine": "x" })).await.status, 201);
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn whoever_leaves_the_workspace_takes_no_session_along() {
    let mut world = World::start().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    let program = world.signs_in(&requester).await;
    let ask = json!({ "role": "prod-deploy", "duration": "30m", "reason": "OPS-42" });
    let grant = world.grants_by_api(&program, &approver, ask.clone()).await;
    world.slack.add_user(User { is_deleted: true, ..User::named("requester") });
    world.advance(minutes(15)).await;
    let credentials = format!("/grants/{}/credentials", grant["id"].as_str().unwrap());
    assert_eq!(program.post("/requests", ask).await.code(), "session_expired");
    assert_eq!(program.post(&credentials, json!({})).await.code(), "session_expired");
    world.slack.add_user(User::named("requester"));
    world.advance(minutes(15)).await;
    world.everything_is_read();
    world.finish().await;
}
