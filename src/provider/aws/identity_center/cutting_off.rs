//! To cut off the sessions that an assignment opened, and to clear up after that. An assignment that is gone opens no new
//! sessions, but those that run go on for as long as the permission set lets them; a deny in the permission set's inline
//! policy ends them, for this holder in this account alone.

use jiff::SignedDuration;

use super::{
    IdentityCenter, Step,
    assignment::{Assignment, Status},
    call::{Halt, Operation, call},
    cut_off_policy::{self, NoPolicy},
    error::{refused, too_long},
    facts::short,
    notes::{Notes, Request},
    quota::Change,
    removing::wait_after,
    target_of,
};
use crate::{
    domain::aws::LONGEST_SESSION,
    provider::{Progress, Work},
};

/// How much longer the statement stays than the last session that it is for: room for clocks that disagree, and for IAM,
/// whose changes "might take a few minutes" to be seen everywhere.
const TIDY_AFTER: SignedDuration = SignedDuration::from_mins(5);

/// What to do to the policy.
#[derive(Debug, Clone, Copy)]
enum Edit {
    Add,
    TakeOut,
}

impl IdentityCenter {
    /// After the assignment is gone: cuts its sessions off if the target wants it so and any can be running.
    pub(super) async fn cut_off(&self, work: &Work, mut notes: Notes, it: &Assignment) -> Step {
        let session = SignedDuration::try_from(notes.session.unwrap_or(LONGEST_SESSION)).unwrap_or(SignedDuration::MAX);
        let dead_at = notes.removed_at.unwrap_or(work.now) + session;
        if !target_of(work)?.cut_off_sessions || dead_at <= work.now {
            return self.gone(work, notes).await;
        }
        notes.cut_off_until = Some(dead_at + TIDY_AFTER);
        match self.edit(work, &mut notes, it, Edit::Add).await? {
            Some(not_yet) => Ok(not_yet),
            None => self.gone(work, notes).await,
        }
    }

    /// The assignment is ours no more; what is left is to tidy.
    async fn gone(&self, work: &Work, mut notes: Notes) -> Step {
        notes.ours = false;
        self.tidy(work, notes).await
    }

    /// Takes the statement out once it is of no more use.
    pub(super) async fn tidy(&self, work: &Work, mut notes: Notes) -> Step {
        match notes.cut_off_until {
            None => {}
            Some(due) if work.now < due => {
                return Ok(Progress::Done { receipt: notes.receipt(), tidy_at: Some(due) });
            }
            Some(_) => {
                let it = Assignment::of(target_of(work)?, &notes)?;
                match self.edit(work, &mut notes, &it, Edit::TakeOut).await {
                    Ok(Some(not_yet)) => return Ok(not_yet),
                    Ok(None) => {}
                    // a permission set that is gone needs no tidying either
                    Err(halt) if halt.is_not_found() => {}
                    Err(halt) => return Err(halt),
                }
                notes.cut_off_until = None;
            }
        }
        Ok(Progress::Done { receipt: notes.receipt(), tidy_at: None })
    }

    /// Changes the policy and brings it to the account; nothing when that is done.
    async fn edit(
        &self,
        work: &Work,
        notes: &mut Notes,
        it: &Assignment,
        edit: Edit,
    ) -> Result<Option<Progress>, Halt> {
        let writer = it.writer();
        let status = match notes.request.clone() {
            Some(request @ Request::Provision(_)) => {
                self.quota.holds(&it.account, &writer, Change::Remove, work.now);
                self.wire.poll(&self.quota, it, &request).await?
            }
            Some(Request::Create(_) | Request::Delete(_)) | None => Status::Forgotten,
        };
        let status = match status {
            Status::Forgotten => {
                let wait = |at| {
                    let because =
                        format!("waiting for its turn to change permission set {}", short(&it.permission_set_arn));
                    Progress::LookAgain { at, because, receipt: notes.receipt() }
                };
                if let Err(at) = self.quota.turn(&it.account, &writer, Change::Remove, work.now) {
                    return Ok(Some(wait(at)));
                }
                let Ok(_alone) = self.quota.policies.try_lock() else {
                    return Ok(Some(wait(work.now + SignedDuration::from_secs(1))));
                };
                let provisioned = async {
                    if !self.rewrite(work, it, edit).await? {
                        return Ok(None);
                    }
                    self.wire.provision(&self.quota, it).await.map(Some)
                };
                match provisioned.await.inspect_err(|_: &Halt| self.quota.done(&it.account, &writer))? {
                    None => Status::Succeeded,
                    Some((id, status)) => {
                        notes.began(Request::Provision(id));
                        status
                    }
                }
            }
            known => known,
        };
        match status {
            Status::Running | Status::Forgotten => {
                let because = match edit {
                    Edit::Add => format!("AWS is cutting off running sessions of {}", it.words()),
                    Edit::TakeOut => format!("AWS is removing what cut off sessions of {}", it.words()),
                };
                Ok(Some(notes.clone().poll_again(work.now, &because)))
            }
            Status::Succeeded => {
                self.quota.done(&it.account, &writer);
                notes.settled();
                Ok(None)
            }
            Status::Failed(reason) => {
                self.quota.done(&it.account, &writer);
                notes.failed();
                let because =
                    format!("AWS could not bring a changed policy to {}: {reason}; it is tried again", it.words());
                let at = work.now + wait_after(notes.failures);
                Ok(Some(Progress::LookAgain { at, because, receipt: notes.receipt() }))
            }
        }
    }

    /// Says whether there was anything to change. A statement that is there already is brought to the account all the
    /// same: an earlier attempt may have come no further.
    async fn rewrite(&self, work: &Work, it: &Assignment, edit: Edit) -> Result<bool, Halt> {
        let about = format!("permission set {}", short(&it.permission_set_arn));
        let request = self
            .wire
            .reading
            .get_inline_policy_for_permission_set()
            .instance_arn(&it.instance_arn)
            .permission_set_arn(&it.permission_set_arn);
        let found = call(&self.quota, Operation::GetInlinePolicy, &about, request.send()).await?;
        let policy = found.inline_policy().unwrap_or_default();
        let changed = match edit {
            Edit::Add => cut_off_policy::with(policy, it, work.now).map(Some),
            Edit::TakeOut => cut_off_policy::without(policy, it),
        };
        let changed = changed.map_err(|why| match why {
            NoPolicy::TooLong => refused(too_long(&about)),
            NoPolicy::Unreadable => refused(format!("the inline policy of {about} is no policy document: mend it")),
        })?;
        match changed {
            None => return Ok(false),
            Some(empty) if empty.is_empty() => {
                let request = self
                    .wire
                    .writing
                    .delete_inline_policy_from_permission_set()
                    .instance_arn(&it.instance_arn)
                    .permission_set_arn(&it.permission_set_arn);
                call(&self.quota, Operation::DeleteInlinePolicy, &about, request.send()).await?;
            }
            Some(policy) => {
                let request = self
                    .wire
                    .writing
                    .put_inline_policy_to_permission_set()
                    .instance_arn(&it.instance_arn)
                    .permission_set_arn(&it.permission_set_arn)
                    .inline_policy(policy);
                call(&self.quota, Operation::PutInlinePolicy, &about, request.send()).await?;
            }
        }
        Ok(true)
    }
}
