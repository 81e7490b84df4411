//! Azure as the tests have it: Azure Resource Manager, Microsoft Graph and the token endpoint in one process, by the
//! test's clock. It behaves as Privileged Identity Management does where that hurts (`pim`), holds every request against
//! the contract (`contract`), and remembers what no client may do; a story in which something of that kind has happened
//! fails at its end.

use std::{
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use azure_core::http::HttpClient;
use jiff::{SignedDuration, Timestamp};
use jit::{ambient::Clock, provider::azure::Tuning};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

use self::{
    directory::{Principal, PrincipalKind},
    pim::{Pim, Schedule},
    transport::Transport,
};
use super::waiting::Faults;

mod arm;
pub mod contract;
pub mod directory;
mod faults;
mod graph;
pub mod pim;
mod serve;
pub mod story;
#[cfg(test)]
mod tests;
mod tls;
mod token;
mod transport;

pub use faults::Fault;
pub use pim::{Action, Lags, Policy, Slow, Thing};
pub use serve::{Part, TOKENS};
pub use token::Trust;

/// The subscription of all stories.
pub const SUBSCRIPTION: &str = "/subscriptions/DFA2A084-766f-4003-8ae1-c4aeb893a99f";
/// A resource group in it.
pub const RESOURCE_GROUP: &str = "/subscriptions/DFA2A084-766f-4003-8ae1-c4aeb893a99f/resourceGroups/prod-EU";

/// What the bot needs in Graph at most.
const PERMISSIONS: [&str; 3] = [
    "User.Read.All",
    "RoleAssignmentSchedule.ReadWrite.Directory",
    "PrivilegedAssignmentSchedule.ReadWrite.AzureADGroup",
];

/// Azure, for one test.
pub struct Azure {
    shared: Arc<Shared>,
    address: SocketAddr,
    servers: Vec<JoinHandle<()>>,
}

/// What the servers and the test both look at.
pub struct Shared {
    clock: Arc<dyn Clock>,
    faults: Faults<Fault>,
    desk: Mutex<Desk>,
    refused: Arc<Mutex<Vec<String>>>,
}

/// All that Azure knows.
struct Desk {
    pim: Pim,
    principals: Vec<Principal>,
    /// Who is in which group: object ids.
    memberships: Vec<(String, String)>,
    /// What the bot may do, as Azure Resource Manager says it.
    permissions: Vec<Value>,
    /// What the bot may do in Graph, by the names of permissions.
    graph_permissions: Vec<String>,
    issued: Vec<(Part, String)>,
    trusts: Option<Trust>,
    /// How many rows a page has.
    page: usize,
    calls: Vec<Call>,
    defects: Vec<String>,
}

/// One call, as it came over the wire.
#[derive(Debug, Clone)]
pub struct Call {
    /// `AdminAssign`, `AdminUpdate`, `AdminRemove`, `GetRequest`, `ListInstances`, `FindUser`, `Token`, …
    pub action: String,
    pub body: Value,
    pub at: Timestamp,
}

impl Shared {
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Desk {
    fn principal(&self, id: &str) -> Option<&Principal> {
        self.principals.iter().find(|it| it.id.eq_ignore_ascii_case(id))
    }

    /// A token for a part of Azure.
    fn issue(&mut self, part: Part) -> String {
        let token = part.token(if part == Part::Graph { &self.graph_permissions } else { &[] });
        self.issued.push((part, token.clone()));
        token
    }

    fn is_group(&self, id: &str) -> bool {
        self.principal(id).is_some_and(|it| it.kind == PrincipalKind::Group)
    }

    fn is_member(&self, principal: &str, group: &str) -> bool {
        self.memberships.iter().any(|(who, of)| who == principal && of == group)
    }
}

impl Azure {
    /// An Azure with the usual people in it and strangers who have something everywhere, so that lists are never short.
    pub async fn start(clock: Arc<dyn Clock>) -> Self {
        rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
        let desk = Desk {
            pim: Pim::default(),
            principals: Vec::new(),
            memberships: Vec::new(),
            permissions: vec![json!({ "actions": ["*"], "notActions": [], "dataActions": [], "notDataActions": [] })],
            graph_permissions: PERMISSIONS.map(str::to_owned).into(),
            issued: Vec::new(),
            trusts: None,
            page: 2,
            calls: Vec::new(),
            defects: Vec::new(),
        };
        let (faults, refused) = (Faults::default(), Arc::default());
        let shared = Arc::new(Shared { clock, faults, desk: Mutex::new(desk), refused });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = serve::router(Arc::clone(&shared));
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        let azure = Self { shared, address, servers: vec![server] };
        azure.add(Principal::service("jit"));
        for name in ["requester", "approver", "lead", "outsider", "oncall1", "stranger", "bystander"] {
            azure.add(Principal::user(name));
        }
        azure.inhabit();
        azure
    }

    /// What has been there for ever.
    fn inhabit(&self) {
        let [reader, contributor] = ["Reader", "Contributor"].map(role);
        for (name, scope, role) in [
            ("stranger", SUBSCRIPTION, reader),
            ("stranger", RESOURCE_GROUP, contributor),
            ("bystander", RESOURCE_GROUP, reader),
            ("requester", SUBSCRIPTION, reader),
            ("requester", "/providers/Microsoft.Management/managementGroups/acme", reader),
            ("requester", &format!("{RESOURCE_GROUP}/providers/Microsoft.Storage/storageAccounts/logs"), reader),
        ] {
            self.stands(&Thing::resource(scope, role), name);
        }
        self.add(Principal::group("oncall"));
        self.add(Principal::service("pipeline"));
        let helpdesk = directory::ENTRA_ROLES[2].1;
        for (name, scope) in
            [("requester", "/administrativeUnits/a"), ("requester", "/administrativeUnits/b"), ("stranger", "/")]
        {
            self.stands(&Thing::entra(helpdesk, scope), name);
        }
    }

    /// Leads the SDK's pipelines here, and nowhere else.
    pub fn transport(&self) -> Arc<dyn HttpClient> {
        Arc::new(Transport::new(self.address, Arc::clone(&self.shared.refused)))
    }

    /// Leads the bot here: the credential of its configuration, by this way.
    pub fn tuning(&self) -> Tuning {
        Tuning { transport: Some(self.transport()), ..Tuning::default() }
    }

    /// Opens a second door, with TLS, for a program of its own; its certificate goes into `ca_file`.
    pub async fn behind_tls(&mut self, ca_file: &Path) -> url::Url {
        let (url, server) = tls::serve(serve::router(Arc::clone(&self.shared)), ca_file).await;
        self.servers.push(server);
        url
    }

    fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    /// Somebody or something new; gives its object id. Whoever had it before is replaced.
    pub fn add(&self, principal: Principal) -> String {
        let mut desk = self.shared.desk();
        desk.principals.retain(|it| it.id != principal.id);
        desk.principals.push(principal.clone());
        principal.id
    }

    /// A group to be had; gives its object id.
    pub fn group(&self, name: &str) -> String {
        self.add(Principal::group(name))
    }

    /// Nobody of this name any more.
    pub fn forget(&self, name: &str) {
        let id = directory::guid(name);
        self.shared.desk().principals.retain(|it| it.id != id);
    }

    /// Somebody is in a group.
    pub fn joins(&self, name: &str, group: &str) {
        self.shared.desk().memberships.push((directory::guid(name), group.to_owned()));
    }

    /// Somebody has had this for long, and for ever.
    pub fn stands(&self, thing: &Thing, name: &str) {
        let since = self.now() - SignedDuration::from_hours(24);
        self.shared.desk().pim.stand(thing.clone(), &directory::guid(name), since, None);
    }

    /// Somebody else takes it away, whoever has given it.
    pub fn takes(&self, thing: &Thing, name: &str) {
        let now = self.now();
        self.shared.desk().pim.strip(thing, &directory::guid(name), now);
    }

    /// Whether somebody has it at this moment, whatever lists say.
    pub fn has(&self, thing: &Thing, name: &str) -> bool {
        self.holds(thing, &directory::guid(name))
    }

    /// The same by object id.
    pub fn holds(&self, thing: &Thing, principal: &str) -> bool {
        let now = self.now();
        let mut desk = self.shared.desk();
        desk.pim.catch_up(now);
        desk.pim.active(thing, principal, now).is_some()
    }

    /// When it ends by itself.
    pub fn ends_at(&self, thing: &Thing, name: &str) -> Option<Timestamp> {
        let now = self.now();
        let mut desk = self.shared.desk();
        desk.pim.catch_up(now);
        desk.pim.active(thing, &directory::guid(name), now).and_then(|it| it.ends_at)
    }

    /// Everything the bot ever assigned.
    pub fn schedules(&self) -> Vec<Schedule> {
        let now = self.now();
        let mut desk = self.shared.desk();
        desk.pim.catch_up(now);
        desk.pim.schedules.iter().filter(|it| it.by_bot).cloned().collect()
    }

    /// What the tenant demands for this from now on.
    pub fn demands(&self, thing: &Thing, policy: Policy) {
        self.shared.desk().pim.policies.insert(thing.clone(), policy);
    }

    /// What the bot may do, as Azure Resource Manager says it.
    pub fn permits(&self, actions: &[&str]) {
        let permissions = json!({ "actions": actions, "notActions": [], "dataActions": [], "notDataActions": [] });
        self.shared.desk().permissions = vec![permissions];
    }

    /// What the bot may do in Graph, by the names of permissions.
    pub fn consents(&self, permissions: &[&str]) {
        self.shared.desk().graph_permissions = permissions.iter().map(|it| (*it).to_owned()).collect();
    }

    /// In place of the secret, the app registration takes this.
    pub fn trusts(&self, trust: Trust) {
        self.shared.desk().trusts = Some(trust);
    }

    /// A token for a part of Azure, as another identity of the bot's would get one.
    pub fn token(&self, part: Part) -> String {
        self.shared.desk().issue(part)
    }

    /// How long it takes until everybody knows.
    pub fn lags(&self, lags: Lags) {
        self.shared.desk().pim.lags = Some(lags);
    }

    /// The next `times` writes of this kind take their time.
    pub fn slow(&self, action: Action, times: usize, slow: Slow) {
        self.shared.desk().pim.slow(action, times, slow);
    }

    /// Lets the next `times` calls of `action` (see [`Call::action`]) go wrong.
    pub fn fail(&self, action: &str, times: usize, fault: Fault) {
        self.shared.faults.add(action, times, fault);
    }

    /// No more faults; what hangs goes on.
    pub fn heal(&self) {
        self.shared.desk().pim.hurry();
        self.shared.faults.clear();
    }

    /// Every call so far, in order.
    pub fn calls(&self) -> Vec<Call> {
        self.shared.desk().calls.clone()
    }

    /// The names of the calls so far.
    pub fn actions(&self) -> Vec<String> {
        self.calls().into_iter().map(|call| call.action).collect()
    }

    /// How often it was asked for this.
    pub fn asked(&self, action: &str) -> usize {
        self.actions().iter().filter(|it| *it == action).count()
    }

    /// What no client may do and was done: what breaks the contract, wrong tokens, other hosts, somebody else's
    /// assignment taken away.
    pub fn defects(&self) -> Vec<String> {
        let refused = self.shared.refused.lock().unwrap_or_else(PoisonError::into_inner).clone();
        [self.shared.desk().defects.clone(), refused].concat()
    }
}

impl Drop for Azure {
    fn drop(&mut self) {
        for server in &self.servers {
            server.abort();
        }
    }
}

/// The id of a built-in role of Azure resources.
pub fn role(name: &str) -> &'static str {
    directory::ROLES.iter().find(|(it, _)| *it == name).expect("a role").1
}
