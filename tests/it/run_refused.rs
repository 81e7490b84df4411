//! `jit run`, when there is no access: each way of it has its own code, and the command is never started.

use crate::harness::{
    World,
    aws::Fault,
    cli::{Ended, Shell},
    hours, minutes, state,
};

/// Ends with this code and these words, and has run nothing.
#[track_caller]
fn refused(ended: &Ended, code: i32, words: &str) {
    assert_eq!((ended.code, ended.out.as_str()), (code, ""), "{}", ended.err);
    assert!(ended.err.contains(words), "`{words}` is missing in:\n{}", ended.err);
}

const RUN: &str = "echo must not run";

#[tokio::test]
async fn a_denial_is_10() {
    let mut world = World::today(|config| config).await;
    let [requester, approver] = world.people(["requester", "approver"]);
    let shell = Shell::of(&mut world, &requester).await;
    let run = shell.run(&["--for", "30m"], RUN);
    world.decides(&run, &approver, "Deny").await;
    refused(&run.ends(&mut world).await, 10, "was denied by");
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn a_lapse_is_11() {
    let mut world = World::today(|config| config).await;
    let [requester] = world.people(["requester"]);
    let shell = Shell::of(&mut world, &requester).await;
    let run = shell.run(&["--for", "30m"], RUN);
    world.says(&run, " waits for ").await;
    world.advance(hours(1)).await;
    refused(&run.ends(&mut world).await, 11, "nobody decided in time");
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn what_policy_refuses_is_12_and_names_the_rule() {
    let mut world = World::today(|config| config).await;
    let [requester] = world.people(["requester"]);
    let shell = Shell::of(&mut world, &requester).await;
    refused(&shell.run(&["--for", "3h"], RUN).ends(&mut world).await, 12, "2h");
    let unknown = shell.start(["run", "--role", "prod-deplo", "--", "echo", "must not run"]);
    refused(&unknown.ends(&mut world).await, 12, "prod-deploy");
    let reasonless = shell.start(["run", "--role", "prod-deploy", "--", "echo", "must not run"]);
    refused(&reasonless.ends(&mut world).await, 12, "reason");
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn what_the_cloud_does_not_open_is_16() {
    let mut world = World::today(|config| config).await;
    let [requester, approver] = world.people(["requester", "approver"]);
    let shell = Shell::of(&mut world, &requester).await;
    world.cloud.fail("AssumeRole", 1_000, Fault::ACCESS_DENIED);
    let run = shell.run(&["--for", "30m"], RUN);
    world.decides(&run, &approver, "Approve").await;
    world.advance(minutes(31)).await;
    refused(&run.ends(&mut world).await, 16, "could not be opened");
    world.cloud.heal();
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn a_server_that_is_away_is_13_at_each_step() {
    let mut world = World::today(|config| config).await;
    let [requester, approver] = world.people(["requester", "approver"]);
    let shell = Shell::of(&mut world, &requester).await;
    let run = shell.run(&["--for", "30m"], RUN);
    world.says(&run, " waits for ").await;
    world.kill().await;
    let begun = shell.run(&["--for", "30m"], RUN);
    let (waiting, begun) = (ends_alone(run).await, ends_alone(begun).await);
    world.restart().await;
    refused(&waiting, 13, "stands as it is");
    refused(&begun, 13, "cannot be reached");
    // Nobody waits for it; so what is approved all the same does not last.
    world.settle().await;
    approver.clicks("Approve").await;
    world.advance(minutes(3)).await;
    assert_eq!(state(&world.grant().await), "ended");
    let _ = approver.private();
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn a_server_that_goes_while_credentials_are_claimed_is_13_too() {
    let mut world = World::today(|config| config).await;
    let [requester, approver] = world.people(["requester", "approver"]);
    let shell = Shell::of(&mut world, &requester).await;
    world.grants(&requester, &approver, "prod-deploy 30m fixing OPS-42").await;
    let minted = |world: &World| world.cloud.actions().iter().filter(|action| *action == "AssumeRole").count();
    let before = minted(&world);
    world.cloud.fail("AssumeRole", 1, Fault::Hang);
    let run = shell.run(&["--for", "20m"], RUN);
    while minted(&world) == before {
        world.settle().await;
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    world.kill().await;
    let ended = ends_alone(run).await;
    world.cloud.heal();
    world.restart().await;
    refused(&ended, 13, "cannot be reached");
    // The command that used it is no more, so nothing is left of the grant either.
    world.advance(minutes(3)).await;
    assert_eq!(state(&world.grant().await), "ended");
    world.everything_is_read();
    world.finish().await;
}

async fn ends_alone(mut run: crate::harness::cli::Running) -> Ended {
    while !run.has_ended() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    run.over()
}

#[tokio::test]
async fn whoever_is_not_signed_in_is_15() {
    let mut world = World::today(|config| config).await;
    let shell = Shell::at(&world);
    refused(&shell.run(&[], RUN).ends(&mut world).await, 15, "`jit login`");
    refused(&shell.start(["whoami"]).ends(&mut world).await, 15, "`jit login`");
    world.finish().await;
}

#[tokio::test]
async fn wrong_words_are_2_and_a_missing_program_127() {
    let mut world = World::today(|config| config).await;
    let [requester, approver] = world.people(["requester", "approver"]);
    let shell = Shell::of(&mut world, &requester).await;
    refused(&shell.start(["run", "--role", "prod-deploy"]).ends(&mut world).await, 2, "<CMD>");
    let mut lost = Shell::at(&world);
    lost.environment.remove("JIT_SERVER");
    refused(&lost.start(["roles"]).ends(&mut world).await, 2, "JIT_SERVER");
    lost.environment.insert("JIT_SERVER".into(), "http://jit.example.com".into());
    refused(&lost.start(["roles"]).ends(&mut world).await, 2, "https://");
    let run = shell.start(["run", "--role", "prod-deploy", "--reason", "OPS-42", "--", "/no/such/program"]);
    world.decides(&run, &approver, "Approve").await;
    refused(&run.ends(&mut world).await, 127, "/no/such/program");
    assert_eq!(state(&world.grant().await), "ended");
    world.everything_is_read();
    world.finish().await;
}
