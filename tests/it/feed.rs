//! The audit channel: one line for each event, complete, in order, at a pace that Slack can take.

use jit::playground::workspace::{Fault, Times};

use crate::harness::{World, minutes, seconds};

/// The places in the trail that a channel was told, in the order of its lines.
fn told(world: &World, channel: &str) -> Vec<i64> {
    let screen = world.slack.channel(channel).screen();
    let marks = regex::Regex::new(r"· #(\d+) [0-9a-f]{8}").unwrap();
    marks.captures_iter(&screen).map(|found| found[1].parse().unwrap()).collect()
}

async fn all(world: &World) -> Vec<i64> {
    world.trail().await.iter().map(|event| event.seq).collect()
}

#[tokio::test]
async fn a_line_says_who_what_when_why_and_who_allowed_it() {
    let mut world = World::start().await;
    let [requester, approver, lead, outsider] = world.people(["requester", "approver", "lead", "outsider"]);
    world.told(&requester, "/jit request prod-deploy 2h moving the database").await;
    world.settle().await;
    world.clicked(&outsider, "Approve").await;
    world.clicked(&approver, "Approve").await;
    world.advance(seconds(1)).await;
    world.clicked(&lead, "Approve").await;
    world.advance(minutes(10)).await;
    world.clicked(&outsider, "Revoke").await;
    world.clicked(&lead, "Revoke").await;
    let name = {
        world.told(&requester, "/jit request sandbox 1h").await;
        world.awaiting(&requester).await.code.request()
    };
    world.told(&requester, &format!("/jit cancel {name}")).await;
    world.advance(minutes(1)).await;
    insta::assert_snapshot!(world.screen("audit"), @r"
    jit:
      2026-11-21 12:00:00 UTC *policy in force*: `policy`, 2 roles · #1 seal
      2026-11-21 12:00:00 UTC *REQ-CODE* *requested*: @requester, *prod-deploy* for 2h, why `moving the database` · rule 2: 2 approvals needed, to be decided by 2026-11-21 13:00:00 UTC · #2 seal
    jit:
      2026-11-21 12:00:00 UTC *REQ-CODE* *refused* @outsider, who tried to approve: the rule does not name them · @requester, *prod-deploy* for 2h, why `moving the database` · #3 seal
    jit:
      2026-11-21 12:00:00 UTC *REQ-CODE* *approved by* @approver, 1 of 2: @requester, *prod-deploy* for 2h, why `moving the database` · #4 seal
    jit:
      2026-11-21 12:00:01 UTC *REQ-CODE* *granted* by @approver and @lead (@lead was the last) until 2026-11-21 14:00:01 UTC: @requester, *prod-deploy* for 2h, why `moving the database` · #5 seal
    jit:
      2026-11-21 12:00:01 UTC *GRANT-CODE* *opened* `arn:aws:iam::123456789012:role/prod-deploy`: *prod-deploy* of @requester · #6 seal
      2026-11-21 12:00:01 UTC *GRANT-CODE* *live* until 2026-11-21 14:00:01 UTC: @requester, *prod-deploy* for 2h, why `moving the database` · approved by @approver and @lead · #7 seal
    jit:
      2026-11-21 12:10:01 UTC *GRANT-CODE* *refused* @outsider, who tried to revoke it: it is not theirs · @requester, *prod-deploy* for 2h, why `moving the database` · #8 seal
    jit:
      2026-11-21 12:10:01 UTC *GRANT-CODE* *ending*: revoked by @lead · @requester, *prod-deploy* for 2h, why `moving the database` · #9 seal
    jit:
      2026-11-21 12:10:01 UTC *GRANT-CODE* *closed* `arn:aws:iam::123456789012:role/prod-deploy`: *prod-deploy* of @requester · #10 seal
      2026-11-21 12:10:01 UTC *GRANT-CODE* *ended*: revoked by @lead · @requester, *prod-deploy* for 2h, why `moving the database` · #11 seal
    jit:
      2026-11-21 12:10:01 UTC *REQ-CODE* *requested*: @requester, *sandbox* for 1h · rule 1: 1 approval needed, to be decided by 2026-11-21 13:10:01 UTC · #12 seal
      2026-11-21 12:10:01 UTC *REQ-CODE* *withdrawn* by @requester: @requester, *sandbox* for 1h · #13 seal
    ");
    world.glance();
    world.finish().await;
}

#[tokio::test]
async fn what_happened_while_slack_was_down_is_told_in_a_few_messages() {
    let mut world = World::start().await;
    let [requester, outsider] = world.people(["requester", "outsider"]);
    world.slack.fault_in("audit", "chat.postMessage", Fault::ServerError, Times::UntilCleared);
    for place in 0..60 {
        world.told(&outsider, &format!("/jit request prod-deploy 30m try number {place}")).await;
        if place == 0 {
            world.settle().await;
        }
    }
    world.told(&requester, "/jit request prod-deploy 30m fixing OPS-42").await;
    world.advance(minutes(3)).await;
    assert_eq!(told(&world, "audit"), Vec::<i64>::new());
    world.slack.clear_faults();
    world.advance(minutes(6)).await;
    assert_eq!(told(&world, "audit"), all(&world).await);
    let messages = world.slack.channel("audit").messages().len();
    assert!(messages <= 8, "{messages} messages");
    world.glance();
    world.finish().await;
}

#[tokio::test]
async fn the_channel_is_spared_at_its_own_pace() {
    let mut world = World::start().await;
    let [outsider] = world.people(["outsider"]);
    world.slack.limit_posts_per_second(Some(1));
    for place in 0..10 {
        world.told(&outsider, &format!("/jit request prod-deploy 30m try number {place}")).await;
        world.settle().await;
    }
    world.advance(seconds(10)).await;
    assert_eq!(told(&world, "audit"), all(&world).await);
    world.glance();
    world.finish().await;
}

#[tokio::test]
async fn many_cards_at_once_reach_their_channel_one_after_the_other() {
    let mut world = World::with(|config| format!("[limits]\npending_per_person = 50\n{config}")).await;
    let [requester] = world.people(["requester"]);
    world.slack.limit_posts_per_second(Some(1));
    for _ in 0..12 {
        world.told(&requester, "/jit request sandbox 1h").await;
    }
    world.advance(seconds(30)).await;
    let messages = world.slack.channel("requests").messages();
    assert_eq!(messages.len(), 12);
    let pauses = messages.windows(2).map(|pair| pair[1].versions[0].at - pair[0].versions[0].at);
    assert!(pauses.into_iter().all(|pause| pause.total(jiff::Unit::Second).unwrap() >= 1.0));
    world.glance();
    world.finish().await;
}

#[tokio::test]
async fn a_feed_that_moves_goes_on_where_it_was() {
    let mut world = World::start().await;
    let [requester, outsider] = world.people(["requester", "outsider"]);
    world.told(&requester, "/jit request sandbox 1h").await;
    world.settle().await;
    let before = told(&world, "audit");
    world.slack.fault_in("audit", "chat.postMessage", Fault::refuse("is_archived"), Times::UntilCleared);
    world.told(&outsider, "/jit request prod-deploy 30m while the channel is archived").await;
    world.settle().await;
    world.change_policy("audit_channel = \"C0AUDIT\"", "audit_channel = \"C0ALERTS\"").await;
    world.told(&outsider, "/jit request prod-deploy 30m after the move").await;
    world.advance(minutes(5)).await;
    assert_eq!(told(&world, "audit"), before, "nothing more where it was");
    let after = told(&world, "alerts");
    assert_eq!([before, after].concat(), all(&world).await);
    world.glance();
    world.expects_refused.push("is_archived");
    world.finish().await;
}
