//! The main job, end to end: ask in Slack, approve, get AWS access, lose it in time, see it in the audit feed.

use crate::harness::{World, browser, minutes};

#[tokio::test]
async fn access_is_asked_for_approved_claimed_and_ends_by_itself() {
    let mut world = World::start().await;
    let [requester, approver] = world.people(["requester", "approver"]);

    requester.types_in("requests", "/jit request prod-deploy 30m fixing OPS-42").await;
    insta::assert_snapshot!(world.private(&requester), @r"
    *REQ-CODE*: you asked for *prod-deploy* for *30m*.
    1 approval needed from @oncall or @approver. I write to you when it is decided, by 2026-11-21 13:00:00 UTC at the latest.
    Changed your mind? `/jit cancel REQ-CODE`
    ");
    world.settle().await;
    insta::assert_snapshot!(world.screen("requests"), @r"
    jit:
      @requester asks for *prod-deploy* for *30m*
      Why: fixing OPS-42
      1 approval needed from @oncall or @approver
      To be decided by 2026-11-21 13:00:00 UTC
      [Approve] [Deny]
      REQ-CODE · rule 1 of prod-deploy, up to 30m: 1 approval · asked 2026-11-21 12:00:00 UTC
    ");

    approver.clicks("Approve").await;
    world.settle().await;
    insta::assert_snapshot!(world.private(&approver), @"You approved REQ-CODE: it was the last approval needed. GRANT-CODE is being set up.");
    insta::assert_snapshot!(world.screen("requests"), @r"
    jit:
      @requester asks for *prod-deploy* for *30m*
      Why: fixing OPS-42
      *Approved* by @approver on 2026-11-21 12:00:00 UTC
      GRANT-CODE is *live* until 2026-11-21 12:30:00 UTC
      [Revoke]
      REQ-CODE · rule 1 of prod-deploy, up to 30m: 1 approval · asked 2026-11-21 12:00:00 UTC
    ");
    insta::assert_snapshot!(world.dm(&requester), @r"
    jit:
      *prod-deploy* is *live* until 2026-11-21 12:30:00 UTC.
      Credentials stop working at that moment. Get fresh ones as often as you need until then.
      [Get credentials] [End now]
      GRANT-CODE · approved by @approver
    ");

    requester.clicks("Get credentials").await;
    world.settle().await;
    insta::assert_snapshot!(world.private(&requester), @r"
    Your private link to the credentials. It works *once*, within the next *2 minutes*. Do not pass it on.
    [Open the page](http://jit.example.com/claim/TOKEN)
    ");
    let link = requester.link("Open the page");
    let page = browser::clicks_on_page(&link).await;
    let key = page.export("AWS_ACCESS_KEY_ID");
    world.shown_secrets.push(page.export("AWS_SECRET_ACCESS_KEY"));
    assert!(world.cloud.can(&key, "s3:GetObject", world.now()).await);

    world.advance(minutes(30)).await;
    insta::assert_snapshot!(world.screen("requests"), @r"
    jit:
      @requester asks for *prod-deploy* for *30m*
      Why: fixing OPS-42
      *Approved* by @approver on 2026-11-21 12:00:00 UTC
      GRANT-CODE has *ended* on 2026-11-21 12:30:00 UTC: its time is over
      REQ-CODE · rule 1 of prod-deploy, up to 30m: 1 approval · asked 2026-11-21 12:00:00 UTC
    ");
    insta::assert_snapshot!(world.dm(&requester), @r"
    jit:
      *prod-deploy* has *ended* on 2026-11-21 12:30:00 UTC: its time is over.
      GRANT-CODE · approved by @approver
    ");
    insta::assert_snapshot!(world.feed(), @r"
    2026-11-21 12:00:00 UTC *policy in force*: `policy`, 2 roles · #1 seal
    2026-11-21 12:00:00 UTC *REQ-CODE* *requested*: @requester, *prod-deploy* for 30m, why `fixing OPS-42` · rule 1: 1 approval needed, to be decided by 2026-11-21 13:00:00 UTC · #2 seal
    2026-11-21 12:00:00 UTC *REQ-CODE* *granted* by @approver until 2026-11-21 12:30:00 UTC: @requester, *prod-deploy* for 30m, why `fixing OPS-42` · #3 seal
    2026-11-21 12:00:00 UTC *GRANT-CODE* *opened* `arn:aws:iam::123456789012:role/prod-deploy`: *prod-deploy* of @requester · #4 seal
    2026-11-21 12:00:00 UTC *GRANT-CODE* *live* until 2026-11-21 12:30:00 UTC: @requester, *prod-deploy* for 30m, why `fixing OPS-42` · approved by @approver · #5 seal
    2026-11-21 12:00:00 UTC *GRANT-CODE* *credentials claimed* by @requester to use in a shell: `ASIA…` on `arn:aws:iam::123456789012:role/prod-deploy`, until 2026-11-21 12:30:00 UTC · #6 seal
    2026-11-21 12:30:00 UTC *GRANT-CODE* *ending*: its time is over · @requester, *prod-deploy* for 30m, why `fixing OPS-42` · #7 seal
    2026-11-21 12:30:00 UTC *GRANT-CODE* *closed* `arn:aws:iam::123456789012:role/prod-deploy`: *prod-deploy* of @requester · #8 seal
    2026-11-21 12:30:00 UTC *GRANT-CODE* *ended*: its time is over · @requester, *prod-deploy* for 30m, why `fixing OPS-42` · #9 seal
    ");
    assert!(!world.cloud.can(&key, "s3:GetObject", world.now()).await);
    world.finish().await;
}
