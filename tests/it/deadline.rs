//! The time to decide runs out.

use jiff::SignedDuration;
use jit::domain::request::RequestState;

use crate::harness::{World, minutes};

const ASK: &str = "/jit request prod-deploy 30m fixing OPS-42";

#[tokio::test]
async fn a_request_that_nobody_decides_lapses_and_loses_its_buttons() {
    let mut world = World::start().await;
    let [requester] = world.people(["requester"]);
    world.told(&requester, ASK).await;
    world.advance(minutes(60)).await;
    insta::assert_snapshot!(world.screen("requests"), @r"
    jit:
      @requester asks for *prod-deploy* for *30m*
      Why: fixing OPS-42
      *Lapsed*: nobody decided by 2026-11-21 13:00:00 UTC
      REQ-CODE · rule 1 of prod-deploy, up to 30m: 1 approval · asked 2026-11-21 12:00:00 UTC
    ");
    insta::assert_snapshot!(world.dm(&requester), @r"
    jit:
      Your request for *prod-deploy* for 30m (REQ-CODE) has *lapsed*: nobody decided by 2026-11-21 13:00:00 UTC. Ask again with `/jit request` if you still need it.
    ");
    insta::assert_snapshot!(world.screen("audit"), @r"
    jit:
      2026-11-21 12:00:00 UTC *policy in force*: `policy`, 2 roles · #1 seal
      2026-11-21 12:00:00 UTC *REQ-CODE* *requested*: @requester, *prod-deploy* for 30m, why `fixing OPS-42` · rule 1: 1 approval needed, to be decided by 2026-11-21 13:00:00 UTC · #2 seal
    jit:
      2026-11-21 13:00:00 UTC *REQ-CODE* *lapsed*, nobody decided: @requester, *prod-deploy* for 30m, why `fixing OPS-42` · #3 seal
    ");
    insta::assert_snapshot!(world.told(&requester, "/jit status").await, @"You have no request waiting and no access. `/jit list` shows what you may ask for.");
    world.finish().await;
}

#[tokio::test]
async fn a_click_at_the_deadline_is_too_late_even_before_the_job_has_run() {
    let mut world = World::start().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    for button in ["Approve", "Deny"] {
        world.told(&requester, ASK).await;
        world.settle().await;
        let request = world.awaiting(&requester).await;
        world.clock.advance_to(request.decide_by);
        approver.clicks(button).await;
        let state = world.read(move |tx| Box::pin(async move { tx.load_request(request.id).await })).await.state;
        assert!(matches!(state, RequestState::Lapsed { at } if at == request.decide_by), "{state:?}");
        world.settle().await;
        let answer = world.private(&approver);
        assert!(answer.starts_with("REQ-CODE has lapsed: it could be decided until 2026-11-21"), "{button}: {answer}");
        assert_eq!(
            world.kinds(2).await,
            ["request_lapsed by jit", "attempt_refused by U0APPROVER"],
            "it has lapsed once, and the click is on the trail"
        );
    }
    world.glance();
    world.finish().await;
}

#[tokio::test]
async fn a_click_one_microsecond_before_the_deadline_counts() {
    let mut world = World::start().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    world.told(&requester, ASK).await;
    world.settle().await;
    let decide_by = world.awaiting(&requester).await.decide_by;
    world.clock.advance_to(decide_by - SignedDuration::from_micros(1));
    let answer = world.clicked(&approver, "Approve").await;
    assert!(answer.starts_with("You approved"), "{answer}");
    world.advance(minutes(1)).await;
    assert!(world.screen("requests").contains("is *live*"));
    world.glance();
    world.finish().await;
}
