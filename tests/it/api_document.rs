//! The API's description: it is served, committed, and true.

use std::{collections::BTreeSet, path::Path, process::Stdio};

use jit::http::v1::openapi::openapi;
use regex::Regex;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::harness::{World, client::Client, minutes};

/// The committed document.
const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/openapi.json");

fn written() -> String {
    let mut text = serde_json::to_string_pretty(&openapi()).unwrap();
    text.push('\n');
    text
}

#[tokio::test]
async fn the_committed_document_is_the_one_that_is_served() {
    if std::env::var_os("JIT_WRITE_OPENAPI").is_some() {
        std::fs::write(COMMITTED, written()).unwrap();
    }
    let committed = std::fs::read_to_string(COMMITTED).unwrap_or_default();
    assert!(
        committed == written(),
        "docs/openapi.json is not what the code says. Write it anew: \
         JIT_WRITE_OPENAPI=1 cargo test --test it the_committed_document"
    );
    let world = World::start().await;
    let served = Client::of(&world).get("/openapi.json").await.ok();
    assert_eq!(served, serde_json::from_str::<Value>(&committed).unwrap());
    world.finish().await;
}

#[test]
fn every_route_is_described_and_every_description_has_its_route() {
    let routes = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http/v1/mod.rs")).unwrap();
    let route = Regex::new(r#"\.route\("([^"]+)", (.+)\)"#).unwrap();
    let method = Regex::new(r"\b(get|post|delete)\(").unwrap();
    let mut served = BTreeSet::new();
    for hit in route.captures_iter(&routes) {
        for found in method.captures_iter(&hit[2]) {
            served.insert(format!("{} /v1{}", &found[1], &hit[1]));
        }
    }
    served.remove("get /v1/openapi.json");
    let document = serde_json::to_value(openapi()).unwrap();
    let described: BTreeSet<String> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| item.as_object().unwrap().keys().map(move |method| format!("{method} {path}")))
        .collect();
    assert_eq!(described, served);
    let pointless: Vec<String> = document["paths"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|item| item.as_object().unwrap().values())
        .filter(|operation| operation["responses"]["500"].is_null() || operation["summary"].is_null())
        .map(|operation| operation["operationId"].to_string())
        .collect();
    assert_eq!(pointless, Vec::<String>::new(), "each says what it does and how it fails");
}

/// What a property-based run must not find.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance,unsupported_method,ignored_auth";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_made_up_call_gets_an_answer_that_is_not_described() {
    let schemathesis = std::env::var("JIT_SCHEMATHESIS").unwrap_or_else(|_| {
        panic!(
            "JIT_SCHEMATHESIS does not say where schemathesis' program `st` is; scripts/test installs it and says so"
        )
    });
    let mut world = World::with(|config| {
        format!(
            "{config}\n[api]\nstrangers_per_minute = 1000000\nauditors = [\"sre\"]\n\n\
             [limits]\nrequests_per_person_per_hour = 1000000\npending_per_person = 1000000\n"
        )
    })
    .await;
    let [requester, approver] = world.people(["requester", "approver"]);
    let program = world.signs_in(&requester).await;
    let ask = json!({ "role": "prod-deploy", "duration": "30m", "reason": "OPS-42" });
    let grant = world.grants_by_api(&program, &approver, ask).await;
    let waiting = program.post("/requests", json!({ "role": "prod-deploy", "reason": "OPS-43" })).await;
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("schemathesis.toml");
    std::fs::write(&config, known(&grant["name"], &waiting.body["name"])).unwrap();

    let token = world.shown_secrets.iter().find(|secret| secret.starts_with("jits_")).cloned().unwrap();
    let run = Command::new(&schemathesis)
        .arg("--config-file")
        .arg(&config)
        .args(["run", &world.url("/v1/openapi.json"), "--url", &world.url("")])
        .args(["--header", &format!("Authorization: Bearer {token}")])
        // It would sign us out; the stories do that.
        .args(["--exclude-operation-id", "sign_out"])
        .args(["--phases", "examples,coverage,fuzzing", "--checks", CHECKS])
        .args(["--max-examples", "30", "--seed", "1", "--workers", "2", "--request-timeout", "10", "--no-shrink"])
        .current_dir(folder.path())
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn();
    let run = run.unwrap_or_else(|error| panic!("schemathesis cannot be started as `{schemathesis}`: {error}"));
    let run = tokio::time::timeout(std::time::Duration::from_mins(4), run.wait_with_output()).await;
    let run = run.expect("schemathesis comes to an end").unwrap();
    let said = format!("{}\n{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    println!("{said}");
    assert!(run.status.success(), "{said}");
    assert!(!said.to_lowercase().contains("missing authentication"), "{said}");
    let tested = Regex::new(r"Tested:\s+(\d+)").unwrap().captures(&said).map(|hit| hit[1].parse::<usize>().unwrap());
    assert!(tested.is_some_and(|tested| tested >= 15), "{said}");

    // What was claimed on the way is over with its grant.
    world.advance(minutes(90)).await;
    world.everything_is_read();
    world.kill().await;
}

/// Names of what is there, so that calls come further than to "not found".
fn known(grant: &Value, request: &Value) -> String {
    let of = |operations: &[&str], name: &Value| {
        let table = |operation: &&str| {
            format!(
                "[[operations]]\ninclude-operation-id = \"{operation}\"\nparameters = {{ \"path.id\" = {name} }}\n\n"
            )
        };
        operations.iter().map(table).collect::<Vec<_>>().concat()
    };
    of(&["grant", "heartbeat", "credentials", "console", "extend"], grant) + &of(&["request"], request)
}
