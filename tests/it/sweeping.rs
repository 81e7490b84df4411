//! Sweeps: what is compared with what, how much is asked at once, and how a sweep comes to its end.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use jit::{
    ambient::{ManualTimer, Timer},
    domain::{
        audit::Drift,
        catalog::{AwsIdentityCenter, ProviderName, Target},
        job::Job,
    },
    job::drift::take,
    provider::{
        Provider,
        aws::identity_center::{Instance, Limits, Quota},
    },
};

use crate::harness::{
    World,
    aws::{Fault, center_story::Story},
    minutes,
    roles::{assignment, membership},
    seconds, state,
};

const LIST: &str = "ListAccountAssignments";
const SET: &str = "arn:aws:sso:::permissionSet/ssoins-1234567890abcdef/ps-1234567890abcdef";

fn accounts(count: u64) -> impl Iterator<Item = String> {
    (0..count).map(|number| (500_000_000_000 + number).to_string())
}

#[tokio::test]
async fn no_look_takes_longer_than_a_job_may_at_the_pace_that_aws_allows() {
    let timer = ManualTimer::default();
    let quota = Arc::new(Quota::timed(Limits::default(), Arc::new(timer.clone())));
    let instance = Instance { arn: "arn:aws:sso:::instance/ssoins-1".into(), store: "d-1".into() };
    let story = Story::with(|settings| settings.instance = Some(instance), |tuning| tuning.quota = quota).await;
    story.cloud.fail(LIST, 1_000, Fault::Answer("{}".into()));
    let target =
        |account: String| (account.clone(), Target::AwsIdentityCenter(AwsIdentityCenter::new(&account, SET, false)));
    let mut places: BTreeMap<String, Target> = accounts(400).map(target).collect();
    let mut looks = Vec::new();
    while !places.is_empty() {
        let begun = timer.elapsed();
        let took = take(&story.aws, &places, &timer).await;
        assert!(took.stopped.is_none() && took.refused.is_empty(), "{took:?}");
        places.retain(|place, _| !took.live.contains_key(place));
        looks.push(timer.elapsed().saturating_sub(begun));
    }
    assert!(looks.len() >= 5 && looks.iter().all(|time| *time < Duration::from_secs(9)), "{looks:?}");
    assert!(timer.elapsed() > Duration::from_secs(38), "ten calls a second: {:?}", timer.elapsed());
    assert_eq!(story.calls()[LIST], 400, "each is asked about once");
}

#[tokio::test]
async fn what_the_sdk_repeats_keeps_to_the_pace_that_aws_allows() {
    let timer = ManualTimer::default();
    let quota = Arc::new(Quota::timed(Limits::default(), Arc::new(timer.clone())));
    let instance = Instance { arn: "arn:aws:sso:::instance/ssoins-1".into(), store: "d-1".into() };
    let story = Story::with(|settings| settings.instance = Some(instance), |tuning| tuning.quota = quota).await;
    for account in accounts(10) {
        story.cloud.fail(LIST, 2, Fault::TOO_MANY);
        story.cloud.fail(LIST, 1, Fault::Answer("{}".into()));
        let target = Target::AwsIdentityCenter(AwsIdentityCenter::new(&account, SET, false));
        assert_eq!(story.aws.inventory(&target).await.unwrap(), []);
    }
    assert_eq!(story.calls()[LIST], 30);
    // the first ten need not wait
    assert!(timer.elapsed() > Duration::from_millis(1_800), "ten calls a second: {:?}", timer.elapsed());
}

#[tokio::test]
async fn a_hundred_places_and_more_are_swept_piece_by_piece_and_none_is_left_out() {
    let (mut world, db) = World::with_db_admin().await;
    let everywhere: Vec<String> = accounts(130).map(|account| format!("\"{account}\"")).collect();
    let target = assignment("ALL", SET).replace("\"ALL\"", &format!("[{}]", everywhere.join(", ")));
    world.add_role("everywhere", &[&target]).await;
    let [requester, approver] = world.people(["requester", "approver"]);
    world.grants(&requester, &approver, "db-admin 2h fixing OPS-42").await;
    world.advance(minutes(1)).await;
    world.cloud.unassign(db.account, &db.set, &db.user).await;

    world.clock.advance_to("2026-11-21T12:15:00Z".parse().unwrap());
    let (worker, sweep) = (world.worker(), Job::SweepCloud(ProviderName::AwsIdentityCenter));
    worker.run_these(&[Job::Sweep]).await.unwrap();
    let (before, mut asked) = (world.asked_aws(LIST), Vec::new());
    for _ in 0..3 {
        asked.push(world.asked_aws(LIST) - before);
        worker.run_these(std::slice::from_ref(&sweep)).await.unwrap();
    }
    assert_eq!(asked[..2], [0, 0], "first what there is to ask about");
    // fewer where AWS takes its time: a look has no more than a few seconds
    assert!((1..=100).contains(&asked[2]), "then a hundred at a time: {asked:?}");

    // killed in the middle: all of it is looked at at the next start
    let before = world.cloud.calls().len();
    world.restart().await;
    world.settle().await;
    let calls = world.cloud.calls().split_off(before);
    let lists: Vec<&str> =
        calls.iter().filter(|call| call.action == LIST).map(|call| call.param("AccountId")).collect();
    let places: BTreeSet<&str> = lists.iter().copied().collect();
    assert_eq!((lists.len(), places.len()), (131, 131), "each once");
    world.advance(minutes(1)).await;
    assert_eq!(world.cloud.assigned(db.account, &db.set).await, [db.user], "and what was missing is there again");
    assert_eq!(world.drifts().await, [Drift::Missing]);
    world.glance();
    world.finish().await;
}

#[tokio::test]
async fn what_comes_back_right_after_the_end_is_taken_away_and_what_comes_later_is_not() {
    let (mut world, db) = World::with_db_admin().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    world.grants(&requester, &approver, "db-admin 44m fixing OPS-42").await;
    world.advance(minutes(44)).await;
    assert_eq!(state(&world.grant().await), "ended");
    let before = world.asked_aws("DeleteAccountAssignment");
    world.cloud.assign(db.account, &db.set, &db.user).await;
    world.advance(minutes(2)).await;
    assert!(world.cloud.assigned(db.account, &db.set).await.is_empty());
    assert_eq!(world.asked_aws("DeleteAccountAssignment"), before + 1);
    assert_eq!(world.drifts().await, [Drift::Lingering]);
    assert_eq!(state(&world.grant().await), "ended");

    // it was seen to be gone: whatever is there from now on, somebody else has given
    world.advance(minutes(5)).await;
    world.cloud.assign(db.account, &db.set, &db.user).await;
    world.advance(minutes(120)).await;
    assert_eq!(world.cloud.assigned(db.account, &db.set).await, std::slice::from_ref(&db.user));
    assert_eq!(world.drifts().await, [Drift::Lingering, Drift::Foreign], "told once");
    assert_eq!(world.asked_aws("DeleteAccountAssignment"), before + 1);

    // gone, and given again: that is news
    world.cloud.unassign(db.account, &db.set, &db.user).await;
    world.advance(minutes(20)).await;
    world.cloud.assign(db.account, &db.set, &db.user).await;
    world.advance(minutes(20)).await;
    assert_eq!(world.drifts().await, [Drift::Lingering, Drift::Foreign, Drift::Foreign]);
    world.standing.extend(world.accesses().await.into_iter().map(|(access, _)| access.key));
    world.glance();
    world.finish().await;
}

#[tokio::test]
async fn what_whole_groups_have_is_told_like_what_people_have() {
    let (mut world, db) = World::with_db_admin().await;
    world.cloud.assign_group(db.account, &db.set, "9067642ac7-admins").await;
    world.cloud.assign(db.account, &db.set, "9067642ac7-somebody").await;
    world.advance(minutes(31)).await;
    assert_eq!(world.drifts().await, [Drift::Foreign, Drift::Foreign], "each is told once");
    let feed = world.feed();
    for who in ["group 9067642ac7-admins", "user 9067642ac7-somebody"] {
        assert!(feed.lines().any(|line| line.contains("*standing access*") && line.contains(who)), "{feed}");
    }
    let there = world.cloud.assigned(db.account, &db.set).await;
    assert_eq!(there.len(), 2, "and left alone");
    world.glance();
    world.finish().await;
}

#[tokio::test]
async fn what_carries_the_grants_name_is_ours_however_late_it_turns_up() {
    let (mut world, user) = with_s3().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    world.grants(&requester, &approver, "s3 30m fixing OPS-42").await;
    let (name, document) = world.cloud.user_policies(&user).await.pop_first().unwrap();
    world.advance(minutes(24 * 60)).await;
    assert!(world.cloud.user_policies(&user).await.is_empty());
    // somebody plays a backup back
    world.cloud.give_policy(&user, &name, &document).await;
    world.cloud.give_policy(&user, "own", &document).await;
    world.advance(minutes(16)).await;
    assert_eq!(world.cloud.user_policies(&user).await.into_keys().collect::<Vec<_>>(), ["own"]);
    assert_eq!(world.drifts().await, [Drift::Lingering]);
    world.glance();
    world.finish().await;
}

/// A role that puts a policy on an IAM user.
async fn with_s3() -> (World, String) {
    let world = World::start().await;
    let user = world.cloud.user("deployer").await;
    std::fs::write(
        world.config_file().with_file_name("s3.json"),
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#,
    )
    .unwrap();
    world.add_role("s3", &[&format!("type = \"aws-iam-policy\"\nuser = \"{user}\"\npolicy = \"s3.json\"")]).await;
    (world, user)
}

#[tokio::test]
async fn a_policy_that_somebody_has_changed_is_written_again() {
    let (mut world, user) = with_s3().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    world.grants(&requester, &approver, "s3 2h fixing OPS-42").await;
    let written = world.cloud.user_policies(&user).await;
    let (name, document) = written.first_key_value().unwrap();
    // the write of an earlier end arrives late, and somebody lets a policy open more and for ever
    let early = document.replace("14:00:00", "12:30:00");
    let endless = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    for (told, changed) in [early.as_str(), endless].into_iter().enumerate() {
        assert_ne!(changed, document);
        world.cloud.give_policy(&user, name, changed).await;
        world.advance(minutes(16)).await;
        assert_eq!(world.cloud.user_policies(&user).await, written);
        assert_eq!(world.drifts().await.len(), told + 1);
    }
    let before = world.asked_aws("GetUserPolicy");
    world.advance(minutes(15)).await;
    assert_eq!(world.asked_aws("GetUserPolicy"), before + 1, "one call for each sweep and live grant");
    world.advance(minutes(120)).await;
    assert!(world.cloud.user_policies(&user).await.is_empty());
    world.glance();
    world.finish().await;
}

/// Two roles with a group each, both granted and then taken away behind the bot's back.
async fn two_groups_that_were_emptied() -> (World, [String; 2], String) {
    let mut world = World::start().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    let user = world.cloud.user("breakglass").await;
    let groups = [world.cloud.group("a").await, world.cloud.group("b").await];
    for (name, group) in ["first", "second"].into_iter().zip(&groups) {
        world.add_role(name, &[&membership(&user, group)]).await;
        world.grants(&requester, &approver, &format!("{name} 2h fixing OPS-42")).await;
        world.cloud.leave(&user, group).await;
    }
    (world, groups, user)
}

#[tokio::test]
async fn what_may_not_be_looked_at_keeps_nothing_else_from_being_mended() {
    let (mut world, [first, second], user) = two_groups_that_were_emptied().await;
    let unanswered = world.unanswered("aws-iam").await;
    world.cloud.fail("GetGroup", 1, Fault::ACCESS_DENIED);
    world.advance(minutes(16)).await;
    assert!(world.cloud.members(&first).await.is_empty(), "nothing is concluded from no answer");
    assert_eq!(world.cloud.members(&second).await, BTreeSet::from([user.clone()]));
    assert_eq!(world.drifts().await, [Drift::Missing]);
    assert!(world.unanswered("aws-iam").await > unanswered);
    world.advance(minutes(15)).await;
    assert_eq!(world.cloud.members(&first).await, BTreeSet::from([user]));
    world.glance();
    world.finish().await;
}

#[tokio::test]
async fn what_gives_no_answer_again_and_again_does_not_hold_up_the_rest() {
    let (mut world, [first, second], user) = two_groups_that_were_emptied().await;
    // three runs of the job, with three attempts each
    world.cloud.fail("GetGroup", 9, Fault::Html503);
    world.advance(minutes(15) + seconds(10)).await;
    assert!(world.cloud.members(&first).await.is_empty());
    assert_eq!(world.cloud.members(&second).await, BTreeSet::from([user.clone()]));
    world.advance(minutes(15)).await;
    assert_eq!(world.cloud.members(&first).await, BTreeSet::from([user]));
    world.glance();
    world.finish().await;
}

#[tokio::test]
async fn a_sweep_reads_only_what_is_open_and_what_was_found() {
    let (mut world, user, group) = World::with_admins().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    let other = world.cloud.group("others").await;
    world.add_role("others", &[&membership(&user, &other)]).await;
    world.grants(&requester, &approver, "others 30m fixing OPS-42").await;
    world.advance(minutes(40)).await;
    world.grants(&requester, &approver, "admins 2h fixing OPS-42").await;
    world.cloud.leave(&user, &group).await;
    // what was over before is of no concern: nobody notices that it cannot be read
    world.sql("update access set target = json_quote(target) where state = 'gone'").await;
    world.advance(minutes(16)).await;
    assert_eq!(world.cloud.members(&group).await, BTreeSet::from([user]));
    world.sql("update access set target = json_extract(target, '$') where state = 'gone'").await;
    world.glance();
    world.finish().await;
}

#[tokio::test]
async fn the_accounts_of_a_unit_are_swept_while_they_are_in_it() {
    let mut world = World::start().await;
    let (unit, set) = (world.cloud.unit(None).await, world.cloud.permission_set("PT1H").await);
    let account = world.cloud.account_in(&unit).await;
    world.cloud.assign(&account, &set, "somebody").await;
    world.add_role("everywhere", &[&assignment(&unit, &set)]).await;
    world.advance(minutes(1)).await;
    assert_eq!(world.drifts().await, [Drift::Foreign]);
    // no answer is no news
    let unanswered = world.unanswered("aws-identity-center").await;
    world.cloud.fail("ListAccountsForParent", 1, Fault::NOT_ALLOWED);
    world.advance(minutes(31)).await;
    assert_eq!(world.drifts().await, [Drift::Foreign]);
    assert!(world.unanswered("aws-identity-center").await > unanswered);
    // an account that is closed is nobody's concern any more
    world.cloud.close_account(&account).await;
    world.advance(minutes(15)).await;
    let before = world.asked_aws(LIST);
    world.advance(minutes(15)).await;
    assert_eq!((world.asked_aws(LIST), world.drifts().await), (before, vec![Drift::Foreign]));
    world.glance();
    world.finish().await;
}

#[tokio::test]
async fn how_often_is_for_the_operator_to_say() {
    let (mut world, user, group) = World::with_admins().await;
    world.change_policy("[groups]", "[drift]\nevery = \"1h\"\n\n[groups]").await;
    let [requester, approver] = world.people(["requester", "approver"]);
    world.advance(minutes(20)).await;
    world.grants(&requester, &approver, "admins 2h fixing OPS-42").await;
    world.cloud.leave(&user, &group).await;
    world.advance(minutes(25)).await;
    assert!(world.cloud.members(&group).await.is_empty(), "the last sweep was at 12:00, and the next is at 13:00");
    world.change_policy("every = \"1h\"", "every = \"5m\"").await;
    world.advance(minutes(6)).await;
    assert_eq!(world.cloud.members(&group).await, BTreeSet::from([user]), "the shorter time counts at once");
    world.glance();
    world.finish().await;
}
