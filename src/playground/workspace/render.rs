//! Draws Block Kit as text: what a person would see, for snapshots and the terminal.
//!
//! Buttons are `[Approve]`; fields and context lines are lines of their own; what a click would ask in a confirmation
//! is not shown, as it is not shown in Slack.

use serde_json::Value;

use super::{mrkdwn, state::State};

const RULE: &str = "────────";

/// A message: its blocks, or its text where it has none.
pub(super) fn message(state: &State, text: &str, blocks: &[Value]) -> String {
    if blocks.is_empty() { mrkdwn::shown(state, text) } else { drawn(state, blocks) }
}

/// Blocks, one below the other.
pub(super) fn drawn(state: &State, blocks: &[Value]) -> String {
    let lines: Vec<String> = blocks.iter().flat_map(|block| block_lines(state, block)).collect();
    lines.join("\n")
}

fn block_lines(state: &State, block: &Value) -> Vec<String> {
    let elements = || block["elements"].as_array().into_iter().flatten();
    match block["type"].as_str().unwrap_or_default() {
        "section" => section_lines(state, block),
        "header" => vec![format!("# {}", text_shown(state, &block["text"]))],
        "divider" => vec![RULE.to_owned()],
        "context" => vec![elements().map(|element| element_shown(state, element)).collect::<Vec<_>>().join("  ")],
        "actions" => vec![elements().map(|element| element_shown(state, element)).collect::<Vec<_>>().join(" ")],
        "image" => vec![element_shown(state, block)],
        "markdown" => vec![block["text"].as_str().unwrap_or_default().to_owned()],
        "input" => input_lines(state, block),
        unknown => vec![format!("(a block of type `{unknown}`)")],
    }
}

fn section_lines(state: &State, section: &Value) -> Vec<String> {
    let text = section.get("text").map(|text| text_shown(state, text));
    let fields = section["fields"].as_array().into_iter().flatten();
    // A field is a title over a value in Slack's two columns; here it is one line.
    let fields = fields.map(|field| text_shown(state, field).replace('\n', " "));
    let accessory = section.get("accessory").map(|element| element_shown(state, element));
    text.into_iter().chain(fields).chain(accessory).collect()
}

fn input_lines(state: &State, input: &Value) -> Vec<String> {
    let optional = if input["optional"] == true { " (optional)" } else { "" };
    let label = text_shown(state, &input["label"]);
    let hint = input.get("hint").map(|hint| format!("  {}", text_shown(state, hint)));
    let line = format!("{label}{optional}: {}", element_shown(state, &input["element"]));
    [Some(line), hint].into_iter().flatten().collect()
}

fn element_shown(state: &State, element: &Value) -> String {
    match element["type"].as_str().unwrap_or_default() {
        "mrkdwn" | "plain_text" => text_shown(state, element),
        "image" => format!("(image: {})", element["alt_text"].as_str().unwrap_or_default()),
        "button" => {
            let label = text_shown(state, &element["text"]);
            element["url"].as_str().map_or_else(|| format!("[{label}]"), |url| format!("[{label}]({url})"))
        }
        "overflow" => format!("[… {}]", options_shown(state, element)),
        "plain_text_input" => blank(state, element, element["initial_value"].as_str()),
        "static_select" | "radio_buttons" | "checkboxes" => {
            let chosen = element.get("initial_option").map(|option| text_shown(state, &option["text"]));
            format!("{} ({})", blank(state, element, chosen.as_deref()), options_shown(state, element))
        }
        other => blank(state, element, Some(&format!("<{other}>"))),
    }
}

/// A field to fill in: what it holds already, or its placeholder.
fn blank(state: &State, element: &Value, held: Option<&str>) -> String {
    let placeholder = || element.get("placeholder").map(|text| text_shown(state, text)).unwrap_or_default();
    format!("__{}__", held.map_or_else(placeholder, str::to_owned))
}

fn options_shown(state: &State, element: &Value) -> String {
    let groups =
        element["option_groups"].as_array().into_iter().flatten().filter_map(|group| group["options"].as_array());
    let options = element["options"].as_array().into_iter().chain(groups).flatten();
    options.map(|option| text_shown(state, &option["text"])).collect::<Vec<_>>().join(" / ")
}

/// A text object, whichever kind.
pub(super) fn text_shown(state: &State, object: &Value) -> String {
    let text = object["text"].as_str().unwrap_or_default();
    if object["type"] == "mrkdwn" { mrkdwn::shown(state, text) } else { mrkdwn::decoded(text) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_card_is_drawn_as_a_person_sees_it() {
        let blocks = json!([
            {"type": "header", "text": {"type": "plain_text", "text": "Access request"}},
            {"type": "section", "text": {"type": "mrkdwn", "text": "<@U0JIT> asks for *prod-deploy*"},
             "fields": [{"type": "mrkdwn", "text": "*How long*\n30 minutes"}]},
            {"type": "divider"},
            {"type": "context", "elements": [{"type": "mrkdwn", "text": "REQ-7K3M"}, {"type": "plain_text", "text": "a &amp; b"}]},
            {"type": "actions", "elements": [
                {"type": "button", "text": {"type": "plain_text", "text": "Approve"}, "style": "primary"},
                {"type": "button", "text": {"type": "plain_text", "text": "Deny"}, "style": "danger"}]},
            {"type": "input", "label": {"type": "plain_text", "text": "Reason"}, "optional": true,
             "element": {"type": "plain_text_input", "placeholder": {"type": "plain_text", "text": "why"}}},
        ]);
        insta::assert_snapshot!(drawn(&State::new("T0ACME"), blocks.as_array().unwrap()), @r"
        # Access request
        @jit asks for *prod-deploy*
        *How long* 30 minutes
        ────────
        REQ-7K3M  a & b
        [Approve] [Deny]
        Reason (optional): __why__
        ");
    }
}
