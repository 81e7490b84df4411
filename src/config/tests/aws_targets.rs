//! Targets in AWS other than sessions.

use super::*;
use crate::domain::catalog::Target;

const ARN: &str = "arn:aws:sso:::permissionSet/ssoins-1234567890abcdef/ps-1234567890abcdef";

/// A main file with a role that has these targets.
fn with_targets(targets: &str) -> String {
    format!(
        "{TOP}[aws]\nregion = \"eu-west-1\"\n[[role]]\nname = \"deploy\"\nmax_duration = \"2h\"\n\
         rule = [{{ approvers = [\"U0AAAA1\"] }}]\n{targets}"
    )
}

fn folder(targets: &str, policy: &str) -> Folder {
    Folder::new(&[("jit.toml", &with_targets(targets)), ("p.json", policy)])
}

/// What is said about these targets, each problem on a line.
fn said(targets: &str, policy: &str) -> String {
    let folder = folder(targets, policy);
    let line = |problem: super::super::Problem| {
        format!("{} | {}", folder.bare(problem.message), folder.bare(problem.help))
    };
    match folder.load() {
        Ok(_) => "in order".to_owned(),
        Err(problems) => problems.list().into_iter().map(line).collect::<Vec<_>>().join("\n"),
    }
}

const GOOD: &str = r#"{ "Statement": { "Effect": "Allow", "Action": "s3:*", "Resource": "*" } }"#;

#[test]
fn good_ones() {
    let targets = format!(
        r#"
[[role.target]]
type = "aws-identity-center"
account = ["111122223333", "444455556666"]
permission_set_arn = "{ARN}"
cut_off_sessions = true
[[role.target]]
type = "aws-identity-center"
account = "ou-ab12-11111111"
permission_set_arn = "{ARN}"
[[role.target]]
type = "aws-iam-policy"
user = "deployer@example.com"
policy = "p.json"
[[role.target]]
type = "aws-iam-policy"
role = "deploy_runner"
policy = "p.json"
[[role.target]]
type = "aws-iam-group"
user = "deployer"
group = "deployers"
"#
    );
    let folder = folder(&targets, GOOD);
    let config = folder.load().unwrap();
    let targets = &config.catalog.role(&"deploy".into()).unwrap().targets;
    let resources: Vec<_> = targets.iter().map(Target::resource).collect();
    assert_eq!(
        resources,
        [
            &*format!("111122223333|{ARN}"),
            &*format!("444455556666|{ARN}"),
            &*format!("ou-ab12-11111111|{ARN}"),
            "user/deployer@example.com",
            "role/deploy_runner",
            "group/deployers|user/deployer",
        ]
    );
    let Target::AwsIamPolicy(policy) = &targets[3] else { panic!("a policy") };
    assert_eq!(policy.policy, r#"{"Statement":{"Action":"s3:*","Effect":"Allow","Resource":"*"}}"#);
    let said = folder.check(Secrets::Required);
    insta::assert_snapshot!(said.lines().filter(|line| line.contains("opens")).collect::<Vec<_>>().join("\n"), @"");
}

#[test]
fn all_need_aws() {
    for (name, keys) in [
        ("aws-identity-center", format!("account = \"111122223333\", permission_set_arn = \"{ARN}\"")),
        ("aws-iam-group", "user = \"a\", group = \"b\"".to_owned()),
    ] {
        let role = "[[role]]\nname = \"deploy\"\nmax_duration = \"2h\"\nrule = [{ approvers = [\"U0AAAA1\"] }]\n";
        let problems = brief(&format!("{role}target = [{{ type = \"{name}\", {keys} }}]\n"));
        assert_eq!(
            problems,
            format!(
                "A target of type \"{name}\" needs the table [aws] | Add the table [aws] with region = \"eu-west-1\" to \
                 the main file."
            )
        );
    }
}

#[test]
fn permission_sets_and_accounts() {
    let target = |account: &str, arn: &str| {
        said(
            &format!("target = [{{ type = \"aws-identity-center\", account = {account}, permission_set_arn = \"{arn}\" }}]"),
            GOOD,
        )
    };
    let refusals = [
        target("111122223333", ARN),
        target("\"1111\"", ARN),
        target("\"r-ab12\"", ARN),
        target("[]", ARN),
        target("[\"111122223333\", \"ou-x\"]", ARN),
        target("[\"111122223333\", \"111122223333\"]", ARN),
        target("\"111122223333\"", "arn:aws:sso:::instance/ssoins-1234567890abcdef"),
        said("target = [{ type = \"aws-identity-center\", cut_off_sessions = \"yes\" }]", GOOD),
    ];
    insta::assert_snapshot!(refusals.join("\n"), @"");
}

#[test]
fn the_same_thing_twice() {
    let twice = format!(
        r#"
[[role.target]]
type = "aws-identity-center"
account = "111122223333"
permission_set_arn = "{ARN}"
[[role.target]]
type = "aws-identity-center"
account = ["444455556666", "111122223333"]
permission_set_arn = "{ARN}"
[[role.target]]
type = "aws-iam-policy"
user = "deployer"
policy = "p.json"
[[role.target]]
type = "aws-iam-policy"
user = "deployer"
policy = "p.json"
[[role.target]]
type = "aws-iam-group"
user = "deployer"
group = "deployers"
[[role.target]]
type = "aws-iam-group"
user = "deployer"
group = "deployers"
"#
    );
    insta::assert_snapshot!(said(&twice, GOOD), @"");
}

#[test]
fn policies() {
    let user = "target = [{ type = \"aws-iam-policy\", user = \"deployer\", policy = \"p.json\" }]";
    let role = user.replace("user", "role");
    let long = format!(r#"{{"Statement":{{"Effect":"Allow","Action":"{}","Resource":"*"}}}}"#, "x".repeat(1_900));
    let very_long = long.replace("xx", "xxxxxxxxxxxxx");
    let tight = r#"{"Statement":{"Effect":"Allow","Action":"X","Resource":"*"}}"#;
    let fitting = |more: usize| tight.replace('X', &"x".repeat(2_048 - 139 + more));
    assert_eq!(said(&role, &long), "in order");
    assert_eq!(said(user, &fitting(0)), "in order", "the last character that AWS takes");
    let refusals = [
        said(user, &fitting(1)),
        said(user, &long),
        said(&role, &very_long),
        said(user, "{"),
        said(user, "[]"),
        said(user, r#"{"Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}"#),
        said(user, r#"{"Statement":[{"Effect":"Allow","NotPrincipal":"*","Action":"*","Resource":"*"}]}"#),
        said(&user.replace("p.json", "gone.json"), GOOD),
        said(&user.replace("user", "role = \"runner\", user"), GOOD),
        said(&user.replace("user = \"deployer\",", ""), GOOD),
        said(&user.replace("deployer", "team/deployer"), GOOD),
        said(&user.replace("deployer", &"d".repeat(65)), GOOD),
        said("target = [{ type = \"aws-iam-group\", user = \"\", group = \"arn:aws:iam::111122223333:group/x\" }]", GOOD),
        said("target = [{ type = \"aws-iam-group\" }]", GOOD),
    ];
    insta::assert_snapshot!(refusals.join("\n"), @"");
}
