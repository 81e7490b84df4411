//! Assignments in Identity Center, over the wire: made once, taken away for certain, and never somebody else's.

use jiff::SignedDuration;
use jit::{
    ambient::Clock,
    provider::{ErrorKind, Observed, Progress, Provider},
};

use crate::harness::aws::{
    Fault, Slow,
    center_story::{MEMBER, Story},
};

const CREATE: &str = "CreateAccountAssignment";
const DELETE: &str = "DeleteAccountAssignment";

fn polls(polls: u32) -> Slow {
    Slow { polls, ..Slow::default() }
}

fn fails(reason: &'static str) -> Slow {
    Slow { fails: Some(reason), ..Slow::default() }
}

#[tokio::test]
async fn a_grant_is_made_and_taken_away_with_few_calls() {
    let story = Story::start().await;
    for _ in 0..39 {
        story.cloud.permission_set("PT1H").await;
    }
    for number in 0..299 {
        let user = story.cloud.directory_user(&format!("{}-{number}", story.user), None).await;
        if number < 50 {
            story.cloud.assign(MEMBER, &story.set, &user).await;
        }
    }
    story.cloud.slow(CREATE, 9, polls(0));
    story.cloud.slow(DELETE, 9, polls(0));

    let mut first = story.access();
    story.grant(&mut first).await.unwrap();
    // which Identity Center there is and how long sessions last is asked once an hour or less, who somebody is once in ten
    // minutes, and usually before there is anything to approve
    let (list, status) = ("ListAccountAssignmentsForPrincipal", "DescribeAccountAssignmentCreationStatus");
    let cold = ["ListInstances", "GetUserId", "DescribePermissionSet", list, CREATE, status];
    assert_eq!(story.cloud.actions(), cold);
    assert!(story.is_assigned().await);
    assert_eq!(first.work.receipt.0["session_duration"], "7200");
    let before = story.cloud.actions().len();
    assert_eq!(story.revoke(&mut first).await.unwrap(), None);
    assert_eq!(story.cloud.actions()[before..], [DELETE, "DescribeAccountAssignmentDeletionStatus", list]);
    assert!(!story.is_assigned().await);

    let before = story.cloud.actions().len();
    story.grant(&mut story.access()).await.unwrap();
    assert_eq!(story.cloud.actions()[before..], [list, CREATE, status]);

    // somebody new, and a permission set that was used within the hour
    let before = story.cloud.actions().len();
    let mut other = story.access();
    let email = format!("{}@example.com", story.user);
    let user = story.cloud.directory_user(&email, Some(&email)).await;
    other.work.holder.email = Some(email);
    story.grant(&mut other).await.unwrap();
    assert_eq!(story.cloud.actions()[before..], ["GetUserId", list, CREATE, status]);
    assert!(story.cloud.assigned(MEMBER, &story.set).await.contains(&user));
    story.revoke(&mut other).await.unwrap();
    assert_eq!(story.cloud.assigned(MEMBER, &story.set).await.len(), 51);
}

#[tokio::test]
async fn it_is_granted_only_when_aws_says_so() {
    let story = Story::start().await;
    story.cloud.slow(CREATE, 1, polls(6));
    let mut access = story.access();
    let mut waits = Vec::new();
    while let Progress::LookAgain { at, because, .. } = story.begin(&mut access).await.unwrap() {
        assert!(because.starts_with("AWS is assigning permission set ps-"), "{because}");
        assert!(!story.is_assigned().await);
        waits.push(at.duration_since(story.clock.now()).as_secs());
        story.clock.advance_to(at);
    }
    assert_eq!(waits, [1, 2, 4, 8, 15, 15, 15]);
    assert!(story.is_assigned().await);
    assert_eq!(story.calls()[CREATE], 1);
    assert!(access.work.receipt.0["create_request_id"].starts_with(CREATE));
    assert!(!access.work.receipt.0.contains_key("request"));
    assert_eq!(story.aws.observe(&access.work).await.unwrap(), Observed::Present);
}

#[tokio::test]
async fn what_aws_fails_at_is_tried_again_and_then_given_up() {
    let story = Story::start().await;
    story.cloud.slow(CREATE, 2, fails("Received a 500 status error"));
    let mut access = story.access();
    story.grant(&mut access).await.unwrap();
    assert_eq!(story.calls()[CREATE], 3);
    assert!(access.notes.iter().any(|it| it.ends_with("Received a 500 status error; it is tried again")));
    story.revoke(&mut access).await.unwrap();

    story.cloud.slow(CREATE, 9, fails("Received a 500 status error"));
    let mut access = story.access();
    let error = story.grant(&mut access).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Refused);
    assert!(error.message.contains("in account 444455556666: Received a 500 status error"), "{error}");
    assert_eq!(story.calls()[CREATE], 6);
    story.revoke(&mut access).await.unwrap();
    assert!(!story.is_assigned().await);

    story.cloud.heal();
    story.cloud.slow(CREATE, 9, fails("Account 444455556666 not found"));
    let mut access = story.access();
    story.grant(&mut access).await.unwrap_err();
    assert_eq!(story.calls()[CREATE], 7, "that will never be");
    story.revoke(&mut access).await.unwrap();
}

#[tokio::test]
async fn every_fault_of_a_create_has_its_kind_and_leaves_one_assignment() {
    for (fault, kind) in [
        (Fault::CONFLICT, ErrorKind::Conflict),
        (Fault::TOO_MANY, ErrorKind::Throttled { after: None }),
        (Fault::NOT_ALLOWED, ErrorKind::Denied),
        (Fault::Html503, ErrorKind::Ambiguous),
        (Fault::FailAfter, ErrorKind::Ambiguous),
        (Fault::DropAfter, ErrorKind::Ambiguous),
    ] {
        for slow in [false, true] {
            let story = Story::start().await;
            if slow {
                story.cloud.slow(CREATE, 2, polls(2));
            }
            story.cloud.fail(CREATE, 1, fault.clone());
            let mut access = story.access();
            let error = story.grant(&mut access).await.unwrap_err();
            assert_eq!(error.kind, kind, "{fault:?}: {error}");
            assert_eq!(story.calls()[CREATE], 1, "a write is not repeated unseen: {fault:?}");
            story.grant(&mut access).await.unwrap();
            assert_eq!(story.cloud.assigned(MEMBER, &story.set).await, std::slice::from_ref(&story.user), "{fault:?}");
            story.revoke(&mut access).await.unwrap();
            assert!(!story.is_assigned().await, "{fault:?}");
        }
    }
}

#[tokio::test]
async fn a_crash_between_create_and_its_confirmation_is_no_standing_access() {
    for slow in [false, true] {
        let mut story = Story::start().await;
        if slow {
            story.cloud.slow(CREATE, 1, polls(3));
        }
        let mut access = story.access();
        story.cloud.fail(CREATE, 1, Fault::DropAfter);
        story.begin(&mut access).await.unwrap_err();
        story.restart().await;
        story.grant(&mut access).await.unwrap();
        assert_eq!(story.calls()[CREATE], 1, "it is found, not made again");
        assert!(story.is_assigned().await);
        story.restart().await;
        story.revoke(&mut access).await.unwrap();
        assert!(!story.is_assigned().await);
    }
}

#[tokio::test]
async fn a_restart_goes_on_with_what_is_under_way() {
    let mut story = Story::start().await;
    story.cloud.slow(CREATE, 1, polls(2));
    story.cloud.slow(DELETE, 1, polls(2));
    let mut access = story.access();
    story.begin(&mut access).await.unwrap();
    story.restart().await;
    story.grant(&mut access).await.unwrap();
    story.end(&mut access).await.unwrap();
    story.restart().await;
    story.revoke(&mut access).await.unwrap();
    assert_eq!((story.calls()[CREATE], story.calls()[DELETE]), (1, 1));
    assert!(!story.is_assigned().await);
}

#[tokio::test]
async fn standing_access_is_refused_and_stays() {
    let story = Story::start().await;
    story.cloud.assign(MEMBER, &story.set, &story.user).await;
    let mut access = story.access();
    let error = story.grant(&mut access).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Refused);
    assert!(error.message.ends_with("already, assigned by somebody else and not for a time: there is nothing to grant, and jit neither takes it over nor takes it away"), "{error}");
    let before = story.cloud.actions().len();
    assert_eq!(story.revoke(&mut access).await.unwrap(), None);
    assert_eq!(story.cloud.actions().len(), before, "what is not ours is not even looked at");
    assert!(story.is_assigned().await);

    let other = Story::start().await;
    let group = serde_json::json!({ "AccountAssignments": [{
        "AccountId": MEMBER, "PermissionSetArn": other.set, "PrincipalId": "g-1", "PrincipalType": "GROUP",
    }]});
    other.cloud.answers("ListAccountAssignmentsForPrincipal", &group);
    let error = other.grant(&mut other.access()).await.unwrap_err();
    assert!(error.message.contains("already through a group"), "{error}");
}

#[tokio::test]
async fn a_second_grant_shares_what_the_first_one_made() {
    let story = Story::start().await;
    let mut first = story.access();
    story.grant(&mut first).await.unwrap();
    let mut second = story.access().beside(&first);
    story.grant(&mut second).await.unwrap();
    assert_eq!(story.calls()[CREATE], 1);
    // the first one is over, and nothing happens; then the second is, and knows that it is ours
    second.work.siblings.clear();
    story.revoke(&mut second).await.unwrap();
    assert!(!story.is_assigned().await);

    // one that never came to anything still takes away what its sibling made
    let mut first = story.access();
    story.grant(&mut first).await.unwrap();
    let mut never = story.access().beside(&first);
    story.revoke(&mut never).await.unwrap();
    assert!(!story.is_assigned().await);

    // one that was refused lends nobody a claim to what is standing
    story.cloud.assign(MEMBER, &story.set, &story.user).await;
    let mut refused = story.access();
    story.grant(&mut refused).await.unwrap_err();
    story.grant(&mut story.access().beside(&refused)).await.unwrap_err();
    story.revoke(&mut story.access().beside(&refused)).await.unwrap();
    assert!(story.is_assigned().await);
}

#[tokio::test]
async fn a_grant_waits_for_the_removal_of_the_one_before() {
    let story = Story::start().await;
    let mut first = story.access();
    story.grant(&mut first).await.unwrap();
    story.cloud.slow(DELETE, 1, polls(2));
    story.end(&mut first).await.unwrap();
    let mut second = story.access().beside(&first);
    story.grant(&mut second).await.unwrap();
    assert!(story.is_assigned().await);
    assert_eq!(story.calls()[CREATE], 2);
}

#[tokio::test]
async fn a_revoke_waits_for_a_create_in_progress() {
    let mut story = Story::start().await;
    for heard in [true, false] {
        story.cloud.slow(CREATE, 1, Slow { lasts: SignedDuration::from_secs(20), ..Slow::default() });
        let mut access = story.access();
        if heard {
            story.begin(&mut access).await.unwrap();
        } else {
            story.cloud.fail(CREATE, 1, Fault::DropAfter);
            story.begin(&mut access).await.unwrap_err();
            story.restart().await;
        }
        assert!(!story.is_assigned().await);
        story.revoke(&mut access).await.unwrap();
        assert!(access.notes.last().unwrap().starts_with("AWS is still assigning"), "{:?}", access.notes);
        story.clock.advance(SignedDuration::from_mins(5));
        assert_eq!(story.aws.observe(&access.work).await.unwrap(), Observed::Absent);
        assert!(!story.is_assigned().await);
    }
}

#[tokio::test]
async fn a_create_that_reaches_aws_late_is_taken_back() {
    let impatient = |tuning: &mut jit::provider::aws::Tuning| {
        tuning.attempt_timeout = std::time::Duration::from_millis(1_500);
    };
    let story = Story::with(|_| {}, impatient).await;
    story.cloud.fail(CREATE, 1, Fault::Hang);
    let mut access = story.access();
    let error = story.grant(&mut access).await.unwrap_err();
    assert_eq!(
        (error.kind, &*error.message),
        (ErrorKind::Ambiguous, "AWS did not answer CreateAccountAssignment in time")
    );
    let Progress::LookAgain { at, because, .. } = story.end(&mut access).await.unwrap() else { panic!("too early") };
    assert!(because.ends_with("an earlier call for it may still reach AWS"), "{because}");
    assert_eq!(at, story.clock.now() + SignedDuration::from_secs(60));
    story.cloud.assign(MEMBER, &story.set, &story.user).await; // there it comes
    story.clock.advance_to(at);
    story.revoke(&mut access).await.unwrap();
    assert!(!story.is_assigned().await);
}

#[tokio::test]
async fn whatever_happens_to_a_delete_it_is_gone_in_the_end() {
    for (fault, kind) in [
        (Fault::CONFLICT, ErrorKind::Conflict),
        (Fault::TOO_MANY, ErrorKind::Throttled { after: None }),
        (Fault::NOT_ALLOWED, ErrorKind::Denied),
        (Fault::FailAfter, ErrorKind::Ambiguous),
        (Fault::DropAfter, ErrorKind::Ambiguous),
    ] {
        for slow in [false, true] {
            let story = Story::start().await;
            let mut access = story.access();
            story.grant(&mut access).await.unwrap();
            if slow {
                story.cloud.slow(DELETE, 2, Slow { lasts: SignedDuration::from_secs(3), ..Slow::default() });
            }
            story.cloud.fail(DELETE, 1, fault.clone());
            assert_eq!(story.revoke(&mut access).await.unwrap_err().kind, kind, "{fault:?}");
            while story.revoke(&mut access).await.is_err() {
                story.clock.advance(SignedDuration::from_secs(2));
            }
            assert!(!story.is_assigned().await, "{fault:?}");
        }
    }
}

#[tokio::test]
async fn a_delete_that_fails_is_sent_again_and_what_is_gone_is_gone() {
    let story = Story::start().await;
    let mut access = story.access();
    story.grant(&mut access).await.unwrap();
    story.cloud.slow(DELETE, 3, fails("Received a 500 status error"));
    story.revoke(&mut access).await.unwrap();
    assert_eq!(story.calls()[DELETE], 4);
    assert!(!story.is_assigned().await);

    let mut access = story.access();
    story.grant(&mut access).await.unwrap();
    let before = story.cloud.actions().len();
    story.cloud.fail(DELETE, 1, Fault::Refuse { status: 400, code: "ResourceNotFoundException", message: "" });
    story.end(&mut access).await.unwrap();
    assert!(story.is_assigned().await);
    story.revoke(&mut access).await.unwrap();
    assert!(!story.is_assigned().await, "AWS' word is not enough: {:?}", &story.cloud.actions()[before..]);
    assert!(access.notes.iter().any(|it| it.contains("AWS still lists")));
}

#[tokio::test]
async fn changes_to_one_account_take_turns() {
    let story = Story::start().await;
    story.cloud.slow(CREATE, 9, polls(0));
    let other = story.cloud.permission_set("PT1H").await;
    let (mut first, mut elsewhere) = (story.access(), story.access_to("777788889999"));
    let story = Story { set: other, ..story };
    let mut second = story.access();
    story.begin(&mut first).await.unwrap();
    let Progress::LookAgain { at, because, .. } = story.begin(&mut second).await.unwrap() else { panic!("no turn") };
    assert_eq!(because, "waiting for its turn: AWS makes one change at a time in account 444455556666");
    assert_eq!(at, story.clock.now() + SignedDuration::from_secs(1));
    assert!(!second.work.receipt.0.contains_key("ours"), "what may come meanwhile is somebody else's");
    story.begin(&mut elsewhere).await.unwrap();
    assert_eq!(story.calls()[CREATE], 2);
    story.clock.advance_to(at);
    story.grant(&mut first).await.unwrap();
    story.grant(&mut second).await.unwrap();
    story.grant(&mut elsewhere).await.unwrap();
    assert_eq!(story.calls()[CREATE], 3);
}

#[tokio::test]
async fn sessions_are_cut_off_and_the_policy_is_tidied() {
    let mut story = Story::start().await;
    story.cut_off = true;
    let theirs = r#"{"Statement":[{"Action":"s3:*","Effect":"Allow","Resource":"*"}],"Version":"2012-10-17"}"#;
    story.cloud.put_inline_policy_to(&story.set, theirs).await;
    let mut access = story.access();
    story.grant(&mut access).await.unwrap();
    story.cloud.slow("ProvisionPermissionSet", 1, polls(1));
    story.clock.advance(SignedDuration::from_mins(30));
    let ended = story.clock.now();
    let tidy_at = story.revoke(&mut access).await.unwrap().unwrap();
    assert_eq!(tidy_at, ended + SignedDuration::from_mins(2 * 60 + 5));
    let policy = story.cloud.inline_policy_of(&story.set).await;
    assert!(policy.contains("s3:*") && policy.contains(&story.user), "{policy}");
    assert!(policy.contains(r#""DateLessThan":{"aws:TokenIssueTime":"2026-11-21T12:30:01Z"}"#), "{policy}");
    assert!(policy.contains(&format!(r#""aws:PrincipalAccount":"{MEMBER}""#)), "{policy}");

    let before = story.cloud.actions().len();
    assert_eq!(story.revoke(&mut access).await.unwrap(), Some(tidy_at));
    assert_eq!(story.cloud.actions().len(), before, "not yet");
    story.clock.advance_to(tidy_at);
    story.restart().await;
    assert_eq!(story.revoke(&mut access).await.unwrap(), None);
    assert_eq!(story.cloud.inline_policy_of(&story.set).await, theirs);
    assert_eq!(story.revoke(&mut access).await.unwrap(), None);
}

#[tokio::test]
async fn a_policy_without_room_is_explained_until_the_sessions_are_over() {
    let mut story = Story::start().await;
    story.cut_off = true;
    let full = format!(r#"{{"Statement":[{{"Action":"s3:*","Effect":"Allow","Resource":"{}"}}]}}"#, "x".repeat(10_100));
    story.cloud.put_inline_policy_to(&story.set, &full).await;
    let mut access = story.access();
    story.grant(&mut access).await.unwrap();
    let error = story.revoke(&mut access).await.unwrap_err();
    assert!(error.message.contains("has no room for one more statement (10240 characters"), "{error}");
    assert!(!story.is_assigned().await);
    story.clock.advance(SignedDuration::from_hours(2));
    assert_eq!(story.revoke(&mut access).await.unwrap(), None);
    assert_eq!(story.cloud.inline_policy_of(&story.set).await, full);
}
