//! Whose an access is: what the bot did not make it does not take away, and what it may be taking away it does not call
//! live.

use std::time::Duration;

use jiff::SignedDuration;
use jit::{
    ambient::Clock,
    domain::audit::Drift,
    provider::{Desired, ErrorKind, Made, Progress, Provider, Receipt},
};

use crate::harness::{
    World,
    aws::{
        Fault, Slow,
        center_story::{MEMBER, Story},
    },
    estate::Estate,
    minutes, seconds, state,
};

const CREATE: &str = "CreateAccountAssignment";
const DELETE: &str = "DeleteAccountAssignment";

fn lasts(time: i64) -> Slow {
    Slow { lasts: seconds(time), ..Slow::default() }
}

fn made(story: &Story, receipt: &Receipt) -> Made {
    story.aws.made(&story.target(MEMBER), receipt)
}

async fn world() -> (World, Estate) {
    let world = World::start().await;
    let estate = Estate::of(&world).await;
    (world, estate)
}

/// What is there in the end is somebody else's.
async fn over(mut world: World) {
    world.standing.extend(world.accesses().await.into_iter().map(|(access, _)| access.key));
    world.glance();
    world.finish().await;
}

#[tokio::test]
async fn what_aws_could_not_make_is_nobodys_to_take_away() {
    let story = Story::start().await;
    let fails = |reason| Slow { polls: 1, fails: Some(reason), ..Slow::default() };
    for reason in ["Received a 500 status error", "the user does not exist"] {
        story.cloud.slow(CREATE, 3, fails(reason));
        let mut access = story.access();
        let error = story.grant(&mut access).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Refused, "{error}");
        assert_eq!(made(&story, &access.work.receipt), Made::Nothing);
        story.cloud.heal();
        // an administrator does what the bot could not
        story.cloud.assign(MEMBER, &story.set, &story.user).await;
        story.revoke(&mut access).await.unwrap();
        assert!(story.is_assigned().await);
        story.cloud.unassign(MEMBER, &story.set, &story.user).await;
    }
    assert!(!story.calls().contains_key(DELETE));
}

#[tokio::test]
async fn a_creation_that_fails_while_it_is_being_taken_back_leaves_nothing_to_take_away() {
    let story = Story::start().await;
    story.cloud.slow(CREATE, 1, Slow { polls: 2, fails: Some("Received a 500 status error"), ..Slow::default() });
    let mut access = story.access();
    story.begin(&mut access).await.unwrap();
    story.revoke(&mut access).await.unwrap();
    assert_eq!(made(&story, &access.work.receipt), Made::Nothing);
    assert!(!story.calls().contains_key(DELETE));
}

#[tokio::test]
async fn somebody_who_is_faster_between_two_tries_gives_it_themselves() {
    let story = Story::start().await;
    story.cloud.slow(CREATE, 1, Slow { polls: 1, fails: Some("Received a 500 status error"), ..Slow::default() });
    let mut access = story.access();
    while !access.notes.last().is_some_and(|note| note.ends_with("it is tried again")) {
        let Progress::LookAgain { at, .. } = story.begin(&mut access).await.unwrap() else { panic!("too early") };
        story.clock.advance_to(at);
    }
    story.cloud.assign(MEMBER, &story.set, &story.user).await;
    let error = story.grant(&mut access).await.unwrap_err();
    assert!(error.message.contains("already, assigned by somebody else"), "{error}");
    story.revoke(&mut access).await.unwrap();
    assert!(story.is_assigned().await);
}

#[tokio::test]
async fn a_delete_that_was_not_heard_of_is_waited_for_before_the_next_grant_is_live() {
    for crash in [false, true] {
        let mut story = Story::start().await;
        let mut first = story.access();
        story.grant(&mut first).await.unwrap();
        story.cloud.slow(DELETE, 1, lasts(20));
        story.cloud.fail(DELETE, 1, Fault::DropAfter);
        let before = first.clone();
        assert_eq!(story.end(&mut first).await.unwrap_err().kind, ErrorKind::Ambiguous);
        if crash {
            // all that is left is what was written down before the call
            first = before;
            story.aws.removing(&first.work).add_to(&mut first.work.receipt.0);
            story.restart().await;
        }
        let mut second = story.access().beside(&first);
        story.grant(&mut second).await.unwrap();
        assert!(second.notes.iter().any(|note| note.ends_with("for an earlier grant")), "{:?}", second.notes);
        story.clock.advance(SignedDuration::from_mins(5));
        assert!(story.is_assigned().await);
        assert_eq!(story.calls()[CREATE], 2, "it was made anew");
    }
}

#[tokio::test]
async fn a_delete_that_reaches_aws_late_takes_nothing_from_the_next_grant() {
    let impatient = |tuning: &mut jit::provider::aws::Tuning| tuning.attempt_timeout = Duration::from_millis(1_500);
    let story = Story::with(|_| {}, impatient).await;
    let mut first = story.access();
    story.grant(&mut first).await.unwrap();
    story.cloud.fail(DELETE, 1, Fault::Hang);
    assert_eq!(story.end(&mut first).await.unwrap_err().kind, ErrorKind::Ambiguous);
    let mut renewed = story.access().beside(&first);
    let Progress::LookAgain { at, because, .. } = story.begin(&mut renewed).await.unwrap() else { panic!("too early") };
    assert!(because.ends_with("may still reach AWS"), "{because}");
    assert_eq!(at, story.clock.now() + seconds(60));
    // the first one sends another delete, which is answered, and knows that the hanging one may come all the same
    let waits = |progress| match progress {
        Progress::LookAgain { at, because, .. } if because.ends_with("may still reach AWS") => Some(at),
        _ => None,
    };
    let until = waits(story.end(&mut first).await.unwrap()).unwrap();
    assert!(!story.is_assigned().await);
    assert_eq!(until, story.clock.now() + seconds(60));
    story.clock.advance_to(until);
    story.revoke(&mut first).await.unwrap();
}

#[tokio::test]
async fn what_aws_still_lists_after_it_removed_it_is_not_live() {
    let story = Story::start().await;
    let mut first = story.access();
    story.grant(&mut first).await.unwrap();
    story.cloud.slow(DELETE, 1, Slow { polls: 1, ..Slow::default() });
    story.end(&mut first).await.unwrap();
    let mut second = story.access().beside(&first);
    // moto shows at once what is gone; AWS may take a while
    let list = "ListAccountAssignmentsForPrincipal";
    let stale = serde_json::json!({ "AccountAssignments": [{
        "AccountId": MEMBER, "PermissionSetArn": story.set, "PrincipalId": story.user, "PrincipalType": "USER",
    }] });
    story.cloud.fail(list, 2, Fault::Answer(stale.to_string()));
    story.grant(&mut second).await.unwrap();
    assert!(second.notes.iter().any(|note| note.ends_with("and lists it still")), "{:?}", second.notes);
    assert!(story.is_assigned().await);
    assert_eq!(story.calls()[CREATE], 2);
}

#[tokio::test]
async fn what_the_bot_may_not_remove_and_somebody_has_removed_is_gone() {
    let story = Story::start().await;
    let mut access = story.access();
    story.grant(&mut access).await.unwrap();
    story.cloud.fail(DELETE, usize::MAX, Fault::NOT_ALLOWED);
    assert_eq!(story.revoke(&mut access).await.unwrap_err().kind, ErrorKind::Denied);
    story.cloud.unassign(MEMBER, &story.set, &story.user).await;
    story.revoke(&mut access).await.unwrap();
}

#[tokio::test]
async fn whoever_is_refused_gives_their_turn_back() {
    let story = Story::start().await;
    story.cloud.slow(CREATE, 1, Slow { polls: 0, ..Slow::default() });
    let mut first = story.access();
    story.begin(&mut first).await.unwrap();
    let story = Story { set: story.cloud.permission_set("PT1H").await, ..story };
    let mut second = story.access();
    story.begin(&mut second).await.unwrap();
    // while it is its turn to look, the account is busy, and no more so when it is its turn to ask
    let found = story.aws.resolve(&second.work).await.unwrap();
    found.add_to(&mut second.work.receipt.0);
    story.grant(&mut first).await.unwrap();
    let until = second.work.now + SignedDuration::from_mins(30);
    let progress = story.aws.apply(&second.work, &Desired::Present { until }).await.unwrap();
    assert!(matches!(progress, Progress::LookAgain { .. }), "{progress:?}");
    // somebody else gives it meanwhile
    story.cloud.assign(MEMBER, &story.set, &story.user).await;
    story.begin(&mut second).await.unwrap_err();
    let story = Story { set: story.cloud.permission_set("PT1H").await, ..story };
    let mut third = story.access();
    story.begin(&mut third).await.unwrap();
    assert!(third.notes.is_empty(), "nobody stands in the way: {:?}", third.notes);
}

#[tokio::test]
async fn what_is_busy_is_looked_at_all_the_same_before_anybody_is_asked() {
    let story = Story::start().await;
    story.cloud.slow(CREATE, 1, Slow { polls: 0, ..Slow::default() });
    let (mut first, other) = (story.access(), story.cloud.permission_set("PT1H").await);
    story.begin(&mut first).await.unwrap();
    let story = Story { set: other, ..story };
    story.cloud.assign(MEMBER, &story.set, &story.user).await;
    let error = story.aws.resolve(&story.access().work).await.unwrap_err();
    assert!(error.message.contains("already, assigned by somebody else"), "{error}");
}

#[tokio::test]
async fn what_an_administrator_gives_after_a_grant_has_failed_or_ended_stays() {
    let (mut world, estate) = world().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    let fails = Slow { polls: 1, fails: Some("Received a 500 status error"), ..Slow::default() };
    world.cloud.slow(CREATE, 3, fails);
    world.cloud.fail("AddUserToGroup", usize::MAX, Fault::LIMIT_EXCEEDED);
    for role in ["db-admin 30m", "admins 30m"] {
        world.grants(&requester, &approver, role).await;
        world.advance(minutes(1)).await;
        assert_eq!(state(&world.grant().await), "failed", "{role}");
    }
    world.cloud.heal();
    world.cloud.assign(MEMBER, &estate.sets[0], &estate.users["U0REQUESTER"]).await;
    world.cloud.join(&estate.iam_user, &estate.group).await;
    world.advance(minutes(40)).await;
    assert_eq!(estate.held(&world.cloud).await, [true, false, true]);
    assert_eq!(world.drifts().await, [Drift::Foreign, Drift::Foreign], "it is told, and left alone");
    over(world).await;
}

#[tokio::test]
async fn a_removal_by_hand_counts_although_the_bot_may_not_remove() {
    let (mut world, estate) = world().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    world.grants(&requester, &approver, "incident 30m").await;
    for action in ["RemoveUserFromGroup", "DeleteUserPolicy"] {
        world.cloud.fail(action, usize::MAX, Fault::ACCESS_DENIED);
    }
    world.cloud.fail(DELETE, usize::MAX, Fault::NOT_ALLOWED);
    world.advance(minutes(33)).await;
    assert_eq!(state(&world.grant().await), "ending");
    world.cloud.unassign(MEMBER, &estate.sets[0], &estate.users["U0REQUESTER"]).await;
    world.cloud.leave(&estate.iam_user, &estate.group).await;
    let policies = world.cloud.user_policies(&estate.iam_user).await;
    for name in policies.keys() {
        world.cloud.take_policy(&estate.iam_user, name).await;
    }
    let _ = world.clicked(&approver, "I removed it by hand").await;
    world.settle().await;
    assert_eq!(state(&world.grant().await), "ended");
    over(world).await;
}
