//! `jit drift`, the real program: beside a running bot, and without one.

use std::process::Output;

use regex::Regex;

use crate::harness::{
    aws::Fault,
    process::{Process, until},
    roles::{assignment, membership},
};

/// The program with a role `admins`, which puts an IAM user into a group, and both names.
struct Story {
    jit: Process,
    user: String,
    group: String,
}

impl Story {
    async fn prepare() -> Self {
        let jit = Process::prepare(|config| config).await;
        let (user, group) = (jit.cloud.user("breakglass").await, jit.cloud.group("admins").await);
        let target = membership(&user, &group);
        jit.edit_config(|config| {
            format!(
                "{config}\n[[role]]\nname = \"admins\"\nmax_duration = \"2h\"\n\n[[role.rule]]\napprovals = 1\n\
                 approvers = [\"sre\"]\n\n[[role.target]]\n{target}\n"
            )
        });
        Self { jit, user, group }
    }

    /// The bot runs, and somebody has been granted the role.
    async fn granted() -> Self {
        let mut story = Self::prepare().await;
        story.jit.up().await;
        let [requester, approver] = ["requester", "approver"].map(|name| story.jit.person(name));
        requester.types_in("requests", "/jit request admins 1h fixing OPS-42").await;
        story.jit.shows("requests", "[Approve]").await;
        approver.clicks("Approve").await;
        story.jit.tells(&requester, "*live*").await;
        story
    }

    async fn is_member(&self) -> bool {
        self.jit.cloud.members(&self.group).await.contains(&self.user)
    }

    async fn leaves(&self) {
        self.jit.cloud.leave(&self.user, &self.group).await;
    }

    async fn joins(&self) {
        self.jit.cloud.join(&self.user, &self.group).await;
    }

    async fn stops(&mut self) {
        self.jit.signal("TERM");
        assert!(self.jit.ended().await.success(), "{}", self.jit.log());
    }

    /// What the program says and ends with, without what differs from run to run.
    async fn drift(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.runs(&[&["drift"], arguments].concat()).await;
        let text =
            String::from_utf8(output.stdout.clone()).unwrap() + &String::from_utf8(output.stderr.clone()).unwrap();
        let text = text.replace(&self.user, "USER").replace(&self.group, "GROUP");
        let rules = [
            (r"GRANT-[0-9A-Z]{4}", "GRANT-CODE"),
            (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", "MOMENT"),
            (r"\d{4}-\d\d-\d\dT[\d:.]+Z", "MOMENT"),
            (r"[0-9a-f]{8}-[0-9a-f-]{27}", "ID"),
        ];
        let text = rules
            .iter()
            .fold(text, |text, (pattern, with)| Regex::new(pattern).unwrap().replace_all(&text, *with).into_owned());
        (output.status.code().unwrap(), text)
    }

    /// Runs it to its end, while AWS goes on answering.
    async fn runs(&self, arguments: &[&str]) -> Output {
        let mut command = self.jit.jit(arguments);
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    fn trail(&self) -> String {
        stdout(&self.jit.run(&["audit", "export"]))
    }
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[tokio::test]
async fn beside_a_running_bot_it_tells_and_mends_what_is_missing() {
    let story = Story::granted().await;
    let before = story.jit.cloud.calls().len();
    let (code, text) = story.drift(&[]).await;
    insta::assert_snapshot!(text, @r"
    Nothing to do: the clouds have what the grants say.
    Asked about 1 thing with 1 call.
      aws-iam: 1 thing, 1 call (GetGroup 1)
    Calls grow with the accounts × permission sets, groups, users and roles that are opened, not with people.
    ");
    assert_eq!(code, 0);
    assert_eq!(story.jit.cloud.calls().len() - before, 1, "as many calls as it says");

    story.leaves().await;
    let stranger = story.jit.cloud.user("stranger").await;
    story.jit.cloud.join(&stranger, &story.group).await;
    let trail = story.trail();
    story.jit.cloud.fail("GetGroup", 1, Fault::Html503);
    let before = story.jit.cloud.calls().len();
    let (code, text) = story.drift(&[]).await;
    insta::assert_snapshot!(text.replace(&stranger, "STRANGER"), @r"
    Granted, and not there:
      GRANT-CODE  admins of Requester (U0REQUESTER), ends MOMENT
        aws-iam: group/GROUP|user/USER

    Given by somebody else, and left alone:
      aws-iam: STRANGER has group/GROUP|user/STRANGER

    1 difference. `jit drift --apply` mends what can be mended.
    Asked about 1 thing with 2 calls.
      aws-iam: 1 thing, 2 calls (GetGroup 2)
    Calls grow with the accounts × permission sets, groups, users and roles that are opened, not with people.
    ");
    assert_eq!(code, 1);
    assert_eq!(story.jit.cloud.calls().len() - before, 2, "a retry is a call");
    assert_eq!(story.trail(), trail, "to look changes nothing");
    assert!(!story.is_member().await);

    let (code, text) = story.drift(&["--apply"]).await;
    insta::assert_snapshot!(text.replace(&stranger, "STRANGER"), @r"
    Given again:
      GRANT-CODE  admins of Requester (U0REQUESTER), ends MOMENT
        aws-iam: group/GROUP|user/USER

    Given by somebody else, and left alone:
      aws-iam: STRANGER has group/GROUP|user/STRANGER

    1 of 1 difference mended.
    Asked about 1 thing with 1 call.
      aws-iam: 1 thing, 1 call (GetGroup 1)
    Calls grow with the accounts × permission sets, groups, users and roles that are opened, not with people.
    ");
    assert_eq!(code, 0);
    assert!(story.is_member().await && story.jit.cloud.members(&story.group).await.contains(&stranger));
    story.jit.shows("audit", "*drift*: granted and not there, being given again").await;
    story.jit.shows("audit", "*standing access* given by somebody else, left alone").await;
    let (code, text) = story.drift(&[]).await;
    assert!(code == 0 && text.contains("Nothing to do"), "{text}");

    let trail = story.trail();
    assert_eq!(trail.matches("\"policy_loaded\"").count(), 2, "one event, which says its kind twice: {trail}");
    let by_operator =
        trail.lines().filter(|line| line.contains("drift_found") && line.contains("\"actor\":\"operator\""));
    assert_eq!(by_operator.count(), 2, "{trail}");
    assert!(story.jit.run(&["audit", "verify"]).status.success());
    assert!(!story.jit.log().contains("lease"), "{}", story.jit.log());
}

#[tokio::test]
async fn without_a_bot_it_does_the_work_and_leaves_the_rest_to_the_next_start() {
    let mut story = Story::granted().await;
    story.stops().await;
    story.leaves().await;
    let (code, text) = story.drift(&["--apply"]).await;
    assert!(code == 0 && text.starts_with("Given again:\n  GRANT-CODE"), "{text}");
    assert!(story.is_member().await);

    story.jit.up().await;
    let requester = story.jit.person("requester");
    requester.clicks("End now").await;
    story.jit.tells(&requester, "has *ended*").await;
    story.stops().await;
    assert!(!story.is_member().await);

    // AWS brings it back, and does not let go of it
    story.joins().await;
    let (code, text) = story.drift(&[]).await;
    insta::assert_snapshot!(text, @r"
    There without a live grant, made by jit:
      GRANT-CODE  admins of Requester (U0REQUESTER), ended MOMENT
        aws-iam: group/GROUP|user/USER

    1 difference. `jit drift --apply` mends what can be mended.
    Asked about 1 thing with 1 call.
      aws-iam: 1 thing, 1 call (GetGroup 1)
    Calls grow with the accounts × permission sets, groups, users and roles that are opened, not with people.
    ");
    assert_eq!(code, 1);
    story.jit.cloud.fail("RemoveUserFromGroup", 1_000, Fault::ACCESS_DENIED);
    let (code, text) = story.drift(&["--apply"]).await;
    insta::assert_snapshot!(text, @r"
    Not mended yet:
      GRANT-CODE  admins of Requester (U0REQUESTER), ended MOMENT
        aws-iam: group/GROUP|user/USER
        AWS does not let the bot take away the membership of IAM user USER in IAM group GROUP, which lasts until somebody does: sts:TagSession is not allowed. Allow it to the bot, or to the role in aws.revoker_role_arn (AWS request id ID)
        failed 3 times in a row, tried again MOMENT

    0 of 1 difference mended. The bot goes on with the rest, or takes it up when it starts.
    Asked about 1 thing with 1 call.
      aws-iam: 1 thing, 1 call (GetGroup 1)
    Calls grow with the accounts × permission sets, groups, users and roles that are opened, not with people.
    ");
    assert_eq!(code, 1);
    let (code, text) = story.drift(&[]).await;
    assert!(code == 0 && text.contains("Nothing to do"), "it is being removed: {text}");
    story.jit.cloud.heal();
    story.jit.up().await;
    story.jit.shows("audit", "*closed*").await;
    for _ in 0..500 {
        if !story.is_member().await {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(!story.is_member().await, "the bot has gone on");

    story.stops().await;
    story.joins().await;
    let (code, text) = story.drift(&["--apply", "--wait", "30s"]).await;
    assert!(code == 0 && text.starts_with("Removed:\n  GRANT-CODE"), "{text}");
    assert!(!story.is_member().await);
}

#[tokio::test]
async fn programs_get_json() {
    let mut story = Story::prepare().await;
    let (unit, set) = (story.jit.cloud.unit(None).await, story.jit.cloud.permission_set("PT1H").await);
    for _ in 0..2 {
        story.jit.cloud.account_in(&unit).await;
    }
    story.jit.edit_config(|config| format!("{config}\n[[role.target]]\n{}\n", assignment(&unit, &set)));
    story.jit.up().await;
    story.stops().await;
    let before = story.jit.cloud.calls().len();
    let (code, text) = story.drift(&["--output", "json"]).await;
    insta::assert_snapshot!(text, @r#"
    {
      "asked": {
        "aws-iam": {
          "by_name": {
            "GetGroup": 1
          },
          "calls": 1,
          "things": 1
        },
        "aws-identity-center": {
          "by_name": {
            "ListAccountAssignments": 2,
            "ListAccountsForParent": 1,
            "ListInstances": 1,
            "ListOrganizationalUnitsForParent": 1
          },
          "calls": 5,
          "things": 2
        }
      },
      "foreign": [],
      "in_order": true,
      "lingering": [],
      "mended": null,
      "missing": [],
      "unanswered": []
    }
    "#);
    assert_eq!((code, story.jit.cloud.calls().len() - before), (0, 6), "as many calls as it says");

    let story = Story::granted().await;
    story.leaves().await;
    let stranger = story.jit.cloud.user("stranger").await;
    story.jit.cloud.join(&stranger, &story.group).await;
    let (code, text) = story.drift(&["--output", "json"]).await;
    insta::assert_snapshot!(text.replace(&stranger, "STRANGER"), @r#"
    {
      "asked": {
        "aws-iam": {
          "by_name": {
            "GetGroup": 1
          },
          "calls": 1,
          "things": 1
        }
      },
      "foreign": [
        {
          "cloud": "aws-iam",
          "principal": "STRANGER",
          "resource": "group/GROUP|user/STRANGER"
        }
      ],
      "in_order": false,
      "lingering": [],
      "mended": null,
      "missing": [
        {
          "cloud": "aws-iam",
          "ends_at": "MOMENT",
          "grant": "GRANT-CODE",
          "grant_id": "ID",
          "holder": "U0REQUESTER",
          "holder_name": "Requester",
          "resource": "group/GROUP|user/USER",
          "role": "admins"
        }
      ],
      "unanswered": []
    }
    "#);
    assert_eq!(code, 1);
    let (code, text) = story.drift(&["--apply", "--output", "json"]).await;
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &report["in_order"], &report["mended"][0]["outcome"]), (0, &true.into(), &"given_again".into()));
    until(|| story.jit.slack.channel("audit").screen().contains("*opened*"), || story.jit.log()).await;
}

#[tokio::test]
async fn what_it_cannot_find_out_it_says() {
    let mut story = Story::prepare().await;
    let (code, text) = story.drift(&[]).await;
    assert!(code == 2 && text.starts_with("jit: there is no store to compare with at `sqlite:"), "{text}");
    let (code, text) = story.drift(&["--apply"]).await;
    assert!(code == 2 && text.contains("cannot be used"), "{text}");
    assert!(!story.jit.store_file().exists(), "none is made");
    let (code, text) = story.drift(&["--wait", "30s"]).await;
    assert!(code == 2 && text.contains("--apply"), "{text}");

    story.jit.up().await;
    story.stops().await;
    story.jit.cloud.fail("GetGroup", 1, Fault::ACCESS_DENIED);
    let (code, text) = story.drift(&[]).await;
    insta::assert_snapshot!(text, @r"
    Could not be found out:
      aws-iam: group/GROUP
        AWS does not let the bot look at IAM group GROUP: sts:TagSession is not allowed. Allow it to the bot, or to the role in aws.revoker_role_arn (AWS request id ID)

    Nothing to do: the clouds have what the grants say as far as could be found out.
    Asked about 0 things with 1 call.
      aws-iam: 0 things, 1 call (GetGroup 1)
    Calls grow with the accounts × permission sets, groups, users and roles that are opened, not with people.
    ");
    assert_eq!(code, 2);
    story.jit.cloud.fail("GetGroup", 3, Fault::Html503);
    let (code, text) = story.drift(&["--apply"]).await;
    assert!(code == 2 && text.contains("Could not be found out:\n  aws-iam: group/GROUP\n"), "{text}");

    story.jit.sql("insert into _sqlx_migrations select 9999, 'later', installed_on, true, checksum, 0 from _sqlx_migrations limit 1").await;
    for command in [&["drift"][..], &["drift", "--apply"], &["grants"]] {
        let output = story.runs(command).await;
        assert_eq!(output.status.code(), Some(2));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(
            said.contains("its tables are of version 9999") && said.contains("use the jit that serves from it"),
            "{said}"
        );
    }
}
