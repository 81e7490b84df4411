//! Slack fails in every way it can: nothing is lost, nothing is said twice, and one channel does not wait for another.

use std::time::{Duration, Instant};

use jiff::SignedDuration;
use jit::playground::workspace::{Channel, Fault, Times};

use crate::harness::{World, minutes, seconds};

const ASK: &str = "/jit request prod-deploy 30m fixing OPS-42";
const POST: &str = "chat.postMessage";

/// How many messages stand in a channel.
fn standing(world: &World, channel: &str) -> usize {
    world.slack.channel(channel).messages().iter().filter(|message| !message.is_deleted).count()
}

/// Every event of the trail stands in the audit channel exactly once, in order.
async fn the_feed_is_complete(world: &World) {
    let screen = world.slack.channel("audit").screen();
    let told: Vec<i64> = regex::Regex::new(r"· #(\d+) [0-9a-f]{8}")
        .unwrap()
        .captures_iter(&screen)
        .map(|found| found[1].parse().unwrap())
        .collect();
    let events: Vec<i64> = world.trail().await.iter().map(|event| event.seq).collect();
    assert_eq!(told, events, "{screen}");
}

#[tokio::test]
async fn slack_is_left_alone_for_as_long_as_it_asks() {
    let mut world = World::start().await;
    let [requester] = world.people(["requester"]);
    world.slack.fault_in("requests", POST, Fault::RateLimited { retry_after: 30 }, Times::Next(1));
    world.told(&requester, ASK).await;
    world.told(&requester, "/jit request sandbox 1h").await;
    let begin = world.now();
    world.settle().await;
    the_feed_is_complete(&world).await;
    // The story's own clock from here: the world lets the last seconds of a short wait pass by itself.
    world.clock.advance_to(begin + seconds(30) - SignedDuration::from_micros(1));
    world.worker().run_due().await.unwrap();
    assert_eq!(standing(&world, "requests"), 0, "neither card disturbs the channel");
    world.clock.advance_to(begin + seconds(30));
    world.worker().run_due().await.unwrap();
    assert_eq!(standing(&world, "requests"), 1);
    world.advance(seconds(3)).await;
    assert_eq!(standing(&world, "requests"), 2);
    world.glance();
    world.finish().await;
}

#[tokio::test]
async fn what_fails_is_tried_again_and_channels_do_not_wait_for_each_other() {
    let mut world = World::start().await;
    let [requester] = world.people(["requester"]);
    for (down, works) in [("requests", "audit"), ("audit", "requests")] {
        let before = standing(&world, works);
        world.slack.fault_in(down, POST, Fault::ServerError, Times::UntilCleared);
        world.told(&requester, ASK).await;
        world.advance(minutes(2)).await;
        assert!(standing(&world, works) > before, "#{works} does not wait for #{down}");
        world.slack.clear_faults();
        world.advance(minutes(5)).await;
        the_feed_is_complete(&world).await;
    }
    assert_eq!(standing(&world, "requests"), 2);
    world.glance();
    world.finish().await;
}

#[tokio::test]
async fn while_slack_hangs_people_are_answered_and_other_channels_are_served() {
    let mut world = World::start().await;
    let [requester] = world.people(["requester"]);
    world.slack.fault_in("requests", POST, Fault::Hang, Times::Next(1));
    world.told(&requester, ASK).await;
    let (worker, begin) = (world.worker(), Instant::now());
    let work = tokio::spawn(async move { worker.run_due().await });
    while standing(&world, "audit") == 0 {
        tokio::task::yield_now().await;
    }
    let delivery = requester.types_in("requests", "/jit status").await;
    assert!(delivery.elapsed < Duration::from_secs(1), "{:?}", delivery.elapsed);
    work.await.unwrap().unwrap();
    assert!(begin.elapsed() < Duration::from_secs(12), "a call is bounded in time");
    world.advance(minutes(1)).await;
    assert_eq!(standing(&world, "requests"), 1);
    the_feed_is_complete(&world).await;
    world.glance();
    world.finish().await;
}

#[tokio::test]
async fn a_message_whose_answer_was_lost_stands_once() {
    for fault in [Fault::DropAnswerAfterWork, Fault::ServerErrorAfterWork] {
        let mut world = World::start().await;
        let [requester, approver] = world.people(["requester", "approver"]);
        world.slack.fault(POST, fault.clone(), Times::Next(2));
        world.told(&requester, ASK).await;
        world.advance(minutes(1)).await;
        world.slack.fault(POST, fault, Times::Next(2));
        world.clicked(&approver, "Approve").await;
        world.advance(minutes(1)).await;
        assert_eq!((standing(&world, "requests"), standing(&world, "D0REQUESTER")), (1, 1));
        assert!(world.screen("requests").contains("is *live*") && world.dm(&requester).contains("is *live*"));
        the_feed_is_complete(&world).await;
        world.glance();
        world.finish().await;
    }
}

#[tokio::test]
async fn even_when_slack_does_not_let_us_look_at_first() {
    let mut world = World::start().await;
    let [requester] = world.people(["requester"]);
    world.slack.fault(POST, Fault::DropAnswerAfterWork, Times::Next(2));
    world.slack.fault("conversations.history", Fault::ServerError, Times::Next(3));
    world.slack.fault("conversations.history", Fault::RateLimited { retry_after: 60 }, Times::Next(2));
    world.told(&requester, ASK).await;
    world.told(&requester, "/jit status").await;
    world.advance(minutes(10)).await;
    assert_eq!(standing(&world, "requests"), 1);
    the_feed_is_complete(&world).await;
    world.glance();
    world.finish().await;
}

#[tokio::test]
async fn a_copy_that_nobody_could_look_for_is_kept_up_to_date_once_it_is_clicked() {
    let mut world = World::start().await;
    let [requester, approver, lead] = world.people(["requester", "approver", "lead"]);
    let scopes = world.slack.app().scopes;
    world.slack.grant_scopes(scopes.iter().map(String::as_str).filter(|scope| !scope.ends_with(":history")));
    world.slack.fault_in("requests", POST, Fault::DropAnswerAfterWork, Times::Next(1));
    world.told(&requester, "/jit request prod-deploy 2h moving the database").await;
    world.advance(minutes(1)).await;
    let [copy, card] = world.slack.channel("requests").messages().try_into().unwrap();
    approver.clicks_on(&copy, "Approve").await;
    world.settle().await;
    assert!(world.private(&approver).contains("1 more approval is needed"));
    lead.clicks_on(&card, "Approve").await;
    world.settle().await;
    assert!(world.private(&lead).contains("last approval needed"));
    let screen = world.screen("requests");
    assert_eq!(screen.matches("GRANT-CODE is *live*").count(), 2, "{screen}");
    assert!(!screen.contains("[Approve]"), "{screen}");
    world.glance();
    (world.expects_refused, world.expects_copies) = (vec!["missing_scope"], true);
    world.finish().await;
}

#[tokio::test]
async fn a_card_that_could_not_be_updated_is_updated_later() {
    for fault in [Fault::ServerError, Fault::RateLimited { retry_after: 5 }, Fault::DropAnswerAfterWork] {
        let mut world = World::start().await;
        let [requester, approver] = world.people(["requester", "approver"]);
        world.told(&requester, ASK).await;
        world.settle().await;
        world.slack.fault("chat.update", fault, Times::Next(2));
        world.clicked(&approver, "Approve").await;
        world.advance(minutes(1)).await;
        assert!(world.screen("requests").contains("is *live*"));
        assert_eq!(standing(&world, "requests"), 1);
        world.glance();
        world.finish().await;
    }
}

#[tokio::test]
async fn a_card_that_somebody_deleted_is_posted_anew() {
    let mut world = World::start().await;
    let [requester, approver, lead] = world.people(["requester", "approver", "lead"]);
    world.told(&requester, "/jit request prod-deploy 2h moving the database").await;
    world.settle().await;
    let card = world.newest("requests");
    approver.clicks("Approve").await;
    world.slack_api("chat.delete", serde_json::json!({ "channel": "C0REQUESTS", "ts": card.ts })).await;
    world.settle().await;
    assert!(world.private(&approver).contains("1 more approval is needed"));
    assert!(world.clicked(&lead, "Approve").await.contains("last approval needed"));
    assert!(world.screen("requests").contains("is *live*"));
    world.glance();
    world.expects_refused.push("message_not_found");
    world.finish().await;
}

#[tokio::test]
async fn an_audit_channel_that_takes_nothing_is_told_everything_later() {
    let mut world = World::start().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    let scopes = world.slack.app().scopes;
    world.slack.grant_scopes(scopes.iter().map(String::as_str).filter(|scope| *scope != "chat:write.public"));
    for broken in [Channel::public("audit").archived(), Channel::public("audit").without_bot()] {
        world.slack.add_channel(broken);
        world.told(&requester, ASK).await;
        world.settle().await;
        assert!(world.clicked(&approver, "Approve").await.contains("last approval needed"), "work goes on");
        world.advance(minutes(5)).await;
        world.slack.add_channel(Channel::public("audit"));
        world.advance(minutes(5)).await;
        the_feed_is_complete(&world).await;
    }
    world.glance();
    world.expects_refused = vec!["is_archived", "not_in_channel"];
    world.finish().await;
}

#[tokio::test]
async fn a_lost_private_answer_is_given_again_when_somebody_clicks_again() {
    let mut world = World::start().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    world.told(&requester, ASK).await;
    world.settle().await;
    let card = world.newest("requests");
    world.slack.fault("response_url", Fault::ServerError, Times::UntilCleared);
    world.slack.fault("chat.postEphemeral", Fault::ServerError, Times::Next(1));
    assert_eq!(world.clicked(&approver, "Approve").await, "", "the answer is lost, the approval is not");
    assert!(world.screen("requests").contains("*Approved* by @approver"));
    approver.clicks_stale(&card, 0, "Approve").await;
    world.settle().await;
    assert!(world.private(&approver).contains("was approved already"));
    world.glance();
    world.finish().await;
}
