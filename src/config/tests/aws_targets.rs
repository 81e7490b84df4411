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
    let line =
        |problem: super::super::Problem| format!("{} | {}", folder.bare(problem.message), folder.bare(problem.help));
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
    insta::assert_snapshot!(said.lines().filter(|line| line.contains("opens")).collect::<Vec<_>>().join("\n"), @r#"
opens       permission set arn:aws:sso:::permissionSet/ssoins-1234567890abcdef/ps-1234567890abcdef on account 111122223333; an end cuts sessions off
opens       permission set arn:aws:sso:::permissionSet/ssoins-1234567890abcdef/ps-1234567890abcdef on account 444455556666; an end cuts sessions off
opens       permission set arn:aws:sso:::permissionSet/ssoins-1234567890abcdef/ps-1234567890abcdef on account ou-ab12-11111111
opens       a policy of its own on IAM user deployer@example.com, that ends by itself
opens       a policy of its own on IAM role deploy_runner, that ends by itself
opens       IAM group deployers for user deployer; AWS knows no end for that, the bot makes it
"#);
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
            &format!(
                "target = [{{ type = \"aws-identity-center\", account = {account}, permission_set_arn = \"{arn}\" }}]"
            ),
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
    insta::assert_snapshot!(refusals.join("\n"), @r#"
`account` wants an account, a list of accounts, or an organisational unit, not a number | For example: "111122223333"
"1111" is not an AWS account | Write the account's twelve digits between quotes, or the id of an organisational unit, which stands for the accounts in it: ou-ab12-11111111.
"r-ab12" is not an AWS account | Write the account's twelve digits between quotes, or the id of an organisational unit, which stands for the accounts in it: ou-ab12-11111111.
`account` is empty | It wants an account, a list of accounts, or an organisational unit, such as "111122223333".
"ou-x" is not an AWS account | Write the account's twelve digits between quotes, or the id of an organisational unit, which stands for the accounts in it: ou-ab12-11111111.
111122223333 is in the list twice | Take one of the two out.
"arn:aws:sso:::instance/ssoins-1234567890abcdef" is not the ARN of a permission set | It looks like arn:aws:sso:::permissionSet/ssoins-1234567890abcdef/ps-1234567890abcdef; Identity Center shows it on the permission set's page.
`target` lacks `account`, `permission_set_arn` | Add `account`, `permission_set_arn`; config/example.toml explains every key.
`cut_off_sessions` wants true or false, not a text | For example: true
"#);
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
    insta::assert_snapshot!(said(&twice, GOOD), @r#"
This role opens 111122223333|arn:aws:sso:::permissionSet/ssoins-1234567890abcdef/ps-1234567890abcdef twice | Take one of the two targets out.
This role opens user/deployer twice | Take one of the two targets out.
This role opens group/deployers|user/deployer twice | Take one of the two targets out.
"#);
}

#[test]
fn policies() {
    let user = "target = [{ type = \"aws-iam-policy\", user = \"deployer\", policy = \"p.json\" }]";
    let role = user.replace("user", "role");
    let long = format!(r#"{{"Statement":{{"Effect":"Allow","Action":"{}","Resource":"*"}}}}"#, "x".repeat(1_900));
    let very_long = long.replace("xx", "xxxxxxxxxxxxx");
    let tight = r#"{"Statement":{"Effect":"Allow","Action":"X","Resource":"*"}}"#;
    let fitting = |more: usize| tight.replace('X', &"x".repeat(2_048 - 156 + more));
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
        said(
            "target = [{ type = \"aws-iam-group\", user = \"\", group = \"arn:aws:iam::111122223333:group/x\" }]",
            GOOD,
        ),
        said("target = [{ type = \"aws-iam-group\" }]", GOOD),
    ];
    insta::assert_snapshot!(refusals.join("\n"), @r#"
p.json has 2049 characters with the end of the grant in it, and AWS takes 2048 in all the inline policies of IAM user deployer together | White space is not counted. Use wildcards, or grant a role of its own with "aws-sts" instead.
p.json has 2056 characters with the end of the grant in it, and AWS takes 2048 in all the inline policies of IAM user deployer together | White space is not counted. Use wildcards, or grant a role of its own with "aws-sts" instead.
p.json has 12506 characters with the end of the grant in it, and AWS takes 10240 in all the inline policies of IAM role deployer together | White space is not counted. Use wildcards, or grant a role of its own with "aws-sts" instead.
p.json is not JSON: EOF while parsing an object at line 1 column 1 | Mend the file; a policy document is plain JSON.
p.json cannot be used: it has no statements: a policy looks like { "Version": "2012-10-17", "Statement": [ ... ] } | Mend the file.
p.json cannot be used: none of its statements allows anything | Mend the file.
p.json cannot be used: statement 1 names a principal: a policy on a user or a role is about that one alone | Mend the file.
gone.json cannot be read: No such file or directory (os error 2) | The path is relative to the file that names it.
A policy is for a `user` or a `role`, not for both | Take one of them out, or make two targets of it.
`target` lacks `user` or `role` | Add user = "..." or role = "...": the name of whoever gets the policy.
`user` cannot be "team/deployer" | Write the bare name, without path or ARN: at most 64 letters, digits, and + = , . @ - _.
`user` cannot be "ddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd" | Write the bare name, without path or ARN: at most 64 letters, digits, and + = , . @ - _.
`user` cannot be "" | Write the bare name, without path or ARN: at most 64 letters, digits, and + = , . @ - _.
`group` cannot be "arn:aws:iam::111122223333:group/x" | Write the bare name, without path or ARN: at most 128 letters, digits, and + = , . @ - _.
`target` lacks `user`, `group` | Add `user`, `group`; config/example.toml explains every key.
"#);
}
