//! Pipelines: which proofs make a caller which workload of the configuration.
//!
//! By the time anything here is asked, a proof's signature, issuer, audience and age have been verified. What is left is
//! to compare its claims with what the configuration says. `sub` is never taken apart: its form can be changed by
//! whoever owns the repository, and has been changed by the issuers themselves.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde_json::{Map, Value};

use super::{
    ids::{RoleName, WorkloadName},
    session::Origin,
};

/// A pipeline that may ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workload {
    /// What it is called on cards and on the trail.
    pub name: WorkloadName,
    /// What it may ask for.
    pub roles: BTreeSet<RoleName>,
    /// How it proves itself.
    pub proof: Proof,
    /// How long it stays signed in.
    pub session: Duration,
}

/// How a pipeline proves itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// By a token that an issuer signs.
    Token(TokenRule),
    /// By a call of AWS STS that it has signed.
    AwsCaller(AwsCaller),
}

/// A token, and what must stand in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRule {
    /// Whose conventions the claims follow.
    pub issuer_kind: IssuerKind,
    /// The claim `iss`, letter for letter.
    pub issuer: String,
    /// Where the issuer's keys are.
    pub jwks_url: String,
    /// What it may be signed with.
    pub algorithms: BTreeSet<Algorithm>,
    /// For each claim the values that it may have; one that ends with `*` stands for all that begin so.
    pub claims: BTreeMap<String, BTreeSet<String>>,
}

/// Whose conventions a token's claims follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IssuerKind {
    /// GitHub Actions.
    Github,
    /// GitLab CI.
    Gitlab,
    /// AWS STS `GetWebIdentityToken`.
    AwsWebIdentity,
    /// Any other issuer.
    Any,
}

/// What a token may be signed with: asymmetric all of them, so that a public key is never taken for a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// RSA, PKCS #1 v1.5, SHA-256.
    Rs256,
    /// RSA-PSS, SHA-256.
    Ps256,
    /// ECDSA on P-256.
    Es256,
    /// ECDSA on P-384.
    Es384,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    /// By the names that headers and configurations use.
    pub const NAMED: [(&'static str, Self); 5] = [
        ("RS256", Self::Rs256),
        ("PS256", Self::Ps256),
        ("ES256", Self::Es256),
        ("ES384", Self::Es384),
        ("EdDSA", Self::EdDsa),
    ];
}

/// Somebody in AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsCaller {
    /// Twelve digits.
    pub account: String,
    /// The name of the role that the caller has assumed. What it calls its session is its own choice and says nothing.
    pub role: Option<String>,
    /// The role's unique id, `AROA…`, which no second role of the same name ever has.
    pub role_id: Option<String>,
    /// The region whose STS has to be called.
    pub region: String,
    /// Another place than AWS itself, for tests.
    pub sts_url: Option<String>,
}

impl AwsCaller {
    /// The host that the call must be for, letter for letter.
    #[must_use]
    pub fn host(&self) -> String {
        let suffix = if self.region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        format!("sts.{}.{suffix}", self.region)
    }

    /// Whether this is the caller: `arn` is `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION`, `user_id` is `AROA…:SESSION`.
    #[must_use]
    pub fn is(&self, account: &str, arn: &str, user_id: &str) -> bool {
        let assumed = arn.split(':').nth(5).and_then(|rest| rest.strip_prefix("assumed-role/"));
        let role = assumed.and_then(|rest| rest.split('/').next());
        let id = user_id.split(':').next();
        account == self.account
            && arn.split(':').nth(4) == Some(account)
            && role.is_some()
            && self.role.as_deref().is_none_or(|wanted| role == Some(wanted))
            && self.role_id.as_deref().is_none_or(|wanted| id == Some(wanted))
            && (self.role.is_some() || self.role_id.is_some())
    }
}

/// The claims that say where a pipeline is at home.
const HOMES: [&str; 9] = [
    "enterprise_id",
    "namespace_id",
    "namespace_path",
    "project_id",
    "project_path",
    "repository",
    "repository_id",
    "repository_owner",
    "repository_owner_id",
];

/// A claim that is not what it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// Which one.
    pub claim: String,
}

impl TokenRule {
    /// Whether a verified token is this pipeline's.
    ///
    /// # Errors
    /// With the first claim that is not what it must be.
    pub fn check(&self, claims: &Map<String, Value>) -> Result<(), Mismatch> {
        let mismatch = |claim: &str| Err(Mismatch { claim: claim.to_owned() });
        for (claim, allowed) in &self.claims {
            let Some(found) = claims.get(claim).and_then(text) else { return mismatch(claim) };
            if !allowed.iter().any(|allowed| fits(allowed, &found)) {
                return mismatch(claim);
            }
        }
        let is = |claim: &str, wanted: &str| claims.get(claim).and_then(text).is_some_and(|found| found == wanted);
        match self.issuer_kind {
            IssuerKind::Github if !self.claims.contains_key("event_name") => {
                let event = claims.get("event_name").and_then(text).unwrap_or_default();
                // What a pull request runs is not what anybody has merged.
                if event.is_empty() || event.starts_with("pull_request") { mismatch("event_name") } else { Ok(()) }
            }
            // A fork's pipeline may name the project; a protected branch or tag is what only maintainers can push to.
            IssuerKind::Gitlab if !is("ref_protected", "true") => mismatch("ref_protected"),
            IssuerKind::Gitlab if is("pipeline_source", "merge_request_event") => mismatch("pipeline_source"),
            IssuerKind::Github | IssuerKind::Gitlab | IssuerKind::AwsWebIdentity | IssuerKind::Any => Ok(()),
        }
    }

    /// Whether a verified token comes from where this pipeline is at home, if not from the pipeline itself: from its
    /// repository, or from another of the same owner's.
    #[must_use]
    pub fn is_near(&self, claims: &Map<String, Value>) -> bool {
        let is_home = |claim: &&str| {
            let allowed = self.claims.get(*claim).zip(claims.get(*claim).and_then(text));
            allowed.is_some_and(|(allowed, found)| allowed.iter().any(|allowed| fits(allowed, &found)))
        };
        HOMES.iter().any(is_home)
    }

    /// Where the run comes from, by its verified claims.
    #[must_use]
    pub fn origin(&self, claims: &Map<String, Value>) -> Origin {
        let claim = |name: &str| claims.get(name).and_then(text).filter(|text| !text.is_empty());
        let origin = Origin { issuer: self.issuer.clone(), reference: claim("ref"), ..Origin::default() };
        match self.issuer_kind {
            IssuerKind::Github => Origin {
                repository: claim("repository"),
                environment: claim("environment"),
                actor: claim("actor"),
                run: self.github_run(claim("repository"), claim("run_id")),
                run_id: numbers([
                    claim("repository_id"),
                    claim("run_id"),
                    claim("run_attempt").or(Some("1".to_owned())),
                ]),
                ..origin
            },
            IssuerKind::Gitlab => Origin {
                repository: claim("project_path"),
                environment: claim("environment"),
                actor: claim("user_login"),
                run: self.gitlab_run(claim("project_path"), claim("pipeline_id")),
                run_id: numbers([claim("project_id"), claim("pipeline_id")]),
                ..origin
            },
            IssuerKind::AwsWebIdentity => Origin { actor: claim("sub"), reference: None, ..origin },
            IssuerKind::Any => Origin {
                repository: claim("repository").or_else(|| claim("project_path")),
                environment: claim("environment"),
                actor: claim("actor").or_else(|| claim("sub")),
                ..origin
            },
        }
    }

    /// GitHub's page of the run, on the host that its tokens come from.
    fn github_run(&self, repository: Option<String>, run: Option<String>) -> Option<String> {
        let issuer = self.issuer.strip_prefix("https://")?;
        // an enterprise may have its name behind GitHub's
        let (host, rest) = issuer.split_once('/').unwrap_or((issuer, ""));
        let host = match host.strip_prefix("token.actions.") {
            Some("githubusercontent.com") => "github.com",
            Some(enterprise) => enterprise,
            None => (rest == "_services/token").then_some(host)?,
        };
        Some(format!("https://{host}/{}/actions/runs/{}", path(&repository?, 2)?, digits(&run?)?))
    }

    /// GitLab's page of the pipeline, whose jobs are one run, on the instance itself.
    fn gitlab_run(&self, project: Option<String>, pipeline: Option<String>) -> Option<String> {
        let host = self.issuer.strip_prefix("https://")?.trim_end_matches('/');
        Some(format!("https://{host}/{}/-/pipelines/{}", path(&project?, 20)?, digits(&pipeline?)?))
    }
}

/// All of these numbers, if there are all of them.
fn numbers<const N: usize>(claims: [Option<String>; N]) -> Option<String> {
    let all: Option<Vec<String>> = claims.into_iter().collect();
    all.map(|numbers| numbers.join("/"))
}

/// A claim as text: issuers write numbers and truths as text or not, and mean the same.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(is) => Some(is.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn fits(allowed: &str, found: &str) -> bool {
    allowed.strip_suffix('*').map_or(found == allowed, |start| found.starts_with(start))
}

/// `owner/name`, if it is nothing else: it becomes part of a link.
fn path(text: &str, most: usize) -> Option<&str> {
    let plain = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part.bytes().all(|letter| letter.is_ascii_alphanumeric() || b"-_.".contains(&letter))
    };
    let parts = text.split('/').count();
    ((2..=most).contains(&parts) && text.len() <= 300 && text.split('/').all(plain)).then_some(text)
}

fn digits(text: &str) -> Option<&str> {
    (!text.is_empty() && text.len() <= 20 && text.bytes().all(|letter| letter.is_ascii_digit())).then_some(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rule(issuer_kind: IssuerKind, issuer: &str, claims: &[(&str, &[&str])]) -> TokenRule {
        let claims = claims.iter().map(|(name, values)| {
            ((*name).to_owned(), values.iter().map(|value| (*value).to_owned()).collect::<BTreeSet<_>>())
        });
        TokenRule {
            issuer_kind,
            issuer: issuer.to_owned(),
            jwks_url: String::new(),
            algorithms: [Algorithm::Rs256].into(),
            claims: claims.collect(),
        }
    }

    fn object(value: Value) -> Map<String, Value> {
        let Value::Object(object) = value else { panic!("not an object") };
        object
    }

    #[test]
    fn a_fork_and_a_pull_request_are_not_the_repository() {
        let wanted = rule(
            IssuerKind::Github,
            "https://token.actions.githubusercontent.com",
            &[
                ("repository_id", &["74"]),
                ("repository_owner_id", &["65"]),
                ("ref", &["refs/heads/main", "refs/tags/v*"]),
            ],
        );
        let token = |id: &str, reference: &str, event: &str| {
            object(json!({"repository_id": id, "repository_owner_id": "65", "ref": reference, "event_name": event}))
        };
        assert_eq!(wanted.check(&token("74", "refs/heads/main", "push")), Ok(()));
        assert_eq!(wanted.check(&token("74", "refs/tags/v1.2", "release")), Ok(()));
        for (claims, claim) in [
            (token("75", "refs/heads/main", "push"), "repository_id"),
            (token("74", "refs/heads/topic", "push"), "ref"),
            (token("74", "refs/heads/main", "pull_request"), "event_name"),
            (token("74", "refs/heads/main", "pull_request_target"), "event_name"),
            (object(json!({})), "ref"),
        ] {
            assert_eq!(wanted.check(&claims), Err(Mismatch { claim: claim.to_owned() }));
        }
        assert!(wanted.is_near(&token("75", "refs/heads/main", "push")), "another repository of the owner's");
        assert!(!wanted.is_near(&object(json!({"repository_id": "75", "repository_owner_id": "66"}))));
    }

    #[test]
    fn gitlab_must_say_that_the_ref_is_protected() {
        let wanted = rule(IssuerKind::Gitlab, "https://gitlab.com", &[("project_id", &["22"])]);
        let token = |protected: Value, source: &str| {
            object(json!({"project_id": "22", "ref_protected": protected, "pipeline_source": source}))
        };
        assert_eq!(wanted.check(&token(json!("true"), "push")), Ok(()));
        assert_eq!(wanted.check(&token(json!(true), "push")), Ok(()));
        assert_eq!(wanted.check(&token(json!("false"), "push")).unwrap_err().claim, "ref_protected");
        assert_eq!(wanted.check(&token(json!("true"), "merge_request_event")).unwrap_err().claim, "pipeline_source");
    }

    #[test]
    fn links_lead_to_the_issuers_own_host_and_nowhere_else() {
        let run = |issuer: &str, repository: &str, run_id: &str| {
            let claims = object(json!({"repository": repository, "run_id": run_id}));
            rule(IssuerKind::Github, issuer, &[]).origin(&claims).run
        };
        let github = "https://token.actions.githubusercontent.com";
        let wanted = "https://github.com/acme/web/actions/runs/42";
        assert_eq!(run(github, "acme/web", "42").as_deref(), Some(wanted));
        let enterprise = run("https://token.actions.githubusercontent.com/acme-inc", "acme/web", "42");
        assert_eq!(enterprise.as_deref(), Some(wanted), "with the enterprise's own issuer");
        let enterprise = run("https://ghes.acme.example/_services/token", "acme/web", "42");
        assert_eq!(enterprise.as_deref(), Some("https://ghes.acme.example/acme/web/actions/runs/42"));
        for (repository, id) in [("acme", "42"), ("acme/../evil", "42"), ("acme/web", "4|2"), ("a/b>c", "1")] {
            assert_eq!(run(github, repository, id), None, "{repository} {id}");
        }
        assert_eq!(run("http://127.0.0.1:1", "acme/web", "42"), None);
        let gitlab = |claims| rule(IssuerKind::Gitlab, "https://gitlab.acme.example", &[]).origin(&object(claims)).run;
        let page = gitlab(json!({"project_path": "acme/tools/lab", "pipeline_id": "7", "job_id": "9"}));
        assert_eq!(page.as_deref(), Some("https://gitlab.acme.example/acme/tools/lab/-/pipelines/7"));
        assert_eq!(gitlab(json!({"project_path": "acme/lab", "job_id": "9"})), None);
    }

    #[test]
    fn a_run_is_known_by_numbers_whether_or_not_it_has_a_page() {
        let run = |kind, claims| rule(kind, "http://127.0.0.1:1", &[]).origin(&object(claims)).run_id;
        let github = |attempt: &str| {
            let claims =
                json!({"repository_id": "74", "repository": "acme/.github", "run_id": "42", "run_attempt": attempt});
            run(IssuerKind::Github, claims).unwrap()
        };
        assert_eq!(github("1"), "74/42/1");
        assert_ne!(github("1"), github("2"), "whoever runs it again asks again");
        let gitlab = json!({"project_id": 22, "pipeline_id": "7", "job_id": "9"});
        assert_eq!(run(IssuerKind::Gitlab, gitlab).as_deref(), Some("22/7"));
        assert_eq!(run(IssuerKind::Gitlab, json!({"project_id": "22"})), None);
        assert_eq!(run(IssuerKind::Any, json!({"project_id": "22", "pipeline_id": "7"})), None);
    }

    #[test]
    fn somebody_in_aws_is_known_by_account_and_role_not_by_what_they_call_themselves() {
        let wanted = AwsCaller {
            account: "111122223333".to_owned(),
            role: Some("deployer".to_owned()),
            role_id: None,
            region: "eu-west-1".to_owned(),
            sts_url: None,
        };
        let arn = |rest: &str| format!("arn:aws:sts::111122223333:{rest}");
        assert!(wanted.is("111122223333", &arn("assumed-role/deployer/ci"), "AROAX:ci"));
        assert!(!wanted.is("111122223333", &arn("assumed-role/other/deployer"), "AROAX:deployer"));
        assert!(!wanted.is("444455556666", &arn("assumed-role/deployer/ci"), "AROAX:ci"));
        assert!(!wanted.is("111122223333", "arn:aws:iam::111122223333:user/deployer", "AIDAX"));
        let by_id = AwsCaller { role: None, role_id: Some("AROAX".to_owned()), ..wanted };
        assert!(by_id.is("111122223333", &arn("assumed-role/deployer/ci"), "AROAX:ci"));
        assert!(!by_id.is("111122223333", &arn("assumed-role/deployer/ci"), "AROAY:AROAX"));
    }
}
