//! The real program, by the machine's clock: `jit serve`, its signals, its logs, and `jit audit` beside it.

use std::{process::Output, time::Duration};

use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::harness::{
    aws::Fault,
    browser,
    process::{Process, until},
};

#[tokio::test]
async fn more_connections_than_the_usual_limit_are_taken_and_none_holds_up_another() {
    let mut jit = Process::prepare(|config| config).await;
    jit.up_under("ulimit -S -n 64").await;
    let address = jit.url("").replace("http://", "");
    let mut silent = Vec::new();
    for _ in 0..200 {
        silent.push(TcpStream::connect(address.trim_end_matches('/')).await.unwrap());
    }
    assert_eq!(browser::opens(&jit.url("/readyz")).await.status, 200);
    // A head that never ends is no reason to stay either.
    silent[0].write_all(b"GET /readyz HTTP/1.1\r\nHost: ").await.unwrap();
    jit.signal("TERM");
    assert!(jit.ended().await.success(), "{}", jit.log());
}

#[tokio::test]
async fn the_whole_story_with_the_real_program() {
    let mut jit = Process::start().await;
    let [requester, approver] = ["requester", "approver"].map(|name| jit.person(name));
    requester.types_in("requests", "/jit request prod-deploy 4s fixing OPS-42").await;
    jit.shows("requests", "[Approve]").await;
    approver.clicks("Approve").await;
    jit.tells(&requester, "[Get credentials]").await;
    let (link, page) = jit.claims(&requester).await;
    let console = browser::clicks_console(&link, &page).await;
    assert_eq!(console.status, 303, "{}", console.body);
    jit.tells(&requester, "has *ended*").await;
    jit.shows("audit", "*ended*").await;

    let ready = browser::opens(&jit.url("/readyz")).await;
    assert_eq!((ready.status, ready.body.as_str()), (200, "ready\n"));
    let metrics = browser::opens(&jit.url("/metrics")).await.body;
    for name in [
        "jit_ack_seconds",
        "jit_slack_calls_total",
        "jit_aws_calls_total",
        "jit_jobs_total",
        "jit_revocation_lateness_seconds",
        "jit_requests_awaiting",
        "jit_grants",
        "jit_accesses_stuck",
        "jit_jobs_unfinished",
    ] {
        assert!(metrics.contains(&format!("# TYPE {name} ")), "{name}:\n{metrics}");
    }

    let jsonl = stdout(&jit.run(&["audit", "export"]));
    let kinds: Vec<String> = jsonl
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["kind"].as_str().unwrap().to_owned())
        .collect();
    insta::assert_snapshot!(kinds.join("\n"), @r"
    policy_loaded
    request_made
    request_approved
    access_live
    grant_active
    credentials_claimed
    credentials_claimed
    grant_ending
    access_removed
    grant_ended
    ");
    let csv = stdout(&jit.run(&["audit", "export", "--format", "csv"]));
    assert_eq!(csv.lines().count(), kinds.len() + 1, "{csv}");
    assert!(csv.starts_with("seq,at,actor,kind,"));
    assert_eq!(stdout(&jit.run(&["audit", "export", "--since", "1h"])), jsonl);
    assert_eq!(stdout(&jit.run(&["audit", "export", "--since", "2999-01-01"])), "");
    let sound = stdout(&jit.run(&["audit", "verify"]));
    assert!(sound.starts_with(&format!("The trail is sound: {} events", kinds.len())), "{sound}");

    jit.signal("TERM");
    assert!(jit.ended().await.success());
    let token = link.rsplit('/').next().unwrap().to_owned();
    let secrets = ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"].map(|name| page.export(name));
    logs_are_json_without(&jit, secrets.into_iter().chain([token, page.console_action()]));
}

/// Every line is an object with a level and a message; no secret of the story is in any.
fn logs_are_json_without(jit: &Process, shown: impl IntoIterator<Item = String>) {
    let log = jit.log();
    assert!(!log.is_empty());
    for line in log.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(line["level"].is_string() && line["fields"]["message"].is_string(), "{line}");
    }
    let app = jit.slack.app();
    let own = [app.signing_secret, app.token, crate::harness::aws::SECRET_ACCESS_KEY.to_owned()];
    let more = ["the-external-id-of-this-install", "/response/", "signin+"].map(str::to_owned);
    for secret in shown.into_iter().chain(own).chain(more) {
        assert!(!log.contains(&secret), "a secret stands in the log:\n{log}");
    }
}

#[tokio::test]
async fn nothing_is_lost_by_ends_good_and_bad_in_mid_flight() {
    let mut jit = Process::start().await;
    let [requester, approver] = ["requester", "approver"].map(|name| jit.person(name));
    requester.types_in("requests", "/jit request prod-deploy 30m first").await;
    jit.shows("requests", "[Approve]").await;
    jit.cloud.fail("AssumeRole", 1, Fault::HangAfter);
    approver.clicks("Approve").await;
    until(|| !jit.cloud.sessions().is_empty(), || jit.log()).await;
    jit.signal("KILL");
    assert!(!jit.ended().await.success());
    jit.cloud.heal();
    jit.up().await;
    jit.tells(&requester, "*live*").await;

    requester.types_in("requests", "/jit request prod-deploy 30m second").await;
    jit.shows("requests", "Why: second").await;
    jit.cloud.fail("AssumeRole", 1, Fault::Hang);
    let before = jit.cloud.actions().len();
    approver.clicks("Approve").await;
    until(|| jit.cloud.actions().len() > before, || jit.log()).await;
    jit.signal("TERM");
    tokio::time::sleep(Duration::from_millis(200)).await;
    jit.cloud.heal();
    assert!(jit.ended().await.success(), "{}", jit.log());
    jit.up().await;
    until(|| requester.dm().screen().matches("*live*").count() == 2, || requester.dm().screen()).await;

    // and a kill right behind an answer
    for number in 0..5 {
        let _ = requester.private();
        requester.types_in("requests", &format!("/jit request prod-deploy 30m killed {number}")).await;
        assert!(requester.private().contains("you asked for"));
        jit.signal("KILL");
        jit.ended().await;
        jit.up().await;
        jit.shows("requests", &format!("killed {number}")).await;
        requester.types(&format!("/jit cancel {}", newest_request(&jit))).await;
    }
    let cards = jit.slack.channel("requests").messages();
    assert_eq!(cards.len(), 7, "each card stands once: {}", jit.slack.channel("requests").screen());
    assert!(jit.run(&["audit", "verify"]).status.success());
    logs_are_json_without(&jit, []);
}

fn newest_request(jit: &Process) -> String {
    let screen = jit.slack.channel("requests").screen();
    let code = regex::Regex::new(r"REQ-[0-9A-Z]{4}").unwrap();
    code.find_iter(&screen).last().unwrap().as_str().to_owned()
}

#[tokio::test]
async fn what_must_not_start_does_not_and_says_why() {
    let mut jit = Process::prepare(|config| config).await;
    let good = std::fs::read_to_string(jit.config_file()).unwrap();
    jit.edit_config(|config| config.replace("approvals = 2", "aprovals = 2"));
    let refused = jit.run(&["serve"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(stderr(&refused).contains("approvals"), "{}", stderr(&refused));
    assert!(!jit.store_file().exists(), "nothing was begun");
    assert_eq!(jit.run(&["check"]).status.code(), Some(1));

    jit.edit_config(|_| good.replace("early_end = \"none\"\n", "") + "\n[[role.target]]\ntype = \"demo\"\n");
    let refused = jit.run(&["serve"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(stderr(&refused).contains("role `sandbox` has a `demo` target"), "{}", stderr(&refused));

    jit.edit_config(|_| good);
    jit.up().await;
    let second = jit.run(&["serve"]);
    assert_eq!(second.status.code(), Some(2));
    assert!(stderr(&second).contains("another jit serves from this store already"), "{}", stderr(&second));
    assert!(browser::opens(&jit.url("/healthz")).await.status == 200, "and the first goes on");
}

#[tokio::test]
async fn a_hangup_reloads_what_is_good_and_keeps_what_was_when_it_is_not() {
    let jit = Process::start().await;
    let requester = jit.person("requester");
    jit.shows("audit", "*policy in force*").await;
    let good = std::fs::read_to_string(jit.config_file()).unwrap();
    jit.edit_config(|config| config.replace("max_duration = \"2h\"", "max_duration = \"soon\""));
    jit.signal("HUP");
    jit.shows("audit", "*changed policy refused*").await;
    assert!(jit.log().contains("the one before stays in force"), "{}", jit.log());
    requester.types("/jit request prod-deploy 90m why").await;
    assert!(requester.private().contains("you asked for"), "the old policy holds");

    jit.edit_config(|_| good.replace("max_duration = \"2h\"", "max_duration = \"1h\""));
    jit.signal("HUP");
    until(|| jit.slack.channel("audit").screen().matches("*policy in force*").count() == 2, || jit.log()).await;
    until(|| jit.log().contains("the configuration was read again and is in force"), || jit.log()).await;
    requester.types("/jit request prod-deploy 90m why").await;
    assert_eq!(requester.private(), "1h30m is longer than this role allows. Ask for 1h or less.");
}

#[tokio::test]
async fn readiness_names_what_is_missing() {
    use jit::playground::workspace::{Fault, Times};
    let jit = Process::start().await;
    jit.slack.fault("auth.test", Fault::ServerError, Times::UntilCleared);
    let ready = browser::opens(&jit.url("/readyz")).await;
    assert_eq!((ready.status, ready.body.as_str()), (503, "not ready: Slack cannot be reached\n"));
    assert_eq!(browser::opens(&jit.url("/healthz")).await.status, 200);
    jit.slack.clear_faults();
    assert_eq!(browser::opens(&jit.url("/readyz")).await.status, 200);
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}
