//! One request from the command to the credentials, with the real binary, counting what it asks of AWS.
//!
//! AWS is moto behind the recording proxy of the tests, so what is counted went over the wire.

use std::{sync::Arc, time::Duration};

use jit::{
    ambient::SystemClock,
    playground::workspace::{Channel, Workspace},
};

use super::{
    aws,
    bot::{Bot, Cloud, Role},
};

/// The calls of AWS that each step took.
pub struct Story {
    /// From the click on Approve until the requester is told that access is live.
    pub approve: Vec<String>,
    /// From the click on Get credentials until they are on the page.
    pub claim: Vec<String>,
}

/// Plays it.
pub async fn run() -> Story {
    let cloud = aws::Cloud::start(Arc::new(SystemClock)).await;
    let workspace = Workspace::new(Arc::new(SystemClock));
    let slack = workspace.start().await.expect("a free port");
    for name in ["requests", "audit"] {
        workspace.add_channel(Channel::public(name));
    }
    let [requester, approver] = ["requester", "approver"].map(|name| workspace.person(name));
    let endpoint = cloud.endpoint_url();
    let role = Role::sts("prod-deploy", &cloud.role("prod-deploy").await, "C0REQUESTS".to_owned());
    let cloud_of_the_bot = Cloud { endpoint: endpoint.as_str(), roles: vec![role], people: Vec::new() };
    let bot = Bot::start(&workspace, &slack, &cloud_of_the_bot).await;

    requester.types("/jit request prod-deploy 30m fixing OPS-42").await;
    until(|| workspace.channel("requests").screen().contains("Approve")).await;
    let before = cloud.actions().len();
    approver.clicks("approve").await;
    until(|| requester.dm().screen().contains("Get credentials")).await;
    // Whatever it might still ask after the good news counts too.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let approve = cloud.actions().split_off(before);

    requester.clicks("claim").await;
    until(|| link(&workspace, &bot).is_some()).await;
    let link = link(&workspace, &bot).expect("it is there");
    let page = reqwest::Client::new().post(link).send().await.expect("the page").text().await.expect("its text");
    assert!(page.contains("AWS_SESSION_TOKEN"), "no credentials: {page}");
    let claim = cloud.actions().split_off(before + approve.len());
    Story { approve, claim }
}

/// The link in the newest private answer that has one.
fn link(workspace: &Workspace, bot: &Bot) -> Option<String> {
    let start = bot.url("/claim/");
    workspace.calls().iter().rev().find_map(|call| {
        let args = call.args.to_string();
        let at = args.find(&start)?;
        Some(args[at..].split(['"', '\\']).next()?.to_owned())
    })
}

pub(super) async fn until(is_so: impl Fn() -> bool) {
    for _ in 0..200 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the story stands still");
}
