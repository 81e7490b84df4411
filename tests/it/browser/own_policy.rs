//! Somebody's own roles and rules, tried out before they are rolled out; and that nothing of it can be let loose.

use std::{fs, process::Command};

use super::Tab;
use crate::harness::aws::moto;

/// A configuration as somebody has it, whose secrets are not at hand and whose places are not to be touched.
const MAIN: &str = r#"
include = ["roles/*.toml"]
[server]
listen = "0.0.0.0:443"
public_url = "https://jit.acme.example"
[store]
url = "sqlite:/var/lib/jit/jit.db"
[slack]
signing_secret = { env = "NOBODY_HAS_SET_THIS" }
bot_token = { env = "NOBODY_HAS_SET_THIS_EITHER" }
team_ids = ["T0THEIRS"]
requests_channel = "C0THEIRCARDS"
audit_channel = "C0THEIRAUDIT"
[aws]
region = "eu-west-1"
revoker_role_arn = "arn:aws:iam::111122223333:role/revoker"
[groups]
payments = ["S0PAYTEAM", "U0HEAD"]
platform = ["S0PLATFORM"]
"#;
const ROLES: &str = r#"
[[role]]
name = "payments-admin"
description = "Change the payments service"
max_duration = "1h"
default_duration = "15m"
[[role.rule]]
approvers = ["platform"]
approvals = 2
[[role.target]]
type = "aws-sts"
role_arn = "arn:aws:iam::111122223333:role/payments-admin"
[[role]]
name = "payments-read"
description = "Look at the payments service"
max_duration = "1h"
default_duration = "15m"
requesters = ["payments"]
[[role.rule]]
approvers = ["U0HEAD"]
[[role.target]]
type = "aws-iam-group"
user = "reader"
group = "payments-read"
"#;

#[tokio::test]
async fn somebody_plays_with_their_own_roles_and_rules() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jit.toml");
    fs::create_dir(folder.path().join("roles")).unwrap();
    fs::write(&file, MAIN).unwrap();
    fs::write(folder.path().join("roles/payments.toml"), ROLES).unwrap();
    let tab = Tab::open_with(&["--config", file.to_str().unwrap()]).await;
    for words in ["Ann", "U0HEAD", "approves payments-read", "platform 1", "platform 3", "s0payteam 1", "Eve"] {
        tab.sees("sidebar", words).await;
    }
    tab.types("/jit request payments-admin 15m trying the rule").await;
    tab.sees("messages", "2 approvals needed from @platform").await;
    for name in ["platform 1", "platform 2"] {
        tab.becomes(name).await;
        tab.presses("messages", "Approve").await;
        tab.sees("messages", "You approved").await;
    }
    tab.sees("clouds", "arn:aws:iam::111122223333:role/payments-admin").await;
    tab.becomes("U0HEAD").await;
    tab.types("/jit request payments-read 15m to see").await;
    tab.sees("messages", "This could never be granted").await;
    tab.close().await;
}

#[tokio::test]
async fn calls_of_aws_go_to_an_emulator() {
    let url = moto::url().await;
    let tab = Tab::open_with(&["--aws-endpoint", url.as_str()]).await;
    tab.sees("clouds", "Calls of AWS go to the emulator").await;
    tab.types("/jit request prod-deploy 30m fixing OPS-42").await;
    tab.sees("messages", "Why: fixing OPS-42").await;
    tab.becomes("Bob").await;
    tab.presses("messages", "Approve").await;
    tab.sees("messages", "is live until").await;
    tab.close().await;
}

#[test]
fn problems_of_a_file_are_told_with_their_lines() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jit.toml");
    fs::write(&file, format!("{MAIN}\n[[role]]\nname = \"x\"\n").replace("include", "#")).unwrap();
    let jit = Command::new(env!("CARGO_BIN_EXE_jit")).args(["playground", "--config"]).arg(&file).output().unwrap();
    let said = String::from_utf8(jit.stderr).unwrap();
    assert_eq!(jit.status.code(), Some(2), "{said}");
    assert!(said.contains("jit.toml:") && said.contains("max_duration"), "{said}");
}

#[test]
fn what_is_played_cannot_be_served() {
    let policy = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/config/playground.toml")).unwrap();
    for (policy, why) in [
        (policy.clone(), "T0PLAYGROUND, the workspace of the playground"),
        (policy.replace("T0PLAYGROUND", "T0THEIRS"), "which exists in the playground alone"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("jit.toml");
        let store = format!("sqlite:{}", folder.path().join("jit.db").display());
        let policy = policy.replace("sqlite:jit.db", &store).replace("127.0.0.1:8080", "127.0.0.1:0");
        fs::write(&file, policy).unwrap();
        let mut jit = Command::new(env!("CARGO_BIN_EXE_jit"));
        jit.args(["serve", "--config"]).arg(&file);
        jit.env("PLAYGROUND_SIGNING_SECRET", "0123456789abcdef0123456789abcdef").env("PLAYGROUND_BOT_TOKEN", "xoxb-1");
        let served = jit.output().unwrap();
        let said = String::from_utf8_lossy(&served.stderr).into_owned();
        assert!(!served.status.success() && said.contains(why), "{said}");
    }
}

#[tokio::test]
async fn nobodys_page_but_its_own_can_reach_it() {
    let tab = Tab::open().await;
    let client = reqwest::Client::new();
    let get = client.get(&tab.address).header("host", "jit.evil.example").send().await.unwrap();
    assert_eq!(get.status(), 403);
    let kill = format!("{}lever/bot", tab.address);
    for origin in [None, Some("http://evil.example"), Some("null")] {
        let mut post = client.post(&kill).form(&[("to", "killed")]);
        if let Some(origin) = origin {
            post = post.header("origin", origin);
        }
        assert_eq!(post.send().await.unwrap().status(), 403, "from {origin:?}");
    }
    tab.sees("levers", "is alive").await;
    let page = client.get(&tab.address).send().await.unwrap();
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    let html = page.text().await.unwrap();
    assert!(!html.contains("src=\"http") && !html.contains("href=\"http") && !html.contains(" style="), "{html}");
    tab.close().await;
}
