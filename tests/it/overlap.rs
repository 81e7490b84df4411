//! Several grants on one access: whatever the order in which they begin and end, and whichever of them is prolonged, it is
//! there exactly while one of them covers it.

use jit::{
    domain::{
        audit::{Drift, Fact},
        grant::Grant,
        job::Job,
    },
    playground::workspace::Person,
};

use crate::harness::{
    World,
    aws::{Fault, center_story::MEMBER},
    estate::Estate,
    hours, minutes, seconds, state,
};

const CREATE: &str = "CreateAccountAssignment";
const LOOK: &str = "ListAccountAssignmentsForPrincipal";

async fn world() -> (World, Estate) {
    let world = World::start().await;
    let estate = Estate::of(&world).await;
    (world, estate)
}

async fn over(mut world: World) {
    world.settle().await;
    world.the_cloud_agrees().await;
    world.everything_is_read();
    world.finish().await;
}

async fn granted(world: &mut World, holder: &Person, ask: &str) -> Grant {
    let [approver] = world.people(["approver"]);
    world.grants(holder, &approver, ask).await;
    world.advance(seconds(5)).await;
    world.grant().await
}

async fn ends(world: &mut World, holder: &Person, grant: &Grant) {
    holder.types(&format!("/jit end {}", grant.code.grant())).await;
    world.advance(seconds(5)).await;
    let _ = world.private(holder);
}

async fn drifts(world: &World) -> Vec<Drift> {
    let found = |fact| if let Fact::DriftFound { what, .. } = fact { Some(what) } else { None };
    world.facts().await.into_iter().filter_map(found).collect()
}

#[tokio::test]
async fn an_early_end_of_one_leaves_the_other_whichever_it_is() {
    for (first, second) in
        [("db-admin 30m", "incident 1h"), ("incident 1h", "db-admin 30m"), ("admins 1h", "admins 1h")]
    {
        for ends_first in [true, false] {
            let (mut world, _) = world().await;
            let [requester] = world.people(["requester"]);
            let one = granted(&mut world, &requester, first).await;
            world.advance(minutes(5)).await;
            let two = granted(&mut world, &requester, second).await;
            world.the_cloud_agrees().await;
            let (ended, left) = if ends_first { (one, two) } else { (two, one) };
            ends(&mut world, &requester, &ended).await;
            world.the_cloud_agrees().await;
            let left = world.all_grants().await.into_iter().find(|grant| grant.id == left.id).unwrap();
            assert_eq!(state(&left), "active");
            ends(&mut world, &requester, &left).await;
            world.the_cloud_agrees().await;
            assert!(world.asked_aws(CREATE) <= 1, "what is shared is made once");
            over(world).await;
        }
    }
}

#[tokio::test]
async fn a_second_grant_goes_on_where_the_first_one_ends() {
    let (mut world, estate) = world().await;
    let [requester, lead] = world.people(["requester", "lead"]);
    granted(&mut world, &requester, "outage 30m").await;
    world.advance(minutes(20)).await;
    granted(&mut world, &requester, "outage 1h").await;
    for _ in 0..5 {
        world.advance(minutes(10)).await;
        assert_eq!(estate.held(&world.cloud).await, [false, true, true]);
        world.the_cloud_agrees().await;
    }
    // the IAM user in the group is one and the same, whoever holds the grant
    granted(&mut world, &lead, "admins 1h").await;
    world.advance(minutes(11)).await;
    assert_eq!(estate.held(&world.cloud).await, [false, false, true]);
    world.advance(minutes(61)).await;
    assert_eq!(estate.held(&world.cloud).await, [false; 3]);
    assert_eq!((world.asked_aws(CREATE), world.asked_aws("DeleteAccountAssignment")), (1, 1));
    over(world).await;
}

#[tokio::test]
async fn more_time_for_one_counts_whatever_becomes_of_the_other() {
    for ends_early in [false, true] {
        let (mut world, estate) = world().await;
        let [requester, approver] = world.people(["requester", "approver"]);
        let one = granted(&mut world, &requester, "db-admin 30m").await;
        let two = granted(&mut world, &requester, "incident 1h").await;
        let _ = world.told(&requester, &format!("/jit extend {} 90m", one.code.grant())).await;
        world.settle().await;
        let _ = world.clicked(&approver, "Approve").await;
        world.the_cloud_agrees().await;
        if ends_early {
            ends(&mut world, &requester, &two).await;
        }
        world.advance(minutes(62)).await;
        assert_eq!(estate.held(&world.cloud).await, [true, false, false], "until 14:00");
        world.the_cloud_agrees().await;
        world.advance(minutes(58)).await;
        assert_eq!(estate.held(&world.cloud).await, [false; 3]);
        assert_eq!((world.asked_aws(CREATE), world.asked_aws("DeleteAccountAssignment")), (1, 1));
        over(world).await;
    }
}

#[tokio::test]
async fn a_grant_whose_end_is_noticed_late_has_ended_all_the_same() {
    let (mut world, _) = world().await;
    let [requester] = world.people(["requester"]);
    granted(&mut world, &requester, "incident 30m").await;
    // the bot is behind with other things, and comes to the end itself when all is taken away already
    world.sql("update job set run_at = run_at + 20000000 where kind = 'end_grant'").await;
    world.clock.advance(minutes(30));
    for (access, _) in world.accesses().await {
        let now = world.now();
        world.does(move |tx| Box::pin(async move { tx.enqueue(&Job::ReconcileAccess(access.key), now).await })).await;
    }
    world.settle().await;
    assert_eq!(state(&world.grant().await), "active");
    world.advance(minutes(1)).await;
    assert_eq!(state(&world.grant().await), "ended");
    over(world).await;
}

#[tokio::test]
async fn sessions_that_are_still_cut_off_hide_no_assignment() {
    let (mut world, estate) = world().await;
    let [requester] = world.people(["requester"]);
    let long = granted(&mut world, &requester, "db-watched 8h").await;
    ends(&mut world, &requester, &long).await;
    world.advance(minutes(1)).await;
    assert_eq!(state(&world.grant().await), "ended");
    assert!(!world.cloud.inline_policy_of(&estate.sets[1]).await.is_empty(), "sessions are cut off for an hour");
    granted(&mut world, &requester, "db-watched 15m").await;
    assert_eq!(estate.held(&world.cloud).await, [false, true, false]);
    world.advance(minutes(16)).await;
    assert_eq!(estate.held(&world.cloud).await, [false; 3]);
    world.the_cloud_agrees().await;
    world.advance(hours(3)).await;
    assert_eq!(world.cloud.inline_policy_of(&estate.sets[1]).await, "");
    assert_eq!(drifts(&world).await, []);
    over(world).await;
}

#[tokio::test]
async fn access_that_was_lost_and_cannot_be_given_again_raises_an_alarm() {
    let (mut world, estate) = world().await;
    let [requester] = world.people(["requester"]);
    granted(&mut world, &requester, "db-admin 2h").await;
    let shorter = granted(&mut world, &requester, "incident 1h").await;
    world.cloud.unassign(MEMBER, &estate.sets[0], &estate.users["U0REQUESTER"]).await;
    world.cloud.fail(CREATE, 1_000, Fault::NOT_ALLOWED);
    world.advance(minutes(16)).await;
    let alarm = estate.tidy(&world.screen("alerts"));
    for role in ["db-admin", "incident"] {
        let words = format!("*Stuck*: access of @requester to *{role}* does not come. GRANT-CODE, which was to end");
        assert!(alarm.contains(&words), "{alarm}");
    }
    assert!(alarm.contains("AWS does not let the bot call CreateAccountAssignment"), "{alarm}");
    let told = world.dm(&requester);
    assert!(told.contains("*live* until 2026-11-21 14:00:00 UTC.") && told.contains("AWS does not let"), "{told}");
    ends(&mut world, &requester, &shorter).await;
    let grants = world.all_grants().await;
    assert_eq!(
        grants.iter().map(state).collect::<Vec<_>>(),
        ["active", "ended"],
        "the one does not wait for the other"
    );

    world.cloud.heal();
    world.advance(minutes(6)).await;
    assert_eq!(estate.held(&world.cloud).await, [true, false, false]);
    assert_eq!(world.screen("alerts").matches("*Resolved*").count(), 2);
    world.advance(hours(2)).await;
    over(world).await;
}

/// Somebody takes away what a grant has, and another grant of the same begins before anybody looks.
#[tokio::test]
async fn a_second_grant_makes_good_what_the_first_one_lost() {
    let (mut world, estate) = world().await;
    let [requester] = world.people(["requester"]);
    granted(&mut world, &requester, "db-admin 2h").await;
    world.cloud.unassign(MEMBER, &estate.sets[0], &estate.users["U0REQUESTER"]).await;
    granted(&mut world, &requester, "incident 1h").await;
    assert_eq!(estate.held(&world.cloud).await, [true, false, true]);
    world.the_cloud_agrees().await;
    assert_eq!(world.asked_aws(CREATE), 2);
    world.advance(hours(1)).await;
    assert_eq!(estate.held(&world.cloud).await, [true, false, false]);
    world.advance(hours(1)).await;
    assert_eq!(drifts(&world).await, []);
    over(world).await;
}

#[tokio::test]
async fn what_comes_back_at_once_is_taken_away_again_and_what_comes_later_is_somebody_elses() {
    let (mut world, estate) = world().await;
    let [requester] = world.people(["requester"]);
    let grant = granted(&mut world, &requester, "incident 1h").await;
    // the next sweep is in a minute
    world.advance(minutes(14)).await;
    ends(&mut world, &requester, &grant).await;
    assert_eq!(estate.held(&world.cloud).await, [false; 3]);
    for (after, ours) in [(0, true), (4, false)] {
        world.advance(minutes(after)).await;
        world.cloud.assign(MEMBER, &estate.sets[0], &estate.users["U0REQUESTER"]).await;
        world.cloud.join(&estate.iam_user, &estate.group).await;
        world.advance(minutes(if ours { 2 } else { 16 })).await;
        assert_eq!(estate.held(&world.cloud).await, [!ours, false, !ours], "after {after} minutes");
    }
    assert_eq!(drifts(&world).await, [Drift::Lingering, Drift::Lingering, Drift::Foreign, Drift::Foreign]);
    world.standing.extend(world.accesses().await.into_iter().map(|(access, _)| access.key));
    over(world).await;
}

/// Somebody else gives the same at the same time, and AWS lets only one of them.
#[tokio::test]
async fn what_somebody_else_was_faster_to_give_is_theirs() {
    let (mut world, estate) = world().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    world.cloud.fail(CREATE, 1, Fault::CONFLICT);
    world.grants(&requester, &approver, "db-admin 30m").await;
    world.cloud.assign(MEMBER, &estate.sets[0], &estate.users["U0REQUESTER"]).await;
    world.advance(minutes(2)).await;
    assert_eq!(state(&world.grant().await), "failed");
    let dm = world.dm(&requester);
    assert!(dm.contains("already, assigned by somebody else"), "{dm}");
    world.advance(hours(2)).await;
    assert_eq!(estate.held(&world.cloud).await, [true, false, false], "and stays theirs");
    world.standing.extend(world.accesses().await.into_iter().map(|(access, _)| access.key));
    over(world).await;
}

/// The first call is on its way for a while, and a second one does the work: what the first one does is not left behind.
#[tokio::test]
async fn a_call_that_was_not_heard_of_is_waited_for_though_another_one_was() {
    let tuning = jit::provider::aws::Tuning {
        attempt_timeout: std::time::Duration::from_millis(1_500),
        ..crate::harness::aws::Cloud::tuning()
    };
    let mut world = World::tuned(tuning, |config| config).await;
    let estate = Estate::of(&world).await;
    let [requester, approver] = world.people(["requester", "approver"]);
    world.cloud.fail(CREATE, 1, Fault::Hang);
    world.grants(&requester, &approver, "db-admin 30m").await;
    world.advance(seconds(10)).await;
    assert_eq!(state(&world.grant().await), "active");
    assert_eq!(world.asked_aws(CREATE), 2);
    approver.clicks("Revoke").await;
    world.advance(seconds(20)).await;
    assert_eq!(estate.held(&world.cloud).await, [false; 3]);
    assert_eq!(state(&world.grant().await), "ending", "the first call may still come");
    world.cloud.heal();
    while !estate.held(&world.cloud).await[0] {
        tokio::task::yield_now().await;
    }
    world.advance(minutes(1)).await;
    assert_eq!(estate.held(&world.cloud).await, [false; 3]);
    assert_eq!(state(&world.grant().await), "ended");
    assert_eq!(drifts(&world).await, [], "nobody had to find it");
    over(world).await;
}

/// The bot still asks AWS who they are when somebody thinks better of it.
#[tokio::test]
async fn what_is_revoked_while_the_bot_still_looks_is_never_asked_for() {
    let (mut world, estate) = world().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    requester.types("/jit request db-admin 30m").await;
    world.settle().await;
    let (before, look) = (world.asked_aws(LOOK), Fault::HangAfter);
    world.cloud.fail(LOOK, 1, look);
    approver.clicks("Approve").await;
    let worker = world.worker();
    let running = tokio::spawn(async move { worker.run_due().await });
    while world.asked_aws(LOOK) == before {
        tokio::task::yield_now().await;
    }
    requester.types(&format!("/jit end {}", world.grant().await.code.grant())).await;
    world.cloud.heal();
    running.await.unwrap().unwrap();
    world.advance(minutes(2)).await;
    assert_eq!((world.asked_aws(CREATE), estate.held(&world.cloud).await), (0, [false; 3]));
    over(world).await;
}

#[tokio::test]
async fn what_is_over_is_not_read_again_when_the_same_is_granted_once_more() {
    let (mut world, estate) = world().await;
    let [requester] = world.people(["requester"]);
    granted(&mut world, &requester, "incident 15m").await;
    world.advance(minutes(20)).await;
    // nobody notices that it cannot be read
    world.sql("update access set target = json_quote(target) where state = 'gone'").await;
    granted(&mut world, &requester, "incident 5m").await;
    assert_eq!(estate.held(&world.cloud).await, [true, false, true]);
    world.clock.advance(minutes(5));
    world.settle().await;
    assert_eq!(estate.held(&world.cloud).await, [false; 3]);
    world.sql("update access set target = json_extract(target, '$') where json_type(target) = 'text'").await;
    over(world).await;
}

#[tokio::test]
async fn an_end_that_closes_nothing_does_not_say_that_it_did() {
    let (mut world, estate) = world().await;
    let [requester] = world.people(["requester"]);
    granted(&mut world, &requester, "db-admin 30m").await;
    granted(&mut world, &requester, "incident 1h").await;
    let _ = (world.dm(&requester), world.screen("requests"));
    let messages = requester.dm().messages();
    let first = messages.iter().find(|message| message.present().text.contains("db-admin")).unwrap();
    let click = requester.clicks_on(first, "End now").await;
    let shared = "The access ends now. What another live grant covers too stays open until that one ends.";
    assert!(click.confirmation().unwrap().contains(shared), "{:?}", click.confirmation());
    world.advance(seconds(5)).await;
    assert_eq!(estate.held(&world.cloud).await, [true, false, true]);
    let left = "GRANT-CODE covers the same: that stays open until GRANT-CODE ends.";
    for told in [world.dm(&requester), world.screen("requests")] {
        assert!(told.contains("has *ended*") && told.contains(left), "{told}");
    }
    let feed = world.feed();
    assert!(feed.contains(", which stays open for *GRANT-CODE*: *db-admin* of @requester"), "{feed}");
    assert!(!feed.contains("*closed*"), "{feed}");
    world.advance(hours(1)).await;
    assert_eq!(world.feed().matches("*closed*").count(), 3, "what incident had");
    assert_eq!(estate.held(&world.cloud).await, [false; 3]);
    over(world).await;
}

/// The configuration named the wrong user, and is mended while they have access.
#[tokio::test]
async fn a_mended_name_extends_nothing_that_the_wrong_user_has() {
    let (mut world, mut estate) = world().await;
    let [requester] = world.people(["requester"]);
    let wrong = granted(&mut world, &requester, "db-admin 2h").await;
    let right = world.cloud.directory_user("right", None).await;
    let line = format!("slack = \"{}\"\naws_identity_center = \"", requester.id());
    world.change_policy(&line, &format!("{line}right\" #")).await;
    requester.types("/jit request db-admin 1h").await;
    world.settle().await;
    let _ = world.private(&requester);
    let dm = world.dm(&requester);
    assert!(dm.contains("was *denied* by the cloud") && dm.contains("End that grant first, then ask again"), "{dm}");
    ends(&mut world, &requester, &wrong).await;
    assert_eq!(estate.held(&world.cloud).await, [false; 3]);
    granted(&mut world, &requester, "db-admin 1h").await;
    assert_eq!(estate.held(&world.cloud).await, [false; 3]);
    estate.users.insert(requester.id().to_owned(), right);
    assert_eq!(estate.held(&world.cloud).await, [true, false, false]);
    world.advance(minutes(61)).await;
    over(world).await;
}

/// An account is named by itself and by the unit it is in.
#[tokio::test]
async fn what_a_role_names_in_two_ways_is_opened_once() {
    let (mut world, estate) = world().await;
    let [requester] = world.people(["requester"]);
    let unit = world.cloud.unit(None).await;
    let account = world.cloud.account_in(&unit).await;
    let both = format!("account = [\"{account}\", \"{unit}\"]");
    world.edit_config(|config| config.replace("account = \"444455556666\"", &both));
    world.app.reload().await.unwrap();
    granted(&mut world, &requester, "db-admin 30m").await;
    assert_eq!(world.accesses().await.len(), 1);
    assert_eq!(world.cloud.assigned(&account, &estate.sets[0]).await.len(), 1);
    world.advance(minutes(31)).await;
    over(world).await;
}

#[tokio::test]
async fn an_organisational_unit_without_accounts_is_nothing_to_ask_for() {
    let (mut world, estate) = world().await;
    let [requester] = world.people(["requester"]);
    let unit = world.cloud.unit(None).await;
    world.edit_config(|config| config.replace("account = \"444455556666\"", &format!("account = \"{unit}\"")));
    world.app.reload().await.unwrap();
    requester.types("/jit request db-admin 30m").await;
    world.settle().await;
    assert_eq!(world.screen("requests"), "");
    let dm = estate.tidy(&world.dm(&requester)).replace(&unit, "ou-1");
    insta::assert_snapshot!(dm, @r"
    jit:
      Your request for *db-admin* for 30m (REQ-CODE) was *denied* by the cloud. ou-1|SET-1 has no active account in it: there is nothing to grant
    ");
    over(world).await;
}
