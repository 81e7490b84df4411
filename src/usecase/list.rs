//! Say what a person may ask for.

use super::Env;
use crate::{
    domain::{catalog::Role, ids::UserId, policy},
    store::{StoreError, Tx},
};

/// The roles this person may ask for, by name.
///
/// # Errors
/// When the store fails.
pub async fn list(tx: &mut Tx, env: &Env, person: &UserId) -> Result<Vec<Role>, StoreError> {
    let members = env.members(tx).await?;
    Ok(env.catalog.roles.values().filter(|role| policy::may_ask(role, person, &members)).cloned().collect())
}
