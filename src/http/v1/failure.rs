//! Why a call came to nothing, as an answer.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::{
    api::{CONTENT_TYPE, Problem, ProblemCode},
    app::App,
    domain::policy::AskRefusal,
    http::slack::reference,
    provider::{ErrorKind, ProviderError},
    slack::view::{refusal, words},
    store::StoreError,
    usecase::{cancel, claim, end, extend},
};

/// Why a call came to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub code: ProblemCode,
    pub detail: String,
    /// After how many seconds it is worth trying again.
    pub retry_after: Option<u64>,
}

impl Failure {
    pub(super) fn new(code: ProblemCode, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), retry_after: None }
    }

    pub(super) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(ProblemCode::InvalidRequest, detail)
    }

    pub(super) fn after(self, seconds: u64) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    /// The store failed. Logged here, where it is handled.
    pub(super) fn store(app: &App, error: &StoreError) -> Self {
        let reference = reference(app);
        tracing::error!(%error, reference, "a call of the API could not be carried out");
        Self::new(
            ProblemCode::Internal,
            format!("Nothing was saved. Try again; if it goes on, show an operator the reference {reference}."),
        )
    }

    /// What a program reads.
    pub(super) fn problem(&self) -> Problem {
        Problem {
            kind: "about:blank".to_owned(),
            title: self.code.title().to_owned(),
            status: self.code.status(),
            detail: self.detail.clone(),
            code: self.code,
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let problem = self.problem();
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// An ask that goes no further.
pub(super) fn ask(why: &AskRefusal) -> Failure {
    let code = match why {
        AskRefusal::UnknownRole { .. } => ProblemCode::UnknownRole,
        AskRefusal::NotARequester { .. } => ProblemCode::NotARequester,
        AskRefusal::TooLong { .. } => ProblemCode::DurationTooLong,
        AskRefusal::TooShort { .. } => ProblemCode::DurationTooShort,
        AskRefusal::ReasonMissing => ProblemCode::ReasonRequired,
        AskRefusal::TicketMissing { .. } => ProblemCode::TicketRequired,
        AskRefusal::NoRuleFits { .. } => ProblemCode::NoRuleFits,
        AskRefusal::TargetsChanged | AskRefusal::GrantOver => ProblemCode::Conflict,
        AskRefusal::TooFewApprovers { .. } => ProblemCode::TooFewApprovers,
        AskRefusal::TooManyPending { .. } | AskRefusal::TooManyThisHour { .. } => ProblemCode::LimitReached,
    };
    Failure::new(code, words::plain(&refusal::ask(why, "/jit")))
}

/// What another run of the same pipeline has asked for.
pub(super) fn another_run() -> Failure {
    let detail = "This was asked for by another run of this pipeline. Ask for this run: what people approve is the run that they see.";
    Failure::new(ProblemCode::Forbidden, detail)
}

/// A request that was not withdrawn.
pub(super) fn cancel(refused: &cancel::Refused) -> Failure {
    let code = match refused {
        cancel::Refused::Unknown => ProblemCode::NotFound,
        cancel::Refused::NotTheirs(_) => ProblemCode::Forbidden,
        cancel::Refused::TooLate(_) => ProblemCode::Conflict,
    };
    Failure::new(code, words::plain(&refusal::cancel(refused)))
}

/// A grant that is not extended.
pub(super) fn extend(refused: &extend::Refused) -> Failure {
    let code = match refused {
        extend::Refused::Unknown => ProblemCode::NotFound,
        extend::Refused::NotTheirs(_) => ProblemCode::Forbidden,
        extend::Refused::Over(_) => ProblemCode::GrantNotActive,
        extend::Refused::Waiting(_) => ProblemCode::AlreadyPending,
        extend::Refused::Policy(why) => ask(why).code,
    };
    Failure::new(code, words::plain(&refusal::extend(refused, "/jit")))
}

/// A grant that is not ended, or not kept alive.
pub(super) fn end(refused: &end::Refused) -> Failure {
    let code = match refused {
        end::Refused::Unknown => ProblemCode::NotFound,
        end::Refused::NotTheirs(_) => ProblemCode::Forbidden,
        end::Refused::TooLate(_) => ProblemCode::GrantNotActive,
    };
    Failure::new(code, words::plain(&refusal::end(refused)))
}

/// Credentials that are not claimed.
pub(super) fn claim(refused: &claim::Refused) -> Failure {
    let code = match refused {
        claim::Refused::Unknown => ProblemCode::NotFound,
        claim::Refused::NotTheirs(_) => ProblemCode::Forbidden,
        claim::Refused::NotYet(_) | claim::Refused::Over(_) | claim::Refused::LinkSpent => ProblemCode::GrantNotActive,
        claim::Refused::NothingToClaim(_) => ProblemCode::NoCredentials,
        claim::Refused::PlanMismatch(_) => ProblemCode::PlanMismatch,
        claim::Refused::Several(_) => ProblemCode::InvalidRequest,
    };
    Failure::new(code, words::plain(&refusal::claim(refused)))
}

/// A cloud that does not do it.
pub(super) fn cloud(error: &ProviderError) -> Failure {
    let retry_after = match error.kind {
        ErrorKind::Throttled { after } => after.map(|after| after.as_secs().max(1)),
        ErrorKind::Unavailable
        | ErrorKind::Ambiguous
        | ErrorKind::Conflict
        | ErrorKind::Denied
        | ErrorKind::NotFound
        | ErrorKind::Refused => None,
    };
    let code = if error.kind.is_final() { ProblemCode::CloudRefused } else { ProblemCode::CloudUnavailable };
    Failure { retry_after, ..Failure::new(code, error.message.clone()) }
}

/// Slack could not be asked, and the answer depends on it.
pub(super) fn groups_unknown() -> Failure {
    let detail =
        "Slack could not be asked who is in the user group that this depends on, so nothing was done. Try again.";
    Failure::new(ProblemCode::SlackUnavailable, detail).after(5)
}
