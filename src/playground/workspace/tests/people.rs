//! People: what they type and click reaches a bot as Slack would bring it, and its answers reach them.

use jiff::SignedDuration;

use super::{
    super::{Answer, Resend, Spot, delivery},
    *,
};

#[tokio::test]
async fn a_command_is_signed_escaped_and_answered_in_private() {
    let (workspace, _server) = workspace_by(system_clock()).await;
    let bot = Bot::of(&workspace).await;
    let ann = workspace.person("ann");
    bot.will_answer(200, json!({ "response_type": "ephemeral", "text": "asked <@U0BOB>" }).to_string());
    let delivery = ann.types_in("requests", "/jit request prod 30m <!channel> & @bob").await;
    assert_eq!((delivery.status(), &delivery.problem), (Some(200), &None));
    assert_eq!(ann.private(), "asked @bob");

    let form = bot.last_form();
    let names: Vec<&str> = form.iter().map(|(name, _)| name.as_str()).collect();
    let expected = "token team_id team_domain channel_id channel_name user_id user_name command text api_app_id \
                    is_enterprise_install response_url trigger_id";
    assert_eq!(names.join(" "), expected);
    let field = |name: &str| form.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str()).unwrap();
    assert_eq!(field("command"), "/jit");
    assert_eq!(field("text"), "request prod 30m &lt;!channel&gt; &amp; <@U0BOB|bob>");
    assert_eq!((field("channel_name"), field("user_id")), ("requests", "U0ANN"));
}

#[tokio::test]
async fn bad_answers_are_found_out() {
    let (workspace, _server) = workspace_by(system_clock()).await;
    let bot = Bot::of(&workspace).await;
    let ann = workspace.person("ann");
    bot.will_answer(200, json!({ "blocks": card() }).to_string());
    assert_eq!(ann.types("/jit").await.problem.as_deref(), Some("missing_text_for_accessibility"));
    bot.will_answer(500, "oops");
    assert_eq!(ann.types("/jit").await.problem.as_deref(), Some("dispatch_failed"));
    assert_eq!(ann.private(), "The command failed with the error \"dispatch_failed\"");
    assert_eq!(workspace.refused().len(), 2);
    workspace.connect_bot("http://127.0.0.1:1/slack/events");
    assert_eq!(ann.types("/jit").await.answer, Answer::Unreachable);
}

#[tokio::test]
async fn a_click_carries_the_message_and_old_versions_can_be_clicked() {
    let (workspace, server) = workspace_by(system_clock()).await;
    let bot = Bot::of(&workspace).await;
    let bob = workspace.person("bob");
    call(&server, "chat.postMessage", json!({"channel": "C0REQUESTS", "text": "asks", "blocks": card()})).await;
    assert_eq!(workspace.channel("requests").screen(), "jit:\n  @ann asks for *prod-deploy*\n  [Approve] [Deny]");

    let click = bob.clicks("Approve").await;
    let payload = bot.last_payload();
    assert_eq!((payload["type"].as_str(), payload["user"]["id"].as_str()), (Some("block_actions"), Some("U0BOB")));
    assert_eq!(payload["actions"][0]["action_id"], "approve");
    assert_eq!(payload["actions"][0]["value"], "REQ-1");
    assert_eq!(payload["container"]["message_ts"], payload["message"]["ts"]);
    let event: slack_morphism::prelude::SlackInteractionEvent = serde_json::from_value(payload.clone()).unwrap();
    assert!(matches!(event, slack_morphism::prelude::SlackInteractionEvent::BlockActions(_)));

    let message = workspace.channel("requests").messages()[0].clone();
    let update = json!({"channel": "C0REQUESTS", "ts": message.ts, "text": "approved", "blocks": []});
    call(&server, "chat.update", update).await;
    assert_eq!(workspace.unseen_edits(), ["#requests: approved"]);
    bob.clicks_stale(&message, 0, "Deny").await;
    assert_eq!(bot.last_payload()["actions"][0]["action_id"], "deny");

    for how in [Resend::SignedAnew, Resend::Verbatim] {
        assert_eq!(workspace.redeliver(&click, how).await.status(), Some(200));
        assert_eq!(bot.last_payload(), payload, "the same body, trigger and all");
    }
}

#[tokio::test]
#[should_panic(expected = "U0BOB sees no button `Aprove`, only [\"Approve\", \"Deny\"]")]
async fn nobody_clicks_what_is_not_there() {
    let (workspace, server, _) = workspace().await;
    call(&server, "chat.postMessage", json!({"channel": "C0REQUESTS", "text": "asks", "blocks": card()})).await;
    workspace.person("bob").clicks("Aprove").await;
}

#[tokio::test]
async fn response_urls_replace_and_end() {
    let (workspace, server, clock) = workspace().await;
    // The library's verifier lives by the machine's clock and will not have this click; its response URL works anyway.
    _ = Bot::of(&workspace).await;
    call(
        &server,
        "chat.postEphemeral",
        json!({"channel": "C0REQUESTS", "user": "U0ANN", "text": "t", "blocks": card()}),
    )
    .await;
    let ann = workspace.person("ann");
    let pressed = ann.clicks("Approve").await;
    let payload = url::form_urlencoded::parse(pressed.body().as_bytes()).next().unwrap().1;
    let payload: Value = serde_json::from_str(&payload).unwrap();
    assert_eq!((&payload["container"]["is_ephemeral"], payload.get("message")), (&json!(true), None));
    let url = payload["response_url"].as_str().unwrap();
    let respond = async |body: Value| {
        let answer = delivery::client().post(url).json(&body).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let done = (200, "ok".to_owned());
    assert_eq!(respond(json!({"text": "thank you", "replace_original": true})).await, done);
    assert_eq!(ann.private(), "thank you");
    assert_eq!(respond(json!({"text": "more"})).await, done);
    assert_eq!(ann.private(), "more");
    assert_eq!(respond(json!({"text": "to all", "response_type": "in_channel"})).await, done);
    assert_eq!(workspace.channel("requests").screen(), "jit:\n  to all");
    assert_eq!(respond(json!({"delete_original": true})).await, done);
    assert_eq!(respond(json!({"text": "five"})).await, done);
    assert_eq!(respond(json!({"text": "six"})).await, (404, "used_url".to_owned()));
    clock.advance(SignedDuration::from_mins(31));
    assert_eq!(respond(json!({"text": "late"})).await, (404, "expired_url".to_owned()));
}

#[tokio::test]
async fn modals_are_filled_in_and_answered() {
    let (workspace, server) = workspace_by(system_clock()).await;
    let bot = Bot::of(&workspace).await;
    let ann = workspace.person("ann");
    ann.shortcut("request_access").await;
    let trigger = bot.last_payload()["trigger_id"].clone();
    let view = json!({
        "type": "modal", "title": plain("Request"), "submit": plain("Send"), "callback_id": "request",
        "notify_on_close": true,
        "blocks": [
            { "type": "input", "block_id": "why", "label": plain("Reason"),
              "element": { "type": "plain_text_input", "action_id": "reason" } },
            { "type": "input", "block_id": "what", "label": plain("Role"),
              "element": { "type": "static_select", "action_id": "role", "options": [
                  { "text": plain("Deploy"), "value": "prod-deploy" }, { "text": plain("Read"), "value": "prod-read" }] } },
        ],
    });
    let opened = call(&server, "views.open", json!({ "trigger_id": trigger, "view": view })).await;
    assert_eq!(opened["ok"], true, "{opened}");

    bot.will_answer(200, json!({ "response_action": "errors", "errors": { "why": "say more" } }).to_string());
    let refused = ann.submits(&[("Reason", "x"), ("Role", "Deploy")]).await;
    assert_eq!((refused.json().unwrap()["errors"]["why"].as_str(), &refused.problem), (Some("say more"), &None));
    let values = bot.last_payload()["view"]["state"]["values"].clone();
    assert_eq!(values["why"]["reason"], json!({ "type": "plain_text_input", "value": "x" }));
    assert_eq!(values["what"]["role"]["selected_option"]["value"], "prod-deploy");
    assert!(ann.modal().contains("Reason: ____"));

    bot.will_answer(200, json!({ "response_action": "push", "view": view }).to_string());
    ann.submits(&[("why", "fixing"), ("role", "prod-read")]).await;
    assert!(ann.closes_modal().await.is_some());
    assert_eq!(bot.last_payload()["type"], "view_closed");
    bot.will_answer(200, "");
    ann.submits(&[("Reason", "fixing"), ("Role", "Read")]).await;
    assert_eq!(ann.modal(), "");
}

#[tokio::test]
async fn the_home_tab_is_opened_and_clicked() {
    let (workspace, server) = workspace_by(system_clock()).await;
    let bot = Bot::of(&workspace).await;
    let ann = workspace.person("ann");
    ann.opens_home().await;
    let event = bot.0.lock().unwrap().received.last().unwrap().clone();
    let event: slack_morphism::prelude::SlackPushEvent = serde_json::from_str(&event).unwrap();
    let slack_morphism::prelude::SlackPushEvent::EventCallback(event) = event else { panic!("{event:?}") };
    assert!(matches!(event.event, slack_morphism::prelude::SlackEventCallbackBody::AppHomeOpened(_)));

    let view = json!({ "type": "home", "blocks": card() });
    call(&server, "views.publish", json!({ "user_id": "U0ANN", "view": view })).await;
    assert!(ann.home().ends_with("[Approve] [Deny]"));
    ann.clicks_at_home("Deny").await;
    assert_eq!(bot.last_payload()["container"]["type"], "view");
}

#[tokio::test]
async fn a_button_that_was_edited_away_in_this_moment_can_still_be_pressed_as_in_slack() {
    let (workspace, server) = workspace_by(system_clock()).await;
    let bot = Bot::of(&workspace).await;
    let buttons = |id: &str| json!([{ "type": "actions", "block_id": id, "elements": [button("Approve", "approve")] }]);
    let post = json!({ "channel": "C0REQUESTS", "text": "x", "blocks": buttons("first") });
    let ts = call(&server, "chat.postMessage", post).await["ts"].as_str().unwrap().to_owned();
    let edit = json!({ "channel": "C0REQUESTS", "ts": ts, "text": "x", "blocks": buttons("second") });
    call(&server, "chat.update", edit).await;
    let (ann, spot) = (workspace.person("ann"), Spot::Message { channel: "C0REQUESTS".to_owned(), ts });
    for block in ["first", "second"] {
        assert!(ann.presses(&spot, block, "approve").await.is_some());
        assert_eq!(bot.last_payload()["actions"][0]["block_id"], block);
    }
    assert!(ann.presses(&spot, "third", "approve").await.is_none());
}
