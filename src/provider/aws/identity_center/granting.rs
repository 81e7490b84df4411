//! To bring an assignment about: look, ask AWS for it once, and wait until AWS says that it is there.

use jiff::SignedDuration;

use super::{
    IdentityCenter, Known, Step,
    assignment::{Assignment, Seen, Status},
    call::Halt,
    notes::{Notes, Request},
    quota::Change,
    removing::{ON_ITS_WAY, paced},
    target_of,
};
use crate::provider::{ErrorKind, Progress, ProviderError, Work};

/// How often AWS may fail at an assignment before the grant is given up.
const TRIES: u32 = 3;
/// How soon to look again at what AWS still lists although it said that it was removed.
const LIST_LAG: SignedDuration = SignedDuration::from_secs(5);

impl IdentityCenter {
    /// Takes a step towards the assignment.
    pub(super) async fn grant(&self, work: &Work, mut notes: Notes) -> Step {
        let it = Assignment::of(target_of(work)?, &notes)?;
        if let Some(request) = notes.request.clone() {
            self.quota.holds(&it.account, &it.writer(), Change::Create, work.now);
            let status = self.wire.poll(&self.quota, &it, &request).await?;
            match (request, status) {
                (_, Status::Running) => return Ok(notes.poll_again(work.now, &being_granted(&it))),
                (Request::Create(_), status @ (Status::Succeeded | Status::Failed(_))) => {
                    return Ok(self.answered(work, notes, &it, status));
                }
                // an earlier grant's removal has come to its end, whichever
                (Request::Delete(_), Status::Succeeded) => {
                    notes.settled();
                    notes.said_gone_at = Some(work.now);
                }
                (Request::Delete(_) | Request::Provision(_), _) | (Request::Create(_), Status::Forgotten) => {
                    notes.settled();
                }
            }
        }
        if let Some(progress) = self.wait_for_deletes(work, &mut notes, &it).await? {
            return Ok(progress);
        }
        let known = self.take_known(work, &it);
        let seen_absent = known == Some(Known::Absent);
        if !seen_absent && notes.ours {
            if notes.created.is_none()
                && let Some(id) = self.wire.find_creation(&self.quota, &it).await?
            {
                notes.created = Some(id.clone());
                notes.began(Request::Create(id));
                return Ok(notes.poll_again(work.now, &being_granted(&it)));
            }
            let is_there = self.wire.look(&self.quota, &it).await? == Seen::Assigned;
            let nothing_was_sent = notes.created.is_none() && known == Some(Known::NothingSent);
            if is_there && nothing_was_sent && notes.unheard_at.is_none() {
                // somebody else was faster: that is found out anew, with nothing in it that is ours
                notes.not_asked();
                return Ok(Progress::LookAgain { at: work.now, because: queued(&it), receipt: notes.receipt() });
            }
            if is_there && let Some(at) = notes.said_gone_at.map(|at| at + ON_ITS_WAY).filter(|at| work.now < *at) {
                let because = format!("AWS has just removed {} and lists it still", it.words());
                let at = at.min(work.now + LIST_LAG);
                return Ok(Progress::LookAgain { at, because, receipt: notes.receipt() });
            }
            if is_there {
                return Ok(self.granted(notes, &it));
            }
            if notes.created.take().is_some() {
                // it is to be made anew, and that is written down first
                notes.intended_at = Some(work.now);
                self.know(work, &it, Known::NothingSent);
                return Ok(Progress::LookAgain { at: work.now, because: queued(&it), receipt: notes.receipt() });
            }
        }
        self.create(work, notes, &it, known).await
    }

    /// What takes it away for an earlier grant has to have come to its end first, heard of or not: what is there until then
    /// may be gone in a moment.
    async fn wait_for_deletes(
        &self,
        work: &Work,
        notes: &mut Notes,
        it: &Assignment,
    ) -> Result<Option<Progress>, Halt> {
        let Some(until) = notes.delete_unheard().map(|at| at + ON_ITS_WAY) else { return Ok(None) };
        if let Some(id) = self.wire.find_deletion(&self.quota, it).await? {
            notes.deletes_are_over();
            notes.began(Request::Delete(id));
            let because = format!("AWS is still removing {} for an earlier grant", it.words());
            return Ok(Some(notes.clone().poll_again(work.now, &because)));
        }
        if work.now < until {
            let because = format!("an earlier call to remove {} may still reach AWS", it.words());
            return Ok(Some(Progress::LookAgain { at: until, because, receipt: notes.receipt() }));
        }
        notes.deletes_are_over();
        Ok(None)
    }

    async fn create(&self, work: &Work, mut notes: Notes, it: &Assignment, known: Option<Known>) -> Step {
        let seen_absent = known == Some(Known::Absent);
        let turn = self.quota.turn(&it.account, &it.writer(), Change::Create, work.now);
        if !notes.ours || turn.is_err() {
            // nothing was asked for: what is there when our turn comes may be somebody else's
            if seen_absent {
                notes.not_asked();
            }
            let at = turn.err().unwrap_or(work.now);
            return Ok(Progress::LookAgain { at, because: queued(it), receipt: notes.receipt() });
        }
        match self.wire.create(&self.quota, it).await {
            Ok((id, status)) => {
                notes.created = Some(id.clone());
                notes.began(Request::Create(id));
                match status {
                    Status::Running | Status::Forgotten => Ok(notes.poll_again(work.now, &being_granted(it))),
                    Status::Succeeded | Status::Failed(_) => Ok(self.answered(work, notes, it, status)),
                }
            }
            Err(Halt::Pace(wait)) => {
                self.quota.done(&it.account, &it.writer());
                if seen_absent {
                    notes.not_asked();
                }
                Ok(paced(work, &notes, wait))
            }
            Err(Halt::Failed(error)) => {
                self.quota.done(&it.account, &it.writer());
                notes.failures += 1;
                if known.is_some() && error.kind != ErrorKind::Ambiguous {
                    self.know(work, it, Known::NothingSent);
                    notes.nothing_made();
                }
                Ok(Progress::Failed { error, receipt: notes.receipt() })
            }
        }
    }

    /// AWS has come to an end with the creation.
    fn answered(&self, work: &Work, mut notes: Notes, it: &Assignment, status: Status) -> Progress {
        let Status::Failed(reason) = status else { return self.granted(notes, it) };
        self.quota.done(&it.account, &it.writer());
        self.know(work, it, Known::NothingSent);
        notes.failed();
        notes.nothing_made();
        notes.creations_failed += 1;
        let words = format!("AWS could not assign {}: {reason}", it.words());
        if notes.creations_failed >= TRIES || is_final(&reason) {
            notes.creations_failed = 0;
            let error = ProviderError { kind: ErrorKind::Refused, message: words };
            return Progress::Failed { error, receipt: notes.receipt() };
        }
        let at = work.now + SignedDuration::from_secs(2 << notes.creations_failed);
        Progress::LookAgain { at, because: format!("{words}; it is tried again"), receipt: notes.receipt() }
    }

    fn granted(&self, mut notes: Notes, it: &Assignment) -> Progress {
        self.quota.done(&it.account, &it.writer());
        notes.settled();
        (notes.failures, notes.creations_failed) = (0, 0);
        (notes.removed_at, notes.said_gone_at) = (None, None);
        notes.found();
        Progress::Done { receipt: notes.receipt(), tidy_at: None }
    }
}

/// AWS gives only free text. What does not exist will not come into being by asking again.
pub(super) fn is_final(reason: &str) -> bool {
    let reason = reason.to_ascii_lowercase();
    ["not found", "does not exist", "doesn't exist", "not exist", "invalid"].iter().any(|words| reason.contains(words))
}

fn being_granted(it: &Assignment) -> String {
    format!("AWS is assigning {}", it.words())
}

fn queued(it: &Assignment) -> String {
    format!("waiting for its turn: AWS makes one change at a time in account {}", it.account)
}
