//! Rules, groups and targets that do not make sense.

use super::*;
use crate::domain::ids::UserId;

/// A role with these rules, for up to 2 hours.
fn with_rules(rules: &str) -> String {
    let role = "[[role]]\nname = \"deploy\"\nmax_duration = \"2h\"\nrequesters = [\"U0AAAA1\", \"U0AAAA2\"]\n\
                target = [{ type = \"demo\" }]\n";
    check_with(&format!("{role}{rules}"))
}

#[test]
fn rules_that_can_never_be_satisfied() {
    insta::assert_snapshot!(with_rules(r#"
[[role.rule]]
when = { up_to = "10m" }
approvals = 0
approvers = ["U0AAAA1"]
[[role.rule]]
when = { up_to = "20m" }
approvals = 2
approvers = ["U0AAAA1"]
[[role.rule]]
when = { up_to = "30m" }
approvals = 1000
approvers = ["U0AAAA1"]
[[role.rule]]
approvers = []
"#), @r#"
  x jit never grants without a person's decision
    ,-[jit.toml:21:13]
 21 | approvals = 0
    :             ^
    `----
  help: Write approvals = 1 or more. To let people approve their own requests, add self_approval =
        true.

  x This rule can never be satisfied: it wants 2 approvals and names 1 person
    ,-[jit.toml:25:13]
 25 | approvals = 2
    :             ^
 26 | approvers = ["U0AAAA1"]
    :             ^^^^^|^^^^^
    :                  `-- these may approve
    `----
  help: Name more approvers (or a Slack user group), or ask for fewer approvals.

  x 1000 people will never approve one request
    ,-[jit.toml:29:13]
 29 | approvals = 1000
    :             ^^^^
    `----
  help: Write 255 or less; 1 or 2 is usual.

  x `approvers` is empty
    ,-[jit.toml:32:13]
 32 | approvers = []
    :             ^^
    `----
  help: It wants a list of Slack ids and names of groups, such as ["sre", "U0AAAA1", "S0ONCALL"].

4 problems. The configuration is refused as a whole.
"#);
    insta::assert_snapshot!(with_rules("rule = [{ approvals = 2, approvers = [\"U0AAAA1\", \"U0AAAA2\"] }]"), @r#"
  x This rule can never be satisfied: whoever asks may not approve, and too few others can
    ,-[jit.toml:18:9]
 18 | rule = [{ approvals = 2, approvers = ["U0AAAA1", "U0AAAA2"] }]
    :         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    `----
  help: Name more approvers, or allow self_approval = true if one person may do it alone.

1 problem. The configuration is refused as a whole.
"#);
    assert!(with_rules("rule = [{ approvals = 2, approvers = [\"S0ONCALL\"] }]").contains("in order"));
}

#[test]
fn rules_that_are_never_reached() {
    insta::assert_snapshot!(with_rules(r#"
[[role.rule]]
when = { up_to = "30s" }
approvers = ["U0AAAA3"]
[[role.rule]]
when = { up_to = "30m" }
approvers = ["U0AAAA3"]
[[role.rule]]
when = { up_to = "20m" }
approvers = ["U0AAAA3"]
[[role.rule]]
approvers = ["U0AAAA3"]
[[role.rule]]
when = { up_to = "1h" }
approvers = ["U0AAAA3"]
"#), @r#"
  x This rule never fits: no request may be shorter than 1m
    ,-[jit.toml:19:1]
 19 | [[role.rule]]
    : ^^^^^^^^^^^^^
    `----
  help: Raise its up_to, lower the role's min_duration, or take it out.

  x This rule is never reached
    ,-[jit.toml:22:1]
 22 | [[role.rule]]
    : ^^^^^^|^^^^^^
    :       `-- this one already decides requests up to 30m
 23 | when = { up_to = "30m" }
 24 | approvers = ["U0AAAA3"]
 25 | [[role.rule]]
    : ^^^^^^|^^^^^^
    :       `-- this one
    `----
  help: The first rule that fits decides. Put the rule for shorter requests first, or take this
        one out.

  x This rule is never reached
    ,-[jit.toml:28:1]
 28 | [[role.rule]]
    : ^^^^^^|^^^^^^
    :       `-- this one already decides every request
 29 | approvers = ["U0AAAA3"]
 30 | [[role.rule]]
    : ^^^^^^|^^^^^^
    :       `-- this one
    `----
  help: The first rule that fits decides. Put the rule for shorter requests first, or take this
        one out.

3 problems. The configuration is refused as a whole.
"#);
}

#[test]
fn rules_that_leave_a_gap() {
    insta::assert_snapshot!(with_rules(r#"
[[role.rule]]
when = { up_to = "30m" }
approvers = ["U0AAAA3"]
[[role.rule]]
when = { up_to = "1h" }
approvers = ["U0AAAA3"]
"#), @r#"
  x No rule decides requests longer than 1h (the role allows 2h)
    ,-[jit.toml:14:8]
 14 | name = "deploy"
    :        ^^^^^^^^
    `----
  help: Add a [[role.rule]] without `when` at the end, or lower max_duration to 1h.

1 problem. The configuration is refused as a whole.
"#);
    assert!(with_rules("rule = [{ when = { up_to = \"2h\" }, approvers = [\"U0AAAA3\"] }]").contains("in order"));
}

#[test]
fn a_rule_that_cannot_be_read_causes_no_second_problem() {
    insta::assert_snapshot!(brief(r#"
[[role]]
name = "deploy"
max_duration = "2h"
target = [{ type = "demo" }]
rule = [
  { when = { up_to = "half an hour" }, approvers = ["U0AAAA3"] },
  { when = { upto = "30m" }, approvers = ["U0AAAA3"] },
  { when = {}, approvers = ["U0AAAA3"] },
  { approvers = ["U0AAAA3"], self_aproval = true },
]
"#), @r#"
"half an hour" is not a duration | Write a positive number with its unit: "90s", "30m", "1h30m", "1d".
`upto` is not a key of `when` | Did you mean `up_to`?
`when` lacks `up_to` | Add `up_to`; config/example.toml explains every key.
`self_aproval` is not a key of `rule` | Did you mean `self_approval`?
"#);
}

#[test]
fn people_and_groups() {
    insta::assert_snapshot!(check_with(r#"
[groups]
sre = ["U0AAAA1", "leads"]
leads = ["ops"]
ops = ["sre"]
nobody = []
S0WRONG = ["U0AAAA1"]
[[role]]
name = "deploy"
max_duration = "2h"
requesters = ["SRE", "u0aaaa1", "@anna"]
rule = [{ approvers = ["sre", 7] }]
target = [{ type = "demo" }]
"#), @r#"
  x These groups contain each other: leads > ops > sre > leads
    ,-[jit.toml:15:19]
 15 | sre = ["U0AAAA1", "leads"]
    :                   ^^^^^^^
    `----
  help: Take one of these references out.

  x `nobody` is empty
    ,-[jit.toml:18:10]
 18 | nobody = []
    :          ^^
    `----
  help: It wants a list of Slack ids and names of groups, such as ["sre", "U0AAAA1", "S0ONCALL"].

  x The group's name "S0WRONG" looks like a Slack id
    ,-[jit.toml:19:1]
 19 | S0WRONG = ["U0AAAA1"]
    : ^^^^^^^
    `----
  help: Write it in lower case: s0wrong. People and user groups are written the way it is now.

  x There is no group "u0aaaa1"
    ,-[jit.toml:23:22]
 23 | requesters = ["SRE", "u0aaaa1", "@anna"]
    :                      ^^^^^^^^^
    `----
  help: Slack ids are written in capitals: "U0AAAA1".

  x There is no group "@anna"
    ,-[jit.toml:23:33]
 23 | requesters = ["SRE", "u0aaaa1", "@anna"]
    :                                 ^^^^^^^
    `----
  help: Add it to [groups], or write a Slack id: U... for a person (profile, three dots, Copy
        member ID), S... for a user group.

  x `approvers` wants a list of Slack ids and names of groups, not a number
    ,-[jit.toml:24:31]
 24 | rule = [{ approvers = ["sre", 7] }]
    :                               ^
    `----
  help: For example: ["sre", "U0AAAA1", "S0ONCALL"]

6 problems. The configuration is refused as a whole.
"#);
}

#[test]
fn groups_within_groups_are_resolved() {
    let text = format!(
        r#"{TOP}
        [groups]
        all = ["sre", "leads", "U0AAAA9"]
        sre = ["U0AAAA1", "S0ONCALL"]
        leads = ["sre", "U0AAAA2"]
        [[role]]
        name = "deploy"
        max_duration = "2h"
        rule = [{{ approvers = ["all"] }}]
        target = [{{ type = "demo" }}]
        "#
    );
    let config = Folder::new(&[("jit.toml", &text)]).load().unwrap();
    let circle = &config.catalog.role(&"deploy".into()).unwrap().rules[0].approvers;
    assert_eq!(circle.users.iter().map(UserId::as_str).collect::<Vec<_>>(), ["U0AAAA1", "U0AAAA2", "U0AAAA9"]);
    assert_eq!(circle.user_groups.len(), 1);
}

#[test]
fn roles_without_rules_or_targets() {
    insta::assert_snapshot!(check_with("[[role]]\nname = \"deploy\"\nmax_duration = \"2h\"\ntarget = []\n"), @r#"
  x `role` lacks [[role.rule]]
    ,-[jit.toml:13:1]
 13 | [[role]]
    : ^^^^^^^^
    `----
  help: Add [[role.rule]]; config/example.toml explains every key.

  x `target` is empty
    ,-[jit.toml:16:10]
 16 | target = []
    :          ^^
    `----
  help: It wants a list of tables, such as [[...]] with its keys below it.

2 problems. The configuration is refused as a whole.
"#);
}

#[test]
fn targets() {
    insta::assert_snapshot!(check_with(r#"
[[role]]
name = "deploy"
max_duration = "2h"
rule = [{ approvers = ["U0AAAA1"] }]
[[role.target]]
type = "aws-sts"
role_arn = "arn:aws:iam::111122223333:user/deploy"
early_end = "never"
[[role.target]]
type = "azure-role"
scope = "/subscriptions/0b1f6471-1bf0-4dda-aec3-111122223333"
role = "Reader"
[[role.target]]
type = "aws_sts"
role_arn = "arn:aws:iam::111122223333:role/deploy"
[[role.target]]
type = "demo"
[[role.target]]
type = "demo"
[[role.target]]
role_arn = "arn:aws:iam::111122223333:role/deploy"
"#), @r#"
  x A target of type "aws-sts" needs the table [aws]
    ,-[jit.toml:19:8]
 19 | type = "aws-sts"
    :        ^^^^^^^^^
    `----
  help: Add the table [aws] with region = "eu-west-1" to the main file.

  x "arn:aws:iam::111122223333:user/deploy" is not the ARN of an IAM role
    ,-[jit.toml:20:12]
 20 | role_arn = "arn:aws:iam::111122223333:user/deploy"
    :            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    `----
  help: It looks like arn:aws:iam::111122223333:role/prod-deploy (arn:aws-us-gov:... and arn:aws-
        cn:... as well); `aws iam get-role --role-name ...` prints it.

  x `early_end` cannot be "never"
    ,-[jit.toml:21:13]
 21 | early_end = "never"
    :             ^^^^^^^
    `----
  help: Known here: deny-policy, none.

  x A target of type "azure-role" needs the table [azure]
    ,-[jit.toml:23:8]
 23 | type = "azure-role"
    :        ^^^^^^^^^^^^
    `----
  help: Add the table [azure] with tenant_id and credential to the main file; config/example.toml
        shows it.

  x There is no target of type "aws_sts"
    ,-[jit.toml:27:8]
 27 | type = "aws_sts"
    :        ^^^^^^^^^
    `----
  help: Did you mean `aws-sts`?

  x This role opens deploy twice
    ,-[jit.toml:29:1]
 29 | [[role.target]]
    : ^^^^^^^|^^^^^^^
    :        `-- first here
 30 | type = "demo"
 31 | [[role.target]]
    : ^^^^^^^|^^^^^^^
    :        `-- again here
    `----
  help: Take one of the two targets out.

  x `target` lacks `type`
    ,-[jit.toml:33:1]
 33 | [[role.target]]
    : ^^^^^^^^^^^^^^^
    `----
  help: Add `type`; config/example.toml explains every key.

7 problems. The configuration is refused as a whole.
"#);
}

#[test]
fn external_ids_and_session_policies() {
    let target = |policy: &str| {
        format!(
            "[[role.target]]\ntype = \"aws-sts\"\nrole_arn = \"arn:aws:iam::111122223333:role/{policy}\"\n\
             session_policy = \"{policy}.json\"\n"
        )
    };
    let targets: String = ["good", "gone", "broken", "single", "long"].into_iter().map(target).collect();
    let text = format!(
        "{TOP}[aws]\nregion = \"eu-west-1\"\n[[role]]\nname = \"deploy\"\nmax_duration = \"2h\"\n\
         rule = [{{ approvers = [\"U0AAAA1\"] }}]\n{targets}external_id = {{ env = \"ODD\" }}\n"
    );
    let long = format!(r#"{{"Statement":["{}"]}}"#, "x".repeat(1800));
    let mut folder = Folder::new(&[
        ("jit.toml", &text),
        ("good.json", "{ \"Statement\": [ { \"Effect\": \"Allow\" } ] }"),
        ("broken.json", "{ \"Statement\": [ }"),
        ("single.json", r#"{"Statement":{}}"#),
        ("long.json", &long),
    ]);
    folder.environment.insert("ODD".into(), "not allowed!".into());
    let said: Vec<String> = folder.refusal().list().into_iter().map(|problem| folder.bare(problem.message)).collect();
    insta::assert_snapshot!(said.join("\n"), @r#"
gone.json cannot be read: No such file or directory (os error 2)
broken.json is not JSON: expected value at line 1 column 18
single.json is not a policy document with a list of statements
long.json has 1818 characters without white space, 1748 are allowed
The external id has a form that AWS refuses
"#);
}
