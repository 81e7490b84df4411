//! Makes the ids that Slack makes: message timestamps, views, triggers, events.
//!
//! All come from the clock and one counter, so the same story gives the same ids.

use jiff::Timestamp;

/// The counters of one workspace.
#[derive(Debug, Default)]
pub(super) struct Ids {
    count: u64,
    last_ts: i64,
}

impl Ids {
    /// A message timestamp such as `1763715600.000100`: unique, and later than every one before.
    pub(super) fn ts(&mut self, now: Timestamp) -> String {
        // Slack's are microseconds too; a standing clock still has to give different ones, so each is a step further.
        self.last_ts = now.as_microsecond().max(self.last_ts) + 100;
        format!("{}.{:06}", self.last_ts.div_euclid(1_000_000), self.last_ts.rem_euclid(1_000_000))
    }

    /// The next id that begins with `prefix`, such as `V0000012`.
    pub(super) fn next(&mut self, prefix: &str) -> String {
        self.count += 1;
        format!("{prefix}{:07}", self.count)
    }

    /// A trigger id in Slack's three-part form.
    pub(super) fn trigger(&mut self) -> String {
        self.count += 1;
        format!("{}.{}.{:012x}", 1_000_000 + self.count, 4_040_404, self.count)
    }
}

/// The moment a message timestamp stands for, in microseconds; `None` when it is not one.
pub(super) fn micros(ts: &str) -> Option<i64> {
    let (seconds, fraction) = ts.split_once('.').unwrap_or((ts, ""));
    let seconds: i64 = seconds.parse().ok()?;
    let fraction: String = fraction.chars().chain("000000".chars()).take(6).collect();
    seconds.checked_mul(1_000_000)?.checked_add(fraction.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_increase_while_the_clock_stands() {
        let mut ids = Ids::default();
        let now = Timestamp::from_second(1_763_715_600).unwrap();
        assert_eq!([ids.ts(now), ids.ts(now)], ["1763715600.000100", "1763715600.000200"]);
        assert_eq!(micros("1763715600.000200"), Some(1_763_715_600_000_200));
        assert_eq!(micros("yesterday"), None);
    }
}
