//! The planned faults, as a caller meets them.

use std::time::Duration;

use jiff::SignedDuration;
use tokio::time::timeout;

use super::{
    super::{CallOutcome, Fault, Times, delivery},
    *,
};

fn request(server: &Server) -> reqwest::RequestBuilder {
    let url = format!("{}/chat.postMessage", server.api_url());
    let args = json!({ "channel": "C0REQUESTS", "text": "hello" });
    delivery::client().post(url).bearer_auth("xoxb-workspace-model").json(&args)
}

#[tokio::test]
async fn faults_before_the_work_do_nothing_and_faults_after_it_did_it() {
    let (workspace, server, _) = workspace().await;
    let posted = || workspace.channel("requests").messages().len();

    workspace.fault("chat.postMessage", Fault::RateLimited { retry_after: 7 }, Times::Next(1));
    let limited = request(&server).send().await.unwrap();
    assert_eq!((limited.status().as_u16(), &limited.headers()["retry-after"]), (429, &"7".parse().unwrap()));
    workspace.fault("*", Fault::ServerError, Times::Next(1));
    assert_eq!(request(&server).send().await.unwrap().status(), 500);
    workspace.fault("chat.postMessage", Fault::refuse("fatal_error"), Times::Next(1));
    let refused: Value = request(&server).send().await.unwrap().json().await.unwrap();
    assert_eq!((&refused["error"], posted()), (&json!("fatal_error"), 0));

    workspace.fault("chat.postMessage", Fault::ServerErrorAfterWork, Times::Next(1));
    assert_eq!((request(&server).send().await.unwrap().status().as_u16(), posted()), (500, 1));
    workspace.fault("chat.postMessage", Fault::DropAnswerAfterWork, Times::Next(1));
    assert!(request(&server).send().await.is_err());
    assert_eq!(posted(), 2);
    assert_eq!(workspace.calls().last().unwrap().outcome, CallOutcome::Failed(Fault::DropAnswerAfterWork));
    assert_eq!((request(&server).send().await.unwrap().status().as_u16(), posted()), (200, 3));
}

#[tokio::test]
async fn one_channel_can_be_out_of_order() {
    let (workspace, server, _) = workspace().await;
    workspace.add_channel(Channel::public("audit"));
    workspace.fault_in("audit", "chat.postMessage", Fault::ServerError, Times::UntilCleared);
    assert_eq!(request(&server).send().await.unwrap().status(), 200);
    let elsewhere = request(&server).json(&json!({ "channel": "C0AUDIT", "text": "hello" }));
    assert_eq!(elsewhere.send().await.unwrap().status(), 500);
}

#[tokio::test]
async fn a_hang_lasts_until_it_is_cleared() {
    let (workspace, server, _) = workspace().await;
    workspace.fault("chat.postMessage", Fault::Hang, Times::UntilCleared);
    assert!(timeout(Duration::from_millis(100), request(&server).send()).await.is_err());
    assert!(workspace.channel("requests").messages().is_empty(), "who gave up must not be served later");
    let waiting = tokio::spawn(request(&server).send());
    while workspace.calls().len() < 2 {
        tokio::task::yield_now().await;
    }
    workspace.clear_faults();
    assert_eq!(waiting.await.unwrap().unwrap().status(), 200);
    assert_eq!(workspace.channel("requests").messages().len(), 1);
}

#[tokio::test]
async fn a_channel_takes_so_many_posts_a_second() {
    let (workspace, server, clock) = workspace().await;
    workspace.limit_posts_per_second(Some(1));
    assert_eq!(request(&server).send().await.unwrap().status(), 200);
    let limited = request(&server).send().await.unwrap();
    assert_eq!((limited.status().as_u16(), &limited.headers()["retry-after"]), (429, &"1".parse().unwrap()));
    assert_eq!(workspace.calls().last().unwrap().outcome, CallOutcome::RateLimited);
    clock.advance(SignedDuration::from_secs(1));
    assert_eq!(request(&server).send().await.unwrap().status(), 200);
}
