//! What one run of a pipeline has asked for is for that run: people approve the run that they see on the card.

use super::Env;
use crate::{
    domain::{
        audit::{Actor, Attempt, AttemptRefusal, Fact, Subject},
        principal::Principal,
        request::Request,
    },
    store::{StoreError, Tx},
};

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
