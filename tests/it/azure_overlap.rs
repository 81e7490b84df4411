//! Grants in Azure that share something: it is assigned once, its end follows whichever of them covers it longest, and it
//! is there exactly while one of them does.

use crate::harness::{
    World,
    azure::{Action, Fault, Slow, story::things},
    hours, minutes, seconds, state,
};

#[tokio::test]
async fn an_early_end_of_one_leaves_the_other_whichever_it_is() {
    for (first, second) in
        [("deploy 30m", "deploy-wide 1h"), ("deploy-wide 1h", "deploy 30m"), ("oncall 1h", "oncall 1h")]
    {
        for ends_first in [true, false] {
            let mut world = World::with_azure().await;
            let [requester] = world.people(["requester"]);
            let one = world.gets(&requester, first).await;
            world.advance(minutes(6)).await;
            let two = world.gets(&requester, second).await;
            world.advance(minutes(6)).await;
            world.the_cloud_agrees().await;
            let (ended, left) = if ends_first { (one, two) } else { (two, one) };
            world.ends(&requester, &ended).await;
            world.advance(minutes(5)).await;
            world.the_cloud_agrees().await;
            assert_eq!(state(&world.again(&left).await), "active", "{first}, {second}, {ends_first}");
            world.ends(&requester, &left).await;
            world.advance(seconds(30)).await;
            world.the_cloud_agrees().await;
            world.advance(hours(2)).await;
            assert_eq!(world.mended().await, [], "{first}, {second}, {ends_first}");
            world.is_over().await;
        }
    }
}

#[tokio::test]
async fn a_second_grant_goes_on_where_the_first_one_ends() {
    for name in ["deploy", "oncall", "helpdesk"] {
        let mut world = World::with_azure().await;
        let [requester] = world.people(["requester"]);
        world.gets(&requester, &format!("{name} 30m")).await;
        world.advance(minutes(20)).await;
        world.gets(&requester, &format!("{name} 1h")).await;
        for _ in 0..5 {
            world.advance(minutes(10)).await;
            world.the_cloud_agrees().await;
        }
        world.advance(minutes(12)).await;
        world.the_cloud_agrees().await;
        assert!(!things().iter().any(|thing| world.azure.has(thing, "requester")));
        assert_eq!(world.azure.asked("AdminAssign"), 1, "{name}: what is shared is assigned once");
        assert_eq!(world.mended().await, []);
        world.is_over().await;
    }
}

/// The longer grant ends early: Azure would let the assignment live on to the longer one's end, and the shorter one ends
/// before that.
#[tokio::test]
async fn what_the_longer_one_leaves_ends_with_the_shorter_one() {
    let mut world = World::with_azure().await;
    let [requester] = world.people(["requester"]);
    let [contributor, ..] = things();
    let long = world.gets(&requester, "deploy 4h").await;
    world.advance(minutes(6)).await;
    world.gets(&requester, "deploy-wide 30m").await;
    world.ends(&requester, &long).await;
    assert!(world.azure.has(&contributor, "requester"));
    world.advance(minutes(31)).await;
    assert!(!world.azure.has(&contributor, "requester"), "nobody covers it any more");
    world.is_over().await;
}

#[tokio::test]
async fn two_that_are_approved_at_once_share_it() {
    let mut world = World::with_azure().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    let [contributor, ..] = things();
    for ask in ["deploy 30m", "deploy-wide 1h"] {
        let _ = world.told(&requester, &format!("/jit request {ask}")).await;
        world.settle().await;
    }
    for card in world.slack.channel("requests").messages() {
        approver.clicks_on(&card, "Approve").await;
    }
    world.settle().await;
    let _ = (world.private(&approver), world.private(&requester));
    world.advance(minutes(3)).await;
    world.the_cloud_agrees().await;
    world.advance(minutes(35)).await;
    assert!(world.azure.has(&contributor, "requester"), "for an hour");
    world.advance(minutes(30)).await;
    world.is_over().await;
}

#[tokio::test]
async fn two_people_do_not_get_into_each_others_way() {
    let mut world = World::with_azure().await;
    let [requester, lead] = world.people(["requester", "lead"]);
    let [contributor, ..] = things();
    let one = world.gets(&requester, "deploy 1h").await;
    world.gets(&lead, "deploy 1h").await;
    world.advance(minutes(10)).await;
    world.ends(&requester, &one).await;
    assert!(!world.azure.has(&contributor, "requester") && world.azure.has(&contributor, "lead"));
    world.advance(hours(1)).await;
    world.is_over().await;
}

/// Azure says for a while after a removal that the assignment still exists.
#[tokio::test]
async fn what_was_just_removed_is_given_again_when_azure_lets_it() {
    for (name, thing) in ["deploy", "oncall", "helpdesk"].into_iter().zip(things()) {
        for pause in [0, 60, 150] {
            let mut world = World::with_azure().await;
            let [requester] = world.people(["requester"]);
            let grant = world.gets(&requester, &format!("{name} 1h")).await;
            world.advance(minutes(6)).await;
            world.ends(&requester, &grant).await;
            world.advance(seconds(pause)).await;
            world.gets(&requester, &format!("{name} 1h")).await;
            world.advance(minutes(4)).await;
            assert_eq!(state(&world.grant().await), "active", "{name} after {pause} s");
            assert!(world.azure.has(&thing, "requester"), "{name} after {pause} s");
            world.advance(hours(1)).await;
            assert!(!world.azure.has(&thing, "requester"));
            assert_eq!(world.screen("alerts"), "");
            world.is_over().await;
        }
    }
}

/// A grant is ended before minute five, and asked for again before Azure lets it go.
#[tokio::test]
async fn what_waits_for_its_removal_is_taken_over_by_the_next_grant() {
    let mut world = World::with_azure().await;
    let [requester] = world.people(["requester"]);
    let [contributor, ..] = things();
    let grant = world.gets(&requester, "deploy 1h").await;
    world.ends(&requester, &grant).await;
    assert_eq!(state(&world.grant().await), "ending");
    world.advance(minutes(2)).await;
    world.gets(&requester, "deploy 2h").await;
    world.advance(minutes(10)).await;
    assert_eq!(state(&world.again(&grant).await), "ended");
    assert_eq!(state(&world.grant().await), "active");
    world.advance(minutes(100)).await;
    assert!(world.azure.has(&contributor, "requester"));
    world.advance(minutes(20)).await;
    assert!(!world.azure.has(&contributor, "requester"));
    world.is_over().await;
}

/// The longer of two ends early, and soon after that the shorter one: what Azure was told for the longer one is not
/// forgotten with it, whatever became of the telling.
#[tokio::test]
async fn what_a_grant_that_is_over_knew_is_not_lost_with_it() {
    let slow = Slow { status: "PendingProvisioning", lasts: seconds(50), fails: None };
    for trouble in [None, Some(Fault::FailAfter)] {
        for is_slow in [false, true] {
            let mut world = World::with_azure().await;
            let [requester] = world.people(["requester"]);
            let [contributor, ..] = things();
            let shorter = world.gets(&requester, "deploy 30m").await;
            world.advance(minutes(20)).await;
            if let Some(fault) = trouble.clone() {
                world.azure.fail("AdminUpdate", 1, fault);
            }
            if is_slow {
                world.azure.slow(Action::Update, 1, slow);
            }
            let longer = world.gets(&requester, "deploy 1h").await;
            world.advance(minutes(2)).await;
            world.ends(&requester, &longer).await;
            world.advance(minutes(8)).await;
            let why = format!("{trouble:?}, slow: {is_slow}");
            assert_eq!(state(&world.again(&shorter).await), "ended", "{why}");
            assert!(!world.azure.has(&contributor, "requester"), "{why}");
            world.advance(hours(2)).await;
            assert_eq!(world.mended().await, [], "{why}");
            world.is_over().await;
        }
    }
}

/// Azure is still at the first request when a longer grant of the same is approved.
#[tokio::test]
async fn an_end_that_moves_while_azure_is_at_it_is_the_end_in_azure_too() {
    for fault in [None, Some(Fault::FailAfter)] {
        let mut world = World::with_azure().await;
        let [requester] = world.people(["requester"]);
        let [contributor, ..] = things();
        if let Some(fault) = fault.clone() {
            world.azure.fail("AdminAssign", 1, fault);
        } else {
            let slow = Slow { status: "PendingProvisioning", lasts: seconds(90), fails: None };
            world.azure.slow(Action::Assign, 1, slow);
        }
        world.gets(&requester, "deploy 30m").await;
        let longer = world.gets(&requester, "deploy 1h").await;
        world.advance(minutes(5)).await;
        assert_eq!(state(&world.again(&longer).await), "active");
        let ends_at = world.azure.ends_at(&contributor, "requester").unwrap();
        let late = ends_at.duration_since(longer.ends_at).abs();
        assert!(late <= seconds(10), "{fault:?}: {ends_at}, wanted {}", longer.ends_at);
        world.advance(hours(2)).await;
        world.is_over().await;
    }
}
