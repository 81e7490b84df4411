//! No statement looks at every row of a table that grows: what takes a moment with ten grants takes the bot's time with ten
//! thousand.

use jit::store::Store;
use regex::Regex;
use sqlx::{AssertSqlSafe, ConnectOptions, SqliteConnection, sqlite::SqliteConnectOptions};

use super::{none, sources};

/// What may look at all there is, by the beginning of the statement, and why.
#[rustfmt::skip] // a table
const ALLOWED: [(&str, &str); 14] = [
    ("delete from feed where channel <>",                               "as many as there are channels: one or two"),
    ("select (select count(*)",                                         "the jobs that there are now, for the metrics"),
    ("select * from access where state in ('wanted', 'applying',",       "by an index that has what it finds, and nothing else"),
    ("select * from card order by id",                                  "for tests and people who look"),
    ("select * from grant_ where state in",                             "`jit grants`, by hand"),
    ("select count(*) from delivery",                                   "for tests"),
    ("select group_id, members from user_group",                        "as many as the policy names"),
    ("select id, principal, machine, place, created_at",                "the head of statements that each have a condition"),
    ("select json_extract(fact, '$.policy') from audit_event",          "backwards, until the last start"),
    ("select payload, min(run_at) from job group by lane",              "once, at a start"),
    ("select payload, run_at, last_error from job order by run_at, id", "for tests and people who look"),
    ("select seq, hash, (select json_group_array(channel) from feed)",  "as many as there are channels: one or two"),
    ("update job set leased_until = null, lease_owner = null where lease_owner is not null", "once, at a start"),
    ("update place set pending = 0 where pending = 1",                  "by an index that has what it changes, and nothing else"),
];

/// A statement of the program, and where it stands.
struct Statement {
    place: String,
    sql: String,
}

/// Each statement that is written out in the room with SQL.
fn statements() -> Vec<Statement> {
    let literal = Regex::new(r#""\s*((?:select|insert|update|delete)\b(?:[^"\\]|\\.)*)""#).unwrap();
    let mut all = Vec::new();
    for source in sources("src/store", "rs") {
        let code = source.text.split("#[cfg(test)]").next().unwrap_or_default();
        for found in literal.captures_iter(code) {
            let place = source.place(found.get(0).unwrap().start());
            let parts = found[1].split(';').map(|part| part.split_whitespace().collect::<Vec<_>>().join(" "));
            let reads =
                |sql: &String| ["select", "insert", "update", "delete"].iter().any(|verb| sql.starts_with(verb));
            all.extend(parts.filter(reads).map(|sql| Statement { place: place.clone(), sql }));
        }
    }
    // what sqlx keeps for itself, and what is put together from parts
    all.retain(|statement| !statement.sql.contains("_sqlx_migrations") && !statement.sql.contains('{'));
    assert!(all.len() > 100, "{} statements are too few: are they written in another way now?", all.len());
    all
}

/// The tables that a statement looks at row by row.
async fn scanned(store: &mut SqliteConnection, sql: &str) -> Vec<String> {
    let plan = sqlx::query_as(AssertSqlSafe(format!("explain query plan {sql}"))).fetch_all(store).await;
    let plan: Vec<(i64, i64, i64, String)> = plan.unwrap_or_else(|error| panic!("{error}: {sql}"));
    let ours =
        ["access", "audit_", "call", "card", "claim_link", "delivery", "feed", "foreign_access", "grant_", "job"];
    let others = ["login", "person", "place", "request", "review", "session", "spent_proof", "user_group"];
    let tables = || ours.iter().chain(&others);
    let steps = plan.into_iter().filter_map(|(.., step)| step.strip_prefix("SCAN ").map(str::to_owned));
    steps.filter(|step| tables().any(|table| step.starts_with(table))).collect()
}

#[tokio::test]
async fn no_statement_looks_at_all_there_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jit.db");
    Store::open(&format!("sqlite:{}", file.display())).await.unwrap().close().await;
    let mut store = SqliteConnectOptions::new().filename(&file).connect().await.unwrap();
    let (mut complaints, mut used) = (Vec::new(), Vec::new());
    for Statement { place, sql } in statements() {
        let scanned = scanned(&mut store, &sql).await;
        match ALLOWED.iter().find(|(beginning, _)| sql.starts_with(beginning)) {
            Some((beginning, why)) if !scanned.is_empty() => {
                let is_true = !why.starts_with("by an index") || scanned.iter().all(|step| step.contains(" USING "));
                assert!(is_true, "{place} does not look by an index: {scanned:?}");
                used.push(*beginning);
            }
            _ => complaints.extend(scanned.iter().map(|step| format!("{place} looks at all of {step}: {sql}"))),
        }
    }
    let unused = ALLOWED.iter().filter(|(beginning, _)| !used.contains(beginning));
    complaints.extend(unused.map(|(beginning, _)| format!("`{beginning}` need not be allowed any more")));
    none(&complaints);
}
