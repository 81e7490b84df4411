//! What Slack refuses about calls: access, arguments, whose message it is.

use jiff::SignedDuration;

use super::{super::User, *};

async fn error(server: &Server, method: &str, args: Value) -> String {
    let answer = call(server, method, args).await;
    answer["error"].as_str().unwrap_or("ok").to_owned()
}

#[tokio::test]
async fn posts_are_refused_with_slacks_codes() {
    let (workspace, server, _) = workspace().await;
    workspace.add_channel(Channel::private("hidden", ["ann"]).without_bot());
    workspace.add_channel(Channel::public("old").archived());
    workspace.add_channel(Channel::public("elsewhere").without_bot());
    workspace.add_user(User { is_bot: true, ..User::named("robot") });
    let here = "C0REQUESTS";
    for (args, expected) in [
        (json!({"channel": "C0NOWHERE", "text": "x"}), "channel_not_found"),
        (json!({"channel": "C0HIDDEN", "text": "x"}), "channel_not_found"),
        (json!({"channel": "U0NOBODY", "text": "x"}), "channel_not_found"),
        (json!({"channel": "U0ROBOT", "text": "x"}), "cannot_dm_bot"),
        (json!({"channel": "C0OLD", "text": "x"}), "is_archived"),
        (json!({"channel": "C0ELSEWHERE", "text": "x"}), "ok"),
        (json!({"channel": here}), "no_text"),
        (json!({"channel": here, "blocks": card()}), "missing_text_for_accessibility"),
        (json!({"channel": here, "text": " ", "blocks": card()}), "missing_text_for_accessibility"),
        (json!({"channel": here, "text": "x".repeat(40_001)}), "msg_too_long"),
        (json!({"channel": here, "text": "x", "blocks": "[]"}), "invalid_blocks_format"),
        (json!({"channel": here, "text": "x", "metadata": "m"}), "metadata_must_be_object"),
        (json!({"channel": here, "text": "x", "metadata": {"event_type": "card"}}), "invalid_metadata_format"),
        (json!({"channel": here, "text": "x", "thread_ts": "1.1"}), "thread_not_found"),
        (json!({"channel": here, "text": "x", "unfurl_link": false}), "invalid_arguments"),
        (json!({"text": "x"}), "invalid_arguments"),
    ] {
        assert_eq!(error(&server, "chat.postMessage", args.clone()).await, expected, "{args}");
    }
    assert_eq!(error(&server, "chat.posMessage", json!({})).await, "unknown_method");
    let typo = call(&server, "chat.postMessage", json!({"channel": here, "text": "x", "blocs": []})).await;
    assert_eq!(typo["response_metadata"]["messages"][0], "[ERROR] unknown argument: blocs");
    workspace.grant_scopes(["chat:write"]);
    let elsewhere = json!({"channel": "C0ELSEWHERE", "text": "x"});
    assert_eq!(error(&server, "chat.postMessage", elsewhere).await, "not_in_channel");
    let unscoped = call(&server, "users.info", json!({"user": "U0ANN"})).await;
    assert_eq!((&unscoped["error"], &unscoped["needed"]), (&json!("missing_scope"), &json!("users:read")));
}

#[tokio::test]
async fn only_the_bots_own_messages_can_be_changed() {
    let (workspace, server, _) = workspace().await;
    workspace.person("ann").says("requests", "hello @bob");
    let theirs = workspace.channel("requests").messages()[0].clone();
    assert_eq!(workspace.notified(&theirs), ["bob".to_owned()].into());
    let args = json!({"channel": "C0REQUESTS", "ts": theirs.ts, "text": "goodbye"});
    assert_eq!(error(&server, "chat.update", args).await, "cant_update_message");
    let args = json!({"channel": "C0REQUESTS", "ts": theirs.ts});
    assert_eq!(error(&server, "chat.delete", args).await, "cant_delete_message");
    let args = json!({"channel": "C0REQUESTS", "ts": "1.000000", "text": "x"});
    assert_eq!(error(&server, "chat.update", args).await, "message_not_found");
    let posted =
        call(&server, "chat.postMessage", json!({"channel": "C0REQUESTS", "text": "x", "blocks": card()})).await;
    let args = json!({"channel": "C0REQUESTS", "ts": posted["ts"], "text": "x".repeat(4_001)});
    assert_eq!(error(&server, "chat.update", args).await, "msg_too_long");
    let kept = call(&server, "chat.update", json!({"channel": "C0REQUESTS", "ts": posted["ts"], "text": "y"})).await;
    assert_eq!(kept["message"]["blocks"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn ephemerals_go_to_members_only() {
    let (workspace, server, _) = workspace().await;
    workspace.add_channel(Channel::private("secrets", ["ann"]));
    let whisper = |user: &str| json!({"channel": "C0SECRETS", "user": user, "text": "x"});
    assert_eq!(error(&server, "chat.postEphemeral", whisper("U0ANN")).await, "ok");
    assert_eq!(error(&server, "chat.postEphemeral", whisper("U0BOB")).await, "user_not_in_channel");
    assert_eq!(error(&server, "chat.postEphemeral", whisper("U0NOBODY")).await, "user_not_found");
}

#[tokio::test]
async fn tokens_and_triggers_are_checked() {
    let (workspace, server, clock) = workspace().await;
    let http = super::super::delivery::client();
    let url = format!("{}/auth.test", server.api_url());
    for (request, expected) in [
        (http.get(&url), "not_authed"),
        (http.get(&url).bearer_auth("xoxb-other"), "invalid_auth"),
        (http.get(format!("{url}?token=xoxb-workspace-model")), "ok"),
    ] {
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(answer["error"].as_str().unwrap_or("ok"), expected);
    }
    let now = workspace.now();
    let trigger = workspace.state().issue_trigger("U0ANN", None, now);
    clock.advance(SignedDuration::from_millis(3_001));
    let view = json!({"type": "modal", "title": plain("T"), "blocks": []});
    let late = json!({"trigger_id": trigger, "view": view});
    assert_eq!(error(&server, "views.open", late).await, "expired_trigger_id");
    let made_up = json!({"trigger_id": "1.2.3", "view": view});
    assert_eq!(error(&server, "views.open", made_up).await, "invalid_trigger_id");
    let fresh = workspace.state().issue_trigger("U0ANN", None, clock.now());
    let wide = json!({"trigger_id": fresh, "view": {"type": "modal", "title": plain(&"T".repeat(25)), "blocks": []}});
    assert_eq!(error(&server, "views.open", wide).await, "invalid_arguments");
}

#[tokio::test]
async fn no_more_than_three_modals_are_stacked() {
    let (workspace, server, clock) = workspace().await;
    let view = json!({"type": "modal", "title": plain("T"), "blocks": []});
    let args = |within: Option<&Value>| {
        let within = within.and_then(|id| id.as_str()).map(str::to_owned);
        let trigger = workspace.state().issue_trigger("U0ANN", within, clock.now());
        json!({"trigger_id": trigger, "view": view})
    };
    assert_eq!(error(&server, "views.push", args(None)).await, "not_found");
    let opened = call(&server, "views.open", args(None)).await;
    for expected in ["ok", "ok", "push_limit_reached"] {
        assert_eq!(error(&server, "views.push", args(Some(&opened["view"]["id"]))).await, expected);
    }
}

#[tokio::test]
async fn history_is_paged_newest_first() {
    let (workspace, server, _) = workspace().await;
    let (ann, mut stamps) = (workspace.person("ann"), Vec::new());
    for text in ["one", "two", "three"] {
        ann.says("requests", text);
        stamps.push(workspace.channel("requests").messages().last().unwrap().ts.clone());
    }
    let texts = |page: &Value| {
        let messages = page["messages"].as_array().unwrap().iter();
        messages.map(|message| message["text"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let first = call(&server, "conversations.history", json!({"channel": "C0REQUESTS", "limit": 2})).await;
    assert_eq!((texts(&first), &first["has_more"]), (vec!["three".to_owned(), "two".to_owned()], &json!(true)));
    let cursor = &first["response_metadata"]["next_cursor"];
    let rest = call(&server, "conversations.history", json!({"channel": "C0REQUESTS", "cursor": cursor})).await;
    assert_eq!(texts(&rest), ["one"]);
    let after = call(&server, "conversations.history", json!({"channel": "C0REQUESTS", "oldest": stamps[1]})).await;
    assert_eq!(texts(&after), ["three"]);
}
