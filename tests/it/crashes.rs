//! `kill -9` between any two steps: nothing is lost, nothing is done twice that may not be, and nothing outlives its end.

use jit::{
    domain::{audit::Fact, grant::EndCause, job::Lane},
    store::StoreError,
};
use serde_json::json;

use crate::harness::{World, aws::Fault, browser, checks, hours, minutes, seconds, state};

/// The whole of the main job, with a crash after so many steps. Answers `false` when it was over before that.
async fn main_story_with_a_crash_after(steps: usize, revoked: bool) -> bool {
    let mut world = World::start().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    world.crash_after(steps);
    world.grants(&requester, &approver, "prod-deploy 30m fixing OPS-42").await;
    assert_eq!(state(&world.grant().await), "active", "after {steps} steps");
    let (key, _) = world.claims(&requester).await;
    assert!(world.works(&key).await, "after {steps} steps");
    if revoked {
        approver.clicks("Revoke").await;
        world.settle().await;
    } else {
        world.advance(minutes(30)).await;
    }
    assert!(!world.works(&key).await, "after {steps} steps");
    assert_eq!(state(&world.grant().await), "ended", "after {steps} steps");
    world.advance(hours(2)).await;
    assert_eq!(world.cloud.inline_policies(&world.role_arn).await.len(), 0, "after {steps} steps");
    let has_crashed = world.has_crashed();
    world.everything_is_read();
    world.finish().await;
    has_crashed
}

/// Crashes after one step in four, from `first` on; with `JIT_EVERY_STEP` set, after each step there is, which takes two
/// minutes. Several worlds at a time: they mostly wait for the disk and for moto.
async fn many_steps(first: usize, revoked: bool) {
    let stride = if std::env::var_os("JIT_EVERY_STEP").is_some() { 1 } else { 4 };
    let mut steps = (first % stride..).step_by(stride);
    loop {
        let some: Vec<usize> = steps.by_ref().take(8).collect();
        let stories = some.iter().map(|steps| main_story_with_a_crash_after(*steps, revoked));
        let have_crashed = futures::future::join_all(stories).await;
        if have_crashed.contains(&false) {
            assert!(some.iter().any(|steps| *steps > 40), "a story has more steps than {some:?}");
            return;
        }
    }
}

#[tokio::test]
async fn a_crash_between_any_steps_of_a_grant_that_runs_out() {
    many_steps(0, false).await;
}

#[tokio::test]
async fn a_crash_between_any_steps_of_a_grant_that_is_revoked() {
    many_steps(2, true).await;
}

/// A process that was killed with the machine that it ran on, and a crash of the bot while it takes the grant back.
async fn a_lost_process_with_a_crash_after(steps: usize) -> bool {
    let mut world = World::start().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    let program = world.signs_in(&requester).await;
    let ask = json!({ "role": "prod-deploy", "duration": "30m", "reason": "OPS-42" });
    let grant = world.grants_by_api(&program, &approver, ask).await;
    let path = format!("/grants/{}", grant["id"].as_str().unwrap());
    program.post(&format!("{path}/heartbeat"), json!({})).await.ok();
    let credentials = program.post(&format!("{path}/credentials"), json!({})).await.ok();
    for secret in ["secret_access_key", "session_token"] {
        world.shown_secrets.push(credentials[secret].as_str().unwrap().to_owned());
    }
    world.crash_after(steps);
    // Two minutes, and two more if the bot came back meanwhile.
    world.advance(minutes(5)).await;
    let lost = program.get(&path).await.ok();
    assert_eq!(lost["state"], "ended", "after {steps} steps: {lost}");
    assert!(!world.works(credentials["access_key_id"].as_str().unwrap()).await, "after {steps} steps");
    let ends = world
        .facts()
        .await
        .into_iter()
        .filter(|fact| matches!(fact, Fact::GrantEnded { cause: EndCause::HeartbeatLost { .. }, .. }));
    assert_eq!(ends.count(), 1, "after {steps} steps");
    world.advance(hours(2)).await;
    let has_crashed = world.has_crashed();
    world.everything_is_read();
    world.finish().await;
    has_crashed
}

#[tokio::test]
async fn a_crash_between_any_steps_of_a_grant_whose_process_is_gone() {
    let stride = if std::env::var_os("JIT_EVERY_STEP").is_some() { 1 } else { 7 };
    let mut steps = (1..).step_by(stride);
    loop {
        let some: Vec<usize> = steps.by_ref().take(6).collect();
        let stories = some.iter().map(|steps| a_lost_process_with_a_crash_after(*steps));
        if futures::future::join_all(stories).await.contains(&false) {
            return;
        }
    }
}

#[tokio::test]
async fn what_aws_did_before_the_crash_is_found_or_done_again() {
    let mut world = World::start().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    world.cloud.fail("AssumeRole", 3, Fault::DropAfter);
    world.grants(&requester, &approver, "prod-deploy 30m fixing OPS-42").await;
    world.restart().await;
    world.settle().await;
    assert_eq!(state(&world.grant().await), "active");
    let (key, _) = world.claims(&requester).await;

    world.cloud.fail("PutRolePolicy", 3, Fault::DropAfter);
    approver.clicks("Revoke").await;
    world.settle().await;
    assert!(!world.works(&key).await, "the deny is there, and nobody knows");
    assert_eq!(state(&world.grant().await), "ending");
    world.restart().await;
    // the next try is far away now, and the planned end comes first
    world.clock.advance_to(world.grant().await.ends_at);
    world.settle().await;
    assert_eq!(state(&world.grant().await), "ended");
    world.advance(hours(2)).await;
    assert_eq!(world.cloud.inline_policies(&world.role_arn).await.len(), 0, "it is tidied all the same");
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn leases_of_an_earlier_life_are_taken_back_at_once() {
    let mut world = World::start().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    requester.types("/jit request prod-deploy 30m fixing OPS-42").await;
    world.settle().await;
    approver.clicks("Approve").await;
    let now = world.now();
    let rooms = world.app.ctx.store.agenda().outlook(now, Lane::width, usize::MAX).rooms;
    let leased = world
        .does(move |tx| {
            Box::pin(async move { tx.lease_jobs(now, now + seconds(30), "a life that ends", &rooms).await })
        })
        .await;
    assert!(leased.len() >= 2, "{leased:?}");
    assert_eq!(world.worker().run_due().await.unwrap(), 0, "somebody seems to be at it");
    world.restart().await;
    world.settle().await;
    assert_eq!(state(&world.grant().await), "active");
    assert_eq!(world.now(), now, "nobody waited for anything");
    world.advance(minutes(30)).await;
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn a_process_that_was_away_for_a_day_ends_all_that_ran_out_and_tells_it() {
    let mut world = World::start().await;
    let [requester, approver, lead] = world.people(["requester", "approver", "lead"]);
    let mut keys = Vec::new();
    for (holder, ask) in
        [(&requester, "prod-deploy 30m one"), (&lead, "prod-deploy 20m two"), (&requester, "sandbox 8h")]
    {
        world.grants(holder, &approver, ask).await;
        keys.push(world.claims(holder).await.0);
    }
    approver.clicks_on(&world.slack.channel("requests").messages()[0], "Revoke").await;
    lead.types("/jit request prod-deploy 30m nobody looks").await;
    let events_before = world.trail().await.len();
    world.kill().await;
    let told_before = world.slack.channel("audit").messages().len();

    world.clock.advance(hours(24));
    for key in &keys {
        assert!(!world.works(key).await, "with nobody there");
    }
    world.restart().await;
    world.settle().await;
    for grant in world.all_grants().await {
        assert_eq!(state(&grant), "ended");
    }
    assert!(world.screen("requests").contains("*Lapsed*: nobody decided by"));
    let messages = world.slack.channel("audit").messages().len() - told_before;
    let events = world.trail().await.len() - events_before;
    assert!(messages * 2 < events, "the feed tells {events} events in {messages} messages");
    assert_eq!(world.screen("audit").matches("*ended*").count(), 3);
    assert_eq!(world.asked_aws("PutRolePolicy"), 0, "there is nothing left to cut off");
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn a_claim_that_dies_half_way_leaves_nothing_that_cannot_be_cut_off() {
    let mut world = World::start().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    world.grants(&requester, &approver, "prod-deploy 30m fixing OPS-42").await;
    let link = world.link_for(&requester).await;
    world.cloud.fail("AssumeRole", 1, Fault::HangAfter);
    let claim = tokio::spawn({
        let link = link.clone();
        async move { browser::clicks_on_page(&link).await }
    });
    while world.cloud.sessions().len() < 2 {
        tokio::task::yield_now().await;
    }
    claim.abort();
    world.restart().await;
    let minted = world.cloud.sessions().pop().unwrap().access_key_id;
    assert!(world.works(&minted).await, "minted, though nobody has it");
    approver.clicks("Revoke").await;
    world.settle().await;
    assert!(!world.works(&minted).await, "it was written down that it might be");
    assert_eq!(browser::clicks_on_page(&link).await.status, 410);
    world.cloud.heal();
    world.advance(hours(2)).await;
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn without_its_audit_event_nothing_happens() {
    let mut world = World::start().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    requester.types("/jit request prod-deploy 30m fixing OPS-42").await;
    world.settle().await;
    let before = checks::trail(&world).await.len();
    // somebody has written an event in the place of the next one, so that it cannot be added
    world.sql("update audit_head set seq = seq - 1").await;
    approver.clicks("Approve").await;
    world.answered().await;
    assert!(world.private(&approver).starts_with("I could not save this, so *nothing has changed*."));
    requester.types("/jit request prod-deploy 30m another").await;
    assert!(world.private(&requester).contains("I could not save this, so *nothing has changed*."));
    world.sql("update audit_head set seq = seq + 1").await;
    world.settle().await;
    assert_eq!(checks::trail(&world).await.len(), before);
    assert!(world.facts().await.iter().all(|fact| !matches!(fact, Fact::RequestApproved { .. })));
    assert!(world.cloud.actions().is_empty());
    assert_eq!(world.slack.channel("requests").messages().len(), 1);

    approver.clicks("Approve").await;
    world.settle().await;
    assert_eq!(state(&world.grant().await), "active", "and the next click counts");
    world.advance(minutes(30)).await;
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn work_that_fails_in_its_middle_is_undone_as_a_whole() {
    let mut world = World::start().await;
    let [requester] = world.people(["requester"]);
    requester.types("/jit request prod-deploy 30m fixing OPS-42").await;
    let before = checks::trail(&world).await.len();
    let env = world.app.ctx.env();
    let outcome: Result<(), StoreError> = world
        .app
        .ctx
        .store
        .write(move |tx| {
            Box::pin(async move {
                jit::usecase::policy_change::refused(tx, &env, 7).await?;
                panic!("in the middle");
            })
        })
        .await;
    assert!(matches!(outcome, Err(StoreError::Panicked)), "{outcome:?}");
    assert_eq!(checks::trail(&world).await.len(), before);
    world.advance(hours(1)).await;
    world.everything_is_read();
    world.finish().await;
}
