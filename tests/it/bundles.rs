//! Roles that open several things: given as a whole or not at all. When one of them cannot be given the others are taken
//! back, and the requester is told which it was and why.

use crate::harness::{
    World,
    aws::{Fault, Slow},
    estate::{Estate, GIVING, TAKING},
    hours, minutes, seconds, state,
};

async fn world() -> (World, Estate) {
    let world = World::start().await;
    let estate = Estate::of(&world).await;
    (world, estate)
}

async fn over(mut world: World) {
    world.settle().await;
    world.the_cloud_agrees().await;
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn all_of_it_comes_before_it_is_live_and_all_of_it_goes() {
    let (mut world, estate) = world().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    world.cloud.slow(GIVING[0], 1, Slow { lasts: seconds(30), ..Slow::default() });
    world.grants(&requester, &approver, "outage 30m").await;
    assert_eq!(state(&world.grant().await), "applying");
    assert!(!world.dm(&requester).contains("[Get credentials]"), "part of it is no access");
    world.advance(minutes(1)).await;
    assert_eq!(state(&world.grant().await), "active");
    assert_eq!(estate.held(&world.cloud).await, [false, true, true]);
    let (key, _) = world.claims(&requester).await;
    assert!(world.works(&key).await);
    approver.clicks("Revoke").await;
    world.advance(minutes(1)).await;
    assert_eq!(state(&world.grant().await), "ended");
    assert_eq!(estate.held(&world.cloud).await, [false; 3]);
    assert!(!world.works(&key).await);
    world.advance(hours(2)).await;
    over(world).await;
}

#[tokio::test]
async fn one_that_is_refused_undoes_the_others_and_is_named() {
    for (refused, call) in GIVING.into_iter().enumerate() {
        let (mut world, estate) = world().await;
        let [requester, approver] = world.people(["requester", "approver"]);
        // the others are there before it is refused
        world.cloud.fail(call, usize::MAX, Fault::THROTTLING);
        world.grants(&requester, &approver, "incident 30m").await;
        world.cloud.heal();
        world.cloud.slow(TAKING[0], 1, Slow { lasts: minutes(1), ..Slow::default() });
        world.cloud.fail(call, 1, Fault::NOT_ALLOWED);
        world.advance(seconds(20)).await;
        let dm = estate.tidy(&world.dm(&requester));
        let name =
            ["444455556666|SET-1: AWS", "group/GROUP|user/USER: AWS", "user/USER: IAM user USER cannot"][refused];
        assert!(dm.contains(&format!("*could not be granted*: {name}")), "{dm}");
        if refused == 1 {
            assert_eq!(state(&world.grant().await), "ending", "AWS takes its time");
            insta::assert_snapshot!(dm, @r"
            jit:
              *incident* was approved, but *could not be granted*: group/GROUP|user/USER: AWS does not let the bot put IAM user USER in IAM group GROUP: iam:AddUserToGroup is not allowed. Allow it to the bot, or to the role in aws.revoker_role_arn (AWS request id f0f0f0f0-1111-2222-3333-444444444444)
              It is given as a whole or not at all: what was opened of it is being closed again.
              AWS is removing permission set SET-1 in account 444455556666
              GRANT-CODE · approved by @approver
            ");
        }
        world.advance(minutes(2)).await;
        assert_eq!(state(&world.grant().await), "failed");
        assert_eq!(estate.held(&world.cloud).await, [false; 3]);
        let dm = estate.tidy(&world.dm(&requester));
        assert!(dm.contains("It is given as a whole or not at all: nothing of it is open."), "{dm}");
        if refused == 1 {
            insta::assert_snapshot!(dm, @r"
            jit:
              *incident* was approved, but *could not be granted*: group/GROUP|user/USER: AWS does not let the bot put IAM user USER in IAM group GROUP: iam:AddUserToGroup is not allowed. Allow it to the bot, or to the role in aws.revoker_role_arn (AWS request id f0f0f0f0-1111-2222-3333-444444444444)
              It is given as a whole or not at all: nothing of it is open.
              GRANT-CODE · approved by @approver
            ");
        }
        // once it is mended the same can be asked for again
        world.grants(&requester, &approver, "incident 30m").await;
        world.advance(minutes(1)).await;
        world.the_cloud_agrees().await;
        assert_eq!(state(&world.grant().await), "active");
        world.advance(minutes(31)).await;
        over(world).await;
    }
}

#[tokio::test]
async fn one_that_does_not_come_in_time_undoes_the_others_and_is_named() {
    let (mut world, estate) = world().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    world.cloud.fail(GIVING[1], usize::MAX, Fault::THROTTLING);
    world.grants(&requester, &approver, "incident 30m").await;
    world.advance(minutes(29)).await;
    assert_eq!(state(&world.grant().await), "applying");
    assert_eq!(estate.held(&world.cloud).await, [true, false, false]);
    let told = estate.tidy(&world.dm(&requester));
    insta::assert_snapshot!(told, @r"
    jit:
      *incident* was approved by @approver, and is *not there yet*. I keep trying until 2026-11-21 12:30:00 UTC.
      AWS gets too many calls to allow AddUserToGroup now (AWS request id f0f0f0f0-1111-2222-3333-444444444444)
      GRANT-CODE · approved by @approver
    ");
    world.advance(minutes(2)).await;
    assert_eq!(state(&world.grant().await), "failed");
    assert_eq!(estate.held(&world.cloud).await, [false; 3]);
    let told = estate.tidy(&world.dm(&requester));
    insta::assert_snapshot!(told, @r"
    jit:
      *incident* was approved, but *could not be granted*: its time was over before the cloud had confirmed all of it: group/GROUP|user/USER: AWS gets too many calls to allow AddUserToGroup now (AWS request id f0f0f0f0-1111-2222-3333-444444444444)
      It is given as a whole or not at all: nothing of it is open.
      GRANT-CODE · approved by @approver
    ");
    world.cloud.heal();
    over(world).await;
}

#[tokio::test]
async fn what_is_ended_half_way_is_closed_as_far_as_it_was_opened() {
    for by_holder in [true, false] {
        let (mut world, estate) = world().await;
        let [requester, approver] = world.people(["requester", "approver"]);
        world.cloud.fail(GIVING[1], usize::MAX, Fault::THROTTLING);
        world.grants(&requester, &approver, "incident 30m").await;
        world.advance(seconds(20)).await;
        assert_eq!(estate.held(&world.cloud).await, [true, false, false]);
        if by_holder {
            requester.types(&format!("/jit end {}", world.grant().await.code.grant())).await;
        } else {
            approver.clicks("Revoke").await;
        }
        world.advance(seconds(20)).await;
        assert_eq!(state(&world.grant().await), "ended");
        assert_eq!(estate.held(&world.cloud).await, [false; 3]);
        world.cloud.heal();
        world.advance(hours(1)).await;
        over(world).await;
    }
}

#[tokio::test]
async fn undoing_one_takes_nothing_from_another_grant() {
    let (mut world, estate) = world().await;
    let [requester, approver, lead] = world.people(["requester", "approver", "lead"]);
    world.grants(&requester, &approver, "db-admin 1h").await;
    world.grants(&lead, &approver, "admins 1h").await;
    world.advance(minutes(1)).await;
    // the user has no room for one more policy
    world.cloud.fail(GIVING[2], 1, Fault::LIMIT_EXCEEDED);
    world.grants(&requester, &approver, "incident 30m").await;
    world.advance(minutes(1)).await;
    let grants = world.all_grants().await;
    assert_eq!(grants.iter().map(state).collect::<Vec<_>>(), ["active", "active", "failed"]);
    assert_eq!(estate.held(&world.cloud).await, [true, false, true], "covered by the others");
    assert_eq!((world.asked_aws(TAKING[0]), world.asked_aws(TAKING[1])), (0, 0));
    let dm = estate.tidy(&world.dm(&requester));
    assert!(dm.contains("user/USER: the inline policies of IAM user USER have no room for one more"), "{dm}");
    world.advance(hours(1)).await;
    over(world).await;
}

/// A bundle with a crash after so many steps: one that is revoked, or one of which AWS refuses the group. Answers `false`
/// when it was over before that.
async fn with_a_crash_after(steps: usize, refused: bool) -> bool {
    let (mut world, estate) = world().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    for call in [GIVING[0], TAKING[0]] {
        world.cloud.slow(call, 1, Slow { polls: 1, ..Slow::default() });
    }
    if refused {
        world.cloud.fail(GIVING[1], usize::MAX, Fault::NOT_ALLOWED);
    }
    world.crash_after(steps);
    world.grants(&requester, &approver, "incident 30m").await;
    world.advance(minutes(1)).await;
    let expected = if refused { ("failed", [false; 3]) } else { ("active", [true, false, true]) };
    assert_eq!((state(&world.grant().await), estate.held(&world.cloud).await), expected, "after {steps} steps");
    if !refused {
        approver.clicks("Revoke").await;
        world.advance(minutes(2)).await;
        assert_eq!(state(&world.grant().await), "ended", "after {steps} steps");
    }
    world.the_cloud_agrees().await;
    let has_crashed = world.has_crashed();
    world.cloud.heal();
    over(world).await;
    has_crashed
}

/// After one step in eleven; with `JIT_EVERY_STEP` set, after each there is.
async fn many_steps(first: usize, refused: bool) {
    let stride = if std::env::var_os("JIT_EVERY_STEP").is_some() { 1 } else { 11 };
    let mut steps = (first % stride..).step_by(stride);
    loop {
        let some: Vec<usize> = steps.by_ref().take(8).collect();
        let stories = some.iter().map(|steps| with_a_crash_after(*steps, refused));
        let have_crashed = futures::future::join_all(stories).await;
        if have_crashed.contains(&false) {
            assert!(some.iter().any(|steps| *steps > 40), "a story has more steps than {some:?}");
            return;
        }
    }
}

#[tokio::test]
async fn a_crash_between_any_steps_of_a_bundle_that_is_revoked() {
    many_steps(0, false).await;
}

#[tokio::test]
async fn a_crash_between_any_steps_of_a_bundle_that_is_refused() {
    many_steps(3, true).await;
}
