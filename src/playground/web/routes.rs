//! What the page's server answers.

use std::net::SocketAddr;

use axum::{
    Router,
    extract::{Path, Query, State},
    http::{StatusCode, header},
    middleware,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use maud::Markup;

use super::{
    act, complete, guard, lever, live,
    seat::{Asked, Place, Seat},
    stage::Shared,
    view,
};

/// What the page is made of besides its HTML. It is in the program: nothing is fetched from anywhere.
const ASSETS: [(&str, &str, &str); 3] = [
    ("page.css", "text/css; charset=utf-8", include_str!("page.css")),
    ("page.js", "text/javascript; charset=utf-8", include_str!("page.js")),
    ("icon.svg", "image/svg+xml", include_str!("icon.svg")),
];

/// Every route, behind the guard.
pub(super) fn router(stage: Shared, address: SocketAddr) -> Router {
    Router::new()
        .route("/", get(page))
        .route("/live", get(live::stream))
        .route("/complete", get(complete::options))
        .route("/assets/{name}", get(asset))
        .route("/act/say", post(act::say))
        .route("/act/press", post(act::press))
        .route("/act/submit", post(act::submit))
        .route("/act/close", post(act::close))
        .route("/act/dismiss", post(act::dismiss))
        .route("/lever/{name}", post(lever::pull))
        .layer(middleware::from_fn_with_state(address, guard::check))
        .with_state(stage)
}

async fn page(State(stage): State<Shared>, Query(asked): Query<Asked>) -> Markup {
    let seat = Seat::find(&stage, &asked);
    view::page(&stage, &seat)
}

async fn asset(Path(name): Path<String>) -> Response {
    match ASSETS.iter().find(|(known, ..)| *known == name) {
        Some((_, kind, text)) => ([(header::CONTENT_TYPE, *kind)], *text).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Opening the home tab is something that Slack tells the bot.
pub(super) fn open_home(stage: &Shared, seat: &Seat) {
    if seat.place == Place::Home {
        let person = seat.person(stage);
        tokio::spawn(async move { person.opens_home().await });
    }
}
