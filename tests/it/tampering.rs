//! Somebody changes the trail behind the bot's back: `jit audit verify` ends with 1 and names the first bad event.

use std::process::Command;

use crate::harness::{World, minutes};

#[tokio::test]
async fn every_way_to_tamper_is_found_and_named() {
    let mut world = World::start().await;
    let [requester, approver] = world.people(["requester", "approver"]);
    world.grants(&requester, &approver, "prod-deploy 30m fixing OPS-42").await;
    world.advance(minutes(30)).await;
    let dir = tempfile::TempDir::new().unwrap();
    let trail = dir.path().join("trail.db");
    world.sql("pragma wal_checkpoint(truncate)").await;
    let verify = |more: &[&str]| {
        let config = dir.path().join("jit.toml");
        let text = std::fs::read_to_string(world.config_file()).unwrap();
        std::fs::write(&config, text.replace(world.store_file().to_str().unwrap(), trail.to_str().unwrap())).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_jit"));
        let output = command.args(["audit", "verify", "--config"]).arg(config).args(more).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        (output.status.code(), said.trim().to_owned())
    };
    let fresh = || {
        for suffix in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{suffix}", trail.display()));
        }
        std::fs::copy(world.store_file(), &trail).unwrap();
    };

    fresh();
    let (code, said) = verify(&[]);
    assert_eq!(code, Some(0), "{said}");
    let events = crate::harness::checks::trail(&world).await;
    assert_eq!(events.len(), 8);

    let insert = "insert into audit_event (seq, at, actor, kind, request_id, grant_id, fact, prev, hash)";
    for (statement, expected) in [
        (
            "update audit_event set actor = 'U0OUTSIDER' where seq = 3".to_owned(),
            "The trail is broken: event 3 was altered: its content does not fit its hash.",
        ),
        (
            "update audit_event set at = at + 1 where seq = 1".to_owned(),
            "The trail is broken: event 1 was altered: its content does not fit its hash.",
        ),
        (
            "delete from audit_event where seq = 4".to_owned(),
            "The trail is broken: event 4 was removed: event 5 stands in its place.",
        ),
        (
            "delete from audit_event where seq = 1".to_owned(),
            "The trail is broken: event 1 was removed: event 2 stands in its place.",
        ),
        (
            "delete from audit_event where seq = 8".to_owned(),
            "The trail is broken: event 8 was removed: the trail ends at event 7, but 8 were written.",
        ),
        (
            format!(
                "{insert} select 9, at, actor, kind, request_id, grant_id, fact, hash, 'x' from audit_event where seq = 8"
            ),
            "The trail is broken: event 9 was altered: its content does not fit its hash.",
        ),
        (
            format!(
                "{insert} select 0, at, actor, kind, request_id, grant_id, fact, prev, hash from audit_event where seq = 1"
            ),
            "The trail is broken: event 0 was inserted or replaced: it does not follow from the event before it.",
        ),
        (
            "update audit_event set seq = -seq where seq in (3, 4);
             update audit_event set seq = 7 + seq where seq < 0"
                .to_owned(),
            "The trail is broken: event 3 was inserted or replaced: it does not follow from the event before it.",
        ),
    ] {
        fresh();
        change(&trail, &statement).await;
        assert_eq!(verify(&[]), (Some(1), expected.to_owned()), "{statement}");
    }

    // a whole new trail is sound in itself, and only a seal from the audit channel tells
    fresh();
    let last = events.last().unwrap();
    let seal = format!("8:{}", &last.hash[..8]);
    assert_eq!(verify(&["--seal", &seal]).0, Some(0));
    assert_eq!(verify(&["--seal", "not a seal"]).0, Some(2));
    let (code, said) = verify(&["--seal", "8:00000000"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("event 8 was replaced"), "{said}");
    change(
        &trail,
        "delete from audit_event where seq = 8;
         update audit_head set seq = 7, hash = (select hash from audit_event where seq = 7)",
    )
    .await;
    assert_eq!(verify(&[]).0, Some(0));
    let (code, said) = verify(&["--seal", &seal]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("event 8 was removed"), "{said}");

    world.everything_is_read();
    world.finish().await;
}

async fn change(file: &std::path::Path, statements: &str) {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
    let mut store = sqlx::ConnectOptions::connect(&options).await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(statements.to_owned())).execute(&mut store).await.unwrap();
    sqlx::Connection::close(store).await.unwrap();
}
