//! Time and randomness as parameters.
//!
//! Nothing else in the crate asks the machine what time it is or for random bytes (`clippy.toml` bans the calls), so a
//! test or the playground decides both. This is the only file that may reach for the real ones.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use rand::{Rng, SeedableRng, rngs::StdRng};

/// Tells the time: UTC, cut to whole microseconds, which is what every store engine can keep.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

/// The machine's own clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the machine for the time")]
    fn now(&self) -> Timestamp {
        to_micros(Timestamp::now())
    }
}

/// A clock that stands still until it is told to move; clones share the hands.
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<Mutex<Timestamp>>);

impl ManualClock {
    /// A clock that shows `start`.
    #[must_use]
    pub fn at(start: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(to_micros(start))))
    }

    /// Moves the hands forward by `by`.
    pub fn advance(&self, by: SignedDuration) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *now = to_micros(*now + by);
    }

    /// Moves the hands forward to `at`; a moment in the past changes nothing.
    pub fn advance_to(&self, at: Timestamp) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *now = to_micros(at).max(*now);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The machine's clock, set forward as far as somebody likes; clones are the same clock.
#[derive(Debug, Clone, Default)]
pub struct MovableClock(Arc<Mutex<SignedDuration>>);

impl MovableClock {
    /// Moves the hands forward by `by`; they run on from there.
    pub fn advance(&self, by: SignedDuration) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += by;
    }

    /// How far the hands are ahead of the machine's.
    #[must_use]
    pub fn ahead(&self) -> SignedDuration {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for MovableClock {
    fn now(&self) -> Timestamp {
        to_micros(SystemClock.now() + self.ahead())
    }
}

fn to_micros(at: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at)
}

/// Measures how long things take, and waits, by a clock that never jumps.
#[async_trait]
pub trait Timer: Send + Sync + std::fmt::Debug {
    /// How long it has been running.
    fn elapsed(&self) -> Duration;

    /// Waits for so long.
    async fn wait(&self, time: Duration);
}

/// The machine's own.
#[derive(Debug, Clone, Copy)]
pub struct SystemTimer(tokio::time::Instant);

impl Default for SystemTimer {
    fn default() -> Self {
        Self(tokio::time::Instant::now())
    }
}

#[async_trait]
impl Timer for SystemTimer {
    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    async fn wait(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

/// A timer that nothing takes time by but waiting, and that takes no time; clones run together.
#[derive(Debug, Clone, Default)]
pub struct ManualTimer(Arc<Mutex<Duration>>);

#[async_trait]
impl Timer for ManualTimer {
    fn elapsed(&self) -> Duration {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn wait(&self, time: Duration) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += time;
    }
}

/// Gives random bytes, fit for secrets when it is [`SystemEntropy`].
pub trait Entropy: Send + Sync + std::fmt::Debug {
    /// Fills `buffer` with fresh random bytes.
    fn fill(&self, buffer: &mut [u8]);
}

/// The operating system's randomness, through a generator that is safe for secrets.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the machine for randomness")]
    fn fill(&self, buffer: &mut [u8]) {
        rand::rng().fill_bytes(buffer);
    }
}

/// Repeatable bytes for tests: the same seed gives the same run.
#[derive(Debug)]
pub struct SeededEntropy(Mutex<StdRng>);

impl SeededEntropy {
    /// A generator that always starts the same way for the same `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(StdRng::seed_from_u64(seed)))
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(buffer);
    }
}
