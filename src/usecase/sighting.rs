//! Learn from a click where a message of ours stands.
//!
//! It matters when Slack's answer to a post was lost and the app may not look for the message: whoever clicks it shows
//! us where it is, and it is kept up to date from then on.

use super::Env;
use crate::{
    domain::ids::{ChannelId, GrantId, RequestId},
    store::{CardKind, StoreError, Tx},
};

/// Whose message it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sighted {
    /// A card that shows a request to those who decide.
    Request(RequestId),
    /// The same, once the request has become a grant.
    Grant(GrantId),
    /// The message to the holder of a grant.
    Holder(GrantId),
}

/// Notes that the message stands at this place.
///
/// # Errors
/// When the store fails.
pub async fn sight(tx: &mut Tx, env: &Env, what: Sighted, (channel, ts): (&ChannelId, &str)) -> Result<(), StoreError> {
    let (kind, request) = match what {
        Sighted::Request(request) => (CardKind::Request, Some(request)),
        Sighted::Grant(grant) => (CardKind::Request, tx.lookup_grant(grant).await?.map(|grant| grant.request)),
        Sighted::Holder(grant) => (CardKind::Holder, tx.lookup_grant(grant).await?.map(|grant| grant.request)),
    };
    match request {
        Some(request) => tx.card_seen(kind, request, (channel, ts), env.now).await,
        None => Ok(()),
    }
}
