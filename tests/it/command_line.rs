//! The commands for people beside `jit run`: signing in, asking, looking, fetching credentials, giving back.

use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::harness::{
    World,
    cli::{Shell, WHO, python},
    minutes, state,
};

#[tokio::test]
async fn somebody_signs_in_and_out() {
    let mut world = World::today(|config| config).await;
    let [requester] = world.people(["requester"]);
    let shell = Shell::of(&mut world, &requester).await;
    let kept = shell.file("state/jit/sessions.json");
    assert_eq!(std::fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);

    let who = shell.start(["whoami"]).ends(&mut world).await;
    assert!(who.out.contains("(U0REQUESTER), signed in until"), "{who:?}");
    let who = shell.start(["whoami", "--output", "json"]).ends(&mut world).await;
    let who: Value = serde_json::from_str(&who.out).unwrap();
    assert_eq!((&who["kind"], &who["id"]), (&"person".into(), &"U0REQUESTER".into()));

    let token: Value = serde_json::from_slice(&std::fs::read(&kept).unwrap()).unwrap();
    let token = token["sessions"][world.url("")]["token"].as_str().unwrap().to_owned();
    let out = shell.start(["logout"]).ends(&mut world).await;
    assert!(out.code == 0 && out.out.contains("signed out"), "{out:?}");
    assert_eq!(shell.start(["whoami"]).ends(&mut world).await.code, 15);
    let call = reqwest::Client::new().get(world.url("/v1/whoami")).bearer_auth(token);
    assert_eq!(call.send().await.unwrap().status(), 401, "it is revoked, not only forgotten");
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn a_login_that_is_refused_is_none() {
    let mut world = World::today(|config| config).await;
    let [requester] = world.people(["requester"]);
    let shell = Shell::at(&world);
    let login = shell.start(["login"]);
    let code = world.login_code(&login).await;
    requester.types(&format!("/jit login {code}")).await;
    requester.clicks("It is not mine").await;
    let ended = login.ends(&mut world).await;
    assert!(ended.code == 15 && ended.err.contains("refused in Slack"), "{ended:?}");
    assert_eq!(shell.start(["whoami"]).ends(&mut world).await.code, 15);
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn somebody_asks_looks_and_gives_back() {
    let mut world = World::today(|config| config).await;
    let [requester, approver] = world.people(["requester", "approver"]);
    let shell = Shell::of(&mut world, &requester).await;
    let roles = shell.start(["roles"]).ends(&mut world).await;
    assert!(roles.out.contains("prod-deploy  Deploy to production"), "{roles:?}");
    let nothing = shell.start(["status"]).ends(&mut world).await;
    assert!(nothing.code == 0 && nothing.out.contains("you have no access"), "{nothing:?}");

    let asked =
        shell.start(["request", "prod-deploy", "--for", "30m", "--reason", "OPS-42", "--no-wait", "--output", "json"]);
    let asked = asked.ends(&mut world).await;
    assert_eq!(asked.code, 19, "never 0 without access: {asked:?}");
    let request: Value = serde_json::from_str(&asked.out).unwrap();
    let name = request["name"].as_str().unwrap().to_owned();
    let status = shell.start(["status", &name]).ends(&mut world).await;
    assert!(status.code == 19 && status.out.contains("waits for 1 approval"), "{status:?}");
    let impatient = shell.start(["wait", &name, "--timeout", "1s"]).ends(&mut world).await;
    assert_eq!(impatient.code, 19, "{impatient:?}");

    let wait = shell.start(["wait", &name, "--output", "json"]);
    world.decides(&wait, &approver, "Approve").await;
    let waited = wait.ends(&mut world).await;
    assert_eq!(waited.code, 0, "{waited:?}");
    let granted: Value = serde_json::from_str(&waited.out).unwrap();
    assert_eq!(granted["grant"]["state"], "active");
    let grant = granted["grant"]["name"].as_str().unwrap().to_owned();
    let status = shell.start(["status"]).ends(&mut world).await;
    assert!(status.out.contains(&format!("{grant} of prod-deploy is live until")), "{status:?}");

    let more = shell.start(["extend", &grant, "30m", "--reason", "it takes longer"]);
    world.says(&more, " waits for ").await;
    let lead = world.people(["lead"])[0].clone();
    world.decides(&more, &approver, "Approve").await;
    world.decides(&more, &lead, "Approve").await;
    let more = more.ends(&mut world).await;
    assert!(more.code == 0 && more.out.contains("is live until"), "{more:?}");

    let end = shell.start(["end", &grant]).ends(&mut world).await;
    assert!(end.code == 0 && end.out.contains("has ended"), "{end:?}");
    assert_eq!(state(&world.grant().await), "ended");
    let status = shell.start(["status", &grant]).ends(&mut world).await;
    assert_eq!(status.code, 14, "{status:?}");
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn a_request_is_withdrawn() {
    let mut world = World::today(|config| config).await;
    let [requester] = world.people(["requester"]);
    let shell = Shell::of(&mut world, &requester).await;
    let ask = shell.start(["request", "prod-deploy", "--for", "30m", "--reason", "OPS-42"]);
    world.says(&ask, " waits for ").await;
    let name = world.awaiting(&requester).await.code.request();
    let cancelled = shell.start(["cancel", &name]).ends(&mut world).await;
    assert!(cancelled.code == 0 && cancelled.out.contains("is withdrawn"), "{cancelled:?}");
    let asked = ask.ends(&mut world).await;
    assert!(asked.code == 17 && asked.err.contains("was withdrawn"), "{asked:?}");
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn the_aws_tools_fetch_credentials_through_a_profile() {
    let mut world = World::today(|config| config).await;
    let [requester, approver] = world.people(["requester", "approver"]);
    let mut shell = Shell::of(&mut world, &requester).await;
    let none = shell.start(["creds", "--role", "prod-deploy"]).ends(&mut world).await;
    assert!(none.code == 19 && none.err.contains("`jit request prod-deploy`") && none.out.is_empty(), "{none:?}");

    world.grants(&requester, &approver, "prod-deploy 30m fixing OPS-42").await;
    let profile =
        format!("[profile deploy]\ncredential_process = {} creds --role prod-deploy\n", env!("CARGO_BIN_EXE_jit"));
    std::fs::write(shell.file("config"), profile).unwrap();
    std::fs::write(shell.file("who.py"), WHO).unwrap();
    shell.environment.insert("AWS_CONFIG_FILE".into(), shell.file("config").display().to_string());
    shell.environment.insert("AWS_PROFILE".into(), "deploy".into());
    shell.environment.insert("AWS_DEFAULT_REGION".into(), "eu-west-1".into());
    let who = shell.spawn(&python(), &["who.py"]).ends(&mut world).await;
    assert!(who.out.starts_with("custom-process ASIA") && who.out.contains("/jit-"), "{who:?}");

    let env = shell.start(["env", "--role", "prod-deploy"]).ends(&mut world).await;
    assert!(env.code == 0 && env.out.contains("export AWS_SESSION_TOKEN='"), "{env:?}");
    let link = shell.start(["console", "--role", "prod-deploy"]).ends(&mut world).await;
    assert!(link.code == 0 && link.out.contains("SigninToken="), "without a desktop the link is printed: {link:?}");
    world.advance(minutes(30)).await;
    let over = shell.start(["creds", "--role", "prod-deploy"]).ends(&mut world).await;
    assert!(over.code == 19 && over.out.is_empty(), "{over:?}");
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn shells_complete_what_there_is() {
    let world = World::today(|config| config).await;
    let shell = Shell::at(&world);
    for name in ["bash", "zsh", "fish"] {
        let mut script = shell.start(["completions", name]);
        while !script.has_ended() {
            tokio::task::yield_now().await;
        }
        let script = script.over();
        assert!(script.code == 0 && script.out.contains("extend-up-to"), "{name}: {}", script.err);
    }
    world.finish().await;
}
