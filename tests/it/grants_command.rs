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
    insta::assert_snapshot!(named(text), @"");
    assert_eq!(code, 0);

    world.advance(minutes(22)).await;
    let (code, text) = grants(&world, &["--stuck"]);
    insta::assert_snapshot!(named(text), @"");
    assert_eq!(code, 1);
    let (code, text) = grants(&world, &["--stuck", "--output", "json"]);
    let text = regex::Regex::new("[0-9a-f]{8}-[0-9a-f-]{27}").unwrap().replace_all(&text, "ID").into_owned();
    insta::assert_snapshot!(named(text), @"");
    assert_eq!(code, 1);
    let (_, all) = grants(&world, &[]);
    assert_eq!(all.matches("GRANT-CODE").count(), 2, "the one that is over is not listed: {all}");

    world.cloud.heal();
    world.advance(minutes(10)).await;
    assert_eq!(grants(&world, &["--stuck", "--output", "json"]), (0, "[]\n".to_owned()));
    world.glance();
    world.finish().await;
}
