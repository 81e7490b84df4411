//! The policy changes between the ask and the last approval: the stricter of the two counts.

use jit::domain::audit::Fact;

use crate::harness::World;

const ASK: &str = "/jit request prod-deploy 30m fixing OPS-42";
const ASK_TWO: &str = "/jit request prod-deploy 90m moving the database";

#[tokio::test]
async fn todays_larger_quorum_counts() {
    let mut world = World::start().await;
    let [requester, approver, oncall] = world.people(["requester", "approver", "oncall1"]);
    world.told(&requester, ASK).await;
    world.settle().await;
    world.change_policy("approvals = 1\napprovers = [\"sre\"]\n", "approvals = 2\napprovers = [\"sre\"]\n").await;
    insta::assert_snapshot!(world.clicked(&approver, "Approve").await, @"You approved REQ-CODE. 1 more approval is needed, from somebody else.");
    insta::assert_snapshot!(world.screen("requests"), @r"
    jit:
      @requester asks for *prod-deploy* for *30m*
      Why: fixing OPS-42
      1 approval needed from @oncall or @approver
      To be decided by 2026-11-21 13:00:00 UTC
      Approved so far by @approver: not enough any more, the policy has changed since it was asked
      [Approve] [Deny]
      REQ-CODE · rule 1 of prod-deploy, up to 30m: 1 approval · asked 2026-11-21 12:00:00 UTC
    ");
    insta::assert_snapshot!(world.clicked(&oncall, "Approve").await, @"You approved REQ-CODE: it was the last approval needed. GRANT-CODE is being set up.");
    world.glance();
    world.finish().await;
}

#[tokio::test]
async fn the_larger_quorum_of_the_ask_counts() {
    let mut world = World::start().await;
    let [requester, approver, lead] = world.people(["requester", "approver", "lead"]);
    world.told(&requester, ASK_TWO).await;
    world.settle().await;
    world.change_policy("approvals = 2", "approvals = 1").await;
    assert!(world.clicked(&approver, "Approve").await.contains("1 more approval is needed"));
    assert!(world.clicked(&lead, "Approve").await.contains("last approval needed"));
    world.glance();
    world.finish().await;
}

#[tokio::test]
async fn whoever_is_no_approver_any_more_does_not_count() {
    let mut world = World::start().await;
    let [requester, approver, oncall] = world.people(["requester", "approver", "oncall1"]);
    world.told(&requester, ASK).await;
    world.settle().await;
    world.change_policy("\"U0REQUESTER\", \"U0APPROVER\", \"S0ONCALL\"", "\"U0REQUESTER\", \"S0ONCALL\"").await;
    insta::assert_snapshot!(world.clicked(&approver, "Approve").await, @"Your approval of REQ-CODE is noted but does not count: the policy has changed since it was asked, and you may not approve it any more. 1 more approval is needed, from somebody else.");
    insta::assert_snapshot!(world.clicked(&oncall, "Approve").await, @"You approved REQ-CODE: it was the last approval needed. GRANT-CODE is being set up.");
    let Fact::GrantActive { approvers, .. } = world.newest_fact().await else { panic!("the grant is live") };
    assert_eq!(approvers, ["U0ONCALL1".into()]);
    world.glance();
    world.finish().await;
}

#[tokio::test]
async fn an_earlier_approval_no_longer_counts_either() {
    let mut world = World::start().await;
    let [requester, approver, lead, oncall] = world.people(["requester", "approver", "lead", "oncall1"]);
    world.told(&requester, ASK_TWO).await;
    world.settle().await;
    world.clicked(&approver, "Approve").await;
    world.change_policy("\"U0REQUESTER\", \"U0APPROVER\", \"S0ONCALL\"", "\"U0REQUESTER\", \"S0ONCALL\"").await;
    insta::assert_snapshot!(world.clicked(&lead, "Approve").await, @"You approved REQ-CODE. 1 more approval is needed, from somebody else.");
    insta::assert_snapshot!(world.clicked(&oncall, "Approve").await, @"You approved REQ-CODE: it was the last approval needed. GRANT-CODE is being set up.");
    world.glance();
    world.finish().await;
}

#[tokio::test]
async fn whoever_became_an_approver_since_may_not_decide_this_one() {
    let mut world = World::start().await;
    let [requester, outsider] = world.people(["requester", "outsider"]);
    world.told(&requester, ASK).await;
    world.settle().await;
    world.change_policy("\"U0REQUESTER\", \"U0APPROVER\"", "\"U0REQUESTER\", \"U0APPROVER\", \"U0OUTSIDER\"").await;
    insta::assert_snapshot!(world.clicked(&outsider, "Approve").await, @"REQ-CODE is not for you to decide. @oncall or @approver may.");
    world.glance();
    world.finish().await;
}

#[tokio::test]
async fn a_role_that_is_gone_is_granted_to_nobody() {
    let mut world = World::start().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    world.told(&requester, ASK).await;
    world.settle().await;
    world.change_policy("name = \"prod-deploy\"", "name = \"deployment\"").await;
    insta::assert_snapshot!(world.clicked(&approver, "Approve").await, @"REQ-CODE cannot be granted any more, because the policy has changed since it was asked. There is no role `prod-deploy`. `/jit list` shows what you may ask for.");
    insta::assert_snapshot!(world.screen("requests"), @r"
    jit:
      @requester asks for *prod-deploy* for *30m*
      Why: fixing OPS-42
      *Denied* on 2026-11-21 12:00:00 UTC by today's policy, which has changed since it was asked. There is no role `prod-deploy`. `/jit list` shows what you may ask for.
      REQ-CODE · rule 1 of prod-deploy, up to 30m: 1 approval · asked 2026-11-21 12:00:00 UTC
    ");
    insta::assert_snapshot!(world.dm(&requester), @r"
    jit:
      Your request for *prod-deploy* for 30m (REQ-CODE) was *denied* by today's policy, which has changed since it was asked. There is no role `prod-deploy`. `/jit list` shows what you may ask for.
    ");
    insta::assert_snapshot!(world.kinds(2).await.join("\n"), @r"
    review_given by U0APPROVER
    request_denied by jit
    ");
    world.glance();
    world.finish().await;
}

#[tokio::test]
async fn what_is_too_long_today_is_not_granted() {
    let mut world = World::start().await;
    let [requester, approver, lead] = world.people(["requester", "approver", "lead"]);
    world.told(&requester, ASK_TWO).await;
    world.settle().await;
    world.clicked(&approver, "Approve").await;
    world.change_policy("max_duration = \"2h\"", "max_duration = \"1h\"").await;
    insta::assert_snapshot!(world.clicked(&lead, "Approve").await, @"REQ-CODE cannot be granted any more, because the policy has changed since it was asked. 1h30m is longer than this role allows. Ask for 1h or less.");
    insta::assert_snapshot!(world.screen("requests"), @r"
    jit:
      @requester asks for *prod-deploy* for *1h30m*
      Why: moving the database
      *Denied* on 2026-11-21 12:00:00 UTC by today's policy, which has changed since it was asked. 1h30m is longer than this role allows. Ask for 1h or less.
      REQ-CODE · rule 2 of prod-deploy: 2 approvals · asked 2026-11-21 12:00:00 UTC
    ");
    insta::assert_snapshot!(world.dm(&requester), @r"
    jit:
      Your request for *prod-deploy* for 1h30m (REQ-CODE) was *denied* by today's policy, which has changed since it was asked. 1h30m is longer than this role allows. Ask for 1h or less.
    ");
    world.glance();
    world.finish().await;
}

#[tokio::test]
async fn nobody_approves_themselves_once_the_rule_does_not_say_so() {
    let mut world = World::start().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    world.told(&requester, "/jit request sandbox 1h").await;
    world.settle().await;
    world.change_policy("self_approval = true", "self_approval = false").await;
    insta::assert_snapshot!(world.clicked(&requester, "Approve").await, @"Your approval of REQ-CODE is noted but does not count: the policy has changed since it was asked, and you may not approve it any more. 1 more approval is needed, from somebody else.");
    assert!(world.dm(&requester).is_empty(), "nothing was granted");
    assert!(world.clicked(&approver, "Approve").await.contains("last approval needed"));
    let Fact::GrantActive { approvers, .. } = world.newest_fact().await else { panic!("the grant is live") };
    assert_eq!(approvers, ["U0APPROVER".into()]);
    world.glance();
    world.finish().await;
}

#[tokio::test]
async fn a_changed_policy_with_a_mistake_is_refused_as_a_whole() {
    let mut world = World::start().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    world.edit_config(|config| config.replace("max_duration = \"2h\"", "max_duration = \"10m\"\ncolour = \"red\""));
    let error = world.app.reload().await.unwrap_err().to_string();
    assert!(error.contains("colour"), "{error}");
    let Fact::PolicyRefused { problems } = world.newest_fact().await else { panic!("it is on the trail") };
    assert!(problems > 0);
    assert!(world.told(&requester, ASK_TWO).await.contains("for *1h30m*"), "the policy before stays in force");
    world.settle().await;
    world.clicked(&approver, "Deny").await;
    insta::assert_snapshot!(world.screen("audit"), @r"
    jit:
      2026-11-21 12:00:00 UTC *policy in force*: `policy`, 2 roles · #1 seal
      2026-11-21 12:00:00 UTC *changed policy refused*, 2 problems; the one before stays in force · #2 seal
      2026-11-21 12:00:00 UTC *REQ-CODE* *requested*: @requester, *prod-deploy* for 1h30m, why `moving the database` · rule 2: 2 approvals needed, to be decided by 2026-11-21 13:00:00 UTC · #3 seal
    jit:
      2026-11-21 12:00:00 UTC *REQ-CODE* *denied* by @approver: @requester, *prod-deploy* for 1h30m, why `moving the database` · #4 seal
    ");
    world.glance();
    world.finish().await;
}
