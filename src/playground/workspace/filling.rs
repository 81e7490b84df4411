//! Fills in a modal: turns what somebody entered into the `state.values` that Slack sends.

use serde_json::{Value, json};

use super::{View, state::State};

/// The values of all inputs of `view`, by block id and action id.
///
/// # Panics
/// When a value has no input, an option is not offered, or a required input is left empty.
pub(super) fn filled(state: &State, view: &View, values: &[(&str, &str)]) -> Value {
    let inputs: Vec<&Value> = view.blocks().iter().filter(|block| block["type"] == "input").collect();
    for (name, _) in values {
        assert!(inputs.iter().any(|input| is_named(input, name)), "the modal has no input `{name}`");
    }
    let mut filled = json!({});
    for input in inputs {
        let element = &input["element"];
        let entered = values.iter().find(|(name, _)| is_named(input, name)).map(|(_, value)| *value);
        let entered = entered.or(element["initial_value"].as_str()).filter(|value| !value.is_empty());
        let is_optional = input["optional"] == true || element.get("initial_option").is_some();
        assert!(entered.is_some() || is_optional, "`{}` must be filled in", input["label"]["text"]);
        let (block, action) = (text(&input["block_id"]), text(&element["action_id"]));
        filled[block] = json!({ action: value_of(state, element, entered) });
    }
    filled
}

fn is_named(input: &Value, name: &str) -> bool {
    [&input["label"]["text"], &input["block_id"], &input["element"]["action_id"]].into_iter().any(|own| own == name)
}

fn value_of(state: &State, element: &Value, entered: Option<&str>) -> Value {
    let kind = text(&element["type"]);
    let option = |name: &str| option_of(element, name);
    match (kind, entered) {
        ("static_select" | "radio_buttons", Some(name)) => json!({ "type": kind, "selected_option": option(name) }),
        ("static_select" | "radio_buttons", None) => {
            json!({ "type": kind, "selected_option": element.get("initial_option") })
        }
        ("checkboxes" | "multi_static_select", names) => {
            let chosen: Vec<Value> = names.into_iter().flat_map(|names| names.split(',')).map(option).collect();
            json!({ "type": kind, "selected_options": chosen })
        }
        ("external_select", Some(value)) => {
            let text = json!({ "type": "plain_text", "text": value });
            json!({ "type": kind, "selected_option": { "text": text, "value": value } })
        }
        ("users_select", Some(name)) => {
            json!({ "type": kind, "selected_user": state.user_named(name).map(|user| &user.id) })
        }
        ("datepicker", day) => json!({ "type": kind, "selected_date": day }),
        ("timepicker", time) => json!({ "type": kind, "selected_time": time }),
        (_, value) => json!({ "type": kind, "value": value }),
    }
}

fn option_of(element: &Value, name: &str) -> Value {
    let groups =
        element["option_groups"].as_array().into_iter().flatten().filter_map(|group| group["options"].as_array());
    let mut options = element["options"].as_array().into_iter().chain(groups).flatten();
    let option = options.find(|option| option["value"] == name || option["text"]["text"] == name);
    option.cloned().unwrap_or_else(|| panic!("`{name}` is not among the options"))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
