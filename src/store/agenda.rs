//! When something is due next in each lane, as far as is known: perhaps too early, never too late. The store keeps it up
//! to date with every commit, so that the worker need not search through thousands of jobs to know what to do next.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use tokio::sync::Notify;

use crate::domain::job::Lane;

/// The agenda of one store.
#[derive(Debug, Default)]
pub struct Agenda {
    lanes: Mutex<Lanes>,
    changed: Notify,
}

/// What has become known of a lane.
#[derive(Debug, Clone, Copy)]
pub(super) enum Touch {
    /// Something is due by then.
    DueBy(Timestamp),
    /// Nothing else is due before then; never, if there is no time.
    NextAt(Option<Timestamp>),
}

#[derive(Debug, Default)]
struct Lanes {
    /// The clouds and the store: few.
    others: BTreeMap<Lane, Timestamp>,
    /// The channels: there may be thousands.
    channels: BTreeMap<Lane, Timestamp>,
    /// The channels again, the one that has waited for longest first.
    queue: BTreeSet<(Timestamp, Lane)>,
}

/// What there is to do.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outlook {
    /// Lanes in which something may be due, and how much of it can be taken on.
    pub rooms: Vec<(Lane, usize)>,
    /// When something will be due next in a lane that has room.
    pub next: Option<Timestamp>,
}

impl Agenda {
    /// Waits until something was asked for.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Has whoever waits look again, although nothing was asked for: the clock was moved.
    pub fn nudge(&self) {
        self.changed.notify_one();
    }

    /// What there is to do at `now`, where `room` says how much of each lane can be taken on, and `channels` how many
    /// channels together.
    #[must_use]
    pub fn outlook(&self, now: Timestamp, room: impl Fn(&Lane) -> usize, channels: usize) -> Outlook {
        let lanes = self.lanes();
        let mut outlook = Outlook::default();
        for (lane, at) in &lanes.others {
            outlook.add(lane, *at, now, room(lane));
        }
        let others = outlook.rooms.len();
        for (at, lane) in &lanes.queue {
            if outlook.rooms.len() - others >= channels {
                break;
            }
            outlook.add(lane, *at, now, room(lane));
            if outlook.next.is_some_and(|next| next <= *at) {
                break;
            }
        }
        outlook
    }

    /// After a commit, in the order in which it became known.
    pub(super) fn touch(&self, touched: impl IntoIterator<Item = (Lane, Touch)>) {
        let mut is_news = false;
        let mut lanes = self.lanes();
        for (lane, touch) in touched {
            is_news |= matches!(touch, Touch::DueBy(_));
            lanes.touch(lane, touch);
        }
        drop(lanes);
        if is_news {
            self.changed.notify_one();
        }
    }

    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outlook {
    fn add(&mut self, lane: &Lane, at: Timestamp, now: Timestamp, room: usize) {
        if room == 0 {
            return;
        }
        if at <= now {
            self.rooms.push((lane.clone(), room));
        } else {
            self.next = Some(self.next.map_or(at, |next| next.min(at)));
        }
    }
}

impl Lanes {
    fn touch(&mut self, lane: Lane, touch: Touch) {
        let lanes = if lane.is_channel() { &mut self.channels } else { &mut self.others };
        let known = lanes.get(&lane).copied();
        let next = match touch {
            Touch::DueBy(at) => Some(known.map_or(at, |known| known.min(at))),
            Touch::NextAt(next) => next,
        };
        if next == known {
            return;
        }
        if lane.is_channel() {
            if let Some(known) = known {
                self.queue.remove(&(known, lane.clone()));
            }
            self.queue.extend(next.map(|next| (next, lane.clone())));
        }
        match next {
            Some(next) => lanes.insert(lane, next),
            None => lanes.remove(&lane),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::ChannelId;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn channel(name: &str) -> Lane {
        Lane::Channel(ChannelId::from(name))
    }

    #[test]
    fn channels_come_in_the_order_in_which_they_have_waited_and_keep_nobody_else_back() {
        let agenda = Agenda::default();
        let due = |lane, second| (lane, Touch::DueBy(at(second)));
        agenda.touch([due(channel("A"), 3), due(channel("B"), 1), due(channel("C"), 2), due(Lane::Store, 4)]);
        let outlook = agenda.outlook(at(5), |_| 1, 2);
        assert_eq!(outlook.rooms, [(Lane::Store, 1), (channel("B"), 1), (channel("C"), 1)]);
        let busy = |lane: &Lane| usize::from(*lane != channel("B"));
        assert_eq!(agenda.outlook(at(5), busy, 1).rooms, [(Lane::Store, 1), (channel("C"), 1)]);
        assert_eq!(agenda.outlook(at(5), busy, 0).rooms, [(Lane::Store, 1)]);
        let early = agenda.outlook(at(0), |_| 1, 2);
        assert_eq!(early, Outlook { rooms: vec![], next: Some(at(1)) });
        assert_eq!(agenda.outlook(at(0), |_| 0, 2), Outlook::default(), "there is room nowhere");
    }

    #[test]
    fn the_earlier_time_counts_until_the_next_is_known() {
        let agenda = Agenda::default();
        let touch = |touch| agenda.touch([(Lane::Store, touch)]);
        touch(Touch::DueBy(at(5)));
        touch(Touch::DueBy(at(9)));
        assert_eq!(agenda.outlook(at(0), |_| 1, 0).next, Some(at(5)));
        touch(Touch::NextAt(Some(at(9))));
        assert_eq!(agenda.outlook(at(0), |_| 1, 0).next, Some(at(9)));
        touch(Touch::NextAt(None));
        assert_eq!(agenda.outlook(at(99), |_| 1, 0), Outlook::default());
    }
}
