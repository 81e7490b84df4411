//! The real program against an Azure behind TLS, with nothing but its configuration and its environment to lead it there:
//! `SSL_CERT_FILE`, `AZURE_AUTHORITY_HOST`, and the addresses in `[azure]`.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use jiff::{SignedDuration, Timestamp};
use jit::{
    ambient::{Clock, SystemClock},
    playground::workspace::Person,
};

use crate::harness::{
    azure::{
        Azure, Fault, Lags, Policy, TOKENS,
        directory::{self, CLIENT_SECRET},
        story::{contributor, section, things},
    },
    process::{Process, until},
};

/// The machine's clock, and so many seconds more.
#[derive(Debug, Default)]
struct Ahead(AtomicI64);

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        SystemClock.now() + SignedDuration::from_secs(self.0.load(Ordering::SeqCst))
    }
}

/// The program, an Azure, and how far Azure's clock is ahead.
pub struct Story {
    pub jit: Process,
    pub azure: Azure,
    ahead: Arc<Ahead>,
}

impl Story {
    pub async fn prepare() -> Self {
        let mut jit = Process::prepare(|config| config).await;
        let ahead = Arc::new(Ahead::default());
        let mut azure = Azure::start(ahead.clone()).await;
        let none = SignedDuration::ZERO;
        azure.lags(Lags {
            settle_after_grant: none,
            settle_after_removal: none,
            list_after_grant: none,
            list_after_removal: none,
        });
        let ca = jit.dir.path().join("ca.pem");
        let url = azure.behind_tls(&ca).await;
        let url = url.as_str().trim_end_matches('/');
        jit.sets("SSL_CERT_FILE", ca.to_str().unwrap());
        jit.sets("AZURE_AUTHORITY_HOST", url);
        let addresses = format!("arm_url = \"{url}\"\ngraph_url = \"{url}\"\n");
        jit.edit_config(|config| {
            format!(
                "{config}{}{addresses}\n[[role]]\nname = \"deploy\"\nmax_duration = \"2h\"\n\n[[role.rule]]\napprovals = \
                 1\napprovers = [\"sre\"]\n\n[[role.target]]\n{}\n",
                section(),
                contributor()
            )
        });
        Self { jit, azure, ahead }
    }

    fn people(&self) -> [Person; 2] {
        ["requester", "approver"].map(|name| self.jit.person(name))
    }

    fn has_it(&self) -> bool {
        let [contributor, ..] = things();
        self.azure.has(&contributor, "requester")
    }

    /// What `jit check --live` says, and whether it is content.
    pub async fn checks(&self) -> (bool, String) {
        let mut command = self.jit.jit(&["check", "--live"]);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(text).unwrap())
    }

    /// Nothing that must stay secret was logged or stored, and nothing that no client may do was done.
    pub fn is_clean(&self) {
        assert_eq!(self.azure.defects(), Vec::<String>::new());
        let store = std::fs::read(self.jit.store_file()).unwrap_or_default();
        let places = [self.jit.log(), String::from_utf8_lossy(&store).into_owned()];
        for secret in [CLIENT_SECRET, TOKENS] {
            assert!(places.iter().all(|place| !place.contains(secret)), "a secret was written down");
        }
    }
}

#[tokio::test]
async fn the_program_gives_and_takes_away_a_role_in_azure() {
    let mut story = Story::prepare().await;
    story.jit.up().await;
    let [requester, approver] = story.people();
    requester.types_in("requests", "/jit request deploy 1h fixing OPS-42").await;
    story.jit.shows("requests", "[Approve]").await;
    assert!(!story.has_it());
    approver.clicks("Approve").await;
    story.jit.tells(&requester, "*live*").await;
    assert!(story.has_it());

    requester.clicks("End now").await;
    story.jit.tells(&requester, "Azure removes nothing younger than five minutes").await;
    assert!(story.has_it());
    // as if six minutes had passed: for the program, which is away meanwhile, and for Azure
    story.jit.signal("KILL");
    story.jit.ended().await;
    story.ahead.0.store(360, Ordering::SeqCst);
    let past = "update access set receipt = json_set(receipt, '$.assigned_at', '2026-01-01T00:00:00Z')";
    story.jit.sql(past).await;
    story.jit.sql("update job set run_at = 0 where kind = 'reconcile_access'").await;
    story.jit.up().await;
    until(|| !story.has_it(), || story.jit.log()).await;
    story.jit.tells(&requester, "has *ended*").await;
    assert_eq!((story.azure.asked("AdminAssign"), story.azure.asked("AdminRemove")), (1, 1));
    story.is_clean();
}

#[tokio::test]
async fn a_secret_that_has_run_out_is_said_and_never_shown() {
    let mut story = Story::prepare().await;
    story.azure.fail("Token", 1_000, Fault::EXPIRED_SECRET);
    story.jit.up().await;
    let [requester, _] = story.people();
    requester.types_in("requests", "/jit request deploy 1h fixing OPS-42").await;
    story.jit.tells(&requester, "AADSTS7000222").await;
    story.is_clean();
}

#[tokio::test]
async fn an_azure_that_cannot_be_trusted_gets_no_secret() {
    let mut story = Story::prepare().await;
    let other = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(story.jit.dir.path().join("ca.pem"), other.cert.pem()).unwrap();
    story.jit.up().await;
    let [requester, _] = story.people();
    requester.types_in("requests", "/jit request deploy 1h fixing OPS-42").await;
    until(|| story.jit.log().contains("Entra") || requester.private().contains("Entra"), || story.jit.log()).await;
    assert_eq!(story.azure.calls().len(), 0);
    story.is_clean();
}

#[tokio::test]
async fn a_live_check_says_what_the_tenant_demands_and_what_is_missing() {
    let story = Story::prepare().await;
    let group = directory::guid("oncall");
    story.jit.edit_config(|config| {
        format!(
            "{config}\n[[role.target]]\ntype = \"entra-group\"\ngroup_id = \"{group}\"\n\n[[role.target]]\ntype = \
             \"entra-role\"\nrole_definition_id = \"{}\"\n",
            directory::ENTRA_ROLES[2].1
        )
    });
    let (is_content, text) = story.checks().await;
    assert!(is_content, "{text}");
    assert_eq!(text.matches("nothing stands in the way of grants").count(), 3, "{text}");
    assert!(text.contains("role Contributor at") && text.contains("with a justification"), "{text}");

    let [contributor, member, helpdesk] = things();
    let hour = SignedDuration::from_hours(1);
    story.azure.demands(&contributor, Policy { most: hour, ..Policy::default() });
    story.azure.demands(&member, Policy { mfa: true, ..Policy::default() });
    story.azure.demands(&helpdesk, Policy { ticket: true, ..Policy::default() });
    story.azure.permits(&["*/read", "Microsoft.Authorization/roleAssignments/write"]);
    story.azure.consents(&["PrivilegedAssignmentSchedule.ReadWrite.AzureADGroup"]);
    story.azure.fail("FindUser", 10, Fault::NOT_CONSENTED);
    let (is_content, text) = story.checks().await;
    assert!(!is_content, "{text}");
    for words in [
        "max_duration 2h is longer than 1h",
        "ExpirationRule",
        "MfaRule",
        "with a ticket",
        "lacks Microsoft.Authorization/roleAssignmentScheduleRequests/write",
        "lacks Microsoft.Authorization/roleAssignmentScheduleRequests/cancel/action",
        "lacks the permission RoleAssignmentSchedule.ReadWrite.Directory",
        "lacks the permission User.Read.All",
    ] {
        assert!(text.contains(words), "{words} is not in\n{text}");
    }
    for words in ["ScheduleRequests/read", "roleAssignments/write", "PrivilegedAssignment"] {
        assert!(!text.contains(words), "{words} is there, and is said to be missing:\n{text}");
    }
    assert_eq!(story.azure.asked("AdminAssign"), 0, "to check changes nothing");

    story.azure.fail("Token", 100, Fault::UNKNOWN_APP);
    let (_, text) = story.checks().await;
    assert!(text.contains("AADSTS700016") && !text.contains(CLIENT_SECRET), "{text}");
    story.is_clean();
}

#[tokio::test]
async fn jit_drift_tells_what_is_missing_in_azure_and_gives_it_again() {
    let mut story = Story::prepare().await;
    story.jit.up().await;
    let [requester, approver] = story.people();
    requester.types_in("requests", "/jit request deploy 1h fixing OPS-42").await;
    story.jit.shows("requests", "[Approve]").await;
    approver.clicks("Approve").await;
    story.jit.tells(&requester, "*live*").await;
    // as if it had been long enough ago for Azure's lists to be believed
    let past = "update access set receipt = json_set(receipt, '$.assigned_at', '2026-01-01T00:00:00Z', '$.confirmed_at', \
                '2026-01-01T00:00:00Z')";
    story.jit.sql(past).await;
    let drift = async |arguments: &[&str]| {
        let mut command = story.jit.jit(&[&["drift"], arguments].concat());
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    let text = drift(&[]).await;
    assert!(!text.contains("Granted, and not there") && text.contains("azure-role: 1 thing"), "{text}");
    let [contributor, ..] = things();
    story.azure.takes(&contributor, "requester");
    let text = drift(&[]).await;
    assert!(text.contains("Granted, and not there"), "{text}");
    assert!(!story.has_it());
    let text = drift(&["--apply"]).await;
    assert!(text.contains("Given again"), "{text}");
    assert!(story.has_it(), "{text}");
    story.is_clean();
}
