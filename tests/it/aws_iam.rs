//! Policies and memberships in IAM, over the wire: until when they open something, what is left of them, and what people
//! are told when AWS does not play along.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use jit::{
    ambient::{Clock, ManualClock, SeededEntropy},
    domain::{
        access::AccessKey,
        catalog::{AwsIamGroup, AwsIamPolicy, IamPrincipal, Target},
        ids::GrantId,
    },
    provider::{
        Cause, Desired, ErrorKind, Holder, Live, Observed, Progress, Provider, ProviderError, Receipt, Work,
        aws::{AwsIam, Settings, Tuning},
    },
};

use crate::harness::aws::{ACCESS_KEY_ID, Cloud, Fault, principals::allow};

const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[
    {"Effect":"Allow","Action":"s3:*","Resource":"*"},
    {"Effect":"Allow","Action":"ec2:*","Resource":"*","Condition":{"DateLessThan":{"aws:CurrentTime":"2026-11-21T12:10:00Z"}}},
    {"Effect":"Deny","Action":"s3:Delete*","Resource":"*"}]}"#;

/// The provider, and a clock at noon.
struct Story {
    clock: ManualClock,
    cloud: Cloud,
    aws: AwsIam,
    entropy: SeededEntropy,
}

impl Story {
    async fn start() -> Self {
        Self::with(|_| {}, |_| {}).await
    }

    async fn with(settings: impl FnOnce(&mut Settings), tuning: impl FnOnce(&mut Tuning)) -> Self {
        let clock = ManualClock::at("2026-11-21T12:00:00Z".parse().unwrap());
        let cloud = Cloud::start(Arc::new(clock.clone())).await;
        let (mut set, mut tuned) = (cloud.settings(), Cloud::tuning());
        settings(&mut set);
        tuned.clock = Arc::new(clock.clone());
        tuning(&mut tuned);
        let aws = AwsIam::connect(&set, &tuned).await.unwrap();
        Self { clock, cloud, aws, entropy: SeededEntropy::new(1) }
    }

    /// A new grant of this target.
    fn grant(&self, target: Target) -> Work {
        let grant = GrantId::new(self.clock.now(), &self.entropy);
        let holder = Holder::unknown("U0AAAA1".into());
        let key = AccessKey::of(&target, &holder.who, grant);
        Work {
            key,
            target,
            grant,
            holder,
            receipt: Receipt::default(),
            siblings: Vec::new(),
            past: Vec::new(),
            cause: Cause::default(),
            now: self.clock.now(),
        }
    }

    fn policy_on(&self, on: IamPrincipal) -> Work {
        self.grant(Target::AwsIamPolicy(AwsIamPolicy::new(on, POLICY.to_owned())))
    }

    fn membership(&self, user: &str, group: &str) -> Work {
        self.grant(Target::AwsIamGroup(AwsIamGroup::new(user, group)))
    }

    fn in_minutes(&self, minutes: i64) -> Timestamp {
        self.clock.now() + SignedDuration::from_mins(minutes)
    }

    /// Resolves and notes what came of it, as the job does before it gives anything.
    async fn resolved(&self, work: Work) -> Result<Work, ProviderError> {
        let receipt = self.aws.resolve(&work).await?;
        Ok(Work { receipt, ..work })
    }

    async fn give(&self, work: &Work, until: Timestamp) -> Result<Work, ProviderError> {
        match self.aws.apply(&self.at_present(work), &Desired::Present { until }).await? {
            Progress::Done { receipt, tidy_at: None } => Ok(Work { receipt, ..work.clone() }),
            Progress::Failed { error, .. } => Err(error),
            other => panic!("{other:?}"),
        }
    }

    async fn take(&self, work: &Work) -> Result<(), ProviderError> {
        let desired = Desired::Absent { planned_end: self.clock.now(), sessions_until: None, early: false };
        match self.aws.apply(&self.at_present(work), &desired).await? {
            Progress::Done { receipt, tidy_at: None } => assert_eq!(receipt, work.receipt),
            other => panic!("{other:?}"),
        }
        Ok(())
    }

    async fn observe(&self, work: &Work) -> Observed {
        self.aws.observe(&self.at_present(work)).await.unwrap()
    }

    fn at_present(&self, work: &Work) -> Work {
        Work { now: self.clock.now(), ..work.clone() }
    }
}

fn refusal(result: Result<Work, ProviderError>) -> (ErrorKind, String) {
    let error = result.expect_err("a refusal");
    (error.kind, error.message)
}

#[tokio::test]
async fn a_policy_is_dead_at_the_end_and_removed_afterwards() {
    let story = Story::start().await;
    let user = story.cloud.user("deployer").await;
    story
        .cloud
        .give_policy(
            &user,
            "own",
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sqs:*","Resource":"*"}]}"#,
        )
        .await;
    let work = story.resolved(story.policy_on(IamPrincipal::User(user.clone()))).await.unwrap();
    assert_eq!(story.observe(&work).await, Observed::Absent);

    let until = story.in_minutes(30);
    let work = story.give(&work, until + SignedDuration::from_millis(900)).await.unwrap();
    let name = format!("jit-{}", work.grant);
    assert_eq!(work.receipt.0["policy"], name);
    assert_eq!(work.receipt.0["until"], until.to_string());
    assert_eq!(story.observe(&work).await, Observed::Present);

    let policies = story.cloud.user_policies(&user).await;
    let last = until - SignedDuration::from_millis(1);
    assert!(allow(&policies, "s3:GetObject", last) && !allow(&policies, "s3:GetObject", until));
    assert!(!allow(&policies, "s3:DeleteObject", last), "what the policy denies stays denied");
    let own_end = story.in_minutes(10);
    assert!(allow(&policies, "ec2:RunInstances", own_end - SignedDuration::from_secs(1)));
    assert!(!allow(&policies, "ec2:RunInstances", own_end), "an earlier end of its own is kept");

    story.clock.advance(SignedDuration::from_mins(40));
    assert_eq!(story.observe(&work).await, Observed::Present, "dead, but not removed yet");
    for _ in 0..2 {
        story.take(&work).await.unwrap();
        assert_eq!(story.observe(&work).await, Observed::Absent);
    }
    assert_eq!(story.cloud.user_policies(&user).await.keys().collect::<Vec<_>>(), ["own"]);
}

#[tokio::test]
async fn a_later_end_is_written_over_the_first_and_grants_do_not_share() {
    let story = Story::start().await;
    let role = story.cloud.role("runner").await;
    let name = role.rsplit('/').next().unwrap().to_owned();
    let [first, second] = [(); 2].map(|()| story.policy_on(IamPrincipal::Role(name.clone())));
    let first = story.give(&story.resolved(first).await.unwrap(), story.in_minutes(10)).await.unwrap();
    let second = story.give(&story.resolved(second).await.unwrap(), story.in_minutes(20)).await.unwrap();
    let first = story.give(&first, story.in_minutes(60)).await.unwrap();
    let policies = story.cloud.inline_policies(&role).await;
    assert_eq!(policies.len(), 2);
    assert!(allow(&policies, "s3:GetObject", story.in_minutes(59)));

    story.take(&first).await.unwrap();
    let policies = story.cloud.inline_policies(&role).await;
    assert!(
        allow(&policies, "s3:GetObject", story.in_minutes(19))
            && !allow(&policies, "s3:GetObject", story.in_minutes(20))
    );
    story.take(&second).await.unwrap();
    assert!(story.cloud.inline_policies(&role).await.is_empty());
}

#[tokio::test]
async fn a_policy_that_is_dead_too_soon_counts_as_missing() {
    let story = Story::start().await;
    let user = story.cloud.user("deployer").await;
    let work = story.policy_on(IamPrincipal::User(user.clone()));
    story.give(&work, story.in_minutes(10)).await.unwrap();
    let mut noted = work.clone();
    noted.receipt.0.insert("until".into(), story.in_minutes(60).to_string());
    story.clock.advance(SignedDuration::from_mins(20));
    assert_eq!(story.observe(&noted).await, Observed::Absent);
    let name = format!("jit-{}", work.grant);
    let endless = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sqs:*","Resource":"*"}]}"#;
    story.cloud.give_policy(&user, &name, endless).await;
    assert_eq!(story.observe(&noted).await, Observed::Absent, "somebody took its end away");
}

#[tokio::test]
async fn who_is_not_there_or_may_not_be_changed_is_told_before_anybody_is_asked() {
    let story = Story::start().await;
    let reserved = story.cloud.role_under("/aws-reserved/sso.amazonaws.com/", "AWSReservedSSO_admin").await;
    let linked = story.cloud.role_under("/aws-service-role/x.amazonaws.com/", "linked").await;
    let [user, group] = [story.cloud.user("anna").await, story.cloud.group("admins").await];
    for (work, kind, words) in [
        (story.policy_on(IamPrincipal::User("nobody".into())), ErrorKind::NotFound, "there is no IAM user nobody in"),
        (story.policy_on(IamPrincipal::Role("nobody".into())), ErrorKind::NotFound, "there is no IAM role nobody in"),
        (story.policy_on(IamPrincipal::Role(reserved)), ErrorKind::Refused, "AWS lets nobody change IAM role"),
        (story.policy_on(IamPrincipal::Role(linked)), ErrorKind::Refused, "AWS lets nobody change IAM role"),
        (story.membership("nobody", &group), ErrorKind::NotFound, "there is no IAM user nobody in"),
        (story.membership(&user, "nothing"), ErrorKind::NotFound, "there is no IAM group nothing in"),
    ] {
        let (found, message) = refusal(story.resolved(work).await);
        assert!(found == kind && message.contains(words), "{found:?} {message}");
    }
    let is_look = |action: &String| action.starts_with("Get") || action.starts_with("List");
    assert!(story.cloud.actions().iter().all(is_look), "{:?}", story.cloud.actions());
}

#[tokio::test]
async fn a_membership_is_given_and_taken_away_again() {
    let story = Story::start().await;
    let [user, group] = [story.cloud.user("anna").await, story.cloud.group("admins").await];
    let work = story.resolved(story.membership(&user, &group)).await.unwrap();
    assert_eq!(work.receipt.0["before"], "absent");
    assert_eq!(work.key.principal, user, "whoever asks, it is the same membership");
    assert_eq!(story.observe(&work).await, Observed::Absent);
    for _ in 0..2 {
        story.give(&work, story.in_minutes(30)).await.unwrap();
        assert_eq!(story.observe(&work).await, Observed::Present);
    }
    // once more, as after a crash between the call and its confirmation
    let mut unheard = work.receipt.clone();
    unheard.0.insert("unheard".into(), "yes".into());
    assert_eq!(story.resolved(work.clone()).await.unwrap().receipt, unheard);
    // another grant of the same membership
    let other =
        story.resolved(Work { siblings: vec![work.receipt.clone()], ..story.membership(&user, &group) }).await.unwrap();
    assert_eq!(other.receipt, work.receipt);
    for work in [&work, &other] {
        story.take(work).await.unwrap();
        assert_eq!(story.observe(work).await, Observed::Absent);
    }
}

#[tokio::test]
async fn a_standing_membership_is_neither_taken_over_nor_taken_away() {
    let story = Story::start().await;
    let [user, group] = [story.cloud.user("anna").await, story.cloud.group("admins").await];
    story.cloud.join(&user, &group).await;
    let work = story.membership(&user, &group);
    let (kind, message) = refusal(story.resolved(work.clone()).await);
    assert_eq!(kind, ErrorKind::Refused);
    assert!(message.contains("already, and not by the bot"), "{message}");
    let (kind, _) = refusal(story.give(&work, story.in_minutes(30)).await);
    assert_eq!(kind, ErrorKind::Refused, "nothing is given that nobody looked at");
    story.take(&work).await.unwrap();
    assert!(story.cloud.members(&group).await.contains(&user));
    assert_eq!(story.cloud.actions(), ["ListGroupsForUser"]);
}

#[tokio::test]
async fn passing_faults_are_not_noticed_and_nothing_is_done_twice() {
    let story = Story::start().await;
    let [user, group] = [story.cloud.user("anna").await, story.cloud.group("admins").await];
    for fault in [Fault::THROTTLING, Fault::FailAfter, Fault::DropAfter, Fault::Html503] {
        let policy = story.resolved(story.policy_on(IamPrincipal::User(user.clone()))).await.unwrap();
        let member = story.resolved(story.membership(&user, &group)).await.unwrap();
        for action in ["PutUserPolicy", "DeleteUserPolicy", "AddUserToGroup", "RemoveUserFromGroup"] {
            story.cloud.fail(action, 1, fault.clone());
        }
        let policy = story.give(&policy, story.in_minutes(30)).await.unwrap();
        story.give(&member, story.in_minutes(30)).await.unwrap();
        assert_eq!(story.cloud.user_policies(&user).await.len(), 1);
        assert!(story.cloud.members(&group).await.contains(&user));
        story.take(&policy).await.unwrap();
        story.take(&member).await.unwrap();
        assert!(story.cloud.user_policies(&user).await.is_empty());
        assert!(story.cloud.members(&group).await.is_empty());
        story.cloud.heal();
    }
}

#[tokio::test]
async fn every_lasting_fault_has_its_kind_and_words() {
    let story = Story::start().await;
    let [user, group] = [story.cloud.user("anna").await, story.cloud.group("admins").await];
    let policy = story.resolved(story.policy_on(IamPrincipal::User(user.clone()))).await.unwrap();
    let member = story.resolved(story.membership(&user, &group)).await.unwrap();
    let throttled = ErrorKind::Throttled { after: None };
    for (action, work, fault, kind, words) in [
        ("PutUserPolicy", &policy, Fault::LIMIT_EXCEEDED, ErrorKind::Refused, "have no room for one more"),
        ("PutUserPolicy", &policy, Fault::MALFORMED_POLICY, ErrorKind::Refused, "AWS cannot read the policy"),
        ("PutUserPolicy", &policy, Fault::THROTTLING, throttled, "too many calls"),
        ("PutUserPolicy", &policy, Fault::FailAfter, ErrorKind::Ambiguous, "AWS failed at PutUserPolicy"),
        ("AddUserToGroup", &member, Fault::LIMIT_EXCEEDED, ErrorKind::Refused, "in as many groups as AWS allows"),
        ("AddUserToGroup", &member, Fault::ACCESS_DENIED, ErrorKind::Denied, "does not let the bot put IAM user"),
        ("AddUserToGroup", &member, Fault::DropAfter, ErrorKind::Ambiguous, "failed or broke off"),
    ] {
        story.cloud.fail(action, 3, fault.clone());
        let (found, message) = refusal(story.give(work, story.in_minutes(30)).await);
        assert!(found == kind && message.contains(words), "{fault:?}: {found:?} {message}");
        story.cloud.heal();
    }
    // what was done although nobody knew is found, and taken away
    assert_eq!(story.observe(&policy).await, Observed::Present);
    assert_eq!(story.observe(&member).await, Observed::Present);
    story.cloud.fail("DeleteUserPolicy", 3, Fault::FailAfter);
    assert_eq!(story.take(&policy).await.unwrap_err().kind, ErrorKind::Ambiguous);
    story.cloud.heal();
    story.take(&policy).await.unwrap();
    story.take(&member).await.unwrap();
    assert!(story.cloud.user_policies(&user).await.is_empty() && story.cloud.members(&group).await.is_empty());
}

#[tokio::test]
async fn a_hanging_iam_is_given_up_in_time() {
    let impatient = |tuning: &mut Tuning| {
        tuning.attempt_timeout = Duration::from_secs(1);
        tuning.operation_timeout = Duration::from_millis(2_500);
    };
    let story = Story::with(|_| {}, impatient).await;
    let user = story.cloud.user("anna").await;
    let policy = story.policy_on(IamPrincipal::User(user.clone()));
    story.cloud.fail("GetUser", 9, Fault::Hang);
    story.cloud.fail("PutUserPolicy", 9, Fault::HangAfter);
    assert_eq!(refusal(story.resolved(policy.clone()).await).0, ErrorKind::Unavailable);
    let (kind, message) = refusal(story.give(&policy, story.in_minutes(30)).await);
    assert_eq!((kind, &*message), (ErrorKind::Ambiguous, "AWS did not answer PutUserPolicy in time"));
    story.cloud.heal();
    story.take(&policy).await.unwrap();
    assert!(story.cloud.user_policies(&user).await.is_empty());
}

#[tokio::test]
async fn an_inventory_names_what_is_ours_and_who_is_in_the_groups() {
    let story = Story::start().await;
    let [anna, bert, group] =
        [story.cloud.user("anna").await, story.cloud.user("bert").await, story.cloud.group("admins").await];
    story
        .cloud
        .give_policy(
            &anna,
            "jit-notes",
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sqs:*","Resource":"*"}]}"#,
        )
        .await;
    story.cloud.join(&bert, &group).await;
    let policy = story.policy_on(IamPrincipal::User(anna.clone()));
    let member = story.resolved(story.membership(&anna, &group)).await.unwrap();
    story.give(&policy, story.in_minutes(30)).await.unwrap();
    story.give(&member, story.in_minutes(30)).await.unwrap();
    let before = story.cloud.calls().len();
    let [gone, empty] = [
        Target::AwsIamPolicy(AwsIamPolicy::new(IamPrincipal::Role("gone".into()), POLICY.into())),
        Target::AwsIamGroup(AwsIamGroup::new(&bert, "gone")),
    ];
    let found = |work: &Work| Live { resource: work.key.resource.clone(), principal: work.key.principal.clone() };
    let standing = story.membership(&bert, &group);
    assert_eq!(story.aws.inventory(&policy.target).await.unwrap(), [found(&policy)]);
    let mut members = story.aws.inventory(&member.target).await.unwrap();
    members.sort();
    assert_eq!(members, [found(&member), found(&standing)]);
    assert_eq!(story.aws.place(&member.target), story.aws.place(&standing.target), "one look tells about both");
    assert_eq!(story.cloud.calls().len() - before, 2, "one call for each user, role and group");
    for target in [gone, empty] {
        assert!(story.aws.inventory(&target).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn the_revoker_does_it_when_there_is_one() {
    let revoker = |settings: &mut Settings| {
        settings.revoker_role_arn = Some("arn:aws:iam::123456789012:role/jit/revoker".into());
    };
    let story = Story::with(revoker, |_| {}).await;
    let user = story.cloud.user("anna").await;
    let work = story.policy_on(IamPrincipal::User(user));
    story.give(&work, story.in_minutes(30)).await.unwrap();
    story.take(&work).await.unwrap();
    let by_bot: Vec<_> =
        story.cloud.calls().into_iter().filter(|call| call.signed_by.as_deref() == Some(ACCESS_KEY_ID)).collect();
    assert_eq!(by_bot.iter().map(|call| &*call.action).collect::<Vec<_>>(), ["AssumeRole"]);
}

#[tokio::test]
async fn there_is_nothing_to_claim() {
    let story = Story::start().await;
    let work = story.policy_on(IamPrincipal::User("anna".into()));
    let error = story.aws.claim(&work, story.in_minutes(30)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Refused);
    assert!(story.cloud.calls().is_empty());
}
