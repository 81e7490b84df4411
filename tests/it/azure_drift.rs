//! What a sweep finds in Azure: what is missing is given again, what somebody else has given is told once and left alone,
//! and what lists have not heard of yet is no drift.

use jit::domain::audit::Drift;

use crate::harness::{
    World,
    azure::{Fault, Thing, directory::guid, story::things},
    hours, minutes, state,
};

#[tokio::test]
async fn what_was_taken_away_is_given_again_until_the_same_end() {
    for (name, thing) in ["deploy", "oncall", "helpdesk"].into_iter().zip(things()) {
        let mut world = World::with_azure().await;
        let [requester] = world.people(["requester"]);
        let grant = world.gets(&requester, &format!("{name} 2h")).await;
        world.advance(minutes(15)).await;
        world.azure.takes(&thing, "requester");
        world.advance(minutes(35)).await;
        assert!(world.azure.has(&thing, "requester"), "{name}");
        assert_eq!(world.mended().await, [Drift::Missing], "{name}");
        assert_eq!(world.azure.ends_at(&thing, "requester"), Some(grant.ends_at), "{name}");
        assert_eq!(state(&world.grant().await), "active");
        world.advance(hours(2)).await;
        assert!(!world.azure.has(&thing, "requester"));
        world.is_over().await;
    }
}

#[tokio::test]
async fn what_somebody_else_gives_is_told_once_and_stays() {
    for (name, thing) in ["deploy", "oncall", "helpdesk"].into_iter().zip(things()) {
        let mut world = World::with_azure().await;
        let [requester] = world.people(["requester"]);
        world.gets(&requester, &format!("{name} 4h")).await;
        world.advance(minutes(20)).await;
        let before = world.drifts().await.len();
        world.azure.stands(&thing, "lead");
        world.advance(minutes(80)).await;
        let drifts = world.drifts().await.split_off(before);
        assert_eq!(drifts, [Drift::Foreign], "{name}");
        assert!(world.azure.has(&thing, "lead"));
        world.advance(hours(4)).await;
        assert!(world.azure.has(&thing, "lead") && !world.azure.has(&thing, "requester"));
        world.is_over().await;
    }
}

#[tokio::test]
async fn what_comes_back_by_other_hands_once_it_was_gone_is_somebody_elses() {
    for (name, thing) in ["deploy", "oncall", "helpdesk"].into_iter().zip(things()) {
        let mut world = World::with_azure().await;
        let [requester] = world.people(["requester"]);
        let grant = world.gets(&requester, &format!("{name} 1h")).await;
        world.advance(minutes(10)).await;
        world.ends(&requester, &grant).await;
        world.advance(minutes(45)).await;
        world.azure.stands(&thing, "requester");
        world.advance(minutes(90)).await;
        assert!(world.azure.has(&thing, "requester"), "{name}: it is not ours");
        world.standing.extend(world.accesses().await.into_iter().map(|(access, _)| access.key));
        world.is_over().await;
    }
}

#[tokio::test]
async fn a_sweep_that_azure_does_not_answer_mends_nothing_and_comes_again() {
    let mut world = World::with_azure().await;
    let [requester] = world.people(["requester"]);
    let [contributor, ..] = things();
    world.gets(&requester, "deploy 4h").await;
    world.advance(minutes(20)).await;
    world.azure.fail("ListInstances", 1_000, Fault::Html503);
    world.azure.takes(&contributor, "requester");
    world.advance(minutes(40)).await;
    assert_eq!(world.mended().await, []);
    assert_eq!(state(&world.grant().await), "active");
    world.azure.heal();
    world.advance(minutes(40)).await;
    assert!(world.azure.has(&contributor, "requester"));
    world.advance(hours(4)).await;
    world.is_over().await;
}

#[tokio::test]
async fn a_list_with_many_pages_is_read_to_its_end() {
    let mut world = World::with_azure().await;
    let [requester] = world.people(["requester"]);
    let [contributor, ..] = things();
    for number in 0..25 {
        let name = format!("colleague-{number}");
        world.azure.add(crate::harness::azure::directory::Principal::user(&name));
        world.azure.stands(&contributor, &name);
    }
    world.gets(&requester, "deploy 2h").await;
    world.advance(minutes(90)).await;
    let drifts = world.drifts().await;
    assert!(drifts.iter().all(|drift| *drift == Drift::Foreign), "{drifts:?}");
    assert!(world.azure.has(&contributor, "requester"));
    assert_eq!(world.azure.asked("AdminAssign"), 1, "it was not taken for missing");
    world.advance(hours(1)).await;
    world.is_over().await;
}

#[tokio::test]
async fn what_is_opened_elsewhere_is_none_of_the_bots_business() {
    let mut world = World::with_azure().await;
    let [requester] = world.people(["requester"]);
    world.gets(&requester, "oncall 1h").await;
    let other = world.azure.group("other");
    world.azure.stands(&Thing::group(&other, "member"), "requester");
    world.advance(hours(2)).await;
    assert!(world.azure.has(&Thing::group(&other, "member"), "requester"));
    assert!(!world.azure.has(&Thing::group(&guid("oncall"), "member"), "requester"));
    assert_eq!(world.mended().await, []);
    world.is_over().await;
}
