//! AWS fails at access that it does not end by itself: while it is given, while it is taken away, and in between. Whatever
//! happens, no grant says that it is live without access, and no access is left without a grant.

use std::time::Duration;

use futures::future::join_all;
use jit::provider::aws::Tuning;

use crate::harness::{
    World,
    aws::{Cloud, Fault, Slow, center_story::MEMBER},
    estate::{Estate, GIVING, TAKING},
    hours, minutes, seconds, state,
};

const CREATE: &str = "CreateAccountAssignment";
const DELETE: &str = "DeleteAccountAssignment";

/// A call that fails has failed for now: nothing is repeated behind the bot's back, and nothing is waited for long.
fn impatient() -> Tuning {
    Tuning { attempts: 1, attempt_timeout: Duration::from_millis(900), ..Cloud::tuning() }
}

async fn world() -> (World, Estate) {
    let world = World::tuned(impatient(), |config| config).await;
    let estate = Estate::of(&world).await;
    (world, estate)
}

/// What may pass: for Identity Center, and for IAM.
fn passing_faults() -> Vec<(Fault, Fault)> {
    let busy = Fault::Refuse { status: 409, code: "EntityTemporarilyUnmodifiable", message: "" };
    let broken = Fault::Refuse { status: 500, code: "InternalServerException", message: "" };
    let faults =
        [broken, Fault::Html503, Fault::FailAfter, Fault::DropAfter, Fault::Twice, Fault::Hang, Fault::HangAfter];
    let mut faults: Vec<_> = faults.into_iter().map(|fault| (fault.clone(), fault)).collect();
    faults.extend([(Fault::CONFLICT, busy), (Fault::TOO_MANY, Fault::THROTTLING)]);
    faults
}

fn fail(world: &World, actions: &[&str; 3], times: usize, (center, iam): &(Fault, Fault)) {
    world.fail_all(&actions[..1], times, center);
    world.fail_all(&actions[1..], times, iam);
}

/// Some seconds pass one by one, and at no moment does a grant say what is not so.
async fn watch(world: &mut World, count: i64) {
    for _ in 0..count {
        world.advance(seconds(1)).await;
        world.nothing_is_pretended().await;
    }
}

/// Several stories at a time: they mostly wait for moto.
async fn side_by_side<F: Future<Output = ()>>(stories: impl IntoIterator<Item = F>) {
    let mut stories = stories.into_iter();
    loop {
        let some: Vec<F> = stories.by_ref().take(5).collect();
        if some.is_empty() {
            return;
        }
        join_all(some).await;
    }
}

async fn over(mut world: World) {
    world.settle().await;
    world.the_cloud_agrees().await;
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn whatever_happens_while_access_is_given_it_is_there_in_the_end_and_goes_in_time() {
    side_by_side(passing_faults().into_iter().map(|fault| async move {
        let (mut world, _) = world().await;
        let [requester, approver] = world.people(["requester", "approver"]);
        fail(&world, &GIVING, 2, &fault);
        world.grants(&requester, &approver, "incident 30m").await;
        watch(&mut world, 8).await;
        world.cloud.heal();
        world.advance(minutes(5)).await;
        assert_eq!(state(&world.grant().await), "active", "{fault:?}");
        world.the_cloud_agrees().await;
        world.advance(minutes(27)).await;
        assert_eq!(state(&world.grant().await), "ended", "{fault:?}");
        over(world).await;
    }))
    .await;
}

#[tokio::test]
async fn whatever_happens_while_access_is_taken_away_it_is_gone_in_the_end() {
    side_by_side(passing_faults().into_iter().map(|fault| async move {
        let (mut world, _) = world().await;
        let [requester, approver] = world.people(["requester", "approver"]);
        world.grants(&requester, &approver, "incident 30m").await;
        world.advance(minutes(1)).await;
        assert_eq!(state(&world.grant().await), "active", "{fault:?}");
        fail(&world, &TAKING, 2, &fault);
        approver.clicks("Revoke").await;
        watch(&mut world, 8).await;
        world.cloud.heal();
        world.advance(minutes(5)).await;
        assert_eq!(state(&world.grant().await), "ended", "{fault:?}");
        world.the_cloud_agrees().await;
        world.advance(hours(2)).await;
        over(world).await;
    }))
    .await;
}

/// The holder has what they need, or gives up waiting, while AWS is still failing at giving it.
#[tokio::test]
async fn what_is_ended_while_it_is_being_given_does_not_come_later() {
    side_by_side(passing_faults().into_iter().map(|fault| async move {
        let (mut world, _) = world().await;
        let [requester, approver] = world.people(["requester", "approver"]);
        fail(&world, &GIVING, 2, &fault);
        world.grants(&requester, &approver, "incident 30m").await;
        watch(&mut world, 1).await;
        approver.clicks("Revoke").await;
        watch(&mut world, 3).await;
        world.cloud.heal();
        world.advance(minutes(20)).await;
        assert_eq!(state(&world.grant().await), "ended", "{fault:?}");
        over(world).await;
    }))
    .await;
}

/// Nothing comes of the grant in its whole time, and what AWS was asked for comes true when it is over.
#[tokio::test]
async fn what_comes_too_late_is_found_and_taken_away() {
    side_by_side([Fault::Hang, Fault::HangAfter].map(|fault| async move {
        let (mut world, _) = world().await;
        let [requester, approver] = world.people(["requester", "approver"]);
        fail(&world, &GIVING, 4, &(fault.clone(), fault.clone()));
        world.grants(&requester, &approver, "incident 1m").await;
        world.advance(seconds(62)).await;
        world.cloud.heal();
        world.advance(minutes(30)).await;
        let grant = world.grant().await;
        assert!(["failed", "ended"].contains(&state(&grant)), "{fault:?}: {:?}", grant.state);
        over(world).await;
    }))
    .await;
}

#[tokio::test]
async fn an_assignment_that_takes_its_time_is_live_when_aws_says_so_and_gone_when_aws_says_so() {
    let (mut world, estate) = world().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    let slow = Slow { polls: 2, lasts: seconds(20), fails: None };
    world.cloud.slow(CREATE, 1, slow);
    world.cloud.slow(DELETE, 1, slow);
    world.grants(&requester, &approver, "db-admin 30m").await;
    watch(&mut world, 18).await;
    assert_eq!(state(&world.grant().await), "applying");
    let told = estate.tidy(&world.dm(&requester));
    insta::assert_snapshot!(told, @r"
    jit:
      *db-admin* was approved by @approver, and is *not there yet*. I keep trying until 2026-11-21 12:30:00 UTC.
      AWS is assigning permission set SET-1 in account 444455556666
      GRANT-CODE · approved by @approver
    ");
    world.advance(seconds(30)).await;
    assert_eq!(state(&world.grant().await), "active");
    world.advance(minutes(30) - seconds(43)).await;
    watch(&mut world, 18).await;
    assert_eq!(state(&world.grant().await), "ending");
    assert_eq!(estate.held(&world.cloud).await, [true, false, false]);
    world.advance(seconds(30)).await;
    assert_eq!(state(&world.grant().await), "ended");
    assert_eq!(estate.held(&world.cloud).await, [false; 3]);
    over(world).await;
}

#[tokio::test]
async fn what_aws_says_has_failed_is_tried_again_and_given_up_after_three_times() {
    let (mut world, estate) = world().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    let fails = Slow { polls: 1, fails: Some("Received a 500 status error"), ..Slow::default() };
    world.cloud.slow(CREATE, 2, fails);
    world.cloud.slow(DELETE, 2, fails);
    world.grants(&requester, &approver, "db-admin 30m").await;
    world.advance(minutes(2)).await;
    assert_eq!(state(&world.grant().await), "active");
    world.advance(minutes(30)).await;
    assert_eq!(state(&world.grant().await), "ended");
    world.the_cloud_agrees().await;

    world.cloud.slow(CREATE, 3, fails);
    world.grants(&requester, &approver, "db-admin 30m").await;
    world.advance(minutes(2)).await;
    assert_eq!(state(&world.grant().await), "failed");
    let dm = estate.tidy(&world.dm(&requester));
    assert!(dm.contains("could not assign permission set SET-1 in account 444455556666: Received a 500"), "{dm}");
    over(world).await;
}

#[tokio::test]
async fn what_the_trail_cannot_take_is_said_by_nobody_and_ends_in_time_all_the_same() {
    let (mut world, estate) = world().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    requester.types("/jit request incident 30m").await;
    world.settle().await;
    approver.clicks("Approve").await;
    // somebody has written an event in the place of the next one, so that it cannot be added
    world.sql("update audit_head set seq = seq - 1").await;
    watch(&mut world, 10).await;
    assert_eq!(estate.held(&world.cloud).await, [true, false, true], "it is given");
    assert_eq!(says(&world).await, "applying", "but nobody says so");
    world.sql("update audit_head set seq = seq + 1").await;
    world.advance(minutes(5)).await;
    assert_eq!(says(&world).await, "active");
    assert!(world.asked_aws(CREATE) == 1 && world.screen("audit").contains("*live* until"));

    world.sql("update audit_head set seq = seq - 1").await;
    world.advance(minutes(30)).await;
    assert_eq!(estate.held(&world.cloud).await, [false; 3]);
    assert_eq!(says(&world).await, "active", "nobody can say that it has ended");
    world.sql("update audit_head set seq = seq + 1").await;
    world.advance(minutes(6)).await;
    assert_eq!(says(&world).await, "ended");
    over(world).await;
}

/// What the newest grant says of itself, without a look at the trail.
async fn says(world: &World) -> &'static str {
    state(&world.accesses().await.pop().expect("an access").1)
}

#[tokio::test]
async fn two_approvals_in_the_same_second_are_two_grants_and_one_assignment() {
    for slow in [false, true] {
        let (mut world, estate) = world().await;
        let [requester, approver] = world.people(["requester", "approver"]);
        if slow {
            world.cloud.slow(CREATE, 1, Slow { polls: 3, ..Slow::default() });
        }
        for ask in ["db-admin 30m", "incident 1h"] {
            requester.types(&format!("/jit request {ask}")).await;
        }
        world.settle().await;
        let cards = world.slack.channel("requests").messages();
        for card in &cards {
            approver.clicks_on(card, "Approve").await;
        }
        watch(&mut world, 20).await;
        assert!(world.all_grants().await.iter().all(|grant| state(grant) == "active"));
        assert_eq!(world.asked_aws(CREATE), 1);
        world.the_cloud_agrees().await;
        world.advance(minutes(30)).await;
        assert_eq!(estate.held(&world.cloud).await, [true, false, true], "the longer one covers it");
        world.the_cloud_agrees().await;
        world.advance(minutes(31)).await;
        assert_eq!(estate.held(&world.cloud).await, [false; 3]);
        over(world).await;
    }
}

#[tokio::test]
async fn a_crash_between_a_create_and_its_confirmation_is_made_good() {
    for (fault, slow) in [(Some(Fault::DropAfter), false), (Some(Fault::DropAfter), true), (None, true)] {
        for ended in [false, true] {
            let (mut world, _) = world().await;
            let [requester, approver] = world.people(["requester", "approver"]);
            if slow {
                world.cloud.slow(CREATE, 1, Slow { lasts: seconds(10), ..Slow::default() });
            }
            if let Some(fault) = &fault {
                world.fail_all(&GIVING, 1, fault);
            }
            world.grants(&requester, &approver, "incident 30m").await;
            world.restart().await;
            if ended {
                approver.clicks("Revoke").await;
            }
            watch(&mut world, 20).await;
            world.restart().await;
            world.advance(minutes(5)).await;
            assert_eq!(state(&world.grant().await), if ended { "ended" } else { "active" }, "{fault:?} {slow}");
            assert_eq!(world.asked_aws(CREATE), 1, "it is found, not made again");
            world.the_cloud_agrees().await;
            world.advance(minutes(26)).await;
            over(world).await;
        }
    }
}

#[tokio::test]
async fn a_revoke_waits_for_the_assignment_that_is_under_way_and_takes_it_back() {
    let (mut world, estate) = world().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    world.cloud.slow(CREATE, 1, Slow { lasts: seconds(40), ..Slow::default() });
    world.grants(&requester, &approver, "db-admin 30m").await;
    watch(&mut world, 2).await;
    approver.clicks("Revoke").await;
    watch(&mut world, 30).await;
    assert_eq!(state(&world.grant().await), "ending", "AWS is still at it");
    assert_eq!(world.asked_aws(DELETE), 0);
    let card = estate.tidy(&world.screen("requests"));
    assert!(card.contains("AWS is still assigning permission set SET-1 in account 444455556666"), "{card}");
    world.advance(minutes(1)).await;
    assert_eq!(state(&world.grant().await), "ended");
    assert_eq!(world.cloud.assigned(MEMBER, &estate.sets[0]).await.len(), 0);
    world.advance(hours(1)).await;
    over(world).await;
}

#[tokio::test]
async fn a_process_that_was_away_for_a_day_takes_away_all_that_ran_out() {
    let (mut world, estate) = world().await;
    let [requester, approver, lead] = world.people(["requester", "approver", "lead"]);
    for (holder, ask) in [
        (&requester, "incident 30m"),
        (&requester, "db-admin 1h"),
        (&lead, "db-both 2h"),
        (&lead, "admins 30m"),
        (&requester, "outage 8h"),
    ] {
        world.grants(holder, &approver, ask).await;
        world.advance(seconds(20)).await;
    }
    world.the_cloud_agrees().await;
    requester.types("/jit request admins 30m nobody looks").await;
    // one of them is being taken away at that moment
    world.cloud.slow(DELETE, 1, Slow { polls: 1, ..Slow::default() });
    lead.clicks("End now").await;
    world.settle().await;
    world.kill().await;
    world.clock.advance(hours(24));
    assert_eq!(estate.held(&world.cloud).await, [true; 3], "AWS ends none of it");
    world.restart().await;
    world.advance(minutes(1)).await;
    assert_eq!(estate.held(&world.cloud).await, [false; 3]);
    assert!(world.all_grants().await.iter().all(|grant| state(grant) == "ended"));
    over(world).await;
}
