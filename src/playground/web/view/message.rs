//! A channel: its messages, what one person alone sees among them, and the thread that is open beside it.

use maud::{Markup, html};

use super::{block::Paper, mrkdwn};
use crate::playground::{
    web::{
        seat::{Place, Seat},
        stage::Stage,
    },
    workspace::{Ephemeral, Message, Spot, User, Window},
};

/// What is open: its name and what it is for.
pub(super) fn heading(stage: &Stage, seat: &Seat, window: &Window<'_>) -> Markup {
    let (name, about) = match &seat.place {
        Place::Home => ("jit".to_owned(), "the app's home, for you alone"),
        Place::Channel(id) if window.direct(&seat.who).is_some_and(|own| own.id == *id) => {
            ("jit".to_owned(), "direct messages")
        }
        Place::Channel(id) => {
            let name = window.channel(id).map(|channel| channel.name.as_str()).unwrap_or_default();
            let about = match id {
                id if *id == stage.cast.audit => "who got what, when, why, and who allowed it",
                id if *id == stage.cast.alerts => "what somebody should look at",
                _ => "cards with buttons, for whoever decides",
            };
            (format!("# {name}"), about)
        }
    };
    html! { h2 id="where" { (name) } p { (about) } }
}

/// The messages of the channel that is open, or the home tab.
pub(super) fn messages(seat: &Seat, window: &Window<'_>) -> Markup {
    let Some(channel) = seat.channel() else { return home(seat, window) };
    let mut shown: Vec<(&str, Markup)> = window
        .messages(channel)
        .filter(|message| message.thread_ts.is_none() || message.is_broadcast)
        .map(|message| (message.ts.as_str(), article(seat, window, message, true)))
        .chain(window.ephemerals(channel, &seat.who).map(|it| (it.ts.as_str(), ephemeral(window, it))))
        .collect();
    shown.sort_by_key(|(ts, _)| *ts);
    html! {
        @if shown.is_empty() { p.empty data-key="empty" { "Nothing here yet." } }
        @for (_, message) in &shown { (message) }
    }
}

fn home(seat: &Seat, window: &Window<'_>) -> Markup {
    html! {
        div.home data-key="home" {
            @match window.home(&seat.who) {
                Some(home) => ((Paper { window, part: "home", spot: Spot::View { id: home.id.clone() } }).blocks(home.blocks())),
                None => p.empty { "The bot has not published your home tab yet." },
            }
        }
    }
}

/// The thread beside the channel, if one is open.
pub(super) fn thread(seat: &Seat, window: &Window<'_>) -> Markup {
    let open = seat.thread.as_ref().zip(seat.channel());
    let Some((ts, channel)) = open else { return html! {} };
    let here: Vec<&Message> = window.messages(channel).collect();
    let Some(root) = here.iter().find(|message| message.ts == *ts) else { return html! {} };
    let replies: Vec<&&Message> = here.iter().filter(|message| message.thread_ts.as_ref() == Some(ts)).collect();
    html! {
        div.thread-head data-key="head" {
            h2 { "Thread" }
            a.icon href=(seat.reading(None)) data-go aria-label="Close the thread" { "×" }
        }
        (article(seat, window, root, false))
        p.replies data-key="count" { (counted(replies.len())) }
        @for reply in replies { (article(seat, window, reply, false)) }
    }
}

fn counted(replies: usize) -> String {
    match replies {
        0 => "No replies yet".to_owned(),
        1 => "1 reply".to_owned(),
        several => format!("{several} replies"),
    }
}

fn article(seat: &Seat, window: &Window<'_>, message: &Message, is_in_channel: bool) -> Markup {
    let version = message.present();
    let spot = Spot::Message { channel: message.channel.clone(), ts: message.ts.clone() };
    let replies = window.messages(&message.channel).filter(|it| it.thread_ts.as_ref() == Some(&message.ts)).count();
    let author = window.user(&message.author);
    html! {
        article.message data-key={ "m-" (message.ts) } {
            (avatar(author))
            div.body {
                (byline(author, &message.ts))
                (said(window, if is_in_channel { "talk" } else { "thread" }, spot, &version.text, &version.blocks))
                @if message.versions.len() > 1 && version.blocks.is_empty() { span.edited { " (edited)" } }
                @if !message.reactions.is_empty() {
                    div.reactions { @for (name, _) in &message.reactions { span { ":" (name) ":" } } }
                }
                @if is_in_channel {
                    a.reply.has-replies[replies > 0] href=(seat.reading(Some(&message.ts))) data-go {
                        @if replies > 0 { (counted(replies)) } @else { "Reply in thread" }
                    }
                }
            }
        }
    }
}

fn ephemeral(window: &Window<'_>, it: &Ephemeral) -> Markup {
    let bot = window.user(&window.bot().user_id);
    html! {
        article.message.ephemeral data-key={ "e-" (it.ts) } {
            (avatar(bot))
            div.body {
                p.only-you { span aria-hidden="true" { "◉ " } "Only visible to you" }
                (byline(bot, &it.ts))
                (said(window, "talk", Spot::Ephemeral { ts: it.ts.clone() }, &it.text, &it.blocks))
                button.link type="button" data-dismiss=(it.ts) { "Dismiss" }
            }
        }
    }
}

fn said(window: &Window<'_>, part: &'static str, spot: Spot, text: &str, blocks: &[serde_json::Value]) -> Markup {
    html! {
        @if blocks.is_empty() { div.section-block { div.section-text { (mrkdwn::shown(window, text)) } } }
        @else { ((Paper { window, part, spot }).blocks(blocks)) }
    }
}

fn byline(author: Option<&User>, ts: &str) -> Markup {
    let at = ts.split_once('.').and_then(|(seconds, _)| seconds.parse::<i64>().ok()).unwrap_or_default();
    html! {
        p.byline {
            strong { (author.map_or("somebody", |user| if user.is_bot { &user.name } else { &user.real_name })) }
            @if author.is_some_and(|user| user.is_bot) { span.app { "APP" } }
            time data-at=(at.saturating_mul(1_000)) data-format="{time}" {}
        }
    }
}

/// A square with somebody's first letter; the bot has a key.
pub(super) fn avatar(user: Option<&User>) -> Markup {
    let is_bot = user.is_some_and(|user| user.is_bot);
    let name = user.map(|user| user.real_name.as_str()).unwrap_or_default();
    let colour = name.bytes().fold(0_usize, |sum, letter| sum + usize::from(letter)) % 6;
    html! {
        span class={ "avatar " @if is_bot { "bot" } @else { "c" (colour) } } aria-hidden="true" {
            @if is_bot { "j" } @else { (name.chars().next().unwrap_or('?')) }
        }
    }
}
