//! The least that could take so many assignments away: the same SDK, the same calls, as many at the same time, and nothing
//! written down. It runs in a process of its own, as the bot does: the benchmark starts itself with [`FLAG`].

use std::time::Instant;

use aws_config::{BehaviorVersion, Region};
use aws_sdk_ssoadmin::{
    Client,
    types::{ListAccountAssignmentsFilter, PrincipalType, TargetType},
};
use futures::{StreamExt, stream};

use super::{bot::credentials, cloud::INSTANCE, target_of};

/// Makes the benchmark be this; then come the cloud's URL, how many there are, and how many at the same time.
pub const FLAG: &str = "--bare";

/// Takes all away, and writes down for each when it was seen to be gone: microseconds after the start, as a JSON list.
pub async fn revoke(url: &str, count: &str, width: &str) {
    let (count, width) = (count.parse().expect("a number"), width.parse().expect("a number"));
    let config = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .region(Region::new("eu-west-1"))
        .endpoint_url(url)
        .credentials_provider(credentials())
        .load()
        .await;
    let client = Client::new(&config);
    let began = Instant::now();
    let one = |number: usize| {
        let client = &client;
        async move {
            take_away(client, number).await;
            u64::try_from(began.elapsed().as_micros()).expect("not that long")
        }
    };
    let all: Vec<u64> = stream::iter(0..count).map(one).buffer_unordered(width).collect().await;
    println!("{}", serde_json::to_string(&all).expect("numbers"));
}

async fn take_away(client: &Client, number: usize) {
    let (account, set) = target_of(number);
    let user = format!("u-{number:06}");
    let delete = client.delete_account_assignment().instance_arn(INSTANCE).permission_set_arn(set);
    let delete = delete.target_type(TargetType::AwsAccount).target_id(&account);
    let delete = delete.principal_type(PrincipalType::User).principal_id(&user);
    let deletion = delete.send().await.expect("the double takes it");
    let id = deletion.account_assignment_deletion_status().and_then(|it| it.request_id()).expect("an id");
    let status = client.describe_account_assignment_deletion_status().instance_arn(INSTANCE);
    status.account_assignment_deletion_request_id(id).send().await.expect("the double knows it");
    let list = client.list_account_assignments_for_principal().instance_arn(INSTANCE);
    let list = list.principal_type(PrincipalType::User).principal_id(&user);
    let list = list.filter(ListAccountAssignmentsFilter::builder().account_id(account).build());
    let found = list.send().await.expect("the double lists it");
    assert!(found.account_assignments().is_empty(), "{user} still has it");
}
