//! Roles on resources, roles of the directory and groups in Azure: given for a time by Azure's own Privileged Identity
//! Management, ended by it, and ended earlier when people want that and Azure lets us.

use jiff::{SignedDuration, Timestamp};
use jit::domain::audit::Fact;

use crate::harness::{
    World,
    azure::{
        Action, SUBSCRIPTION, Slow, Thing,
        directory::{ENTRA_ROLES, guid},
        role,
        story::things,
    },
    hours, minutes, seconds, state,
};

fn moment(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[tokio::test]
async fn a_role_is_asked_for_approved_given_by_azure_and_ended_by_it() {
    let mut world = World::with_azure().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    let [contributor, ..] = things();
    let asked = world.told(&requester, "/jit request deploy 30m fixing OPS-42").await;
    assert!(asked.contains("1 approval needed"), "{asked}");
    world.settle().await;
    assert!(!world.azure.has(&contributor, "requester"));
    let _ = world.clicked(&approver, "Approve").await;
    assert_eq!(state(&world.grant().await), "active");
    assert_eq!(world.azure.ends_at(&contributor, "requester"), Some(moment("2026-11-21T12:30:00Z")));

    let grant = world.grant().await;
    let made = world.azure.calls().into_iter().find(|call| call.action == "AdminAssign").unwrap();
    let sent = &made.body["properties"];
    assert_eq!(sent["principalId"], guid("requester"));
    assert_eq!(sent["scheduleInfo"]["expiration"]["type"], "AfterDuration");
    assert!(sent["scheduleInfo"].get("startDateTime").is_none(), "Azure's own clock counts");
    let why = sent["justification"].as_str().unwrap();
    for part in ["REQ-", "fixing OPS-42", "Approver"] {
        assert!(why.to_lowercase().contains(&part.to_lowercase()), "{part} is not in `{why}`");
    }
    assert!(sent["ticketInfo"]["ticketNumber"].is_string());
    let facts = world.facts().await;
    let live = facts.iter().find_map(|fact| match fact {
        Fact::AccessLive { about, receipt, .. } if about.grant == Some(grant.id) => Some(receipt.clone()),
        _ => None,
    });
    let live = live.expect("it is on the trail");
    assert_eq!(live.get("user_id").map(String::as_str), Some(guid("requester").as_str()));

    let dm = world.dm(&requester);
    assert!(dm.contains("*live* until 2026-11-21 12:30:00 UTC") && !dm.contains("[Get credentials]"), "{dm}");
    assert!(dm.contains("ten minutes") && dm.contains("ign in again"), "what is true of propagation: {dm}");

    world.advance(minutes(29)).await;
    assert!(world.azure.has(&contributor, "requester"));
    world.advance(minutes(2)).await;
    assert!(!world.azure.has(&contributor, "requester"));
    assert_eq!(state(&world.grant().await), "ended");
    assert_eq!(world.azure.asked("AdminRemove"), 0, "Azure has ended it by itself");
    world.advance(hours(1)).await;
    assert_eq!(world.mended().await, []);
    assert_eq!(world.screen("alerts"), "");
    world.is_over().await;
}

#[tokio::test]
async fn a_dead_bot_leaves_nothing_open() {
    let mut world = World::with_azure().await;
    let [requester] = world.people(["requester"]);
    world.gets(&requester, "deploy-all 30m").await;
    assert!(things().iter().all(|thing| world.azure.has(thing, "requester")));
    world.kill().await;
    world.clock.advance(minutes(31));
    assert!(!things().iter().any(|thing| world.azure.has(thing, "requester")), "with nobody there");
    world.restart().await;
    world.settle().await;
    assert_eq!(state(&world.grant().await), "ended");
    world.is_over().await;
}

#[tokio::test]
async fn an_early_end_after_five_minutes_is_done_at_once() {
    for (name, thing) in ["deploy", "oncall", "helpdesk"].into_iter().zip(things()) {
        let mut world = World::with_azure().await;
        let [requester] = world.people(["requester"]);
        let grant = world.gets(&requester, &format!("{name} 2h")).await;
        world.advance(minutes(10)).await;
        assert!(world.azure.has(&thing, "requester"));
        world.ends(&requester, &grant).await;
        assert!(!world.azure.has(&thing, "requester"), "{name}");
        assert_eq!(state(&world.grant().await), "ended", "{name}");
        assert_eq!(world.azure.asked("AdminRemove"), 1);
        // the lists show it for four more minutes, and nobody minds
        world.advance(hours(1)).await;
        assert_eq!(world.mended().await, [], "{name}");
        assert_eq!(world.screen("alerts"), "");
        assert_eq!(world.azure.asked("AdminRemove"), 1);
        world.is_over().await;
    }
}

#[tokio::test]
async fn an_early_end_before_that_says_when_and_why_and_is_done_then() {
    for (name, thing) in ["deploy", "oncall", "helpdesk"].into_iter().zip(things()) {
        for after in [0, 30, 100, 200] {
            let mut world = World::with_azure().await;
            let [requester, approver] = world.people(["requester", "approver"]);
            world.grants(&requester, &approver, &format!("{name} 2h")).await;
            let given = world.now();
            world.advance(seconds(after)).await;
            let grant = world.grant().await;
            let _ = world.ends(&requester, &grant).await;
            assert_eq!(state(&world.grant().await), "ending", "{name} after {after} s");
            assert!(world.azure.has(&thing, "requester"));
            let (dm, card) = (world.dm(&requester), world.screen("requests"));
            for screen in [dm, card] {
                let words = "Azure removes nothing younger than five minutes";
                assert!(screen.contains(words) && screen.contains("ends at 12:0"), "{name} after {after} s: {screen}");
            }
            assert!(world.now() < given + minutes(5));
            world.clock.advance_to(given + minutes(5));
            world.settle().await;
            world.advance(minutes(1)).await;
            assert!(!world.azure.has(&thing, "requester"), "{name} after {after} s");
            assert_eq!(state(&world.grant().await), "ended", "{name} after {after} s");
            world.advance(hours(1)).await;
            assert_eq!(world.screen("alerts"), "", "it is no alarm");
            assert_eq!(world.mended().await, []);
            world.is_over().await;
        }
    }
}

#[tokio::test]
async fn a_grant_of_five_minutes_is_given_though_approving_it_took_a_moment() {
    for (name, thing) in ["deploy", "oncall"].into_iter().zip(things()) {
        let mut world = World::with_azure().await;
        let [requester, approver] = world.people(["requester", "approver"]);
        world.azure.fail("AdminAssign", 1, crate::harness::azure::Fault::Throttled(3));
        world.grants(&requester, &approver, &format!("{name} 5m")).await;
        world.advance(seconds(20)).await;
        assert_eq!(state(&world.grant().await), "active", "{name}");
        assert!(world.azure.has(&thing, "requester"));
        world.advance(minutes(6)).await;
        assert!(!world.azure.has(&thing, "requester"));
        assert_eq!(state(&world.grant().await), "ended");
        assert_eq!(world.screen("alerts"), "");
        world.is_over().await;
    }
}

#[tokio::test]
async fn less_than_five_minutes_cannot_be_asked_for() {
    let world = World::with_azure().await;
    let [requester] = world.people(["requester"]);
    let told = world.told(&requester, "/jit request deploy 4m").await;
    assert!(told.contains("5m"), "{told}");
    assert_eq!(world.azure.calls().len(), 0);
    world.is_over().await;
}

#[tokio::test]
async fn more_time_moves_the_end_that_azure_knows() {
    for (name, thing) in ["deploy", "oncall", "helpdesk"].into_iter().zip(things()) {
        let mut world = World::with_azure().await;
        let [requester, approver] = world.people(["requester", "approver"]);
        let grant = world.gets(&requester, &format!("{name} 30m")).await;
        world.advance(minutes(20)).await;
        let _ = world.told(&requester, &format!("/jit extend {} 30m", grant.code.grant())).await;
        world.settle().await;
        let _ = world.clicked(&approver, "Approve").await;
        world.advance(seconds(10)).await;
        assert_eq!(world.azure.ends_at(&thing, "requester"), Some(moment("2026-11-21T13:00:00Z")), "{name}");
        assert_eq!((world.azure.asked("AdminAssign"), world.azure.asked("AdminUpdate")), (1, 1));
        // sweeps look at lists that do not know yet
        world.advance(minutes(39)).await;
        assert!(world.azure.has(&thing, "requester"));
        assert_eq!(state(&world.grant().await), "active");
        world.advance(minutes(2)).await;
        assert!(!world.azure.has(&thing, "requester"));
        assert_eq!(state(&world.again(&grant).await), "ended");
        assert_eq!(world.mended().await, [], "{name}");
        world.is_over().await;
    }
}

#[tokio::test]
async fn more_time_that_is_asked_for_at_once_is_given_when_azure_has_settled() {
    let mut world = World::with_azure().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    let [contributor, ..] = things();
    let grant = world.gets(&requester, "deploy 30m").await;
    let _ = world.told(&requester, &format!("/jit extend {} 30m", grant.code.grant())).await;
    world.settle().await;
    let _ = world.clicked(&approver, "Approve").await;
    world.advance(minutes(4)).await;
    assert_eq!(world.azure.ends_at(&contributor, "requester"), Some(moment("2026-11-21T13:00:00Z")));
    assert_eq!(world.azure.asked("AdminAssign"), 1, "what is there is not assigned again");
    world.advance(hours(1)).await;
    assert_eq!(world.screen("alerts"), "");
    world.is_over().await;
}

#[tokio::test]
async fn more_time_than_the_tenant_allows_leaves_the_end_where_it_was() {
    let mut world = World::with_azure().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    let [contributor, ..] = things();
    let grant = world.gets(&requester, "deploy 30m").await;
    world.advance(minutes(5)).await;
    let most = SignedDuration::from_mins(40);
    world.azure.demands(&contributor, crate::harness::azure::Policy { most, ..Default::default() });
    let _ = world.told(&requester, &format!("/jit extend {} 1h", grant.code.grant())).await;
    world.settle().await;
    let _ = world.clicked(&approver, "Approve").await;
    world.advance(seconds(30)).await;
    assert_eq!(world.azure.ends_at(&contributor, "requester"), Some(moment("2026-11-21T12:30:00Z")));
    let dm = world.dm(&requester);
    assert!(dm.contains("ExpirationRule"), "{dm}");
    assert_eq!(world.again(&grant).await.ends_at, moment("2026-11-21T12:30:00Z"));
    world.advance(minutes(30)).await;
    assert_eq!(state(&world.again(&grant).await), "ended");
    world.is_over().await;
}

#[tokio::test]
async fn it_is_live_only_when_azure_says_so_and_gone_when_its_grant_is_over() {
    for (name, thing) in ["deploy", "oncall", "helpdesk"].into_iter().zip(things()) {
        let mut world = World::with_azure().await;
        let [requester, approver] = world.people(["requester", "approver"]);
        let slow = Slow { status: "PendingProvisioning", lasts: seconds(90), fails: None };
        world.azure.slow(Action::Assign, 1, slow);
        world.grants(&requester, &approver, &format!("{name} 30m")).await;
        world.advance(seconds(60)).await;
        assert_eq!(state(&world.grant().await), "applying", "{name}");
        world.advance(minutes(2)).await;
        assert_eq!(state(&world.grant().await), "active", "{name}");
        assert!(world.azure.has(&thing, "requester"));
        assert_eq!(world.azure.asked("AdminAssign"), 1, "{name}");
        // Azure counts the half hour from when it was done, and the grant does not
        assert!(world.azure.ends_at(&thing, "requester").unwrap() > moment("2026-11-21T12:31:00Z"));
        world.advance(minutes(28)).await;
        assert!(!world.azure.has(&thing, "requester"), "{name}: it has outlived its grant");
        assert_eq!(state(&world.grant().await), "ended", "{name}");
        world.advance(hours(1)).await;
        assert_eq!(world.screen("alerts"), "");
        world.is_over().await;
    }
}

#[tokio::test]
async fn what_azure_fails_at_in_the_end_is_named() {
    for status in ["Failed", "Denied", "FailedAsResourceIsLocked"] {
        let mut world = World::with_azure().await;
        let [requester, approver] = world.people(["requester", "approver"]);
        let slow = Slow { status: "PendingProvisioning", lasts: seconds(5), fails: Some(status) };
        world.azure.slow(Action::Assign, 100, slow);
        world.grants(&requester, &approver, "deploy 30m").await;
        world.advance(minutes(29)).await;
        assert_eq!(state(&world.grant().await), "failed", "{status}");
        let dm = world.dm(&requester);
        assert!(dm.contains("*could not be granted*") && dm.contains(status), "{dm}");
        world.is_over().await;
    }
}

#[tokio::test]
async fn a_removal_that_takes_its_time_is_waited_for() {
    let mut world = World::with_azure().await;
    let [requester] = world.people(["requester"]);
    let [contributor, ..] = things();
    let grant = world.gets(&requester, "deploy 2h").await;
    world.advance(minutes(10)).await;
    world.azure.slow(Action::Remove, 1, Slow { status: "PendingRevocation", lasts: seconds(80), fails: None });
    world.ends(&requester, &grant).await;
    assert_eq!(state(&world.grant().await), "ending");
    assert!(world.azure.has(&contributor, "requester"));
    world.advance(minutes(3)).await;
    assert!(!world.azure.has(&contributor, "requester"));
    assert_eq!(state(&world.grant().await), "ended");
    assert_eq!(world.azure.asked("AdminRemove"), 1);
    world.is_over().await;
}

#[tokio::test]
async fn what_waits_for_people_in_azure_is_told_and_not_left_behind() {
    let mut world = World::with_azure().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    let [contributor, ..] = things();
    let slow = Slow { status: "PendingApproval", lasts: hours(3), fails: None };
    world.azure.slow(Action::Assign, 1, slow);
    world.grants(&requester, &approver, "deploy 30m").await;
    world.advance(hours(4)).await;
    assert!(!world.azure.has(&contributor, "requester"));
    assert!(world.azure.schedules().is_empty(), "what somebody approves later comes to nothing");
    assert!(["failed", "ended"].contains(&state(&world.grant().await)));
    world.is_over().await;
}

#[tokio::test]
async fn standing_access_is_refused_before_anybody_is_bothered_and_stays() {
    for (name, thing) in ["deploy", "oncall", "helpdesk"].into_iter().zip(things()) {
        let mut world = World::with_azure().await;
        let [requester] = world.people(["requester"]);
        world.azure.stands(&thing, "requester");
        let _ = world.told(&requester, &format!("/jit request {name} 30m")).await;
        world.settle().await;
        assert_eq!(world.screen("requests"), "", "{name}");
        let dm = world.dm(&requester);
        assert!(dm.contains("was *denied* by the cloud") && dm.contains("already"), "{dm}");
        world.advance(hours(2)).await;
        assert!(world.azure.has(&thing, "requester"), "and stays");
        assert_eq!(world.azure.asked("AdminAssign") + world.azure.asked("AdminRemove"), 0);
        world.is_over().await;
    }
}

#[tokio::test]
async fn what_somebody_else_gives_while_it_is_being_approved_stays_theirs() {
    for (name, thing) in ["deploy", "oncall", "helpdesk"].into_iter().zip(things()) {
        let mut world = World::with_azure().await;
        let [requester, approver] = world.people(["requester", "approver"]);
        let _ = world.told(&requester, &format!("/jit request {name} 30m")).await;
        world.settle().await;
        world.azure.stands(&thing, "requester");
        let _ = world.clicked(&approver, "Approve").await;
        world.advance(minutes(2)).await;
        assert_eq!(state(&world.grant().await), "failed", "{name}");
        let dm = world.dm(&requester);
        assert!(dm.contains("already"), "{dm}");
        world.advance(hours(2)).await;
        assert!(world.azure.has(&thing, "requester"), "{name}: and stays theirs");
        world.standing.extend(world.accesses().await.into_iter().map(|(access, _)| access.key));
        world.is_over().await;
    }
}

#[tokio::test]
async fn a_pipeline_is_given_what_its_role_names_whoever_asks() {
    let mut world = World::with_azure().await;
    let [requester, lead] = world.people(["requester", "lead"]);
    let thing = Thing::resource(SUBSCRIPTION, role("Contributor"));
    let first = world.gets(&requester, "robot 1h").await;
    assert!(world.azure.has(&thing, "pipeline"));
    assert!(!world.azure.has(&thing, "requester"));
    assert_eq!(world.azure.asked("FindUser"), 0, "nobody has to be looked for");
    world.advance(minutes(10)).await;
    world.gets(&lead, "robot 2h").await;
    world.ends(&requester, &first).await;
    assert!(world.azure.has(&thing, "pipeline"), "the other one covers it");
    world.advance(minutes(115)).await;
    assert!(world.azure.has(&thing, "pipeline"));
    world.advance(minutes(10)).await;
    assert!(!world.azure.has(&thing, "pipeline"));
    world.is_over().await;
}

#[tokio::test]
async fn members_and_owners_of_a_group_are_two_things() {
    let mut world = World::with_azure().await;
    let [requester] = world.people(["requester"]);
    let [member, owner] = ["member", "owner"].map(|access| Thing::group(&guid("oncall"), access));
    let grant = world.gets(&requester, "oncall-owner 1h").await;
    assert!(world.azure.has(&owner, "requester") && !world.azure.has(&member, "requester"));
    world.gets(&requester, "oncall 2h").await;
    world.advance(minutes(10)).await;
    world.ends(&requester, &grant).await;
    assert!(!world.azure.has(&owner, "requester") && world.azure.has(&member, "requester"));
    world.advance(hours(2)).await;
    world.is_over().await;
}

#[tokio::test]
async fn what_a_role_opens_in_two_clouds_comes_and_goes_as_a_whole() {
    let mut world = World::with_azure().await;
    let [requester] = world.people(["requester"]);
    let [contributor, ..] = things();
    let grant = world.gets(&requester, "both-clouds 1h").await;
    assert_eq!(state(&grant), "active");
    let (key, _) = world.claims(&requester).await;
    assert!(world.works(&key).await && world.azure.has(&contributor, "requester"));
    world.advance(minutes(10)).await;
    world.ends(&requester, &grant).await;
    assert!(!world.works(&key).await && !world.azure.has(&contributor, "requester"));
    world.advance(hours(2)).await;
    world.is_over().await;
}

#[tokio::test]
async fn one_of_several_that_the_tenant_forbids_undoes_the_others_in_azures_time() {
    let mut world = World::with_azure().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    let [contributor, member, _] = things();
    world.azure.demands(&member, crate::harness::azure::Policy { mfa: true, ..Default::default() });
    world.grants(&requester, &approver, "deploy-wide 1h").await;
    world.advance(seconds(10)).await;
    let dm = world.dm(&requester);
    assert!(dm.contains("*could not be granted*") && dm.contains("MfaRule"), "{dm}");
    world.advance(minutes(7)).await;
    assert!(!world.azure.has(&contributor, "requester") && !world.azure.has(&member, "requester"));
    assert_eq!(state(&world.grant().await), "failed");
    assert_eq!(world.screen("alerts"), "");
    world.is_over().await;
}

#[tokio::test]
async fn a_role_of_the_directory_is_for_its_scope_alone() {
    let mut world = World::with_azure().await;
    let [requester] = world.people(["requester"]);
    // the requester has the same role for two administrative units, for ever
    let [.., everywhere] = things();
    let grant = world.gets(&requester, "helpdesk 30m").await;
    assert_eq!(state(&grant), "active");
    world.advance(minutes(10)).await;
    world.ends(&requester, &grant).await;
    assert!(!world.azure.has(&everywhere, "requester"));
    let unit = Thing::entra(ENTRA_ROLES[2].1, "/administrativeUnits/a");
    assert!(world.azure.has(&unit, "requester"), "that stays");
    world.advance(hours(1)).await;
    world.is_over().await;
}

#[tokio::test]
async fn with_warm_caches_a_grant_costs_three_calls_and_its_end_two() {
    let mut world = World::with_azure().await;
    let [requester] = world.people(["requester"]);
    world.gets(&requester, "deploy-all 5m").await;
    world.advance(minutes(30)).await;
    for name in ["deploy", "oncall", "helpdesk"] {
        let before = world.azure.calls().len();
        let grant = world.gets(&requester, &format!("{name} 2h")).await;
        assert_eq!(state(&grant), "active");
        let to_give = world.azure.actions().split_off(before);
        assert!(calls_until("AdminAssign", &to_give).len() <= 3, "{name}: {to_give:?}");
        world.clock.advance(minutes(6));
        let before = world.azure.calls().len();
        world.ends(&requester, &grant).await;
        let to_end = world.azure.actions().split_off(before);
        assert!(calls_until("AdminRemove", &to_end).len() <= 2, "{name}: {to_end:?}");
        assert_eq!(state(&world.again(&grant).await), "ended");
    }
    world.advance(minutes(30)).await;
    world.is_over().await;
}

/// Calls until it was asked for that, with the pages of a list as one: how many there are depends on what others have. What
/// comes after it is a sweep's.
fn calls_until<'a>(write: &str, actions: &'a [String]) -> Vec<&'a String> {
    let last = actions.iter().position(|it| it == write).expect("it was asked for that");
    let mut calls: Vec<&String> = actions[..=last].iter().collect();
    calls.dedup_by(|next, last| next == last && last.starts_with("List"));
    calls
}
