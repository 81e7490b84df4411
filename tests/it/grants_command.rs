//! `jit grants`, the real program, on the store of a world.

use std::process::Command;

use crate::harness::{World, aws::Fault, minutes};

/// What the program says and ends with.
fn grants(world: &World, arguments: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_jit"));
    command.arg("grants").args(arguments).arg("--config").arg(world.config_file()).env_clear();
    let output = command.output().unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    (output.status.code().unwrap(), world.tidy(&String::from_utf8(output.stdout).unwrap()))
}

#[tokio::test]
async fn it_lists_what_is_granted_and_explains_what_is_stuck() {
    let (mut world, user, group) = World::with_admins().await;
    let named = |text: String| text.replace(&user, "USER").replace(&group, "GROUP");
    let [requester, approver, lead] = world.people(["requester", "approver", "lead"]);
    assert_eq!(grants(&world, &[]), (0, "Nobody has a grant.\n".to_owned()));
    assert_eq!(grants(&world, &["--stuck"]), (0, "Nothing is stuck.\n".to_owned()));

    world.grants(&requester, &approver, "admins 30m fixing OPS-42").await;
    world.grants(&lead, &approver, "prod-deploy 30m fixing OPS-43").await;
    world.cloud.fail("RemoveUserFromGroup", 1_000, Fault::ACCESS_DENIED);
    world.advance(minutes(10)).await;
    assert_eq!(grants(&world, &["--stuck"]), (0, "Nothing is stuck.\n".to_owned()));
    world.grants(&approver, &requester, "sandbox 2h").await;
    let (code, text) = grants(&world, &[]);
    insta::assert_snapshot!(named(text), @r"
    GRANT-CODE  admins of Requester (U0REQUESTER), live, ends 2026-11-21 12:30:00 UTC
      aws-iam: group/GROUP|user/USER: live

    GRANT-CODE  prod-deploy of Lead (U0LEAD), live, ends 2026-11-21 12:30:00 UTC
      aws-sts: arn:aws:iam::123456789012:role/prod-deploy: live

    GRANT-CODE  sandbox of Approver (U0APPROVER), live, ends 2026-11-21 14:10:01 UTC
      aws-sts: arn:aws:iam::123456789012:role/prod-deploy: live
    ");
    assert_eq!(code, 0);

    world.advance(minutes(22)).await;
    let (code, text) = grants(&world, &["--stuck"]);
    insta::assert_snapshot!(named(text), @r#"
    GRANT-CODE  admins of Requester (U0REQUESTER), ending since 2026-11-21 12:30:00 UTC, was to end 2026-11-21 12:30:00 UTC
      aws-iam: group/GROUP|user/USER: being closed
        STUCK since 2026-11-21 12:30:31 UTC
        AWS does not let the bot take away the membership of IAM user USER in IAM group GROUP, which lasts until somebody does: sts:TagSession is not allowed. Allow it to the bot, or to the role in aws.revoker_role_arn (AWS request id f0f0f0f0-1111-2222-3333-444444444444)
        failed 7 times in a row, tried next 2026-11-21 12:32:07 UTC
        Way out: mend what is named above, or remove it by hand in the cloud and press "I removed it by hand" on the alarm in Slack: jit then looks whether it is gone. jit goes on trying by itself, and tries at once after "Retry now" on the alarm in Slack.
    "#);
    assert_eq!(code, 1);
    let (code, text) = grants(&world, &["--stuck", "--output", "json"]);
    let text = regex::Regex::new("[0-9a-f]{8}-[0-9a-f-]{27}").unwrap().replace_all(&text, "ID").into_owned();
    insta::assert_snapshot!(named(text), @r#"
    [
      {
        "ends_at": "2026-11-21T12:30:00Z",
        "grant": "GRANT-CODE",
        "grant_id": "ID",
        "holder": "U0REQUESTER",
        "holder_name": "Requester",
        "role": "admins",
        "starts_at": "2026-11-21T12:00:00Z",
        "state": "ending",
        "targets": [
          {
            "cloud": "aws-iam",
            "failures": 7,
            "last_words": "AWS does not let the bot take away the membership of IAM user USER in IAM group GROUP, which lasts until somebody does: sts:TagSession is not allowed. Allow it to the bot, or to the role in aws.revoker_role_arn (AWS request id ID)",
            "next_try": "2026-11-21T12:32:07Z",
            "resource": "group/GROUP|user/USER",
            "state": "removing",
            "stuck_since": "2026-11-21T12:30:31Z",
            "way_out": "mend what is named above, or remove it by hand in the cloud and press \"I removed it by hand\" on the alarm in Slack: jit then looks whether it is gone. jit goes on trying by itself, and tries at once after \"Retry now\" on the alarm in Slack."
          }
        ]
      }
    ]
    "#);
    assert_eq!(code, 1);
    let (_, all) = grants(&world, &[]);
    assert_eq!(all.matches("GRANT-CODE").count(), 2, "the one that is over is not listed: {all}");

    world.cloud.heal();
    world.advance(minutes(10)).await;
    assert_eq!(grants(&world, &["--stuck", "--output", "json"]), (0, "[]\n".to_owned()));
    world.glance();
    world.finish().await;
}
