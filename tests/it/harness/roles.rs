//! Worlds with further roles, for stories about what exists in a cloud while a grant lives.

use jit::domain::audit::{Drift, Fact};

use super::World;

/// What a role `db-admin` assigns to the requester.
pub struct Assignable {
    pub account: &'static str,
    pub set: String,
    pub user: String,
}

impl World {
    /// Adds a role with these targets, in TOML after their headers, that one person of sre may approve.
    pub async fn add_role(&self, name: &str, targets: &[&str]) {
        let targets =
            targets.iter().map(|target| format!("\n[[role.target]]\n{target}\n")).collect::<Vec<_>>().concat();
        self.edit_config(|config| {
            format!(
                "{config}\n[[role]]\nname = \"{name}\"\nmax_duration = \"2h\"\n\n[[role.rule]]\napprovals = 1\n\
                 approvers = [\"sre\"]\n{targets}"
            )
        });
        self.app.reload().await.unwrap();
    }

    /// A world with a role `admins`, which puts an IAM user into a group: the names of both.
    pub async fn with_admins() -> (Self, String, String) {
        let world = Self::start().await;
        let (user, group) = (world.cloud.user("breakglass").await, world.cloud.group("admins").await);
        world.add_role("admins", &[&membership(&user, &group)]).await;
        (world, user, group)
    }

    /// A world with a role `db-admin`, which assigns a permission set to the requester.
    pub async fn with_db_admin() -> (Self, Assignable) {
        Self::with_sessions("PT1H", false).await
    }

    /// The same, with a permission set whose sessions last so long.
    pub async fn with_sessions(last: &str, cut_off: bool) -> (Self, Assignable) {
        let world = Self::start().await;
        let [requester] = world.people(["requester"]);
        let name = format!("requester-{}", world.role_arn.rsplit('/').next().unwrap());
        let user = world.cloud.directory_user(&name, None).await;
        let set = world.cloud.permission_set(last).await;
        world.edit_config(|config| {
            format!("{config}\n[[person]]\nslack = \"{}\"\naws_identity_center = \"{name}\"\n", requester.id())
        });
        let account = "444455556666";
        let target = format!("{}\ncut_off_sessions = {cut_off}", assignment(account, &set));
        world.add_role("db-admin", &[&target]).await;
        (world, Assignable { account, set, user })
    }

    /// What sweeps have told so far.
    pub async fn drifts(&self) -> Vec<Drift> {
        let facts = self.facts().await.into_iter();
        facts.filter_map(|fact| if let Fact::DriftFound { what, .. } = fact { Some(what) } else { None }).collect()
    }
}

/// A target that puts a user into a group.
pub fn membership(user: &str, group: &str) -> String {
    format!("type = \"aws-iam-group\"\nuser = \"{user}\"\ngroup = \"{group}\"")
}

/// A target that assigns a permission set.
pub fn assignment(account: &str, set: &str) -> String {
    format!("type = \"aws-identity-center\"\naccount = \"{account}\"\npermission_set_arn = \"{set}\"")
}
