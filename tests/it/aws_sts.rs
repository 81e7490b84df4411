//! Sessions of AWS roles, over the wire: what they may do and until when, how they are cut off, and how they become a link
//! into the console.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use jit::{
    ambient::Clock,
    domain::catalog::{EarlyEnd, SecretRef},
    provider::{Desired, ErrorKind, Observed, Progress, Provider, Receipt, Work, aws::Settings},
};
use secrecy::ExposeSecret;
use url::Url;

use crate::harness::aws::{
    ACCESS_KEY_ID, Call, Fault, REGION,
    sts_story::{Story, ended_early, tidy_at},
};

#[tokio::test]
async fn a_session_says_whose_it_is_and_dies_with_its_grant() {
    let story = Story::start().await;
    let work = story.grant();
    let until = story.in_minutes(30);

    let credentials = story.aws.claim(&work, until).await.unwrap();

    let [call] = &story.cloud.calls()[..] else { panic!("one call: {:?}", story.cloud.actions()) };
    assert_eq!(call.action, "AssumeRole");
    assert_eq!(call.param("RoleArn"), story.target.role_arn);
    assert_eq!(call.param("RoleSessionName"), format!("jit-{}", work.grant.0.simple()));
    assert_eq!(call.param("SourceIdentity"), "sre.one@example.com");
    assert_eq!(call.param("ExternalId"), "install-4711");
    assert_eq!(call.param("DurationSeconds"), "1800");
    assert_eq!(call.param("Tags.member.1.Key"), "JitGrantId");
    assert_eq!(call.param("Tags.member.1.Value"), work.grant.to_string());
    assert_eq!(call.param("TransitiveTagKeys.member.1"), "JitGrantId");
    assert!(call.user_agent.contains("app/jit"), "{}", call.user_agent);

    assert_eq!((credentials.region.as_str(), credentials.partition.as_str()), (REGION, "aws"));
    assert_eq!(credentials.expires_at, until);
    let key = &credentials.access_key_id;
    assert!(story.works(key).await);
    assert!(story.cloud.can(key, "s3:GetObject", until - SignedDuration::from_secs(1)).await);
    assert!(!story.cloud.can(key, "s3:GetObject", until).await);
}

#[tokio::test]
async fn a_session_is_dead_at_the_end_although_sts_would_keep_it_longer() {
    let story = Story::start().await;
    let until = story.in_minutes(5) + SignedDuration::from_millis(700);
    let key = story.claim(&story.grant(), until).await;

    let [session] = &story.cloud.sessions()[..] else { panic!("one session") };
    assert!(session.delivered && session.name.starts_with("jit-"));
    assert_eq!(session.expires_at, story.in_minutes(15), "the least that STS gives");
    assert!(story.cloud.can(&key, "s3:GetObject", story.in_minutes(5) - SignedDuration::from_secs(1)).await);
    assert!(!story.cloud.can(&key, "s3:GetObject", story.in_minutes(5)).await);
}

#[tokio::test]
async fn a_long_grant_has_many_sessions_of_an_hour() {
    let story = Story::start().await;
    let work = story.grant();
    let until = story.in_minutes(8 * 60);
    let first = story.claim(&work, until).await;
    story.advance(60);
    assert!(!story.works(&first).await);
    let second = story.claim(&work, until).await;
    assert!(story.works(&second).await);
}

#[tokio::test]
async fn the_targets_own_policy_scopes_the_session_further_down() {
    let mut story = Story::start().await;
    let scope = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}"#;
    story.target.session_policy = Some(scope.to_owned());
    let key = story.claim(&story.grant(), story.in_minutes(30)).await;
    assert!(story.works(&key).await);
    assert!(!story.cloud.can(&key, "ec2:RunInstances", story.clock.now()).await);
    assert!(!story.cloud.can(&key, "s3:GetObject", story.in_minutes(30)).await);
}

#[tokio::test]
async fn a_trial_is_one_call_and_the_same_as_a_claim() {
    let story = Story::start().await;
    let work = story.grant();
    let until = story.in_minutes(30);

    let progress = story.aws.apply(&work, &Desired::Present { until }).await.unwrap();
    let Progress::Done { receipt, tidy_at: None } = progress else { panic!("{progress:?}") };
    assert_eq!(receipt.0.keys().collect::<Vec<_>>(), ["assumed_role_arn", "assumed_role_id", "aws_request_id"]);

    story.claim(&work, until).await;
    let calls = story.cloud.calls();
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[0].params, calls[1].params);
    assert_eq!(story.aws.observe(&work).await.unwrap(), Observed::CannotTell);
}

#[tokio::test]
async fn what_cannot_be_asked_for_is_refused_without_a_call() {
    let mut story = Story::start().await;
    let over = story.aws.claim(&story.grant(), story.clock.now()).await.unwrap_err();
    assert_eq!(over.to_string(), "the grant is over: there are no more credentials for it");
    let barely = story.clock.now() + SignedDuration::from_millis(900);
    assert_eq!(story.aws.claim(&story.grant(), barely).await.unwrap_err(), over);

    story.target.external_id = Some(SecretRef::Env("JIT_OTHER".into()));
    let unknown = story.aws.claim(&story.grant(), story.in_minutes(30)).await.unwrap_err();
    assert_eq!(unknown.to_string(), "the variable JIT_OTHER is not set");

    story.target.external_id = None;
    story.target.role_arn = "prod-deploy".into();
    let nonsense = story.aws.claim(&story.grant(), story.in_minutes(30)).await.unwrap_err();
    assert_eq!(nonsense.to_string(), "prod-deploy is not the ARN of an IAM role: mend the target's role_arn");
    for error in [over, unknown, nonsense] {
        assert_eq!(error.kind, ErrorKind::Refused);
    }
    assert!(story.cloud.calls().is_empty());
}

#[tokio::test]
async fn an_early_end_cuts_off_this_grants_sessions_and_no_others() {
    let story = Story::start().await;
    let [mine, theirs] = [story.grant(), story.grant()];
    let until = story.in_minutes(30);
    let [first, second, other] =
        [story.claim(&mine, until).await, story.claim(&mine, until).await, story.claim(&theirs, until).await];
    story.advance(10);
    let end = ended_early(until, until);

    let done = story.end(&mine, end.clone()).await.unwrap();
    let Progress::Done { receipt, .. } = &done else { panic!("{done:?}") };
    assert_eq!(receipt.0["deny_policy"], format!("JitRevoked-{}", mine.grant));
    assert_eq!(tidy_at(&done), Some(until + SignedDuration::from_mins(5)));
    assert!(!story.works(&first).await && !story.works(&second).await);
    assert!(story.works(&other).await);

    // a session that was being minted at that moment is hit as well
    let late = story.claim(&mine, until).await;
    assert!(!story.works(&late).await);

    // once more, as after a crash
    assert_eq!(story.end(&mine, end.clone()).await.unwrap(), done);
    assert_eq!(story.cloud.inline_policies(&story.target.role_arn).await.len(), 1);

    let calls = story.cloud.calls().len();
    story.advance(20);
    assert_eq!(tidy_at(&story.end(&mine, end.clone()).await.unwrap()), Some(story.in_minutes(5)));
    assert_eq!(story.cloud.calls().len(), calls, "nothing to do before it is time to tidy");

    story.advance(5);
    let noted = Work { receipt: receipt.clone(), ..mine.clone() };
    let tidied = Progress::Done { receipt: Receipt::default(), tidy_at: None };
    assert_eq!(story.end(&noted, end.clone()).await.unwrap(), tidied);
    assert!(story.cloud.inline_policies(&story.target.role_arn).await.is_empty());
    assert_eq!(story.end(&noted, end).await.unwrap(), tidied, "what is gone already is gone");
    assert!(!story.works(&first).await);
}

#[tokio::test]
async fn nothing_is_called_when_there_is_nothing_to_cut_off() {
    let story = Story::start().await;
    let work = story.grant();
    let until = story.in_minutes(30);
    let unclaimed = Desired::Absent { planned_end: until, sessions_until: None, early: true };
    assert_eq!(tidy_at(&story.end(&work, unclaimed).await.unwrap()), None);

    story.claim(&work, until).await;
    story.advance(30);
    let expired = Desired::Absent { planned_end: until, sessions_until: Some(until), early: false };
    assert_eq!(tidy_at(&story.end(&work, expired).await.unwrap()), None);
    assert_eq!(story.cloud.actions(), ["AssumeRole"]);
}

#[tokio::test]
async fn sessions_run_on_where_the_target_wants_it_so() {
    let mut story = Story::start().await;
    story.target.early_end = EarlyEnd::None;
    let work = story.grant();
    let until = story.in_minutes(30);
    let key = story.claim(&work, until).await;
    let progress = story.end(&work, ended_early(until, until)).await.unwrap();
    let because = "sessions that were claimed run on until 2026-11-21 12:30:00 UTC: nothing cuts them off before";
    assert_eq!(progress, Progress::LookAgain { at: until, because: because.into(), receipt: Receipt::default() });
    story.advance(30);
    assert_eq!(tidy_at(&story.end(&work, ended_early(until, until)).await.unwrap()), None);
    assert!(!story.works(&key).await);
    assert_eq!(story.cloud.actions(), ["AssumeRole"]);
}

#[tokio::test]
async fn the_revoker_works_in_the_account_of_the_target() {
    let revoker = |settings: &mut Settings| {
        settings.revoker_role_arn = Some("arn:aws:iam::123456789012:role/jit/revoker".into());
    };
    let mut story = Story::with(revoker, |_| {}).await;
    story.target.role_arn = story.cloud.role_in("444455556666", "prod-deploy").await;
    let until = story.in_minutes(30);
    for _ in 0..2 {
        let work = story.grant();
        let key = story.claim(&work, until).await;
        story.end(&work, ended_early(until, until)).await.unwrap();
        assert!(!story.works(&key).await);
    }
    let is_written_by_bot =
        |call: &Call| call.action == "PutRolePolicy" && call.signed_by.as_deref() == Some(ACCESS_KEY_ID);
    assert!(!story.cloud.calls().iter().any(is_written_by_bot));
    let assumed: Vec<_> = story.cloud.calls().iter().filter_map(|call| call.params.get("RoleArn").cloned()).collect();
    let revoker = "arn:aws:iam::444455556666:role/jit/revoker".to_owned();
    assert_eq!(assumed.iter().filter(|role| **role == revoker).count(), 1, "its own session is kept: {assumed:?}");
    assert_eq!(story.cloud.inline_policies(&story.target.role_arn).await.len(), 2);
}

#[tokio::test]
async fn credentials_become_a_link_into_the_console() {
    let story = Story::start().await;
    let mut credentials = story.aws.claim(&story.grant(), story.in_minutes(30)).await.unwrap();

    let link = story.aws.console(&credentials).await.unwrap();
    let link: Url = link.expose_secret().parse().unwrap();
    let query: BTreeMap<_, _> = link.query_pairs().into_owned().collect();
    assert_eq!(query["Action"], "login");
    assert_eq!(query["Issuer"], "https://jit.example.com/");
    assert_eq!(query["Destination"], "https://console.aws.amazon.com/console/home?region=eu-west-1");
    assert_eq!(query["SigninToken"], format!("signin+{}/=", credentials.access_key_id));
    assert!(!link.as_str().contains(credentials.secret_access_key.expose_secret()));
    let browser = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let page = browser.get(link).send().await.unwrap();
    assert_eq!(page.headers()["location"], query["Destination"].as_str());

    for (partition, region, home) in [
        ("aws-us-gov", "us-gov-west-1", "https://console.amazonaws-us-gov.com/console/home?region=us-gov-west-1"),
        ("aws-cn", "cn-north-1", "https://console.amazonaws.cn/console/home?region=cn-north-1"),
    ] {
        (credentials.partition, credentials.region) = (partition.to_owned(), region.to_owned());
        let link: Url = story.aws.console(&credentials).await.unwrap().expose_secret().parse().unwrap();
        assert!(link.query_pairs().any(|(key, value)| key == "Destination" && value == home), "{link}");
    }
    credentials.partition = "aws-iso".into();
    let isolated = story.aws.console(&credentials).await.unwrap_err();
    assert_eq!(isolated.message, "no console is known for the AWS partition aws-iso");

    credentials.partition = "aws".into();
    story.cloud.fail("getSigninToken", 1, Fault::Html503);
    let down = story.aws.console(&credentials).await.unwrap_err();
    assert_eq!(
        (down.kind, &*down.message),
        (ErrorKind::Unavailable, "AWS' sign-in service failed (HTTP 503): try again")
    );
    story.advance(30);
    let dead = story.aws.console(&credentials).await.unwrap_err();
    assert_eq!(
        (dead.kind, &*dead.message),
        (ErrorKind::Refused, "AWS' sign-in service refused the credentials (HTTP 400)")
    );
}
