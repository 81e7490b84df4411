//! How a bot would go about Identity Center that looks everything up by listing it: what our calls are held against.

use aws_config::{BehaviorVersion, Region};
use aws_sdk_identitystore::Client as People;
use aws_sdk_ssoadmin::{
    Client,
    types::{PrincipalType, TargetType},
};

use super::{aws::REGION, flood::bot::credentials};

/// Its connections.
pub struct Lookup {
    sso: Client,
    people: People,
}

/// What has to be known before anything can be done.
struct Found {
    instance: String,
    set: String,
    user: String,
}

impl Lookup {
    /// Connects.
    pub async fn connect(endpoint: &str) -> Self {
        let config = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .region(Region::new(REGION))
            .endpoint_url(endpoint.trim_end_matches('/'))
            .credentials_provider(credentials())
            .load()
            .await;
        Self { sso: Client::new(&config), people: People::new(&config) }
    }

    /// Assigns the permission set, and asks once how far that is.
    pub async fn approve(&self, account: &str, set: &str, user: &str) {
        let Found { instance, set, user } = self.find(set, user).await;
        let create = self.sso.create_account_assignment().instance_arn(&instance).permission_set_arn(set);
        let create = create.target_type(TargetType::AwsAccount).target_id(account);
        let made = create.principal_type(PrincipalType::User).principal_id(user).send().await.expect("moto makes it");
        let id = made.account_assignment_creation_status().and_then(|it| it.request_id()).expect("an id");
        let status = self.sso.describe_account_assignment_creation_status().instance_arn(instance);
        status.account_assignment_creation_request_id(id).send().await.expect("moto knows it");
    }

    /// Takes it away, and asks once how far that is.
    pub async fn revoke(&self, account: &str, set: &str, user: &str) {
        let Found { instance, set, user } = self.find(set, user).await;
        let delete = self.sso.delete_account_assignment().instance_arn(&instance).permission_set_arn(set);
        let delete = delete.target_type(TargetType::AwsAccount).target_id(account);
        let gone = delete.principal_type(PrincipalType::User).principal_id(user).send().await.expect("moto deletes it");
        let id = gone.account_assignment_deletion_status().and_then(|it| it.request_id()).expect("an id");
        let status = self.sso.describe_account_assignment_deletion_status().instance_arn(instance);
        status.account_assignment_deletion_request_id(id).send().await.expect("moto knows it");
    }

    async fn find(&self, set: &str, user: &str) -> Found {
        let instances = self.sso.list_instances().send().await.expect("moto has one");
        let instance = instances.instances().first().expect("moto has one");
        let (arn, store) = (instance.instance_arn().expect("an ARN"), instance.identity_store_id().expect("an id"));
        Found {
            user: self.find_user(store, user).await.expect("the user is there"),
            set: self.find_set(arn, set).await.expect("the permission set is there"),
            instance: arn.to_owned(),
        }
    }

    async fn find_user(&self, store: &str, name: &str) -> Option<String> {
        let mut pages = self.people.list_users().identity_store_id(store).into_paginator().page_size(100).send();
        let mut found = None;
        while let Some(page) = pages.next().await {
            let page = page.expect("moto lists them");
            let it = page.users().iter().find(|it| it.user_name() == Some(name));
            found = found.or(it.map(|it| it.user_id().to_owned()));
        }
        found
    }

    /// Goes through all of them, as one has to who knows the name alone.
    async fn find_set(&self, instance: &str, wanted: &str) -> Option<String> {
        let mut pages = self.sso.list_permission_sets().instance_arn(instance).into_paginator().page_size(100).send();
        let mut found = None;
        while let Some(page) = pages.next().await {
            for arn in page.expect("moto lists them").permission_sets() {
                let set = self.sso.describe_permission_set().instance_arn(instance).permission_set_arn(arn).send();
                let set = set.await.expect("moto knows it");
                let arn = set.permission_set().and_then(|it| it.permission_set_arn());
                found = found.or(arn.filter(|arn| *arn == wanted).map(str::to_owned));
            }
        }
        found
    }
}
