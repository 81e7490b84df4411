//! How much of AWS' patience the bot uses: calls a second, creates under way, and one change to an account at a time.
//!
//! AWS gives all of Identity Center's interfaces 20 calls a second and 10 creates under way together, shared with people
//! and Terraform, and changes one role of an account at a time; the bot keeps to half. One [`Quota`] is shared by all
//! that the process does, also across a reload of the configuration. It lives in memory: after a restart what is under way
//! takes its place again when it is next looked at.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};

use crate::ambient::{SystemTimer, Timer};

/// The longest that a call waits for its place; a job may run for 25 s.
const PATIENCE: Duration = Duration::from_secs(5);
/// A change that nobody has looked at for so long no longer keeps others off the account.
const FORGOTTEN: SignedDuration = SignedDuration::from_mins(2);
/// Who has waited for a turn and has not come back for so long has gone away.
const LEFT: SignedDuration = SignedDuration::from_secs(30);
/// The longest that somebody who waits is sent away for.
const LONGEST_WAIT: i64 = 15;

/// How much is allowed.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Calls a second to Identity Center and its identity store; 0 for any number.
    pub calls_per_second: u32,
    /// Creates under way.
    pub creates: usize,
    /// Changes under way in one account.
    pub changes_per_account: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { calls_per_second: 10, creates: 5, changes_per_account: 1 }
    }
}

impl Limits {
    /// For a local double that takes everything.
    pub const NONE: Self = Self { calls_per_second: 0, creates: usize::MAX, changes_per_account: usize::MAX };
}

/// What is used of it.
#[derive(Debug)]
pub struct Quota {
    limits: Limits,
    timer: Arc<dyn Timer>,
    /// When the next call may be made, by the timer.
    next_call: Mutex<Option<SignedDuration>>,
    changes: Mutex<Changes>,
    /// Held while the inline policy of a permission set is read, changed and written back.
    pub(super) policies: tokio::sync::Mutex<()>,
}

/// What somebody wants to do to an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Change {
    /// Take away. It goes before what others want to have.
    Remove,
    /// Make an assignment.
    Create,
}

#[derive(Debug, Default)]
struct Changes {
    /// By account and writer: what is under way and when somebody last looked.
    busy: BTreeMap<(String, String), (Change, Timestamp)>,
    /// By account and writer: what is waited for, since when, and when they last asked.
    waiting: BTreeMap<(String, String), (Change, Timestamp, Timestamp)>,
}

impl Default for Quota {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl Quota {
    /// Within these limits.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self::timed(limits, Arc::new(SystemTimer::default()))
    }

    /// Within these limits, by this timer.
    #[must_use]
    pub fn timed(limits: Limits, timer: Arc<dyn Timer>) -> Self {
        Self {
            limits,
            timer,
            next_call: Mutex::default(),
            changes: Mutex::default(),
            policies: tokio::sync::Mutex::default(),
        }
    }

    /// Waits until a call may be made, if that is soon; says how long it would take otherwise.
    pub(super) async fn call(&self) -> Result<(), Duration> {
        let Some(space) = Duration::from_secs(1).checked_div(self.limits.calls_per_second) else { return Ok(()) };
        let signed = |time| SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
        let now = signed(self.timer.elapsed());
        let wait = {
            let mut next = self.next_call.lock().unwrap_or_else(PoisonError::into_inner);
            // unused places are kept for one second, so that what is done now and then is not slowed down
            let earliest = now - SignedDuration::from_secs(1);
            let at = next.map_or(earliest, |next| next.max(earliest));
            let wait = Duration::try_from(at - now).unwrap_or_default();
            if wait > PATIENCE {
                return Err(wait);
            }
            *next = Some(at + signed(space));
            wait
        };
        if !wait.is_zero() {
            self.timer.wait(wait).await;
        }
        Ok(())
    }

    /// Waits for a place for what cannot be put off, however long that takes.
    pub(super) async fn place(&self) {
        while let Err(wait) = self.call().await {
            self.timer.wait(wait.saturating_sub(PATIENCE)).await;
        }
    }

    /// Takes the turn to change the account, or says when to ask again. Who has it keeps it until [`Quota::done`].
    pub(super) fn turn(&self, account: &str, writer: &str, change: Change, now: Timestamp) -> Result<(), Timestamp> {
        let mut changes = self.changes();
        let me = (account.to_owned(), writer.to_owned());
        match changes.place(&me, change, now, &self.limits) {
            0 => {
                changes.waiting.remove(&me);
                changes.busy.insert(me, (change, now));
                Ok(())
            }
            place => {
                let since = changes.waiting.get(&me).map_or(now, |(_, since, _)| *since);
                changes.waiting.insert(me, (change, since, now));
                let place = i64::try_from(place).unwrap_or(LONGEST_WAIT);
                Err(now + SignedDuration::from_secs(place.min(LONGEST_WAIT)))
            }
        }
    }

    /// Whether a turn could be had now.
    pub(super) fn is_free(&self, account: &str, writer: &str, change: Change, now: Timestamp) -> bool {
        let me = (account.to_owned(), writer.to_owned());
        self.changes().place(&me, change, now, &self.limits) == 0
    }

    /// Something is under way, perhaps since before this process began.
    pub(super) fn holds(&self, account: &str, writer: &str, change: Change, now: Timestamp) {
        self.changes().busy.insert((account.to_owned(), writer.to_owned()), (change, now));
    }

    /// The change is no longer under way.
    pub(super) fn done(&self, account: &str, writer: &str) {
        self.changes().busy.remove(&(account.to_owned(), writer.to_owned()));
    }

    fn changes(&self) -> MutexGuard<'_, Changes> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Changes {
    /// How many have to be done first; 0 when it is one's turn.
    fn place(&mut self, me: &(String, String), change: Change, now: Timestamp, limits: &Limits) -> usize {
        self.busy.retain(|_, (_, seen)| now.duration_since(*seen) < FORGOTTEN);
        self.waiting.retain(|_, (_, _, seen)| now.duration_since(*seen) < LEFT);
        if self.busy.contains_key(me) {
            return 0;
        }
        let my_turn = (change, self.waiting.get(me).map_or(now, |(_, since, _)| *since), &me.1);
        let here = self.busy.keys().filter(|(account, _)| *account == me.0).count();
        let before = self
            .waiting
            .iter()
            .filter(|(other, (change, since, _))| other.0 == me.0 && (*change, *since, &other.1) < my_turn)
            .count();
        let in_account = (here + before + 1).saturating_sub(limits.changes_per_account);
        let creates = self.busy.values().filter(|(change, _)| *change == Change::Create).count();
        let overall = match change {
            Change::Create => (creates + 1).saturating_sub(limits.creates),
            Change::Remove => 0,
        };
        in_account.max(overall)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ambient::ManualTimer;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    #[test]
    fn one_change_an_account_and_those_that_take_away_first() {
        let quota = Quota::default();
        assert_eq!(quota.turn("1", "a", Change::Create, at(0)), Ok(()));
        assert_eq!(quota.turn("1", "a", Change::Create, at(0)), Ok(()), "whose turn it is keeps it");
        assert_eq!(quota.turn("1", "b", Change::Create, at(0)), Err(at(1)));
        assert_eq!(quota.turn("1", "c", Change::Create, at(0)), Err(at(2)));
        assert_eq!(quota.turn("1", "d", Change::Remove, at(0)), Err(at(1)));
        assert_eq!(quota.turn("2", "b", Change::Create, at(0)), Ok(()), "another account is another matter");
        quota.done("1", "a");
        assert!(!quota.is_free("1", "b", Change::Create, at(1)));
        assert_eq!(quota.turn("1", "b", Change::Create, at(1)), Err(at(2)));
        assert_eq!(quota.turn("1", "d", Change::Remove, at(1)), Ok(()));
        quota.done("1", "d");
        assert_eq!(quota.turn("1", "c", Change::Create, at(2)), Err(at(3)), "b asked first");
        assert_eq!(quota.turn("1", "b", Change::Create, at(2)), Ok(()));
    }

    #[test]
    fn who_does_not_come_back_holds_nobody_up() {
        let quota = Quota::default();
        quota.holds("1", "a", Change::Create, at(0));
        assert_eq!(quota.turn("1", "b", Change::Create, at(1)), Err(at(2)));
        assert_eq!(quota.turn("1", "c", Change::Create, at(119)), Err(at(120)), "b has gone away");
        assert_eq!(quota.turn("1", "c", Change::Create, at(120)), Ok(()), "nobody looks after a any more");
    }

    #[test]
    fn five_creates_are_under_way_at_most() {
        let quota = Quota::default();
        for account in ["1", "2", "3", "4", "5"] {
            assert_eq!(quota.turn(account, "a", Change::Create, at(0)), Ok(()));
        }
        assert_eq!(quota.turn("6", "a", Change::Create, at(0)), Err(at(1)));
        assert_eq!(quota.turn("6", "b", Change::Remove, at(0)), Ok(()));
        quota.done("3", "a");
        quota.done("6", "b");
        assert_eq!(quota.turn("6", "a", Change::Create, at(1)), Ok(()));
    }

    #[tokio::test]
    async fn calls_keep_their_pace_after_a_first_burst() {
        let timer = ManualTimer::default();
        let quota = Quota::timed(Limits { calls_per_second: 20, ..Limits::default() }, Arc::new(timer.clone()));
        for _ in 0..21 {
            quota.call().await.unwrap();
        }
        assert_eq!(timer.elapsed(), Duration::ZERO, "a burst is let through");
        for _ in 0..10 {
            quota.call().await.unwrap();
        }
        assert_eq!(timer.elapsed(), Duration::from_millis(500));
        timer.wait(Duration::from_mins(10)).await;
        for _ in 0..23 {
            quota.call().await.unwrap();
        }
        assert_eq!(timer.elapsed(), Duration::from_millis(600_600), "unused places are kept for a second");
        // somebody else has taken all places of the next minute
        *quota.next_call.lock().unwrap() = Some(SignedDuration::from_mins(12));
        assert!(quota.call().await.unwrap_err() > Duration::from_secs(50));
        Quota::new(Limits::NONE).call().await.unwrap();
    }
}
