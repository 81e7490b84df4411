//! Whether everybody can use the page: axe-core looks at what people see, by day, by night and on a telephone.

use serde_json::{Value, json};

use super::{Tab, driver};

/// What axe-core finds, one line each.
async fn violations(tab: &Tab, axe: &str) -> Vec<String> {
    tab.run(axe, Vec::new()).await;
    let script = "const done = arguments[0]; axe.run(document, { resultTypes: ['violations'] }).then((found) => \
                  done(found.violations.flatMap((it) => it.nodes.map((node) => \
                  `${it.id}: ${node.target.join(' ')}: ${node.failureSummary.replace(/\\s+/g, ' ')}`))))";
    let found = tab.browser.client.execute_async(script, Vec::new()).await.unwrap();
    let Value::Array(found) = found else { panic!("axe-core does not answer: {found}") };
    found.iter().map(|it| it.as_str().unwrap_or_default().to_owned()).collect()
}

async fn scheme(tab: &Tab, scheme: &str) {
    let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
    tab.browser.tools("Emulation.setEmulatedMedia", features).await;
}

async fn width(tab: &Tab, width: u32) {
    let metrics = json!({ "width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 500 });
    tab.browser.tools("Emulation.setDeviceMetricsOverride", metrics).await;
}

#[tokio::test]
async fn nothing_on_the_page_keeps_anybody_out() {
    let (tab, axe) = (Tab::open().await, driver::axe());
    let mut found: Vec<String> = Vec::new();
    let look = async |found: &mut Vec<String>, state: &str| {
        for (theme, size) in [("light", 1360), ("dark", 1360), ("light", 390), ("dark", 390)] {
            scheme(&tab, theme).await;
            width(&tab, size).await;
            let seen = violations(&tab, &axe).await;
            found.extend(seen.into_iter().map(|it| format!("{state}, {theme}, {size} wide: {it}")));
            let wide = tab.run("return document.documentElement.scrollWidth", Vec::new()).await;
            if wide.as_u64() > Some(size.into()) {
                found.push(format!("{state}, {theme}: at {size} the page is {wide} wide and has to be moved sideways"));
            }
        }
        width(&tab, 1360).await;
    };
    look(&mut found, "an empty channel").await;
    tab.types("/jit request prod-deploy 30m fixing OPS-42").await;
    tab.sees("messages", "Why: fixing OPS-42").await;
    look(&mut found, "a card and an answer").await;
    tab.find("#text").await.send_keys("/jit ").await.unwrap();
    tab.sees("options", "withdraw a request").await;
    look(&mut found, "completions").await;
    tab.becomes("Bob").await;
    tab.presses("messages", "Approve").await;
    tab.sees("messages", "is live until").await;
    tab.clicks("#messages article:not(.ephemeral) a.reply").await;
    tab.sees("thread", "No replies yet").await;
    look(&mut found, "a thread").await;
    tab.presses("messages", "Revoke").await;
    tab.sees("confirm", "The access ends now").await;
    look(&mut found, "a question").await;
    tab.presses("confirm", "Not now").await;
    tab.opens("jit Home").await;
    tab.presses("messages", "Request access").await;
    tab.sees("modals", "How long").await;
    look(&mut found, "a form").await;
    tab.presses("modals", "Cancel").await;
    tab.until("modals", "nothing", str::is_empty).await;
    look(&mut found, "the home tab").await;
    tab.presses("levers", "Kill it").await;
    tab.sees("levers", "is dead").await;
    tab.opens("access-audit").await;
    for part in ["side", "panel"] {
        width(&tab, 390).await;
        tab.clicks(&format!("[data-tab={part}]")).await;
        look(&mut found, &format!("the audit channel and, on a telephone, {part}")).await;
    }
    assert!(found.is_empty(), "{} things keep somebody out:\n{}", found.len(), found.join("\n"));
    tab.close().await;
}
