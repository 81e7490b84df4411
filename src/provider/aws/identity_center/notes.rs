//! What the receipt of an assignment says. AWS keeps no mark of who made an assignment and on whose behalf, so this is all
//! there is to tell ours from somebody else's, and what a restarted process goes on from.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::facts::Instance;
use crate::{
    domain::{
        access::FOUND_AS as USER,
        aws::{self, IDENTITY_STORE_ID, INSTANCE_ARN, SESSION_DURATION},
    },
    provider::{FAILURES, Made, Progress, Receipt, Work},
};

const OURS: &str = "ours";
const INTENDED_AT: &str = "intended_at";
const UNHEARD_AT: &str = "unheard_at";
const CREATED: &str = "create_request_id";
const REQUEST: &str = "request";
const POLLS: &str = "polls";
const CREATIONS_FAILED: &str = "creations_failed";
const DELETING_AT: &str = "deleting_at";
const DELETE_UNHEARD_AT: &str = "delete_unheard_at";
const SAID_GONE_AT: &str = "said_gone_at";
const REMOVED_AT: &str = "removed_at";
const CUT_OFF_UNTIL: &str = "cut_off_until";

/// In place of the id of a creation whose answer never reached us.
const UNKNOWN: &str = "unknown";

/// A request that AWS is working on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Request {
    /// An assignment is being made.
    Create(String),
    /// An assignment is being taken away.
    Delete(String),
    /// A permission set's changed policy is being brought to the account.
    Provision(String),
}

/// The receipt, read.
#[derive(Debug, Clone, Default)]
pub(super) struct Notes {
    /// The holder in the identity store.
    pub user_id: Option<String>,
    /// Where they were found.
    pub instance: Option<Instance>,
    /// How long sessions of the permission set last.
    pub session: Option<Duration>,
    /// Whether an assignment that is there, or may come to be there, is of our making. Written down before AWS is asked
    /// to make it, after we saw that there was none.
    pub ours: bool,
    /// When that was last written down, before AWS was asked.
    pub intended_at: Option<Timestamp>,
    /// The same of an earlier time, when AWS was asked and its answer never came.
    pub unheard_at: Option<Timestamp>,
    /// AWS' id of the creation, once AWS has answered. Without it a create may be under way of which we know nothing.
    pub created: Option<String>,
    /// What AWS is working on.
    pub request: Option<Request>,
    /// How often we have asked how far that is.
    pub polls: u32,
    /// How often in a row AWS has failed at it, whichever way.
    pub failures: u32,
    /// How often in a row a creation that AWS had taken on came to nothing.
    pub creations_failed: u32,
    /// When it was last written down that AWS is about to be asked to take it away. AWS has answered since where this says
    /// nothing.
    pub deleting_at: Option<Timestamp>,
    /// The same of an earlier time, when AWS was asked and its answer never came.
    pub delete_unheard_at: Option<Timestamp>,
    /// When AWS last said that it was taken away, and still listed it.
    pub said_gone_at: Option<Timestamp>,
    /// When the assignment was seen to be gone.
    pub removed_at: Option<Timestamp>,
    /// Until when the permission set's policy has a statement that cuts off the holder's sessions.
    pub cut_off_until: Option<Timestamp>,
}

impl Notes {
    /// Reads the access' own receipt, and what the others under the key have to add.
    pub fn of(work: &Work) -> Self {
        let mut notes = Self::read(&work.receipt);
        let has_asked_itself = notes.intended_at.is_some();
        for other in work.siblings.iter().map(Self::read) {
            notes.user_id = notes.user_id.or(other.user_id);
            notes.instance = notes.instance.or(other.instance);
            notes.session = notes.session.or(other.session);
            notes.ours |= other.ours;
            notes.intended_at = notes.intended_at.max(other.intended_at);
            notes.unheard_at = notes.unheard_at.max(other.unheard_at);
            // what came of an earlier creation says nothing about one of its own
            notes.created = notes.created.or(other.created.filter(|_| !has_asked_itself));
            notes.request = notes.request.or(other.request);
            notes.deleting_at = notes.deleting_at.max(other.deleting_at);
            notes.delete_unheard_at = notes.delete_unheard_at.max(other.delete_unheard_at);
            notes.said_gone_at = notes.said_gone_at.max(other.said_gone_at);
            notes.cut_off_until = notes.cut_off_until.max(other.cut_off_until);
        }
        notes
    }

    /// Reads one receipt alone.
    pub fn read(receipt: &Receipt) -> Self {
        let text = |key: &str| receipt.0.get(key).filter(|value| !value.is_empty()).cloned();
        let time = |key: &str| text(key).and_then(|at| at.parse().ok());
        let count = |key: &str| text(key).and_then(|count| count.parse().ok()).unwrap_or_default();
        let instance = text(INSTANCE_ARN).zip(text(IDENTITY_STORE_ID)).map(|(arn, store)| Instance { arn, store });
        Self {
            user_id: text(USER),
            instance,
            session: aws::session_duration(&receipt.0),
            ours: text(OURS).is_some(),
            intended_at: time(INTENDED_AT),
            unheard_at: time(UNHEARD_AT),
            created: text(CREATED),
            request: text(REQUEST).as_deref().and_then(Request::parse),
            polls: count(POLLS),
            failures: count(FAILURES),
            creations_failed: count(CREATIONS_FAILED),
            deleting_at: time(DELETING_AT),
            delete_unheard_at: time(DELETE_UNHEARD_AT),
            said_gone_at: time(SAID_GONE_AT),
            removed_at: time(REMOVED_AT),
            cut_off_until: time(CUT_OFF_UNTIL),
        }
    }

    /// Writes everything down; what is no more is written as empty, which forgets it.
    pub fn receipt(&self) -> Receipt {
        let time = |at: Option<Timestamp>| at.map(|at| at.to_string());
        let count = |count: u32| (count > 0).then(|| count.to_string());
        let pairs = [
            (USER, self.user_id.clone()),
            (INSTANCE_ARN, self.instance.as_ref().map(|instance| instance.arn.clone())),
            (IDENTITY_STORE_ID, self.instance.as_ref().map(|instance| instance.store.clone())),
            (SESSION_DURATION, self.session.map(|session| session.as_secs().to_string())),
            (OURS, self.ours.then(|| "yes".to_owned())),
            (INTENDED_AT, time(self.intended_at)),
            (UNHEARD_AT, time(self.unheard_at)),
            (CREATED, self.created.clone()),
            (REQUEST, self.request.as_ref().map(Request::text)),
            (POLLS, count(self.polls)),
            (FAILURES, count(self.failures)),
            (CREATIONS_FAILED, count(self.creations_failed)),
            (DELETING_AT, time(self.deleting_at)),
            (DELETE_UNHEARD_AT, time(self.delete_unheard_at)),
            (SAID_GONE_AT, time(self.said_gone_at)),
            (REMOVED_AT, time(self.removed_at)),
            (CUT_OFF_UNTIL, time(self.cut_off_until)),
        ];
        Receipt(pairs.into_iter().map(|(key, value)| (key.to_owned(), value.unwrap_or_default())).collect())
    }

    /// Of all that, only when AWS was asked to take it away.
    pub fn deletes(&self) -> Receipt {
        let is_of_deletes = |(key, _): &(String, String)| [DELETING_AT, DELETE_UNHEARD_AT].contains(&key.as_str());
        Receipt(self.receipt().0.into_iter().filter(is_of_deletes).collect())
    }

    /// What it says of our part in an assignment that is over.
    pub fn made(&self) -> Made {
        match (self.created.is_some() || self.ours, self.intended_at, self.unheard_at) {
            // a call that nothing was heard of may come true after all is over
            (_, _, Some(_)) | (false, Some(_), None) => Made::Perhaps,
            (true, _, None) => Made::Confirmed,
            (false, None, None) => Made::Nothing,
        }
    }

    /// AWS was not asked for it after all: what comes to be there meanwhile is somebody else's.
    pub fn not_asked(&mut self) {
        (self.ours, self.intended_at) = (false, None);
    }

    /// AWS has said that it did not make it. Unless an earlier call may still come true, nothing is of our making, and what
    /// comes to be there is somebody else's.
    pub fn nothing_made(&mut self) {
        self.created = None;
        if self.unheard_at.is_none() {
            self.not_asked();
        }
    }

    /// AWS is about to be asked to take it away; whether it heard of an earlier time is not known if nothing says so.
    pub fn about_to_delete(&mut self, now: Timestamp) {
        self.delete_unheard_at = self.deleting_at.or(self.delete_unheard_at);
        self.deleting_at = Some(now);
    }

    /// When AWS was last asked to take it away without having answered.
    pub fn delete_unheard(&self) -> Option<Timestamp> {
        self.deleting_at.max(self.delete_unheard_at)
    }

    /// No call to take it away can come true any more of which we know nothing.
    pub fn deletes_are_over(&mut self) {
        (self.deleting_at, self.delete_unheard_at) = (None, None);
    }

    /// To be asked about again: after 1 s, 2 s, 4 s, 8 s, and then every 15 s.
    pub fn poll_again(mut self, now: Timestamp, because: &str) -> Progress {
        let seconds = (1 << self.polls.min(4)).min(15);
        self.polls += 1;
        let at = now + SignedDuration::from_secs(seconds);
        Progress::LookAgain { at, because: because.to_owned(), receipt: self.receipt() }
    }

    /// A new request is under way.
    pub fn began(&mut self, request: Request) {
        (self.request, self.polls) = (Some(request), 0);
    }

    /// It was taken away, and is there again: it is ours to take away once more.
    pub fn reclaimed(mut self) -> Self {
        self.settled();
        (self.ours, self.removed_at, self.failures) = (true, None, 0);
        self.deletes_are_over();
        self.found();
        self
    }

    /// It is there, and we know no creation by its id.
    pub fn found(&mut self) {
        self.created.get_or_insert_with(|| UNKNOWN.to_owned());
    }

    /// Nothing is under way any more.
    pub fn settled(&mut self) {
        (self.request, self.polls) = (None, 0);
    }

    /// AWS failed at what was under way.
    pub fn failed(&mut self) {
        self.settled();
        self.failures += 1;
    }
}

impl Request {
    fn parse(text: &str) -> Option<Self> {
        let (kind, id) = text.split_once(':')?;
        match kind {
            "create" => Some(Self::Create(id.to_owned())),
            "delete" => Some(Self::Delete(id.to_owned())),
            "provision" => Some(Self::Provision(id.to_owned())),
            _ => None,
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Create(id) => format!("create:{id}"),
            Self::Delete(id) => format!("delete:{id}"),
            Self::Provision(id) => format!("provision:{id}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_says_whose_work_it_was() {
        let mut notes = Notes::default();
        assert_eq!(notes.made(), Made::Nothing);
        (notes.ours, notes.intended_at) = (true, Some(Timestamp::UNIX_EPOCH));
        let mut other_way = notes.clone();
        other_way.not_asked();
        assert_eq!(other_way.made(), Made::Nothing, "somebody else was quicker");
        let mut failed = Notes { created: Some("r".into()), ..notes.clone() };
        failed.nothing_made();
        assert_eq!(failed.made(), Made::Nothing, "AWS said that it made nothing");
        failed = Notes { created: Some("r".into()), unheard_at: notes.intended_at, ..notes.clone() };
        failed.nothing_made();
        assert_eq!(failed.made(), Made::Perhaps, "an earlier call may have");
        notes.ours = false;
        assert_eq!(notes.made(), Made::Perhaps, "taken back without an answer");
        (notes.created, notes.removed_at, notes.failures) = (Some("r".into()), Some(Timestamp::UNIX_EPOCH), 3);
        assert_eq!(notes.made(), Made::Confirmed);

        let mut receipt = notes.receipt().shown();
        Notes::read(&Receipt(receipt.clone())).reclaimed().receipt().add_to(&mut receipt);
        let again = Notes::read(&Receipt(receipt));
        assert!(again.ours && again.removed_at.is_none() && again.failures == 0 && again.created.is_some());
    }

    #[test]
    fn a_delete_that_nothing_was_heard_of_is_remembered_beside_the_next() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut notes = Notes::default();
        notes.about_to_delete(at(1));
        assert_eq!((notes.deleting_at, notes.delete_unheard_at), (Some(at(1)), None));
        notes.about_to_delete(at(5));
        assert_eq!((notes.deleting_at, notes.delete_unheard_at), (Some(at(5)), Some(at(1))));
        // the second one is answered
        notes.deleting_at = None;
        assert_eq!(notes.delete_unheard(), Some(at(1)));
        notes.about_to_delete(at(9));
        assert_eq!((notes.deleting_at, notes.delete_unheard_at), (Some(at(9)), Some(at(1))));
        notes.deletes_are_over();
        assert_eq!(notes.delete_unheard(), None);
    }

    #[test]
    fn what_is_written_is_read_again() {
        let at: Timestamp = "2026-11-21T12:00:00.5Z".parse().unwrap();
        let mut notes = Notes {
            user_id: Some("u-1".into()),
            instance: Some(Instance { arn: "arn".into(), store: "d-1".into() }),
            session: Some(Duration::from_hours(1)),
            ours: true,
            intended_at: Some(at),
            unheard_at: None,
            created: None,
            request: None,
            polls: 3,
            failures: 0,
            creations_failed: 1,
            deleting_at: Some(at),
            delete_unheard_at: Some(at),
            said_gone_at: Some(at),
            removed_at: None,
            cut_off_until: Some(at),
        };
        notes.began(Request::Delete("r:1".into()));
        notes.failures = 2;
        let again = Notes::read(&notes.receipt());
        assert_eq!(again.receipt(), notes.receipt());
        assert_eq!((again.creations_failed, again.said_gone_at), (1, Some(at)));
        assert_eq!(again.request, Some(Request::Delete("r:1".into())));
        notes.settled();
        assert_eq!(notes.receipt().0[REQUEST], "", "an empty value forgets");
    }
}
