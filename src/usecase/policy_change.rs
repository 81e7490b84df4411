//! Put on the trail which policy is in force.

use super::Env;
use crate::{
    domain::{
        audit::{Actor, Fact},
        ids::ChannelId,
    },
    store::{StoreError, Tx},
};

/// Notes the policy that is in force from now on, and which channel is told about the trail. A start under the policy
/// that was in force before changes nothing.
///
/// # Errors
/// When the store fails.
pub async fn loaded(tx: &mut Tx, env: &Env, audit_channel: &ChannelId) -> Result<(), StoreError> {
    tx.follow_trail(audit_channel, env.now).await?;
    let policy = &env.catalog.digest;
    if tx.last_policy().await?.as_ref() == Some(policy) {
        return Ok(());
    }
    let fact = Fact::PolicyLoaded { policy: policy.clone(), roles: env.catalog.roles.len() };
    tx.record(env.now, &Actor::Operator, &fact).await
}

/// Notes that a changed policy was refused.
///
/// # Errors
/// When the store fails.
pub async fn refused(tx: &mut Tx, env: &Env, problems: usize) -> Result<(), StoreError> {
    tx.record(env.now, &Actor::Operator, &Fact::PolicyRefused { problems }).await
}
