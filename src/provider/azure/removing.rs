//! Taking an assignment away before its end, and making sure that it is gone after it.
//!
//! Azure removes nothing in the first five minutes, says of what is younger than a minute or two that it does not exist,
//! and goes on listing for minutes what it has removed. So its word on a removal is what counts, and its word that
//! there is nothing only once the lists agree.

use jiff::{SignedDuration, Timestamp};

use super::{
    Azure, Seen,
    granting::{ON_ITS_WAY, POLL},
    notes::{Notes, Running, guid},
    pim::{Change, Outcome, Row},
    status::Status,
    tuple::Tuple,
};
use crate::provider::{Progress, ProviderError, Work};

/// From when on Azure removes an assignment, and a little for its clock.
const REMOVABLE_AFTER: SignedDuration = SignedDuration::from_secs(5 * 60 + 5);
/// For so long lists may not show what was assigned. Longest seen in the field: 34 seconds.
const NOT_LISTED_YET: SignedDuration = SignedDuration::from_mins(4);
/// For so long Azure is left to end by itself what it was told to end.
const ENDS_BY_ITSELF: SignedDuration = SignedDuration::from_mins(5);
/// What ends within so little is not worth a removal.
const ABOUT_TO_END: SignedDuration = SignedDuration::from_secs(20);
/// How often to look whether it is gone.
const LOOK: SignedDuration = SignedDuration::from_secs(30);
/// After so many looks at what Azure says does not exist and lists all the same, people should look too.
const USUAL_LOOKS: u32 = 20;

type Step = Result<Progress, ProviderError>;

impl Azure {
    /// One step towards the assignment not being there.
    pub(super) async fn remove(&self, work: &Work, mut notes: Notes) -> Step {
        let Ok(it) = Tuple::of(work, &notes) else { return Ok(notes.gone(work.now)) };
        if !notes.ours {
            // what was there before, or came by another hand, is not ours to take
            return Ok(notes.gone(work.now));
        }
        if let Some(Running::Removal(request)) = notes.running.clone() {
            let found =
                self.client.status(it.thing, &request).await.map_err(|failure| failure.of_reading(&it.words()))?;
            match found.map(|found| found.status) {
                Some(Status::Running | Status::Scheduled | Status::AwaitsPeople) => {
                    return Ok(notes.again(work.now, POLL, format!("Azure is taking {} away", it.words())));
                }
                Some(Status::Over | Status::Provisioned) => return Ok(notes.gone(work.now)),
                Some(Status::Failed(_)) | None => {
                    (notes.running, notes.removals) = (None, notes.removals + 1);
                }
            }
        }
        if let Some(step) = self.settle_asked(work, &mut notes, &it).await? {
            return Ok(step);
        }
        if let Some(step) = too_young(&notes, work.now) {
            return Ok(step);
        }
        self.look_and_remove(work, notes, &it).await
    }

    /// Finds out what became of a request to assign it, if that is not known. Nothing when it is there, or may be.
    async fn settle_asked(
        &self,
        work: &Work,
        notes: &mut Notes,
        it: &Tuple<'_>,
    ) -> Result<Option<Progress>, ProviderError> {
        let Some(asked) = notes.asked.clone() else { return Ok(None) };
        let is_new = notes.written_at.is_none();
        if self.known(&asked.guid, work.now).is_some() {
            // it was never sent, or Azure has refused it
            notes.not_done();
            return Ok((is_new && notes.unheard.is_none()).then(|| notes.clone().gone(work.now)));
        }
        let found = match &notes.running {
            Some(Running::Grant(request)) => self.client.status(it.thing, request).await,
            Some(Running::Removal(_)) | None => self.client.find(it, &asked.guid).await,
        };
        let found = found.map_err(|failure| failure.of_reading(&it.words()))?;
        match found {
            Some(Outcome { status: Status::Provisioned | Status::Scheduled, schedule, .. }) => {
                let until = notes.until.unwrap_or(work.now);
                let told = notes.until;
                notes.confirm(schedule, until, asked.at);
                notes.until = told;
                Ok(None)
            }
            Some(Outcome { status: Status::Running, request, .. }) => {
                notes.running = Some(Running::Grant(request));
                let because = format!("Azure is still assigning {}; it is taken back after that", it.words());
                Ok(Some(notes.clone().again(work.now, POLL, because)))
            }
            Some(Outcome { status: Status::AwaitsPeople, request, .. }) => {
                let cancelled = self.client.cancel(it.thing, &request).await;
                cancelled
                    .map_err(|failure| failure.of_writing(&format!("taking back the request for {}", it.words())))?;
                notes.not_done();
                Ok(is_new.then(|| notes.clone().gone(work.now)))
            }
            Some(Outcome { status: Status::Over | Status::Failed(_), .. }) => {
                notes.not_done();
                Ok(is_new.then(|| notes.clone().gone(work.now)))
            }
            None if work.now < asked.at + ON_ITS_WAY => {
                let because = format!("an earlier request for {} may still be on its way to Azure", it.words());
                Ok(Some(notes.clone().again_at(asked.at + ON_ITS_WAY, because)))
            }
            None => {
                notes.never_heard_of();
                Ok(None)
            }
        }
    }

    async fn look_and_remove(&self, work: &Work, mut notes: Notes, it: &Tuple<'_>) -> Step {
        let what = it.words();
        match self.look(work, &notes, it).await? {
            Seen::Absent => {
                let listed_by = notes.written_at.map(|at| at + NOT_LISTED_YET);
                if let Some(at) =
                    listed_by.filter(|at| *at > work.now && notes.until.is_some_and(|until| until > work.now))
                {
                    return Ok(
                        notes.again_at(at, format!("Azure does not list {what} yet, so it cannot be taken away"))
                    );
                }
                Ok(notes.gone(work.now))
            }
            Seen::Foreign(row) => {
                if self.came_of(&mut notes, it, &row).await? {
                    return self.take_away(work, notes, it).await;
                }
                // since we looked somebody else has changed it, so it is theirs now
                notes.taken_over = !notes.schedules.is_empty() || notes.unheard.is_some();
                Ok(notes.gone(work.now))
            }
            Seen::Ours(row) => {
                notes.add_schedule(row.schedule.clone());
                match ends_by_itself(&row, work.now) {
                    Some(at) => Ok(notes.again_at(at, format!("Azure is ending {what}"))),
                    None => self.take_away(work, notes, it).await,
                }
            }
        }
    }

    /// Asks for the removal. Its name follows from what is written down, so that an answer which was lost is found again:
    /// whatever was removed already is refused now, and then asked for by name.
    async fn take_away(&self, work: &Work, mut notes: Notes, it: &Tuple<'_>) -> Step {
        let name = guid(work, "removal", notes.removals);
        let failure = match self.client.ask(it, Change::Remove, &name, &work.cause, work.now).await {
            Ok(outcome) => return Ok(removal(work.now, notes, it, outcome)),
            Err(failure) => failure,
        };
        match failure.code() {
            // it was changed later than we know
            "ActiveDurationTooShort" => {
                notes.removals += 1;
                let at = work.now + SignedDuration::from_mins(1);
                Ok(notes.again_at(at, law(at)))
            }
            code if code == "RoleAssignmentDoesNotExist" || failure.is_conflict() => {
                let found = self.client.find(it, &name).await.map_err(|failure| failure.of_reading(&it.words()))?;
                match found {
                    Some(Outcome { status: Status::Failed(_), .. }) | None => Ok(not_listed(work.now, notes, it)),
                    Some(outcome) => Ok(removal(work.now, notes, it, outcome)),
                }
            }
            _ => Err(failure.of_writing(&format!("the removal of {}", it.words()))),
        }
    }
}

/// How far a removal is.
fn removal(now: Timestamp, mut notes: Notes, it: &Tuple<'_>, outcome: Outcome) -> Progress {
    match outcome.status {
        Status::Over | Status::Provisioned => notes.gone(now),
        Status::Running | Status::Scheduled | Status::AwaitsPeople => {
            notes.running = Some(Running::Removal(outcome.request));
            notes.again(now, POLL, format!("Azure is taking {} away", it.words()))
        }
        Status::Failed(word) => {
            (notes.failures, notes.removals) = (notes.failures + 1, notes.removals + 1);
            notes.again_at(now + LOOK, format!("Azure could not take {} away: {word}", it.words()))
        }
    }
}

/// Azure says that there is nothing, and its list shows it all the same.
fn not_listed(now: Timestamp, mut notes: Notes, it: &Tuple<'_>) -> Progress {
    (notes.polls, notes.removals) = (notes.polls + 1, notes.removals + 1);
    if notes.polls > USUAL_LOOKS {
        notes.failures += 1;
    }
    notes.again_at(now + LOOK, format!("Azure says that {} is gone; its list does not show that yet", it.words()))
}

/// Azure would refuse: when to come back, and what people are told until then.
fn too_young(notes: &Notes, now: Timestamp) -> Option<Progress> {
    let removable = notes.assigned_at? + REMOVABLE_AFTER;
    let at = notes.until.map_or(removable, |until| removable.min(until));
    (now < at).then(|| notes.clone().again_at(at, law(at)))
}

fn law(at: Timestamp) -> String {
    // people read minutes: the one that it is over by
    let shown = at + SignedDuration::from_secs(59);
    format!("ends at {}: Azure removes nothing younger than five minutes", shown.strftime("%H:%M UTC"))
}

/// Whether Azure is about to end it, and when to look whether it has.
fn ends_by_itself(row: &Row, now: Timestamp) -> Option<Timestamp> {
    let ends_at = row.ends_at?;
    let is_near = ends_at <= now + ABOUT_TO_END && now < ends_at + ENDS_BY_ITSELF;
    is_near.then(|| if now < ends_at { ends_at + SignedDuration::from_secs(2) } else { now + LOOK.min(POLL) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(clock: &str) -> Timestamp {
        format!("2026-11-21T{clock}Z").parse().unwrap()
    }

    #[test]
    fn people_are_told_when_the_first_five_minutes_are_over() {
        let mut notes = Notes::default();
        assert_eq!(too_young(&notes, at("12:00:00")), None, "it was never assigned");
        notes.confirm(Some("s-1".into()), at("13:00:00"), at("12:00:30"));
        let Some(Progress::LookAgain { at: when, because, .. }) = too_young(&notes, at("12:02:00")) else { panic!() };
        assert_eq!(
            (when, because.as_str()),
            (at("12:05:35"), "ends at 12:06 UTC: Azure removes nothing younger than five minutes")
        );
        assert_eq!(too_young(&notes, at("12:05:35")), None);
    }

    #[test]
    fn azure_is_left_to_end_what_it_was_told_to_end() {
        let row =
            |ends_at: Option<&str>| Row { principal: String::new(), schedule: String::new(), ends_at: ends_at.map(at) };
        for (ends_at, now, look_at) in [
            (Some("12:00:00"), "11:30:00", None),
            (Some("12:00:01"), "12:00:00", Some("12:00:03")),
            (Some("12:00:00"), "12:01:00", Some("12:01:15")),
            (Some("12:00:00"), "12:05:00", None),
            (None, "12:00:00", None),
        ] {
            assert_eq!(ends_by_itself(&row(ends_at), at(now)), look_at.map(at), "{ends_at:?} {now}");
        }
    }
}
