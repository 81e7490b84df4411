//! What the bot's immediate answer does: a command's shows a message, a submission's moves the modals.

use serde_json::{Value, json};

use super::{
    Answer, Call, Workspace,
    api::Refusal,
    check,
    delivery::{About, Parcel},
    post::{Content, LONGEST_POST},
    state::State,
};

impl Workspace {
    /// Lets the answer take effect and gives what Slack found wrong with it.
    pub(super) fn land(&self, parcel: &Parcel, answer: &Answer) -> Option<String> {
        let now = self.now();
        let mut state = self.state();
        let landed = match (&parcel.about, answer) {
            (About::Command { channel }, Answer::Response { status: 200, body }) => {
                command_answered(&mut state, channel, &parcel.by, body, now)
            }
            (About::Command { channel }, Answer::Response { .. } | Answer::Unreachable) => {
                fail_command(&mut state, channel, &parcel.by, "dispatch_failed", now)
            }
            (About::Command { channel }, Answer::TimedOut) => {
                fail_command(&mut state, channel, &parcel.by, "operation_timeout", now)
            }
            (About::Submission { view }, Answer::Response { status: 200, body }) => submitted(&mut state, view, body),
            (About::Submission { .. }, _) => Err(Refusal::new("submission_failed")),
            (About::Interaction | About::Event, Answer::Response { status: 200..300, .. }) => Ok(()),
            (About::Interaction | About::Event, _) => Err(Refusal::new("not_acknowledged")),
        };
        let refusal = landed.err()?;
        let (args, outcome) = (json!({ "answer": format!("{answer:?}") }), refusal.outcome());
        state.calls.push(Call { method: "answer".to_owned(), args, at: now, outcome });
        Some([vec![refusal.error], refusal.messages].concat().join("\n"))
    }
}

/// An answer to a command is a message: private unless it says otherwise, and plain text will do.
fn command_answered(
    state: &mut State,
    channel: &str,
    user: &str,
    body: &str,
    now: jiff::Timestamp,
) -> Result<(), Refusal> {
    if body.is_empty() {
        return Ok(());
    }
    let answer: Value = serde_json::from_str(body).unwrap_or_else(|_| json!({ "text": body }));
    let content = Content::checked(answer["text"].as_str(), answer.get("blocks"), LONGEST_POST)?;
    match answer["response_type"].as_str() {
        None | Some("ephemeral") => _ = state.whisper(channel, user, content, now),
        Some("in_channel") => {
            let author = state.app.user_id.clone();
            state.post((channel, &author), content, None, now);
        }
        Some(_) => return Err(Refusal::new("invalid_response_type")),
    }
    Ok(())
}

/// What Slack itself tells somebody whose command went nowhere.
fn fail_command(
    state: &mut State,
    channel: &str,
    user: &str,
    error: &str,
    now: jiff::Timestamp,
) -> Result<(), Refusal> {
    let text = format!("The command failed with the error \"{error}\"");
    let content = Content::checked(Some(&text), None, LONGEST_POST)?;
    state.whisper(channel, user, content, now);
    Err(Refusal::new(error))
}

/// Nothing closes the modal, `clear` closes all, `update` and `push` show another, `errors` leaves it as it is.
fn submitted(state: &mut State, view: &str, body: &str) -> Result<(), Refusal> {
    let Some(user) = state.view(view).map(|view| view.user.clone()) else { return Ok(()) };
    if body.trim().is_empty() {
        state.modals.retain(|modal| modal.id != view);
        return Ok(());
    }
    let answer: Value = serde_json::from_str(body).map_err(|_| Refusal::new("invalid_response"))?;
    match answer["response_action"].as_str() {
        Some("clear") => state.modals.retain(|modal| modal.user != user),
        Some(action @ ("update" | "push")) => {
            let problems = check::view(&answer["view"]);
            let content = answer["view"].as_object().filter(|_| problems.is_empty());
            let content = content.cloned().ok_or_else(|| Refusal::because("invalid_view", problems))?;
            if action == "push" { _ = state.push_modal(&user, content) } else { state.replace_modal(view, content) }
        }
        Some("errors") => {
            let blocks = state.view(view).map(|view| view.blocks().to_vec()).unwrap_or_default();
            let is_known =
                |id: &String| blocks.iter().any(|block| block["type"] == "input" && block["block_id"] == **id);
            if !answer["errors"].as_object().is_some_and(|errors| !errors.is_empty() && errors.keys().all(is_known)) {
                return Err(Refusal::new("errors_must_name_input_blocks"));
            }
        }
        _ => return Err(Refusal::new("invalid_response_action")),
    }
    Ok(())
}
