//! Deciding: who may, how many it takes, and what everybody else is told.

use jit::{domain::policy::ReviewRefusal, playground::workspace::Resend};

use crate::harness::{World, checks, minutes};

const ASK: &str = "/jit request prod-deploy 30m fixing OPS-42";
const ASK_TWO: &str = "/jit request prod-deploy 2h moving the database";

#[tokio::test]
async fn one_person_is_enough_to_deny() {
    let mut world = World::start().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    world.told(&requester, ASK_TWO).await;
    world.settle().await;
    insta::assert_snapshot!(world.clicked(&approver, "Deny").await, @"You denied REQ-CODE. I tell @requester.");
    insta::assert_snapshot!(world.screen("requests"), @r"
    jit:
      @requester asks for *prod-deploy* for *2h*
      Why: moving the database
      *Denied* on 2026-11-21 12:00:00 UTC by @approver
      REQ-CODE · rule 2 of prod-deploy: 2 approvals · asked 2026-11-21 12:00:00 UTC
    ");
    insta::assert_snapshot!(world.dm(&requester), @r"
    jit:
      Your request for *prod-deploy* for 2h (REQ-CODE) was *denied* by @approver. Ask @approver why, or ask again with `/jit request`.
    ");
    insta::assert_snapshot!(world.screen("audit"), @r"
    jit:
      2026-11-21 12:00:00 UTC *policy in force*: `policy`, 2 roles · #1 seal
      2026-11-21 12:00:00 UTC *REQ-CODE* *requested*: @requester, *prod-deploy* for 2h, why `moving the database` · rule 2: 2 approvals needed, to be decided by 2026-11-21 13:00:00 UTC · #2 seal
    jit:
      2026-11-21 12:00:00 UTC *REQ-CODE* *denied* by @approver: @requester, *prod-deploy* for 2h, why `moving the database` · #3 seal
    ");
    world.finish().await;
}

#[tokio::test]
async fn two_different_people_make_a_quorum_of_two() {
    let mut world = World::start().await;
    let [requester, approver, lead] = world.people(["requester", "approver", "lead"]);
    world.told(&requester, ASK_TWO).await;
    world.settle().await;
    insta::assert_snapshot!(world.clicked(&approver, "Approve").await, @"You approved REQ-CODE. 1 more approval is needed, from somebody else.");
    insta::assert_snapshot!(world.screen("requests"), @r"
    jit:
      @requester asks for *prod-deploy* for *2h*
      Why: moving the database
      2 approvals needed from @oncall, @approver or @lead
      To be decided by 2026-11-21 13:00:00 UTC
      Approved so far by @approver
      [Approve] [Deny]
      REQ-CODE · rule 2 of prod-deploy: 2 approvals · asked 2026-11-21 12:00:00 UTC
    ");
    insta::assert_snapshot!(world.clicked(&approver, "Approve").await, @"You have approved REQ-CODE already. It takes 2 approvals by different people.");
    assert!(world.dm(&requester).is_empty(), "nothing is granted by the same person twice");
    assert!(checks::refused(&world.trail().await, &ReviewRefusal::AlreadyApproved));
    insta::assert_snapshot!(world.clicked(&lead, "Approve").await, @"You approved REQ-CODE: it was the last approval needed. GRANT-CODE is being set up.");
    insta::assert_snapshot!(world.screen("requests"), @r"
    jit:
      @requester asks for *prod-deploy* for *2h*
      Why: moving the database
      *Approved* by @approver and @lead on 2026-11-21 12:00:00 UTC
      GRANT-CODE is *live* until 2026-11-21 14:00:00 UTC
      [Revoke]
      REQ-CODE · rule 2 of prod-deploy: 2 approvals · asked 2026-11-21 12:00:00 UTC
    ");
    insta::assert_snapshot!(world.kinds(5).await.join("\n"), @r"
    review_given by U0APPROVER
    attempt_refused by U0APPROVER
    request_approved by U0LEAD
    access_live by jit
    grant_active by jit
    ");
    world.glance();
    world.finish().await;
}

#[tokio::test]
async fn whoever_approved_may_still_deny() {
    let mut world = World::start().await;
    let [requester, approver, lead] = world.people(["requester", "approver", "lead"]);
    world.told(&requester, ASK_TWO).await;
    world.settle().await;
    world.clicked(&approver, "Approve").await;
    insta::assert_snapshot!(world.clicked(&approver, "Deny").await, @"You denied REQ-CODE. I tell @requester.");
    insta::assert_snapshot!(world.screen("requests"), @r"
    jit:
      @requester asks for *prod-deploy* for *2h*
      Why: moving the database
      *Denied* on 2026-11-21 12:00:00 UTC by @approver
      REQ-CODE · rule 2 of prod-deploy: 2 approvals · asked 2026-11-21 12:00:00 UTC
    ");
    let card = world.newest("requests");
    lead.clicks_stale(&card, 0, "Approve").await;
    world.settle().await;
    insta::assert_snapshot!(world.private(&lead), @"REQ-CODE was denied already by @approver, 2026-11-21 12:00:00 UTC.");
    world.glance();
    world.finish().await;
}

#[tokio::test]
async fn nobody_decides_their_own_request() {
    let mut world = World::start().await;
    let [requester] = world.people(["requester"]);
    world.told(&requester, ASK).await;
    world.settle().await;
    insta::assert_snapshot!(world.clicked(&requester, "Approve").await, @"REQ-CODE is your own request: @oncall or @approver has to decide it. You can withdraw it with `/jit cancel REQ-CODE`.");
    insta::assert_snapshot!(world.clicked(&requester, "Deny").await, @"REQ-CODE is your own request: @oncall or @approver has to decide it. You can withdraw it with `/jit cancel REQ-CODE`.");
    assert!(checks::refused(&world.trail().await, &ReviewRefusal::OwnRequest));
    insta::assert_snapshot!(world.screen("audit"), @r"
    jit:
      2026-11-21 12:00:00 UTC *policy in force*: `policy`, 2 roles · #1 seal
      2026-11-21 12:00:00 UTC *REQ-CODE* *requested*: @requester, *prod-deploy* for 30m, why `fixing OPS-42` · rule 1: 1 approval needed, to be decided by 2026-11-21 13:00:00 UTC · #2 seal
    jit:
      2026-11-21 12:00:00 UTC *REQ-CODE* *refused* @requester, who tried to approve: it is their own request · @requester, *prod-deploy* for 30m, why `fixing OPS-42` · #3 seal
    jit:
      2026-11-21 12:00:00 UTC *REQ-CODE* *refused* @requester, who tried to deny: it is their own request · @requester, *prod-deploy* for 30m, why `fixing OPS-42` · #4 seal
    ");
    world.glance();
    world.finish().await;
}

#[tokio::test]
async fn a_rule_may_let_people_approve_themselves() {
    let mut world = World::start().await;
    let [requester, outsider, lead] = world.people(["requester", "outsider", "lead"]);
    world.told(&requester, "/jit request sandbox 1h").await;
    world.settle().await;
    insta::assert_snapshot!(world.screen("requests"), @r"
    jit:
      @requester asks for *sandbox* for *1h*
      1 approval needed from @oncall, @approver, @outsider or @requester
      To be decided by 2026-11-21 13:00:00 UTC
      [Approve] [Deny]
      REQ-CODE · rule 1 of sandbox: 1 approval, requesters may approve themselves · asked 2026-11-21 12:00:00 UTC
    ");
    insta::assert_snapshot!(world.clicked(&requester, "Approve").await, @"You approved REQ-CODE: it was the last approval needed. GRANT-CODE is being set up.");
    // The rule names the outsider too, but not the lead: to be allowed to ask is not to be allowed to approve.
    world.told(&outsider, "/jit request sandbox 1h").await;
    world.told(&lead, "/jit request sandbox 1h").await;
    world.settle().await;
    insta::assert_snapshot!(world.clicked(&lead, "Approve").await, @"REQ-CODE is not for you to decide. @oncall, @approver, @outsider or @requester may.");
    world.glance();
    world.finish().await;
}

#[tokio::test]
async fn an_outsiders_click_changes_nothing_and_is_on_the_trail() {
    let mut world = World::start().await;
    let [requester, outsider] = world.people(["requester", "outsider"]);
    world.told(&requester, ASK).await;
    world.settle().await;
    insta::assert_snapshot!(world.clicked(&outsider, "Approve").await, @"REQ-CODE is not for you to decide. @oncall or @approver may.");
    insta::assert_snapshot!(world.clicked(&outsider, "Deny").await, @"REQ-CODE is not for you to decide. @oncall or @approver may.");
    insta::assert_snapshot!(world.kinds(2).await.join("\n"), @r"
    attempt_refused by U0OUTSIDER
    attempt_refused by U0OUTSIDER
    ");
    assert_eq!(world.newest("requests").versions.len(), 1, "the card was not touched");
    world.glance();
    world.finish().await;
}

#[tokio::test]
async fn a_late_click_is_told_what_came_of_it() {
    let mut world = World::start().await;
    let [requester, approver, oncall] = world.people(["requester", "approver", "oncall1"]);
    let mut answers = Vec::new();
    for (ask, outcome) in [(ASK, "approved"), (ASK, "denied"), (ASK, "cancelled"), (ASK, "lapsed")] {
        world.told(&requester, ask).await;
        let name = world.awaiting(&requester).await.code.request();
        world.settle().await;
        let card = world.newest("requests");
        match outcome {
            "approved" => _ = world.clicked(&oncall, "Approve").await,
            "denied" => _ = world.clicked(&oncall, "Deny").await,
            "cancelled" => _ = world.told(&requester, &format!("/jit cancel {name}")).await,
            _ => world.advance(minutes(60)).await,
        }
        world.settle().await;
        for button in ["Approve", "Deny"] {
            approver.clicks_stale(&card, 0, button).await;
            world.settle().await;
            answers.push(format!("{outcome}, {button}: {}", world.private(&approver)));
        }
    }
    insta::assert_snapshot!(answers.join("\n"), @r"
    approved, Approve: REQ-CODE was approved already, 2026-11-21 12:00:00 UTC.
    approved, Deny: REQ-CODE was approved already, 2026-11-21 12:00:00 UTC.
    denied, Approve: REQ-CODE was denied already by @oncall1, 2026-11-21 12:00:02 UTC.
    denied, Deny: REQ-CODE was denied already by @oncall1, 2026-11-21 12:00:02 UTC.
    cancelled, Approve: REQ-CODE was withdrawn by its requester, 2026-11-21 12:00:06 UTC.
    cancelled, Deny: REQ-CODE was withdrawn by its requester, 2026-11-21 12:00:06 UTC.
    lapsed, Approve: REQ-CODE has lapsed: it could be decided until 2026-11-21 13:00:09 UTC.
    lapsed, Deny: REQ-CODE has lapsed: it could be decided until 2026-11-21 13:00:09 UTC.
    ");
    assert!(checks::refused(&world.trail().await, &ReviewRefusal::NotAwaiting));
    world.glance();
    world.finish().await;
}

#[tokio::test]
async fn two_people_who_click_in_the_same_instant_decide_once() {
    let mut world = World::start().await;
    let [requester, approver, oncall] = world.people(["requester", "approver", "oncall1"]);
    world.told(&requester, ASK).await;
    world.settle().await;
    tokio::join!(approver.clicks("Approve"), oncall.clicks("Approve"));
    world.settle().await;
    let mut answers = [world.private(&approver), world.private(&oncall)];
    answers.sort();
    insta::assert_snapshot!(answers.join("\n"), @r"
    REQ-CODE was approved already, 2026-11-21 12:00:00 UTC.
    You approved REQ-CODE: it was the last approval needed. GRANT-CODE is being set up.
    ");
    let kinds = world.kinds(5).await;
    assert_eq!(kinds.iter().filter(|kind| kind.starts_with("request_approved")).count(), 1, "{kinds:?}");
    world.glance();
    world.finish().await;
}

#[tokio::test]
async fn one_who_approves_and_one_who_denies_in_the_same_instant_decide_once() {
    let mut world = World::start().await;
    let [requester, approver, oncall] = world.people(["requester", "approver", "oncall1"]);
    world.told(&requester, ASK).await;
    world.settle().await;
    tokio::join!(approver.clicks("Approve"), oncall.clicks("Deny"));
    world.settle().await;
    let answers = [world.private(&approver), world.private(&oncall)];
    assert!(answers.iter().any(|answer| answer.contains("already")), "{answers:?}");
    world.glance();
    world.finish().await;
}

#[tokio::test]
async fn a_click_that_comes_twice_counts_once() {
    let mut world = World::start().await;
    let [requester, approver, lead] = world.people(["requester", "approver", "lead"]);
    world.told(&requester, ASK_TWO).await;
    world.settle().await;
    for who in [&approver, &lead] {
        let delivery = who.clicks("Approve").await;
        world.settle().await;
        let (answer, events) = (world.private(who), world.trail().await.len());
        assert!(answer.starts_with("You approved"), "{answer}");
        for how in [Resend::Verbatim, Resend::SignedAnew] {
            world.slack.redeliver(&delivery, how).await;
            world.settle().await;
            assert_eq!(world.private(who), "", "whoever clicked has the answer");
            assert_eq!(world.trail().await.len(), events);
        }
    }
    world.glance();
    world.finish().await;
}

#[tokio::test]
async fn a_refused_click_that_comes_twice_is_one_event() {
    let mut world = World::start().await;
    let [requester, outsider] = world.people(["requester", "outsider"]);
    world.told(&requester, ASK).await;
    world.settle().await;
    let delivery = outsider.clicks("Approve").await;
    world.settle().await;
    let events = world.trail().await.len();
    world.slack.redeliver(&delivery, Resend::SignedAnew).await;
    world.settle().await;
    assert_eq!(world.trail().await.len(), events);
    world.glance();
    world.finish().await;
}
