//! Say what somebody may ask for.

use super::Env;
use crate::{
    domain::{catalog::Role, policy, principal::Principal},
    store::{StoreError, Tx},
};

/// The roles this person or pipeline may ask for, by name.
///
/// # Errors
/// When the store fails.
pub async fn list(tx: &mut Tx, env: &Env, who: &Principal) -> Result<Vec<Role>, StoreError> {
    let members = env.members(tx).await?;
    Ok(env.catalog.roles.values().filter(|role| policy::may_ask(&env.catalog, role, who, &members)).cloned().collect())
}
