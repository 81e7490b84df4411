//! Write down what is to be mended; `reconcile_access` does it, as it does everything.

use std::collections::BTreeSet;

use super::{Context, Foreign, Held, Plan};
use crate::{
    domain::{
        access::{AccessEvent, FOUND_AGAIN_AT},
        audit::{Actor, Drift, Fact, Subject},
        catalog::ProviderName,
        job::Job,
    },
    provider::Receipt,
    store::{StoreError, Tx},
    usecase::Env,
};

/// Has lingering access removed and missing access given again, and tells the rest, all in the name of `by`. Answers what
/// is now to be mended: what has moved on since the plan was made is left to the next one.
///
/// # Errors
/// When the store fails.
pub async fn apply(ctx: &Context, plan: Plan, by: Actor) -> Result<Vec<Held>, StoreError> {
    let (env, notes) = (ctx.env(), reclaimed(ctx, &plan));
    ctx.store.write(move |tx| Box::pin(async move { mend(tx, &env, plan, notes, &by).await })).await
}

/// What is to be noted with each lingering access.
pub(super) fn reclaimed(ctx: &Context, plan: &Plan) -> Vec<Receipt> {
    let tools = ctx.tools.load();
    let note = |held: &Held| {
        let provider = tools.providers.get(&held.access.key.provider)?;
        Some(provider.reclaimed(&Receipt(held.access.receipt.clone())))
    };
    plan.lingering.iter().map(|held| note(held).unwrap_or_default()).collect()
}

pub(super) async fn mend(
    tx: &mut Tx,
    env: &Env,
    plan: Plan,
    notes: Vec<Receipt>,
    by: &Actor,
) -> Result<Vec<Held>, StoreError> {
    let mut mended = Vec::new();
    for (held, note) in plan.lingering.into_iter().zip(notes) {
        mended.extend(reopen(tx, env, held, (AccessEvent::Reappeared, Drift::Lingering, note), by).await?);
    }
    for held in plan.missing {
        mended.extend(reopen(tx, env, held, (AccessEvent::Lost, Drift::Missing, Receipt::default()), by).await?);
    }
    for (cloud, asked) in plan.asked {
        let found = plan.foreign.iter().filter(|it| it.cloud == cloud).collect();
        tell_foreign(tx, env, cloud, (&asked.told, found), by).await?;
    }
    Ok(mended)
}

async fn reopen(
    tx: &mut Tx,
    env: &Env,
    held: Held,
    (event, what, note): (AccessEvent, Drift, Receipt),
    by: &Actor,
) -> Result<Option<Held>, StoreError> {
    let mut access = tx.load_access(held.access.id).await?;
    let was = access.state;
    let Ok(state) = was.apply(event) else { return Ok(None) };
    access.state = state;
    note.add_to(&mut access.receipt);
    if what == Drift::Lingering {
        access.receipt.insert(FOUND_AGAIN_AT.to_owned(), env.now.to_string());
    }
    tx.save_access(&access, was).await?;
    let about = Some(Subject::from(&held.grant));
    let fact = Fact::DriftFound { about, what, resource: access.key.resource.clone(), principal: None };
    tx.record(env.now, by, &fact).await?;
    tx.enqueue(&Job::ReconcileAccess(access.key.clone()), env.now).await?;
    Ok(Some(Held { access, grant: held.grant }))
}

/// Tells what is new among what others have given in the places that were told about, and forgets what is there no more.
async fn tell_foreign(
    tx: &mut Tx,
    env: &Env,
    cloud: ProviderName,
    (places, found): (&BTreeSet<String>, Vec<&Foreign>),
    by: &Actor,
) -> Result<(), StoreError> {
    let told = tx.foreign_accesses(cloud, places).await?;
    for Foreign { place, live, who, .. } in &found {
        let (resource, principal) = (live.resource.clone(), live.principal.clone());
        if told.contains(&(resource.clone(), principal.clone())) {
            continue;
        }
        tx.insert_foreign_access(cloud, place, (&resource, &principal), env.now).await?;
        let fact = Fact::DriftFound { about: None, what: Drift::Foreign, resource, principal: Some(who.clone()) };
        tx.record(env.now, by, &fact).await?;
    }
    let is_there = |resource: &str, principal: &str| {
        found.iter().any(|it| it.live.resource == resource && it.live.principal == principal)
    };
    for (resource, principal) in told.iter().filter(|(resource, principal)| !is_there(resource, principal)) {
        tx.delete_foreign_access(cloud, (resource, principal)).await?;
    }
    Ok(())
}
