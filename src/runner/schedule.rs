//! When something is to be said or done as a grant comes to its end.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// More time is to be asked for: this much.
    Extend(Duration),
    /// Somebody should know that the end is near.
    Warn,
    /// The end has come, and the server has not said so.
    Over,
}

/// How a grant's end is met.
#[derive(Debug, Clone)]
pub struct Schedule {
    starts_at: Timestamp,
    ends_at: Timestamp,
    /// How much more is asked for at once, and how long it may become in all.
    extend: Option<(Duration, Duration)>,
    warned: u8,
}

/// The server says that a grant is over; when it cannot be heard we believe our own clock, a little later.
const SLACK: SignedDuration = SignedDuration::from_secs(10);

impl Schedule {
    /// For a grant of this time. `extend` says how much more to ask for at once, and up to what length in all.
    #[must_use]
    pub fn of(starts_at: Timestamp, ends_at: Timestamp, extend: Option<(Duration, Duration)>) -> Self {
        Self { starts_at, ends_at, extend, warned: 0 }
    }

    /// The end has moved.
    pub fn ends_at(&mut self, at: Timestamp) {
        if at > self.ends_at {
            self.warned = 0;
        }
        self.ends_at = at;
    }

    /// More time is no longer to be asked for, or not now.
    pub fn no_more(&mut self) -> Option<(Duration, Duration)> {
        self.extend.take()
    }

    /// More time may be asked for again.
    pub fn more(&mut self, extend: (Duration, Duration)) {
        self.extend = Some(extend);
    }

    /// The next step, and when it is due.
    #[must_use]
    pub fn next(&self) -> (Timestamp, Step) {
        let before = |at_most: SignedDuration, part: i32| {
            let whole = self.starts_at.duration_until(self.ends_at);
            self.ends_at - at_most.min(whole / part)
        };
        let warning = match self.warned {
            0 => Some((before(SignedDuration::from_mins(5), 4), Step::Warn)),
            1 => Some((before(SignedDuration::from_mins(1), 10), Step::Warn)),
            _ => None,
        };
        // People need time to decide.
        let more = self.more_time().map(|more| (before(SignedDuration::from_mins(10), 2), Step::Extend(more)));
        let steps = [more, warning, Some((self.ends_at + SLACK, Step::Over))];
        steps.into_iter().flatten().min_by_key(|(at, _)| *at).unwrap_or((self.ends_at + SLACK, Step::Over))
    }

    /// A warning was given.
    pub fn warned(&mut self) {
        self.warned += 1;
    }

    fn more_time(&self) -> Option<Duration> {
        let (at_once, up_to) = self.extend?;
        let whole = Duration::try_from(self.starts_at.duration_until(self.ends_at)).ok()?;
        let more = at_once.min(up_to.checked_sub(whole)?);
        (more >= Duration::from_secs(1)).then(|| Duration::from_secs(more.as_secs()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(clock: &str) -> Timestamp {
        format!("2026-11-21T{clock}Z").parse().unwrap()
    }

    #[test]
    fn there_are_two_warnings_and_then_the_end() {
        let mut schedule = Schedule::of(at("12:00:00"), at("12:30:00"), None);
        assert_eq!(schedule.next(), (at("12:25:00"), Step::Warn));
        schedule.warned();
        assert_eq!(schedule.next(), (at("12:29:00"), Step::Warn));
        schedule.warned();
        assert_eq!(schedule.next(), (at("12:30:10"), Step::Over));
        schedule.ends_at(at("13:00:00"));
        assert_eq!(schedule.next(), (at("12:55:00"), Step::Warn), "the new end is warned of too");
        assert_eq!(Schedule::of(at("12:00:00"), at("12:00:20"), None).next(), (at("12:00:15"), Step::Warn));
    }

    #[test]
    fn more_time_is_asked_for_early_and_up_to_a_limit() {
        let half_hours = (Duration::from_mins(30), Duration::from_mins(75));
        let mut schedule = Schedule::of(at("12:00:00"), at("12:30:00"), Some(half_hours));
        assert_eq!(schedule.next(), (at("12:20:00"), Step::Extend(Duration::from_mins(30))));
        let kept = schedule.no_more().unwrap();
        assert_eq!(schedule.next(), (at("12:25:00"), Step::Warn), "it is asked for once");
        schedule.ends_at(at("13:00:00"));
        schedule.more(kept);
        assert_eq!(schedule.next(), (at("12:50:00"), Step::Extend(Duration::from_mins(15))), "no more than was wanted");
        schedule.ends_at(at("13:15:00"));
        assert_eq!(schedule.next(), (at("13:10:00"), Step::Warn));
    }
}
