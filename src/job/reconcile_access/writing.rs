//! What is written down around a call: what is about to be done, and what the cloud has confirmed.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{super::Context, Claimant, trouble::unstick};
use crate::{
    domain::{
        access::{AccessEvent, AccessKey, AccessState, LEFT_TO},
        audit::{Actor, Fact, Subject},
        grant::{Grant, GrantState},
        ids::{AccessId, Code},
    },
    provider::Receipt,
    store::{StoreError, Tx},
    usecase::{Env, end, extend, settle},
};

/// By what it was decided whether the cloud is to have an access.
#[derive(Debug, Clone)]
pub(super) struct Basis {
    key: AccessKey,
    /// When it was decided.
    pub now: Timestamp,
    /// What covered it then.
    covered: BTreeSet<AccessId>,
}

impl Basis {
    /// Reads who has a claim, and says which of the claims cover the key at `now`.
    pub async fn read(tx: &mut Tx, key: AccessKey, now: Timestamp) -> Result<(Self, Vec<Claimant>), StoreError> {
        let claimants = load(tx, &key).await?;
        let covered = covered(&claimants, now);
        Ok((Self { key, now, covered }, claimants))
    }

    /// Whether it would be decided in the same way by what is written down by now.
    async fn holds(&self, tx: &mut Tx) -> Result<bool, StoreError> {
        Ok(covered(&load(tx, &self.key).await?, self.now) == self.covered)
    }
}

fn covered(claimants: &[Claimant], now: Timestamp) -> BTreeSet<AccessId> {
    claimants.iter().filter(|it| it.grant.covers(now)).map(|it| it.access.id).collect()
}

async fn load(tx: &mut Tx, key: &AccessKey) -> Result<Vec<Claimant>, StoreError> {
    let accesses = tx.owed_under(key).await?;
    let grants = tx.grants(&accesses.iter().map(|access| access.grant).collect()).await?;
    let claimants = accesses.into_iter().map(|access| {
        let grant = grants.get(&access.grant).cloned();
        let grant = grant.ok_or_else(|| StoreError::Missing { what: "grant", key: access.grant.to_string() })?;
        Ok(Claimant { access, grant })
    });
    claimants.collect()
}

/// Writes down that a step is about to be taken, before the cloud hears of it. Nothing when the step is not the right one
/// any more: somebody has ended, prolonged or begun a grant since it was decided on.
pub(super) async fn step(
    ctx: &Context,
    basis: &Basis,
    claimants: Vec<Claimant>,
    event: AccessEvent,
) -> Result<Option<Vec<Claimant>>, StoreError> {
    let basis = basis.clone();
    ctx.store
        .write(move |tx| {
            Box::pin(async move {
                if !basis.holds(tx).await? {
                    return Ok(None);
                }
                moved(tx, claimants, event).await.map(Some)
            })
        })
        .await
}

async fn moved(tx: &mut Tx, mut claimants: Vec<Claimant>, event: AccessEvent) -> Result<Vec<Claimant>, StoreError> {
    for Claimant { access, .. } in &mut claimants {
        let was = access.state;
        // What is gone stays gone, and what is being prolonged is live meanwhile.
        if was == AccessState::Gone || (was, event) == (AccessState::Live, AccessEvent::ApplyBegun) {
            continue;
        }
        access.state = was.apply(event)?;
        tx.save_access(access, was).await?;
    }
    Ok(claimants)
}

/// An access that goes on when others under its key are over, with what it has to know of them.
#[derive(Debug)]
pub(super) struct Heir {
    pub access: AccessId,
    /// Its own notes, and theirs.
    pub receipt: Receipt,
    /// Until when the cloud was told to let theirs exist, where it ends them by itself.
    pub until: Option<Timestamp>,
}

/// Grants that are over lose the key without the cloud noticing. Only once another grant has it, and what the provider
/// noted of it: until then this is all there is to say that what is in the cloud is ours. Answers `false` when it is to be
/// decided anew.
pub(super) async fn hand_over(
    ctx: &Context,
    basis: &Basis,
    (over, heirs): (Vec<Claimant>, Vec<Heir>),
    to: &Grant,
) -> Result<bool, StoreError> {
    if over.is_empty() {
        return Ok(true);
    }
    let (env, basis, to) = (ctx.env(), basis.clone(), to.code.clone());
    ctx.store
        .write(move |tx| {
            Box::pin(async move {
                if !basis.holds(tx).await? {
                    return Ok(false);
                }
                for Heir { access, receipt, until } in heirs {
                    let mut access = tx.load_access(access).await?;
                    receipt.add_to(&mut access.receipt);
                    access.until = access.until.map(|own| until.map_or(own, |until| until.max(own)));
                    let state = access.state;
                    tx.save_access(&access, state).await?;
                }
                let over = moved(tx, over, AccessEvent::NotCovered).await?;
                for claimant in over {
                    gone(tx, &env, claimant, &Receipt::default(), Remains::LeftTo(to.clone())).await?;
                }
                Ok(true)
            })
        })
        .await
}

pub(super) async fn confirm_live(
    tx: &mut Tx,
    env: Env,
    claimants: Vec<Claimant>,
    receipt: Receipt,
    until: Timestamp,
) -> Result<(), StoreError> {
    for Claimant { mut access, grant } in claimants {
        let was = access.state;
        access.state = was.apply(AccessEvent::Confirmed)?;
        access.until = Some(until);
        receipt.add_to(&mut access.receipt);
        unstick(tx, &env, &mut access, &grant).await?;
        tx.save_access(&access, was).await?;
        if was == AccessState::Live {
            tx.refresh_cards(grant.request, env.now).await?;
            continue;
        }
        let fact = Fact::AccessLive {
            about: Subject::from(&grant),
            resource: access.key.resource.clone(),
            receipt: receipt.shown(),
        };
        tx.record(env.now, &Actor::Jit, &fact).await?;
        settle::settle(tx, &env, grant.id).await?;
    }
    Ok(())
}

pub(super) async fn confirm_gone(
    tx: &mut Tx,
    env: Env,
    claimants: Vec<Claimant>,
    receipt: Receipt,
    tidy_at: Option<Timestamp>,
) -> Result<(), StoreError> {
    for claimant in claimants {
        gone(tx, &env, claimant, &receipt, Remains::from(tidy_at)).await?;
    }
    Ok(())
}

/// What is still in the cloud of an access that its grant has no more.
enum Remains {
    Nothing,
    /// Something that the provider put there, to be removed then.
    Tidy(Timestamp),
    /// All of it, for this other grant.
    LeftTo(Code),
}

impl From<Option<Timestamp>> for Remains {
    fn from(tidy_at: Option<Timestamp>) -> Self {
        tidy_at.map_or(Self::Nothing, Self::Tidy)
    }
}

async fn gone(
    tx: &mut Tx,
    env: &Env,
    claimant: Claimant,
    receipt: &Receipt,
    remains: Remains,
) -> Result<(), StoreError> {
    let mut access = claimant.access;
    let grant = tx.load_grant(access.grant).await?;
    let was = access.state;
    // A grant of which nobody has written down yet that it is over may still be prolonged: it keeps its claim.
    if is_over(&grant) {
        access.state = was.apply(AccessEvent::Removed)?;
    }
    receipt.add_to(&mut access.receipt);
    access.receipt.remove(LEFT_TO);
    let (tidy_at, left_to) = match remains {
        Remains::Nothing => (None, None),
        Remains::Tidy(at) => (Some(at), None),
        Remains::LeftTo(other) => (None, Some(other)),
    };
    access.tidy_at = tidy_at;
    access.receipt.extend(left_to.as_ref().map(|other| (LEFT_TO.to_owned(), other.grant())));
    unstick(tx, env, &mut access, &grant).await?;
    tx.save_access(&access, was).await?;
    if was == access.state {
        return tx.refresh_cards(grant.request, env.now).await;
    }
    let fact = Fact::AccessRemoved {
        about: Subject::from(&grant),
        resource: access.key.resource.clone(),
        receipt: receipt.shown(),
        left_to,
    };
    tx.record(env.now, &Actor::Jit, &fact).await?;
    if let GrantState::Ending { since, .. } = grant.state {
        let late = env.now.duration_since(since.min(grant.ends_at)).as_secs_f64();
        metrics::histogram!("jit_revocation_lateness_seconds").record(late);
    }
    settle::settle(tx, env, grant.id).await
}

fn is_over(grant: &Grant) -> bool {
    match grant.state {
        GrantState::Applying | GrantState::Active { .. } => false,
        GrantState::Ending { .. } | GrantState::Ended { .. } | GrantState::Failed { .. } => true,
    }
}

pub(super) async fn give_up(ctx: &Context, claimants: Vec<Claimant>, why: String) -> Result<(), StoreError> {
    let env = ctx.env();
    ctx.store
        .write(move |tx| {
            Box::pin(async move {
                for Claimant { access, .. } in claimants {
                    let was = access.state;
                    tx.save_access(&access, was).await?;
                    end::give_up(tx, &env, &access, &why).await?;
                    extend::fall_back(tx, &env, access.grant, why.clone()).await?;
                }
                Ok(())
            })
        })
        .await
}
