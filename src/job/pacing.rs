//! Slack takes about one message a second in each channel, and short bursts (its documentation of chat.postMessage).

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use jiff::{SignedDuration, Timestamp};

use crate::domain::ids::ChannelId;

/// The pace of one channel.
const INTERVAL: SignedDuration = SignedDuration::from_secs(1);
/// How far ahead of that pace a burst may run: four messages at once.
const BURST: SignedDuration = SignedDuration::from_secs(3);

/// Hands out places in each channel's stream of messages.
///
/// Whoever has to wait is promised a place of their own, so that a thousand cards which wait for one channel are tried
/// twice each, and not all of them every second.
#[derive(Debug, Default)]
pub struct Pacer(Mutex<BTreeMap<ChannelId, Stream>>);

#[derive(Debug, Default)]
struct Stream {
    /// When the next message would be due at an even pace.
    next: Timestamp,
    /// Who may post when, by job.
    promised: BTreeMap<String, Timestamp>,
}

impl Pacer {
    /// Takes a place in the channel's stream for a job, or says when it will have one.
    ///
    /// # Errors
    /// With the moment to come back at.
    pub fn take(&self, channel: &ChannelId, job: &str, now: Timestamp) -> Result<(), Timestamp> {
        let mut streams = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        streams.retain(|_, stream| stream.next > now);
        streams.entry(channel.clone()).or_default().take(job, now)
    }

    /// Leaves the channel alone until `at`, as Slack asked. What was promised before does not count any more.
    pub fn hold(&self, channel: &ChannelId, at: Timestamp) {
        let mut streams = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        streams.insert(channel.clone(), Stream { next: at + BURST, promised: BTreeMap::new() });
    }
}

impl Stream {
    fn take(&mut self, job: &str, now: Timestamp) -> Result<(), Timestamp> {
        let place = self.promised.remove(job).unwrap_or_else(|| self.new_place(now));
        if place <= now {
            return Ok(());
        }
        // Somebody whose turn it is has not come yet: swap places, or the stream stands still while a crowd passes by.
        if let Some(theirs) = self.promised.values_mut().find(|theirs| **theirs <= now) {
            *theirs = place;
            return Ok(());
        }
        self.promised.insert(job.to_owned(), place);
        Err(place)
    }

    fn new_place(&mut self, now: Timestamp) -> Timestamp {
        let next = self.next.max(now);
        self.next = next + INTERVAL;
        next - BURST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: &str = "2026-11-21T12:00:00Z";

    #[test]
    fn a_burst_passes_and_then_one_a_second() {
        let (pacer, channel) = (Pacer::default(), ChannelId::from("C1"));
        let start: Timestamp = START.parse().unwrap();
        for job in ["1", "2", "3", "4"] {
            assert_eq!(pacer.take(&channel, job, start), Ok(()));
        }
        assert_eq!(pacer.take(&channel, "5", start), Err(start + INTERVAL));
        assert_eq!(pacer.take(&ChannelId::from("C2"), "5", start), Ok(()), "channels do not wait for each other");
        assert_eq!(pacer.take(&channel, "5", start + INTERVAL), Ok(()));
        assert_eq!(pacer.take(&channel, "6", start + INTERVAL), Err(start + INTERVAL * 2));
    }

    #[test]
    fn everybody_who_waits_has_a_place_of_their_own() {
        let (pacer, channel) = (Pacer::default(), ChannelId::from("C1"));
        let start: Timestamp = START.parse().unwrap();
        let waits = |job: i32| start + INTERVAL * (job - 3);
        for job in 0..100 {
            let expected = if job < 4 { Ok(()) } else { Err(waits(job)) };
            assert_eq!(pacer.take(&channel, &job.to_string(), start), expected);
        }
        assert_eq!(pacer.take(&channel, "50", start), Err(waits(50)), "to ask again changes nothing");
        for job in 4..100 {
            assert_eq!(pacer.take(&channel, &job.to_string(), waits(job)), Ok(()));
        }
    }

    #[test]
    fn whoever_comes_late_finds_their_place_taken_and_gets_another() {
        let (pacer, channel) = (Pacer::default(), ChannelId::from("C1"));
        let start: Timestamp = START.parse().unwrap();
        for job in ["1", "2", "3", "4"] {
            assert_eq!(pacer.take(&channel, job, start), Ok(()));
        }
        let [first, second] = [start + INTERVAL, start + INTERVAL * 2];
        assert_eq!(pacer.take(&channel, "late", start), Err(first));
        assert_eq!(pacer.take(&channel, "eager", first), Ok(()));
        assert_eq!(pacer.take(&channel, "late", first), Err(second));
        assert_eq!(pacer.take(&channel, "late", second), Ok(()));
    }

    #[test]
    fn slacks_own_word_counts_for_more() {
        let (pacer, channel) = (Pacer::default(), ChannelId::from("C1"));
        let start: Timestamp = START.parse().unwrap();
        let later = start + SignedDuration::from_secs(30);
        pacer.hold(&channel, later);
        assert_eq!(pacer.take(&channel, "1", start), Err(later));
        assert_eq!(pacer.take(&channel, "2", start), Err(later + INTERVAL));
        assert_eq!(pacer.take(&channel, "1", later), Ok(()));
    }
}
