//! The sidebar: who one is, the channels, the direct messages and the bot's home tab.

use maud::{Markup, html};

use super::message::avatar;
use crate::playground::{
    web::{
        seat::{Place, Seat},
        stage::Stage,
    },
    workspace::{Channel, Window},
};

/// The sidebar of somebody.
pub(super) fn bar(stage: &Stage, seat: &Seat, window: &Window<'_>) -> Markup {
    let direct = window.direct(&seat.who);
    html! {
        div.team data-key="team" { strong { (window.name()) } span { "playground" } }
        (personas(stage, seat, window))
        nav data-key="places" aria-label="Channels and messages" {
            h2 { "Channels" }
            ul {
                @for channel in stage.cast.channels().filter_map(|id| window.channel(id)).filter(|it| window.reads(&it.id, &seat.who)) {
                    li { (link(stage, seat, window, channel, ("#", &channel.name, &channel.id))) }
                }
            }
            h2 { "Direct messages" }
            ul { @if let Some(channel) = direct { li { (link(stage, seat, window, channel, ("●", "jit", "dm"))) } } }
            h2 { "Apps" }
            ul {
                li {
                    a href=(seat.at("home")) data-go aria-current=[(seat.place == Place::Home).then_some("page")] {
                        span.sign aria-hidden="true" { "⌂" } span.name { "jit Home" }
                    }
                }
            }
        }
    }
}

fn personas(stage: &Stage, seat: &Seat, window: &Window<'_>) -> Markup {
    html! {
        nav.personas data-key="personas" aria-label="Who you are" {
            h2 { "You are" }
            ul {
                @for persona in &stage.cast.people {
                    @let user = window.user(&persona.id);
                    li {
                        a href=(seat.taken_by(&persona.id)) data-go aria-current=[(persona.id == seat.who).then_some("true")] {
                            (avatar(user))
                            span.name { (user.map(|user| user.real_name.as_str()).unwrap_or_default()) small { (persona.title) } }
                        }
                    }
                }
            }
        }
    }
}

fn link(
    stage: &Stage,
    seat: &Seat,
    window: &Window<'_>,
    channel: &Channel,
    (sign, name, place): (&str, &str, &str),
) -> Markup {
    let is_open = seat.channel() == Some(channel.id.as_str());
    let seen = stage.seen(&seat.who, &channel.id);
    let unread =
        if is_open { 0 } else { window.messages(&channel.id).filter(|it| Some(&it.ts) > seen.as_ref()).count() };
    html! {
        a.unread[unread > 0] href=(seat.at(place)) data-go aria-current=[is_open.then_some("page")] {
            span.sign aria-hidden="true" { (sign) }
            span.name { (name) }
            @if unread > 0 { span.badge { (unread) span.hidden { " unread" } } }
        }
    }
}
