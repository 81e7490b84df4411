//! Roles that stand for a great many accounts: what is asked of AWS before people are asked to approve does not grow with
//! them.

use crate::harness::{
    World, minutes,
    roles::{Assignable, assignment},
    state,
};

const LOOK: &str = "ListAccountAssignmentsForPrincipal";

fn account(number: u64) -> String {
    (600_000_000_000 + number).to_string()
}

/// A role `everywhere` that assigns a permission set in so many accounts.
async fn everywhere(count: u64) -> (World, Assignable) {
    let (world, db) = World::with_db_admin().await;
    let accounts: Vec<String> = (0..count).map(|number| format!("\"{}\"", account(number))).collect();
    let target = assignment("ALL", &db.set).replace("\"ALL\"", &format!("[{}]", accounts.join(", ")));
    world.add_role("everywhere", &[&target]).await;
    (world, db)
}

#[tokio::test]
async fn many_accounts_are_looked_at_with_one_call_before_anybody_is_asked() {
    let (mut world, db) = everywhere(30).await;
    let [requester, approver] = world.people(["requester", "approver"]);
    let before = world.asked_aws(LOOK);
    requester.types("/jit request everywhere 30m fixing OPS-42").await;
    world.settle().await;
    let _ = world.private(&requester);
    assert!(world.screen("requests").contains("[Approve]"));
    assert_eq!(world.asked_aws(LOOK) - before, 1);
    approver.clicks("Approve").await;
    world.advance(minutes(3)).await;
    assert_eq!(state(&world.grant().await), "active");
    assert_eq!(world.cloud.assigned(&account(29), &db.set).await, [db.user]);
    world.advance(minutes(40)).await;
    assert_eq!(state(&world.grant().await), "ended");
    assert!(world.cloud.assigned(&account(29), &db.set).await.is_empty());
    world.glance();
    world.finish().await;
}

#[tokio::test]
async fn what_somebody_has_already_is_found_among_a_hundred_other_things() {
    let (mut world, db) = everywhere(5).await;
    let [requester] = world.people(["requester"]);
    let other = world.cloud.permission_set("PT1H").await;
    for number in 0..120 {
        world.cloud.assign(&account(number), &other, &db.user).await;
    }
    world.cloud.assign(&account(4), &db.set, &db.user).await;
    let before = world.asked_aws(LOOK);
    requester.types("/jit request everywhere 30m fixing OPS-42").await;
    world.settle().await;
    let _ = world.private(&requester);
    assert_eq!(world.screen("requests"), "");
    let dm = world.dm(&requester);
    let words = format!("in account {} already, assigned by somebody else", account(4));
    assert!(dm.contains("was *denied* by the cloud") && dm.contains(&words), "{dm}");
    assert_eq!(world.asked_aws(LOOK) - before, 2, "a call for each hundred");
    world.glance();
    world.finish().await;
}

#[tokio::test]
async fn more_than_can_be_opened_at_once_is_refused_in_words() {
    let (mut world, _) = everywhere(1_001).await;
    let [requester] = world.people(["requester"]);
    requester.types("/jit request everywhere 30m fixing OPS-42").await;
    world.settle().await;
    let _ = world.private(&requester);
    assert_eq!(world.asked_aws(LOOK), 0);
    insta::assert_snapshot!(world.dm(&requester), @r"
    jit:
      Your request for *everywhere* for 30m (REQ-CODE) was *denied* by the cloud. The role opens 1001 things now, an account or a permission set each, and a grant may open 1000 at most: an operator has to name fewer accounts in it, or a smaller organisational unit
    ");
    world.glance();
    world.finish().await;
}
