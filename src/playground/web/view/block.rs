//! Block Kit as HTML, laid out the way Slack lays it out.

use maud::{Markup, html};
use serde_json::Value;

use super::mrkdwn;
use crate::playground::workspace::{Spot, Window};

/// What blocks are drawn with.
pub(super) struct Paper<'a> {
    pub(super) window: &'a Window<'a>,
    /// The part of the page, so that what is shown in two parts has an id in each.
    pub(super) part: &'static str,
    /// Where they are, for what their buttons send.
    pub(super) spot: Spot,
}

impl Paper<'_> {
    /// Blocks, one below the other.
    pub(super) fn blocks(&self, blocks: &[Value]) -> Markup {
        html! { @for block in blocks { (self.block(block)) } }
    }

    fn block(&self, block: &Value) -> Markup {
        let elements = || block["elements"].as_array().into_iter().flatten();
        match block["type"].as_str().unwrap_or_default() {
            "section" => self.section(block),
            "header" => html! { h3.header-block { (mrkdwn::words(&block["text"])) } },
            "divider" => html! { hr; },
            "context" => html! {
                div.context-block { @for element in elements() { span { (self.element(block, element)) } } }
            },
            "actions" => html! {
                div.actions-block { @for element in elements() { (self.element(block, element)) } }
            },
            "input" => self.input(block),
            "image" => image(block),
            "markdown" => {
                html! { div.section-block { (mrkdwn::shown(self.window, block["text"].as_str().unwrap_or_default())) } }
            }
            unknown => {
                html! { div.context-block { "A block of the type " code { (unknown) } ", which is not drawn here." } }
            }
        }
    }

    fn section(&self, section: &Value) -> Markup {
        let fields: Vec<&Value> = section["fields"].as_array().into_iter().flatten().collect();
        html! {
            div.section-block {
                div.section-text {
                    @if let Some(text) = section.get("text") { (mrkdwn::text(self.window, text)) }
                    @if !fields.is_empty() {
                        div.fields { @for field in fields { div { (mrkdwn::text(self.window, field)) } } }
                    }
                }
                @if let Some(accessory) = section.get("accessory") { div.accessory { (self.element(section, accessory)) } }
            }
        }
    }

    fn element(&self, block: &Value, element: &Value) -> Markup {
        match element["type"].as_str().unwrap_or_default() {
            "mrkdwn" | "plain_text" => mrkdwn::text(self.window, element),
            "image" => image(element),
            "button" => self.button(block, element),
            _ => self.field(block, element),
        }
    }

    fn button(&self, block: &Value, button: &Value) -> Markup {
        let (block_id, action_id) = (word(block, "block_id"), word(button, "action_id"));
        let (kind, place) = match &self.spot {
            Spot::Message { ts, .. } => ("message", ts),
            Spot::Ephemeral { ts } => ("ephemeral", ts),
            Spot::View { id } => ("view", id),
        };
        let channel = if let Spot::Message { channel, .. } = &self.spot { Some(channel) } else { None };
        let style = button["style"].as_str();
        let confirm = button.get("confirm");
        let part = |key: &str| confirm.map(|confirm| mrkdwn::words(&confirm[key]));
        html! {
            button.btn.primary[style == Some("primary")].danger[style == Some("danger")] type="button"
                id={ (self.part) "-" (place) "-" (action_id) } data-press=(kind) data-place=(place) data-channel=[channel]
                data-block=(block_id) data-action=(action_id) data-url=[button["url"].as_str()]
                aria-label=[button["accessibility_label"].as_str()]
                data-confirm=[part("title")] data-confirm-text=[part("text")]
                data-confirm-yes=[part("confirm")] data-confirm-no=[part("deny")] { (mrkdwn::words(&button["text"])) }
        }
    }

    fn input(&self, input: &Value) -> Markup {
        let (block_id, element) = (word(input, "block_id"), &input["element"]);
        let is_group = matches!(element["type"].as_str(), Some("radio_buttons" | "checkboxes"));
        let label = html! {
            (mrkdwn::words(&input["label"])) @if input["optional"] == true { span.optional { " (optional)" } }
        };
        let hint = input.get("hint").map(mrkdwn::words);
        html! {
            div.input-block data-input=(block_id) {
                @if is_group {
                    fieldset { legend { (label) } (self.field(input, element)) }
                } @else {
                    label for={ "f-" (block_id) } { (label) } (self.field(input, element))
                }
                @if let Some(hint) = hint { p.hint id={ "h-" (block_id) } { (hint) } }
                p.error id={ "e-" (block_id) } role="alert" {}
            }
        }
    }

    /// Something to fill in or to choose from.
    fn field(&self, block: &Value, element: &Value) -> Markup {
        let name = word(block, "block_id");
        let id = format!("f-{name}");
        let required = block["type"] == "input" && block["optional"] != true;
        let described = block.get("hint").map(|_| format!("h-{name}"));
        let placeholder = element.get("placeholder").map(mrkdwn::words);
        let initial = element["initial_value"].as_str();
        match element["type"].as_str().unwrap_or_default() {
            "plain_text_input" if element["multiline"] == true => html! {
                textarea id=(id) name=(name) rows="3" required[required] placeholder=[placeholder]
                    aria-describedby=[described] maxlength=[element["max_length"].as_u64()] { (initial.unwrap_or_default()) }
            },
            "plain_text_input" | "email_text_input" | "url_text_input" | "number_input" => html! {
                input type="text" id=(id) name=(name) value=[initial] required[required] placeholder=[placeholder]
                    aria-describedby=[described] maxlength=[element["max_length"].as_u64()] autocomplete="off";
            },
            kind @ ("datepicker" | "timepicker") => html! {
                input type=(if kind == "datepicker" { "date" } else { "time" }) id=(id) name=(name) required[required]
                    value=[element["initial_date"].as_str().or(element["initial_time"].as_str())];
            },
            "static_select" | "overflow" => html! {
                select id=(id) name=(name) required[required] aria-describedby=[described] {
                    @if element.get("initial_option").is_none() { option value="" { (placeholder.unwrap_or_else(|| "Choose one".to_owned())) } }
                    (options(element))
                }
            },
            kind @ ("radio_buttons" | "checkboxes") => html! {
                @for (place, option) in choices(element).enumerate() {
                    label.choice {
                        input type=(if kind == "checkboxes" { "checkbox" } else { "radio" }) name=(name)
                            value=(word(option, "value")) required[required && kind == "radio_buttons"]
                            checked[is_initial(element, option)] id={ (id) "-" (place) };
                        span { (mrkdwn::text(self.window, &option["text"])) }
                    }
                }
            },
            _ => html! {
                input type="text" id=(id) name=(name) required[required] placeholder=[placeholder]
                    aria-describedby=[described] autocomplete="off";
            },
        }
    }
}

fn options(element: &Value) -> Markup {
    html! {
        @for option in choices(element) {
            option value=(word(option, "value")) selected[is_initial(element, option)] { (mrkdwn::words(&option["text"])) }
        }
    }
}

/// What there is to choose from.
pub(crate) fn choices(element: &Value) -> impl Iterator<Item = &Value> {
    let groups = element["option_groups"].as_array().into_iter().flatten();
    let grouped = groups.filter_map(|group| group["options"].as_array()).flatten();
    element["options"].as_array().into_iter().flatten().chain(grouped)
}

fn is_initial(element: &Value, option: &Value) -> bool {
    let several = element["initial_options"].as_array().into_iter().flatten();
    several.chain(element.get("initial_option")).any(|initial| initial["value"] == option["value"])
}

/// Nothing is fetched from elsewhere, so of a picture there is what it says of itself.
fn image(image: &Value) -> Markup {
    html! { span.image { "[" (image["alt_text"].as_str().unwrap_or("a picture")) "]" } }
}

fn word<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::{ambient::SystemClock, playground::workspace::Workspace};

    fn drawn(block: &Value) -> String {
        let workspace = Workspace::new(Arc::new(SystemClock));
        let window = workspace.window();
        let spot = Spot::Message { channel: "C0X".to_owned(), ts: "1.2".to_owned() };
        Paper { window: &window, part: "talk", spot }.block(block).into_string()
    }

    #[test]
    fn every_kind_of_block_and_element_is_drawn() {
        let text = |text: &str| json!({ "type": "plain_text", "text": text });
        let option = json!({ "text": text("One"), "value": "1" });
        let input =
            |element: Value| json!({ "type": "input", "block_id": "b", "label": text("Label"), "element": element });
        let confirm = json!({ "title": text("T"), "text": text("Q"), "confirm": text("Y"), "deny": text("N") });
        let go =
            json!({ "type": "button", "action_id": "a", "text": text("Go"), "style": "danger", "confirm": confirm });
        for (block, parts) in [
            (json!({ "type": "header", "text": text("A &amp; b") }), vec!["<h3", "A &amp; b"]),
            (
                json!({ "type": "section", "text": { "type": "mrkdwn", "text": "*x*" }, "fields": [text("f")], "accessory": go }),
                vec!["<strong>x</strong>", "class=\"fields\"", "btn danger", "data-channel=\"C0X\"", ">Go</button>"],
            ),
            (
                json!({ "type": "actions", "block_id": "b", "elements": [go] }),
                vec!["data-confirm=\"T\"", "data-confirm-text=\"Q\"", "data-confirm-yes=\"Y\"", "data-block=\"b\""],
            ),
            (json!({ "type": "context", "elements": [text("small")] }), vec!["context-block", "small"]),
            (json!({ "type": "divider" }), vec!["<hr>"]),
            (json!({ "type": "image", "alt_text": "a cat", "image_url": "https://x.example/c" }), vec!["[a cat]"]),
            (input(json!({ "type": "plain_text_input", "multiline": true })), vec!["<textarea", "required", "Label"]),
            (
                input(json!({ "type": "static_select", "options": [option] })),
                vec!["<select", "<option value=\"1\">One"],
            ),
            (
                input(json!({ "type": "radio_buttons", "options": [option], "initial_option": option })),
                vec!["<fieldset>", "<legend>Label", "type=\"radio\"", "checked"],
            ),
            (input(json!({ "type": "checkboxes", "options": [option] })), vec!["type=\"checkbox\""]),
            (input(json!({ "type": "datepicker" })), vec!["type=\"date\""]),
            (input(json!({ "type": "timepicker" })), vec!["type=\"time\""]),
            (json!({ "type": "video" }), vec!["which is not drawn here"]),
        ] {
            let html = drawn(&block);
            for part in parts {
                assert!(html.contains(part), "no `{part}` in {html}");
            }
            assert!(!html.contains("https://x.example"), "something is fetched from elsewhere: {html}");
        }
    }
}
