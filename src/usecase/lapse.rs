//! Close a request that nobody decided in time.

use super::{Env, review};
use crate::{
    domain::{
        audit::{Actor, Fact, Subject},
        ids::RequestId,
        request::{Request, RequestEvent, RequestState},
    },
    store::{StoreError, Tx},
};

/// Lapses the request if it still awaits a decision and its deadline has come.
///
/// # Errors
/// When the store fails.
pub async fn lapse(tx: &mut Tx, env: &Env, id: RequestId) -> Result<(), StoreError> {
    let request = tx.load_request(id).await?;
    if_overdue(tx, env, request).await?;
    Ok(())
}

/// The deadline counts from the moment it is reached, whether or not the job that watches it has run.
pub(super) async fn if_overdue(tx: &mut Tx, env: &Env, request: Request) -> Result<Request, StoreError> {
    if request.state != RequestState::Awaiting || env.now < request.decide_by {
        return Ok(request);
    }
    let state = request.state.apply(RequestEvent::DeadlinePassed { at: env.now })?;
    tx.record(env.now, &Actor::Jit, &Fact::RequestLapsed { about: Subject::from(&request) }).await?;
    review::close(tx, env, request, state).await
}
