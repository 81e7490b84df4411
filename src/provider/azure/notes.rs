//! What the receipt of an assignment says. Azure's lists do not say who made an assignment, but each has an id, so the ids
//! that were noted tell ours from everybody else's; and the name of a request is noted before it is sent, so that a
//! restarted process can ask what became of it.

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};

use crate::{
    domain::access::FOUND_AS as USER,
    provider::{FAILURES, Made, Progress, Receipt, Work},
};

const OURS: &str = "ours";
const ATTEMPT: &str = "attempt";
const ASKED: &str = "request_id";
const ASKED_AT: &str = "intended_at";
const UNHEARD: &str = "unheard_request_id";
const RUNNING: &str = "running";
const SCHEDULES: &str = "schedule_ids";
const ASSIGNED_AT: &str = "assigned_at";
const WRITTEN_AT: &str = "confirmed_at";
const UNTIL: &str = "azure_ends_at";
const POLLS: &str = "polls";
const REMOVALS: &str = "removals";
const REMOVED_AT: &str = "removed_at";
const TAKEN_OVER: &str = "taken_over";

/// How many ids of the assignment are kept: each change gives it a new one, and lists may show the one before.
const SCHEDULES_KEPT: usize = 4;
/// For so long after a change Azure's lists may show how things were before. Longest seen in the field: four minutes.
pub(super) const LISTS_LAG: SignedDuration = SignedDuration::from_mins(10);

/// A request that was sent, or is about to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    /// The name that we gave it.
    pub guid: String,
    /// When it was written down, before it was sent.
    pub at: Timestamp,
}

/// A request that Azure is working on, by Azure's name for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Running {
    Grant(String),
    Removal(String),
}

/// The receipt, read.
#[derive(Debug, Clone, Default)]
pub(super) struct Notes {
    /// The holder's object id.
    pub user_id: Option<String>,
    /// Whether an assignment that comes to be is of our making: there was none when we looked.
    pub ours: bool,
    /// How many requests were thought of.
    pub attempt: u32,
    /// The request whose outcome is not known yet.
    pub asked: Option<Asked>,
    /// One before it, whose outcome never came to be known.
    pub unheard: Option<String>,
    /// What Azure is working on.
    pub running: Option<Running>,
    /// The ids that the assignment has had, the last one last.
    pub schedules: Vec<String>,
    /// When it came to be.
    pub assigned_at: Option<Timestamp>,
    /// When Azure last confirmed a change of it.
    pub written_at: Option<Timestamp>,
    /// When Azure was told to end it.
    pub until: Option<Timestamp>,
    /// How often we have looked again.
    pub polls: u32,
    /// How often Azure has failed at it.
    pub failures: u32,
    /// How many requests to take it away were refused: the next one has another name.
    pub removals: u32,
    /// When it was gone.
    pub removed_at: Option<Timestamp>,
    /// Somebody else has changed it since: it is theirs now.
    pub taken_over: bool,
}

impl Notes {
    /// Reads the access' own receipt, and what the others under the key have to add.
    pub fn of(work: &Work) -> Self {
        Self::merged(&work.receipt, &work.siblings)
    }

    /// Reads a receipt, and what others have to add to it.
    pub fn merged(own: &Receipt, others: &[Receipt]) -> Self {
        let mut notes = Self::read(own);
        for other in others.iter().map(Self::read).filter(|other| other.removed_at.is_none()) {
            notes.user_id = notes.user_id.or(other.user_id);
            notes.ours |= other.ours;
            notes.asked = notes.asked.or(other.asked);
            notes.unheard = notes.unheard.or(other.unheard);
            notes.running = notes.running.or(other.running);
            for id in other.schedules {
                notes.add_schedule(id);
            }
            notes.assigned_at = notes.assigned_at.or(other.assigned_at);
            notes.written_at = notes.written_at.max(other.written_at);
            notes.until = notes.until.max(other.until);
        }
        notes
    }

    /// Reads one receipt alone.
    pub fn read(receipt: &Receipt) -> Self {
        let text = |key: &str| receipt.0.get(key).filter(|value| !value.is_empty()).cloned();
        let time = |key: &str| text(key).and_then(|at| at.parse().ok());
        let count = |key: &str| text(key).and_then(|count| count.parse().ok()).unwrap_or_default();
        let asked = text(ASKED).zip(time(ASKED_AT)).map(|(guid, at)| Asked { guid, at });
        Self {
            user_id: text(USER),
            ours: text(OURS).is_some(),
            attempt: count(ATTEMPT),
            asked,
            unheard: text(UNHEARD),
            running: text(RUNNING).as_deref().and_then(Running::parse),
            schedules: text(SCHEDULES).map(|ids| ids.split(',').map(str::to_owned).collect()).unwrap_or_default(),
            assigned_at: time(ASSIGNED_AT),
            written_at: time(WRITTEN_AT),
            until: time(UNTIL),
            polls: count(POLLS),
            failures: count(FAILURES),
            removals: count(REMOVALS),
            removed_at: time(REMOVED_AT),
            taken_over: text(TAKEN_OVER).is_some(),
        }
    }

    /// Writes everything down; what is no more is written as empty, which forgets it.
    pub fn receipt(&self) -> Receipt {
        let time = |at: Option<Timestamp>| at.map(|at| at.to_string());
        let count = |count: u32| (count > 0).then(|| count.to_string());
        let yes = |is: bool| is.then(|| "yes".to_owned());
        let pairs = [
            (USER, self.user_id.clone()),
            (OURS, yes(self.ours)),
            (ATTEMPT, count(self.attempt)),
            (ASKED, self.asked.as_ref().map(|asked| asked.guid.clone())),
            (ASKED_AT, time(self.asked.as_ref().map(|asked| asked.at))),
            (UNHEARD, self.unheard.clone()),
            (RUNNING, self.running.as_ref().map(Running::text)),
            (SCHEDULES, (!self.schedules.is_empty()).then(|| self.schedules.join(","))),
            (ASSIGNED_AT, time(self.assigned_at)),
            (WRITTEN_AT, time(self.written_at)),
            (UNTIL, time(self.until)),
            (POLLS, count(self.polls)),
            (FAILURES, count(self.failures)),
            (REMOVALS, count(self.removals)),
            (REMOVED_AT, time(self.removed_at)),
            (TAKEN_OVER, yes(self.taken_over)),
        ];
        Receipt(pairs.into_iter().map(|(key, value)| (key.to_owned(), value.unwrap_or_default())).collect())
    }

    /// A request is about to be sent: it gets a name of its own.
    pub fn intend(&mut self, work: &Work) {
        self.attempt += 1;
        self.asked = Some(Asked { guid: guid(work, "grant", self.attempt), at: work.now });
    }

    /// What was asked for was not done; what is asked next has a name of its own.
    pub fn not_done(&mut self) {
        (self.asked, self.running) = (None, None);
    }

    /// What was asked for may come true all the same, though Azure knows nothing of it.
    pub fn never_heard_of(&mut self) {
        self.unheard = self.asked.take().map(|asked| asked.guid).or_else(|| self.unheard.take());
        self.running = None;
    }

    /// It is there.
    pub fn confirm(&mut self, schedule: Option<String>, until: Timestamp, now: Timestamp) {
        if let Some(id) = schedule {
            self.add_schedule(id);
        }
        self.not_done();
        self.unheard = None;
        self.assigned_at.get_or_insert(now);
        (self.written_at, self.until, self.polls, self.failures) = (Some(now), Some(until), 0, 0);
    }

    /// One more id of the assignment.
    pub fn add_schedule(&mut self, id: String) {
        self.schedules.retain(|known| *known != id);
        self.schedules.push(id);
        let more = self.schedules.len().saturating_sub(SCHEDULES_KEPT);
        self.schedules.drain(..more);
    }

    /// It was there and is no more: what is given next is another assignment.
    pub fn lost(&mut self) {
        (self.assigned_at, self.written_at, self.until) = (None, None, None);
        self.schedules.clear();
    }

    /// It is gone, or has never come to be.
    pub fn gone(mut self, now: Timestamp) -> Progress {
        self.never_heard_of();
        (self.polls, self.failures, self.removed_at) = (0, 0, Some(now));
        Progress::Done { receipt: self.receipt(), tidy_at: None }
    }

    /// To be looked at again after a moment, which is longer each time up to `most`.
    pub fn again(mut self, now: Timestamp, most: SignedDuration, because: impl Into<String>) -> Progress {
        let wait = SignedDuration::from_secs(2 << self.polls.min(5)).min(most);
        self.polls += 1;
        self.again_at(now + wait, because)
    }

    /// To be looked at again then.
    pub fn again_at(self, at: Timestamp, because: impl Into<String>) -> Progress {
        Progress::LookAgain { at, because: because.into(), receipt: self.receipt() }
    }

    /// What it says of our part in an assignment that is over.
    pub fn made(&self) -> Made {
        let was_confirmed = !self.schedules.is_empty() || self.written_at.is_some();
        match (self.taken_over, was_confirmed, self.asked.is_some() || self.unheard.is_some()) {
            (true, ..) | (false, false, false) => Made::Nothing,
            (false, true, _) => Made::Recognised,
            (false, false, true) => Made::Perhaps,
        }
    }

    /// Whether Azure's lists can be believed about it by now.
    pub fn is_settled(&self, now: Timestamp) -> bool {
        let last = self.written_at.max(self.removed_at).max(self.until.filter(|until| *until <= now));
        last.is_none_or(|last| now.duration_since(last) >= LISTS_LAG)
    }

    /// It was taken away, and is there again: it is ours to take away once more.
    pub fn reclaimed(mut self) -> Self {
        (self.running, self.ours, self.removed_at, self.polls, self.failures) = (None, true, None, 0, 0);
        self.removals += 1;
        self
    }
}

/// A name for a request that nobody else gives and that follows from what is written down already.
pub(super) fn guid(work: &Work, what: &str, which: impl std::fmt::Display) -> String {
    let digest = Sha256::digest(format!("jit {what} {which} {} {}", work.grant, work.key));
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string()
}

impl Running {
    fn parse(text: &str) -> Option<Self> {
        let (kind, id) = text.split_once(':')?;
        match kind {
            "grant" => Some(Self::Grant(id.to_owned())),
            "removal" => Some(Self::Removal(id.to_owned())),
            _ => None,
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Grant(id) => format!("grant:{id}"),
            Self::Removal(id) => format!("removal:{id}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let at: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let mut notes = Notes { user_id: Some("o-1".into()), ours: true, attempt: 2, ..Notes::default() };
        notes.asked = Some(Asked { guid: "g-2".into(), at });
        notes.running = Some(Running::Grant("g-2".into()));
        let again = Notes::read(&notes.receipt());
        assert_eq!(again.receipt(), notes.receipt());
        assert_eq!((again.asked, again.running), (notes.asked.clone(), notes.running.clone()));

        notes.confirm(Some("s-1".into()), at, at);
        let again = Notes::read(&notes.receipt());
        assert_eq!((again.asked.clone(), again.schedules.clone()), (None, vec!["s-1".to_owned()]));
        assert_eq!(again.made(), Made::Recognised);
    }

    #[test]
    fn lists_are_believed_when_they_have_had_the_time() {
        let at: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let minute = |minutes| at + SignedDuration::from_mins(minutes);
        let mut notes = Notes::default();
        assert!(notes.is_settled(at));
        notes.confirm(Some("s-1".into()), minute(30), at);
        assert!(!notes.is_settled(minute(4)));
        assert!(notes.is_settled(minute(20)));
        assert!(!notes.is_settled(minute(31)), "Azure has just ended it");
        assert!(notes.is_settled(minute(41)));
    }

    #[test]
    fn only_the_last_ids_are_kept() {
        let mut notes = Notes::default();
        for id in ["a", "b", "c", "d", "b", "e"] {
            notes.add_schedule(id.to_owned());
        }
        assert_eq!(notes.schedules, ["c", "d", "b", "e"]);
    }
}
