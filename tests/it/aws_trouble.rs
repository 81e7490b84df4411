//! AWS refuses, fails, hangs and disappears: what people are told, what is tried again, and what never happens.

use std::time::Duration;

use jit::provider::aws::Tuning;
use tokio_util::sync::CancellationToken;

use crate::harness::{
    World,
    aws::{Cloud, Fault},
    browser, minutes, seconds, state,
};

/// No attempt after the first, and that one is short: for stories in which AWS hangs.
fn impatient() -> Tuning {
    Tuning { attempts: 1, attempt_timeout: Duration::from_millis(700), ..Cloud::tuning() }
}

#[tokio::test]
async fn a_permission_that_is_missing_is_named_to_those_who_can_mend_it() {
    let mut world = World::start().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    world.cloud.fail("AssumeRole", 1, Fault::ACCESS_DENIED);
    world.grants(&requester, &approver, "prod-deploy 30m fixing OPS-42").await;
    assert_eq!(state(&world.grant().await), "failed");
    insta::assert_snapshot!(world.dm(&requester), @r"
    jit:
      *prod-deploy* was approved, but *could not be granted*: AWS does not let the bot assume arn:aws:iam::123456789012:role/prod-deploy: sts:TagSession is not allowed. Both the bot's own policy and the role's trust policy must allow sts:AssumeRole, sts:TagSession and sts:SetSourceIdentity, the trust policy for this bot and with the external id that the configuration names; the role must exist (AWS request id f0f0f0f0-1111-2222-3333-444444444444)
      GRANT-CODE · approved by @approver
    ");
    insta::assert_snapshot!(world.screen("requests"), @r"
    jit:
      @requester asks for *prod-deploy* for *30m*
      Why: fixing OPS-42
      *Approved* by @approver on 2026-11-21 12:00:00 UTC
      GRANT-CODE *could not be granted*: AWS does not let the bot assume arn:aws:iam::123456789012:role/prod-deploy: sts:TagSession is not allowed. Both the bot's own policy and the role's trust policy must allow sts:AssumeRole, sts:TagSession and sts:SetSourceIdentity, the trust policy for this bot and with the external id that the configuration names; the role must exist (AWS request id f0f0f0f0-1111-2222-3333-444444444444)
      REQ-CODE · rule 1 of prod-deploy, up to 30m: 1 approval · asked 2026-11-21 12:00:00 UTC
    ");
    let told = world.feed();
    insta::assert_snapshot!(told.lines().rev().take(3).collect::<Vec<_>>().join("\n"), @r"
    2026-11-21 12:00:00 UTC *GRANT-CODE* *could not be granted*: AWS does not let the bot assume arn:aws:iam::123456789012:role/prod-deploy: sts:TagSession is not allowed. Both the bot's own policy and the role's trust policy must allow sts:AssumeRole, sts:TagSession and sts:SetSourceIdentity, the trust policy for this bot and with the external id that the configuration names; the role must exist (AWS request id f0f0f0f0-1111-2222-3333-444444444444) · @requester, *prod-deploy* for 30m, why `fixing OPS-42` · #6 seal
    2026-11-21 12:00:00 UTC *GRANT-CODE* *closed* `arn:aws:iam::123456789012:role/prod-deploy`: *prod-deploy* of @requester · #5 seal
    2026-11-21 12:00:00 UTC *GRANT-CODE* *ending*: it could not be granted: AWS does not let the bot assume arn:aws:iam::123456789012:role/prod-deploy: sts:TagSession is not allowed. Both the bot's own policy and the role's trust policy must allow sts:AssumeRole, sts:TagSession and sts:SetSourceIdentity, the trust policy for this bot and with the external id that the configuration names; the role must exist (AWS request id f0f0f0f0-1111-2222-3333-444444444444) · @requester, *prod-deploy* for 30m, why `fixing OPS-42` · #4 seal
    ");
    requester.types("/jit status").await;
    assert!(world.private(&requester).starts_with("You have no request waiting and no access."));

    // once it is mended the same can be asked for again
    world.grants(&requester, &approver, "prod-deploy 30m fixing OPS-42").await;
    assert_eq!(state(&world.grant().await), "active");
    world.advance(minutes(30)).await;
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn what_aws_will_never_do_is_not_tried_twice() {
    let mut world = World::start().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    for (fault, words) in [
        (Fault::MALFORMED_POLICY, "mend the target's session_policy"),
        (Fault::INVALID_KEY, "AWS does not accept the bot's own credentials"),
        (
            Fault::Refuse { status: 400, code: "PackedPolicyTooLarge", message: "x" },
            "shorten the target's session_policy",
        ),
        (Fault::Refuse { status: 403, code: "RegionDisabledException", message: "x" }, "STS is switched off"),
        (Fault::Refuse { status: 400, code: "ValidationError", message: "role chaining" }, "limits sessions"),
    ] {
        let before = world.asked_aws("AssumeRole");
        world.cloud.fail("AssumeRole", 1, fault);
        world.grants(&requester, &approver, "prod-deploy 30m fixing OPS-42").await;
        let dm = world.dm(&requester);
        let last = dm.lines().rfind(|line| line.contains("*could not be granted*")).unwrap();
        assert!(last.contains(words), "{last}");
        assert_eq!(world.asked_aws("AssumeRole") - before, 1, "{words}");
        assert_eq!(state(&world.grant().await), "failed");
    }
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn what_may_pass_is_tried_until_it_does() {
    for fault in [
        Fault::THROTTLING,
        Fault::Refuse { status: 500, code: "InternalFailure", message: "x" },
        Fault::Html503,
        Fault::FailAfter,
        Fault::DropAfter,
    ] {
        let mut world = World::start().await;
        let [requester, approver] = world.people(["requester", "approver"]);
        world.cloud.fail("AssumeRole", 2 * 3, fault.clone());
        world.grants(&requester, &approver, "prod-deploy 30m fixing OPS-42").await;
        assert_eq!(state(&world.grant().await), "applying", "{fault:?}");
        let told = world.dm(&requester);
        assert!(told.contains("*not there yet*. I keep trying until 2026-11-21 12:30:00 UTC."), "{fault:?}: {told}");
        assert!(!told.contains("[Get credentials]"), "{told}");
        world.advance(seconds(2)).await;
        assert_eq!(state(&world.grant().await), "applying", "{fault:?}");
        world.advance(seconds(2)).await;
        assert_eq!(state(&world.grant().await), "active", "{fault:?}");
        let told = world.dm(&requester);
        assert!(told.contains("*live* until 2026-11-21 12:30:00 UTC") && !told.contains("AWS"), "{fault:?}: {told}");
        assert!(!world.screen("requests").contains("AWS"));
        let (key, _) = world.claims(&requester).await;
        world.advance(minutes(30)).await;
        assert!(!world.works(&key).await);
        world.everything_is_read();
        world.finish().await;
    }
}

#[tokio::test]
async fn an_aws_that_does_not_come_back_in_time_gives_nothing() {
    let mut world = World::start().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    world.cloud.fail("AssumeRole", usize::MAX, Fault::Html503);
    world.grants(&requester, &approver, "prod-deploy 30m fixing OPS-42").await;
    world.advance(minutes(29)).await;
    assert_eq!(state(&world.grant().await), "applying");
    let told = world.screen("audit");
    assert_eq!(told.matches("*stuck*, still being tried").count(), 1, "{told}");
    assert!(world.metric("jit_accesses_stuck").await.ends_with(" 1"));
    world.advance(minutes(1)).await;
    assert_eq!(state(&world.grant().await), "failed");
    insta::assert_snapshot!(world.dm(&requester), @r"
    jit:
      *prod-deploy* was approved, but *could not be granted*: its time was over before the cloud had confirmed it: AWS failed at AssumeRole (HTTP 503, no code)
      GRANT-CODE · approved by @approver
    ");
    insta::assert_snapshot!(world.screen("requests"), @r"
    jit:
      @requester asks for *prod-deploy* for *30m*
      Why: fixing OPS-42
      *Approved* by @approver on 2026-11-21 12:00:00 UTC
      GRANT-CODE *could not be granted*: its time was over before the cloud had confirmed it: AWS failed at AssumeRole (HTTP 503, no code)
      REQ-CODE · rule 1 of prod-deploy, up to 30m: 1 approval · asked 2026-11-21 12:00:00 UTC
    ");
    assert!(world.metric("jit_accesses_stuck").await.ends_with(" 0"));
    world.cloud.heal();
    world.advance(minutes(30)).await;
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn a_cut_that_fails_or_loses_its_answer_is_made_again() {
    for fault in [Fault::THROTTLING, Fault::Html503, Fault::FailAfter, Fault::DropAfter, Fault::LIMIT_EXCEEDED] {
        let mut world = World::start().await;
        let [requester, approver] = world.people(["requester", "approver"]);
        world.grants(&requester, &approver, "prod-deploy 30m fixing OPS-42").await;
        let (key, _) = world.claims(&requester).await;
        let times = if fault == Fault::LIMIT_EXCEEDED { 1 } else { 3 };
        world.cloud.fail("PutRolePolicy", times, fault.clone());
        approver.clicks("Revoke").await;
        world.settle().await;
        assert_eq!(state(&world.grant().await), "ending", "{fault:?}");
        world.advance(seconds(1)).await;
        assert_eq!(state(&world.grant().await), "ended", "{fault:?}");
        assert!(!world.works(&key).await, "{fault:?}");
        assert!(!world.dm(&requester).contains("cannot be cut off"), "{fault:?}");

        world.cloud.fail("DeleteRolePolicy", times, fault);
        world.advance(minutes(90)).await;
        assert_eq!(world.cloud.inline_policies(&world.role_arn).await.len(), 0);
        world.everything_is_read();
        world.finish().await;
    }
}

#[tokio::test]
async fn a_cloud_that_is_taken_out_of_the_configuration_stays_owed() {
    let mut world = World::start().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    world.grants(&requester, &approver, "prod-deploy 30m fixing OPS-42").await;
    let (key, _) = world.claims(&requester).await;
    let whole = std::fs::read_to_string(world.config_file()).unwrap();
    let (head, _) = whole.split_once("[aws]").unwrap();
    let head = head.to_owned();
    world.edit_config(|_| head);
    world.app.reload().await.unwrap();

    requester.clicks("Get credentials").await;
    world.settle().await;
    let page = browser::clicks_on_page(&requester.link("Open the page")).await;
    insta::assert_snapshot!(world.tidy(&page.text()), @r"
    AWS did not hand out credentials
    the configuration no longer says how to reach aws-sts. Click “Get credentials” in Slack to try again.
    ");
    requester.clicks("End now").await;
    world.settle().await;
    assert_eq!(state(&world.grant().await), "ending", "not ended before it is cut off");
    insta::assert_snapshot!(world.dm(&requester), @r"
    jit:
      *prod-deploy* is *ending*: @requester gave it back.
      the configuration no longer says how to reach aws-sts; an operator has to put its section back
      GRANT-CODE · approved by @approver
    ");

    world.edit_config(|_| whole);
    world.app.reload().await.unwrap();
    world.advance(seconds(10)).await;
    assert_eq!(state(&world.grant().await), "ended");
    assert!(!world.works(&key).await);
    world.advance(minutes(90)).await;
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn an_aws_that_hangs_keeps_nobody_else_waiting() {
    let mut world = World::start().await;
    let [requester, approver, lead] = world.people(["requester", "approver", "lead"]);
    for reason in ["one", "two", "three"] {
        requester.types(&format!("/jit request prod-deploy 30m {reason}")).await;
    }
    world.settle().await;
    world.cloud.fail("AssumeRole", 3, Fault::Hang);
    let stop = CancellationToken::new();
    let worker = tokio::spawn({
        let (worker, stop) = (world.worker(), stop.clone());
        async move { worker.work(stop).await }
    });
    for card in world.slack.channel("requests").messages() {
        let click = approver.clicks_on(&card, "Approve").await;
        assert!(click.elapsed < Duration::from_secs(1), "{:?}", click.elapsed);
    }
    until(|| world.asked_aws("AssumeRole") == 3).await;
    let asked = lead.types("/jit request prod-deploy 30m meanwhile").await;
    assert!(asked.elapsed < Duration::from_secs(1), "{:?}", asked.elapsed);
    until(|| world.slack.channel("requests").messages().len() == 4).await;
    until(|| world.slack.channel("requests").screen().matches("*Approved* by @approver").count() == 3).await;
    assert!(!world.slack.channel("requests").screen().contains("*live*"));

    world.cloud.heal();
    until(|| world.slack.channel("requests").screen().matches("*live*").count() == 3).await;
    stop.cancel();
    worker.await.unwrap();
    world.advance(minutes(90)).await;
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn a_hang_is_a_failure_and_an_end_does_not_wait_for_its_retry() {
    let mut world = World::tuned(impatient(), |config| config).await;
    let [requester, approver] = world.people(["requester", "approver"]);
    requester.types("/jit request prod-deploy 30m fixing OPS-42").await;
    world.settle().await;
    approver.clicks("Approve").await;
    world.cloud.fail("AssumeRole", 1, Fault::Hang);
    let working = tokio::spawn({
        let worker = world.worker();
        async move { worker.run_due().await }
    });
    until(|| world.asked_aws("AssumeRole") == 1).await;
    let grant = world.grant().await;
    requester.types(&format!("/jit end {}", grant.code.grant())).await;
    working.await.unwrap().unwrap();
    world.settle().await;
    assert_eq!(state(&world.grant().await), "ended");
    world.cloud.heal();
    world.settle().await;
    assert_eq!(world.asked_aws("AssumeRole"), 1);
    world.everything_is_read();
    world.finish().await;
}

/// Waits for what happens by itself; a story that waits in vain is stopped.
async fn until(mut happened: impl FnMut() -> bool) {
    for _ in 0..1_000 {
        if happened() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it did not happen within ten seconds");
}
