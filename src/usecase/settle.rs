//! Let a grant follow its accesses: active when all are live, over when all are gone.

use super::{Env, heartbeat};
use crate::{
    domain::{
        access::AccessState,
        audit::{Actor, Fact, Subject},
        grant::{EndCause, Grant, GrantEvent, GrantState},
        ids::GrantId,
    },
    store::{StoreError, Tx},
};

/// Moves the grant on if its accesses say so, and has its cards brought up to date in any case.
///
/// # Errors
/// When the store fails.
pub async fn settle(tx: &mut Tx, env: &Env, id: GrantId) -> Result<(), StoreError> {
    let grant = tx.load_grant(id).await?;
    match grant.state {
        GrantState::Applying if tx.are_all(id, AccessState::Live).await? => {
            let fact = Fact::GrantActive {
                about: Subject::from(&grant),
                approvers: grant.approvers.clone(),
                ends_at: grant.ends_at,
            };
            advance(tx, env, &grant, GrantEvent::AllLive { at: env.now }, fact).await?;
            heartbeat::expect(tx, env, &grant).await?;
        }
        GrantState::Ending { ref cause, .. } if tx.are_all(id, AccessState::Gone).await? => {
            let fact = over(&grant, cause);
            advance(tx, env, &grant, GrantEvent::AllGone { at: env.now }, fact).await?;
        }
        GrantState::Applying
        | GrantState::Active { .. }
        | GrantState::Ending { .. }
        | GrantState::Ended { .. }
        | GrantState::Failed { .. } => {}
    }
    tx.refresh_cards(grant.request, env.now).await
}

fn over(grant: &Grant, cause: &EndCause) -> Fact {
    let about = Subject::from(grant);
    match cause {
        EndCause::NotGrantable { why } => Fact::GrantFailed { about, why: why.clone() },
        EndCause::Expired | EndCause::GivenBack | EndCause::Revoked { .. } | EndCause::HeartbeatLost { .. } => {
            Fact::GrantEnded { about, cause: cause.clone() }
        }
    }
}

async fn advance(tx: &mut Tx, env: &Env, grant: &Grant, event: GrantEvent, fact: Fact) -> Result<(), StoreError> {
    let state = grant.state.apply(event)?;
    tx.move_grant(grant, &state).await?;
    tx.record(env.now, &Actor::Jit, &fact).await
}
