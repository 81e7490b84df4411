//! `kill -9` between any two steps of a grant in Azure: it is given once, and gone when it should be.

use crate::harness::{World, azure::story::things, hours, minutes, seconds, state};

/// How the story ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ends {
    ByItself,
    Late,
    Early,
    AfterMoreTime,
}

/// A grant of a role, a membership and a role of the directory, with a crash after so many steps. Answers `false` when it
/// was over before that.
async fn a_story_with_a_crash_after(steps: usize, ends: Ends) -> bool {
    let mut world = World::with_azure().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    world.crash_after(steps);
    let when = format!("after {steps} steps, {ends:?}");
    world.grants(&requester, &approver, "deploy-all 30m").await;
    world.advance(minutes(2)).await;
    assert_eq!(state(&world.grant().await), "active", "{when}");
    assert!(things().iter().all(|thing| world.azure.has(thing, "requester")), "{when}");
    let grant = world.grant().await;
    match ends {
        Ends::ByItself => world.advance(minutes(29)).await,
        Ends::Late => {
            world.advance(minutes(6)).await;
            world.ends(&requester, &grant).await;
        }
        Ends::Early => {
            world.ends(&requester, &grant).await;
            world.advance(minutes(4)).await;
        }
        Ends::AfterMoreTime => {
            let _ = world.told(&requester, &format!("/jit extend {} 30m", grant.code.grant())).await;
            world.settle().await;
            let _ = world.clicked(&approver, "Approve").await;
            world.advance(minutes(50)).await;
            assert!(things().iter().all(|thing| world.azure.has(thing, "requester")), "{when}");
            world.advance(minutes(10)).await;
        }
    }
    // a removal whose answer was lost counts only when Azure's lists agree
    world.advance(minutes(6)).await;
    assert!(!things().iter().any(|thing| world.azure.has(thing, "requester")), "{when}");
    assert_eq!(state(&world.grant().await), "ended", "{when}");
    assert_eq!(world.azure.schedules().len(), 3, "each is assigned once, {when}");
    world.advance(hours(1)).await;
    assert_eq!(world.mended().await, [], "{when}");
    assert_eq!(world.screen("alerts"), "", "{when}");
    let has_crashed = world.has_crashed();
    world.is_over().await;
    has_crashed
}

/// Crashes after one step in ten, from `first` on; with `JIT_EVERY_STEP` set, after each step there is.
async fn many_steps(first: usize, ends: Ends) {
    let stride = if std::env::var_os("JIT_EVERY_STEP").is_some() { 1 } else { 10 };
    let mut steps = (first % stride..).step_by(stride);
    loop {
        let some: Vec<usize> = steps.by_ref().take(8).collect();
        let stories = some.iter().map(|steps| a_story_with_a_crash_after(*steps, ends));
        let have_crashed = futures::future::join_all(stories).await;
        if have_crashed.contains(&false) {
            assert!(some.iter().any(|steps| *steps > 40), "a story has more steps than {some:?}");
            return;
        }
    }
}

#[tokio::test]
async fn a_crash_between_any_steps_of_a_grant_that_runs_out() {
    many_steps(0, Ends::ByItself).await;
}

#[tokio::test]
async fn a_crash_between_any_steps_of_a_grant_that_is_ended() {
    many_steps(1, Ends::Late).await;
}

#[tokio::test]
async fn a_crash_between_any_steps_of_a_grant_that_is_ended_before_azure_lets_it() {
    many_steps(2, Ends::Early).await;
}

#[tokio::test]
async fn a_crash_between_any_steps_of_a_grant_that_gets_more_time() {
    many_steps(3, Ends::AfterMoreTime).await;
}

/// The answer is on its way when the process dies.
#[tokio::test]
async fn what_azure_did_before_the_crash_is_found() {
    use crate::harness::azure::Fault;
    for (name, thing) in ["deploy", "oncall", "helpdesk"].into_iter().zip(things()) {
        for fault in [Fault::DropAfter, Fault::FailAfter] {
            let mut world = World::with_azure().await;
            let [requester, approver] = world.people(["requester", "approver"]);
            world.azure.fail("AdminAssign", 1, fault.clone());
            world.grants(&requester, &approver, &format!("{name} 2h")).await;
            world.restart().await;
            world.advance(minutes(2)).await;
            assert_eq!(state(&world.grant().await), "active", "{name} {fault:?}");
            assert_eq!(world.azure.asked("AdminAssign"), 1, "{name} {fault:?}");
            world.advance(minutes(10)).await;
            world.azure.fail("AdminRemove", 1, fault);
            approver.clicks("Revoke").await;
            world.settle().await;
            world.restart().await;
            world.advance(minutes(6)).await;
            let _ = world.private(&approver);
            assert!(!world.azure.has(&thing, "requester"));
            assert_eq!(state(&world.grant().await), "ended", "{name}");
            world.advance(seconds(5)).await;
            world.is_over().await;
        }
    }
}
