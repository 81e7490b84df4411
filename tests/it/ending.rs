//! How grants end: by themselves, given back, taken back, and what becomes of sessions that run.

use jit::playground::workspace::Resend;

use crate::harness::{World, aws::Fault, browser, hours, minutes, newest_dm, seconds, state};

/// The bot was not given the permission that cutting sessions off takes.
const MAY_NOT_PUT: Fault = Fault::Refuse {
    status: 403,
    code: "AccessDenied",
    message: "User: arn:aws:iam::123456789012:user/jit-bot is not authorized to perform: iam:PutRolePolicy on resource: x",
};

#[tokio::test]
async fn what_is_given_back_is_cut_off_and_the_deny_goes_later() {
    let mut world = World::start().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    world.grants(&requester, &approver, "prod-deploy 30m fixing OPS-42").await;
    let (key, _) = world.claims(&requester).await;
    assert!(world.works(&key).await);

    let click = requester.clicks("End now").await;
    assert_eq!(
        click.confirmation().unwrap(),
        "End now: The access ends now, and sessions that are running are cut off. [End now]"
    );
    world.settle().await;
    insta::assert_snapshot!(world.private(&requester), @"GRANT-CODE is being ended. The messages about it say when all is gone.");
    assert!(!world.works(&key).await);
    insta::assert_snapshot!(world.dm(&requester), @r"
    jit:
      *prod-deploy* has *ended* on 2026-11-21 12:00:00 UTC: @requester gave it back.
      GRANT-CODE · approved by @approver
    ");
    insta::assert_snapshot!(world.screen("requests"), @r"
    jit:
      @requester asks for *prod-deploy* for *30m*
      Why: fixing OPS-42
      *Approved* by @approver on 2026-11-21 12:00:00 UTC
      GRANT-CODE has *ended* on 2026-11-21 12:00:00 UTC: @requester gave it back
      REQ-CODE · rule 1 of prod-deploy, up to 30m: 1 approval · asked 2026-11-21 12:00:00 UTC
    ");
    assert_eq!(world.cloud.inline_policies(&world.role_arn).await.len(), 1);

    world.advance(minutes(60)).await;
    assert_eq!(world.cloud.inline_policies(&world.role_arn).await.len(), 1, "not before the last session is dead");
    world.advance(minutes(10)).await;
    assert_eq!(world.cloud.inline_policies(&world.role_arn).await.len(), 0);
    assert!(!world.works(&key).await, "dead by its own policy now");
    world.finish().await;
}

#[tokio::test]
async fn slash_end_is_for_the_holder() {
    let mut world = World::start().await;
    let [requester, outsider, approver] = world.people(["requester", "outsider", "approver"]);
    world.grants(&requester, &approver, "prod-deploy 30m fixing OPS-42").await;
    let name = world.grant().await.code.grant();
    for person in [&outsider, &approver] {
        person.types(&format!("/jit end {name}")).await;
        assert_eq!(
            world.private(person),
            "GRANT-CODE is not for you to end. Its holder can give it back, and those who may approve it can revoke it on its card."
        );
    }
    assert_eq!(world.refusals().await, ["U0OUTSIDER End: NotTheirs", "U0APPROVER End: NotTheirs"]);
    requester.types("/jit end GRANT-0000").await;
    insta::assert_snapshot!(world.private(&requester), @"There is no grant of that name. `/jit status` shows yours.");

    requester.types(&format!("/jit end {name}")).await;
    insta::assert_snapshot!(world.private(&requester), @"GRANT-CODE is being ended. The messages about it say when all is gone.");
    world.settle().await;
    requester.types(&format!("/jit end {name}")).await;
    insta::assert_snapshot!(world.private(&requester), @"GRANT-CODE ended 2026-11-21 12:00:00 UTC. Ask again if you still need it.");
    assert_eq!(world.cloud.actions(), ["AssumeRole"], "nothing was claimed, so nothing has to be cut off");
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn an_approver_revokes_and_an_outsider_does_not() {
    let mut world = World::start().await;
    let [requester, approver, oncall, outsider] = world.people(["requester", "approver", "oncall1", "outsider"]);
    world.grants(&requester, &approver, "prod-deploy 30m fixing OPS-42").await;
    let (key, _) = world.claims(&requester).await;

    outsider.clicks("Revoke").await;
    world.settle().await;
    insta::assert_snapshot!(world.private(&outsider), @"GRANT-CODE is not for you to end. Its holder can give it back, and those who may approve it can revoke it on its card.");
    assert_eq!(world.refusals().await, ["U0OUTSIDER Revoke: NotTheirs"]);
    assert!(world.works(&key).await);

    // one who may approve the role but did not approve this request, by way of a user group
    oncall.clicks("Revoke").await;
    world.settle().await;
    assert_eq!(world.private(&oncall), "GRANT-CODE is being ended. The messages about it say when all is gone.");
    assert!(!world.works(&key).await);
    insta::assert_snapshot!(world.dm(&requester), @r"
    jit:
      *prod-deploy* has *ended* on 2026-11-21 12:00:00 UTC: @oncall1 revoked it.
      GRANT-CODE · approved by @approver
    ");
    insta::assert_snapshot!(world.screen("requests"), @r"
    jit:
      @requester asks for *prod-deploy* for *30m*
      Why: fixing OPS-42
      *Approved* by @approver on 2026-11-21 12:00:00 UTC
      GRANT-CODE has *ended* on 2026-11-21 12:00:00 UTC: @oncall1 revoked it
      REQ-CODE · rule 1 of prod-deploy, up to 30m: 1 approval · asked 2026-11-21 12:00:00 UTC
    ");
    let told = world.feed();
    insta::assert_snapshot!(told.lines().rev().take(3).collect::<Vec<_>>().join("\n"), @r"
    2026-11-21 12:00:00 UTC *GRANT-CODE* *ended*: revoked by @oncall1 · @requester, *prod-deploy* for 30m, why `fixing OPS-42` · #10 seal
    2026-11-21 12:00:00 UTC *GRANT-CODE* *closed* `arn:aws:iam::123456789012:role/prod-deploy`: *prod-deploy* of @requester · #9 seal
    2026-11-21 12:00:00 UTC *GRANT-CODE* *ending*: revoked by @oncall1 · @requester, *prod-deploy* for 30m, why `fixing OPS-42` · #8 seal
    ");
    world.advance(hours(2)).await;
    world.finish().await;
}

#[tokio::test]
async fn cutting_off_one_grant_leaves_the_others_alone() {
    let mut world = World::start().await;
    let [requester, approver, lead] = world.people(["requester", "approver", "lead"]);
    world.grants(&requester, &approver, "prod-deploy 30m the first").await;
    let (first, _) = world.claims(&requester).await;
    world.grants(&requester, &approver, "prod-deploy 30m the second").await;
    let (second, _) = world.claims(&requester).await;
    world.grants(&lead, &approver, "prod-deploy 30m the third").await;
    let (third, _) = world.claims(&lead).await;
    let ends_at = world.grant().await.ends_at;

    let name = world.all_grants().await[0].code.grant();
    requester.types(&format!("/jit end {name}")).await;
    world.settle().await;
    assert!(!world.works(&first).await);
    assert!(world.works(&second).await && world.works(&third).await);
    lead.clicks("End now").await;
    world.settle().await;
    assert!(!world.works(&third).await);
    assert!(world.works_at(&second, ends_at - seconds(10)).await);
    let (fresh, _) = world.claims(&requester).await;
    assert!(world.works(&fresh).await, "the second grant goes on");

    world.advance(hours(2)).await;
    assert_eq!(world.cloud.inline_policies(&world.role_arn).await.len(), 0);
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn a_target_that_lets_sessions_run_says_so() {
    let mut world = World::start().await;
    let [requester] = world.people(["requester"]);
    world.grants(&requester, &requester, "sandbox 30m").await;
    let (key, _) = world.claims(&requester).await;
    let click = requester.clicks("End now").await;
    assert_eq!(
        click.confirmation().unwrap(),
        "End now: Nothing can be claimed any more. Credentials that were claimed work on until the planned end. [End now]"
    );
    world.settle().await;
    insta::assert_snapshot!(world.dm(&requester), @r"
    jit:
      *sandbox* is *ending*: @requester gave it back.
      sessions that were claimed run on until 2026-11-21 12:30:00 UTC: nothing cuts them off before
      GRANT-CODE · approved by @requester
    ");
    insta::assert_snapshot!(world.screen("requests"), @r"
    jit:
      @requester asks for *sandbox* for *30m*
      *Approved* by @requester on 2026-11-21 12:00:00 UTC
      GRANT-CODE is *ending*: @requester gave it back
      sessions that were claimed run on until 2026-11-21 12:30:00 UTC: nothing cuts them off before
      REQ-CODE · rule 1 of sandbox: 1 approval, requesters may approve themselves · asked 2026-11-21 12:00:00 UTC
    ");
    world.advance(minutes(29)).await;
    assert!(world.works(&key).await);
    assert_eq!(state(&world.grant().await), "ending");
    requester.types("/jit status").await;
    insta::assert_snapshot!(world.private(&requester), @r"
    GRANT-CODE is being ended. The messages about it say when all is gone.

    *GRANT-CODE* is ending: *sandbox*
    ");

    world.advance(minutes(1)).await;
    assert!(!world.works(&key).await);
    assert_eq!(state(&world.grant().await), "ended");
    assert!(world.asked_aws("PutRolePolicy") == 0);
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn whoever_revokes_is_told_too_that_sessions_run_on() {
    let mut world = World::start().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    world.grants(&requester, &approver, "sandbox 30m").await;
    let click = approver.clicks("Revoke").await;
    assert_eq!(
        click.confirmation().unwrap(),
        "Revoke: Nothing can be claimed any more. Credentials that were claimed work on until the planned end. [Revoke]"
    );
    world.settle().await;
    assert_eq!(state(&world.grant().await), "ended", "nothing was claimed");
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn what_is_not_there_yet_can_be_ended_too() {
    let mut world = World::start().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    world.cloud.fail("AssumeRole", usize::MAX, Fault::THROTTLING);
    world.grants(&requester, &approver, "prod-deploy 30m fixing OPS-42").await;
    assert_eq!(state(&world.grant().await), "applying");
    approver.clicks("Revoke").await;
    world.settle().await;
    assert_eq!(state(&world.grant().await), "ended");
    insta::assert_snapshot!(world.dm(&requester), @r"
    jit:
      *prod-deploy* has *ended* on 2026-11-21 12:00:00 UTC: @approver revoked it.
      GRANT-CODE · approved by @approver
    ");
    let tried = world.asked_aws("AssumeRole");
    world.cloud.heal();
    world.advance(hours(1)).await;
    assert_eq!(world.asked_aws("AssumeRole"), tried);
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn a_grant_ends_once_however_often_it_is_ended() {
    let mut world = World::start().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    world.grants(&requester, &approver, "prod-deploy 30m fixing OPS-42").await;
    world.claims(&requester).await;
    let (message, card) = (newest_dm(&requester), world.newest_card());
    let live = message.versions.len() - 1;
    let click = requester.clicks("End now").await;
    world.slack.redeliver(&click, Resend::SignedAnew).await;
    let (_, _) = tokio::join!(
        requester.clicks_stale(&message, live, "End now"),
        approver.clicks_stale(&card, card.versions.len() - 1, "Revoke")
    );
    world.settle().await;
    requester.clicks_stale(&message, live, "End now").await;
    world.settle().await;
    insta::assert_snapshot!(world.private(&requester), @r"
    GRANT-CODE is being ended. The messages about it say when all is gone.

    GRANT-CODE is ending already. Ask again if you still need it.

    GRANT-CODE ended 2026-11-21 12:00:00 UTC. Ask again if you still need it.
    ");
    insta::assert_snapshot!(world.private(&approver), @"GRANT-CODE is ending already. Ask again if you still need it.");
    assert_eq!(world.asked_aws("PutRolePolicy"), 1);
    let mut refusals = world.refusals().await;
    refusals.sort();
    assert_eq!(refusals, ["U0APPROVER Revoke: TooLate", "U0REQUESTER End: TooLate", "U0REQUESTER End: TooLate"]);
    world.advance(hours(2)).await;
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn at_the_last_second_the_end_is_early_and_at_the_next_it_is_not() {
    let mut world = World::start().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    world.grants(&requester, &approver, "prod-deploy 30m fixing OPS-42").await;
    world.claims(&requester).await;
    let ends_at = world.grant().await.ends_at;
    world.clock.advance_to(ends_at);
    approver.clicks("Revoke").await;
    world.settle().await;
    insta::assert_snapshot!(world.private(&approver), @"GRANT-CODE ended 2026-11-21 12:30:00 UTC. Ask again if you still need it.");
    assert!(world.dm(&requester).contains("its time is over"));
    assert_eq!(world.asked_aws("PutRolePolicy"), 0, "the sessions are dead by their own policy");

    world.grants(&requester, &approver, "prod-deploy 30m fixing OPS-43").await;
    world.claims(&requester).await;
    let ends_at = world.grant().await.ends_at;
    world.clock.advance_to(ends_at - seconds(1));
    approver.clicks("Revoke").await;
    world.clock.advance_to(ends_at);
    world.settle().await;
    assert!(world.dm(&requester).contains("@approver revoked it"));
    assert_eq!(world.asked_aws("PutRolePolicy"), 0, "it was too late to cut anything off");
    world.advance(hours(2)).await;
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn a_cut_that_aws_does_not_allow_is_told_retried_and_over_by_the_planned_end() {
    let mut world = World::start().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    world.grants(&requester, &approver, "prod-deploy 30m fixing OPS-42").await;
    let (key, _) = world.claims(&requester).await;
    let ends_at = world.grant().await.ends_at;
    world.cloud.fail("PutRolePolicy", usize::MAX, MAY_NOT_PUT);
    approver.clicks("Revoke").await;
    world.settle().await;
    insta::assert_snapshot!(world.dm(&requester), @r"
    jit:
      *prod-deploy* is *ending*: @approver revoked it.
      running sessions of arn:aws:iam::123456789012:role/prod-deploy cannot be cut off: iam:PutRolePolicy is not allowed. Allow iam:PutRolePolicy and iam:DeleteRolePolicy on this role to the bot, or to the role in aws.revoker_role_arn; sessions stop at the planned end in any case (AWS request id f0f0f0f0-1111-2222-3333-444444444444)
      GRANT-CODE · approved by @approver
    ");
    insta::assert_snapshot!(world.screen("requests"), @r"
    jit:
      @requester asks for *prod-deploy* for *30m*
      Why: fixing OPS-42
      *Approved* by @approver on 2026-11-21 12:00:00 UTC
      GRANT-CODE is *ending*: @approver revoked it
      running sessions of arn:aws:iam::123456789012:role/prod-deploy cannot be cut off: iam:PutRolePolicy is not allowed. Allow iam:PutRolePolicy and iam:DeleteRolePolicy on this role to the bot, or to the role in aws.revoker_role_arn; sessions stop at the planned end in any case (AWS request id f0f0f0f0-1111-2222-3333-444444444444)
      REQ-CODE · rule 1 of prod-deploy, up to 30m: 1 approval · asked 2026-11-21 12:00:00 UTC
    ");
    assert!(world.works(&key).await, "AWS does not allow it to be cut off");
    assert!(!world.screen("audit").contains("*stuck*"));
    assert!(!world.metric("jit_accesses_stuck").await.ends_with(" 1"));

    world.advance(minutes(5)).await;
    assert!(world.asked_aws("PutRolePolicy") >= 6);
    let told = world.screen("audit");
    let stuck: Vec<_> = told.lines().filter(|line| line.contains("*stuck*")).collect();
    assert_eq!(stuck.len(), 1, "told once:\n{told}");
    insta::assert_snapshot!(stuck[0], @"  2026-11-21 12:00:31 UTC *GRANT-CODE* *stuck*, still being tried: `arn:aws:iam::123456789012:role/prod-deploy` · running sessions of arn:aws:iam::123456789012:role/prod-deploy cannot be cut off: iam:PutRolePolicy is not allowed. Allow iam:PutRolePolicy and iam:DeleteRolePolicy on this role to the bot, or to the role in aws.revoker_role_arn; sessions stop at the planned end in any case (AWS request id f0f0f0f0-1111-2222-3333-444444444444) · @requester, *prod-deploy* for 30m, why `fixing OPS-42` · #8 seal");

    world.clock.advance_to(ends_at - seconds(1));
    assert!(world.works(&key).await);
    world.advance(seconds(1)).await;
    assert!(!world.works(&key).await);
    assert_eq!(state(&world.grant().await), "ended");
    insta::assert_snapshot!(world.dm(&requester), @r"
    jit:
      *prod-deploy* has *ended* on 2026-11-21 12:30:00 UTC: @approver revoked it.
      GRANT-CODE · approved by @approver
    ");
    world.cloud.heal();
    world.advance(hours(2)).await;
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn a_claim_in_flight_while_the_grant_is_revoked_hands_nothing_out() {
    let mut world = World::start().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    world.grants(&requester, &approver, "prod-deploy 30m fixing OPS-42").await;
    let link = world.link_for(&requester).await;
    world.cloud.fail("AssumeRole", 1, Fault::Hang);
    let claim = tokio::spawn(async move { browser::clicks_on_page(&link).await });
    while world.asked_aws("AssumeRole") < 2 {
        tokio::task::yield_now().await;
    }
    approver.clicks("Revoke").await;
    world.settle().await;
    assert_eq!(world.asked_aws("PutRolePolicy"), 1, "a session may be on its way");
    world.cloud.heal();
    let page = claim.await.unwrap();
    assert_eq!(page.status, 410, "{}", page.text());
    let minted = world.cloud.sessions().pop().unwrap().access_key_id;
    assert!(!world.works(&minted).await, "and what was minted opens nothing");
    assert_eq!(world.refusals().await, ["U0REQUESTER Claim: TooLate"]);
    world.advance(hours(2)).await;
    world.everything_is_read();
    world.finish().await;
}
