//! Who somebody is in Entra, and which roles may be had: found out before anybody is asked to approve.

use crate::harness::{
    World,
    azure::{
        Fault,
        directory::{Principal, PrincipalKind, guid},
        story::things,
    },
    hours, minutes, state,
};

/// Somebody asks; what they are told, when nobody else has been.
async fn denied(world: &mut World, ask: &str) -> String {
    let [requester] = world.people(["requester"]);
    let _ = world.told(&requester, &format!("/jit request {ask}")).await;
    world.settle().await;
    world.advance(minutes(5)).await;
    assert_eq!(world.screen("requests"), "", "nobody is bothered");
    assert_eq!(world.azure.asked("AdminAssign"), 0);
    world.dm(&requester)
}

#[tokio::test]
async fn who_cannot_be_found_may_not_sign_in_or_is_a_guest_is_told_so() {
    let unknown = |world: &World| world.azure.forget("requester");
    let disabled = |world: &World| {
        world.azure.add(Principal { enabled: false, ..Principal::user("requester") });
    };
    let guest = |world: &World| {
        world.azure.add(Principal::guest("requester"));
    };
    let two = |world: &World| {
        let again =
            Principal { id: guid("namesake"), upn: "other@acme.example".to_owned(), ..Principal::user("requester") };
        world.azure.add(again);
    };
    #[expect(clippy::type_complexity, reason = "a table")]
    let arranged: [(&dyn Fn(&World), &str); 4] = [
        (&unknown, "Entra knows nobody by the e-mail address requester@acme.example"),
        (&disabled, "disabled"),
        (&guest, "guest"),
        (&two, "2 accounts"),
    ];
    for (arrange, words) in arranged {
        for name in ["deploy", "oncall", "helpdesk"] {
            let mut world = World::with_azure().await;
            arrange(&world);
            let dm = denied(&mut world, &format!("{name} 30m")).await;
            assert!(dm.contains("was *denied* by the cloud") && dm.contains(words), "{dm}");
            world.is_over().await;
        }
    }
}

#[tokio::test]
async fn somebody_whose_mail_is_another_is_found_by_the_name_they_sign_in_with() {
    let mut world = World::with_azure().await;
    let [requester] = world.people(["requester"]);
    let [contributor, ..] = things();
    world.azure.add(Principal { mail: None, ..Principal::user("requester") });
    world.gets(&requester, "deploy 30m").await;
    assert!(world.azure.has(&contributor, "requester"));
    world.advance(hours(1)).await;
    world.is_over().await;
}

#[tokio::test]
async fn addresses_are_the_same_however_they_are_spelt() {
    let mut world = World::with_azure().await;
    let [requester] = world.people(["requester"]);
    let [contributor, ..] = things();
    let shouted = Principal { mail: Some("Requester@ACME.example".to_owned()), ..Principal::user("requester") };
    world.azure.add(Principal { upn: "r1@acme.example".to_owned(), ..shouted });
    world.gets(&requester, "deploy 30m").await;
    assert!(world.azure.has(&contributor, "requester"));
    world.advance(hours(1)).await;
    world.is_over().await;
}

#[tokio::test]
async fn a_guest_may_when_the_configuration_says_so() {
    let mut world = World::with_azure().await;
    let [requester] = world.people(["requester"]);
    let [contributor, ..] = things();
    world.azure.add(Principal::guest("requester"));
    world.change_policy("[azure]", "[azure]\nguests = true").await;
    world.gets(&requester, "deploy 30m").await;
    assert!(world.azure.has(&contributor, "requester"));
    world.advance(hours(1)).await;
    world.is_over().await;
}

#[tokio::test]
async fn whom_the_configuration_names_by_object_id_is_not_looked_for() {
    let mut world = World::with_azure().await;
    let [requester] = world.people(["requester"]);
    let [contributor, ..] = things();
    world.azure.forget("requester");
    let other = world.azure.add(Principal { kind: PrincipalKind::User, ..Principal::user("admin-account") });
    let person =
        format!("\n[[person]]\nslack = \"{}\"\nazure_object_id = \"{}\"\n", requester.id(), other.to_uppercase());
    world.edit_config(|config| format!("{config}{person}"));
    world.app.reload().await.unwrap();
    world.gets(&requester, "deploy 30m").await;
    assert!(world.azure.has(&contributor, "admin-account"));
    assert_eq!(world.azure.asked("FindUser") + world.azure.asked("GetUser"), 0);
    world.advance(hours(1)).await;
    world.is_over().await;
}

#[tokio::test]
async fn who_somebody_is_is_asked_once() {
    let mut world = World::with_azure().await;
    let [requester] = world.people(["requester"]);
    for ask in ["deploy 30m", "deploy-all 30m", "helpdesk 30m"] {
        world.gets(&requester, ask).await;
    }
    assert_eq!((world.azure.asked("FindUser"), world.azure.asked("GetUser")), (1, 0));
    assert_eq!(world.azure.asked("Token"), 2, "one token for each part of Azure");
    world.advance(hours(1)).await;
    world.is_over().await;
}

#[tokio::test]
async fn while_graph_does_not_answer_a_request_waits_and_is_asked_about_again() {
    let mut world = World::with_azure().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    world.azure.fail("FindUser", 2, Fault::Html503);
    let _ = world.told(&requester, "/jit request deploy 30m").await;
    world.settle().await;
    assert_eq!(world.screen("requests"), "");
    world.advance(minutes(2)).await;
    assert!(world.screen("requests").contains("[Approve]"));
    let _ = world.clicked(&approver, "Approve").await;
    world.advance(minutes(1)).await;
    assert_eq!(state(&world.grant().await), "active");
    world.advance(hours(1)).await;
    world.is_over().await;
}

#[tokio::test]
async fn graph_that_may_not_be_asked_says_which_permission_is_missing() {
    let mut world = World::with_azure().await;
    world.azure.fail(
        "FindUser",
        100,
        Fault::Refuse {
            status: 403,
            code: "Authorization_RequestDenied",
            message: "Insufficient privileges to complete the operation.",
        },
    );
    let dm = denied(&mut world, "deploy 30m").await;
    assert!(dm.contains("permission") && dm.contains("users of the directory"), "{dm}");
    world.azure.heal();
    world.is_over().await;
}
