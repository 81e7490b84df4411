//! To take an assignment away: only what is ours, never while AWS is still making it, and not said to be gone until AWS
//! has come to its end and the list shows it no more.

use jiff::{SignedDuration, Timestamp};

use super::{
    IdentityCenter, Known, Step,
    assignment::{Assignment, Seen, Status},
    call::Halt,
    granting::is_final,
    notes::{Notes, Request},
    quota::Change,
    target_of,
};
use crate::provider::{Progress, Work};

/// How long a create may still be on its way to AWS after it was sent and nothing was heard of it: longer than any
/// attempt at a call takes.
const ON_ITS_WAY: SignedDuration = SignedDuration::from_secs(60);

impl IdentityCenter {
    /// Takes a step towards there being no assignment of ours, nor, if the target wants it so, sessions that it opened.
    pub(super) async fn remove(&self, work: &Work, mut notes: Notes) -> Step {
        if !notes.ours {
            return self.tidy(work, notes).await;
        }
        let it = Assignment::of(target_of(work)?, &notes)?;
        if notes.removed_at.is_none() {
            let step = self.take_away(work, &mut notes, &it).await;
            if let Some(not_yet) = step.inspect_err(|_| self.quota.done(&it.account, &it.writer()))? {
                return Ok(not_yet);
            }
            self.quota.done(&it.account, &it.writer());
            notes.settled();
            (notes.removed_at, notes.failures) = (Some(work.now), 0);
            if target_of(work)?.cut_off_sessions {
                // written down first: from now on it counts how long sessions can still run
                let because = format!("{} is removed; its running sessions are cut off next", it.words());
                return Ok(Progress::LookAgain { at: work.now, because, receipt: notes.receipt() });
            }
        }
        self.cut_off(work, notes, &it).await
    }

    /// Nothing when it is gone.
    async fn take_away(&self, work: &Work, notes: &mut Notes, it: &Assignment) -> Result<Option<Progress>, Halt> {
        let may_be_on_its_way = self.may_be_on_its_way(work, notes, it);
        if let Some(request) = notes.request.clone() {
            self.quota.holds(&it.account, &it.writer(), Change::Remove, work.now);
            let status = self.wire.poll(&self.quota, it, &request).await?;
            match (request, status) {
                (Request::Create(_), Status::Running) => {
                    let because = format!("AWS is still assigning {}; it is taken back after that", it.words());
                    return Ok(Some(notes.clone().poll_again(work.now, &because)));
                }
                (_, Status::Running) => return Ok(Some(notes.clone().poll_again(work.now, &being_removed(it)))),
                (Request::Delete(_), Status::Succeeded) => {
                    return self.verify(work, notes, it, may_be_on_its_way).await;
                }
                (Request::Delete(_), Status::Failed(reason)) if is_final(&reason) => {
                    return self.verify(work, notes, it, may_be_on_its_way).await;
                }
                (Request::Delete(_), Status::Failed(reason)) => return Ok(Some(self.failed(work, notes, it, &reason))),
                (Request::Create(_) | Request::Provision(_), _) | (Request::Delete(_), Status::Forgotten) => {
                    notes.settled();
                }
            }
        } else if may_be_on_its_way.is_some()
            && let Some(id) = self.wire.find_creation(&self.quota, it).await?
        {
            notes.created = Some(id.clone());
            notes.began(Request::Create(id));
            let because = format!("AWS is still assigning {}; it is taken back after that", it.words());
            return Ok(Some(notes.clone().poll_again(work.now, &because)));
        }
        self.delete(work, notes, it, may_be_on_its_way).await
    }

    async fn delete(
        &self,
        work: &Work,
        notes: &mut Notes,
        it: &Assignment,
        may_be_on_its_way: Option<Timestamp>,
    ) -> Result<Option<Progress>, Halt> {
        if let Err(at) = self.quota.turn(&it.account, &it.writer(), Change::Remove, work.now) {
            let because = format!("waiting for its turn: AWS makes one change at a time in account {}", it.account);
            return Ok(Some(Progress::LookAgain { at, because, receipt: notes.receipt() }));
        }
        match self.wire.delete(&self.quota, it).await {
            Ok((id, Status::Running | Status::Forgotten)) => {
                notes.began(Request::Delete(id));
                Ok(Some(notes.clone().poll_again(work.now, &being_removed(it))))
            }
            Ok((_, Status::Failed(reason))) if !is_final(&reason) => Ok(Some(self.failed(work, notes, it, &reason))),
            Ok((_, Status::Succeeded | Status::Failed(_))) => self.verify(work, notes, it, may_be_on_its_way).await,
            Err(halt) if halt.is_not_found() => self.verify(work, notes, it, may_be_on_its_way).await,
            Err(halt) => Err(halt),
        }
    }

    /// Only what the list shows no more is gone.
    async fn verify(
        &self,
        work: &Work,
        notes: &mut Notes,
        it: &Assignment,
        may_be_on_its_way: Option<Timestamp>,
    ) -> Result<Option<Progress>, Halt> {
        notes.settled();
        let (at, because) = match (self.wire.look(&self.quota, it).await?, may_be_on_its_way) {
            (Seen::Assigned, _) => {
                notes.failed();
                let because = format!("AWS still lists {} although it said that it was removed", it.words());
                (work.now + wait_after(notes.failures), because)
            }
            (Seen::Absent | Seen::ThroughGroup, Some(at)) => {
                (at, format!("{} is not there, but an earlier call for it may still reach AWS", it.words()))
            }
            (Seen::Absent | Seen::ThroughGroup, None) => return Ok(None),
        };
        self.quota.done(&it.account, &it.writer());
        Ok(Some(Progress::LookAgain { at, because, receipt: notes.receipt() }))
    }

    /// Until when a create that was sent and never answered may come true; `None` when all is known.
    fn may_be_on_its_way(&self, work: &Work, notes: &Notes, it: &Assignment) -> Option<Timestamp> {
        let is_open = notes.created.is_none() && self.known(it, work.now) != Some(Known::NothingSent);
        let last = notes.intended_at.filter(|_| is_open);
        let until = last.max(notes.unheard_at)? + ON_ITS_WAY;
        (work.now < until).then_some(until)
    }

    fn failed(&self, work: &Work, notes: &mut Notes, it: &Assignment, reason: &str) -> Progress {
        self.quota.done(&it.account, &it.writer());
        notes.failed();
        let because = format!("AWS could not remove {}: {reason}; it is tried again", it.words());
        Progress::LookAgain { at: work.now + wait_after(notes.failures), because, receipt: notes.receipt() }
    }
}

/// 2 s, 4 s, … 5 min.
pub(super) fn wait_after(failures: u32) -> SignedDuration {
    SignedDuration::from_secs((1 << failures.min(9)).min(300))
}

fn being_removed(it: &Assignment) -> String {
    format!("AWS is removing {}", it.words())
}
