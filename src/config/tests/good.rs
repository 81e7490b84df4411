//! Configurations that are in order.

use std::time::Duration;

use secrecy::ExposeSecret as _;

use super::*;
use crate::{
    config::{AzureCredential, SlackMode},
    domain::ids::UserGroupId,
};

/// The shape that the project fixed at its start, word for word where it has words.
const FIXED_SHAPE: &str = include_str!("fixed_shape.toml");

#[test]
fn a_file_of_the_fixed_shape_loads() {
    let folder = Folder::new(&[("jit.toml", FIXED_SHAPE)]);
    let config = folder.load().unwrap();
    assert!(matches!(config.slack.mode, SlackMode::Http));
    assert_eq!(config.slack.method("chat.postMessage"), "https://slack.com/api/chat.postMessage");
    assert_eq!(config.slack.bot_token.expose_secret(), "xoxb-bot-0123");
    assert_eq!(config.slack.alerts_channel.as_str(), "C0ALERTS");
    assert_eq!(config.user_groups.iter().map(UserGroupId::as_str).collect::<Vec<_>>(), ["S0ONCALL"]);
    assert!(matches!(config.azure.unwrap().credential, AzureCredential::ClientSecret { .. }));
    assert_eq!(config.catalog.digest.len(), 64);
    insta::assert_snapshot!(folder.check(Secrets::Required), @r#"
jit.toml: in order, 1 role.

prod-deploy: Deploy to production
  who         user group S0ONCALL, U0AAAA1, U0AAAA4
  how long    1m to 2h, 30m unless said otherwise
  reason      required, with a ticket like ^OPS-[0-9]+$
  up to 30m   1 approval from user group S0ONCALL, U0AAAA1
  any length  2 approvals by different people from user group S0ONCALL, U0AAAA1, U0AAAA2, U0AAAA3
  lapses      after 1h without a decision
  opens       AWS sessions of arn:aws:iam::111122223333:role/prod-deploy; an early end cuts sessions off
"#);
}

#[test]
fn the_example_loads() {
    let folder = Folder::new(&[("jit.toml", include_str!("../../../config/example.toml"))]);
    insta::assert_snapshot!(folder.check(Secrets::Required), @r#"
jit.toml: in order, 3 roles.

prod-admin: Everything, for an incident
  who         everybody in the workspace
  how long    1m to 1h, 30m unless said otherwise
  reason      required
  any length  2 approvals by different people from user group S0ONCALL, U0AAAA1, U0AAAA2, U0AAAA3
  lapses      after 1h without a decision
  opens       permission set arn:aws:sso:::permissionSet/ssoins-1234567890abcdef/ps-1234567890abcdef on account 111122223333
  opens       permission set arn:aws:sso:::permissionSet/ssoins-1234567890abcdef/ps-1234567890abcdef on account 444455556666
  opens       IAM group incident-responders for user breakglass; AWS knows no end for that, the bot makes it

prod-deploy: Deploy to production
  who         user group S0ONCALL, U0AAAA1, U0AAAA4
  how long    1m to 2h, 30m unless said otherwise
  reason      required, with a ticket like ^OPS-[0-9]+$
  up to 30m   1 approval from user group S0ONCALL, U0AAAA1
  any length  2 approvals by different people from user group S0ONCALL, U0AAAA1, U0AAAA2, U0AAAA3
  lapses      after 1h without a decision
  opens       AWS sessions of arn:aws:iam::111122223333:role/prod-deploy; an early end cuts sessions off

try-me: Opens nothing real; shows how it feels
  who         everybody in the workspace
  how long    1m to 10m, 1m unless said otherwise
  reason      optional
  any length  1 approval from user group S0ONCALL, U0AAAA1, U0AAAA2, U0AAAA3
  lapses      after 1h without a decision
  opens       try-me in the demo cloud of this process

batch, a pipeline
  proves      a token of https://00000000-0000-0000-0000-000000000000.tokens.sts.global.api.aws with sub arn:aws:iam::111122223333:role/batch
  may ask     prod-deploy
  signed in   for 6h

ci-deploy, a pipeline
  proves      a token of https://ci.example.com with branch main or release-*, project web
  may ask     prod-deploy
  signed in   for 6h

lab-deploy, a pipeline
  proves      a token of https://gitlab.example.com with environment production, project_id 22, ref main
  may ask     prod-deploy
  signed in   for 6h

nightly, a pipeline
  proves      a call of sts.eu-west-1.amazonaws.com as the role nightly-runner of account 111122223333
  may ask     prod-deploy
  signed in   for 6h

web-deploy, a pipeline
  proves      a token of https://token.actions.githubusercontent.com with environment production, event_name push or workflow_dispatch, ref refs/heads/main or refs/tags/v*, repository_id 123456789, repository_owner_id 9876543, runner_environment github-hosted
  may ask     prod-deploy
  signed in   for 6h
"#);
}

#[test]
fn what_is_not_said_has_a_sensible_value() {
    let text = format!(
        r#"{TOP}
        [[role]]
        name = "try"
        max_duration = "10s"
        rule = [{{ approvers = ["U0AAAA1"] }}]
        target = [{{ type = "demo" }}]
        "#
    );
    let config = Folder::new(&[("jit.toml", &text)]).load().unwrap();
    assert_eq!(config.slack.alerts_channel, config.slack.audit_channel);
    let role = config.catalog.role(&"try".into()).unwrap();
    assert_eq!(role.min_duration, Duration::from_secs(10));
    assert_eq!(role.default_duration, Duration::from_secs(10));
    assert_eq!(role.approval_timeout, Duration::from_hours(1));
    assert_eq!(role.channel, config.slack.requests_channel);
    assert!(role.reason_required);
    assert_eq!(role.rules[0].approvals.get(), 1);
    assert!(!role.rules[0].self_approval);
}

#[test]
fn the_sign_in_endpoint_of_a_stand_in_is_beside_it() {
    let aws = |lines: &str| {
        let text = format!("{TOP}[aws]\nregion = \"eu-west-1\"\n{lines}");
        Folder::new(&[("jit.toml", &text)]).load().unwrap().aws.unwrap().federation_url.map(String::from)
    };
    assert_eq!(aws(""), None);
    assert_eq!(aws("endpoint_url = \"http://127.0.0.1:5555\"").as_deref(), Some("http://127.0.0.1:5555/federation"));
    assert_eq!(aws("federation_url = \"https://signin.test/f\"").as_deref(), Some("https://signin.test/f"));
}

#[test]
fn the_region_may_come_from_the_environment() {
    let mut folder = Folder::new(&[("jit.toml", &format!("{TOP}[aws]\n"))]);
    folder.environment.insert("AWS_REGION".into(), "eu-north-1".into());
    assert_eq!(folder.load().unwrap().aws.unwrap().region, "eu-north-1");
}

#[test]
fn a_printed_configuration_shows_no_secret() {
    let config = Folder::new(&[("jit.toml", FIXED_SHAPE)]).load().unwrap();
    let printed = format!("{config:#?}");
    for secret in ["signing-0123", "xoxb-bot-0123", "azure-0123", "external-0123"] {
        assert!(!printed.contains(secret), "{secret} is shown");
    }
}

#[test]
fn a_policy_can_be_checked_where_secrets_are_not_at_hand() {
    let mut folder = Folder::new(&[("jit.toml", FIXED_SHAPE)]);
    folder.environment.clear();
    assert!(folder.check(Secrets::MayBeMissing).contains("in order"));
    assert!(folder.check(Secrets::Required).contains("SLACK_BOT_TOKEN is not set"));
}

#[test]
fn secrets_may_be_in_files_beside_the_one_that_names_them() {
    let text = TOP.replace(r#"{ env = "SLACK_BOT_TOKEN" }"#, r#"{ file = "secrets/bot" }"#);
    let config = Folder::new(&[("jit.toml", &text), ("secrets/bot", "xoxb-file\n")]).load().unwrap();
    assert_eq!(config.slack.bot_token.expose_secret(), "xoxb-file");
}

#[test]
fn another_byte_in_any_file_is_another_digest() {
    let digest = |role: &str, policy: &str| {
        let main = format!("include = [\"roles.toml\"]\n{TOP}[aws]\nregion = \"eu-west-1\"\n");
        let folder = Folder::new(&[("jit.toml", &main), ("roles.toml", role), ("p.json", policy)]);
        folder.load().unwrap().catalog.digest.clone()
    };
    let role = r#"
        [[role]]
        name = "try"
        max_duration = "1h"
        rule = [{ approvers = ["U0AAAA1"] }]
        target = [{ type = "aws-sts", role_arn = "arn:aws:iam::111122223333:role/r", session_policy = "p.json" }]
    "#;
    let all = [
        digest(role, r#"{"Statement":[]}"#),
        digest(&format!("{role} "), r#"{"Statement":[]}"#),
        digest(role, r#"{"Statement":[ ]}"#),
    ];
    assert_ne!(all[0], all[1]);
    assert_ne!(all[0], all[2]);
    assert_eq!(all[0], digest(role, r#"{"Statement":[]}"#));
}
