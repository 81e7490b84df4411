//! Withdraw a request.

use super::{Env, lapse, review};
use crate::{
    domain::{
        audit::{Actor, Attempt, AttemptRefusal, Fact, Subject},
        ids::Code,
        principal::Principal,
        request::{Request, RequestEvent, RequestState},
    },
    store::{StoreError, Tx},
};

/// Why a request could not be withdrawn.
#[derive(Debug, Clone)]
pub enum Refused {
    /// There is none of that name.
    Unknown,
    /// It is somebody else's.
    NotTheirs(Request),
    /// It is closed.
    TooLate(Request),
}

/// Withdraws the request in the name of `by`, who must have made it.
///
/// # Errors
/// When the store fails.
pub async fn cancel(
    tx: &mut Tx,
    env: &Env,
    by: &Principal,
    code: &Code,
) -> Result<Result<Request, Refused>, StoreError> {
    let Some(request) = tx.lookup_request_by_code(code).await? else {
        return Ok(Err(Refused::Unknown));
    };
    let request = lapse::if_overdue(tx, env, request).await?;
    let actor = Actor::from(by);
    let refuse = |refusal| Fact::AttemptRefused { about: Subject::from(&request), attempt: Attempt::Cancel, refusal };
    if request.requester != *by {
        tx.record(env.now, &actor, &refuse(AttemptRefusal::NotTheirs)).await?;
        return Ok(Err(Refused::NotTheirs(request)));
    }
    if request.state != RequestState::Awaiting {
        tx.record(env.now, &actor, &refuse(AttemptRefusal::TooLate)).await?;
        return Ok(Err(Refused::TooLate(request)));
    }
    let state = request.state.apply(RequestEvent::Withdrawn { at: env.now })?;
    tx.record(env.now, &actor, &Fact::RequestCancelled { about: Subject::from(&request) }).await?;
    review::close(tx, env, request, state).await.map(Ok)
}
