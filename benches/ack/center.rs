//! Grants of a permission set in a company of some size, with the real binary, counting what it asks of AWS over the
//! wire: right after a start, when nothing is remembered, and once more.

use std::sync::Arc;

use jit::{
    ambient::SystemClock,
    playground::workspace::{Channel, Workspace},
};

use super::{
    aws::{self, Slow, identity_center::unique},
    bot::{Bot, Cloud, Role},
    lookup::Lookup,
    story::until,
};

/// People in the directory, permission sets, and grants that live.
pub const SIZE: (usize, usize, usize) = (300, 40, 50);

/// The calls that each step took.
#[derive(Default)]
pub struct Steps {
    /// From the command until people are asked to approve.
    pub request: Vec<String>,
    /// From the click on Approve until AWS has said that it is there.
    pub approve: Vec<String>,
    /// From the click on End now until AWS has said that it is gone.
    pub revoke: Vec<String>,
}

/// What was counted.
pub struct Center {
    /// Right after a start.
    pub cold: Steps,
    /// The same person once more.
    pub warm: Steps,
    /// A bot that looks everything up by listing it.
    pub lookup: Steps,
}

/// Plays it.
pub async fn run() -> Center {
    let cloud = aws::Cloud::start(Arc::new(SystemClock)).await;
    let workspace = Workspace::new(Arc::new(SystemClock));
    let slack = workspace.start().await.expect("a free port");
    for name in ["requests", "audit"] {
        workspace.add_channel(Channel::public(name));
    }
    let [requester, approver] = ["requester", "approver"].map(|name| workspace.person(name));
    let (name, account) = (unique("requester"), "444455556666");
    let (users, sets, grants) = SIZE;
    cloud.directory_user(&name, None).await;
    let mut set = String::new();
    for _ in 0..sets {
        set = cloud.permission_set("PT1H").await;
    }
    for number in 1..users {
        let user = cloud.directory_user(&unique("somebody"), None).await;
        if number <= grants {
            cloud.assign(account, &set, &user).await;
        }
    }
    // moto does everything at once; AWS says that it is at it, and has to be asked again
    for action in ["CreateAccountAssignment", "DeleteAccountAssignment"] {
        cloud.slow(action, 9, Slow::default());
    }
    let target = format!("type = \"aws-identity-center\"\naccount = \"{account}\"\npermission_set_arn = \"{set}\"");
    let role = Role { name: "db-admin".to_owned(), channel: "C0REQUESTS".to_owned(), target };
    let people = vec![(requester.id().to_owned(), name.clone())];
    let endpoint = cloud.endpoint_url();
    let bot = Bot::start(&workspace, &slack, &Cloud { endpoint: endpoint.as_str(), roles: vec![role], people }).await;
    // the sweep that every start begins with
    until(|| cloud.actions().iter().any(|action| action == "ListAccountAssignments")).await;

    let mut counted = Counted { seen: cloud.actions().len(), cloud: &cloud };
    let mut rounds = Vec::new();
    for number in 1..=2 {
        requester.types("/jit request db-admin 30m fixing OPS-42").await;
        until(|| workspace.channel("requests").screen().matches("db-admin* for").count() == number).await;
        let request = counted.since();
        approver.clicks("Approve").await;
        until(|| requester.dm().screen().matches("is *live*").count() == 1).await;
        let approve = counted.since();
        requester.clicks("End now").await;
        until(|| requester.dm().screen().matches("has *ended*").count() == number).await;
        rounds.push(Steps { request, approve, revoke: counted.since() });
    }
    drop(bot);

    let lookup = Lookup::connect(endpoint.as_str()).await;
    lookup.approve(account, &set, &name).await;
    let approve = counted.since();
    lookup.revoke(account, &set, &name).await;
    let lookup = Steps { request: Vec::new(), approve, revoke: counted.since() };
    let warm = rounds.pop().expect("two rounds");
    Center { cold: rounds.pop().expect("two rounds"), warm, lookup }
}

/// What AWS was asked since the last time this was looked at.
struct Counted<'a> {
    seen: usize,
    cloud: &'a aws::Cloud,
}

impl Counted<'_> {
    fn since(&mut self) -> Vec<String> {
        let new = self.cloud.actions().split_off(self.seen);
        self.seen += new.len();
        new
    }
}
