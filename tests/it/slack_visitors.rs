//! Clicks and commands that are signed by Slack, and yet not what they seem: from elsewhere, repeated, bent.

use jit::playground::workspace::{Delivery, Resend};
use serde_json::{Value, json};

use crate::harness::World;

const FORM: &str = "application/x-www-form-urlencoded";
const ASK: &str = "/jit request prod-deploy 30m fixing OPS-42";

/// A card to click on, and the payload of a click on its Approve by somebody who may not decide.
async fn with_a_click(world: &mut World) -> Value {
    let [requester, outsider] = world.people(["requester", "outsider"]);
    world.told(&requester, ASK).await;
    world.settle().await;
    let delivery = outsider.clicks("Approve").await;
    world.settle().await;
    let _ = world.private(&outsider);
    payload(&delivery)
}

fn payload(delivery: &Delivery) -> Value {
    let (_, payload) = url::form_urlencoded::parse(delivery.body().as_bytes()).next().unwrap();
    serde_json::from_str(&payload).unwrap()
}

/// Sends the same click changed by `bend`, as a click of its own.
async fn bent(world: &mut World, payload: &Value, bend: impl FnOnce(&mut Value)) {
    let mut payload = payload.clone();
    payload["actions"][0]["action_ts"] = json!("1795262400.999999");
    bend(&mut payload);
    let body =
        url::form_urlencoded::Serializer::new(String::new()).append_pair("payload", &payload.to_string()).finish();
    assert_eq!(world.slack_sends(FORM, &body).await, (200, String::new()));
    world.settle().await;
}

#[tokio::test]
async fn a_click_from_another_workspace_changes_nothing() {
    let mut world = World::start().await;
    let [outsider] = world.people(["outsider"]);
    let click = with_a_click(&mut world).await;
    let events = world.trail().await.len();
    bent(&mut world, &click, |click| {
        click["user"]["id"] = json!("U0APPROVER");
        click["team"]["id"] = json!("T0EVIL");
    })
    .await;
    insta::assert_snapshot!(world.private(&outsider), @"I do not work for your workspace. An operator can add its id to `slack.team_ids`.");
    bent(&mut world, &click, |click| {
        click["user"]["id"] = json!("U0APPROVER");
        click["user"]["team_id"] = json!("T0EVIL");
    })
    .await;
    assert!(world.private(&outsider).starts_with("I do not work for your workspace"));
    bent(&mut world, &click, |click| {
        click["user"]["id"] = json!("U0APPROVER");
        click["team"] = Value::Null;
        click["user"]["team_id"] = json!("T0EVIL");
    })
    .await;
    assert!(world.private(&outsider).starts_with("I do not work for your workspace"));
    assert_eq!(world.trail().await.len(), events);
    assert!(world.screen("requests").contains("[Approve]"));
    world.glance();
    world.finish().await;
}

#[tokio::test]
async fn a_command_from_another_workspace_changes_nothing() {
    let world = World::start().await;
    for team in ["&team_id=T0EVIL", "&team_id=", ""] {
        let body = format!("command=%2Fjit&user_id=U0REQUESTER&text=request+sandbox+1h&trigger_id=1.2{team}");
        let (status, answer) = world.slack_sends(FORM, &body).await;
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(status, 200);
        assert!(answer["text"].as_str().unwrap().starts_with("I do not work for your workspace"), "{answer}");
    }
    assert_eq!(world.trail().await.len(), 1, "only the policy");
    world.glance();
    world.finish().await;
}

#[tokio::test]
async fn an_installation_for_a_whole_organisation_names_no_team() {
    let mut world = World::start().await;
    let click = with_a_click(&mut world).await;
    bent(&mut world, &click, |click| {
        click["user"] = json!({ "id": "U0APPROVER", "team_id": "T0ACME" });
        (click["team"], click["is_enterprise_install"]) = (Value::Null, json!(true));
    })
    .await;
    assert!(world.screen("requests").contains("*Approved* by @approver"));
    world.glance();
    world.finish().await;
}

#[tokio::test]
async fn buttons_that_we_do_not_know_are_answered_in_words() {
    let mut world = World::start().await;
    let [outsider] = world.people(["outsider"]);
    let click = with_a_click(&mut world).await;
    for (action_id, value) in [("launch", "x"), ("approve", "no id"), ("approve", ""), ("", "")] {
        bent(&mut world, &click, |click| {
            (click["actions"][0]["action_id"], click["actions"][0]["value"]) = (json!(action_id), json!(value));
        })
        .await;
        insta::allow_duplicates! {
            insta::assert_snapshot!(world.private(&outsider), @"I do not know this button. The message may come from an older version of me.");
        }
    }
    // A request that does not exist, and one button's name with another's value.
    for action_id in ["approve", "revoke", "claim", "end"] {
        bent(&mut world, &click, |click| {
            click["actions"][0]["action_id"] = json!(action_id);
            click["actions"][0]["value"] = json!("01234567-89ab-7cde-8f01-23456789abcd");
        })
        .await;
        let answer = world.private(&outsider);
        assert!(answer.contains("do not know") || answer.contains("There is no"), "{action_id}: {answer}");
    }
    world.glance();
    // All these clicks have one response URL, which is good for five answers; the rest went to the channel.
    world.expects_refused.push("used_url");
    world.finish().await;
}

#[tokio::test]
async fn a_private_answer_goes_to_slack_and_nowhere_else() {
    let mut world = World::start().await;
    let [outsider] = world.people(["outsider"]);
    let click = with_a_click(&mut world).await;
    let before = world.count_calls("response_url");
    for url in ["http://hooks.slack.com.evil.example/x", "https://evil.example/x", "file:///etc/passwd", "nonsense", ""]
    {
        bent(&mut world, &click, |click| {
            click["response_url"] = json!(url);
            click["trigger_id"] = json!(url);
        })
        .await;
        let answer = world.private(&outsider);
        assert!(answer.ends_with("is not for you to decide. @oncall or @approver may."), "{url}: {answer}");
    }
    assert_eq!(world.count_calls("response_url"), before, "the answers went to the channel");
    assert_eq!(world.count_calls("chat.postEphemeral"), 5);
    world.glance();
    world.finish().await;
}

#[tokio::test]
async fn a_command_that_comes_twice_is_carried_out_once_and_answered_twice() {
    let mut world = World::start().await;
    let [requester] = world.people(["requester"]);
    let asked = requester.types_in("requests", ASK).await;
    let answer = world.private(&requester);
    for how in [Resend::Verbatim, Resend::SignedAnew] {
        world.slack.redeliver(&asked, how).await;
        assert_eq!(world.private(&requester), answer);
    }
    let name = world.awaiting(&requester).await.code.request();
    let cancelled = requester.types_in("requests", &format!("/jit cancel {name}")).await;
    let answer = world.private(&requester);
    world.slack.redeliver(&cancelled, Resend::SignedAnew).await;
    assert_eq!(world.private(&requester), answer, "and not that it is too late");
    assert_eq!(world.kinds(3).await[1..], ["request_made by U0REQUESTER", "request_cancelled by U0REQUESTER"]);
    world.settle().await;
    world.glance();
    world.finish().await;
}

#[tokio::test]
async fn the_same_words_typed_twice_are_two_requests() {
    let mut world = World::start().await;
    for response_url in ["1", "2"] {
        // As a client sends them that leaves the trigger out.
        let body = format!(
            "team_id=T0ACME&command=%2Fjit&user_id=U0REQUESTER&text=request+sandbox+1h\
             &response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2F{response_url}"
        );
        assert_eq!(world.slack_sends(FORM, &body).await.0, 200);
    }
    assert_eq!(world.kinds(2).await, ["request_made by U0REQUESTER", "request_made by U0REQUESTER"]);
    world.settle().await;
    world.glance();
    world.finish().await;
}
