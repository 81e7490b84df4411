//! `jit run`: somebody's command gets what was approved, while it runs and no longer.

use jit::ambient::{Clock, SystemClock};

use crate::harness::{
    World,
    aws::Fault,
    azure::story::things,
    cli::{Ended, Shell, WHO, python},
    minutes,
    roles::membership,
    state,
};

const WAIT_FOR_GO: &str = "while [ -e \"$HOME\" ] && [ ! -e go ]; do sleep 0.05; done";

#[tokio::test]
async fn an_sdk_finds_credentials_and_they_are_gone_afterwards() {
    let mut world = World::today(|config| config).await;
    let [requester, approver] = world.people(["requester", "approver"]);
    let mut shell = Shell::of(&mut world, &requester).await;
    for (name, value) in [("AWS_ACCESS_KEY_ID", "AKIAOLD"), ("AWS_SECRET_ACCESS_KEY", "old"), ("AWS_PROFILE", "old")] {
        shell.environment.insert(name.to_owned(), value.to_owned());
    }
    std::fs::create_dir(shell.file(".aws")).unwrap();
    let old = "[default]\naws_access_key_id = AKIAOLDER\naws_secret_access_key = old\n";
    std::fs::write(shell.file(".aws/credentials"), old).unwrap();
    std::fs::write(shell.file("who.py"), WHO).unwrap();
    let python = python();
    let script =
        format!("env > env; '{0}' who.py > who; {WAIT_FOR_GO}; echo to standard output; exit 7", python.display());
    let run = shell.run(&["--for", "30m"], &script);
    world.decides(&run, &approver, "Approve").await;
    let who = world.written(&run, &shell.file("who")).await;
    let [method, key, arn] = who.split(' ').collect::<Vec<_>>()[..] else { panic!("{who}") };
    assert_eq!(method, "container-role");
    assert!(arn.contains(":assumed-role/prod-deploy") && arn.contains("/jit-"), "{arn}");
    assert!(world.works(key).await, "{key} is worth something while the command runs");
    let environment = std::fs::read_to_string(shell.file("env")).unwrap();
    assert!(!environment.contains("AKIAOLD") && !environment.contains("AWS_PROFILE"), "{environment}");
    assert!(
        environment.contains("AWS_REGION=eu-west-1\n") && environment.contains("JIT_GRANT=GRANT-"),
        "{environment}"
    );

    std::fs::write(shell.file("go"), "").unwrap();
    let Ended { code, out, err } = run.ends(&mut world).await;
    assert_eq!((code, out.as_str()), (7, "to standard output\n"), "{err}");
    assert!(!world.works(key).await, "{key} is worth nothing any more");
    assert_eq!(state(&world.grant().await), "ended");
    let told = world.tidy(&regex::Regex::new(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d").unwrap().replace_all(&err, "TIME"));
    // Whether somebody gets to see that the cloud is opening it is a matter of milliseconds.
    let told: Vec<&str> = told.lines().filter(|line| !line.contains("the cloud is opening it")).collect();
    insta::assert_snapshot!(told.join("\n"), @r"
    jit: REQ-CODE asks for prod-deploy for 30m
    jit: REQ-CODE waits for 1 approval from S0ONCALL or U0APPROVER since TIME UTC (it lapses TIME UTC)
    jit: GRANT-CODE of prod-deploy is live until TIME UTC
    jit: GRANT-CODE of prod-deploy has ended
    ");
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn credentials_can_be_variables() {
    let mut world = World::today(|config| config).await;
    let [requester, approver] = world.people(["requester", "approver"]);
    let shell = Shell::of(&mut world, &requester).await;
    std::fs::write(shell.file("who.py"), WHO).unwrap();
    let run = shell.run(&["--for", "30m", "--env"], &format!("'{}' who.py", python().display()));
    world.decides(&run, &approver, "Approve").await;
    let Ended { code, out, err } = run.ends(&mut world).await;
    assert_eq!(code, 0, "{err}");
    assert!(out.starts_with("env ASIA"), "{out}");
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn a_grant_that_lives_is_used_and_given_back() {
    let mut world = World::today(|config| config).await;
    let [requester, approver] = world.people(["requester", "approver"]);
    let shell = Shell::of(&mut world, &requester).await;
    world.grants(&requester, &approver, "prod-deploy 30m fixing OPS-42").await;
    let ended = shell.run(&["--for", "20m"], "echo done").ends(&mut world).await;
    assert_eq!((ended.code, ended.out.as_str()), (0, "done\n"), "{ended:?}");
    assert!(ended.err.contains("lives already"), "{ended:?}");
    assert_eq!((world.all_grants().await.len(), state(&world.grant().await)), (1, "ended"));

    world.grants(&requester, &approver, "prod-deploy 30m fixing OPS-43").await;
    let ended = shell.run(&["--keep"], "echo done").ends(&mut world).await;
    assert!(ended.err.contains("is left as it is"), "{ended:?}");
    assert_eq!(state(&world.grant().await), "active", "--keep leaves it alone");
    world.advance(minutes(30)).await;
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn a_revocation_stops_the_command() {
    let mut world = World::today(|config| config).await;
    let [requester, approver] = world.people(["requester", "approver"]);
    let shell = Shell::of(&mut world, &requester).await;
    let script = "trap 'echo asked to end; exit 3' TERM; echo up > up; while [ -e \"$HOME\" ]; do sleep 0.05; done";
    let run = shell.run(&["--for", "30m"], script);
    world.decides(&run, &approver, "Approve").await;
    world.written(&run, &shell.file("up")).await;
    approver.clicks("Revoke").await;
    let Ended { code, out, err } = run.ends(&mut world).await;
    assert_eq!((code, out.as_str()), (14, "asked to end\n"), "{err}");
    assert!(err.contains("is over: ") && err.contains("revoked it"), "{err}");
    let _ = approver.private();
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn who_does_not_end_is_killed_and_gets_no_credentials_any_more() {
    let mut world = World::today(|config| config).await;
    let [requester, approver] = world.people(["requester", "approver"]);
    let shell = Shell::of(&mut world, &requester).await;
    let fetch = "
import os, sys, time, urllib.request, urllib.error
ask = urllib.request.Request(os.environ['AWS_CONTAINER_CREDENTIALS_FULL_URI'])
ask.add_header('Authorization', os.environ['AWS_CONTAINER_AUTHORIZATION_TOKEN'])
while os.path.exists(os.environ['HOME']):
    try:
        said = urllib.request.urlopen(ask).read().decode()
        open('up', 'w').write(said + '\\n')
    except urllib.error.HTTPError as error:
        print(error.code, error.read().decode(), flush=True)
        time.sleep(60)
    time.sleep(0.05)
";
    std::fs::write(shell.file("fetch.py"), fetch).unwrap();
    let script = format!("trap '' TERM; '{}' fetch.py", python().display());
    let run = shell.run(&["--for", "30m", "--grace", "2s"], &script);
    world.decides(&run, &approver, "Approve").await;
    let said = world.written(&run, &shell.file("up")).await;
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    let expires: jiff::Timestamp = said["Expiration"].as_str().unwrap().parse().unwrap();
    assert!(expires <= SystemClock.now() + minutes(7), "the leash is short: {expires}");
    approver.clicks("Revoke").await;
    let Ended { code, out, err } = run.ends(&mut world).await;
    assert_eq!(code, 14, "{err}");
    assert!(out.starts_with("403 ") && out.contains("\"code\":\"GrantRevoked\"") && out.contains("revoked"), "{out}");
    let _ = approver.private();
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn more_time_is_asked_for_before_the_end() {
    let mut world =
        World::today(|config| config.replace("max_duration = \"2h\"", "max_duration = \"2h\"\nmin_duration = \"1s\""))
            .await;
    let [requester, approver] = world.people(["requester", "approver"]);
    let shell = Shell::of(&mut world, &requester).await;
    let run = shell.run(&["--for", "20s", "--extend-up-to", "40s"], WAIT_FOR_GO);
    world.decides(&run, &approver, "Approve").await;
    world.says(&run, "is live until").await;
    let before = world.grant().await.ends_at;
    world.says(&run, "to last 40s in all").await;
    world.decides(&run, &approver, "Approve").await;
    world.says(&run, "the grant ends").await;
    assert!(world.grant().await.ends_at > before);
    std::fs::write(shell.file("go"), "").unwrap();
    let ended = run.ends(&mut world).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn when_it_cannot_be_taken_back_somebody_is_told() {
    let mut world = World::today(|config| config).await;
    let [requester, approver] = world.people(["requester", "approver"]);
    let shell = Shell::of(&mut world, &requester).await;
    let run = shell.run(&["--for", "30m"], "echo done");
    world.cloud.fail("PutRolePolicy", 1_000, Fault::ACCESS_DENIED);
    world.decides(&run, &approver, "Approve").await;
    let ended = run.ends(&mut world).await;
    assert_eq!((ended.code, ended.out.as_str()), (0, "done\n"), "{ended:?}");
    assert!(ended.err.contains("the cloud has not confirmed yet that it is closed"), "{ended:?}");
    world.cloud.heal();
    world.advance(minutes(31)).await;
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn access_that_is_simply_there_is_waited_for() {
    let mut world = World::today(|config| config).await;
    let [requester, approver] = world.people(["requester", "approver"]);
    let (user, group) = (world.cloud.user("breakglass").await, world.cloud.group("admins").await);
    world.add_role("admins", &[&membership(&user, &group)]).await;
    let shell = Shell::of(&mut world, &requester).await;
    let ready = "echo again >> tries; [ $(wc -l < tries) -ge 2 ]";
    let options = ["run", "--role", "admins", "--reason", "OPS-42", "--for", "30m", "--ready-cmd", ready, "--"];
    let run = shell.start_all(&[&options[..], &["sh", "-c", "cat tries; env > env"]].concat());
    world.decides(&run, &approver, "Approve").await;
    let Ended { code, out, err } = run.ends(&mut world).await;
    assert_eq!((code, out.as_str()), (0, "again\nagain\n"), "{err}");
    let environment = std::fs::read_to_string(shell.file("env")).unwrap();
    assert!(environment.contains("JIT_GRANT=") && !environment.contains("AWS_CONTAINER"), "{environment}");
    assert_eq!(state(&world.grant().await), "ended");
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn a_role_in_azure_is_simply_there_and_goes_when_azure_lets_it() {
    let mut world = World::today(|config| config).await;
    world.opens_azure().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    let [contributor, ..] = things();
    let shell = Shell::of(&mut world, &requester).await;
    let ready = "echo asked >> tries; [ $(wc -l < tries) -ge 2 ]";
    let options = ["run", "--role", "deploy", "--for", "30m", "--ready-cmd", ready, "--"];
    let run = shell.start_all(&[&options[..], &["sh", "-c", "cat tries; env > env"]].concat());
    world.decides(&run, &approver, "Approve").await;
    world.written(&run, &shell.file("tries")).await;
    assert!(world.azure.has(&contributor, "requester"), "it is the caller's own");
    let Ended { code, out, err } = run.ends(&mut world).await;
    assert_eq!((code, out.as_str()), (0, "asked\nasked\n"), "{err}");
    let environment = std::fs::read_to_string(shell.file("env")).unwrap();
    assert!(environment.contains("JIT_ROLE=deploy") && !environment.contains("AWS_CONTAINER"), "{environment}");
    assert!(environment.contains("AWS_SHARED_CREDENTIALS_FILE=/dev/null"), "{environment}");
    assert!(err.contains("five minutes"), "Azure removes nothing younger, and the user is told: {err}");
    assert_eq!(state(&world.grant().await), "ending");
    world.advance(minutes(6)).await;
    assert!(!world.azure.has(&contributor, "requester"));
    assert_eq!(state(&world.grant().await), "ended");
    world.everything_is_read();
    world.finish().await;
}
