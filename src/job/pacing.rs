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

/// Remembers for each channel when its next message would be due at an even pace.
#[derive(Debug, Default)]
pub struct Pacer(Mutex<BTreeMap<ChannelId, Timestamp>>);

impl Pacer {
    /// Takes a place in the channel's stream, or says when there will be one.
    ///
    /// # Errors
    /// With the moment to come back at.
    pub fn take(&self, channel: &ChannelId, now: Timestamp) -> Result<(), Timestamp> {
        let mut due = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        due.retain(|_, at| *at > now);
        let next = due.get(channel).copied().unwrap_or(now);
        if next - BURST > now {
            return Err(next - BURST);
        }
        due.insert(channel.clone(), next + INTERVAL);
        Ok(())
    }

    /// Leaves the channel alone until `at`, as Slack asked.
    pub fn hold(&self, channel: &ChannelId, at: Timestamp) {
        let mut due = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        due.insert(channel.clone(), at + BURST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_one_a_second() {
        let (pacer, channel) = (Pacer::default(), ChannelId::from("C1"));
        let start: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        for _ in 0..4 {
            assert_eq!(pacer.take(&channel, start), Ok(()));
        }
        assert_eq!(pacer.take(&channel, start), Err(start + INTERVAL));
        assert_eq!(pacer.take(&ChannelId::from("C2"), start), Ok(()), "channels do not wait for each other");
        assert_eq!(pacer.take(&channel, start + INTERVAL), Ok(()));
        assert_eq!(pacer.take(&channel, start + INTERVAL), Err(start + INTERVAL * 2));
    }

    #[test]
    fn slacks_own_word_counts_for_more() {
        let (pacer, channel) = (Pacer::default(), ChannelId::from("C1"));
        let start: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let later = start + SignedDuration::from_secs(30);
        pacer.hold(&channel, later);
        assert_eq!(pacer.take(&channel, start), Err(later));
        assert_eq!(pacer.take(&channel, later), Ok(()));
    }
}
