//! Access that does not move: when people are told, how often, and what they can do.

use crate::harness::{
    World,
    aws::{Fault, Slow},
    hours, minutes, state,
};

#[tokio::test]
async fn a_crash_right_after_an_alarm_raises_no_second_one() {
    let (mut world, user, group) = World::with_admins().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    world.grants(&requester, &approver, "admins 30m fixing OPS-42").await;
    world.cloud.fail("RemoveUserFromGroup", 1_000, Fault::ACCESS_DENIED);
    world.advance(minutes(32)).await;
    assert_eq!(world.screen("alerts").matches("*Stuck").count(), 1);
    // as if the process had died between the alarm and the note when to raise the next
    for _ in 0..3 {
        world.sql("update job set run_at = 0 where kind = 'raise_alarm'").await;
        world.restart().await;
        world.settle().await;
    }
    assert_eq!(world.screen("alerts").matches("*Stuck").count(), 1);
    world.advance(minutes(16)).await;
    assert_eq!(world.screen("alerts").matches("*Stuck").count(), 2, "and the next comes in its time");
    world.cloud.heal();
    world.cloud.leave(&user, &group).await;
    world.advance(minutes(10)).await;
    assert_eq!(world.screen("alerts").matches("*Resolved*").count(), 2);
    world.glance();
    world.finish().await;
}

#[tokio::test]
async fn what_cut_sessions_off_and_cannot_be_cleared_away_raises_an_alarm() {
    let mut world = World::start().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    world.grants(&requester, &approver, "prod-deploy 30m fixing OPS-42").await;
    let _ = world.claims(&requester).await;
    approver.clicks("Revoke").await;
    world.settle().await;
    assert_eq!(world.cloud.inline_policies(&world.role_arn).await.len(), 1);
    world.cloud.fail("DeleteRolePolicy", 1_000, Fault::ACCESS_DENIED);
    let mut alarm = String::new();
    while alarm.is_empty() {
        world.advance(minutes(1)).await;
        alarm = world.screen("alerts");
    }
    assert_eq!(state(&world.grant().await), "ended");
    insta::assert_snapshot!(alarm, @r"
    jit:
      *Stuck*: what cut off sessions of @requester to *prod-deploy* cannot be cleared away. GRANT-CODE, which is over: nobody has access by it.
      `arn:aws:iam::123456789012:role/prod-deploy` · stuck since 2026-11-21 13:06:31 UTC
      a deny policy that is of no more use cannot be removed from arn:aws:iam::123456789012:role/prod-deploy: sts:TagSession is not allowed. Allow iam:DeleteRolePolicy on this role to the bot, or to the role in aws.revoker_role_arn (AWS request id f0f0f0f0-1111-2222-3333-444444444444)
      I keep trying. What I find is told here.
      [Retry now] [I removed it by hand]
    ");
    assert_eq!(world.metric("jit_accesses_stuck").await, "jit_accesses_stuck 1");

    world.cloud.heal();
    let _ = world.private(&approver);
    let answer = world.clicked(&approver, "Retry now").await;
    assert!(answer.starts_with("I ask the cloud about GRANT-CODE now."), "{answer}");
    assert!(world.cloud.inline_policies(&world.role_arn).await.is_empty());
    assert!(world.screen("alerts").contains("*Resolved*"));
    assert_eq!(world.metric("jit_accesses_stuck").await, "jit_accesses_stuck 0");
    world.glance();
    world.finish().await;
}

#[tokio::test]
async fn a_removal_that_aws_fails_at_again_and_again_raises_an_alarm() {
    let (mut world, db) = World::with_db_admin().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    world.grants(&requester, &approver, "db-admin 30m fixing OPS-42").await;
    world.advance(minutes(1)).await;
    world.cloud.slow(
        "DeleteAccountAssignment",
        1_000,
        Slow { fails: Some("Received a 500 status error"), ..Slow::default() },
    );
    world.advance(minutes(30)).await;
    assert_eq!(world.screen("alerts"), "", "not at the first failure");
    world.advance(minutes(4)).await;
    let alarm = world.screen("alerts").replace(&db.set, "SET").replace(db.set.rsplit('/').next().unwrap(), "ps-SET");
    insta::assert_snapshot!(alarm, @r"
    jit:
      *Stuck*: access of @requester to *db-admin* will not go away. GRANT-CODE, which was to end 2026-11-21 12:30:00 UTC.
      `444455556666|SET` · stuck since 2026-11-21 12:31:08 UTC
      AWS could not remove permission set ps-SET in account 444455556666: Received a 500 status error; it is tried again
      I keep trying. What I find is told here.
      [Retry now] [I removed it by hand]
    ");
    world.cloud.heal();
    world.advance(minutes(6)).await;
    assert!(world.cloud.assigned(db.account, &db.set).await.is_empty());
    assert_eq!(state(&world.grant().await), "ended");
    assert!(world.screen("alerts").contains("*Resolved*"));
    world.glance();
    world.finish().await;
}

#[tokio::test]
async fn a_removal_that_never_ends_raises_an_alarm_ten_minutes_past_the_end() {
    let (mut world, db) = World::with_db_admin().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    world.grants(&requester, &approver, "db-admin 30m fixing OPS-42").await;
    world.advance(minutes(1)).await;
    world.cloud.slow("DeleteAccountAssignment", 1, Slow { lasts: minutes(25), ..Slow::default() });
    world.advance(minutes(38)).await;
    assert_eq!(world.screen("alerts"), "");
    world.advance(minutes(2)).await;
    let alarm = world.screen("alerts");
    assert!(alarm.contains("*Stuck*: access of @requester to *db-admin* will not go away."), "{alarm}");
    assert!(alarm.contains("AWS is removing permission set"), "{alarm}");
    world.advance(minutes(16)).await;
    assert!(world.cloud.assigned(db.account, &db.set).await.is_empty());
    assert!(world.screen("alerts").contains("*Resolved*"));
    world.glance();
    world.finish().await;
}

#[tokio::test]
async fn sessions_that_are_meant_to_run_out_raise_no_alarm() {
    let mut world = World::start().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    world.grants(&requester, &approver, "sandbox 2h").await;
    let _ = world.claims(&requester).await;
    requester.clicks("End now").await;
    world.advance(hours(3)).await;
    assert_eq!(state(&world.grant().await), "ended");
    assert_eq!(world.screen("alerts"), "");
    world.glance();
    world.finish().await;
}

#[tokio::test]
async fn what_is_missing_and_cannot_be_given_again_raises_an_alarm() {
    let (mut world, user, group) = World::with_admins().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    world.grants(&requester, &approver, "admins 2h fixing OPS-42").await;
    world.cloud.leave(&user, &group).await;
    world.cloud.fail("AddUserToGroup", 1_000, Fault::ACCESS_DENIED);
    world.advance(minutes(17)).await;
    let alarm = world.screen("alerts");
    assert!(alarm.contains("*Stuck*: access of @requester to *admins* does not come. GRANT-CODE"), "{alarm}");
    assert!(alarm.contains("[Retry now]") && !alarm.contains("by hand]"), "{alarm}");
    assert_eq!(state(&world.grant().await), "active");
    world.cloud.heal();
    let _ = world.clicked(&approver, "Retry now").await;
    assert!(world.cloud.members(&group).await.contains(&user));
    assert!(world.screen("alerts").contains("*Resolved*"));
    world.advance(hours(2)).await;
    assert!(world.cloud.members(&group).await.is_empty());
    world.glance();
    world.finish().await;
}
