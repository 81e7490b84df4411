//! Making an assignment, and moving its end.

use jiff::{SignedDuration, Timestamp};

use super::{
    Azure, Known, SLACK, Seen,
    failure::Failure,
    notes::{Asked, Notes, Running},
    pim::{Change, Outcome, Row},
    refused, standing,
    status::Status,
    tuple::Tuple,
};
use crate::{
    domain::azure,
    provider::{ErrorKind, Progress, ProviderError, Work},
};

/// For so long a request that we sent may still be on its way to Azure.
pub(super) const ON_ITS_WAY: SignedDuration = SignedDuration::from_secs(45);
/// How much of the shortest assignment may be lost on the way: it is then given whole, and ends that much later.
const LOST_ON_THE_WAY: SignedDuration = SignedDuration::from_mins(1);
/// An end that a list shows this much before ours is ours: what a call takes, and Azure's rounding.
const AS_GOOD_AS: SignedDuration = SignedDuration::from_secs(5);
/// How often to look while Azure lets go of an earlier assignment: it takes up to two minutes.
const LETTING_GO: SignedDuration = SignedDuration::from_secs(20);
/// After so many looks it is no longer usual.
const USUAL_LOOKS: u32 = 16;
/// The longest pause between looks at a request.
pub(super) const POLL: SignedDuration = SignedDuration::from_secs(15);
/// The longest pause after failures.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_mins(5);

type Step = Result<Progress, ProviderError>;

impl Azure {
    /// One step towards the assignment being there until then.
    pub(super) async fn grant(&self, work: &Work, mut notes: Notes, until: Timestamp) -> Step {
        let it = Tuple::of(work, &notes)?;
        match notes.running.clone() {
            Some(Running::Grant(request)) => {
                let found = self.status(&it, &request).await?;
                return self.follow(work, notes, &it, found, until).await;
            }
            Some(Running::Removal(request)) => {
                if self.status(&it, &request).await?.is_some_and(|found| found.status == Status::Running) {
                    let because = format!("Azure is still taking {} away; it is given again after that", it.words());
                    return Ok(notes.again(work.now, POLL, because));
                }
                // whatever became of that, it is looked for now
                notes.running = None;
                notes.lost();
                if notes.asked.is_none() {
                    let because = format!("Azure has taken {} away; it is given again", it.words());
                    return Ok(notes.again_at(work.now, because));
                }
            }
            None => {}
        }
        let Some(asked) = notes.asked.clone() else {
            return Err(refused("nothing was written down before Azure was asked: report this"));
        };
        let Some(known) = self.known(&asked.guid, work.now) else {
            return self.find_again(work, notes, &it, &asked, until).await;
        };
        if known == Known::Refused {
            notes.not_done();
            return Ok(notes.again_at(work.now, format!("Azure did not take the request for {}", it.words())));
        }
        self.look_and_ask(work, notes, (&it, &asked, known), until).await
    }

    async fn look_and_ask(
        &self,
        work: &Work,
        mut notes: Notes,
        (it, asked, known): (&Tuple<'_>, &Asked, Known),
        until: Timestamp,
    ) -> Step {
        if let Some(told) = notes.until.filter(|_| notes.written_at.is_some() && !notes.is_settled(work.now)) {
            // Azure has said that it is there, whatever its lists show yet
            return self.move_end(work, notes, (it, asked), told, until).await;
        }
        let seen = if known == Known::NothingThere { Seen::Absent } else { self.look(work, &notes, it).await? };
        match seen {
            Seen::Absent => {
                notes.lost();
                self.assign(work, notes, it, asked, until).await
            }
            Seen::Ours(row) => self.prolong(work, notes, (it, asked), row, until).await,
            Seen::Foreign(row) => {
                if self.came_of(&mut notes, it, &row).await? {
                    return self.prolong(work, notes, (it, asked), row, until).await;
                }
                self.know(&asked.guid, Known::Refused, work.now);
                Err(standing(it, &row))
            }
        }
    }

    /// It is there, as a list says.
    async fn prolong(
        &self,
        work: &Work,
        mut notes: Notes,
        (it, asked): (&Tuple<'_>, &Asked),
        row: Row,
        until: Timestamp,
    ) -> Step {
        notes.add_schedule(row.schedule);
        // when it came to be is not known where the answer was lost; it is not younger than that
        notes.assigned_at.get_or_insert(work.now);
        notes.written_at.get_or_insert(work.now);
        match row.ends_at {
            Some(ends_at) if ends_at.duration_since(until).abs() <= AS_GOOD_AS => Ok(done(notes, until)),
            Some(ends_at) => self.move_end(work, notes, (it, asked), ends_at, until).await,
            None => self.update(work, notes, it, asked, until).await,
        }
    }

    /// It is there, and Azure ends it at `told`: whether that is when it is to end. What ends too late, because another
    /// grant wanted it for longer, is made to end sooner where Azure allows; at its end the bot takes it away anyway.
    async fn move_end(
        &self,
        work: &Work,
        mut notes: Notes,
        (it, asked): (&Tuple<'_>, &Asked),
        told: Timestamp,
        until: Timestamp,
    ) -> Step {
        let can_be_sooner = told > until + SLACK && until.duration_since(work.now) >= shortest();
        notes.until = Some(told);
        if told < until || can_be_sooner {
            return self.update(work, notes, it, asked, until).await;
        }
        Ok(done(notes, told))
    }

    async fn assign(&self, work: &Work, notes: Notes, it: &Tuple<'_>, asked: &Asked, until: Timestamp) -> Step {
        let seconds = self.length(work, &asked.guid, until)?;
        self.ask(work, notes, (it, asked), Change::Assign(seconds), until).await
    }

    async fn update(&self, work: &Work, notes: Notes, it: &Tuple<'_>, asked: &Asked, until: Timestamp) -> Step {
        let seconds = self.length(work, &asked.guid, until)?;
        self.ask(work, notes, (it, asked), Change::Update(seconds), until).await
    }

    /// For how long to ask, never past the end: but Azure gives nothing for less than five minutes, so what is lost of
    /// those on the way is given all the same.
    fn length(&self, work: &Work, guid: &str, until: Timestamp) -> Result<i64, ProviderError> {
        let (left, shortest) = (until.duration_since(work.now), shortest());
        if left < shortest - LOST_ON_THE_WAY {
            self.know(guid, Known::Refused, work.now);
            let message = "too little is left of it: Azure assigns nothing for less than five minutes";
            return Err(refused(message));
        }
        Ok(left.max(shortest).as_secs())
    }

    async fn ask(
        &self,
        work: &Work,
        notes: Notes,
        (it, asked): (&Tuple<'_>, &Asked),
        change: Change,
        until: Timestamp,
    ) -> Step {
        self.forget(&asked.guid);
        let until = until.max(work.now + shortest());
        match self.client.ask(it, change, &asked.guid, &work.cause, work.now).await {
            Ok(outcome) => self.judge(work, notes, it, outcome, until),
            Err(failure) if notes.until.is_some_and(|told| told > until) && will_not(&failure) => {
                // it only does not end sooner, which the bot sees to
                let told = notes.until.unwrap_or(until);
                Ok(done(notes, told))
            }
            Err(failure) => self.failed(work, notes, (it, asked, change), failure).await,
        }
    }

    /// What became of a request that Azure was at.
    async fn follow(
        &self,
        work: &Work,
        mut notes: Notes,
        it: &Tuple<'_>,
        found: Option<Outcome>,
        until: Timestamp,
    ) -> Step {
        let Some(outcome) = found else {
            notes.not_done();
            notes.until = None;
            let because = format!("Azure has lost the request for {}; it is asked again", it.words());
            return Ok(notes.again(work.now, POLL, because));
        };
        let told = notes.until.unwrap_or(until);
        if outcome.status == Status::Scheduled {
            // its word may stay at that once it has begun: the list tells then
            if let Some(id) = &outcome.schedule {
                notes.add_schedule(id.clone());
            }
            if let Seen::Ours(row) = self.look(work, &notes, it).await? {
                notes.confirm(Some(row.schedule), told, work.now);
                return Ok(Progress::Done { receipt: notes.receipt(), tidy_at: None });
            }
        }
        self.judge(work, notes, it, outcome, told)
    }

    /// A request was to be sent, perhaps by an earlier life of this process, and nobody knows what became of it.
    async fn find_again(&self, work: &Work, mut notes: Notes, it: &Tuple<'_>, asked: &Asked, until: Timestamp) -> Step {
        let found = self.client.find(it, &asked.guid).await.map_err(|failure| failure.of_reading(&it.words()))?;
        if let Some(outcome) = found {
            // the end may have been moved since it was sent
            let told = outcome.ends_at.filter(|ends_at| *ends_at + AS_GOOD_AS < until).unwrap_or(until);
            return self.judge(work, notes, it, outcome, told);
        }
        let arrives_by = asked.at + ON_ITS_WAY;
        if work.now < arrives_by {
            let because = format!("an earlier request for {} may still be on its way to Azure", it.words());
            return Ok(notes.again_at(arrives_by, because));
        }
        notes.never_heard_of();
        Ok(notes.again_at(work.now, format!("Azure never got the request for {}; it is asked again", it.words())))
    }

    fn judge(&self, work: &Work, mut notes: Notes, it: &Tuple<'_>, outcome: Outcome, until: Timestamp) -> Step {
        let what = it.words();
        match outcome.status {
            Status::Provisioned => {
                notes.confirm(outcome.schedule, until, work.now);
                Ok(Progress::Done { receipt: notes.receipt(), tidy_at: None })
            }
            Status::Scheduled | Status::Running => {
                notes.running = Some(Running::Grant(outcome.request));
                notes.until = Some(until);
                Ok(notes.again(work.now, POLL, format!("Azure is assigning {what}")))
            }
            Status::AwaitsPeople => Err(refused(format!(
                "the tenant's policy for {what} wants somebody in Azure to approve it as well: switch that off for \
                 assignments of this role in Privileged Identity Management"
            ))),
            Status::Over => Ok(undone(notes, refused(format!("somebody in Azure took the request for {what} back")))),
            Status::Failed(word) => {
                self.refuse(&notes, work.now);
                Ok(undone(notes, refused(format!("Azure did not assign {what}: {word}"))))
            }
        }
    }

    fn refuse(&self, notes: &Notes, now: Timestamp) {
        if let Some(asked) = &notes.asked {
            self.know(&asked.guid, Known::Refused, now);
        }
    }

    async fn failed(
        &self,
        work: &Work,
        mut notes: Notes,
        (it, asked, change): (&Tuple<'_>, &Asked, Change),
        failure: Failure,
    ) -> Step {
        let what = it.words();
        let error = failure.of_writing(&what);
        if !failure.is_certain() {
            return Err(error);
        }
        self.know(&asked.guid, Known::Refused, work.now);
        match failure.code() {
            "RoleAssignmentExists" => {
                return match self.look(work, &notes, it).await? {
                    Seen::Foreign(row) if !self.came_of(&mut notes, it, &row).await? => Err(standing(it, &row)),
                    Seen::Foreign(_) | Seen::Ours(_) => {
                        notes.not_done();
                        Ok(notes.again_at(work.now, format!("Azure has assigned {what} already")))
                    }
                    Seen::Absent => {
                        Ok(settling(notes, work.now, format!("Azure has not let go of an earlier {what} yet")))
                    }
                };
            }
            "RoleAssignmentDoesNotExist" if matches!(change, Change::Update(_)) => {
                return Ok(settling(notes, work.now, format!("Azure does not let {what} be prolonged yet")));
            }
            _ => {}
        }
        let after = match error.kind {
            ErrorKind::Throttled { after } => after,
            ErrorKind::Conflict | ErrorKind::Unavailable | ErrorKind::Ambiguous => None,
            ErrorKind::Denied | ErrorKind::NotFound | ErrorKind::Refused => return Err(error),
        };
        notes.not_done();
        notes.failures += 1;
        let wait = SignedDuration::from_secs(1 << notes.failures.min(9)).min(LONGEST_PAUSE);
        let after = after.and_then(|after| SignedDuration::try_from(after).ok()).unwrap_or_default();
        Ok(notes.again_at(work.now + wait.max(after), error.message))
    }

    async fn status(&self, it: &Tuple<'_>, request: &str) -> Result<Option<Outcome>, ProviderError> {
        self.client.status(it.thing, request).await.map_err(|failure| failure.of_reading(&it.words()))
    }
}

fn shortest() -> SignedDuration {
    SignedDuration::try_from(azure::SHORTEST).unwrap_or(SignedDuration::from_mins(5))
}

/// Azure has come to an end with the request, and has not done it: the next one is another, and the list tells which end
/// there is.
fn undone(mut notes: Notes, error: ProviderError) -> Progress {
    notes.not_done();
    notes.until = None;
    Progress::Failed { error, receipt: notes.receipt() }
}

/// Whether Azure does not do it, today or tomorrow, and what it is about is there.
fn will_not(failure: &Failure) -> bool {
    let is_final = failure.is_certain() && failure.of_writing("it").kind.is_final();
    is_final && failure.code() != "RoleAssignmentDoesNotExist"
}

/// It is there, without Azure having been asked for anything just now.
fn done(mut notes: Notes, told: Timestamp) -> Progress {
    notes.not_done();
    (notes.until, notes.polls, notes.failures) = (Some(told), 0, 0);
    Progress::Done { receipt: notes.receipt(), tidy_at: None }
}

/// Azure takes a minute or two after each change before it takes the next: nothing is wrong, unless it goes on.
fn settling(mut notes: Notes, now: Timestamp, because: String) -> Progress {
    notes.not_done();
    notes.polls += 1;
    if notes.polls > USUAL_LOOKS {
        notes.failures += 1;
    }
    notes.again_at(now + LETTING_GO, because)
}
