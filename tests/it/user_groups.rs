//! Approvers who are named through a Slack user group.

use jit::playground::workspace::{Fault, Group, Person, Times};

use crate::harness::{World, minutes, seconds};

const ASK: &str = "/jit request prod-deploy 30m fixing OPS-42";
const MEMBERS: &str = "usergroups.users.list";

/// Asks, and lets `approver` click Approve on the new card.
async fn decides(world: &mut World, requester: &Person, approver: &Person) -> String {
    world.told(requester, ASK).await;
    world.settle().await;
    world.clicked(approver, "Approve").await
}

#[tokio::test]
async fn members_of_the_group_decide_and_slack_is_asked_every_five_minutes() {
    let mut world = World::start().await;
    let [requester, oncall] = world.people(["requester", "oncall1"]);
    for (pause, expected) in [(seconds(0), 1), (seconds(299), 1), (seconds(2), 2), (minutes(1), 2)] {
        world.advance(pause).await;
        let answer = decides(&mut world, &requester, &oncall).await;
        assert!(answer.contains("last approval needed"), "{answer}");
        assert_eq!(world.count_calls(MEMBERS), expected, "after {pause}");
    }
    world.glance();
    world.finish().await;
}

#[tokio::test]
async fn nobody_is_asked_about_people_who_are_named() {
    let mut world = World::start().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    world.slack.fault(MEMBERS, Fault::ServerError, Times::UntilCleared);
    assert!(decides(&mut world, &requester, &approver).await.contains("last approval needed"));
    assert_eq!(world.count_calls(MEMBERS), 0);
    world.glance();
    world.finish().await;
}

#[tokio::test]
async fn a_group_that_changes_is_asked_about_anew() {
    let mut world = World::start().await;
    let [requester, oncall, outsider] = world.people(["requester", "oncall1", "outsider"]);
    assert!(decides(&mut world, &requester, &oncall).await.contains("last approval needed"));
    world.slack.add_group(Group::of("oncall", ["outsider"]));
    let event = r#"{"type":"event_callback","team_id":"T0ACME","event_id":"Ev1","event":{"type":"subteam_members_changed",
        "subteam_id":"S0ONCALL","team_id":"T0ACME","added_users":["U0OUTSIDER"],"removed_users":["U0ONCALL1"]}}"#;
    assert_eq!(world.slack_sends("application/json", event).await.0, 200);
    insta::assert_snapshot!(decides(&mut world, &requester, &oncall).await, @"REQ-CODE is not for you to decide. @oncall or @approver may.");
    assert!(world.clicked(&outsider, "Approve").await.contains("last approval needed"));
    assert_eq!(world.count_calls(MEMBERS), 2);
    world.glance();
    world.finish().await;
}

#[tokio::test]
async fn a_change_that_slack_did_not_tell_counts_after_five_minutes() {
    let mut world = World::start().await;
    let [requester, oncall] = world.people(["requester", "oncall1"]);
    assert!(decides(&mut world, &requester, &oncall).await.contains("last approval needed"));
    world.slack.add_group(Group::of("oncall", ["lead"]));
    world.advance(minutes(5) + seconds(1)).await;
    assert!(decides(&mut world, &requester, &oncall).await.contains("not for you to decide"));
    world.glance();
    world.finish().await;
}

#[tokio::test]
async fn while_slack_does_not_say_who_is_in_the_group_nobody_has_rights_through_it() {
    let mut world = World::start().await;
    let [requester, oncall, outsider] = world.people(["requester", "oncall1", "outsider"]);
    for fault in
        [Fault::ServerError, Fault::RateLimited { retry_after: 30 }, Fault::refuse("no_such_subteam"), Fault::Hang]
    {
        world.slack.fault(MEMBERS, fault, Times::UntilCleared);
        let answer = decides(&mut world, &requester, &oncall).await;
        insta::allow_duplicates! {
            insta::assert_snapshot!(answer, @"I could not ask Slack who is in the user group that this depends on, so I did nothing. Please try again.");
        }
        world.clicked(&outsider, "Approve").await;
        assert!(world.told(&oncall, ASK).await.starts_with("I could not ask Slack"));
        assert!(world.newest_fact().await.subject().is_some_and(|about| about.grant.is_none()));
        world.slack.clear_faults();
        let answer = world.clicked(&oncall, "Approve").await;
        assert!(answer.contains("last approval needed"), "{answer}");
        world.advance(minutes(61)).await;
    }
    world.glance();
    world.expects_refused.push("no_such_subteam");
    world.finish().await;
}

#[tokio::test]
async fn an_answer_of_the_last_hour_counts_while_slack_is_down() {
    let mut world = World::start().await;
    let [requester, oncall] = world.people(["requester", "oncall1"]);
    assert!(decides(&mut world, &requester, &oncall).await.contains("last approval needed"));
    world.slack.fault(MEMBERS, Fault::ServerError, Times::UntilCleared);
    world.advance(minutes(59)).await;
    assert!(decides(&mut world, &requester, &oncall).await.contains("last approval needed"));
    world.advance(minutes(2)).await;
    assert!(decides(&mut world, &requester, &oncall).await.starts_with("I could not ask Slack"));
    world.glance();
    world.finish().await;
}
