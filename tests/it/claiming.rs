//! Claiming credentials: a private link, one click, and credentials that die with the grant.

use jit::usecase::claim;
use reqwest::Method;

use crate::harness::{World, aws::Fault, browser, hours, masked, minutes, newest_dm, seconds, user};

#[tokio::test]
async fn only_a_click_uses_the_link_up_and_only_once() {
    let mut world = World::start().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    world.grants(&requester, &approver, "prod-deploy 30m fixing OPS-42").await;
    let link = world.link_for(&requester).await;

    let page = browser::opens(&link).await;
    insta::assert_snapshot!(page.text(), @r"
    Your credentials
    The link works once. Credentials are made for you the moment you click, and shown on the next page alone.
    Show my credentials
    ");
    for method in [Method::GET, Method::HEAD, Method::OPTIONS, Method::GET] {
        let preview = browser::sends(method.clone(), &link).await;
        assert!(preview.status == 200 || method == Method::OPTIONS, "{method}: {}", preview.status);
    }
    assert_eq!(world.asked_aws("AssumeRole"), 1, "only the trial");

    let page = browser::clicks_on_page(&link).await;
    assert_eq!(page.status, 200);
    world.shown(&page);
    insta::assert_snapshot!(masked(&world, &page), @r"
    prod-deploy until 2026-11-21 12:30:00 UTC
    GRANT-CODE, arn:aws:iam::123456789012:role/prod-deploy. These credentials stop working at 12:30:00 UTC; while the grant lives you can get fresh ones in Slack. Keep them to yourself, and close this page when you have copied them.
    Open the AWS console
    Shell
    export AWS_ACCESS_KEY_ID='ASIA…'
    export AWS_SECRET_ACCESS_KEY='SECRET'
    export AWS_SESSION_TOKEN='SECRET'
    export AWS_REGION='eu-west-1'
    export AWS_DEFAULT_REGION='eu-west-1'
    Profile, for ~/.aws/credentials
    [prod-deploy]
    aws_access_key_id = ASIA…
    aws_secret_access_key = SECRET
    aws_session_token = SECRET
    region = eu-west-1
    PowerShell
    $Env:AWS_ACCESS_KEY_ID = 'ASIA…'
    $Env:AWS_SECRET_ACCESS_KEY = 'SECRET'
    $Env:AWS_SESSION_TOKEN = 'SECRET'
    $Env:AWS_REGION = 'eu-west-1'
    $Env:AWS_DEFAULT_REGION = 'eu-west-1'
    ");

    let again = browser::clicks_on_page(&link).await;
    assert_eq!(again.status, 410);
    insta::assert_snapshot!(again.text(), @r"
    This link does not work any more
    It was used already, or is too old. Click “Get credentials” in Slack for a fresh one. If you did not use it yourself, tell your security team.
    ");
    insta::assert_debug_snapshot!(world.refusals().await, @r#"
    [
        "U0REQUESTER Claim: LinkSpent",
    ]
    "#);
    assert_eq!(world.asked_aws("AssumeRole"), 2, "a spent link mints nothing");
    let strange = browser::opens(&world.url("/claim/https:%2F%2Felsewhere.example%2F%22%3E%3Cb%3E")).await;
    assert_eq!(strange.text(), browser::opens(&link).await.text(), "a preview learns nothing");
    assert!(strange.body.contains("action=\"./https://elsewhere.example/&quot;&gt;&lt;b&gt;\""), "{}", strange.body);

    world.advance(minutes(30)).await;
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn pages_are_kept_framed_indexed_and_told_on_by_nobody() {
    let mut world = World::start().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    world.grants(&requester, &approver, "prod-deploy 30m fixing OPS-42").await;
    let link = world.link_for(&requester).await;
    let pages = [
        ("invitation", browser::opens(&link).await),
        ("credentials", browser::clicks_on_page(&link).await),
        ("refusal", browser::clicks_on_page(&link).await),
    ];
    world.shown(&pages[1].1);
    let (_, shown) = world.claims(&requester).await;
    let console = browser::clicks_console(&link, &shown).await;
    for (name, page) in pages.iter().map(|(name, page)| (*name, page)).chain([("console", &console)]) {
        let header = |header: &str| page.headers[header].to_str().unwrap().to_owned();
        assert_eq!(header("cache-control"), "no-store", "{name}");
        assert_eq!(header("referrer-policy"), "no-referrer", "{name}");
        assert_eq!(header("x-frame-options"), "DENY", "{name}");
        assert_eq!(header("x-content-type-options"), "nosniff", "{name}");
        assert_eq!(header("x-robots-tag"), "noindex, nofollow", "{name}");
        let policy = header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{name}: {policy}");
        assert!(!page.body.contains("<script") && !page.body.contains("src="), "{name}");
    }
    world.advance(minutes(30)).await;
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn a_link_is_good_for_two_minutes() {
    let mut world = World::start().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    world.grants(&requester, &approver, "prod-deploy 30m fixing OPS-42").await;
    let (early, late) = (world.link_for(&requester).await, world.link_for(&requester).await);

    world.advance(seconds(119)).await;
    let page = browser::clicks_on_page(&early).await;
    assert_eq!(page.status, 200);
    world.shown(&page);
    world.advance(seconds(1)).await;
    let page = browser::clicks_on_page(&late).await;
    assert_eq!(page.status, 410);
    assert!(page.text().contains("It was used already, or is too old."), "{}", page.text());
    assert_eq!(world.refusals().await, ["U0REQUESTER Claim: LinkSpent"]);

    world.advance(minutes(28)).await;
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn nobody_claims_for_somebody_else() {
    let mut world = World::start().await;
    let [requester, approver, outsider] = world.people(["requester", "approver", "outsider"]);
    world.grants(&requester, &approver, "prod-deploy 30m fixing OPS-42").await;
    let message = newest_dm(&requester);
    for person in [&approver, &outsider] {
        person.clicks_on(&message, "Get credentials").await;
        world.settle().await;
        assert_eq!(
            world.private(person),
            "GRANT-CODE belongs to @requester: only they can claim its credentials.",
            "{}",
            person.name()
        );
    }
    assert_eq!(world.refusals().await, ["U0APPROVER Claim: NotTheirs", "U0OUTSIDER Claim: NotTheirs"]);
    assert_eq!(world.asked_aws("AssumeRole"), 1, "only the trial");
    world.advance(minutes(30)).await;
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn fresh_credentials_as_often_as_needed_each_for_an_hour_at_most() {
    let mut world = World::start().await;
    let [requester] = world.people(["requester"]);
    world.grants(&requester, &requester, "sandbox 150m").await;
    let ends_at = world.grant().await.ends_at;

    let (first, _) = world.claims(&requester).await;
    let (second, _) = world.claims(&requester).await;
    assert_ne!(first, second);
    assert!(world.works(&first).await && world.works(&second).await);
    world.advance(hours(1)).await;
    assert!(!world.works(&first).await, "STS ends a session after an hour");
    let (third, _) = world.claims(&requester).await;
    world.advance(minutes(80)).await;
    let (last, _) = world.claims(&requester).await;
    let asked: Vec<_> = world.cloud.calls().iter().map(|call| call.param("DurationSeconds").to_owned()).collect();
    assert_eq!(asked, ["3600", "3600", "3600", "3600", "900"], "the trial, then what is left within STS' limits");
    assert!(!world.works(&third).await);
    for (key, at, expected) in [(&last, ends_at - seconds(1), true), (&last, ends_at, false), (&third, ends_at, false)]
    {
        assert_eq!(world.works_at(key, at).await, expected, "{key} at {at}");
    }
    world.advance(minutes(10)).await;
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn credentials_die_at_the_end_with_the_bot_dead() {
    let mut world = World::start().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    world.grants(&requester, &approver, "prod-deploy 1m fixing OPS-42").await;
    let (key, page) = world.claims(&requester).await;
    assert!(page.text().contains("These credentials stop working at 12:01:00 UTC"), "{}", page.text());
    let call = world.cloud.calls().pop().unwrap();
    assert_eq!(call.param("DurationSeconds"), "900", "STS gives no less");
    let ends_at = world.grant().await.ends_at;

    world.kill().await;
    world.clock.advance_to(ends_at - seconds(1));
    assert!(world.works(&key).await);
    world.clock.advance_to(ends_at);
    assert!(!world.works(&key).await, "nobody but the session's own policy ended it");

    world.restart().await;
    world.settle().await;
    assert!(world.dm(&requester).contains("has *ended* on 2026-11-21 12:01:00 UTC: its time is over."));
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn at_the_end_nothing_is_claimed_although_nobody_has_written_the_end_down_yet() {
    let mut world = World::start().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    world.grants(&requester, &approver, "prod-deploy 30m fixing OPS-42").await;
    world.advance(minutes(29)).await;
    let link = world.link_for(&requester).await;
    let ends_at = world.grant().await.ends_at;
    world.clock.advance_to(ends_at);

    let page = browser::clicks_on_page(&link).await;
    assert_eq!(page.status, 410);
    insta::assert_snapshot!(world.tidy(&page.text()), @r"
    This access is not live
    GRANT-CODE is over, or not live yet. Ask again in Slack if you still need it.
    ");
    requester.clicks("Get credentials").await;
    world.answered().await;
    insta::assert_snapshot!(world.private(&requester), @"GRANT-CODE ended 2026-11-21 12:30:00 UTC. Ask again if you still need it.");
    assert_eq!(world.refusals().await, ["U0REQUESTER Claim: TooLate", "U0REQUESTER Claim: TooLate"]);
    assert_eq!(world.asked_aws("AssumeRole"), 1, "only the trial");

    world.settle().await;
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn nothing_is_claimed_before_the_cloud_has_confirmed() {
    let mut world = World::start().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    world.cloud.fail("AssumeRole", usize::MAX, Fault::THROTTLING);
    world.grants(&requester, &approver, "prod-deploy 30m fixing OPS-42").await;
    insta::assert_snapshot!(world.dm(&requester), @r"
    jit:
      *prod-deploy* was approved by @approver, and is *not there yet*. I keep trying until 2026-11-21 12:30:00 UTC.
      AWS gets too many calls to allow AssumeRole now (AWS request id f0f0f0f0-1111-2222-3333-444444444444)
      GRANT-CODE · approved by @approver
    ");
    let (env, holder, grant) = (world.app.ctx.env(), user(&requester).into(), world.grant().await.id);
    let refused =
        world.does(move |tx| Box::pin(async move { claim::link(tx, &env, &holder, grant).await })).await.unwrap_err();
    assert!(matches!(refused, claim::Refused::NotYet(_)), "{refused:?}");

    world.cloud.heal();
    world.advance(minutes(30)).await;
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn a_link_dies_with_its_grant() {
    let mut world = World::start().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    world.grants(&requester, &approver, "prod-deploy 30m fixing OPS-42").await;
    let link = world.link_for(&requester).await;
    requester.clicks("End now").await;
    let page = browser::clicks_on_page(&link).await;
    assert_eq!(page.status, 410);
    assert_eq!(
        world.tidy(&page.text()),
        "This access is not live\nGRANT-CODE is over, or not live yet. Ask again in Slack if you still need it."
    );
    world.settle().await;
    assert_eq!(browser::clicks_on_page(&link).await.status, 410);
    assert_eq!(world.asked_aws("AssumeRole"), 1, "only the trial");
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn the_console_opens_by_a_link_that_holds_no_credentials() {
    let mut world = World::start().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    world.grants(&requester, &approver, "prod-deploy 30m fixing OPS-42").await;
    let link = world.link_for(&requester).await;
    let page = browser::clicks_on_page(&link).await;
    world.shown(&page);

    let console = browser::clicks_console(&link, &page).await;
    assert_eq!(console.status, 303);
    let location = console.headers["location"].to_str().unwrap();
    let url: url::Url = location.parse().unwrap();
    assert!(location.starts_with(world.cloud.federation_url().as_str()), "{location}");
    assert!(url.query_pairs().any(|(key, value)| key == "Action" && value == "login"));
    let exchange = world.cloud.calls().into_iter().find(|call| call.action == "getSigninToken").unwrap();
    let session: serde_json::Value = serde_json::from_str(exchange.param("Session")).unwrap();
    for part in ["sessionKey", "sessionToken"] {
        let secret = session[part].as_str().unwrap();
        assert!(!location.contains(secret) && !console.body.contains(secret));
        world.shown_secrets.push(secret.to_owned());
    }
    let claimed = session["sessionId"].as_str().unwrap();
    assert_ne!(claimed, page.export("AWS_ACCESS_KEY_ID"), "the console has a session of its own");
    assert!(world.works(claimed).await);
    world.settle().await;
    let told = world.screen("audit");
    assert!(told.contains("*credentials claimed* by @requester to open the console"), "{told}");

    let again = browser::clicks_console(&link, &page).await;
    assert_eq!(again.status, 410);
    let (_, page) = world.claims(&requester).await;
    world.cloud.fail("getSigninToken", 1, Fault::Html503);
    let down = browser::clicks_console(&link, &page).await;
    insta::assert_snapshot!(down.text(), @r"
    AWS did not hand out credentials
    AWS' sign-in service failed (HTTP 503): try again. Click “Get credentials” in Slack to try again.
    ");
    let (_, page) = world.claims(&requester).await;
    let misused = world.url(&page.console_action().replace("../console", "/claim"));
    assert_eq!(browser::clicks_on_page(&misused).await.status, 410, "a console's token shows no credentials");
    world.advance(minutes(15)).await;
    assert_eq!(browser::clicks_console(&link, &page).await.status, 410, "after 15 minutes");

    world.advance(minutes(15)).await;
    assert!(!world.works(claimed).await);
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn a_token_that_never_was_looks_like_a_spent_one() {
    let mut world = World::start().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    world.grants(&requester, &approver, "prod-deploy 30m fixing OPS-42").await;
    let link = world.link_for(&requester).await;
    world.shown(&browser::clicks_on_page(&link).await);
    let spent = browser::clicks_on_page(&link).await;
    let garbage = ["0".repeat(64), "x".to_owned(), "%00%ff".to_owned(), "'%20or%201=1".to_owned(), "é".repeat(900)];
    for token in garbage {
        for path in ["claim", "console"] {
            let page = browser::clicks_on_page(&world.url(&format!("/{path}/{token}"))).await;
            if page.status == 400 {
                continue; // not even UTF-8
            }
            assert_eq!((page.status, &page.body), (spent.status, &spent.body), "/{path}/{token}");
        }
    }
    world.advance(minutes(30)).await;
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn a_role_with_two_targets_has_two_links() {
    let mut world = World::with(|config| config).await;
    let other = world.cloud.role("logs").await;
    world.edit_config(|config| {
        let second = format!("external_id = {{ env = \"JIT_EXTERNAL_ID\" }}\n\n[[role.target]]\ntype = \"aws-sts\"\nrole_arn = \"{other}\"");
        config.replacen("external_id = { env = \"JIT_EXTERNAL_ID\" }", &second, 1)
    });
    world.app.reload().await.unwrap();
    let [requester, approver] = world.people(["requester", "approver"]);
    world.grants(&requester, &approver, "prod-deploy 30m fixing OPS-42").await;

    requester.clicks("Get credentials").await;
    world.settle().await;
    let shown = world.private(&requester).replace(&other, "arn:aws:iam::123456789012:role/logs");
    insta::assert_snapshot!(shown, @r"
    Your private link to the credentials. It works *once*, within the next *2 minutes*. Do not pass it on.
    [Open arn:aws:iam::123456789012:role/prod-deploy](http://jit.example.com/claim/TOKEN) [Open arn:aws:iam::123456789012:role/logs](http://jit.example.com/claim/TOKEN)
    ");
    let mut keys = Vec::new();
    for role in [world.role_arn.clone(), other.clone()] {
        let page = browser::clicks_on_page(&requester.link(&format!("Open {role}"))).await;
        world.shown(&page);
        assert!(page.text().contains(&role));
        keys.push(page.export("AWS_ACCESS_KEY_ID"));
    }
    requester.clicks("End now").await;
    world.settle().await;
    for key in &keys {
        assert!(!world.works(key).await, "both are cut off");
    }
    world.advance(hours(2)).await;
    for role in [world.role_arn.clone(), other] {
        assert_eq!(world.cloud.inline_policies(&role).await.len(), 0, "and tidied");
    }
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn a_session_policy_scopes_sessions_down_and_they_still_die_in_time() {
    let mut world = World::start().await;
    let scope = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#;
    std::fs::write(world.config_file().with_file_name("scope.json"), scope).unwrap();
    world.edit_config(|config| {
        let with_policy = "external_id = { env = \"JIT_EXTERNAL_ID\" }\nsession_policy = \"scope.json\"";
        config.replacen("external_id = { env = \"JIT_EXTERNAL_ID\" }", with_policy, 1)
    });
    world.app.reload().await.unwrap();
    let [requester, approver] = world.people(["requester", "approver"]);
    world.grants(&requester, &approver, "prod-deploy 30m fixing OPS-42").await;
    let (key, _) = world.claims(&requester).await;
    let ends_at = world.grant().await.ends_at;
    assert!(world.works(&key).await);
    assert!(!world.cloud.can(&key, "ec2:RunInstances", world.now()).await);
    assert!(world.works_at(&key, ends_at - seconds(1)).await);
    assert!(!world.works_at(&key, ends_at).await);
    world.advance(minutes(30)).await;
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn a_claim_that_aws_refuses_says_why_and_the_next_one_works() {
    let mut world = World::start().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    world.grants(&requester, &approver, "prod-deploy 30m fixing OPS-42").await;
    let link = world.link_for(&requester).await;
    world.cloud.fail("AssumeRole", 1, Fault::ACCESS_DENIED);
    let page = browser::clicks_on_page(&link).await;
    insta::assert_snapshot!(world.tidy(&page.text()), @r"
    AWS did not hand out credentials
    AWS does not let the bot assume arn:aws:iam::123456789012:role/prod-deploy: sts:TagSession is not allowed. Both the bot's own policy and the role's trust policy must allow sts:AssumeRole, sts:TagSession and sts:SetSourceIdentity, the trust policy for this bot and with the external id that the configuration names; the role must exist (AWS request id f0f0f0f0-1111-2222-3333-444444444444). Click “Get credentials” in Slack to try again.
    ");
    insta::assert_snapshot!(world.tidy(&world.refusals().await.join("\n")), @r#"U0REQUESTER Claim: Cloud { why: "AWS does not let the bot assume arn:aws:iam::123456789012:role/prod-deploy: sts:TagSession is not allowed. Both the bot's own policy and the role's trust policy must allow sts:AssumeRole, sts:TagSession and sts:SetSourceIdentity, the trust policy for this bot and with the external id that the configuration names; the role must exist (AWS request id f0f0f0f0-1111-2222-3333-444444444444)" }"#);
    let (key, _) = world.claims(&requester).await;
    assert!(world.works(&key).await);
    world.advance(minutes(30)).await;
    world.everything_is_read();
    world.finish().await;
}
