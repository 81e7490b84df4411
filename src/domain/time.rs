//! Durations as people write and read them, and moments as clouds take them.

use std::time::Duration;

use jiff::{Timestamp, ToSpan};

/// Reads `30m`, `1h30m`, `90s`, `1d`: a positive length of time in whole seconds.
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
    let duration = humantime::parse_duration(text).ok()?;
    (duration.subsec_nanos() == 0 && !duration.is_zero()).then_some(duration)
}

/// Writes a duration the way it is typed: `1h30m`; parts of a second are left out.
#[must_use]
pub fn short(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let parts = [(seconds / 86_400, "d"), (seconds / 3_600 % 24, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    let written = parts.iter().filter(|(count, _)| *count > 0).map(|(count, unit)| format!("{count}{unit}"));
    let text = written.collect::<Vec<_>>().concat();
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// `at` without its fraction of a second: policies are written in whole seconds.
#[must_use]
pub fn whole_second(at: Timestamp) -> Timestamp {
    at - at.subsec_nanosecond().rem_euclid(1_000_000_000).nanoseconds()
}

/// Keeps a duration as whole seconds, for `#[serde(with = …)]`.
pub mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes the number of seconds.
    ///
    /// # Errors
    /// When the serializer fails.
    pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(duration.as_secs())
    }

    /// Reads a number of seconds.
    ///
    /// # Errors
    /// When it is not a whole number.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_secs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_they_are_written() {
        for text in ["30m", "1h30m", "45s", "1d", "1d2h3m4s"] {
            assert_eq!(short(parse_duration(text).unwrap()), text);
        }
        assert_eq!(parse_duration("1h 30m"), Some(Duration::from_mins(90)));
        for text in ["", "90", "-5m", "0s", "1.5ms", "5 bananas"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }

    #[test]
    fn a_fraction_of_a_second_is_cut_off() {
        for (at, whole) in [
            ("2026-11-21T12:00:00.999999Z", "2026-11-21T12:00:00Z"),
            ("2026-11-21T12:00:00Z", "2026-11-21T12:00:00Z"),
            ("1969-12-31T23:59:58.5Z", "1969-12-31T23:59:58Z"),
        ] {
            assert_eq!(whole_second(at.parse().unwrap()).to_string(), whole);
        }
    }
}
