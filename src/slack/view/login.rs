//! Signing machines in and out: what is said to whoever types a code, and the list of their sessions.

use super::{
    draft::{Draft, Weight},
    words,
};
use crate::{
    domain::session::{Login, Session},
    slack::{inbound::Button, message::Message},
    usecase::login::Refused,
};

/// Whoever typed a code is asked whether the machine is theirs.
#[must_use]
pub fn question(login: &Login) -> Message {
    let user = login.user.as_deref().map(|user| format!(", user {}", words::quoted(user))).unwrap_or_default();
    Draft::default()
        .say(format!("*Sign in this machine as you?*\nIt calls itself {}{user}", words::quoted(&login.machine)))
        .say(format!("It calls from {}. It asked {}", words::quoted(&login.place), words::on(login.created_at)))
        .note(
            "Confirm only if you started `jit login` there yourself, just now. Whoever is signed in can ask for roles as \
             you, and use what is granted to you.",
        )
        .button("Confirm", Button::ConfirmLogin(login.id), &login.machine, Weight::Primary)
        .button("It is not mine", Button::RefuseLogin(login.id), &login.machine, Weight::Plain)
        .finish()
}

/// They say that it is.
#[must_use]
pub fn confirmed(login: &Login, slash: &str) -> Message {
    Message::paragraph(format!(
        "{} is signed in as you. `{slash} sessions` shows it and lets you sign it out.",
        words::quoted(&login.machine)
    ))
}

/// They say that it is not.
#[must_use]
pub fn refused(login: &Login) -> Message {
    Message::paragraph(format!(
        "{} is not signed in, and whoever watches over the audit trail is told. If somebody gave you that code, tell them \
         too: it would have let another machine act as you.",
        words::quoted(&login.machine)
    ))
}

/// A code, or an answer about it, that came to nothing.
#[must_use]
pub fn refusal(refused: &Refused) -> String {
    match refused {
        Refused::Unknown => {
            "There is no such code, or it is older than ten minutes. `jit login` on your machine shows a fresh one."
                .to_owned()
        }
        Refused::Taken => {
            "Somebody else has typed this code before you. `jit login` on your machine shows a fresh one.".to_owned()
        }
        Refused::TooLate => {
            "This was answered already, or took longer than ten minutes. `jit login` shows a fresh code.".to_owned()
        }
    }
}

/// `/jit sessions`
#[must_use]
pub fn sessions(sessions: &[Session]) -> Message {
    if sessions.is_empty() {
        return Message::paragraph("No machine is signed in as you. `jit login` on one begins it.");
    }
    let draft = Draft::default().say("Machines that are signed in as you:");
    let draft = sessions.iter().take(SHOWN).enumerate().fold(draft, |draft, (place, session)| {
        let line = format!(
            "{}. {} from {}, since {}, until {}",
            place + 1,
            words::quoted(&session.machine),
            words::quoted(&session.place),
            words::moment(session.created_at),
            words::moment(session.expires_at),
        );
        let button = Button::RevokeSession(session.id);
        draft.say(line).one_of_many(&format!("Sign out {}", place + 1), place, button, &session.machine)
    });
    match sessions.len().checked_sub(SHOWN) {
        None | Some(0) => draft.finish(),
        Some(more) => draft.note(format!("… and {more} more, which show when these are gone")).finish(),
    }
}

/// A row of buttons takes 25 (Slack's documentation of the actions block); fewer are read more easily.
const SHOWN: usize = 10;

/// One of them was signed out.
#[must_use]
pub fn signed_out(session: Option<&Session>) -> Message {
    Message::paragraph(match session {
        Some(session) => format!("{} is signed out.", words::quoted(&session.machine)),
        None => "There is no such session of yours any more.".to_owned(),
    })
}
