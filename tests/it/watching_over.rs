//! Access that the bot itself has to take away: memberships of groups and assignments of permission sets. What is asked
//! of the cloud before people are bothered, what happens when access will not go away, and what a sweep mends.

use std::collections::BTreeSet;

use jit::{domain::audit::Drift, playground::workspace::Person};

use crate::harness::{World, aws::Fault, minutes, state};

fn people(world: &World) -> [Person; 2] {
    world.people(["requester", "approver"])
}

#[tokio::test]
async fn a_membership_is_given_and_taken_away_in_time() {
    let (mut world, user, group) = World::with_admins().await;
    let [requester, approver] = people(&world);
    world.grants(&requester, &approver, "admins 30m fixing OPS-42").await;
    assert_eq!(world.cloud.members(&group).await, BTreeSet::from([user]));
    world.advance(minutes(30)).await;
    assert!(world.cloud.members(&group).await.is_empty());
    assert_eq!(state(&world.grant().await), "ended");
    world.glance();
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn nobody_is_asked_to_approve_what_somebody_else_has_given_already() {
    let (mut world, user, group) = World::with_admins().await;
    let [requester, _] = people(&world);
    world.cloud.join(&user, &group).await;
    requester.types("/jit request admins 30m fixing OPS-42").await;
    world.settle().await;
    let _ = world.private(&requester);
    assert_eq!(world.screen("requests"), "");
    let dm = world.dm(&requester);
    assert!(dm.contains("was *denied* by the cloud") && dm.contains("already, and not by the bot"), "{dm}");
    world.advance(minutes(60)).await;
    assert_eq!(world.cloud.members(&group).await.len(), 1, "what somebody else has given is never taken away");
    world.glance();
    world.finish().await;
}

#[tokio::test]
async fn access_that_will_not_go_away_raises_an_alarm_until_it_does() {
    let (mut world, user, group) = World::with_admins().await;
    let [requester, approver] = people(&world);
    world.grants(&requester, &approver, "admins 30m fixing OPS-42").await;
    world.cloud.fail("RemoveUserFromGroup", 1_000, Fault::ACCESS_DENIED);
    world.advance(minutes(32)).await;
    let alarm = world.screen("alerts").replace(&user, "USER").replace(&group, "GROUP");
    insta::assert_snapshot!(alarm, @r"
    jit:
      *Stuck*: access of @requester to *admins* will not go away. GRANT-CODE, which was to end 2026-11-21 12:30:00 UTC.
      `group/GROUP|user/USER` · stuck since 2026-11-21 12:30:31 UTC
      AWS does not let the bot take away the membership of IAM user USER in IAM group GROUP, which lasts until somebody does: sts:TagSession is not allowed. Allow it to the bot, or to the role in aws.revoker_role_arn (AWS request id f0f0f0f0-1111-2222-3333-444444444444)
      I keep trying. What I find is told here.
      [Retry now] [I removed it by hand]
    ");
    assert_eq!(state(&world.grant().await), "ending");

    // told again in growing steps, and only the newest has buttons
    world.advance(minutes(80)).await;
    let alarms = world.screen("alerts");
    assert_eq!(alarms.matches("[Retry now]").count(), 1, "{alarms}");
    assert_eq!(alarms.matches("raised again below").count(), 2, "{alarms}");

    world.cloud.heal();
    let answer = world.clicked(&approver, "Retry now").await;
    assert!(answer.starts_with("I ask the cloud about GRANT-CODE now."), "{answer}");
    assert!(world.cloud.members(&group).await.is_empty());
    assert_eq!(state(&world.grant().await), "ended");
    assert_eq!(world.screen("alerts").matches("*Resolved*").count(), 3);
    world.glance();
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn nobodys_word_is_taken_for_a_removal_by_hand() {
    let (mut world, user, group) = World::with_admins().await;
    let [requester, approver] = people(&world);
    world.grants(&requester, &approver, "admins 30m fixing OPS-42").await;
    world.cloud.fail("RemoveUserFromGroup", 1_000, Fault::ACCESS_DENIED);
    world.advance(minutes(32)).await;
    let _ = world.clicked(&approver, "I removed it by hand").await;
    assert_eq!(state(&world.grant().await), "ending", "the cloud still has it");

    world.cloud.heal();
    world.cloud.leave(&user, &group).await;
    let _ = world.clicked(&approver, "I removed it by hand").await;
    assert_eq!(state(&world.grant().await), "ended");
    let kinds: Vec<String> = world.trail().await.into_iter().map(|event| event.kind).collect();
    assert_eq!(kinds.iter().filter(|kind| *kind == "stuck_looked_at").count(), 2);
    assert!(kinds.contains(&"access_unstuck".to_owned()));
    world.glance();
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn a_sweep_gives_back_what_is_missing_and_leaves_alone_what_is_not_ours() {
    let (mut world, user, group) = World::with_admins().await;
    let [requester, approver] = people(&world);
    world.grants(&requester, &approver, "admins 2h fixing OPS-42").await;
    world.cloud.leave(&user, &group).await;
    let stranger = world.cloud.user("stranger").await;
    world.cloud.join(&stranger, &group).await;
    world.advance(minutes(16)).await;
    assert_eq!(world.cloud.members(&group).await, BTreeSet::from([user, stranger.clone()]));
    assert_eq!(world.drifts().await, [Drift::Missing, Drift::Foreign]);

    // told once, and still there when all of ours is gone
    world.advance(minutes(150)).await;
    assert_eq!(world.cloud.members(&group).await, BTreeSet::from([stranger]));
    assert_eq!(world.drifts().await, [Drift::Missing, Drift::Foreign]);
    world.glance();
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn two_grants_of_the_same_thing_never_cut_each_other_off() {
    let (mut world, user, group) = World::with_admins().await;
    let [requester, approver] = people(&world);
    world.grants(&requester, &approver, "admins 30m fixing OPS-42").await;
    let first = world.grant().await.code.grant();
    world.advance(minutes(10)).await;
    world.grants(&requester, &approver, "admins 1h still fixing OPS-42").await;
    requester.types(&format!("/jit end {first}")).await;
    world.settle().await;
    assert_eq!(world.cloud.members(&group).await, BTreeSet::from([user.clone()]), "the second covers it");
    world.advance(minutes(59)).await;
    assert_eq!(world.cloud.members(&group).await, BTreeSet::from([user]));
    world.advance(minutes(2)).await;
    assert!(world.cloud.members(&group).await.is_empty());
    world.glance();
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn a_permission_set_is_assigned_and_taken_away_again() {
    let (mut world, db) = World::with_db_admin().await;
    let [requester, approver] = people(&world);
    world.grants(&requester, &approver, "db-admin 30m fixing OPS-42").await;
    world.advance(minutes(1)).await;
    assert_eq!(state(&world.grant().await), "active");
    assert_eq!(world.cloud.assigned(db.account, &db.set).await, std::slice::from_ref(&db.user));
    world.advance(minutes(31)).await;
    assert_eq!(state(&world.grant().await), "ended");
    assert!(world.cloud.assigned(db.account, &db.set).await.is_empty());
    world.glance();
    world.everything_is_read();
    world.finish().await;
}
