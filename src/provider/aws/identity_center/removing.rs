//! To take an assignment away: only what is ours, never while AWS is still making it, and not said to be gone until AWS
//! has come to its end and the list shows it no more.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{
    IdentityCenter, Known, Step,
    assignment::{Assignment, Seen, Status},
    call::{Halt, OWN_PACE},
    granting::is_final,
    notes::{Notes, Request},
    quota::Change,
    target_of,
};
use crate::provider::{ErrorKind, Progress, ProviderError, Work};

/// How long a create or a delete may still be on its way to AWS after it was sent and nothing was heard of it: longer than
/// any attempt at a call takes.
pub(super) const ON_ITS_WAY: SignedDuration = SignedDuration::from_secs(60);

impl IdentityCenter {
    /// Takes a step towards there being no assignment of ours, nor, if the target wants it so, sessions that it opened.
    pub(super) async fn remove(&self, work: &Work, mut notes: Notes) -> Step {
        if !notes.ours {
            // it may have waited for its turn
            if let Ok(it) = Assignment::of(target_of(work)?, &notes)
                && notes.request.is_none()
            {
                self.quota.done(&it.account, &it.writer());
            }
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
            notes.deletes_are_over();
            (notes.removed_at, notes.failures) = (Some(work.now), 0);
            notes.said_gone_at = None;
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
        let creation = self.creation_may_come(work, notes, it);
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
                    return self.verify(work, notes, it, creation).await;
                }
                (Request::Delete(_), Status::Failed(reason)) if is_final(&reason) => {
                    return self.verify(work, notes, it, creation).await;
                }
                (Request::Create(_), Status::Failed(_)) => {
                    notes.settled();
                    notes.nothing_made();
                    if !notes.ours {
                        return Ok(None);
                    }
                }
                (Request::Delete(_), Status::Failed(reason)) => return Ok(Some(self.failed(work, notes, it, &reason))),
                (Request::Create(_) | Request::Provision(_), _) | (Request::Delete(_), Status::Forgotten) => {
                    notes.settled();
                }
            }
        } else if creation.is_some()
            && let Some(id) = self.wire.find_creation(&self.quota, it).await?
        {
            notes.created = Some(id.clone());
            notes.began(Request::Create(id));
            let because = format!("AWS is still assigning {}; it is taken back after that", it.words());
            return Ok(Some(notes.clone().poll_again(work.now, &because)));
        }
        if notes.delete_unheard_at.is_some()
            && let Some(id) = self.wire.find_deletion(&self.quota, it).await?
        {
            notes.deletes_are_over();
            notes.began(Request::Delete(id));
            return Ok(Some(notes.clone().poll_again(work.now, &being_removed(it))));
        }
        self.delete(work, notes, it, creation).await
    }

    async fn delete(
        &self,
        work: &Work,
        notes: &mut Notes,
        it: &Assignment,
        creation: Option<Timestamp>,
    ) -> Result<Option<Progress>, Halt> {
        if let Err(at) = self.quota.turn(&it.account, &it.writer(), Change::Remove, work.now) {
            notes.deleting_at = None;
            let because = format!("waiting for its turn: AWS makes one change at a time in account {}", it.account);
            return Ok(Some(Progress::LookAgain { at, because, receipt: notes.receipt() }));
        }
        let answer = self.wire.delete(&self.quota, it).await;
        if !matches!(&answer, Err(Halt::Failed(error)) if error.kind == ErrorKind::Ambiguous) {
            notes.deleting_at = None;
        }
        match answer {
            Ok((id, Status::Running | Status::Forgotten)) => {
                notes.began(Request::Delete(id));
                Ok(Some(notes.clone().poll_again(work.now, &being_removed(it))))
            }
            Ok((_, Status::Failed(reason))) if !is_final(&reason) => Ok(Some(self.failed(work, notes, it, &reason))),
            Ok((_, Status::Succeeded | Status::Failed(_))) => self.verify(work, notes, it, creation).await,
            Err(halt) if halt.is_not_found() => {
                // an earlier call that nothing was heard of has done it
                notes.deletes_are_over();
                self.verify(work, notes, it, creation).await
            }
            Err(Halt::Pace(wait)) => {
                self.quota.done(&it.account, &it.writer());
                Ok(Some(paced(work, notes, wait)))
            }
            Err(Halt::Failed(error)) => self.not_deleted(work, notes, it, (error, creation)).await,
        }
    }

    /// AWS did not take it away, or did not say so. Where it is not allowed to us, somebody may have done it by hand.
    async fn not_deleted(
        &self,
        work: &Work,
        notes: &mut Notes,
        it: &Assignment,
        (error, creation): (ProviderError, Option<Timestamp>),
    ) -> Result<Option<Progress>, Halt> {
        let may_be_gone = error.kind.is_final() && creation.is_none();
        if may_be_gone && matches!(self.wire.look(&self.quota, it).await, Ok(Seen::Absent | Seen::ThroughGroup)) {
            return Ok(self.absent(work, notes, it, None));
        }
        self.quota.done(&it.account, &it.writer());
        notes.failures += 1;
        Ok(Some(Progress::Failed { error, receipt: notes.receipt() }))
    }

    /// Only what the list shows no more is gone.
    async fn verify(
        &self,
        work: &Work,
        notes: &mut Notes,
        it: &Assignment,
        creation: Option<Timestamp>,
    ) -> Result<Option<Progress>, Halt> {
        notes.settled();
        match self.wire.look(&self.quota, it).await {
            Ok(Seen::Assigned) => {
                notes.failed();
                notes.said_gone_at = Some(work.now);
                self.quota.done(&it.account, &it.writer());
                let because = format!("AWS still lists {} although it said that it was removed", it.words());
                let at = work.now + wait_after(notes.failures);
                Ok(Some(Progress::LookAgain { at, because, receipt: notes.receipt() }))
            }
            Ok(Seen::Absent | Seen::ThroughGroup) => Ok(self.absent(work, notes, it, creation)),
            // who is no more in the directory may have no list; the other list then says it
            Err(halt) if halt.is_not_found() && !self.is_listed(work, it).await? => {
                Ok(self.absent(work, notes, it, creation))
            }
            Err(halt) => Err(halt),
        }
    }

    async fn is_listed(&self, work: &Work, it: &Assignment) -> Result<bool, Halt> {
        let users = self.wire.assigned(&self.quota, &it.instance_arn, target_of(work)?).await?;
        Ok(users.contains(&it.user_id))
    }

    /// It is not there: it is gone, unless a call of which nothing was heard may still come true.
    fn absent(&self, work: &Work, notes: &mut Notes, it: &Assignment, creation: Option<Timestamp>) -> Option<Progress> {
        let deletion = notes.delete_unheard().map(|at| at + ON_ITS_WAY).filter(|until| work.now < *until);
        let at = creation.max(deletion)?;
        self.quota.done(&it.account, &it.writer());
        let because = format!("{} is not there, but an earlier call for it may still reach AWS", it.words());
        Some(Progress::LookAgain { at, because, receipt: notes.receipt() })
    }

    /// Until when a create that was sent and never answered may come true; `None` when all is known.
    fn creation_may_come(&self, work: &Work, notes: &Notes, it: &Assignment) -> Option<Timestamp> {
        let is_open = notes.created.is_none() && self.known(work, it) != Some(Known::NothingSent);
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

/// The bot's own pace does not allow the call now.
pub(super) fn paced(work: &Work, notes: &Notes, wait: Duration) -> Progress {
    let at = work.now + SignedDuration::try_from(wait).unwrap_or(SignedDuration::from_secs(5));
    Progress::LookAgain { at, because: OWN_PACE.to_owned(), receipt: notes.receipt() }
}

/// 2 s, 4 s, … 5 min.
pub(super) fn wait_after(failures: u32) -> SignedDuration {
    SignedDuration::from_secs((1 << failures.min(9)).min(300))
}

fn being_removed(it: &Assignment) -> String {
    format!("AWS is removing {}", it.words())
}
