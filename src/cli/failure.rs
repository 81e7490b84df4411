//! How the commands that talk to a bot end: a code for each way, and the words for it.

use std::process::ExitCode;

use super::tell;
use crate::{
    api::{Grant, GrantState, ProblemCode, Request, RequestState},
    client::Trouble,
};

/// The ways in which such a command ends. Only [`Ending::Done`] is 0, and it means that there is what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// Done, or granted.
    Done,
    /// Wrong words on the command line, or something is missing on this machine.
    Usage,
    /// Somebody said no.
    Denied,
    /// Nobody decided in time.
    Lapsed,
    /// Policy said no.
    Refused,
    /// The server did not answer.
    Unreachable,
    /// The grant was over while something ran on it.
    CutOff,
    /// Nobody is signed in.
    SignedOut,
    /// The cloud did not open it.
    NotOpened,
    /// It was withdrawn.
    Cancelled,
    /// What was to be run is not what was approved.
    OtherPlan,
    /// There is no access yet.
    NoAccessYet,
}

impl Ending {
    /// All of them, with what they mean.
    pub(super) const ALL: [(Self, u8, &'static str); 12] = [
        (Self::Done, 0, "granted, or done; for `jit run` the command's own code"),
        (Self::Usage, 2, "wrong words on the command line, or something is missing on this machine"),
        (Self::Denied, 10, "somebody denied it"),
        (Self::Lapsed, 11, "nobody decided in time"),
        (Self::Refused, 12, "refused by policy"),
        (Self::Unreachable, 13, "the server cannot be reached"),
        (Self::CutOff, 14, "the grant was revoked, or ended, while the command ran"),
        (Self::SignedOut, 15, "not signed in, or the proof of a pipeline was not taken"),
        (Self::NotOpened, 16, "approved, and the cloud did not open it"),
        (Self::Cancelled, 17, "withdrawn by whoever asked"),
        (Self::OtherPlan, 18, "the plan is not the one that was approved"),
        (Self::NoAccessYet, 19, "no access yet: still undecided, or never asked for"),
    ];

    /// Its code.
    pub(super) fn code(self) -> u8 {
        Self::ALL.iter().find(|(ending, ..)| *ending == self).map_or(2, |(_, code, _)| *code)
    }
}

impl From<Ending> for ExitCode {
    fn from(ending: Ending) -> Self {
        Self::from(ending.code())
    }
}

/// The exit code of a command that was done or not; says why not.
pub(super) fn ended(done: Result<(), Failure>) -> ExitCode {
    match done {
        Ok(()) => Ending::Done.into(),
        Err(failure) => failure.report(),
    }
}

/// What the help of those commands says about their codes.
pub(super) const EXIT_CODES: &str = "\
Exit codes:
    0  granted, or done; for `jit run` the command's own code
    2  wrong words on the command line, or something is missing on this machine
   10  somebody denied it
   11  nobody decided in time
   12  refused by policy
   13  the server cannot be reached
   14  the grant was revoked, or ended, while the command ran
   15  not signed in, or the proof of a pipeline was not taken
   16  approved, and the cloud did not open it
   17  withdrawn by whoever asked
   18  the plan is not the one that was approved
   19  no access yet: still undecided, or never asked for
  126  the command cannot be run; 127 when there is no such program
  130  Ctrl-C (SIGINT) before the command began; 143 for SIGTERM, 129 for SIGHUP, 131 for SIGQUIT";

/// Why a command did not do what it is for.
#[derive(Debug)]
pub(super) struct Failure {
    code: u8,
    words: String,
}

impl Failure {
    pub(super) fn new(ending: Ending, words: impl Into<String>) -> Self {
        Self { code: ending.code(), words: words.into() }
    }

    /// A signal came first.
    pub(super) fn signal(code: u8, words: impl Into<String>) -> Self {
        Self { code, words: words.into() }
    }

    /// The same, with more to say.
    pub(super) fn and(mut self, more: &str) -> Self {
        self.words = format!("{} {more}", self.words);
        self
    }

    /// Whether it ends so.
    pub(super) fn is(&self, ending: Ending) -> bool {
        self.code == ending.code()
    }

    /// What there is to say.
    pub(super) fn words(&self) -> &str {
        self.words.trim_end_matches('.')
    }

    /// Says it, and gives the code.
    pub(super) fn report(self) -> ExitCode {
        tell(&self.words);
        ExitCode::from(self.code)
    }

    /// A request that came to nothing; `None` while it may still come to something, or has.
    pub(super) fn of_request(request: &Request) -> Option<Self> {
        let said = request.decision_text.as_deref().map(|text| format!(": {text}")).unwrap_or_default();
        let by = request.decided_by.as_deref().map(|name| format!(" by {name}")).unwrap_or_default();
        let (ending, verb) = match request.state {
            RequestState::Awaiting | RequestState::Approved => return None,
            RequestState::Denied => (Ending::Denied, "was denied"),
            RequestState::Cancelled => (Ending::Cancelled, "was withdrawn"),
            RequestState::Lapsed => (Ending::Lapsed, "lapsed: nobody decided in time"),
        };
        let words = match request.state {
            RequestState::Lapsed => {
                format!("{} for {} {verb}. Ask again when there is somebody.", request.name, request.role)
            }
            _ => format!("{} for {} {verb}{by}{said}", request.name, request.role),
        };
        Some(Self::new(ending, words))
    }

    /// A grant that gives nothing; `None` while it may still give something, or does.
    pub(super) fn of_grant(grant: &Grant) -> Option<Self> {
        match grant.state {
            GrantState::Applying | GrantState::Active => None,
            GrantState::Failed => Some(Self::not_opened(grant)),
            GrantState::Ending | GrantState::Ended => {
                let words = format!("{} of {} is over: {}", grant.name, grant.role, why(grant));
                Some(Self::new(Ending::CutOff, words))
            }
        }
    }

    /// A grant that the cloud did not open.
    pub(super) fn not_opened(grant: &Grant) -> Self {
        let words = format!("{} was approved, and {} could not be opened: {}", grant.name, grant.role, why(grant));
        Self::new(Ending::NotOpened, words)
    }
}

fn why(grant: &Grant) -> &str {
    grant.why.as_deref().unwrap_or("no reason is known")
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        let ending = match &trouble {
            Trouble::Unreachable { .. } => Ending::Unreachable,
            Trouble::NoProof(_) => Ending::SignedOut,
            Trouble::Odd(_) => Ending::Usage,
            Trouble::Refused(problem) => of_code(problem.code),
        };
        let way_out = match ending {
            Ending::SignedOut if matches!(trouble, Trouble::Refused(_)) => " `jit login` signs in.",
            Ending::Unreachable => " Is the address right (--server, JIT_SERVER)? Nothing was granted by this.",
            _ => "",
        };
        let words = trouble.to_string();
        let stop = if words.ends_with(['.', '!', '?']) || way_out.is_empty() { "" } else { "." };
        Self::new(ending, format!("{words}{stop}{way_out}"))
    }
}

fn of_code(code: ProblemCode) -> Ending {
    match code {
        ProblemCode::Unauthenticated
        | ProblemCode::SessionExpired
        | ProblemCode::WorkloadUnknown
        | ProblemCode::TokenInvalid
        | ProblemCode::TokenExpired
        | ProblemCode::TokenReplayed
        | ProblemCode::AudienceMismatch => Ending::SignedOut,
        ProblemCode::Forbidden
        | ProblemCode::UnknownRole
        | ProblemCode::NotARequester
        | ProblemCode::DurationTooLong
        | ProblemCode::DurationTooShort
        | ProblemCode::ReasonRequired
        | ProblemCode::TicketRequired
        | ProblemCode::NoRuleFits
        | ProblemCode::TooFewApprovers
        | ProblemCode::LimitReached
        | ProblemCode::AlreadyPending
        | ProblemCode::Conflict => Ending::Refused,
        ProblemCode::NotFound
        | ProblemCode::MethodNotAllowed
        | ProblemCode::InvalidRequest
        | ProblemCode::TooLarge
        | ProblemCode::NoCredentials
        | ProblemCode::IdempotencyMismatch
        | ProblemCode::Unknown => Ending::Usage,
        ProblemCode::GrantNotActive => Ending::NoAccessYet,
        ProblemCode::PlanMismatch => Ending::OtherPlan,
        ProblemCode::CloudRefused | ProblemCode::CloudUnavailable => Ending::NotOpened,
        ProblemCode::SlackUnavailable
        | ProblemCode::IssuerUnavailable
        | ProblemCode::RateLimited
        | ProblemCode::TooSlow
        | ProblemCode::Internal => Ending::Unreachable,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::api::Problem;

    #[test]
    fn the_help_has_every_code() {
        let told: Vec<String> = Ending::ALL.iter().map(|(_, code, words)| format!("{code:>5}  {words}")).collect();
        let help: Vec<&str> = EXIT_CODES.lines().skip(1).take(told.len()).collect();
        assert_eq!(help, told);
        let codes: BTreeSet<u8> = Ending::ALL.iter().map(|(_, code, _)| *code).collect();
        assert_eq!(codes.len(), Ending::ALL.len(), "each its own");
    }

    #[test]
    fn no_refusal_ends_with_0() {
        for code in ProblemCode::ALL {
            let problem = Problem {
                kind: "about:blank".into(),
                title: code.title().into(),
                status: code.status(),
                detail: "No.".into(),
                code: *code,
            };
            assert_ne!(Failure::from(Trouble::Refused(Box::new(problem))).code, 0, "{code:?}");
        }
    }
}
