//! Asking, deciding, having, and the end of it, by clicks.

use fantoccini::key::Key;

use super::Tab;

#[tokio::test]
async fn somebody_asks_another_approves_and_the_access_ends_by_itself() {
    let tab = Tab::open().await;
    tab.sees("clouds", "Nobody has anything.").await;
    tab.types("/jit request prod-deploy 30m fixing OPS-42").await;
    tab.sees("messages", "you asked for prod-deploy for 30m").await;
    tab.sees("messages", "Only visible to you").await;
    tab.sees("messages", "Why: fixing OPS-42").await;

    tab.becomes("Bob").await;
    tab.misses("messages", "Only visible to you").await;
    tab.presses("messages", "Approve").await;
    tab.sees("messages", "You approved").await;
    tab.sees("messages", "is live until").await;
    tab.sees("clouds", "Ann").await;
    tab.sees("clouds", "left").await;
    tab.sees("clouds", "open prod-deploy for Ann").await;

    tab.becomes("Ann").await;
    tab.opens("jit").await;
    tab.sees("messages", "prod-deploy is live until").await;
    tab.presses("messages", "Get credentials").await;
    tab.sees("messages", "Your private link to the credentials").await;

    tab.presses("levers", "To the next end").await;
    tab.sees("hands", "ahead").await;
    tab.sees("messages", "its time is over").await;
    tab.misses("clouds", "left").await;
    tab.sees("clouds", "close prod-deploy for Ann").await;

    tab.opens("access-audit").await;
    for words in
        ["requested: @Ann, prod-deploy for 30m", "granted by @Bob", "opened prod-deploy", "ended: its time is over"]
    {
        tab.sees("messages", words).await;
    }
    tab.close().await;
}

#[tokio::test]
async fn credentials_are_claimed_on_the_bots_own_page() {
    let tab = Tab::open().await;
    tab.types("/jit request prod-deploy 30m fixing OPS-42").await;
    tab.sees("messages", "Why: fixing OPS-42").await;
    tab.becomes("Carol").await;
    tab.presses("messages", "Approve").await;
    tab.becomes("Ann").await;
    tab.opens("jit").await;
    tab.presses("messages", "Get credentials").await;
    tab.presses("messages", "Open the page").await;
    let windows = loop {
        let windows = tab.browser.client.windows().await.unwrap();
        if windows.len() > 1 {
            break windows;
        }
    };
    tab.browser.client.switch_to_window(windows[1].clone()).await.unwrap();
    tab.clicks("main button[type=submit]").await;
    tab.find("main pre").await;
    let page = tab.run("return document.body.innerText", Vec::new()).await.to_string();
    assert!(page.contains("ASIADEMOPLAYGROUND00"), "{page}");
    tab.browser.client.switch_to_window(windows[0].clone()).await.unwrap();
    tab.until("clouds", "the claim", |text| text.to_lowercase().contains("credentials claimed")).await;
    tab.sees("clouds", "mint prod-deploy for Ann").await;
    tab.close().await;
}

#[tokio::test]
async fn a_form_is_filled_in_and_the_request_is_denied() {
    let tab = Tab::open().await;
    tab.opens("jit Home").await;
    tab.sees("messages", "You have no request waiting and no access").await;
    tab.presses("messages", "Request access").await;
    tab.sees("modals", "Request access").await;
    // Nothing is sent without what must be there.
    tab.presses("modals", "Request").await;
    tab.sees("modals", "Please complete this required field.").await;
    tab.chooses("#f-role", "db-admin").await;
    tab.find("#f-duration").await.send_keys("soon").await.unwrap();
    tab.presses("modals", "Request").await;
    tab.sees("modals", "This is not a length of time").await;
    let duration = tab.find("#f-duration").await;
    duration.clear().await.unwrap();
    duration.send_keys("3h").await.unwrap();
    tab.presses("modals", "Request").await;
    tab.sees("modals", "is longer than this role allows").await;
    duration.clear().await.unwrap();
    duration.send_keys("20m").await.unwrap();
    tab.find("#f-reason").await.send_keys("restoring a table").await.unwrap();
    tab.presses("modals", "Request").await;
    tab.sees("modals", "you asked for db-admin for 20m").await;
    tab.presses("modals", "Close").await;
    tab.until("modals", "nothing", str::is_empty).await;

    // Opened again, the home tab says so.
    tab.opens("access-requests").await;
    tab.opens("jit Home").await;
    tab.sees("messages", "waits: db-admin for 20m").await;

    tab.becomes("Dana").await;
    tab.opens("access-requests").await;
    tab.sees("messages", "2 approvals needed").await;
    tab.presses("messages", "Deny").await;
    tab.sees("messages", "You denied").await;
    tab.sees("messages", "Denied").await;
    tab.becomes("Ann").await;
    tab.opens("jit").await;
    tab.sees("messages", "was denied by @Dana").await;
    tab.sees("clouds", "Nobody has anything.").await;
    tab.close().await;
}

#[tokio::test]
async fn an_outsider_gets_nothing_and_is_told_why() {
    let tab = Tab::open().await;
    tab.types("/jit request prod-deploy 30m fixing OPS-42").await;
    tab.sees("messages", "Why: fixing OPS-42").await;
    tab.presses("messages", "Approve").await;
    tab.sees("messages", "is your own request").await;
    tab.becomes("Eve").await;
    tab.presses("messages", "Approve").await;
    tab.sees("messages", "is not for you to decide. @oncall may.").await;
    tab.types("/jit request prod-deploy 30m let me in").await;
    tab.sees("messages", "is not for you to ask for").await;
    tab.sees("clouds", "Nobody has anything.").await;
    tab.close().await;
}

#[tokio::test]
async fn people_talk_in_threads() {
    let tab = Tab::open().await;
    tab.types("/jit request prod-deploy 30m fixing OPS-42").await;
    tab.sees("messages", "Why: fixing OPS-42").await;
    tab.becomes("Bob").await;
    tab.clicks("#messages article:not(.ephemeral) a.reply").await;
    tab.sees("thread", "No replies yet").await;
    tab.types("which *service* is it, @ann?").await;
    tab.sees("thread", "which service is it, @Ann?").await;
    tab.sees("thread", "1 reply").await;
    tab.types("/jit status").await;
    tab.sees("toast", "not supported in threads").await;
    tab.clicks("#thread a.icon").await;
    tab.until("thread", "nothing", str::is_empty).await;
    tab.sees("messages", "1 reply").await;
    tab.close().await;
}

#[tokio::test]
async fn everything_can_be_done_with_the_keyboard() {
    let tab = Tab::open().await;
    let field = tab.find("#text").await;
    field.send_keys("/").await.unwrap();
    tab.sees("options", "ask for a role").await;
    tab.keys(&[Key::Down, Key::Enter]).await;
    tab.sees("usage", "/jit request ROLE 30m why you need it").await;
    tab.sees("options", "Read the logs of production").await;
    field.send_keys("db").await.unwrap();
    tab.until("options", "db-admin alone", |text| text.contains("db-admin") && !text.contains("logs")).await;
    tab.keys(&[Key::Tab]).await;
    tab.sees("options", "15m").await;
    tab.keys(&[Key::Down, Key::Down, Key::Enter]).await;
    field.send_keys("restoring a table").await.unwrap();
    let typed = field.prop("value").await.unwrap();
    assert_eq!(typed.as_deref(), Some("/jit request db-admin 30m restoring a table"));
    tab.keys(&[Key::Enter]).await;
    tab.sees("messages", "Why: restoring a table").await;
    for name in ["Bob", "Dana"] {
        tab.becomes(name).await;
        tab.focuses("#messages .btn.primary").await;
        tab.keys(&[Key::Enter]).await;
        tab.sees("messages", "You approved").await;
    }
    tab.sees("clouds", "open db-admin for Ann").await;
    // Taking something away asks back; Escape is a no.
    tab.sees("messages", "is live until").await;
    tab.focuses("#messages .btn.danger").await;
    tab.keys(&[Key::Enter]).await;
    tab.sees("confirm", "The access ends now.").await;
    tab.keys(&[Key::Escape]).await;
    tab.until("confirm", "nothing", str::is_empty).await;
    tab.sees("clouds", "left").await;
    tab.focuses("#messages .btn.danger").await;
    tab.keys(&[Key::Enter]).await;
    tab.sees("confirm", "The access ends now.").await;
    tab.focuses("#confirm-yes").await;
    tab.keys(&[Key::Enter]).await;
    tab.sees("messages", "revoked it").await;
    tab.sees("clouds", "close db-admin for Ann").await;
    tab.close().await;
}
