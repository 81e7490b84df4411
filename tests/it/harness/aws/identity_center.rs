//! What an administrator of Identity Center and of the organization does: straight to moto, past the bot's proxy.

use std::{
    process,
    sync::atomic::{AtomicU32, Ordering},
};

use jit::provider::aws::identity_center::Instance;
use serde_json::{Value, json};

use super::{Cloud, Fault, center::Slow, moto, proxy::scope};

impl Cloud {
    /// The next `times` calls of `action` (`CreateAccountAssignment`, …) are answered with `IN_PROGRESS`.
    pub fn slow(&self, action: &str, times: usize, slow: Slow) {
        self.proxy.shared.center.slow(action, times, slow);
    }

    /// The next call of `action` gets this answer; nothing is done.
    pub fn answers(&self, action: &str, body: &Value) {
        self.fail(action, 1, Fault::Answer(body.to_string()));
    }

    /// The Identity Center that moto has.
    pub async fn identity_center(&self) -> Instance {
        let find = || async {
            let found = self.admin("sso", "SWBExternalService.ListInstances", &json!({})).await;
            let part = |name: &str| found["Instances"][0][name].as_str().unwrap().to_owned();
            Instance { arn: part("InstanceArn"), store: part("IdentityStoreId") }
        };
        self.center.get_or_init(find).await.clone()
    }

    /// Makes a user whose name and e-mail address begin so; gives the id.
    pub async fn directory_user(&self, name: &str, email: Option<&str>) -> String {
        let Instance { store, .. } = self.identity_center().await;
        let emails: Vec<_> = email.iter().map(|email| json!({ "Value": email, "Primary": true })).collect();
        let user = json!({
            "IdentityStoreId": store, "UserName": name, "DisplayName": name, "Emails": emails,
            "Name": { "GivenName": name, "FamilyName": name },
        });
        let made = self.admin("identitystore", "AWSIdentityStore.CreateUser", &user).await;
        made["UserId"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned()
    }

    /// Makes a permission set with this session duration; gives its ARN.
    pub async fn permission_set(&self, session: &str) -> String {
        let Instance { arn, .. } = self.identity_center().await;
        let set = json!({ "InstanceArn": arn, "Name": unique("ps"), "SessionDuration": session });
        let made = self.admin("sso", "SWBExternalService.CreatePermissionSet", &set).await;
        made["PermissionSet"]["PermissionSetArn"].as_str().unwrap().to_owned()
    }

    /// Assigns it, as somebody other than the bot.
    pub async fn assign(&self, account: &str, permission_set: &str, user: &str) {
        let Instance { arn, .. } = self.identity_center().await;
        let assignment = json!({
            "InstanceArn": arn, "TargetId": account, "TargetType": "AWS_ACCOUNT", "PermissionSetArn": permission_set,
            "PrincipalType": "USER", "PrincipalId": user,
        });
        self.admin("sso", "SWBExternalService.CreateAccountAssignment", &assignment).await;
    }

    /// Assigns it to a group, as somebody other than the bot.
    pub async fn assign_group(&self, account: &str, permission_set: &str, group: &str) {
        let Instance { arn, .. } = self.identity_center().await;
        let assignment = json!({
            "InstanceArn": arn, "TargetId": account, "TargetType": "AWS_ACCOUNT", "PermissionSetArn": permission_set,
            "PrincipalType": "GROUP", "PrincipalId": group,
        });
        self.admin("sso", "SWBExternalService.CreateAccountAssignment", &assignment).await;
    }

    /// Takes it away, as somebody other than the bot.
    pub async fn unassign(&self, account: &str, permission_set: &str, user: &str) {
        let Instance { arn, .. } = self.identity_center().await;
        let assignment = json!({
            "InstanceArn": arn, "TargetId": account, "TargetType": "AWS_ACCOUNT", "PermissionSetArn": permission_set,
            "PrincipalType": "USER", "PrincipalId": user,
        });
        self.admin("sso", "SWBExternalService.DeleteAccountAssignment", &assignment).await;
    }

    /// Who has it now.
    pub async fn assigned(&self, account: &str, permission_set: &str) -> Vec<String> {
        let Instance { arn, .. } = self.identity_center().await;
        let question = json!({
            "InstanceArn": arn, "AccountId": account, "PermissionSetArn": permission_set, "MaxResults": 1000,
        });
        let list = self.admin("sso", "SWBExternalService.ListAccountAssignments", &question).await;
        let list = list["AccountAssignments"].as_array().unwrap().clone();
        list.iter().map(|it| it["PrincipalId"].as_str().unwrap().to_owned()).collect()
    }

    /// The permission set's inline policy.
    pub async fn inline_policy_of(&self, permission_set: &str) -> String {
        let Instance { arn, .. } = self.identity_center().await;
        let question = json!({ "InstanceArn": arn, "PermissionSetArn": permission_set });
        let found = self.admin("sso", "SWBExternalService.GetInlinePolicyForPermissionSet", &question).await;
        found["InlinePolicy"].as_str().unwrap_or_default().to_owned()
    }

    /// Gives the permission set an inline policy.
    pub async fn put_inline_policy_to(&self, permission_set: &str, policy: &str) {
        let Instance { arn, .. } = self.identity_center().await;
        let policy = json!({ "InstanceArn": arn, "PermissionSetArn": permission_set, "InlinePolicy": policy });
        self.admin("sso", "SWBExternalService.PutInlinePolicyToPermissionSet", &policy).await;
    }

    /// Makes an organisational unit in another, or right below the root; gives its id.
    pub async fn unit(&self, parent: Option<&str>) -> String {
        self.organization("CreateOrganization", &json!({ "FeatureSet": "ALL" })).await;
        let parent = match parent {
            Some(parent) => parent.to_owned(),
            None => self.root().await,
        };
        let made =
            self.organization("CreateOrganizationalUnit", &json!({ "ParentId": parent, "Name": unique("ou") })).await;
        made["OrganizationalUnit"]["Id"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned()
    }

    /// Makes an account in a unit; gives its id.
    pub async fn account_in(&self, unit: &str) -> String {
        let name = unique("account");
        let account = json!({ "AccountName": name, "Email": format!("{name}@example.com") });
        let made = self.organization("CreateAccount", &account).await;
        let id = made["CreateAccountStatus"]["AccountId"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned();
        let root = self.root().await;
        let moved = json!({ "AccountId": id, "SourceParentId": root, "DestinationParentId": unit });
        self.organization("MoveAccount", &moved).await;
        id
    }

    /// Closes an account.
    pub async fn close_account(&self, id: &str) {
        self.organization("CloseAccount", &json!({ "AccountId": id })).await;
    }

    async fn root(&self) -> String {
        let roots = self.organization("ListRoots", &json!({})).await;
        roots["Roots"][0]["Id"].as_str().unwrap_or_else(|| panic!("{roots}")).to_owned()
    }

    async fn organization(&self, action: &str, body: &Value) -> Value {
        self.admin("organizations", &format!("AWSOrganizationsV20161128.{action}"), body).await
    }

    async fn admin(&self, service: &str, target: &str, body: &Value) -> Value {
        let answer = self
            .proxy
            .shared
            .http
            .post(self.moto.clone())
            .header("authorization", scope(service))
            .header("x-amz-target", target)
            .header("content-type", "application/x-amz-json-1.1")
            .body(body.to_string());
        let _turn = moto::turn().await;
        answer.send().await.expect("moto answers").json().await.unwrap_or_default()
    }
}

/// A name that no other test has.
pub fn unique(name: &str) -> String {
    static MADE: AtomicU32 = AtomicU32::new(0);
    format!("{name}-{}-{}", process::id(), MADE.fetch_add(1, Ordering::Relaxed))
}
