//! What approving and denying have in common: whether this person may decide this request now, and what a decision
//! sets going.

use super::{Env, lapse};
use crate::{
    domain::{
        audit::{Actor, Attempt, AttemptRefusal, Fact, Subject},
        ids::{CardId, ChannelId, RequestId, UserId},
        job::Job,
        policy::ReviewRefusal,
        request::{Request, RequestState},
    },
    store::{CardKind, StoreError, Tx},
};

/// Why a click on Approve or Deny came to nothing.
#[derive(Debug, Clone)]
pub enum Refused {
    /// There is no such request.
    Unknown,
    /// The rules say no; the request as it stands.
    Rule(Box<Request>, ReviewRefusal),
}

/// The request, if `by` may decide it now; otherwise the refusal, which is on the trail already.
pub(super) async fn open_request(
    tx: &mut Tx,
    env: &Env,
    by: &UserId,
    id: RequestId,
    attempt: Attempt,
) -> Result<Result<Request, Refused>, StoreError> {
    let Some(request) = tx.lookup_request(id).await? else {
        return Ok(Err(Refused::Unknown));
    };
    let request = lapse::if_overdue(tx, env, request).await?;
    let members = env.members(tx).await?;
    let refusal = match (&request.state, request.verdict.may_review(by, &request.requester, &members)) {
        (RequestState::Awaiting, Ok(())) => return Ok(Ok(request)),
        (RequestState::Awaiting, Err(refusal)) => refusal,
        (
            RequestState::Approved { .. }
            | RequestState::Denied { .. }
            | RequestState::Cancelled { .. }
            | RequestState::Lapsed { .. },
            _,
        ) => ReviewRefusal::NotAwaiting,
    };
    refuse(tx, env, by, request, attempt, refusal).await.map(Err)
}

/// Puts a refused click on the trail.
pub(super) async fn refuse(
    tx: &mut Tx,
    env: &Env,
    by: &UserId,
    request: Request,
    attempt: Attempt,
    refusal: ReviewRefusal,
) -> Result<Refused, StoreError> {
    let refusal_fact = AttemptRefusal::Review { why: refusal.clone() };
    let fact = Fact::AttemptRefused { about: Subject::from(&request), attempt, refusal: refusal_fact };
    tx.record(env.now, &Actor::Person(by.clone()), &fact).await?;
    Ok(Refused::Rule(Box::new(request), refusal))
}

/// Closes a request: keeps the state, forgets its deadline, brings the card up to date and writes to the requester.
pub(super) async fn close(
    tx: &mut Tx,
    env: &Env,
    mut request: Request,
    state: RequestState,
) -> Result<Request, StoreError> {
    tx.close_request(request.id, &state).await?;
    tx.drop_job(&Job::LapseRequest(request.id)).await?;
    let withdrawn = matches!(state, RequestState::Cancelled { .. });
    if !withdrawn {
        // A pipeline reads no direct messages: it asks the API.
        if let Some(person) = request.requester.person() {
            let person = ChannelId(person.0.clone());
            tx.ensure_card(CardId::new(env.now, &*env.entropy), CardKind::Holder, request.id, &person).await?;
        }
    }
    tx.refresh_cards(request.id, env.now).await?;
    request.state = state;
    Ok(request)
}
