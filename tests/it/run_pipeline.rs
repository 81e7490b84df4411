//! `jit run` in a pipeline: nobody signs in, no key is stored, and the card says where the job comes from.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    Json, Router,
    extract::{Query, State},
    http::{HeaderMap, StatusCode},
    routing::get,
};
use jit::ambient::{Clock, SystemClock};
use serde_json::{Value, json};

use crate::harness::{
    World,
    aws::Fault,
    cli::Shell,
    issuer::{Issuer, Sts},
    state,
};

const RUNNER_TOKEN: &str = "what the runner was given";

/// GitHub's side of a job: it gives tokens to whoever has the runner's.
struct Runner {
    url: String,
    given: Arc<AtomicUsize>,
}

#[derive(Clone)]
struct Desk {
    issuer: Arc<Issuer>,
    given: Arc<AtomicUsize>,
}

impl Runner {
    async fn start(issuer: Arc<Issuer>) -> Self {
        let given = Arc::new(AtomicUsize::new(0));
        let desk = Desk { issuer, given: given.clone() };
        let router = Router::new().route("/token", get(give)).with_state(desk);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/token?api-version=2.0", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, given }
    }
}

async fn give(
    State(desk): State<Desk>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Result<Json<Value>, StatusCode> {
    if headers.get("authorization").is_none_or(|it| it != &format!("Bearer {RUNNER_TOKEN}")) {
        return Err(StatusCode::UNAUTHORIZED);
    }
    let number = desk.given.fetch_add(1, Ordering::Relaxed);
    let claims = claims(&desk.issuer.url, query.get("audience").map_or("", String::as_str), &format!("jti-{number}"));
    Ok(Json(json!({ "value": desk.issuer.key().signs(&claims) })))
}

fn claims(issuer: &str, audience: &str, jti: &str) -> Value {
    let now = SystemClock.now().as_second();
    json!({
        "iss": issuer, "aud": audience, "sub": "repo:acme/web:environment:production", "jti": jti,
        "iat": now, "nbf": now, "exp": now + 300,
        "repository": "acme/web", "repository_id": "74", "repository_owner": "acme", "repository_owner_id": "65",
        "ref": "refs/heads/main", "environment": "production", "event_name": "push", "actor": "octocat",
        "run_id": "4242", "runner_environment": "github-hosted",
    })
}

async fn world_with_pipelines(issuer: &Issuer) -> World {
    let url = issuer.url.clone();
    World::today(|config| {
        format!(
            "{config}\n[[workload]]\nname = \"web-deploy\"\nroles = [\"prod-deploy\"]\n[workload.github]\nissuer = \"{url}\"\n\
             repository_id = \"74\"\nrepository_owner_id = \"65\"\nref = \"refs/heads/main\"\n\n\
             [[workload]]\nname = \"lab-deploy\"\nroles = [\"prod-deploy\"]\n[workload.gitlab]\nissuer = \"{url}/gitlab\"\n\
             jwks_url = \"{url}/oauth/discovery/keys\"\nproject_id = \"22\"\nref = \"main\"\n"
        )
    })
    .await
}

#[tokio::test]
async fn a_job_of_github_runs_with_what_was_approved_for_it() {
    let issuer = Arc::new(Issuer::start().await);
    let mut world = world_with_pipelines(&issuer).await;
    let [approver] = world.people(["approver"]);
    let runner = Runner::start(issuer).await;
    let mut shell = Shell::at(&world);
    shell.environment.insert("ACTIONS_ID_TOKEN_REQUEST_URL".into(), runner.url.clone());
    shell.environment.insert("ACTIONS_ID_TOKEN_REQUEST_TOKEN".into(), RUNNER_TOKEN.into());
    let who = shell.start(["whoami"]).ends(&mut world).await;
    assert!(who.code == 0 && who.out.contains("the pipeline web-deploy"), "{who:?}");

    let run = shell.run(&["--for", "30m"], "echo deployed; test -n \"$AWS_CONTAINER_CREDENTIALS_FULL_URI\"");
    world.decides(&run, &approver, "Approve").await;
    let ended = run.ends(&mut world).await;
    assert_eq!((ended.code, ended.out.as_str()), (0, "deployed\n"), "{}", ended.err);
    let grant = world.grant().await;
    assert_eq!((state(&grant), grant.holder.to_string().as_str()), ("ended", "workload:web-deploy"));
    assert_eq!(runner.given.load(Ordering::Relaxed), 2, "each command has its own proof");
    assert!(!shell.file("state").exists(), "nothing is kept");

    shell.environment.insert("ACTIONS_ID_TOKEN_REQUEST_TOKEN".into(), "somebody else's".into());
    let refused = shell.run(&[], "echo must not run").ends(&mut world).await;
    assert!(refused.code == 15 && refused.err.contains("GitHub gives no token"), "{refused:?}");
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn a_job_of_gitlab_shows_its_token_once_and_stays_signed_in() {
    let issuer = Issuer::start().await;
    let mut world = world_with_pipelines(&issuer).await;
    let [approver] = world.people(["approver"]);
    let audience = world.url("");
    let mut claims = claims(&format!("{}/gitlab", issuer.url), &audience, "one-job");
    for (name, value) in
        [("project_id", "22"), ("project_path", "acme/lab"), ("ref", "main"), ("ref_protected", "true")]
    {
        claims[name] = value.into();
    }
    claims["pipeline_source"] = "push".into();
    let mut shell = Shell::at(&world);
    shell.environment.insert("JIT_ID_TOKEN".into(), issuer.key().signs(&claims));
    for _ in 0..2 {
        let who = shell.start(["whoami"]).ends(&mut world).await;
        assert!(who.code == 0 && who.out.contains("the pipeline lab-deploy"), "{who:?}");
    }
    let run = shell.run(&["--for", "30m"], "echo deployed with ${JIT_ID_TOKEN:-no token of its own}");
    world.decides(&run, &approver, "Approve").await;
    let ended = run.ends(&mut world).await;
    assert_eq!((ended.code, ended.out.as_str()), (0, "deployed with no token of its own\n"), "{}", ended.err);

    let elsewhere = Shell { environment: shell.environment.clone(), ..Shell::at(&world) };
    let mut elsewhere = elsewhere;
    elsewhere.environment.insert("XDG_STATE_HOME".into(), elsewhere.file("state").display().to_string());
    let replayed = elsewhere.start(["whoami"]).ends(&mut world).await;
    assert_eq!(replayed.code, 15, "a token counts once: {replayed:?}");
    world.everything_is_read();
    world.finish().await;
}

/// A shell on a machine in AWS that has a role.
fn machine(world: &World) -> Shell {
    let mut shell = Shell::at(world);
    let role = [
        ("AWS_ACCESS_KEY_ID", "ASIADEPLOYER00000001"),
        ("AWS_SECRET_ACCESS_KEY", "the-deployers-secret"),
        ("AWS_SESSION_TOKEN", "a+session/token=="),
        ("AWS_REGION", "eu-west-1"),
    ];
    shell.environment.extend(role.map(|(name, value)| (name.to_owned(), value.to_owned())));
    shell
}

#[tokio::test]
async fn a_machine_in_aws_proves_its_role_by_a_call_that_it_signs() {
    let sts = Sts::start().await;
    let url = sts.url.clone();
    let mut world = World::today(|config| {
        format!(
            "{config}\n[[workload]]\nname = \"nightly\"\nroles = [\"prod-deploy\"]\n[workload.aws]\naccount = \
             \"111122223333\"\nrole = \"deployer\"\nsts_url = \"{url}\"\n"
        )
    })
    .await;
    let [approver] = world.people(["approver"]);
    let shell = machine(&world);
    let run =
        shell.start(["run", "--as", "aws", "--role", "prod-deploy", "--reason", "nightly", "--", "sh", "-c", "env"]);
    world.decides(&run, &approver, "Approve").await;
    let ended = run.ends(&mut world).await;
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert!(ended.out.contains("AWS_CONTAINER_CREDENTIALS_FULL_URI="), "{}", ended.out);
    assert!(!ended.out.contains("deployers-secret"), "the machine's own role is not the command's: {}", ended.out);
    let grant = world.grant().await;
    assert_eq!((state(&grant), grant.holder.to_string().as_str()), ("ended", "workload:nightly"));
    assert_eq!(sts.asked(), 1);

    let mut other = machine(&world);
    other.environment.insert("AWS_SECRET_ACCESS_KEY".into(), "a guess".into());
    let refused = other.start(["whoami", "--as", "aws"]).ends(&mut world).await;
    assert!(refused.code == 15 && refused.err.contains("STS does not take it"), "{refused:?}");
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn a_machine_in_aws_proves_its_role_by_a_token_that_its_account_issues() {
    let issuer = Issuer::start().await;
    let url = issuer.url.clone();
    let mut world = World::today(|config| {
        format!(
            "{config}\n[[workload]]\nname = \"batch\"\nroles = [\"prod-deploy\"]\n[workload.aws_web_identity]\nissuer = \
             \"{url}\"\njwks_url = \"{url}/oauth/discovery/keys\"\nclaims = {{ sub = \
             \"arn:aws:iam::111122223333:role/batch\" }}\n"
        )
    })
    .await;
    let [approver] = world.people(["approver"]);
    let shell = machine(&world);
    // moto does not know the call: AWS' answer is played by hand, the call itself is the SDK's own
    let gives = |world: &World, subject: &str, jti: &str| {
        let now = SystemClock.now().as_second();
        let token = issuer.key().signs(&json!({
            "iss": issuer.url, "aud": world.url(""), "sub": subject, "jti": jti, "iat": now, "exp": now + 300,
            "https://sts.amazonaws.com/": { "aws_account": "111122223333" },
        }));
        world.cloud.fail("GetWebIdentityToken", 1, Fault::Answer(format!(
            "<GetWebIdentityTokenResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetWebIdentityTokenResult>\
             <WebIdentityToken>{token}</WebIdentityToken></GetWebIdentityTokenResult></GetWebIdentityTokenResponse>"
        )));
    };
    gives(&world, "arn:aws:iam::111122223333:role/batch", "first");
    let run =
        shell.start(["run", "--as", "aws-token", "--role", "prod-deploy", "--reason", "batch", "--", "echo", "done"]);
    world.decides(&run, &approver, "Approve").await;
    let ended = run.ends(&mut world).await;
    assert_eq!((ended.code, ended.out.as_str()), (0, "done\n"), "{}", ended.err);
    let grant = world.grant().await;
    assert_eq!((state(&grant), grant.holder.to_string().as_str()), ("ended", "workload:batch"));
    let asked = world.cloud.calls().into_iter().find(|call| call.action == "GetWebIdentityToken").unwrap();
    assert_eq!(asked.param("Audience.member.1"), world.url(""), "for this server alone");

    gives(&world, "arn:aws:iam::111122223333:role/somebody", "second");
    let other = shell.start(["whoami", "--as", "aws-token"]).ends(&mut world).await;
    assert!(other.code == 15 && other.err.contains("no workload"), "{other:?}");
    world.cloud.fail("GetWebIdentityToken", 1, Fault::ACCESS_DENIED);
    let denied = shell.start(["whoami", "--as", "aws-token"]).ends(&mut world).await;
    assert!(denied.code == 15 && denied.err.contains("AWS gives no web identity token"), "{denied:?}");
    world.everything_is_read();
    world.finish().await;
}
