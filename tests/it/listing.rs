//! Looking: what one may ask for, and what one waits for and has.

use crate::harness::World;

#[tokio::test]
async fn the_list_says_what_how_long_and_who_approves() {
    let world = World::start().await;
    let [requester, oncall, outsider] = world.people(["requester", "oncall1", "outsider"]);
    insta::assert_snapshot!(world.told(&requester, "/jit list").await, @r"
    What you may ask for with `/jit request`:
    *prod-deploy* — Deploy to production
    1m to 2h, 30m unless you say; a reason is required
    Up to 30m: 1 approval from @oncall, @approver or @requester
    Longer: 2 approvals by different people from @oncall, @approver, @lead or @requester
    For @oncall, @approver, @lead or @requester
    *sandbox* — Play in the sandbox
    1m to 8h, 30m unless you say
    1 approval from @oncall, @approver, @outsider or @requester; you may approve yourself
    ");
    assert_eq!(world.told(&oncall, "/jit list").await, world.told(&requester, "/jit list").await);
    insta::assert_snapshot!(world.told(&outsider, "/jit list").await, @r"
    What you may ask for with `/jit request`:
    *sandbox* — Play in the sandbox
    1m to 8h, 30m unless you say
    1 approval from @oncall, @approver, @outsider or @requester; you may approve yourself
    ");
    world.finish().await;
}

#[tokio::test]
async fn whoever_may_ask_for_nothing_is_told_so() {
    let world = World::with(|config| config.replace("reason = \"optional\"", "requesters = [\"leads\"]")).await;
    let [outsider] = world.people(["outsider"]);
    insta::assert_snapshot!(world.dialogue(&outsider, &["/jit list", "/jit status"]).await, @r"
    > /jit list
    There is no role that you may ask for. An operator can add you to one's `requesters`.

    > /jit status
    You have no request waiting and no access. `/jit list` shows what you may ask for.
    ");
    world.finish().await;
}

#[tokio::test]
async fn the_status_shows_what_waits_and_what_is_live() {
    let mut world = World::start().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    world.told(&requester, "/jit request prod-deploy 30m fixing OPS-42").await;
    world.settle().await;
    world.clicked(&approver, "Approve").await;
    world.told(&requester, "/jit request sandbox 2h").await;
    world.told(&requester, "/jit request prod-deploy 2h moving the database").await;
    world.settle().await;
    insta::assert_snapshot!(world.told(&requester, "/jit status").await, @r"
    *REQ-CODE* waits: *sandbox* for 2h. 1 approval needed from @oncall, @approver, @outsider or @requester by 2026-11-21 13:00:00 UTC. Withdraw: `/jit cancel REQ-CODE`
    *REQ-CODE* waits: *prod-deploy* for 2h. 2 approvals needed from @oncall, @approver or @lead by 2026-11-21 13:00:00 UTC. Withdraw: `/jit cancel REQ-CODE`
    *GRANT-CODE* is live: *prod-deploy*, until 2026-11-21 12:30:00 UTC. Give it back: `/jit end GRANT-CODE`
    ");
    insta::assert_snapshot!(world.told(&approver, "/jit status").await, @"You have no request waiting and no access. `/jit list` shows what you may ask for.");
    world.glance();
    world.finish().await;
}
