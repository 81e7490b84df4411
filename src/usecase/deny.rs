//! Deny a request. One person who may decide is enough, even one who approved before.

use super::{
    Env,
    review::{self, Refused},
};
use crate::{
    domain::{
        audit::{Actor, Attempt, Fact, Subject},
        ids::{RequestId, UserId},
        request::{Denier, Request, RequestEvent},
    },
    store::{StoreError, Tx},
};

/// Denies the request in the name of `by`.
///
/// # Errors
/// When the store fails.
pub async fn deny(tx: &mut Tx, env: &Env, by: &UserId, id: RequestId) -> Result<Result<Request, Refused>, StoreError> {
    let request = match review::open_request(tx, env, by, id, Attempt::Deny).await? {
        Ok(request) => request,
        Err(refused) => return Ok(Err(refused)),
    };
    tx.replace_review_by_denial(id, by, env.now).await?;
    close(tx, env, request, &Actor::Person(by.clone()), Denier::Person(by.clone())).await.map(Ok)
}

/// Closes a request as denied.
pub(super) async fn close(
    tx: &mut Tx,
    env: &Env,
    request: Request,
    actor: &Actor,
    by: Denier,
) -> Result<Request, StoreError> {
    let state = request.state.apply(RequestEvent::Refused { at: env.now, by: by.clone() })?;
    tx.record(env.now, actor, &Fact::RequestDenied { about: Subject::from(&request), by }).await?;
    review::close(tx, env, request, state).await
}
