//! `[api]`, `[[workload]]`, and rules that look at plans.

use super::*;
use crate::domain::{
    ids::WorkloadName,
    workload::{Algorithm, Proof},
};

const ROLE: &str = r#"
[[role]]
name = "deploy"
max_duration = "1h"
[[role.rule]]
approvers = ["U0AAAA1"]
[[role.target]]
type = "demo"
"#;

fn brief_with_role(text: &str) -> String {
    brief(&format!("{ROLE}{text}"))
}

#[test]
fn a_pipeline_is_known_by_its_claims() {
    let text = format!(
        r#"{TOP}{ROLE}
[api]
audience = "https://jit.example.com/prod"
auditors = ["U0AAAA2"]
[[workload]]
name = "web"
roles = ["deploy"]
[workload.github]
repository_id = "1"
repository_owner_id = "2"
ref = ["refs/heads/main", "refs/tags/v*"]
[[workload]]
name = "batch"
roles = ["deploy"]
[workload.oidc]
issuer = "https://ci.example.com"
jwks_url = "https://ci.example.com/keys"
algorithms = ["ES256", "EdDSA"]
claims = {{ project = "web" }}
"#
    );
    let config = Folder::new(&[("jit.toml", &text)]).load().unwrap();
    assert_eq!(config.audience(), "https://jit.example.com/prod");
    assert!(config.catalog.auditors.users.contains(&"U0AAAA2".into()));
    let proof = |name: &str| config.catalog.workloads[&WorkloadName::from(name)].proof.clone();
    let Proof::Token(web) = proof("web") else { panic!("a token") };
    assert_eq!(web.issuer, "https://token.actions.githubusercontent.com");
    assert_eq!(web.jwks_url, "https://token.actions.githubusercontent.com/.well-known/jwks");
    assert_eq!(web.claims["ref"].len(), 2);
    let Proof::Token(batch) = proof("batch") else { panic!("a token") };
    assert_eq!(batch.algorithms, [Algorithm::Es256, Algorithm::EdDsa].into());
    let usual = Folder::new(&[("jit.toml", TOP)]).load().unwrap();
    assert_eq!(usual.audience(), "https://jit.example.com", "the public URL without its slash");
}

#[test]
fn what_would_let_more_than_one_pipeline_in_is_refused() {
    let workload =
        |proof: &str| brief_with_role(&format!("[[workload]]\nname = \"web\"\nroles = [\"deploy\"]\n{proof}"));
    for (proof, why) in [
        ("", "A workload proves itself in exactly one way"),
        ("[workload.github]\nrepository_id = \"1\"\nrepository_owner_id = \"2\"\n", "it lacks `ref` or `environment`"),
        ("[workload.github]\nrepository_id = \"1\"\nref = \"refs/heads/main\"\n", "lacks `repository_owner_id`"),
        (
            "[workload.github]\nrepository_id = \"1\"\nrepository_owner_id = \"2\"\nref = \"*\"\n",
            "`ref` cannot be \"*\"",
        ),
        ("[workload.gitlab]\nproject_id = \"1\"\n", "it lacks `ref` or `environment`"),
        (
            "[workload.oidc]\nissuer = \"https://a.b\"\njwks_url = \"https://a.b/k\"\nclaims = {}\n",
            "everybody whom the issuer knows",
        ),
        (
            "[workload.oidc]\nissuer = \"https://a.b\"\njwks_url = \"http://a.b/k\"\nclaims = { a = \"b\" }\n",
            "plain http",
        ),
        (
            "[workload.oidc]\nissuer = \"https://a.b\"\njwks_url = \"https://a.b/k\"\nalgorithms = [\"HS256\"]\nclaims = { a = \"b\" }\n",
            "`algorithms` cannot be \"HS256\"",
        ),
        ("[workload.aws]\naccount = \"111122223333\"\nregion = \"eu-west-1\"\n", "it lacks `role` or `role_id`"),
        ("[workload.aws]\naccount = \"1\"\nrole = \"x\"\nregion = \"eu-west-1\"\n", "is not an AWS account"),
    ] {
        let said = workload(proof);
        assert!(said.contains(why), "{proof}\n{said}");
    }
    let unknown = brief_with_role(
        "[[workload]]\nname = \"web\"\nroles = [\"deplay\"]\n[workload.gitlab]\nproject_id = \"1\"\nref = \"main\"\n",
    );
    assert!(unknown.contains("There is no role \"deplay\" | Did you mean \"deploy\"?"), "{unknown}");
    let one =
        "[[workload]]\nname = \"web\"\nroles = [\"deploy\"]\n[workload.gitlab]\nproject_id = \"1\"\nref = \"main\"\n";
    assert!(brief_with_role(&format!("{one}{one}")).contains("There are two workloads \"web\""));
    assert!(brief("[api]\nsession = \"1m\"\n").contains("`session` cannot be 1m"));
}

#[test]
fn a_rule_for_harmless_plans_keeps_nothing_from_the_others() {
    let rules = |rules: &str| {
        brief(&format!("[[role]]\nname = \"deploy\"\nmax_duration = \"1h\"\n{rules}[[role.target]]\ntype = \"demo\"\n"))
    };
    let harmless = "[[role.rule]]\nwhen = { destroys = false }\napprovers = [\"U0AAAA1\"]\n";
    let any = "[[role.rule]]\napprovers = [\"U0AAAA1\"]\n";
    assert_eq!(rules(&format!("{harmless}{any}")), "in order");
    assert_eq!(rules(harmless), "in order", "whatever else is asked for is refused");
    assert!(rules(&format!("{any}{harmless}")).contains("This rule is never reached"));
    assert!(rules(&format!("{harmless}{harmless}{any}")).contains("This rule is never reached"));
    let backwards = harmless.replace("false", "true");
    assert!(rules(&format!("{backwards}{any}")).contains("No rule is for plans that destroy something alone"));
}
