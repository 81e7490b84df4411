//! The bot's home tab, and the form that it opens: asking without knowing the command.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

use super::{
    answer,
    draft::{Draft, Weight},
    refusal,
};
use crate::{
    domain::{catalog::Role, policy::AskRefusal, request::Request, time},
    slack::{
        inbound::{ASK_FORM, AskField, Button},
        message::{Message, shortened},
    },
    usecase::status::Status,
};

/// Blocks a view may have, options a menu, characters an option (Slack's documentation of views and of selects).
const MAX_BLOCKS: usize = 100;
const MAX_OPTIONS: usize = 100;
const MAX_OPTION: usize = 75;

/// Somebody's home tab: what they wait for and have, and what they may ask for.
#[must_use]
pub fn home(status: &Status, roles: &[Role], slash: &str) -> Value {
    let top = Draft::default()
        .say("*Access to clouds, for a while.* You ask, people approve, and it ends by itself.")
        .button("Request access", Button::Ask, "to a cloud", Weight::Primary)
        .finish();
    let parts = [top, answer::status(status, slash), answer::list(roles, slash)];
    let divider = || json!({ "type": "divider" });
    let mut blocks: Vec<Value> =
        parts.iter().flat_map(|part| blocks(part).into_iter().chain([divider()])).take(MAX_BLOCKS).collect();
    blocks.pop();
    json!({ "type": "home", "blocks": blocks })
}

/// The form in which somebody asks for a role.
#[must_use]
pub fn ask(roles: &[Role]) -> Value {
    if roles.is_empty() {
        return said("Request access", &answer::list(roles, "/jit"));
    }
    let options: Vec<Value> = roles.iter().take(MAX_OPTIONS).map(option).collect();
    let field = |field: AskField, label: &str, optional: bool, hint: &str, element: Value| {
        let mut element = element;
        element["action_id"] = json!(field.id());
        let hint = json!({ "type": "plain_text", "text": hint });
        let label = json!({ "type": "plain_text", "text": label });
        json!({ "type": "input", "block_id": field.id(), "label": label, "optional": optional, "hint": hint,
                "element": element })
    };
    let line = |most: usize| json!({ "type": "plain_text_input", "max_length": most });
    json!({
        "type": "modal", "callback_id": ASK_FORM,
        "title": { "type": "plain_text", "text": "Request access" },
        "submit": { "type": "plain_text", "text": "Request" },
        "close": { "type": "plain_text", "text": "Cancel" },
        "blocks": [
            field(AskField::Role, "Role", false, "What you may ask for.",
                  json!({ "type": "static_select", "options": options })),
            field(AskField::Duration, "How long", true, "Such as 30m or 1h30m. Without it you get the role's usual time.",
                  line(20)),
            field(AskField::Reason, "Why", true, "Those who decide read it, and it stays on the trail.", line(500)),
        ],
    })
}

fn option(role: &Role) -> Value {
    let text = format!("{} — {}", role.name, role.description);
    json!({ "text": { "type": "plain_text", "text": shortened(&text, MAX_OPTION) }, "value": role.name.as_str() })
}

/// The form's place is taken by what came of it.
#[must_use]
pub fn asked(message: &Message) -> Value {
    json!({ "response_action": "update", "view": said("Requested", message) })
}

/// The answer to a request that was made.
#[must_use]
pub fn made(request: &Request) -> Message {
    answer::asked(request, "/jit")
}

/// A refusal, beside the field that it is about.
#[must_use]
pub fn refused(why: &AskRefusal) -> Value {
    let field = match why {
        AskRefusal::TooLong { .. } | AskRefusal::TooShort { .. } | AskRefusal::NoRuleFits { .. } => AskField::Duration,
        AskRefusal::ReasonMissing | AskRefusal::TicketMissing { .. } => AskField::Reason,
        AskRefusal::UnknownRole { .. }
        | AskRefusal::NotARequester { .. }
        | AskRefusal::TargetsChanged
        | AskRefusal::GrantOver
        | AskRefusal::TooFewApprovers { .. }
        | AskRefusal::TooManyPending { .. }
        | AskRefusal::TooManyThisHour { .. } => AskField::Role,
    };
    beside(field, &refusal::ask(why, "/jit"))
}

/// A time that is none.
#[must_use]
pub fn no_duration() -> Value {
    let example = time::short(Duration::from_mins(90));
    beside(AskField::Duration, &format!("This is not a length of time. Write it like 30m, 2h or {example}."))
}

/// Something that has nothing to do with what was filled in.
#[must_use]
pub fn failed(message: &Message) -> Value {
    beside(AskField::Role, &message.text)
}

/// Slack shows these words as they are.
fn beside(field: AskField, mrkdwn: &str) -> Value {
    let plain = mrkdwn.replace(['*', '`'], "").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    json!({ "response_action": "errors", "errors": BTreeMap::from([(field.id(), plain)]) })
}

fn said(title: &str, message: &Message) -> Value {
    let text = |text: &str| json!({ "type": "plain_text", "text": text });
    json!({ "type": "modal", "title": text(title), "close": text("Close"), "blocks": blocks(message) })
}

fn blocks(message: &Message) -> Vec<Value> {
    message.blocks.iter().filter_map(|block| serde_json::to_value(block).ok()).collect()
}
