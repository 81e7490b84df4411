//! What one run of a pipeline has asked for is for that run: people approve the run that they see on the card.

use super::Env;
use crate::{
    domain::{
        audit::{Actor, Attempt, AttemptRefusal, Fact, Subject},
        ids::RequestId,
        principal::Principal,
        request::Request,
    },
    store::{StoreError, Tx},
};

/// The request, if `by` has made it in another run than the one that calls; whose it is at all is for the verbs to find out.
///
/// # Errors
/// When there is no such request, or the store fails.
pub async fn of_another(
    tx: &mut Tx,
    by: &Principal,
    run: Option<&str>,
    request: RequestId,
) -> Result<Option<Request>, StoreError> {
    let request = tx.load_request(request).await?;
    let is_another = request.requester == *by && !request.is_for_run(run);
    Ok(is_another.then_some(request))
}

/// Puts on the trail that another run has tried it.
///
/// # Errors
/// When the store fails.
pub async fn refuse(
    tx: &mut Tx,
    env: &Env,
    by: &Principal,
    request: &Request,
    attempt: Attempt,
) -> Result<(), StoreError> {
    let refusal = AttemptRefusal::AnotherRun;
    let fact = Fact::AttemptRefused { about: Subject::from(request), attempt, refusal };
    tx.record(env.now, &Actor::from(by), &fact).await
}
