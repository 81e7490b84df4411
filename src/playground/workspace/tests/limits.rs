//! Block Kit's limits, each just kept and just broken.

use super::{super::check, *};

fn section(text: &Value) -> Value {
    json!({ "type": "section", "text": text })
}

fn actions(elements: impl IntoIterator<Item = Value>) -> Value {
    json!({ "type": "actions", "elements": elements.into_iter().collect::<Vec<_>>() })
}

fn with(mut value: Value, key: &str, to: impl Into<Value>) -> Value {
    value[key] = to.into();
    value
}

fn select(options: usize) -> Value {
    let options = (0..options).map(|n| json!({ "text": plain("o"), "value": n.to_string() }));
    json!({ "type": "static_select", "options": options.collect::<Vec<_>>() })
}

fn long(length: usize) -> String {
    "x".repeat(length)
}

#[test]
fn blocks_at_the_limit_pass_and_beyond_it_are_refused() {
    let confirm =
        |title: &str| json!({ "title": plain(title), "text": mrkdwn("t"), "confirm": plain("y"), "deny": plain("n") });
    let fields = |count, length| json!({ "type": "section", "fields": vec![mrkdwn(&long(length)); count] });
    let context = |count| json!({ "type": "context", "elements": vec![mrkdwn("c"); count] });
    let buttons = |count: usize| actions((0..count).map(|n| button("b", &n.to_string())));
    let header = |length| json!({ "type": "header", "text": plain(&long(length)) });
    for (fits, breaks, because) in [
        (section(&mrkdwn(&long(3000))), section(&mrkdwn(&long(3001))), "must be less than 3001 characters"),
        (section(&mrkdwn("x")), section(&mrkdwn("")), "must be more than 0 characters"),
        (fields(10, 2000), fields(11, 1), "no more than 10 items"),
        (fields(1, 2000), fields(1, 2001), "must be less than 2001"),
        (header(150), header(151), "must be less than 151"),
        (header(1), json!({ "type": "header", "text": mrkdwn("x") }), "must be `plain_text`"),
        (buttons(25), buttons(26), "no more than 25 items"),
        (context(10), context(11), "no more than 10 items"),
        (actions([button(&long(75), "a")]), actions([button(&long(76), "a")]), "must be less than 76"),
        (actions([button("b", &long(255))]), actions([button("b", &long(256))]), "must be less than 256"),
        (
            actions([with(button("b", "a"), "value", long(2000))]),
            actions([with(button("b", "a"), "value", long(2001))]),
            "must be less than 2001",
        ),
        (
            actions([with(button("b", "a"), "confirm", confirm(&long(100)))]),
            actions([with(button("b", "a"), "confirm", confirm(&long(101)))]),
            "must be less than 101",
        ),
        (actions([select(100)]), actions([select(101)]), "no more than 100 items"),
        (
            actions([button("b", "a"), button("b", "b")]),
            actions([button("b", "a"), button("b", "a")]),
            "`action_id` \"a\" already exists",
        ),
        (
            actions([with(button("b", "a"), "style", "primary")]),
            actions([with(button("b", "a"), "style", "green")]),
            "must be `primary` or `danger`",
        ),
        (section(&plain("x")), with(section(&plain("x")), "txt", "y"), "unknown field: txt"),
        (section(&plain("x")), section(&with(plain("x"), "verbatim", true)), "unknown field: verbatim"),
        (actions([button("b", "a")]), actions([with(button("b", "a"), "lable", "y")]), "unknown field: lable"),
        (json!({ "type": "divider" }), json!({ "type": "rule" }), "unsupported type: rule"),
        (json!({ "type": "divider" }), json!({ "type": "table" }), "the workspace model has no block `table` yet"),
        (section(&plain("x")), json!({ "type": "section" }), "missing required field: text"),
    ] {
        assert_eq!(check::message_blocks(&[fits]), Vec::<String>::new());
        let problems = check::message_blocks(std::slice::from_ref(&breaks));
        assert!(
            problems.iter().any(|problem| problem.contains(because)),
            "{problems:?} should say {because}: {breaks}"
        );
    }
}

#[test]
fn whole_messages_and_views_have_limits_too() {
    let divider = json!({ "type": "divider" });
    assert!(check::message_blocks(&vec![divider.clone(); 50]).is_empty());
    assert_eq!(
        check::message_blocks(&vec![divider.clone(); 51]),
        ["[ERROR] no more than 50 items allowed [json-pointer:/blocks]"]
    );
    let twice = vec![with(divider.clone(), "block_id", "b"); 2];
    assert_eq!(
        check::message_blocks(&twice),
        ["[ERROR] `block_id` \"b\" already exists [json-pointer:/blocks/1/block_id]"]
    );
    let modal = |blocks: Value| json!({ "type": "modal", "title": plain("T"), "blocks": blocks });
    assert!(check::view(&modal(json!(vec![divider.clone(); 100]))).is_empty());
    assert!(!check::view(&modal(json!(vec![divider; 101]))).is_empty());
    let input = json!({ "type": "input", "label": plain("L"), "element": { "type": "plain_text_input" } });
    assert!(check::view(&modal(json!([input])))[0].contains("missing required field: submit"));
}

#[tokio::test]
async fn a_refusal_says_where_and_much_text_is_too_much() {
    let (_workspace, server, _) = workspace().await;
    let post = |blocks: Value| json!({ "channel": "C0REQUESTS", "text": "t", "blocks": blocks });
    let refused = call(&server, "chat.postMessage", post(json!([section(&mrkdwn(&long(3001)))]))).await;
    assert_eq!(refused["error"], "invalid_blocks");
    assert_eq!(
        refused["response_metadata"]["messages"],
        json!(["[ERROR] must be less than 3001 characters [json-pointer:/blocks/0/text/text]"])
    );
    let much = json!(vec![section(&mrkdwn(&long(2500))); 4]);
    assert_eq!(call(&server, "chat.postMessage", post(much)).await["error"], "msg_blocks_too_long");
}
