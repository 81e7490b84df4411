//! Access that the bot itself has to take away: memberships of groups and assignments of permission sets. What is asked
//! of the cloud before people are bothered, what happens when access will not go away, and what a sweep mends.

use std::collections::BTreeSet;

use jit::{
    domain::audit::{Drift, Fact},
    playground::workspace::Person,
};

use crate::harness::{World, aws::Fault, checks, minutes, state};

/// Where permission sets are assigned.
const ACCOUNT: &str = "444455556666";

/// A world with a role `admins`, which puts an IAM user into a group.
async fn with_admins() -> (World, String, String) {
    let world = World::start().await;
    let (user, group) = (world.cloud.user("breakglass").await, world.cloud.group("admins").await);
    let target = format!("type = \"aws-iam-group\"\nuser = \"{user}\"\ngroup = \"{group}\"");
    add_role(&world, "admins", &target).await;
    (world, user, group)
}

/// Adds a role with one target that one person of sre may approve.
async fn add_role(world: &World, name: &str, target: &str) {
    world.edit_config(|config| {
        format!(
            "{config}\n[[role]]\nname = \"{name}\"\nmax_duration = \"2h\"\n\n[[role.rule]]\napprovals = 1\napprovers = \
             [\"sre\"]\n\n[[role.target]]\n{target}\n"
        )
    });
    world.app.reload().await.unwrap();
}

fn people(world: &World) -> [Person; 2] {
    world.people(["requester", "approver"])
}

async fn drifts(world: &World) -> Vec<Drift> {
    let facts = checks::facts(&world.trail().await);
    facts
        .into_iter()
        .filter_map(|fact| if let Fact::DriftFound { what, .. } = fact { Some(what) } else { None })
        .collect()
}

#[tokio::test]
async fn a_membership_is_given_and_taken_away_in_time() {
    let (mut world, user, group) = with_admins().await;
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
    let (mut world, user, group) = with_admins().await;
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
    let (mut world, user, group) = with_admins().await;
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
    let (mut world, user, group) = with_admins().await;
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
    let (mut world, user, group) = with_admins().await;
    let [requester, approver] = people(&world);
    world.grants(&requester, &approver, "admins 2h fixing OPS-42").await;
    world.cloud.leave(&user, &group).await;
    let stranger = world.cloud.user("stranger").await;
    world.cloud.join(&stranger, &group).await;
    world.advance(minutes(16)).await;
    assert_eq!(world.cloud.members(&group).await, BTreeSet::from([user, stranger.clone()]));
    assert_eq!(drifts(&world).await, [Drift::Missing, Drift::Foreign]);

    // told once, and still there when all of ours is gone
    world.advance(minutes(150)).await;
    assert_eq!(world.cloud.members(&group).await, BTreeSet::from([stranger]));
    assert_eq!(drifts(&world).await, [Drift::Missing, Drift::Foreign]);
    world.glance();
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn two_grants_of_the_same_thing_never_cut_each_other_off() {
    let (mut world, user, group) = with_admins().await;
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

/// A world with a role `db-admin`, which assigns a permission set whose sessions last for `session` to the requester.
async fn with_permission_set(session: &str, cut_off_sessions: bool) -> (World, String, String) {
    let world = World::start().await;
    let [requester, _] = people(&world);
    let name = format!("requester-{}", world.role_arn.rsplit('/').next().unwrap());
    let user = world.cloud.directory_user(&name, None).await;
    let set = world.cloud.permission_set(session).await;
    world.edit_config(|config| {
        format!("{config}\n[[person]]\nslack = \"{}\"\naws_identity_center = \"{name}\"\n", requester.id())
    });
    let target = format!(
        "type = \"aws-identity-center\"\naccount = \"{ACCOUNT}\"\npermission_set_arn = \"{set}\"\ncut_off_sessions = \
         {cut_off_sessions}"
    );
    add_role(&world, "db-admin", &target).await;
    (world, user, set)
}

#[tokio::test]
async fn a_permission_set_is_assigned_and_taken_away_again() {
    let (mut world, user, set) = with_permission_set("PT1H", false).await;
    let [requester, approver] = people(&world);
    world.grants(&requester, &approver, "db-admin 30m fixing OPS-42").await;
    world.advance(minutes(1)).await;
    assert_eq!(state(&world.grant().await), "active");
    assert_eq!(world.cloud.assigned(ACCOUNT, &set).await, [user]);
    world.advance(minutes(31)).await;
    assert_eq!(state(&world.grant().await), "ended");
    assert!(world.cloud.assigned(ACCOUNT, &set).await.is_empty());
    world.glance();
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn everybody_is_told_when_sessions_really_end() {
    let (mut world, ..) = with_permission_set("PT2H", false).await;
    let [requester, approver] = people(&world);
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
    insta::assert_snapshot!(click.confirmation().unwrap(), @"End now: The access ends now. Sessions opened in the AWS access portal may run on for up to 2h after the end. [End now]");
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
    let (mut world, ..) = with_permission_set("PT2H", true).await;
    let [requester, approver] = people(&world);
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
    let (mut world, ..) = with_permission_set("PT2H", false).await;
    let [requester, approver] = people(&world);
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
