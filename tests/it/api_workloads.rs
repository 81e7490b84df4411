//! Pipelines that prove who they are, and what pretends to be one.

use jit::domain::audit::Fact;
use serde_json::{Value, json};

use crate::harness::{
    World,
    client::{Answer, Client},
    hours,
    issuer::{Issuer, Mood, Sts, presigned},
    minutes, seconds,
};

/// For whom proofs must be made in these stories.
const AUDIENCE: &str = "https://jit.example.com/prod";

/// A world with an issuer and the workload `web-deploy`, and what a token of it says.
async fn with_pipeline() -> (World, Issuer, Value) {
    let issuer = Issuer::start().await;
    let url = issuer.url.clone();
    let world = World::with(|config| {
        format!(
            "{config}\n[api]\naudience = \"{AUDIENCE}\"\nstrangers_per_minute = 1000\n\n\
             [[workload]]\nname = \"web-deploy\"\nroles = [\"prod-deploy\"]\nsession = \"2h\"\n\
             [workload.github]\nissuer = \"{url}\"\nrepository_id = \"74\"\nrepository_owner_id = \"65\"\n\
             ref = [\"refs/heads/main\", \"refs/tags/v*\"]\nenvironment = \"production\"\nrunner_environment = \"github-hosted\"\n\n\
             [[workload]]\nname = \"lab-deploy\"\nroles = [\"sandbox\"]\n\
             [workload.gitlab]\nissuer = \"{url}/gitlab\"\njwks_url = \"{url}/oauth/discovery/keys\"\nproject_id = \"22\"\nref = \"main\"\n"
        )
    })
    .await;
    let claims = claims(&world, &issuer);
    (world, issuer, claims)
}

fn claims(world: &World, issuer: &Issuer) -> Value {
    let now = world.now().as_second();
    json!({
        "iss": issuer.url, "aud": AUDIENCE, "sub": "repo:acme/web:environment:production", "jti": format!("jti-{now}"),
        "iat": now, "nbf": now, "exp": now + 300,
        "repository": "acme/web", "repository_id": "74", "repository_owner": "acme", "repository_owner_id": "65",
        "ref": "refs/heads/main", "environment": "production", "event_name": "push", "actor": "octocat",
        "run_id": "4242", "runner_environment": "github-hosted",
    })
}

/// The same claims with some of them changed; a null takes one out.
fn but(claims: &Value, changes: &Value) -> Value {
    let mut changed = claims.clone();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            changed.as_object_mut().unwrap().remove(name);
        } else {
            changed[name] = value.clone();
        }
    }
    changed
}

async fn proves(world: &World, token: &str) -> Answer {
    Client::of(world).post("/workload-sessions", json!({ "oidc_token": token })).await
}

/// What the trail says was refused.
async fn disbelieved(world: &World) -> Vec<String> {
    let facts = world.facts().await.into_iter();
    facts.filter_map(|fact| if let Fact::ProofRefused { because, .. } = fact { Some(because) } else { None }).collect()
}

#[tokio::test]
async fn a_pipeline_proves_itself_asks_and_deploys_without_any_standing_key() {
    let (mut world, issuer, claims) = with_pipeline().await;
    let [approver] = world.people(["approver"]);
    let session = proves(&world, &issuer.key().signs(&claims)).await;
    assert_eq!((session.status, session.text("/workload")), (201, "web-deploy".to_owned()), "{session:?}");
    assert_eq!(session.text("/expires_at"), "2026-11-21T14:00:00Z");
    let token = session.text("/token");
    world.shown_secrets.push(token.clone());
    let pipeline = Client::of(&world).with(&token);
    let whoami = pipeline.get("/whoami").await.ok();
    assert_eq!((whoami["kind"].as_str(), whoami["id"].as_str()), (Some("workload"), Some("workload:web-deploy")));
    let roles = pipeline.get("/roles").await.ok();
    assert_eq!(roles.as_array().unwrap().len(), 1, "it may ask for the roles that it is given and no others");
    let refused = pipeline.post("/requests", json!({ "role": "sandbox" })).await;
    assert_eq!(refused.code(), "not_a_requester");

    let ask = json!({ "role": "prod-deploy", "duration": "30m", "reason": "release 1.2" });
    pipeline.post("/requests", ask).await.ok();
    world.settle().await;
    insta::assert_snapshot!(world.screen("requests"), @r"
    jit:
      the pipeline *web-deploy* asks for *prod-deploy* for *30m*
      Why: release 1.2
      From repository `acme/web`, ref `refs/heads/main`, environment `production`, started by `octocat`
      1 approval needed from @oncall, @approver or @requester
      To be decided by 2026-11-21 13:00:00 UTC
      [Approve] [Deny]
      REQ-CODE · rule 1 of prod-deploy, up to 30m: 1 approval · asked 2026-11-21 12:00:00 UTC
    ");
    approver.clicks("Approve").await;
    world.settle().await;
    let _ = approver.private();
    let grants = pipeline.get("/grants").await.ok();
    let id = grants[0]["id"].as_str().unwrap();
    let credentials = pipeline.post(&format!("/grants/{id}/credentials"), json!({})).await.ok();
    for secret in ["secret_access_key", "session_token"] {
        world.shown_secrets.push(credentials[secret].as_str().unwrap().to_owned());
    }
    let key = credentials["access_key_id"].as_str().unwrap();
    assert!(world.works(key).await);
    pipeline.post(&format!("/grants/{id}/end"), json!({})).await.ok();
    world.settle().await;
    assert!(!world.works(key).await);
    assert!(world.feed().contains("*signed in*: the pipeline *web-deploy* on `acme/web` from `127.0.0.1`"));

    // The configuration forgets the pipeline: its session is worth nothing from then on.
    world.edit_config(|config| config.replace("name = \"web-deploy\"", "name = \"other-deploy\""));
    world.app.reload().await.unwrap();
    assert_eq!(pipeline.get("/whoami").await.code(), "session_expired");
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn what_pretends_to_be_a_pipeline_is_refused_with_a_code_and_stands_on_the_trail() {
    let (world, issuer, claims) = with_pipeline().await;
    let key = issuer.key();
    let now = world.now().as_second();
    let good = key.signs(&claims);
    let (head, tail) = good.rsplit_once('.').unwrap();
    let tampered = format!("{head}.{}", tail.chars().rev().collect::<String>());
    let unsigned = {
        let payload = good.split('.').nth(1).unwrap();
        format!("eyJhbGciOiJub25lIiwia2lkIjoia2V5LTEifQ.{payload}.")
    };
    let stranger = Issuer::start().await;
    let table = [
        (
            "another audience",
            key.signs(&but(&claims, &json!({ "aud": "https://github.com/acme" }))),
            "audience_mismatch",
        ),
        ("no audience", key.signs(&but(&claims, &json!({ "aud": null }))), "token_invalid"),
        ("another issuer", key.signs(&but(&claims, &json!({ "iss": "https://evil.example" }))), "token_invalid"),
        ("no issuer", key.signs(&but(&claims, &json!({ "iss": null }))), "token_invalid"),
        ("another issuer's key", stranger.key().signs(&claims), "token_invalid"),
        ("HS256 with the public key", key.forges(&claims), "token_invalid"),
        ("no signature", unsigned, "token_invalid"),
        ("a tampered signature", tampered, "token_invalid"),
        ("no token", "nothing".to_owned(), "token_invalid"),
        ("a very long text", "x".repeat(20_000), "token_invalid"),
        ("expired", key.signs(&but(&claims, &json!({ "exp": now - 30 }))), "token_expired"),
        ("no expiry", key.signs(&but(&claims, &json!({ "exp": null }))), "token_invalid"),
        ("no beginning", key.signs(&but(&claims, &json!({ "iat": null }))), "token_invalid"),
        ("not valid yet", key.signs(&but(&claims, &json!({ "nbf": now + 31 }))), "token_expired"),
        ("from the future", key.signs(&but(&claims, &json!({ "iat": now + 31 }))), "token_expired"),
        (
            "a fork",
            key.signs(&but(&claims, &json!({ "repository_id": "99", "repository_owner_id": "98" }))),
            "workload_unknown",
        ),
        ("a namesake", key.signs(&but(&claims, &json!({ "repository_owner_id": "98" }))), "workload_unknown"),
        ("a branch", key.signs(&but(&claims, &json!({ "ref": "refs/heads/topic" }))), "workload_unknown"),
        ("no environment", key.signs(&but(&claims, &json!({ "environment": null }))), "workload_unknown"),
        ("a pull request", key.signs(&but(&claims, &json!({ "event_name": "pull_request" }))), "workload_unknown"),
        (
            "one's own runner",
            key.signs(&but(&claims, &json!({ "runner_environment": "self-hosted" }))),
            "workload_unknown",
        ),
    ];
    for (what, token, code) in &table {
        let answer = proves(&world, token).await;
        assert_eq!(answer.code(), *code, "{what}: {answer:?}");
    }
    let mut codes: Vec<String> = table.iter().map(|(_, _, code)| (*code).to_owned()).collect();
    let colleague = key.signs(&but(&claims, &json!({ "repository_id": "75" })));
    let stranger = key.signs(&but(&claims, &json!({ "repository_id": "99", "repository_owner_id": "98" })));
    for (token, names_it) in [(colleague, true), (stranger, false)] {
        let told = proves(&world, &token).await.text("/detail");
        assert_eq!(
            told.contains("web-deploy by its `repository_id`"),
            names_it,
            "the world is told of no workload: {told}"
        );
        assert_eq!(told.contains("audit trail"), !names_it, "{told}");
        codes.push("workload_unknown".to_owned());
    }
    assert_eq!(disbelieved(&world).await, codes, "each of them stands on the trail");

    assert_eq!(proves(&world, &good).await.status, 201, "clocks may be apart a little, and this one is in order");
    assert_eq!(proves(&world, &good).await.code(), "token_replayed");
    let again = key.signs(&but(&claims, &json!({ "exp": now + 299 })));
    assert_eq!(proves(&world, &again).await.code(), "token_replayed", "signed anew, with the same id");
    let late = key.signs(&but(&claims, &json!({ "exp": now - 29, "jti": "other" })));
    assert_eq!(proves(&world, &late).await.status, 201, "within the leeway");
    let tag = key.signs(&but(&claims, &json!({ "ref": "refs/tags/v1.2", "jti": "tag" })));
    assert_eq!(proves(&world, &tag).await.status, 201);
    let mut world = world;
    world.settle().await;
    assert!(world.feed().contains("*proof refused*: `workload_unknown` from `127.0.0.1`"), "{}", world.feed());
    world.finish().await;
}

#[tokio::test]
async fn what_was_approved_for_one_run_is_not_for_the_next() {
    let issuer = Issuer::start().await;
    let (host, keys) = ("https://ghes.acme.example", format!("{}/.well-known/jwks", issuer.url));
    let mut world = World::with(|config| {
        format!(
            "{config}\n[api]\naudience = \"{AUDIENCE}\"\n\n[[workload]]\nname = \"web-deploy\"\nroles = [\"prod-deploy\"]\n\
             [workload.github]\nissuer = \"{host}/_services/token\"\njwks_url = \"{keys}\"\nrepository_id = \"74\"\n\
             repository_owner_id = \"65\"\nref = \"refs/heads/main\"\n"
        )
    })
    .await;
    let [approver] = world.people(["approver"]);
    let claims = claims(&world, &issuer);
    let run = async |world: &mut World, run: &str, jti: &str| {
        let claims = but(&claims, &json!({ "iss": format!("{host}/_services/token"), "run_id": run, "jti": jti }));
        let session = proves(world, &issuer.key().signs(&claims)).await;
        assert_eq!(session.status, 201, "{session:?}");
        world.shown_secrets.push(session.text("/token"));
        Client::of(world).with(&session.text("/token"))
    };
    let first = run(&mut world, "41", "a").await;
    let ask = json!({ "role": "prod-deploy", "duration": "30m", "reason": "release" });
    let asked = first.post_once("/requests", "the commit", ask.clone()).await.ok();
    world.settle().await;
    let early = run(&mut world, "42", "early").await;
    assert_eq!(early.get("/requests").await.ok(), json!([]));
    let withdraw = early.delete(&format!("/requests/{}", asked["id"].as_str().unwrap())).await;
    assert_eq!(withdraw.code(), "forbidden");
    let own = early.post_once("/requests", "the commit", ask).await.ok();
    assert_ne!(own["id"], asked["id"], "a key is a run's own");
    early.delete(&format!("/requests/{}", own["id"].as_str().unwrap())).await.ok();
    world.settle().await;
    assert!(
        world.screen("requests").contains("https://ghes.acme.example/acme/web/actions/runs/41"),
        "{}",
        world.screen("requests")
    );
    approver.clicks("Approve").await;
    world.settle().await;
    let _ = approver.private();
    let grants = first.get("/grants").await.ok();
    let credentials = format!("/grants/{}/credentials", grants[0]["id"].as_str().unwrap());

    let next = run(&mut world, "42", "b").await;
    assert_eq!(next.get("/grants").await.ok(), json!([]), "it is not told of what it cannot use");
    for (verb, body) in [
        ("credentials", json!({})),
        ("console", json!({})),
        ("extend", json!({ "duration": "15m", "reason": "mine" })),
        ("heartbeat", json!({})),
        ("end", json!({})),
    ] {
        let refused = next.post(&credentials.replace("credentials", verb), body).await;
        assert_eq!(refused.code(), "forbidden", "{verb}");
        assert!(refused.text("/detail").contains("asked for by another run of this pipeline"), "{refused:?}");
    }
    world.settle().await;
    assert_eq!(world.feed().matches("another run has asked for it").count(), 6, "{}", world.feed());

    let other_job = run(&mut world, "41", "c").await;
    let given = other_job.post(&credentials, json!({})).await.ok();
    for secret in ["secret_access_key", "session_token"] {
        world.shown_secrets.push(given[secret].as_str().unwrap().to_owned());
    }
    assert!(world.works(given["access_key_id"].as_str().unwrap()).await, "another job of the same run");
    let extend = credentials.replace("credentials", "extend");
    first.post(&extend, json!({ "duration": "15m", "reason": "it takes longer" })).await.ok();
    world.settle().await;
    let screen = world.screen("requests");
    let (_, card) = screen.split_once("asks for *more time*").expect("there is a card");
    assert!(card.contains("From repository `acme/web`") && card.contains("/runs/41"), "{card}");
    world.advance(minutes(31)).await;
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn the_jobs_of_a_pipeline_of_gitlab_are_one_run() {
    let issuer = Issuer::start().await;
    let (host, keys) = ("https://gitlab.acme.example", format!("{}/oauth/discovery/keys", issuer.url));
    let mut world = World::with(|config| {
        format!(
            "{config}\n[api]\naudience = \"{AUDIENCE}\"\n\n[[workload]]\nname = \"lab-deploy\"\nroles = [\"prod-deploy\"]\n\
             [workload.gitlab]\nissuer = \"{host}\"\njwks_url = \"{keys}\"\nproject_id = \"22\"\nref = \"main\"\n"
        )
    })
    .await;
    let [approver] = world.people(["approver"]);
    let claims = but(
        &claims(&world, &issuer),
        &json!({ "iss": host, "project_id": "22", "project_path": "acme/lab", "ref": "main", "ref_protected": "true",
                 "pipeline_source": "push", "user_login": "tanuki" }),
    );
    let job = async |world: &mut World, pipeline: &str, job: &str| {
        let claims = but(&claims, &json!({ "pipeline_id": pipeline, "job_id": job, "jti": job }));
        let session = proves(world, &issuer.key().signs(&claims)).await;
        world.shown_secrets.push(session.text("/token"));
        Client::of(world).with(&session.text("/token"))
    };
    let asks = job(&mut world, "7", "100").await;
    asks.post("/requests", json!({ "role": "prod-deploy", "duration": "30m", "reason": "release" })).await.ok();
    world.settle().await;
    assert!(world.screen("requests").contains("https://gitlab.acme.example/acme/lab/-/pipelines/7"));
    approver.clicks("Approve").await;
    world.settle().await;
    let _ = approver.private();
    let grants = asks.get("/grants").await.ok();
    let end = format!("/grants/{}/end", grants[0]["id"].as_str().unwrap());
    let other = job(&mut world, "8", "200").await;
    assert_eq!((other.get("/grants").await.ok(), other.post(&end, json!({})).await.code()), (json!([]), "forbidden"));
    let next_job = job(&mut world, "7", "101").await;
    assert_eq!(next_job.get("/grants").await.ok().as_array().map(Vec::len), Some(1));
    next_job.post(&end, json!({})).await.ok();
    world.settle().await;
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn gitlab_says_which_refs_are_protected_and_nothing_else_counts() {
    let (world, issuer, claims) = with_pipeline().await;
    let gitlab = but(
        &claims,
        &json!({ "iss": format!("{}/gitlab", issuer.url), "project_id": "22", "project_path": "acme/lab", "ref": "main",
                "ref_protected": "true", "pipeline_source": "push", "user_login": "tanuki", "pipeline_id": "7" }),
    );
    let key = issuer.key();
    for (what, changes) in [
        ("an unprotected ref", json!({ "ref_protected": "false" })),
        ("a merge request", json!({ "pipeline_source": "merge_request_event" })),
        ("a fork's merge request", json!({ "project_id": "23", "pipeline_source": "merge_request_event" })),
        ("another branch", json!({ "ref": "topic" })),
    ] {
        let answer = proves(&world, &key.signs(&but(&gitlab, &changes))).await;
        assert_eq!(answer.code(), "workload_unknown", "{what}");
    }
    assert_eq!(proves(&world, &key.signs(&gitlab)).await.text("/workload"), "lab-deploy");
    world.finish().await;
}

#[tokio::test]
async fn keys_rotate_and_issuers_fail_without_anybody_noticing_too_much() {
    let (world, issuer, claims) = with_pipeline().await;
    let token = |key: &crate::harness::issuer::Key, jti: &str, world: &World| {
        let now = world.now().as_second();
        key.signs(&but(&claims, &json!({ "jti": jti, "iat": now, "nbf": now, "exp": now + 300 })))
    };
    let old = issuer.key();
    // Many at once are one question.
    let tokens: Vec<String> = (0..8).map(|n| token(&old, &format!("many-{n}"), &world)).collect();
    let answers = futures::future::join_all(tokens.iter().map(|token| proves(&world, token))).await;
    assert!(answers.iter().all(|answer| answer.status == 201), "{answers:?}");
    assert_eq!(issuer.asked(), 1);

    let new = issuer.rotates("key-2");
    assert_eq!(proves(&world, &token(&new, "early", &world)).await.code(), "token_invalid", "asked a moment ago");
    assert_eq!(issuer.asked(), 1, "whoever makes up key ids does not have the issuer asked");
    world.clock.advance(seconds(30));
    assert_eq!(proves(&world, &token(&new, "new", &world)).await.status, 201);
    assert_eq!(issuer.asked(), 2);
    assert_eq!(proves(&world, &token(&old, "old", &world)).await.code(), "token_invalid", "the old key is gone");

    for mood in [Mood::Down, Mood::Redirecting, Mood::Endless] {
        issuer.is(mood);
        world.clock.advance(minutes(16));
        let answer = proves(&world, &token(&new, &format!("{mood:?}"), &world)).await;
        assert_eq!(answer.status, 201, "{mood:?}: what it said last counts");
    }
    world.clock.advance(hours(24));
    let answer = proves(&world, &token(&new, "stale", &world)).await;
    assert_eq!((answer.code(), answer.status, answer.header("retry-after")), ("issuer_unavailable", 503, "5"));
    issuer.is(Mood::Fine);
    world.clock.advance(seconds(30));
    assert_eq!(proves(&world, &token(&new, "stale", &world)).await.status, 201, "and the proof was not used up");
    world.finish().await;
}

#[tokio::test]
async fn a_machine_in_aws_proves_itself_by_what_sts_says() {
    let sts = Sts::start().await;
    let url = sts.url.clone();
    let world = World::with(|config| {
        format!(
            "{config}\n[api]\naudience = \"{AUDIENCE}\"\n\n[[workload]]\nname = \"nightly\"\nroles = [\"sandbox\"]\n\
             [workload.aws]\naccount = \"111122223333\"\nrole = \"deployer\"\nsts_url = \"{url}\"\n"
        )
    })
    .await;
    let call = |url: String| {
        let stranger = Client::of(&world);
        async move { stranger.post("/workload-sessions", json!({ "aws_caller_identity": { "url": url } })).await }
    };
    let good = presigned(AUDIENCE, world.now());
    assert!(good.contains("X-Amz-SignedHeaders=host%3Bx-jit-audience"), "{good}");
    let (_, after) = good.split_once("X-Amz-Signature=").unwrap();
    let signature: String = after.chars().take_while(|letter| *letter != '&').collect();
    let changed = good.replace(&signature, &signature.chars().rev().collect::<String>());
    for (what, url, code) in [
        ("for somebody else", presigned("https://other.example", world.now()), "token_invalid"),
        ("too old", presigned(AUDIENCE, world.now() - seconds(301)), "token_expired"),
        ("from the future", presigned(AUDIENCE, world.now() + seconds(61)), "token_expired"),
        ("another region", good.replace("sts.eu-west-1", "sts.us-east-1"), "token_invalid"),
        ("somebody's own host", good.replace("sts.eu-west-1.amazonaws.com", "evil.example"), "token_invalid"),
        ("another action", good.replace("GetCallerIdentity", "GetSessionToken"), "token_invalid"),
        ("two actions", format!("{good}&action=GetCallerIdentity"), "token_invalid"),
        ("a changed signature", changed, "token_invalid"),
        ("a signature in capitals", good.replace(&signature, &signature.to_uppercase()), "token_invalid"),
    ] {
        let answer = call(url).await;
        assert_eq!(answer.code(), code, "{what}: {answer:?}");
    }
    assert_eq!(sts.asked(), 2, "STS hears of what could be meant alone");
    let session = call(good.clone()).await;
    assert_eq!((session.status, session.text("/workload")), (201, "nightly".to_owned()), "{session:?}");
    assert_eq!(call(good).await.code(), "token_replayed");

    world.edit_config(|config| config.replace("role = \"deployer\"", "role = \"somebody\""));
    world.app.reload().await.unwrap();
    world.clock.advance(seconds(1));
    let other = call(presigned(AUDIENCE, world.now())).await;
    assert_eq!(other.code(), "workload_unknown");
    assert!(other.text("/detail").contains("assumed-role/deployer"), "{other:?}");
    world.finish().await;
}
