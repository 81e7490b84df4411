//! No room on the disk: people get words, nothing is granted, nothing is lost, and all goes on when there is room again.
//!
//! The disk is full for the real program alone: `ulimit -f` lets no file grow beyond a size, and writes fail as they do
//! on a full disk.

use std::process::Command;

use crate::harness::process::{Process, until};

#[tokio::test]
async fn a_full_disk_is_said_so_and_loses_nothing() {
    let mut jit = Process::prepare(|config| {
        config.replace("max_duration = \"8h\"", "max_duration = \"8h\"\nmin_duration = \"1s\"")
            + "\n[limits]\npending_per_person = 90\nrequests_per_person_per_hour = 900\n"
    })
    .await;
    // The signal that comes with it is ignored, so that the write fails instead.
    jit.up_under("trap '' XFSZ; ulimit -S -f 1000").await;
    let [requester, approver] = ["requester", "approver"].map(|name| jit.person(name));
    requester.types_in("requests", "/jit request prod-deploy 30m before the disk was full").await;
    jit.shows("requests", "[Approve]").await;

    let mut asked = 0;
    let refusal = loop {
        let _ = requester.private();
        let answer = requester.types_in("requests", &format!("/jit request nothing-{asked} 30m fill")).await;
        assert_eq!(answer.status(), Some(200));
        asked += 1;
        let told = requester.private();
        if told.contains("could not save") {
            break told;
        }
        assert!(asked < 500, "the disk does not fill: {told}");
    };
    assert!(refusal.contains("so *nothing has changed*. Please try again in a moment"), "{refusal}");
    let card = jit.slack.channel("requests").messages().remove(0);
    let click = approver.clicks_on(&card, "Approve").await;
    assert_eq!(click.status(), Some(200));
    let mut told = String::new();
    until(
        || {
            told.push_str(&approver.private());
            told.contains("I could not save this, so *nothing has changed*.")
        },
        || jit.log(),
    )
    .await;
    assert!(jit.cloud.actions().is_empty(), "nothing was granted");
    assert!(jit.run(&["audit", "verify"]).status.success(), "what was written is whole");

    let id = jit.id().to_string();
    assert!(Command::new("prlimit").args(["--pid", &id, "--fsize=unlimited:"]).status().unwrap().success());
    approver.clicks_on(&card, "Approve").await;
    jit.tells(&requester, "*live*").await;
    assert!(jit.run(&["audit", "verify"]).status.success());
    assert_eq!(jit.cloud.actions(), ["AssumeRole"]);
    jit.signal("TERM");
    assert!(jit.ended().await.success());
}
