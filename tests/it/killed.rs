//! The bot is killed between any two steps of telling Slack something, and nothing is lost or said twice.

use jit::playground::workspace::{Fault, Times};

use crate::harness::{World, minutes};

const ASK: &str = "/jit request prod-deploy 30m fixing OPS-42";

/// Lets jobs run until Slack has been called by `method`, and kills the bot while it waits for the answer.
async fn killed_during(world: &mut World, method: &str, fault: Fault) {
    world.slack.fault(method, fault, Times::UntilCleared);
    let (worker, before) = (world.worker(), world.count_calls(method));
    let work = tokio::spawn(async move { worker.run_due().await });
    while world.count_calls(method) == before {
        tokio::task::yield_now().await;
    }
    work.abort();
    let _ = work.await;
    world.restart().await;
    world.slack.clear_faults();
}

/// Nothing is missing on anybody's screen, and nothing stands there twice.
async fn all_is_told_once(world: &World) {
    let [requester] = world.people(["requester"]);
    for channel in [world.slack.channel("requests"), requester.dm()] {
        let count = channel.messages().len();
        assert!(count <= 1, "{count} messages in {}", channel.id());
    }
    let screen = world.screen("audit");
    for event in world.trail().await {
        let mark = format!("· #{} seal", event.seq);
        assert_eq!(screen.matches(&mark).count(), 1, "{mark} in\n{screen}");
    }
}

#[tokio::test]
async fn right_after_the_command() {
    let mut world = World::start().await;
    let [requester] = world.people(["requester"]);
    world.told(&requester, ASK).await;
    world.restart().await;
    world.settle().await;
    assert!(world.screen("requests").contains("[Approve]"));
    all_is_told_once(&world).await;
    world.finish().await;
}

#[tokio::test]
async fn while_a_message_is_being_posted() {
    for fault in [Fault::Hang, Fault::HangAfterWork] {
        let mut world = World::start().await;
        let [requester, approver] = world.people(["requester", "approver"]);
        world.told(&requester, ASK).await;
        killed_during(&mut world, "chat.postMessage", fault.clone()).await;
        world.settle().await;
        all_is_told_once(&world).await;
        approver.clicks("Approve").await;
        killed_during(&mut world, "chat.postMessage", fault).await;
        world.settle().await;
        assert!(world.screen("requests").contains("is *live*") && world.dm(&requester).contains("is *live*"));
        all_is_told_once(&world).await;
        world.glance();
        world.finish().await;
    }
}

#[tokio::test]
async fn while_a_card_is_being_updated() {
    for fault in [Fault::Hang, Fault::HangAfterWork] {
        let mut world = World::start().await;
        let [requester, approver] = world.people(["requester", "approver"]);
        world.told(&requester, ASK).await;
        world.settle().await;
        approver.clicks("Approve").await;
        killed_during(&mut world, "chat.update", fault).await;
        world.settle().await;
        assert!(world.screen("requests").contains("is *live*") && world.dm(&requester).contains("is *live*"));
        all_is_told_once(&world).await;
        world.glance();
        world.finish().await;
    }
}

#[tokio::test]
async fn while_it_looks_for_a_message_that_may_stand() {
    let mut world = World::start().await;
    let [requester] = world.people(["requester"]);
    world.told(&requester, ASK).await;
    killed_during(&mut world, "chat.postMessage", Fault::HangAfterWork).await;
    killed_during(&mut world, "conversations.history", Fault::Hang).await;
    world.advance(minutes(1)).await;
    all_is_told_once(&world).await;
    world.glance();
    world.finish().await;
}

#[tokio::test]
async fn again_and_again() {
    let mut world = World::start().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    world.told(&requester, ASK).await;
    for _ in 0..3 {
        killed_during(&mut world, "chat.postMessage", Fault::Hang).await;
    }
    world.settle().await;
    assert!(world.clicked(&approver, "Approve").await.contains("last approval needed"));
    world.restart().await;
    world.advance(minutes(30)).await;
    assert!(world.screen("requests").contains("has *ended*"));
    all_is_told_once(&world).await;
    world.glance();
    world.finish().await;
}
