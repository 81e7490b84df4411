//! slack-morphism, the bot's client library, against the model.

use hyper_rustls::HttpsConnectorBuilder;
use slack_morphism::{errors::SlackClientError, prelude::*};

use super::{super::CallOutcome, *};

fn client(server: &Server) -> SlackHyperClient {
    rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
    let tls =
        rustls::ClientConfig::builder().with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth();
    let connector =
        HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().enable_http2().build();
    SlackClient::new(SlackClientHyperConnector::with_connector(connector).with_slack_api_url(&server.api_url()))
}

fn card(text: &str) -> SlackMessageContent {
    let button = SlackBlockButtonElement::new(pt!("Approve"))
        .with_action_id("approve".into())
        .with_value("REQ-1".into())
        .with_style(SlackBlockButtonStyle::Primary)
        .with_confirm(SlackBlockConfirmItem::new(pt!("Sure?"), md!("Grant *prod*?"), pt!("Yes"), pt!("No")));
    let payload = std::collections::HashMap::from([("id".to_owned(), "1".to_owned())]);
    SlackMessageContent::new()
        .with_text(text.into())
        .with_blocks(slack_blocks![
            SlackSectionBlock::new().with_text(md!("<@U0ANN> asks")),
            SlackActionsBlock::new(slack_blocks![button]).with_block_id("decide".into())
        ])
        .with_metadata(SlackMessageMetadata::new("card".into()).with_event_payload(payload))
}

#[tokio::test]
async fn messages_are_posted_updated_found_again_and_deleted() {
    let (workspace, server, _) = workspace().await;
    let (client, token) = (client(&server), SlackApiToken::new("xoxb-workspace-model".into()));
    let session = client.open_session(&token);
    let channel = SlackChannelId("C0REQUESTS".into());

    let posted = SlackApiChatPostMessageRequest::new(channel.clone(), card("ann asks")).with_unfurl_links(false);
    let posted = session.chat_post_message(&posted).await.unwrap();
    assert_eq!(posted.message.content.text.as_deref(), Some("ann asks"));
    let update = SlackApiChatUpdateRequest::new(channel.clone(), card("approved"), posted.ts.clone());
    session.chat_update(&update).await.unwrap();

    let history = SlackApiConversationsHistoryRequest::new()
        .with_channel(channel.clone())
        .with_limit(10)
        .with_include_all_metadata(true);
    let history = session.conversations_history(&history).await.unwrap();
    let [found] = history.messages.as_slice() else { panic!("{history:?}") };
    assert_eq!(found.origin.ts, posted.ts);
    assert!(found.edited.is_some());
    let metadata = found.content.metadata.as_ref().unwrap();
    assert_eq!((metadata.event_type.as_str(), &metadata.event_payload.as_ref().unwrap()["id"][..]), ("card", "1"));
    let link = SlackApiChatGetPermalinkRequest::new(channel.clone(), posted.ts.clone());
    assert!(session.chat_get_permalink(&link).await.unwrap().permalink.as_str().contains("C0REQUESTS"));
    let reaction =
        SlackApiReactionsAddRequest::new(channel.clone(), SlackReactionName("eyes".into()), posted.ts.clone());
    session.reactions_add(&reaction).await.unwrap();

    session.chat_delete(&SlackApiChatDeleteRequest::new(channel, posted.ts)).await.unwrap();
    assert_eq!(workspace.channel("requests").screen(), "");
    assert!(workspace.calls().iter().all(|call| call.outcome == CallOutcome::Done));
}

#[tokio::test]
async fn direct_messages_and_ephemerals_reach_one_person() {
    let (workspace, server, _) = workspace().await;
    let (client, token) = (client(&server), SlackApiToken::new("xoxb-workspace-model".into()));
    let session = client.open_session(&token);
    let ann = workspace.person("ann");

    let direct = SlackMessageContent::new().with_text("it is live".into());
    let posted = session.chat_post_message(&SlackApiChatPostMessageRequest::new("U0ANN".into(), direct)).await.unwrap();
    assert_eq!(posted.channel.0, "D0ANN");
    assert_eq!(workspace.unread(), ["direct to ann: it is live"]);
    assert_eq!(ann.dm().screen(), "jit:\n  it is live");
    let open = SlackApiConversationsOpenRequest::new().with_users(vec!["U0ANN".into()]);
    assert_eq!(session.conversations_open(&open).await.unwrap().channel.id, posted.channel);

    let whisper = SlackMessageContent::new().with_text("you may not".into());
    let whisper = SlackApiChatPostEphemeralRequest::new("C0REQUESTS".into(), "U0ANN".into(), whisper);
    session.chat_post_ephemeral(&whisper).await.unwrap();
    assert_eq!(ann.private(), "you may not");
    assert_eq!((ann.private().as_str(), workspace.unread().len()), ("", 0));
}

#[tokio::test]
async fn people_groups_and_channels_are_read() {
    let (workspace, server, _) = workspace().await;
    workspace.add_channel(Channel::private("secrets", ["ann"]));
    let (client, token) = (client(&server), SlackApiToken::new("xoxb-workspace-model".into()));
    let session = client.open_session(&token);

    let me = session.auth_test().await.unwrap();
    assert_eq!((me.user_id.0.as_str(), me.team_id.0.as_str()), ("U0JIT", "T0ACME"));
    let ann = session.users_info(&SlackApiUsersInfoRequest::new("U0ANN".into())).await.unwrap().user;
    assert_eq!(ann.profile.and_then(|profile| profile.email), Some(EmailAddress("ann@acme.example".into())));
    let by_email = SlackApiUsersLookupByEmailRequest::new(EmailAddress("BOB@acme.example".into()));
    assert_eq!(session.users_lookup_by_email(&by_email).await.unwrap().user.id.0, "U0BOB");
    let groups = SlackApiUserGroupsListRequest::new().with_include_users(true);
    let groups = session.usergroups_list(&groups).await.unwrap().usergroups;
    assert_eq!(groups[0].users, Some(vec!["U0BOB".into()]));
    let members = SlackApiUserGroupsUsersListRequest::new("S0ONCALL".into());
    assert_eq!(session.usergroups_users_list(&members).await.unwrap().users, ["U0BOB".into()]);
    let info = SlackApiConversationsInfoRequest::new("C0SECRETS".into()).with_include_num_members(true);
    let secrets = session.conversations_info(&info).await.unwrap().channel;
    assert_eq!((secrets.num_members, secrets.flags.is_private), (Some(2), Some(true)));
    let types = vec![SlackConversationType::Public, SlackConversationType::Private];
    let list = SlackApiConversationsListRequest::new().with_types(types).with_limit(1);
    let list = session.conversations_list(&list).await.unwrap();
    assert_eq!((list.channels.len(), list.response_metadata.unwrap().next_cursor.is_some()), (1, true));
}

#[tokio::test]
async fn views_are_opened_updated_and_published() {
    let (workspace, server) = workspace_by(system_clock()).await;
    let bot = Bot::of(&workspace).await;
    let ann = workspace.person("ann");
    ann.shortcut("request_access").await;
    let trigger = bot.last_payload()["trigger_id"].as_str().unwrap().to_owned();

    let (client, token) = (client(&server), SlackApiToken::new("xoxb-workspace-model".into()));
    let session = client.open_session(&token);
    let modal = |title: &str| {
        let input = SlackBlockPlainTextInputElement::new().with_action_id("reason".into()).with_multiline(true);
        let input = SlackInputBlock::new(pt!("Reason"), input.into()).with_block_id("why".into());
        SlackView::Modal(SlackModalView::new(pt!(title), slack_blocks![input]).with_submit(pt!("Send")))
    };
    let open = SlackApiViewsOpenRequest::new(trigger.clone().into(), modal("Request"));
    let opened = session.views_open(&open).await.unwrap().view.state_params;
    assert_eq!(ann.modal(), "== Request ==\nReason: ____\n[Send]");
    let update = SlackApiViewsUpdateRequest::new(modal("Really?")).with_view_id(opened.id).with_hash(opened.hash);
    session.views_update(&update).await.unwrap();
    assert!(ann.modal().starts_with("== Really? =="));
    let stale = session.views_update(&update).await.unwrap_err();
    assert!(matches!(stale, SlackClientError::ApiError(error) if error.code == "hash_conflict"));
    let again = session.views_open(&open).await.unwrap_err();
    assert!(matches!(again, SlackClientError::ApiError(error) if error.code == "exchanged_trigger_id"));

    let home = SlackHomeView::new(slack_blocks![SlackSectionBlock::new().with_text(md!("nothing yet"))]);
    let publish = SlackApiViewsPublishRequest::new("U0ANN".into(), SlackView::Home(home));
    session.views_publish(&publish).await.unwrap();
    assert_eq!(ann.home(), "nothing yet");
}
