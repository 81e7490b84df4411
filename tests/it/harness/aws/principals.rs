//! IAM users and groups in moto, and what their inline policies let them do.

use std::{
    collections::{BTreeMap, BTreeSet},
    process,
    sync::atomic::{AtomicU32, Ordering},
};

use jiff::Timestamp;

use super::{
    ACCOUNT, Cloud, Session,
    iam::{Decision, Request, decide},
    percent_decoded,
};

/// A name that no other test has.
fn fresh(name: &str) -> String {
    static MADE: AtomicU32 = AtomicU32::new(0);
    format!("{name}-{}-{}", process::id(), MADE.fetch_add(1, Ordering::Relaxed))
}

impl Cloud {
    /// Makes a user in the bot's own account and gives its name, which begins with `name`.
    pub async fn user(&self, name: &str) -> String {
        let name = fresh(name);
        self.iam(ACCOUNT).await.create_user().user_name(&name).send().await.expect("moto makes users");
        name
    }

    /// Makes a group in the bot's own account and gives its name, which begins with `name`.
    pub async fn group(&self, name: &str) -> String {
        let name = fresh(name);
        self.iam(ACCOUNT).await.create_group().group_name(&name).send().await.expect("moto makes groups");
        name
    }

    /// Makes a role under a path and gives its name.
    pub async fn role_under(&self, path: &str, name: &str) -> String {
        let name = fresh(name);
        let iam = self.iam(ACCOUNT).await;
        let role = iam.create_role().path(path).role_name(&name).assume_role_policy_document(super::TRUST);
        role.send().await.expect("moto makes roles");
        name
    }

    /// Puts a user into a group, as an administrator does who knows nothing of the bot.
    pub async fn join(&self, user: &str, group: &str) {
        let iam = self.iam(ACCOUNT).await;
        iam.add_user_to_group().user_name(user).group_name(group).send().await.expect("moto knows both");
    }

    /// Takes a user out of a group, as an administrator does who knows nothing of the bot.
    pub async fn leave(&self, user: &str, group: &str) {
        let iam = self.iam(ACCOUNT).await;
        iam.remove_user_from_group().user_name(user).group_name(group).send().await.expect("moto knows both");
    }

    /// Who is in a group.
    pub async fn members(&self, group: &str) -> BTreeSet<String> {
        let answer = self.iam(ACCOUNT).await.get_group().group_name(group).send().await.expect("moto knows the group");
        answer.users().iter().map(|user| user.user_name().to_owned()).collect()
    }

    /// The inline policies of a user as they stand, by name.
    pub async fn user_policies(&self, user: &str) -> BTreeMap<String, String> {
        let iam = self.iam(ACCOUNT).await;
        let names = iam.list_user_policies().user_name(user).send().await.expect("moto knows the user");
        let mut policies = BTreeMap::new();
        for name in names.policy_names() {
            let policy = iam.get_user_policy().user_name(user).policy_name(name).send().await.unwrap();
            policies.insert(name.clone(), percent_decoded(policy.policy_document()));
        }
        policies
    }

    /// What the inline policies of a user are called.
    pub async fn policy_names(&self, user: &str) -> BTreeSet<String> {
        let names = self.iam(ACCOUNT).await.list_user_policies().user_name(user).send().await;
        names.expect("moto knows the user").policy_names().iter().cloned().collect()
    }

    /// Gives a user a policy, as an administrator does.
    pub async fn give_policy(&self, user: &str, name: &str, document: &str) {
        let iam = self.iam(ACCOUNT).await;
        iam.put_user_policy().user_name(user).policy_name(name).policy_document(document).send().await.unwrap();
    }

    /// Takes a user's policy away, as an administrator may.
    pub async fn take_policy(&self, user: &str, name: &str) {
        let iam = self.iam(ACCOUNT).await;
        iam.delete_user_policy().user_name(user).policy_name(name).send().await.unwrap();
    }
}

/// Whether these policies together let somebody do `action` on anything at `at`.
pub fn allow(policies: &BTreeMap<String, String>, action: &str, at: Timestamp) -> bool {
    let session = nobody(at);
    let request = Request { action, resource: "*", at, session: &session };
    policies.values().map(|policy| decide(policy, &request)).max() == Some(Decision::Allowed)
}

/// Our policies ask for nothing but the time.
fn nobody(at: Timestamp) -> Session {
    Session {
        access_key_id: String::new(),
        secret: String::new(),
        token: String::new(),
        user_id: String::new(),
        role_arn: String::new(),
        name: String::new(),
        source_identity: None,
        tags: BTreeMap::new(),
        policy: None,
        minted_at: at,
        expires_at: at,
        delivered: false,
    }
}
