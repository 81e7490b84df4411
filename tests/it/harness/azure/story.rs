//! A world that opens things in Azure, and what people do in it.

use jit::{
    domain::{audit::Drift, grant::Grant},
    playground::workspace::Person,
};

use super::{
    RESOURCE_GROUP, SUBSCRIPTION, Thing,
    directory::{CLIENT_ID, ENTRA_ROLES, TENANT, guid},
    role,
};
use crate::harness::{World, seconds};

/// What the roles of these stories open.
const ROLES: [(&str, &[&str]); 8] = [
    ("deploy", &["{contributor}"]),
    ("deploy-wide", &["{contributor}", "{member}"]),
    ("deploy-all", &["{contributor}", "{member}", "{helpdesk}"]),
    ("helpdesk", &["{helpdesk}"]),
    ("oncall", &["{member}"]),
    ("oncall-owner", &["{owner}"]),
    ("robot", &["{robot}"]),
    ("both-clouds", &["{contributor}", "{sts}"]),
];

/// A resource group as a target.
pub fn contributor() -> String {
    format!("type = \"azure-role\"\nscope = \"{RESOURCE_GROUP}\"\nrole = \"Contributor\"")
}

/// `[azure]`, with one role of the directory allowed.
pub fn section() -> String {
    format!(
        "\n[azure]\ntenant_id = \"{TENANT}\"\ncredential = \"client-secret\"\nclient_id = \"{CLIENT_ID}\"\nclient_secret = \
         {{ env = \"AZURE_CLIENT_SECRET\" }}\nentra_roles = [\"{}\"]\n",
        ENTRA_ROLES[2].1
    )
}

fn targets(text: &str, role_arn: &str) -> String {
    let group = guid("oncall");
    let target = match text {
        "{contributor}" => contributor(),
        "{member}" => format!("type = \"entra-group\"\ngroup_id = \"{group}\""),
        "{owner}" => format!("type = \"entra-group\"\ngroup_id = \"{group}\"\naccess = \"owner\""),
        "{helpdesk}" => format!("type = \"entra-role\"\nrole_definition_id = \"{}\"", ENTRA_ROLES[2].1),
        "{robot}" => format!(
            "type = \"azure-role\"\nscope = \"{SUBSCRIPTION}\"\nrole_definition_id = \"{}\"\nholder_object_id = \"{}\"",
            role("Contributor"),
            guid("pipeline")
        ),
        "{sts}" => format!("type = \"aws-sts\"\nrole_arn = \"{role_arn}\""),
        other => panic!("no target {other}"),
    };
    format!("\n[[role.target]]\n{target}\n")
}

/// The things that the roles open: the role on the resource group, the membership, the role of the directory.
pub fn things() -> [Thing; 3] {
    let group = Thing::group(&guid("oncall"), "member");
    [Thing::resource(RESOURCE_GROUP, role("Contributor")), group, Thing::entra(ENTRA_ROLES[2].1, "/")]
}

impl World {
    /// A world whose configuration opens things in Azure.
    pub async fn with_azure() -> Self {
        let world = Self::start().await;
        world.opens_azure().await;
        world
    }

    /// From now on the configuration opens things in Azure as well.
    pub async fn opens_azure(&self) {
        let role = |(name, opens): &(&str, &[&str])| {
            let opens: String = opens.iter().map(|it| targets(it, &self.role_arn)).collect();
            format!(
                "\n[[role]]\nname = \"{name}\"\nmax_duration = \"8h\"\nreason = \"optional\"\n\n[[role.rule]]\napprovals = \
                 1\napprovers = [\"sre\"]\n{opens}"
            )
        };
        let roles: String = ROLES.iter().map(role).collect();
        self.edit_config(|config| format!("{config}{}{roles}", section()));
        self.app.reload().await.unwrap();
    }

    /// `holder` asks, `approver` approves, and a few seconds pass.
    pub async fn gets(&mut self, holder: &Person, ask: &str) -> Grant {
        let [approver] = self.people(["approver"]);
        self.grants(holder, &approver, ask).await;
        self.advance(seconds(5)).await;
        self.grant().await
    }

    /// The holder ends a grant, and a few seconds pass.
    pub async fn ends(&mut self, holder: &Person, grant: &Grant) -> String {
        holder.types(&format!("/jit end {}", grant.code.grant())).await;
        self.advance(seconds(5)).await;
        self.private(holder)
    }

    /// What sweeps have found that was not as it should be. What strangers have had for ever is told once, and is not
    /// among it.
    pub async fn mended(&self) -> Vec<Drift> {
        self.drifts().await.into_iter().filter(|drift| *drift != Drift::Foreign).collect()
    }

    /// A grant as it stands now.
    pub async fn again(&self, grant: &Grant) -> Grant {
        let id = grant.id;
        self.read(|tx| Box::pin(async move { tx.load_grant(id).await })).await
    }

    /// The end of a story: the clouds have what live grants cover, everything is read, nothing is left over.
    #[expect(clippy::wrong_self_convention, reason = "a story is over once")]
    pub async fn is_over(mut self) {
        self.settle().await;
        self.the_cloud_agrees().await;
        self.everything_is_read();
        self.finish().await;
    }
}
