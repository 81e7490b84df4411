//! What has changed, as it changes: the pieces of the page that look different now, over server-sent events.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use axum::{
    extract::{Query, State},
    response::sse::{Event, KeepAlive, Sse},
};
use futures::{Stream, stream};
use serde_json::json;
use tokio::sync::watch;

use super::{
    routes::open_home,
    seat::{Asked, Seat},
    stage::Shared,
    view,
};

/// What comes in one burst is told at once: many small changes would only make the page flicker.
const BREATH: Duration = Duration::from_millis(25);

/// One tab that looks on.
struct Looker {
    stage: Shared,
    seat: Seat,
    /// What it has of each piece.
    has: BTreeMap<&'static str, u64>,
    news: [watch::Receiver<()>; 3],
    is_new: bool,
}

/// All pieces at first, then those that have changed, for as long as somebody looks.
pub(super) async fn stream(
    State(stage): State<Shared>,
    Query(asked): Query<Asked>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let seat = Seat::find(&stage, &asked);
    // Listened to before the first look, so that nothing falls between the two.
    let news = [stage.workspace.changes(), stage.clouds.changes(), stage.changes()];
    open_home(&stage, &seat);
    let looker = Looker { stage, seat, has: BTreeMap::new(), news, is_new: true };
    let events = stream::unfold(looker, |mut looker| async move {
        let event = looker.next().await;
        Some((Ok(event), looker))
    });
    Sse::new(events).keep_alive(KeepAlive::default())
}

impl Looker {
    async fn next(&mut self) -> Event {
        loop {
            if !self.is_new {
                let [workspace, clouds, stage] = &mut self.news;
                tokio::select! {
                    _ = workspace.changed() => {}
                    _ = clouds.changed() => {}
                    _ = stage.changed() => {}
                }
                tokio::time::sleep(BREATH).await;
            }
            self.is_new = false;
            let changed = self.changed();
            if !changed.is_empty() {
                return Event::default().data(json!(changed).to_string());
            }
        }
    }

    /// The pieces that look different from what the tab has.
    fn changed(&mut self) -> BTreeMap<&'static str, String> {
        self.news.iter_mut().for_each(watch::Receiver::mark_unchanged);
        let mut changed = BTreeMap::new();
        for (id, markup) in view::regions(&self.stage, &self.seat) {
            let html = markup.into_string();
            let mut hasher = DefaultHasher::new();
            html.hash(&mut hasher);
            let digest = hasher.finish();
            // The clock runs by itself; only when it was set is that news.
            let digest = if id == "hands" { self.stage.clock.ahead().as_secs().unsigned_abs() } else { digest };
            if self.has.insert(id, digest) != Some(digest) {
                changed.insert(id, html);
            }
        }
        changed
    }
}
