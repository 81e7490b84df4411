//! Access that AWS does not end by itself: permission sets, memberships and policies for two people, the roles that open
//! them one by one and together, and the question whether the cloud has what the grants say.

use std::{collections::BTreeMap, fmt::Write as _};

use jit::domain::{
    access::{Access, AccessState, FOUND_AS},
    catalog::{IamPrincipal, Target},
    grant::{Grant, GrantState},
};

use super::{
    World,
    aws::{Cloud, Fault, center_story::MEMBER, identity_center::unique},
    azure::Thing,
};

/// The calls that give access, and those that take it away.
pub const GIVING: [&str; 3] = ["CreateAccountAssignment", "AddUserToGroup", "PutUserPolicy"];
pub const TAKING: [&str; 3] = ["DeleteAccountAssignment", "RemoveUserFromGroup", "DeleteUserPolicy"];

/// What there is to be had.
#[derive(Debug, Clone)]
pub struct Estate {
    /// Permission sets, for sessions of one hour.
    pub sets: [String; 2],
    /// The users of `requester` and `lead` in the identity store, by Slack id.
    pub users: BTreeMap<String, String>,
    /// An IAM user whom the roles put into the group.
    pub iam_user: String,
    /// An IAM group.
    pub group: String,
}

/// `{one}` and `{two}` are permission sets, `{user}` and `{group}` are IAM's.
const ROLES: [(&str, &str); 6] = [
    ("db-admin", "{one}"),
    ("db-both", "{one}{two}"),
    ("admins", "{group}"),
    ("incident", "{one}{group}{policy}"),
    ("outage", "{two}{group}{sts}"),
    ("db-watched", "{two}cut_off_sessions = true\n"),
];

const SET: &str =
    "[[role.target]]\ntype = \"aws-identity-center\"\naccount = \"444455556666\"\npermission_set_arn = \"SET\"\n";
const GROUP: &str = "[[role.target]]\ntype = \"aws-iam-group\"\nuser = \"USER\"\ngroup = \"GROUP\"\n";
const POLICY: &str = r#"[[role.target]]
type = "aws-iam-policy"
user = "USER"
policy = "incident.json"
"#;
const DOCUMENT: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#;
const STS: &str = "[[role.target]]\ntype = \"aws-sts\"\nrole_arn = \"ROLE\"\n";

impl Estate {
    /// Makes all of it, and the roles in the bot's configuration.
    pub async fn of(world: &World) -> Self {
        let cloud = &world.cloud;
        let sets = [cloud.permission_set("PT1H").await, cloud.permission_set("PT1H").await];
        let (iam_user, group) = (cloud.user("breakglass").await, cloud.group("admins").await);
        let (mut users, mut people) = (BTreeMap::new(), String::new());
        for person in world.people(["requester", "lead"]) {
            let name = unique("user");
            users.insert(person.id().to_owned(), cloud.directory_user(&name, None).await);
            let id = person.id();
            let _ = write!(people, "\n[[person]]\nslack = \"{id}\"\naws_identity_center = \"{name}\"\n");
        }
        std::fs::write(world.config_file().with_file_name("incident.json"), DOCUMENT).unwrap();
        let estate = Self { sets, users, iam_user, group };
        let roles: String = ROLES.iter().map(|(name, opens)| estate.role(name, opens, &world.role_arn)).collect();
        world.edit_config(|config| format!("{config}{people}{roles}"));
        world.app.reload().await.unwrap();
        estate
    }

    fn role(&self, name: &str, opens: &str, role_arn: &str) -> String {
        let opens = opens.replace("{one}", &SET.replace("SET", &self.sets[0]));
        let opens = opens.replace("{two}", &SET.replace("SET", &self.sets[1]));
        let opens = opens.replace("{group}", GROUP).replace("{policy}", POLICY).replace("{sts}", STS);
        let opens = opens.replace("USER", &self.iam_user).replace("GROUP", &self.group).replace("ROLE", role_arn);
        format!(
            "\n[[role]]\nname = \"{name}\"\nmax_duration = \"8h\"\nreason = \"optional\"\n\n[[role.rule]]\napprovals = \
             1\napprovers = [\"sre\"]\n\n{opens}"
        )
    }

    /// Whether `requester` has the permission sets, and whether the IAM user is in the group.
    pub async fn held(&self, cloud: &Cloud) -> [bool; 3] {
        let mut held = [false; 3];
        for (held, set) in held.iter_mut().zip(&self.sets) {
            let assigned = cloud.assigned(MEMBER, set).await;
            *held = assigned.contains(&self.users["U0REQUESTER"]);
        }
        held[2] = cloud.members(&self.group).await.contains(&self.iam_user);
        held
    }

    /// Names in a text that differ from run to run.
    pub fn tidy(&self, text: &str) -> String {
        let text = text.replace(&self.iam_user, "USER").replace(&self.group, "GROUP");
        let set = |text: String, (set, name): (&String, &str)| {
            text.replace(set, name).replace(set.rsplit('/').next().unwrap(), name)
        };
        self.sets.iter().zip(["SET-1", "SET-2"]).fold(text, set)
    }
}

impl World {
    /// Lets the next `times` calls of each of these go wrong.
    pub fn fail_all(&self, actions: &[&str], times: usize, fault: &Fault) {
        for action in actions {
            self.cloud.fail(action, times, fault.clone());
        }
    }

    /// Every access with its grant.
    pub async fn accesses(&self) -> Vec<(Access, Grant)> {
        // not by way of the trail, which some stories break
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(self.store_file());
        let mut store = sqlx::ConnectOptions::connect(&options).await.unwrap();
        let ids: Vec<(String,)> =
            sqlx::query_as("select id from grant_ order by id").fetch_all(&mut store).await.unwrap();
        self.read(|tx| {
            Box::pin(async move {
                let mut found = Vec::new();
                for (id,) in ids {
                    let grant = tx.load_grant(id.parse().unwrap()).await?;
                    let accesses = tx.accesses_of(grant.id).await?;
                    found.extend(accesses.into_iter().map(|access| (access, grant.clone())));
                }
                Ok(found)
            })
        })
        .await
    }

    /// Whether the cloud has what this access is; nothing for sessions, of which no list is kept.
    pub async fn has(&self, access: &Access) -> Option<bool> {
        match Thing::of(&access.target) {
            Some(thing) => Some(access.receipt.get(FOUND_AS).is_some_and(|id| self.azure.holds(&thing, id))),
            None => self.cloud.has(access).await,
        }
    }

    /// At any moment: a grant that says it is live has all of its access, and one that says it is over has none that
    /// only it was for.
    pub async fn nothing_is_pretended(&self) {
        let accesses = self.accesses().await;
        for (access, grant) in &accesses {
            let Some(is_there) = self.has(access).await else { continue };
            let says_live = matches!(grant.state, GrantState::Active { .. }) && access.state == AccessState::Live;
            let why = || format!("{} {:?}, {:?} at {}", grant.code.grant(), grant.state, access, self.now());
            assert!(is_there || !says_live, "it says live, and is not there: {}", why());
            let others = accesses.iter().any(|(other, _)| other.key == access.key && other.state != AccessState::Gone);
            let is_over = matches!(grant.state, GrantState::Ended { .. } | GrantState::Failed { .. });
            let standing = self.standing.contains(&access.key);
            assert!(!is_there || !is_over || others || standing, "it is over, and is still there: {}", why());
        }
    }

    /// Once the bot could act: the cloud has exactly what live grants cover, and every grant says so.
    pub async fn the_cloud_agrees(&self) {
        self.nothing_is_pretended().await;
        let accesses = self.accesses().await;
        for (access, grant) in &accesses {
            let says_live = matches!(grant.state, GrantState::Active { .. });
            let says_over = matches!(grant.state, GrantState::Ended { .. } | GrantState::Failed { .. });
            let why = || format!("{}: {:?}\n{access:?} at {}", grant.code.grant(), grant.state, self.now());
            assert!(says_live || says_over, "it has not come to rest: {}", why());
            assert_eq!(says_live, grant.covers(self.now()), "{}", why());
            let expected = if says_live { AccessState::Live } else { AccessState::Gone };
            assert_eq!(access.state, expected, "{}", why());
            let Some(is_there) = self.has(access).await else { continue };
            let covered = accesses.iter().any(|(other, grant)| other.key == access.key && grant.covers(self.now()));
            let standing = self.standing.contains(&access.key);
            assert!(is_there == covered || standing, "there: {is_there}, covered: {covered}; {}", why());
        }
    }
}

impl Cloud {
    /// Whether it has what this access is; nothing for sessions, of which it keeps no list, for other clouds, and for what
    /// was given up before the bot knew who its holder is there.
    pub async fn has(&self, access: &Access) -> Option<bool> {
        match &access.target {
            Target::AwsIdentityCenter(target) => {
                let Some(user) = access.receipt.get("user_id") else {
                    return (access.state != AccessState::Gone).then_some(false);
                };
                let assigned = self.assigned(&target.account, &target.permission_set_arn).await;
                let times = assigned.iter().filter(|it| *it == user).count();
                assert!(times <= 1, "AWS keeps no assignment twice");
                Some(times == 1)
            }
            Target::AwsIamGroup(target) => Some(self.members(&target.group).await.contains(&target.user)),
            Target::AwsIamPolicy(target) => {
                let IamPrincipal::User(user) = &target.on else { return None };
                Some(self.policy_names(user).await.contains(&format!("jit-{}", access.grant)))
            }
            Target::AwsSts(_)
            | Target::AzureRole(_)
            | Target::EntraRole(_)
            | Target::EntraGroup(_)
            | Target::Demo(_) => None,
        }
    }
}
