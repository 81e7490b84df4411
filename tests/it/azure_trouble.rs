//! Azure refuses, fails, hangs, lags and lets nobody in: what people are told, what is tried again, and what never
//! happens.

use jiff::SignedDuration;

use crate::harness::{
    World,
    azure::{Action, Fault, Lags, Policy, Slow, story::things},
    hours, minutes, seconds, state,
};

/// Asked for and approved, and so much later.
async fn after(world: &mut World, ask: &str, passed: SignedDuration) {
    let [requester, approver] = world.people(["requester", "approver"]);
    world.grants(&requester, &approver, ask).await;
    world.advance(passed).await;
}

#[tokio::test]
async fn a_rule_of_the_tenant_that_stands_in_the_way_is_named() {
    let usual = Policy::default();
    for (policy, rules) in [
        (Policy { most: SignedDuration::from_mins(20), ..usual }, vec!["ExpirationRule"]),
        (Policy { mfa: true, ..usual }, vec!["MfaRule"]),
        (Policy { mfa: true, most: SignedDuration::from_mins(20), ..usual }, vec!["ExpirationRule", "MfaRule"]),
    ] {
        for (name, thing) in ["deploy", "oncall", "helpdesk"].into_iter().zip(things()) {
            let mut world = World::with_azure().await;
            let [requester] = world.people(["requester"]);
            world.azure.demands(&thing, policy);
            after(&mut world, &format!("{name} 30m"), minutes(1)).await;
            assert_eq!(state(&world.grant().await), "failed", "{name}");
            let dm = world.dm(&requester);
            assert!(dm.contains("*could not be granted*"), "{dm}");
            assert!(rules.iter().all(|rule| dm.contains(rule)), "{dm}");
            assert_eq!(world.azure.asked("AdminAssign"), 1, "it is not tried again");
            world.is_over().await;
        }
    }
}

#[tokio::test]
async fn a_tenant_that_wants_a_reason_and_a_ticket_gets_them() {
    for (name, thing) in ["deploy", "oncall", "helpdesk"].into_iter().zip(things()) {
        let mut world = World::with_azure().await;
        world.azure.demands(&thing, Policy { ticket: true, justification: true, ..Policy::default() });
        after(&mut world, &format!("{name} 30m fixing OPS-42"), seconds(5)).await;
        assert_eq!(state(&world.grant().await), "active", "{name}");
        world.advance(hours(1)).await;
        world.is_over().await;
    }
}

#[tokio::test]
async fn what_azure_will_never_do_is_said_in_words_and_not_tried_twice() {
    for (fault, words) in [
        (Fault::FORBIDDEN, "may not"),
        (Fault::NO_LICENSE, "licence"),
        (Fault::Refuse { status: 400, code: "RoleNotFound", message: "The role is not found." }, "no such role"),
        (Fault::Refuse { status: 400, code: "ResourceIsLocked", message: "The resource is locked." }, "locked"),
        (
            Fault::Refuse {
                status: 400,
                code: "RoleAssignmentRequestAcrsValidationFailed",
                message: "&claims=%7B%22access_token%22%3A%7B%22acrs%22%3A%7B%22value%22%3A%22c1%22%7D%7D%7D",
            },
            "authentication context",
        ),
        (Fault::Refuse { status: 400, code: "RoleAssignmentLimitExceeded", message: "4000 assignments." }, "as many"),
        (
            Fault::Refuse {
                status: 400,
                code: "InvalidRoleAssignmentRequestSchedule",
                message: "The schedule is \"invalid\".",
            },
            "InvalidRoleAssignmentRequestSchedule",
        ),
    ] {
        let mut world = World::with_azure().await;
        let [requester] = world.people(["requester"]);
        world.azure.fail("AdminAssign", 100, fault);
        after(&mut world, "deploy 30m", minutes(2)).await;
        assert_eq!(state(&world.grant().await), "failed", "{words}");
        let dm = world.dm(&requester);
        assert!(dm.contains("*could not be granted*") && dm.contains(words), "{dm}");
        assert_eq!(world.azure.asked("AdminAssign"), 1, "{words}");
        world.is_over().await;
    }
}

#[tokio::test]
async fn what_comes_right_by_itself_is_tried_again() {
    for fault in [Fault::SUBJECT_NOT_FOUND, Fault::PENDING, Fault::FailBefore, Fault::Html503] {
        for (name, thing) in ["deploy", "oncall", "helpdesk"].into_iter().zip(things()) {
            let mut world = World::with_azure().await;
            world.azure.fail("AdminAssign", 2, fault.clone());
            after(&mut world, &format!("{name} 1h"), minutes(3)).await;
            assert_eq!(state(&world.grant().await), "active", "{name} {fault:?}");
            assert!(world.azure.has(&thing, "requester"));
            assert_eq!(world.azure.schedules().len(), 1);
            world.advance(hours(1)).await;
            assert_eq!(world.screen("alerts"), "");
            world.is_over().await;
        }
    }
}

#[tokio::test]
async fn azure_is_left_alone_for_as_long_as_it_says() {
    for action in ["AdminAssign", "ListInstances", "FindUser"] {
        let mut world = World::with_azure().await;
        world.azure.fail(action, 1, Fault::Throttled(90));
        after_asking(&mut world, "deploy 30m").await;
        let calls = world.azure.calls();
        let throttled = calls.iter().find(|call| call.action == action).unwrap().at;
        let next = calls.iter().find(|call| call.action == action && call.at > throttled);
        let next = next.unwrap_or_else(|| panic!("{action} was never asked again")).at;
        let waited = next.duration_since(throttled);
        assert!(waited >= seconds(90) && waited < minutes(4), "{action}: {waited:#}");
        assert_eq!(state(&world.grant().await), "active", "{action}");
        world.advance(hours(1)).await;
        world.is_over().await;
    }
}

/// Asks, lets time pass until there is something to approve, and approves.
async fn after_asking(world: &mut World, ask: &str) {
    let [requester, approver] = world.people(["requester", "approver"]);
    let _ = world.told(&requester, &format!("/jit request {ask}")).await;
    world.advance(minutes(3)).await;
    let _ = world.clicked(&approver, "Approve").await;
    world.advance(minutes(3)).await;
}

#[tokio::test]
async fn what_was_done_though_the_answer_said_otherwise_is_found_and_not_done_again() {
    for fault in [Fault::FailAfter, Fault::DropAfter, Fault::HangAfter] {
        for (name, thing) in ["deploy", "oncall", "helpdesk"].into_iter().zip(things()) {
            let mut world = World::with_azure().await;
            let [requester] = world.people(["requester"]);
            world.azure.fail("AdminAssign", 1, fault.clone());
            after(&mut world, &format!("{name} 2h"), minutes(3)).await;
            assert_eq!(state(&world.grant().await), "active", "{name} {fault:?}");
            assert_eq!(world.azure.asked("AdminAssign"), 1, "{name} {fault:?}: a write is not repeated unseen");
            assert!(world.azure.has(&thing, "requester"));
            world.advance(minutes(10)).await;

            world.azure.fail("AdminRemove", 1, fault.clone());
            let grant = world.grant().await;
            world.ends(&requester, &grant).await;
            // what Azure says is not there counts as gone only when its lists agree
            world.advance(minutes(6)).await;
            assert!(!world.azure.has(&thing, "requester"));
            assert_eq!(state(&world.grant().await), "ended", "{name} {fault:?}");
            world.azure.heal();
            world.advance(hours(2)).await;
            assert_eq!(world.mended().await, [], "{name} {fault:?}");
            assert_eq!(world.screen("alerts"), "");
            world.is_over().await;
        }
    }
}

#[tokio::test]
async fn more_time_that_was_given_though_the_answer_said_otherwise_is_found() {
    for (name, thing) in ["deploy", "oncall", "helpdesk"].into_iter().zip(things()) {
        let mut world = World::with_azure().await;
        let [requester, approver] = world.people(["requester", "approver"]);
        let grant = world.gets(&requester, &format!("{name} 30m")).await;
        world.advance(minutes(10)).await;
        world.azure.fail("AdminUpdate", 1, Fault::FailAfter);
        let _ = world.told(&requester, &format!("/jit extend {} 30m", grant.code.grant())).await;
        world.settle().await;
        let _ = world.clicked(&approver, "Approve").await;
        world.advance(minutes(40)).await;
        assert!(world.azure.has(&thing, "requester"), "{name}");
        world.advance(minutes(11)).await;
        assert!(!world.azure.has(&thing, "requester"), "{name}");
        assert_eq!(world.mended().await, []);
        world.is_over().await;
    }
}

/// The call is on its way for a while and comes true after all.
#[tokio::test]
async fn a_call_that_reaches_azure_late_is_taken_back() {
    let mut world = World::with_azure().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    let [contributor, ..] = things();
    world.azure.fail("AdminAssign", 1, Fault::Hang);
    world.grants(&requester, &approver, "deploy 2h").await;
    let grant = world.grant().await;
    approver.clicks("Revoke").await;
    world.advance(seconds(20)).await;
    let _ = world.private(&approver);
    world.azure.heal();
    while !world.azure.has(&contributor, "requester") {
        tokio::task::yield_now().await;
    }
    world.advance(minutes(20)).await;
    assert!(!world.azure.has(&contributor, "requester"), "it came late and was taken back");
    assert_eq!(state(&world.again(&grant).await), "ended");
    world.is_over().await;
}

#[tokio::test]
async fn lists_that_lag_change_nothing() {
    for seconds_behind in [0, 34, 120, 290] {
        let behind = seconds(seconds_behind);
        for (name, thing) in ["deploy", "oncall", "helpdesk"].into_iter().zip(things()) {
            let mut world = World::with_azure().await;
            let [requester] = world.people(["requester"]);
            world.azure.lags(Lags { list_after_grant: behind, list_after_removal: behind, ..Lags::REAL });
            world.edit_config(|config| format!("{config}\n[drift]\nevery = \"1m\"\n"));
            world.app.reload().await.unwrap();
            let grant = world.gets(&requester, &format!("{name} 2h")).await;
            for _ in 0..12 {
                world.advance(minutes(1)).await;
                assert_eq!(state(&world.grant().await), "active", "{name}, {behind:#} behind");
                assert!(world.azure.has(&thing, "requester"));
            }
            world.ends(&requester, &grant).await;
            for _ in 0..12 {
                world.advance(minutes(1)).await;
                assert_eq!(state(&world.grant().await), "ended", "{name}, {behind:#} behind");
                assert!(!world.azure.has(&thing, "requester"));
            }
            assert_eq!(world.mended().await, [], "{name}, {behind:#} behind");
            assert_eq!((world.azure.asked("AdminAssign"), world.azure.asked("AdminRemove")), (1, 1));
            let told = world.feed().lines().filter(|line| line.contains("*live*")).count();
            assert!(told <= 1, "it is told once: {}", world.feed());
            world.is_over().await;
        }
    }
}

#[tokio::test]
async fn why_the_bot_gets_no_token_is_said_in_words_and_never_with_the_secret() {
    for (fault, words) in [
        (Fault::WRONG_SECRET, "7000215"),
        (Fault::EXPIRED_SECRET, "7000222"),
        (Fault::UNKNOWN_APP, "700016"),
        (Fault::UNKNOWN_TENANT, "90002"),
        (Fault::Token { code: 53_003, words: "Access has been blocked by \"Conditional Access\" policies." }, "53003"),
        (Fault::Token { code: 123_456, words: "Something nobody has heard of." }, "123456"),
    ] {
        let mut world = World::with_azure().await;
        let [requester] = world.people(["requester"]);
        world.azure.fail("Token", 1_000, fault);
        let _ = world.told(&requester, "/jit request deploy 30m").await;
        world.settle().await;
        world.advance(minutes(2)).await;
        let told = world.dm(&requester);
        let told = if told.is_empty() { world.told(&requester, "/jit status").await } else { told };
        assert!(told.contains(&format!("AADSTS{words}")), "{told}");
        assert_eq!(world.screen("requests"), "", "nobody is bothered");
        world.azure.heal();
        world.advance(hours(2)).await;
        world.everything_is_read();
        world.finish().await;
    }
}

#[tokio::test]
async fn a_token_that_comes_later_is_waited_for() {
    let mut world = World::with_azure().await;
    let [contributor, ..] = things();
    world.azure.fail("Token", 1, Fault::Html503);
    after_asking(&mut world, "deploy 30m").await;
    assert_eq!(state(&world.grant().await), "active");
    assert!(world.azure.has(&contributor, "requester"));
    world.advance(hours(1)).await;
    world.is_over().await;
}

#[tokio::test]
async fn access_that_will_not_go_away_raises_an_alarm_until_it_does() {
    let mut world = World::with_azure().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    let [contributor, ..] = things();
    let grant = world.gets(&requester, "deploy 4h").await;
    world.advance(minutes(10)).await;
    world.azure.fail("AdminRemove", 1_000, Fault::FORBIDDEN);
    world.ends(&requester, &grant).await;
    world.advance(minutes(30)).await;
    let alarm = world.screen("alerts");
    assert!(alarm.contains("*Stuck*: access of @requester to *deploy* will not go away."), "{alarm}");
    assert!(alarm.contains("may not") && alarm.contains("[Retry now]"), "{alarm}");
    assert!(world.azure.has(&contributor, "requester"));
    assert_eq!(state(&world.grant().await), "ending");

    world.azure.heal();
    let answer = world.clicked(&approver, "Retry now").await;
    assert!(answer.starts_with("I ask the cloud about GRANT-CODE now."), "{answer}");
    world.advance(seconds(10)).await;
    assert!(!world.azure.has(&contributor, "requester"));
    assert_eq!(state(&world.grant().await), "ended");
    assert!(world.screen("alerts").contains("*Resolved*"));
    world.advance(hours(1)).await;
    world.is_over().await;
}

/// Nobody can make Azure listen, and at the planned end it has ended the access by itself.
#[tokio::test]
async fn an_early_end_that_azure_never_took_is_over_at_the_planned_end() {
    let mut world = World::with_azure().await;
    let [requester] = world.people(["requester"]);
    let [contributor, ..] = things();
    let grant = world.gets(&requester, "deploy 1h").await;
    world.advance(minutes(10)).await;
    world.azure.fail("AdminRemove", 1_000, Fault::Html503);
    world.ends(&requester, &grant).await;
    world.advance(minutes(60)).await;
    assert!(!world.azure.has(&contributor, "requester"));
    assert_eq!(state(&world.grant().await), "ended");
    let alarms = world.screen("alerts");
    assert!(alarms.is_empty() || alarms.contains("*Resolved*"), "{alarms}");
    world.azure.heal();
    world.is_over().await;
}

#[tokio::test]
async fn removed_by_hand_is_removed() {
    for (name, thing) in ["deploy", "oncall", "helpdesk"].into_iter().zip(things()) {
        let mut world = World::with_azure().await;
        let [requester] = world.people(["requester"]);
        let grant = world.gets(&requester, &format!("{name} 4h")).await;
        world.advance(minutes(14)).await;
        world.azure.takes(&thing, "requester");
        world.ends(&requester, &grant).await;
        world.advance(minutes(15)).await;
        assert_eq!(state(&world.grant().await), "ended", "{name}");
        world.is_over().await;
    }
}

/// Whoever reads the next page takes the token along.
#[tokio::test]
async fn a_link_to_elsewhere_is_not_followed() {
    let mut world = World::with_azure().await;
    let [requester] = world.people(["requester"]);
    let elsewhere = serde_json::json!({ "value": [], "nextLink": "https://evil.example/next" });
    world.azure.fail("ListInstances", 1, Fault::Answer(elsewhere));
    after_asking(&mut world, "deploy 30m").await;
    world.advance(hours(1)).await;
    let _ = world.dm(&requester);
    assert_eq!(world.azure.defects(), Vec::<String>::new());
    world.is_over().await;
}

#[tokio::test]
async fn one_cloud_that_is_down_does_not_hold_up_the_other() {
    let mut world = World::with_azure().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    world.azure.fail("FindUser", 1_000, Fault::Hang);
    let _ = world.told(&requester, "/jit request deploy 30m").await;
    world.grants(&requester, &approver, "sandbox 30m").await;
    assert_eq!(state(&world.grant().await), "active");
    world.azure.heal();
    world.advance(hours(2)).await;
    world.everything_is_read();
    world.finish().await;
}

#[tokio::test]
async fn an_assignment_that_is_slow_and_no_longer_wanted_is_taken_back() {
    for (name, thing) in ["deploy", "oncall", "helpdesk"].into_iter().zip(things()) {
        let mut world = World::with_azure().await;
        let [requester, approver] = world.people(["requester", "approver"]);
        world.azure.slow(Action::Assign, 1, Slow { status: "PendingProvisioning", lasts: minutes(3), fails: None });
        world.grants(&requester, &approver, &format!("{name} 4h")).await;
        world.advance(seconds(30)).await;
        approver.clicks("Revoke").await;
        world.advance(minutes(15)).await;
        let _ = world.private(&approver);
        assert!(!world.azure.has(&thing, "requester"), "{name}");
        assert_eq!(state(&world.grant().await), "ended", "{name}");
        world.advance(hours(4)).await;
        world.is_over().await;
    }
}
