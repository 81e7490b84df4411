//! The levers, and the tour of five steps.

use maud::{Markup, html};

use crate::playground::web::{
    lever::{CLOUD, CLOUDS, SLACK},
    stage::Stage,
};

/// How far the clock can be moved at once.
const STEPS: [(&str, &str); 4] = [("60", "+1 min"), ("600", "+10 min"), ("3600", "+1 h"), ("86400", "+1 day")];

/// The tour: what to do, and what to watch.
const TOUR: [(&str, &str); 5] = [
    (
        "Ask",
        "You are Ann. Type /jit request prod-deploy 30m fixing OPS-42 and press Enter. A card appears for whoever decides.",
    ),
    ("Decide", "Become Bob, and press Approve on the card. Become Eve and try the same: the server says no."),
    (
        "See it in the cloud",
        "The panel beside this shows what exists, until when, and each call that the bot made. In Ann's direct messages, Get credentials opens her private page.",
    ),
    (
        "Let the time pass",
        "Press To the next end. Access is gone, the card says so, and #access-audit tells who, what, when, why and who allowed it.",
    ),
    (
        "Break something",
        "Make AWS unreachable, or kill the bot, and ask again. Then mend it: what was decided is carried out, nothing is lost.",
    ),
];

/// The levers as they stand.
pub(super) fn panel(stage: &Stage) -> Markup {
    let has_end = stage.clouds.contents().values().any(|entry| entry.until > stage.now());
    let alive = stage.bot.is_alive();
    html! {
        section.lever data-key="clock" aria-labelledby="lever-clock" {
            h3 id="lever-clock" { "Clock" }
            div.buttons {
                @for (seconds, label) in STEPS { (button("clock", seconds, label, false)) }
                (button("clock", "end", "To the next end", !has_end))
            }
        }
        section.lever data-key="weather" aria-labelledby="lever-weather" {
            h3 id="lever-weather" { "Trouble" }
            (choice("slack", "Slack", &SLACK, stage.slack_weather()))
            @for (cloud, key, name) in CLOUDS { (choice(key, name, &CLOUD, stage.clouds.weather(cloud))) }
        }
        section.lever data-key="bot" aria-labelledby="lever-bot" {
            h3 id="lever-bot" { "The bot" }
            p.state { span.lamp.on[alive] aria-hidden="true" {} @if alive { "is alive" } @else { "is dead. What it owed is on disk." } }
            div.buttons {
                @if alive { (button("bot", "killed", "Kill it", false)) } @else { (button("bot", "started", "Start it again", false)) }
            }
        }
    }
}

fn button(lever: &str, to: &str, label: &str, is_off: bool) -> Markup {
    html! { button.btn.small type="button" id={ "l-" (lever) "-" (to) } data-lever=(lever) data-to=(to) disabled[is_off] { (label) } }
}

fn choice<T: PartialEq + Copy>(lever: &str, name: &str, words: &[(T, &str)], now: T) -> Markup {
    html! {
        label.choice {
            span { (name) }
            select id={ "l-" (lever) } data-lever=(lever) {
                @for (value, word) in words { option value=(word) selected[*value == now] { (word) } }
            }
        }
    }
}

/// The tour, folded away until somebody wants it.
pub(super) fn tour() -> Markup {
    html! {
        details.tour id="tour" open {
            summary { "A tour in five steps" }
            ol { @for (title, text) in TOUR { li { strong { (title) } p { (text) } } } }
        }
    }
}
