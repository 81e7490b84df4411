//! Say how somebody's requests and grants stand.

use super::Env;
use crate::{
    domain::{grant::Grant, principal::Principal, request::Request},
    store::{StoreError, Tx},
};

/// What somebody waits for and has.
#[derive(Debug, Clone, Default)]
pub struct Status {
    /// Requests that await a decision, oldest first.
    pub awaiting: Vec<Request>,
    /// Grants that are not over, the one that ends first first.
    pub grants: Vec<Grant>,
}

/// How this person's or pipeline's requests and grants stand. What is past its time counts as closed, whether or not the job that
/// closes it has run.
///
/// # Errors
/// When the store fails.
pub async fn status(tx: &mut Tx, env: &Env, who: &Principal) -> Result<Status, StoreError> {
    let mut awaiting = tx.awaiting_requests_of(who).await?;
    awaiting.retain(|request| env.now < request.decide_by);
    let grants = tx.open_grants_of(who).await?;
    Ok(Status { awaiting, grants })
}
