//! What Slack knows about people, asked for when it is needed and kept for a while.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use super::{Context, JobError};
use crate::{
    domain::{
        catalog::Alias,
        ids::{UserGroupId, UserId},
        people::{Members, Person, Standing},
        principal::Principal,
    },
    provider::Holder,
    slack::client::SlackError,
    store::StoreError,
    usecase::{MEMBERS_FRESH, MEMBERS_USABLE},
};

/// When a person's name and e-mail address are worth asking for again.
const PERSON_FRESH: SignedDuration = SignedDuration::from_hours(24);
/// How often a grant waits for Slack to name its holder before it goes on under the Slack id alone.
const PATIENCE: u32 = 3;

/// Asks Slack who is in these groups, where the last answer is not fresh. Answers whether every one of them is known
/// well enough to decide by.
///
/// # Errors
/// When the store fails.
pub async fn ensure_members(ctx: &Context, groups: &BTreeSet<UserGroupId>) -> Result<bool, StoreError> {
    if groups.is_empty() {
        return Ok(true);
    }
    let now = ctx.clock.now();
    let fresh = known(ctx, MEMBERS_FRESH).await?;
    let stale: Vec<UserGroupId> = groups.iter().filter(|group| fresh.of(group).is_none()).cloned().collect();
    let slack = ctx.tools.load().slack.clone();
    let asked = futures::future::join_all(stale.iter().map(|group| slack.user_group(group))).await;
    for (group, answer) in stale.into_iter().zip(asked) {
        match answer {
            Ok(members) => {
                ctx.store
                    .write(move |tx| Box::pin(async move { tx.save_user_group(&group, &members, now).await }))
                    .await?;
            }
            Err(error) => tracing::warn!(%group, %error, "Slack does not say who is in a user group"),
        }
    }
    let usable = known(ctx, MEMBERS_USABLE).await?;
    Ok(groups.iter().all(|group| usable.of(group).is_some()))
}

/// When it is worth asking again whether somebody is still there, who comes with a session and not by Slack.
const STANDING_FRESH: SignedDuration = SignedDuration::from_mins(15);

/// Whether Slack says that this person's account was deactivated. While it does not answer, what it said last counts.
///
/// # Errors
/// When the store fails.
pub async fn has_left(ctx: &Context, id: &UserId) -> Result<bool, StoreError> {
    let (now, wanted) = (ctx.clock.now(), id.clone());
    let known = ctx.store.read(move |tx| Box::pin(async move { tx.lookup_person(&wanted).await })).await?;
    let known = match known {
        Some(person) if person.fetched_at > now - STANDING_FRESH => Some(person),
        known => match ctx.tools.load().slack.clone().person(id, now).await {
            Ok(person) => {
                let kept = person.clone();
                ctx.store.write(move |tx| Box::pin(async move { tx.save_person(&kept).await })).await?;
                Some(person)
            }
            Err(error) => {
                tracing::warn!(user = %id, %error, "Slack does not say whether somebody is still there");
                known
            }
        },
    };
    Ok(known.is_some_and(|person| person.standing == Standing::Deactivated))
}

async fn known(ctx: &Context, age: SignedDuration) -> Result<Members, StoreError> {
    let since = ctx.clock.now() - age;
    ctx.store.read(move |tx| Box::pin(async move { tx.members(since).await })).await
}

/// Who the holder of a grant is, in Slack and where the configuration says more.
pub(super) async fn holder_in_clouds(ctx: &Context, who: &Principal, attempts: u32) -> Result<Holder, JobError> {
    let Principal::Person(user) = who else {
        return Ok(Holder::unknown(who.clone()));
    };
    let person = holder(ctx, user, attempts).await?;
    let alias = ctx.tools.load().catalog.aliases.get(user).cloned().unwrap_or_default();
    let email = person.and_then(|person| person.email);
    let Alias { aws_identity_center, azure_object_id } = alias;
    Ok(Holder { who: who.clone(), email, aws_identity_center, azure_object_id })
}

/// Asks Slack who these people are, where that was never asked. What Slack does not tell now stays unknown: names are for
/// those who read a cloud's own records, and nothing waits for them.
pub(super) async fn get_to_know(ctx: &Context, people: &[UserId]) -> Result<(), StoreError> {
    for id in people {
        let wanted = id.clone();
        if ctx.store.read(move |tx| Box::pin(async move { tx.lookup_person(&wanted).await })).await?.is_some() {
            continue;
        }
        match ctx.tools.load().slack.clone().person(id, ctx.clock.now()).await {
            Ok(person) => {
                ctx.store.write(move |tx| Box::pin(async move { tx.save_person(&person).await })).await?;
            }
            Err(error) => tracing::warn!(user = %id, %error, "Slack does not say who an approver is"),
        }
    }
    Ok(())
}

/// Who the holder of a grant is. An older answer is better than none, and after a few failures none is better than no
/// access: the grant is then known to the cloud under the Slack id.
async fn holder(ctx: &Context, id: &UserId, attempts: u32) -> Result<Option<Person>, JobError> {
    let now = ctx.clock.now();
    let wanted = id.clone();
    let known = ctx.store.read(move |tx| Box::pin(async move { tx.lookup_person(&wanted).await })).await?;
    if known.as_ref().is_some_and(|person| person.fetched_at > now - PERSON_FRESH) {
        return Ok(known);
    }
    match ctx.tools.load().slack.clone().person(id, now).await {
        Ok(person) => {
            let kept = person.clone();
            ctx.store.write(move |tx| Box::pin(async move { tx.save_person(&kept).await })).await?;
            Ok(Some(person))
        }
        Err(error @ (SlackError::Unclear(_) | SlackError::Throttled { .. }))
            if known.is_none() && attempts < PATIENCE =>
        {
            Err(JobError::Slack(error))
        }
        Err(error) => {
            tracing::warn!(user = %id, %error, "Slack does not say who the holder is");
            Ok(known)
        }
    }
}
