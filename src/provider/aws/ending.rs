//! What the end of a grant asks for. Pure: the moment, the target's choice and what is known of the sessions go in, one
//! step comes out; nothing is remembered in between, so that the same question can be put again after a crash.

use jiff::{SignedDuration, Timestamp};

use crate::domain::catalog::EarlyEnd;

/// How much longer a deny policy stays than the last session that it is for: room for clocks that disagree, and for
/// IAM, whose changes "might take a few minutes" to be seen everywhere.
const TIDY_AFTER: SignedDuration = SignedDuration::from_mins(5);

/// What is known of a grant that is to be no more.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    /// When it was to end. From then on its sessions are dead by their own policy.
    pub planned: Timestamp,
    /// Until when claimed sessions may be running by STS' reckoning; `None` when nothing was claimed.
    pub sessions_until: Option<Timestamp>,
    /// Whether it was ended before its time.
    pub early: bool,
}

/// What to do about it now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing: no session works any more, and nothing was left on the role.
    Nothing,
    /// Deny the sessions everything, and come back at `tidy_at`.
    CutOff {
        /// When the deny is of no more use.
        tidy_at: Timestamp,
    },
    /// No session works any more; the deny that may be on the role stays until `tidy_at`.
    Leave {
        /// When the deny is of no more use.
        tidy_at: Timestamp,
    },
    /// Remove the deny from the role, if it is there.
    Tidy,
    /// Sessions run on, as the target wants it, until `at`.
    Wait {
        /// When the last one is dead.
        at: Timestamp,
    },
}

/// The step for this moment.
pub(super) fn step(choice: EarlyEnd, end: &End, now: Timestamp) -> Step {
    let Some(sessions_until) = end.sessions_until else { return Step::Nothing };
    let dead_at = sessions_until.min(end.planned);
    let tidy_at = sessions_until.max(end.planned) + TIDY_AFTER;
    let denies = match choice {
        EarlyEnd::DenyPolicy => end.early,
        EarlyEnd::None => false,
    };
    match (now < dead_at, denies) {
        (true, true) => Step::CutOff { tidy_at },
        (true, false) => Step::Wait { at: dead_at },
        (false, true) if now < tidy_at => Step::Leave { tidy_at },
        (false, true) => Step::Tidy,
        (false, false) => Step::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(clock: &str) -> Timestamp {
        format!("2026-11-21T{clock}:00Z").parse().unwrap()
    }

    #[test]
    fn every_case_has_its_step() {
        let [early, expired] = [true, false];
        let [deny, none] = [EarlyEnd::DenyPolicy, EarlyEnd::None];
        // planned end 12:00; the tidying is due five minutes after the later of that and the last session's expiry
        for (case, sessions_until, early, choice, now, expected) in [
            ("nothing claimed", None, early, deny, "11:00", Step::Nothing),
            ("expired, no deny was ever needed", Some("12:10"), expired, deny, "12:00", Step::Nothing),
            ("cut off", Some("11:30"), early, deny, "11:00", Step::CutOff { tidy_at: at("12:05") }),
            ("cut off, long session", Some("12:10"), early, deny, "11:59", Step::CutOff { tidy_at: at("12:15") }),
            ("sessions over before the end", Some("11:30"), early, deny, "11:30", Step::Leave { tidy_at: at("12:05") }),
            ("planned end passed meanwhile", Some("12:10"), early, deny, "12:00", Step::Leave { tidy_at: at("12:15") }),
            ("time to tidy", Some("12:10"), early, deny, "12:15", Step::Tidy),
            ("run on until STS ends them", Some("11:30"), early, none, "11:00", Step::Wait { at: at("11:30") }),
            ("run on until the planned end", Some("12:10"), early, none, "11:00", Step::Wait { at: at("12:00") }),
            ("ran out", Some("11:30"), early, none, "11:30", Step::Nothing),
            ("not early, and too soon", Some("12:10"), expired, deny, "11:00", Step::Wait { at: at("12:00") }),
        ] {
            let end = End { planned: at("12:00"), sessions_until: sessions_until.map(at), early };
            assert_eq!(step(choice, &end, at(now)), expected, "{case}");
        }
    }
}
