//! More time for a grant that is live: the same grant, ending later.

use jiff::SignedDuration;
use jit::domain::{access::AccessState, job::Job};

use crate::harness::{
    World,
    aws::{Fault, Slow},
    estate::Estate,
    minutes, seconds, state,
};

const IAM_POLICY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#;

#[tokio::test]
async fn more_time_is_approved_and_the_grant_goes_on() {
    let mut world = World::start().await;
    let [requester, approver, lead] = world.people(["requester", "approver", "lead"]);
    world.grants(&requester, &approver, "prod-deploy 30m fixing OPS-42").await;
    let name = world.grant().await.code.grant();
    let (first, _) = world.claims(&requester).await;

    world.advance(minutes(20)).await;
    let answer = world.told(&requester, &format!("/jit extend {name} 30m the restore takes longer, OPS-42")).await;
    insta::assert_snapshot!(answer, @r"
    *REQ-CODE*: you asked for GRANT-CODE to last until 2026-11-21 13:00:00 UTC.
    2 approvals needed from @oncall, @approver or @lead. I write to you when it is decided, by 2026-11-21 12:30:00 UTC at the latest.
    Changed your mind? `/jit cancel REQ-CODE`
    ");
    world.settle().await;
    insta::assert_snapshot!(world.screen("requests"), @r"
    jit:
      @requester asks for *prod-deploy* for *30m*
      Why: fixing OPS-42
      *Approved* by @approver on 2026-11-21 12:00:00 UTC
      GRANT-CODE is *live* until 2026-11-21 12:30:00 UTC
      [Revoke]
      REQ-CODE · rule 1 of prod-deploy, up to 30m: 1 approval · asked 2026-11-21 12:00:00 UTC
    jit:
      @requester asks for *more time* with *prod-deploy*: GRANT-CODE to last *1h* in all, until 2026-11-21 13:00:00 UTC
      Why: the restore takes longer, OPS-42
      2 approvals needed from @oncall, @approver or @lead
      To be decided by 2026-11-21 12:30:00 UTC
      [Approve] [Deny]
      REQ-CODE · rule 2 of prod-deploy: 2 approvals · asked 2026-11-21 12:20:00 UTC
    ");
    let waiting = world.awaiting(&requester).await.code.request();
    let again = world.told(&requester, &format!("/jit extend {name} 10m")).await;
    insta::assert_snapshot!(again, @"REQ-CODE asks for more time already and waits for its decision. To ask for something else, withdraw it with `/jit cancel REQ-CODE`.");
    assert!(again.contains("waits for its decision"), "{waiting}: {again}");

    // an hour in all takes two people, as it would have if it had been asked for at once
    insta::assert_snapshot!(world.clicked(&approver, "Approve").await, @"You approved REQ-CODE. 1 more approval is needed, from somebody else.");
    insta::assert_snapshot!(world.clicked(&lead, "Approve").await, @"You approved REQ-CODE: it was the last approval needed. GRANT-CODE now ends 2026-11-21 13:00:00 UTC.");
    world.settle().await;
    insta::assert_snapshot!(world.dm(&requester), @r"
    jit:
      *prod-deploy* is *live* until 2026-11-21 13:00:00 UTC.
      Credentials stop working at that moment. Get fresh ones as often as you need until then.
      [Get credentials] [End now]
      GRANT-CODE · approved by @approver
    jit:
      More time for *prod-deploy* was approved by @approver and @lead: GRANT-CODE ends 2026-11-21 13:00:00 UTC.
    ");
    insta::assert_snapshot!(world.screen("requests"), @r"
    jit:
      @requester asks for *prod-deploy* for *30m*
      Why: fixing OPS-42
      *Approved* by @approver on 2026-11-21 12:00:00 UTC
      GRANT-CODE is *live* until 2026-11-21 13:00:00 UTC
      [Revoke]
      REQ-CODE · rule 1 of prod-deploy, up to 30m: 1 approval · asked 2026-11-21 12:00:00 UTC
    jit:
      @requester asks for *more time* with *prod-deploy*: GRANT-CODE to last *1h* in all, until 2026-11-21 13:00:00 UTC
      Why: the restore takes longer, OPS-42
      *Approved* by @approver and @lead on 2026-11-21 12:20:00 UTC: GRANT-CODE ends 2026-11-21 13:00:00 UTC
      REQ-CODE · rule 2 of prod-deploy: 2 approvals · asked 2026-11-21 12:20:00 UTC
    ");

    world.advance(minutes(15)).await;
    assert_eq!(state(&world.grant().await), "active");
    assert!(!world.works(&first).await, "what was claimed before keeps its own end");
    let (second, _) = world.claims(&requester).await;
    assert!(world.works(&second).await);
    world.advance(minutes(25)).await;
    assert_eq!(state(&world.grant().await), "ended");
    assert!(!world.works(&second).await);
    let feed = world.feed();
    let told: Vec<&str> = feed.lines().filter(|line| line.contains("extended")).collect();
    insta::assert_snapshot!(told.join("\n"), @"2026-11-21 12:20:00 UTC *REQ-CODE* *extended* by @approver and @lead (@lead was the last) until 2026-11-21 13:00:00 UTC, instead of 2026-11-21 12:30:00 UTC: @requester, *prod-deploy* for 1h, why `the restore takes longer, OPS-42` · #9 seal");
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn what_cannot_be_extended_says_why() {
    let mut world = World::start().await;
    let [requester, approver, outsider] = world.people(["requester", "approver", "outsider"]);
    world.grants(&requester, &approver, "prod-deploy 30m fixing OPS-42").await;
    let name = world.grant().await.code.grant();
    let mut told = Vec::new();
    for (who, typed) in [
        (&requester, "extend".to_owned()),
        (&requester, format!("extend {name}")),
        (&requester, "extend GRANT-0000 30m".to_owned()),
        (&outsider, format!("extend {name} 30m")),
        (&requester, format!("extend {name} 2h")),
        (&requester, format!("extend {name} 10m no ticket")),
    ] {
        told.push(format!("{typed}: {}", world.told(who, &format!("/jit {typed}")).await).replace(&name, "GRANT-CODE"));
    }
    world.advance(minutes(30)).await;
    let late = world.told(&requester, &format!("/jit extend {name} 30m")).await;
    told.push(format!("too late: {late}"));
    insta::assert_snapshot!(told.join("\n"), @r"
    extend: Which one? Write its name: `/jit extend GRANT-CODE 30m`. `/jit status` shows yours.
    extend GRANT-CODE: For how long? Write it like `30m` or `1h30m`, or leave out the `for`.
    extend GRANT-0000 30m: There is no grant of that name. `/jit status` shows yours.
    extend GRANT-CODE 30m: GRANT-CODE belongs to @requester: only they can ask for more time.
    extend GRANT-CODE 2h: That would be 2h30m from its start, and this role allows 2h in all.
    extend GRANT-CODE 10m no ticket: *REQ-CODE*: you asked for GRANT-CODE to last until 2026-11-21 12:40:00 UTC.
    2 approvals needed from @oncall, @approver or @lead. I write to you when it is decided, by 2026-11-21 12:30:00 UTC at the latest.
    Changed your mind? `/jit cancel REQ-CODE`
    too late: GRANT-CODE ended 2026-11-21 12:30:00 UTC. Ask again if you still need it.
    ");
    assert_eq!(world.refusals().await, ["U0OUTSIDER Extend: NotTheirs", "U0REQUESTER Extend: TooLate"]);
    world.glance();
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn an_end_closes_what_asks_for_more_time() {
    let mut world = World::start().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    world.grants(&requester, &approver, "prod-deploy 20m fixing OPS-42").await;
    let name = world.grant().await.code.grant();
    world.told(&requester, &format!("/jit extend {name} 5m")).await;
    world.settle().await;
    world.told(&requester, &format!("/jit end {name}")).await;
    world.settle().await;
    insta::assert_snapshot!(world.dm(&requester), @r"
    jit:
      *prod-deploy* has *ended* on 2026-11-21 12:00:00 UTC: @requester gave it back.
      GRANT-CODE · approved by @approver
    jit:
      More time for *prod-deploy* (REQ-CODE) was *denied* by today's policy, which has changed since it was asked. The grant that was to last longer has ended. Ask for the role again.
    ");
    assert_eq!(state(&world.grant().await), "ended");

    // left alone, it can be decided until the grant ends and no longer
    world.grants(&requester, &approver, "prod-deploy 20m fixing OPS-43").await;
    let name = world.grant().await.code.grant();
    world.told(&requester, &format!("/jit extend {name} 5m")).await;
    let request = world.awaiting(&requester).await;
    assert_eq!(request.decide_by, world.grant().await.ends_at);
    world.advance(minutes(20)).await;
    assert_eq!(state(&world.grant().await), "ended");
    world.glance();
    world.everything_is_read();
    world.finish().await;
}

/// A world with a role that puts a policy on an IAM role which carries its own end.
async fn with_policy() -> (World, String) {
    let world = World::start().await;
    let user = world.cloud.user("breakglass").await;
    std::fs::write(world.config_file().with_file_name("s3.json"), IAM_POLICY).unwrap();
    world.edit_config(|config| {
        format!(
            "{config}\n[[role]]\nname = \"s3\"\nmax_duration = \"2h\"\n\n[[role.rule]]\napprovals = 1\napprovers = \
             [\"sre\"]\n\n[[role.target]]\ntype = \"aws-iam-policy\"\nuser = \"{user}\"\npolicy = \"s3.json\"\n"
        )
    });
    world.app.reload().await.unwrap();
    (world, user)
}

#[tokio::test]
async fn the_cloud_is_told_the_later_end() {
    let (mut world, _user) = with_policy().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    world.grants(&requester, &approver, "s3 30m fixing OPS-42").await;
    let name = world.grant().await.code.grant();
    world.told(&requester, &format!("/jit extend {name} 30m")).await;
    world.settle().await;
    assert_eq!(world.asked_aws("PutUserPolicy"), 1, "nothing before it is approved");
    world.clicked(&approver, "Approve").await;
    world.settle().await;
    assert_eq!(world.asked_aws("PutUserPolicy"), 2);
    assert_eq!(world.grant().await.ends_at, "2026-11-21T13:00:00Z".parse().unwrap());
    world.advance(minutes(59)).await;
    assert_eq!(world.asked_aws("DeleteUserPolicy"), 0);
    world.advance(minutes(1)).await;
    assert_eq!((state(&world.grant().await), world.asked_aws("DeleteUserPolicy")), ("ended", 1));
    world.glance();
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn what_a_cloud_will_not_prolong_ends_as_planned() {
    let (mut world, user) = with_policy().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    world.grants(&requester, &approver, "s3 30m fixing OPS-42").await;
    let name = world.grant().await.code.grant();
    world.told(&requester, &format!("/jit extend {name} 30m")).await;
    world.settle().await;
    world.cloud.fail("PutUserPolicy", 1, Fault::ACCESS_DENIED);
    world.clicked(&approver, "Approve").await;
    world.settle().await;
    insta::assert_snapshot!(world.dm(&requester).replace(&user, "USER"), @r"
    jit:
      *s3* is *live* until 2026-11-21 12:30:00 UTC.
      The access is simply there: there are no credentials to fetch.
      IAM user USER cannot be given a policy: sts:TagSession is not allowed. Allow it to the bot, or to the role in aws.revoker_role_arn (AWS request id f0f0f0f0-1111-2222-3333-444444444444)
      [End now]
      GRANT-CODE · approved by @approver
    jit:
      More time for *s3* was approved by @approver: GRANT-CODE *could not be extended* and ends 2026-11-21 12:30:00 UTC. IAM user USER cannot be given a policy: sts:TagSession is not allowed. Allow it to the bot, or to the role in aws.revoker_role_arn (AWS request id f0f0f0f0-1111-2222-3333-444444444444).
    ");
    insta::assert_snapshot!(world.screen("requests").replace(&user, "USER"), @r"
    jit:
      @requester asks for *s3* for *30m*
      Why: fixing OPS-42
      *Approved* by @approver on 2026-11-21 12:00:00 UTC
      GRANT-CODE is *live* until 2026-11-21 12:30:00 UTC
      IAM user USER cannot be given a policy: sts:TagSession is not allowed. Allow it to the bot, or to the role in aws.revoker_role_arn (AWS request id f0f0f0f0-1111-2222-3333-444444444444)
      [Revoke]
      REQ-CODE · rule 1 of s3: 1 approval · asked 2026-11-21 12:00:00 UTC
    jit:
      @requester asks for *more time* with *s3*: GRANT-CODE to last *1h* in all, until 2026-11-21 13:00:00 UTC
      Why: fixing OPS-42
      *Approved* by @approver on 2026-11-21 12:00:00 UTC: GRANT-CODE *could not be extended* and ends 2026-11-21 12:30:00 UTC. IAM user USER cannot be given a policy: sts:TagSession is not allowed. Allow it to the bot, or to the role in aws.revoker_role_arn (AWS request id f0f0f0f0-1111-2222-3333-444444444444)
      REQ-CODE · rule 1 of s3: 1 approval · asked 2026-11-21 12:00:00 UTC
    ");
    assert_eq!(world.grant().await.ends_at, "2026-11-21T12:30:00Z".parse().unwrap());
    world.advance(minutes(30)).await;
    assert_eq!(state(&world.grant().await), "ended");
    world.glance();
    world.everything_is_read();
    world.finish().await;
}

/// The bot begins to take away what an extension that was clicked before the end still prolongs: clocks and commits do not
/// always come in order.
#[tokio::test]
async fn more_time_at_the_last_moment_counts_however_far_the_end_has_come() {
    for is_slow in [true, false] {
        let mut world = World::start().await;
        let estate = Estate::of(&world).await;
        let [requester, approver] = world.people(["requester", "approver"]);
        world.grants(&requester, &approver, "db-admin 30m").await;
        world.advance(seconds(5)).await;
        let name = world.grant().await.code.grant();
        let _ = world.told(&requester, &format!("/jit extend {name} 30m")).await;
        world.settle().await;

        // it is the end, and of all that is owed then the removal comes first
        world.sql("update job set run_at = run_at + 60000000 where kind = 'end_grant'").await;
        if is_slow {
            let lasts = SignedDuration::from_secs(20);
            world.cloud.slow("DeleteAccountAssignment", 1, Slow { lasts, ..Slow::default() });
        }
        world.clock.advance_to(world.grant().await.ends_at);
        let (key, now) = (world.accesses().await.remove(0).0.key, world.now());
        let reconcile = Job::ReconcileAccess(key);
        let owed = reconcile.clone();
        world.does(move |tx| Box::pin(async move { tx.enqueue(&owed, now).await })).await;
        world.worker().run_these(&[reconcile]).await.unwrap();
        let (access, grant) = world.accesses().await.pop().unwrap();
        assert_eq!(
            (access.state, state(&grant)),
            (AccessState::Removing, "active"),
            "nobody has written down yet that it is over"
        );
        assert_eq!(estate.held(&world.cloud).await[0], is_slow);

        // the approver's click was a second before the end
        world.clock.advance(-seconds(1));
        let answer = world.clicked(&approver, "Approve").await;
        assert!(answer.contains("now ends 2026-11-21 13:00:00 UTC"), "{answer}");
        world.advance(minutes(1)).await;
        assert_eq!(estate.held(&world.cloud).await, [true, false, false]);
        world.the_cloud_agrees().await;
        assert_eq!(world.screen("alerts"), "");
        world.advance(minutes(30)).await;
        assert_eq!(estate.held(&world.cloud).await, [false; 3]);
        world.the_cloud_agrees().await;
        world.glance();
        world.finish().await;
    }
}
