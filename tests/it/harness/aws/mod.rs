//! AWS as the tests have it: moto for the wire, a proxy before it that watches and breaks things, and an evaluator that
//! knows what the policies we sent mean. One [`Cloud`] a test; all of them share the one moto, so roles get names of
//! their own.

use std::{
    collections::BTreeMap,
    process,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use jiff::Timestamp;
use jit::{
    ambient::Clock,
    provider::aws::{
        Settings, Tuning,
        identity_center::{Instance, Limits, Quota},
    },
};
use tokio::sync::OnceCell;
use url::Url;

use self::{
    iam::{Decision, Request, decide},
    proxy::Proxy,
};

mod center;
pub mod center_story;
mod faults;
mod federation;
pub mod iam;
pub mod identity_center;
pub mod moto;
pub mod principals;
mod proxy;
mod record;
pub mod sts_story;

pub use center::Slow;
pub use faults::Fault;
pub use proxy::broken;
pub use record::{Call, Session};

/// The bot's own access key; moto takes any.
pub const ACCESS_KEY_ID: &str = "AKIAJITBOT0000000001";
/// The secret key that goes with it.
pub const SECRET_ACCESS_KEY: &str = "the-bots-own-secret-key";
/// The account that the bot's access key belongs to, in moto's eyes.
pub const ACCOUNT: &str = "123456789012";
/// Where the bot works.
pub const REGION: &str = "eu-west-1";

/// AWS, for one test.
pub struct Cloud {
    proxy: Proxy,
    moto: Url,
    admin: OnceCell<aws_sdk_iam::Client>,
    center: OnceCell<Instance>,
}

impl Cloud {
    /// Starts the proxy, and moto if it is not running yet. `clock` says when sessions were minted and run out.
    pub async fn start(clock: Arc<dyn Clock>) -> Self {
        rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
        let moto = moto::url().await;
        let proxy = Proxy::start(moto.clone(), clock).await;
        Self { proxy, moto, admin: OnceCell::new(), center: OnceCell::new() }
    }

    /// What `aws.endpoint_url` is to be.
    pub fn endpoint_url(&self) -> Url {
        self.proxy.url.clone()
    }

    /// What stands in for the sign-in service.
    pub fn federation_url(&self) -> Url {
        self.proxy.url.join("federation").unwrap()
    }

    /// Settings that lead the provider here.
    pub fn settings(&self) -> Settings {
        Settings {
            region: REGION.to_owned(),
            endpoint_url: Some(self.endpoint_url()),
            federation_url: Some(self.federation_url()),
            revoker_role_arn: None,
            issuer: "https://jit.example.com/".parse().unwrap(),
        }
    }

    /// The bot's own credentials, short waits between attempts, and patience enough for a busy machine.
    pub fn tuning() -> Tuning {
        let limits = Limits { calls_per_second: 0, ..Limits::default() };
        Tuning {
            attempt_timeout: Duration::from_secs(15),
            operation_timeout: Duration::from_secs(45),
            first_backoff: Duration::from_millis(10),
            credentials: Some(own_credentials()),
            quota: Arc::new(Quota::new(limits)),
            ..Tuning::default()
        }
    }

    /// Makes a role in the bot's own account and gives its ARN. Its name begins with `name`.
    pub async fn role(&self, name: &str) -> String {
        self.role_in(ACCOUNT, name).await
    }

    /// Makes a role in any account.
    pub async fn role_in(&self, account: &str, name: &str) -> String {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let name = format!("{name}-{}-{}", process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let made = self.iam(account).await.create_role().role_name(name).assume_role_policy_document(TRUST).send();
        made.await.expect("moto makes roles").role().unwrap().arn().to_owned()
    }

    /// Lets the next `times` attempts at `action` (`AssumeRole`, `PutRolePolicy`, `getSigninToken`, …) go wrong.
    pub fn fail(&self, action: &str, times: usize, fault: Fault) {
        self.proxy.shared.faults.add(action, times, fault);
    }

    /// No more faults; what hangs goes on.
    pub fn heal(&self) {
        self.proxy.shared.center.clear();
        self.proxy.shared.faults.clear();
    }

    /// Every attempt at a call so far, in order.
    pub fn calls(&self) -> Vec<Call> {
        self.proxy.shared.record.calls()
    }

    /// The names of the calls so far.
    pub fn actions(&self) -> Vec<String> {
        self.calls().into_iter().map(|call| call.action).collect()
    }

    /// Every session that was minted, in order, trials included.
    pub fn sessions(&self) -> Vec<Session> {
        self.proxy.shared.record.sessions()
    }

    /// The inline policies of a role as they stand, by name.
    pub async fn inline_policies(&self, role_arn: &str) -> BTreeMap<String, String> {
        let (account, role) = account_and_name(role_arn);
        let iam = self.iam(account).await;
        let names = iam.list_role_policies().role_name(role).send().await;
        let names = names.unwrap_or_else(|_| panic!("{role_arn} is not in moto: make it with Cloud::role"));
        let mut policies = BTreeMap::new();
        for name in names.policy_names() {
            let policy = iam.get_role_policy().role_name(role).policy_name(name).send().await.unwrap();
            policies.insert(name.clone(), percent_decoded(policy.policy_document()));
        }
        policies
    }

    /// Whether the session with this key may do `action` on anything at `at`, as far as the documents say that we sent:
    /// the role itself may do everything, its inline policies and the session policy may forbid it, and STS ends it.
    pub async fn can(&self, access_key_id: &str, action: &str, at: Timestamp) -> bool {
        let session = self.proxy.shared.record.session(access_key_id);
        let session = session.unwrap_or_else(|| panic!("nobody minted {access_key_id}"));
        let request = Request { action, resource: "*", at, session: &session };
        let allowed = session.policy.as_deref().is_none_or(|policy| decide(policy, &request) == Decision::Allowed);
        let roles = self.inline_policies(&session.role_arn).await;
        let denied = roles.values().any(|policy| decide(policy, &request) == Decision::Denied);
        at < session.expires_at && allowed && !denied
    }

    /// A client that goes straight to moto, as an administrator of `account`.
    async fn iam(&self, account: &str) -> aws_sdk_iam::Client {
        if account == ACCOUNT {
            let admin = || async { aws_sdk_iam::Client::new(&self.direct(own_credentials()).await) };
            return self.admin.get_or_init(admin).await.clone();
        }
        let own = self.direct(own_credentials()).await;
        let admin = format!("arn:aws:iam::{account}:role/admin");
        let sts = aws_sdk_sts::Client::new(&own);
        let session = sts.assume_role().role_arn(admin).role_session_name("admin").send().await.unwrap();
        let keys = session.credentials().unwrap();
        let token = Some(keys.session_token().to_owned());
        let keys = Credentials::new(keys.access_key_id(), keys.secret_access_key(), token, None, "tests");
        aws_sdk_iam::Client::new(&self.direct(SharedCredentialsProvider::new(keys)).await)
    }

    async fn direct(&self, credentials: SharedCredentialsProvider) -> SdkConfig {
        aws_config::defaults(BehaviorVersion::v2026_01_12())
            .region(Region::new(REGION))
            .endpoint_url(self.moto.as_str().trim_end_matches('/'))
            .credentials_provider(credentials)
            .load()
            .await
    }
}

const TRUST: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}]}"#;

fn own_credentials() -> SharedCredentialsProvider {
    SharedCredentialsProvider::new(Credentials::new(ACCESS_KEY_ID, SECRET_ACCESS_KEY, None, None, "tests"))
}

fn account_and_name(role_arn: &str) -> (&str, &str) {
    let account = role_arn.split(':').nth(4).expect("the ARN of a role");
    (account, role_arn.rsplit('/').next().expect("the name of a role"))
}

/// IAM gives policy documents in percent encoding.
fn percent_decoded(text: &str) -> String {
    let form = format!("document={}", text.replace('+', "%2B"));
    url::form_urlencoded::parse(form.as_bytes()).next().unwrap().1.into_owned()
}
