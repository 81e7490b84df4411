//! Every page and every piece of it, as HTML. Drawn from what is, so a piece can be drawn again at any time.

pub(super) mod block;
mod cloud;
mod lever;
mod message;
mod modal;
mod mrkdwn;
mod side;

use maud::{DOCTYPE, Markup, html};

use super::{seat::Seat, stage::Stage};

/// A piece of the page that is drawn again when it has changed: its id and its content.
pub(super) type Region = (&'static str, Markup);

/// All of them, as somebody sees them now.
pub(super) fn regions(stage: &Stage, seat: &Seat) -> Vec<Region> {
    if let Some(channel) = seat.channel() {
        stage.saw(&seat.who, channel);
    }
    let window = stage.workspace.window();
    let mut regions = vec![
        ("sidebar", side::bar(stage, seat, &window)),
        ("heading", message::heading(stage, seat, &window)),
        ("messages", message::messages(seat, &window)),
        ("thread", message::thread(seat, &window)),
        ("modals", modal::modal(&window, &seat.who)),
        ("clouds", cloud::panel(stage, &window)),
    ];
    drop(window);
    regions.push(("levers", lever::panel(stage)));
    regions.push(("hands", hands(stage)));
    regions
}

/// What the page's own clock goes by.
fn hands(stage: &Stage) -> Markup {
    let ahead = stage.clock.ahead();
    html! {
        span id="clock" data-key="clock" data-ahead=(ahead.as_millis()) {
            time { (stage.now().strftime("%H:%M:%S UTC").to_string()) }
        }
        @if ahead.is_positive() {
            span.ahead data-key="ahead" { (format!("{:#} ahead", jiff::SignedDuration::from_secs(ahead.as_secs()))) }
        }
    }
}

/// The whole page.
pub(super) fn page(stage: &Stage, seat: &Seat) -> Markup {
    let regions: std::collections::BTreeMap<_, _> = regions(stage, seat).into_iter().collect();
    let name = seat.persona(stage).map(|persona| persona.id.clone()).unwrap_or_default();
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "jit playground" }
                link rel="icon" href="/assets/icon.svg" type="image/svg+xml";
                link rel="stylesheet" href="/assets/page.css";
                script src="/assets/page.js" defer {}
            }
            body data-who=(name) data-pane="talk" {
                a.skip href="#text" { "Skip to the message field" }
                header.top {
                    h1.brand { span.avatar.bot aria-hidden="true" { "j" } "jit playground" }
                    span.note { "a real bot, a workspace and clouds that are only played" }
                    div id="hands" { (regions["hands"]) }
                }
                main.panes {
                    section.sidebar id="sidebar" aria-label="Workspace" { (regions["sidebar"]) }
                    section.talk aria-labelledby="where" {
                        div.heading id="heading" { (regions["heading"]) }
                        div.scroll id="scroll" tabindex="0" role="group" aria-labelledby="where" {
                            div.messages id="messages" role="log" aria-live="polite" aria-labelledby="where" { (regions["messages"]) }
                        }
                        (composer())
                    }
                    section.thread id="thread" aria-label="Thread" aria-live="polite" { (regions["thread"]) }
                    section.panel aria-label="Clouds and levers" tabindex="0" {
                        h2 { "The clouds" }
                        div id="clouds" { (regions["clouds"]) }
                        h2 { "Levers" }
                        div id="levers" { (regions["levers"]) }
                        (lever::tour())
                    }
                }
                nav.tabs aria-label="Parts of the page" {
                    @for (pane, label) in [("side", "Channels"), ("talk", "Messages"), ("panel", "Clouds")] {
                        button type="button" data-tab=(pane) aria-pressed=(if pane == "talk" { "true" } else { "false" }) { (label) }
                    }
                }
                div id="modals" { (regions["modals"]) }
                (confirmation())
                p.toast id="toast" role="status" aria-live="assertive" hidden {}
            }
        }
    }
}

/// Where one types. The list above the field belongs to it: it is filled from the bot's own grammar.
fn composer() -> Markup {
    html! {
        form.composer id="composer" autocomplete="off" {
            ul id="options" role="listbox" aria-label="Completions" hidden {}
            p.usage id="usage" aria-live="polite" {}
            div.field {
                label.hidden for="text" { "Message or command" }
                input type="text" id="text" name="text" role="combobox" aria-autocomplete="list" aria-controls="options"
                    aria-expanded="false" aria-describedby="usage" placeholder="Message, or / for a command";
                button.btn.primary type="submit" { "Send" }
            }
        }
    }
}

/// What a button asks back before it does what it says.
fn confirmation() -> Markup {
    html! {
        dialog.modal.confirm id="confirm" aria-labelledby="confirm-title" aria-describedby="confirm-text" {
            form method="dialog" {
                header { h2 id="confirm-title" { "Sure?" } }
                div.modal-body { p id="confirm-text" {} }
                footer {
                    button.btn value="no" id="confirm-no" { "No" }
                    button.btn.danger value="yes" id="confirm-yes" { "Yes" }
                }
            }
        }
    }
}
