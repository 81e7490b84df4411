//! Sessions of AWS roles when AWS does not play along: what people are told, and what is tried again.

use std::time::{Duration, Instant};

use aws_credential_types::provider::{SharedCredentialsProvider, error::CredentialsError, future};
use jit::{
    domain::catalog::AwsSts as RoleTarget,
    provider::{
        ErrorKind, Provider,
        aws::{Settings, Tuning},
    },
};

use crate::harness::aws::{
    Fault,
    sts_story::{Story, ended_early, tidy_at},
};

#[tokio::test]
async fn every_fault_of_sts_has_its_kind_and_words() {
    let story = Story::start().await;
    let work = story.grant();
    let after = None;
    for (fault, kind, words, attempts) in [
        (Fault::ACCESS_DENIED, ErrorKind::Denied, "sts:TagSession is not allowed", 1),
        (Fault::INVALID_KEY, ErrorKind::Denied, "does not accept the bot's own credentials", 1),
        (Fault::MALFORMED_POLICY, ErrorKind::Refused, "mend the target's session_policy", 1),
        (Fault::THROTTLING, ErrorKind::Throttled { after }, "too many calls", 3),
        (Fault::Html503, ErrorKind::Unavailable, "AWS failed at AssumeRole (HTTP 503, no code)", 3),
        (Fault::FailAfter, ErrorKind::Unavailable, "AWS failed at AssumeRole (HTTP 500, InternalFailure)", 3),
        (Fault::DropAfter, ErrorKind::Unavailable, "failed or broke off", 3),
    ] {
        let before = story.cloud.calls().len();
        story.cloud.fail("AssumeRole", 3, fault.clone());
        let error = story.aws.claim(&work, story.in_minutes(30)).await.unwrap_err();
        assert_eq!(error.kind, kind, "{fault:?}: {error}");
        assert!(error.message.contains(words), "{fault:?}: {error}");
        assert!(!error.message.contains("install-4711"), "{error}");
        let has_id = error.message.contains("(AWS request id f0f0f0f0-1111-2222-3333-444444444444)");
        assert_eq!(has_id, matches!(fault, Fault::Refuse { .. } | Fault::FailAfter), "{error}");
        assert_eq!(story.cloud.calls().len() - before, attempts, "{fault:?}");
        story.cloud.heal();
    }
    assert!(story.cloud.sessions().iter().all(|session| !session.delivered));
    story.claim(&work, story.in_minutes(30)).await;
}

#[tokio::test]
async fn a_passing_fault_is_not_noticed() {
    let story = Story::start().await;
    let work = story.grant();
    let until = story.in_minutes(30);
    story.cloud.fail("AssumeRole", 1, Fault::THROTTLING);
    story.cloud.fail("AssumeRole", 1, Fault::FailAfter);
    let key = story.claim(&work, until).await;
    story.cloud.fail("PutRolePolicy", 1, Fault::FailAfter);
    story.cloud.fail("PutRolePolicy", 1, Fault::DropAfter);
    story.end(&work, ended_early(until, until)).await.unwrap();
    assert!(!story.works(&key).await);
    assert_eq!(story.calls_of("PutRolePolicy"), 3);
}

#[tokio::test]
async fn a_hanging_aws_is_given_up_in_time() {
    let impatient = |tuning: &mut Tuning| {
        tuning.attempt_timeout = Duration::from_secs(1);
        tuning.operation_timeout = Duration::from_millis(2_500);
    };
    let story = Story::with(|_| {}, impatient).await;
    let work = story.grant();
    let until = story.in_minutes(30);
    let credentials = story.aws.claim(&work, until).await.unwrap();
    story.cloud.fail("AssumeRole", 9, Fault::Hang);
    story.cloud.fail("PutRolePolicy", 9, Fault::HangAfter);
    story.cloud.fail("getSigninToken", 9, Fault::Hang);

    let begun = Instant::now();
    let minting = story.aws.claim(&work, until).await.unwrap_err();
    assert_eq!((minting.kind, &*minting.message), (ErrorKind::Unavailable, "AWS did not answer AssumeRole in time"));
    let ending = story.end(&work, ended_early(until, until)).await.unwrap_err();
    assert_eq!((ending.kind, &*ending.message), (ErrorKind::Ambiguous, "AWS did not answer PutRolePolicy in time"));
    let signing_in = story.aws.console(&credentials).await.unwrap_err();
    assert_eq!(signing_in.message, "AWS' sign-in service did not answer in time: try again");
    assert!(begun.elapsed() < Duration::from_secs(9), "{:?}", begun.elapsed());

    // it was done all the same, and doing it again does no harm
    assert!(!story.works(&credentials.access_key_id).await);
    story.cloud.heal();
    story.end(&work, ended_early(until, until)).await.unwrap();
}

#[tokio::test]
async fn every_fault_of_iam_has_its_kind_and_words() {
    let story = Story::start().await;
    let work = story.grant();
    let until = story.in_minutes(30);
    for (fault, kind, words) in [
        (Fault::LIMIT_EXCEEDED, ErrorKind::Refused, "the inline policies of"),
        (Fault::ACCESS_DENIED, ErrorKind::Denied, "Allow iam:PutRolePolicy and iam:DeleteRolePolicy on this role"),
        (Fault::THROTTLING, ErrorKind::Throttled { after: None }, "too many calls"),
        (Fault::FailAfter, ErrorKind::Ambiguous, "AWS failed at PutRolePolicy"),
        (Fault::DropAfter, ErrorKind::Ambiguous, "failed or broke off"),
    ] {
        story.cloud.fail("PutRolePolicy", 3, fault.clone());
        let error = story.end(&work, ended_early(until, until)).await.unwrap_err();
        assert_eq!(error.kind, kind, "{fault:?}: {error}");
        assert!(error.message.contains(words), "{fault:?}: {error}");
        story.cloud.heal();
    }
    let gone = Story {
        target: RoleTarget { role_arn: format!("{}-gone", story.target.role_arn), ..story.target.clone() },
        ..story
    };
    let error = gone.end(&gone.grant(), ended_early(until, until)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound, "{error}");

    // a role that is gone needs no tidying either
    gone.advance(40);
    assert_eq!(tidy_at(&gone.end(&gone.grant(), ended_early(until, until)).await.unwrap()), None);
}

#[tokio::test]
async fn a_bot_without_credentials_says_so() {
    #[derive(Debug)]
    struct Nothing;
    impl aws_credential_types::provider::ProvideCredentials for Nothing {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            future::ProvideCredentials::ready(Err(CredentialsError::not_loaded("nowhere")))
        }
    }
    let story = Story::with(|_| {}, |tuning| tuning.credentials = Some(SharedCredentialsProvider::new(Nothing))).await;
    let error = story.aws.claim(&story.grant(), story.in_minutes(30)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert!(error.message.starts_with("the bot has no AWS credentials of its own"), "{error}");

    let down = |settings: &mut Settings| settings.endpoint_url = Some("http://127.0.0.1:9/".parse().unwrap());
    let story = Story::with(down, |_| {}).await;
    let error = story.aws.claim(&story.grant(), story.in_minutes(30)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert_eq!(error.message, "the connection to AWS for AssumeRole failed or broke off");
}

#[tokio::test]
async fn a_role_of_the_same_name_in_the_bots_own_account_is_not_mistaken_for_the_target() {
    let mut story = Story::with(|_| {}, |tuning| tuning.checks_account = Some(true)).await;
    let own = story.target.role_arn.clone();
    let until = story.in_minutes(30);
    story.end(&story.grant(), ended_early(until, until)).await.unwrap();

    story.target.role_arn = own.replace("123456789012", "444455556666");
    let error = story.end(&story.grant(), ended_early(until, until)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Denied);
    assert!(error.message.contains("set aws.revoker_role_arn to a role"), "{error}");
    assert_eq!(story.cloud.inline_policies(&own).await.len(), 1);
    assert_eq!(story.calls_of("GetCallerIdentity"), 1, "asked once");
}
