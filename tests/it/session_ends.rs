//! When sessions really end that people opened through a permission set: what approvers and holders are told of it.

use crate::harness::{World, aws::Fault, minutes, state};

#[tokio::test]
async fn everybody_is_told_when_sessions_really_end() {
    let (mut world, ..) = World::with_sessions("PT2H", false).await;
    let [requester, approver] = world.people(["requester", "approver"]);
    requester.types("/jit request db-admin 30m fixing OPS-42").await;
    world.settle().await;
    let _ = world.private(&requester);
    insta::assert_snapshot!(world.screen("requests"), @r"
    jit:
      @requester asks for *db-admin* for *30m*
      Why: fixing OPS-42
      1 approval needed from @oncall or @approver
      To be decided by 2026-11-21 13:00:00 UTC
      Sessions opened in the AWS access portal may run on for up to 2h after the end.
      [Approve] [Deny]
      REQ-CODE · rule 1 of db-admin: 1 approval · asked 2026-11-21 12:00:00 UTC
    ");

    approver.clicks("Approve").await;
    world.settle().await;
    let _ = world.private(&approver);
    insta::assert_snapshot!(world.dm(&requester), @r"
    jit:
      *db-admin* is *live* until 2026-11-21 12:30:00 UTC.
      Sessions opened in the AWS access portal may run on for up to 2h after the end.
      The access is simply there: there are no credentials to fetch.
      [End now]
      GRANT-CODE · approved by @approver
    ");

    let click = requester.clicks("End now").await;
    insta::assert_snapshot!(click.confirmation().unwrap(), @"End now: The access ends now. What another live grant covers too stays open until that one ends. Sessions opened in the AWS access portal may run on for up to 2h after the end. [End now]");
    world.settle().await;
    let _ = world.private(&requester);
    assert_eq!(state(&world.grant().await), "ended");
    insta::assert_snapshot!(world.dm(&requester), @r"
    jit:
      *db-admin* has *ended* on 2026-11-21 12:00:00 UTC: @requester gave it back.
      Sessions opened in the AWS access portal may run until 2026-11-21 14:00:00 UTC.
      GRANT-CODE · approved by @approver
    ");
    insta::assert_snapshot!(world.screen("requests"), @r"
    jit:
      @requester asks for *db-admin* for *30m*
      Why: fixing OPS-42
      *Approved* by @approver on 2026-11-21 12:00:00 UTC
      GRANT-CODE has *ended* on 2026-11-21 12:00:00 UTC: @requester gave it back
      Sessions opened in the AWS access portal may run until 2026-11-21 14:00:00 UTC.
      REQ-CODE · rule 1 of db-admin: 1 approval · asked 2026-11-21 12:00:00 UTC
    ");
    world.glance();
    world.finish().await;
}

#[tokio::test]
async fn nothing_is_said_of_sessions_that_are_cut_off() {
    let (mut world, ..) = World::with_sessions("PT2H", true).await;
    let [requester, approver] = world.people(["requester", "approver"]);
    world.grants(&requester, &approver, "db-admin 30m fixing OPS-42").await;
    let click = requester.clicks("End now").await;
    let question = click.confirmation().unwrap().to_owned();
    assert!(question.contains("The access ends now, and sessions that are running are cut off."), "{question}");
    world.advance(minutes(2)).await;
    assert_eq!(state(&world.grant().await), "ended");
    world.advance(minutes(150)).await;
    let texts = [world.screen("requests"), world.dm(&requester), world.private(&requester), question].concat();
    assert!(!texts.contains("may run"), "{texts}");
    world.glance();
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn while_aws_does_not_answer_the_longest_session_is_assumed() {
    let (mut world, ..) = World::with_sessions("PT2H", false).await;
    let [requester, approver] = world.people(["requester", "approver"]);
    world.cloud.fail("DescribePermissionSet", 9, Fault::Html503);
    requester.types("/jit request db-admin 30m fixing OPS-42").await;
    world.advance(minutes(1)).await;
    let _ = world.private(&requester);
    let card = world.screen("requests");
    assert!(card.contains("may run on for up to 12h after the end."), "{card}");
    world.cloud.heal();
    approver.clicks("Approve").await;
    world.settle().await;
    let card = world.screen("requests");
    assert!(card.contains("may run on for up to 2h after the end."), "{card}");
    world.advance(minutes(31)).await;
    assert!(world.screen("requests").contains("may run until 2026-11-21 14:3"), "{}", world.screen("requests"));
    world.glance();
    world.everything_is_read();
    world.finish().await;
}
