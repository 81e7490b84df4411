//! What must never happen, looked for at the end of every story (section 7 of the design).

use std::collections::{BTreeMap, BTreeSet};

use jit::domain::{
    access::FOUND_AS,
    audit::{Event, Fact, Verifier},
    grant::GrantState,
    ids::{GrantId, RequestId},
    job::Job,
    policy::ReviewRefusal,
    request::RequestState,
};
use jit::playground::workspace::{CallOutcome, Message};

use super::{
    World,
    azure::{TOKENS, Thing, directory::CLIENT_SECRET, pim::FIVE_MINUTES},
};

pub async fn all(world: &World) {
    let events = trail(world).await;
    nothing_is_left_over(world).await;
    no_access_outlives_its_grant(world, &events).await;
    nothing_in_azure_is_other_than_it_should_be(world).await;
    world.nothing_is_pretended().await;
    every_grant_is_justified(world, &events).await;
    the_trail_tells_each_change_once(world, &events).await;
    every_card_shows_what_is_so(world).await;
    everything_was_read(world);
    no_secret_is_anywhere(world);
}

/// The whole trail; its chain is sound.
pub async fn trail(world: &World) -> Vec<Event> {
    let (events, head) = world
        .read(|tx| Box::pin(async move { Ok((tx.events_after(0, u32::MAX).await?, tx.audit_head().await?)) }))
        .await;
    let mut verifier = Verifier::default();
    for event in &events {
        verifier.check(event).unwrap_or_else(|broken| panic!("the trail is broken: {broken}"));
    }
    verifier.finish(head.seq, &head.hash).unwrap_or_else(|broken| panic!("the trail is broken: {broken}"));
    events
}

pub fn facts(events: &[Event]) -> Vec<Fact> {
    events.iter().map(|event| serde_json::from_str(&event.fact).unwrap()).collect()
}

/// Only what is due later, or what watches over things, may be waiting.
async fn nothing_is_left_over(world: &World) {
    let now = world.now();
    let jobs = world.read(|tx| Box::pin(async move { tx.unfinished_jobs().await })).await;
    for (job, at, error) in jobs {
        assert!(at > now, "{job:?} was due at {at}, it is {now}: {error:?}");
        assert!(error.is_none() || matches!(job, Job::ReconcileAccess(_)), "{job:?} keeps failing: {error:?}");
    }
    let mut refused = world.slack.refused();
    refused.retain(|call| !matches!(&call.outcome, CallOutcome::Refused { error, .. } if world.expects_refused.contains(&error.as_str())));
    assert!(refused.is_empty(), "Slack would have refused: {refused:#?}");
}

/// What was claimed works exactly while its grant lives, as far as the documents say that we sent to AWS.
async fn no_access_outlives_its_grant(world: &World, events: &[Event]) {
    for fact in facts(events) {
        let Fact::CredentialsClaimed { about, access_key_id, until, .. } = fact else { continue };
        let grant_id = about.grant.unwrap();
        let (grant, lets_run) = world
            .read(|tx| {
                Box::pin(async move {
                    let accesses = tx.accesses_of(grant_id).await?;
                    let lets_run =
                        accesses.iter().any(|access| format!("{:?}", access.target).contains("early_end: None"));
                    Ok((tx.load_grant(grant_id).await?, lets_run))
                })
            })
            .await;
        let works = world.cloud.can(&access_key_id, "s3:GetObject", world.now()).await;
        if works && !lets_run {
            assert!(
                grant.covers(world.now()),
                "{access_key_id} works, and {} is {:?}",
                grant.code.grant(),
                grant.state
            );
        }
        assert!(!world.cloud.can(&access_key_id, "s3:GetObject", until).await, "{access_key_id} works at {until}");
    }
}

/// Azure was asked for nothing that no client may ask for, and whatever it was asked to assign ends by itself, no later
/// than the last grant of it; only what began less than five minutes before that cannot be shorter.
async fn nothing_in_azure_is_other_than_it_should_be(world: &World) {
    let defects = world.azure.defects();
    assert!(defects.is_empty(), "no client of Azure may do this: {defects:#?}");
    let accesses = world.accesses().await;
    for schedule in world.azure.schedules() {
        let of_it = accesses.iter().filter(|(access, _)| {
            Thing::of(&access.target).as_ref() == Some(&schedule.thing)
                && access.receipt.get(FOUND_AS) == Some(&schedule.principal)
        });
        let last = of_it.map(|(_, grant)| grant.ends_at).max();
        let last = last.unwrap_or_else(|| panic!("nobody asked for it: {schedule:?}"));
        let end = schedule.meant_to_end.unwrap_or_else(|| panic!("it has no end of its own: {schedule:?}"));
        let latest = last.max(schedule.assigned_at + FIVE_MINUTES);
        assert!(end <= latest, "the last grant ends at {last}: {schedule:?}");
    }
}

/// A grant has a frozen verdict and the reviews that verdict asks for.
async fn every_grant_is_justified(world: &World, events: &[Event]) {
    for grant_id in grants(events) {
        let (grant, request, approvals) = world
            .read(|tx| {
                Box::pin(async move {
                    let grant = tx.load_grant(grant_id).await?;
                    let request = tx.load_request(grant.request).await?;
                    let approvals = tx.approvals_of(grant.request).await?;
                    Ok((grant, request, approvals))
                })
            })
            .await;
        let approvers: BTreeSet<_> = grant.approvers.iter().cloned().collect();
        assert_eq!(approvers.len(), grant.approvers.len(), "the same approver twice");
        assert!(approvers.is_subset(&approvals), "an approver without a review");
        assert!(approvers.len() >= usize::from(request.verdict.quorum.get()), "too few approvers");
        for approver in &approvers {
            if grant.holder.is(approver) {
                assert!(request.verdict.self_approval, "a requester among their own approvers");
            }
        }
        assert!(matches!(request.state, RequestState::Approved { grant, .. } if grant == grant_id));
    }
}

fn grants(events: &[Event]) -> BTreeSet<GrantId> {
    events.iter().filter_map(|event| event.grant_id.as_ref()).map(|id| id.parse().unwrap()).collect()
}

/// Each request and grant has the events of the states it went through, each of them once.
async fn the_trail_tells_each_change_once(world: &World, events: &[Event]) {
    let mut told: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for event in events {
        let key = event.grant_id.as_ref().or(event.request_id.as_ref());
        told.entry(key.cloned().unwrap_or_default()).or_default().push(&event.kind);
    }
    let count = |key: &str, kind: &str| told.get(key).map_or(0, |kinds| kinds.iter().filter(|it| **it == kind).count());
    let requests: BTreeSet<RequestId> =
        events.iter().filter_map(|event| event.request_id.as_ref()).map(|id| id.parse().unwrap()).collect();
    for id in requests {
        let request = world.read(|tx| Box::pin(async move { tx.load_request(id).await })).await;
        let key = id.to_string();
        let closed = ["request_denied", "request_cancelled", "request_lapsed"].map(|kind| count(&key, kind));
        let expected = match request.state {
            RequestState::Awaiting | RequestState::Approved { .. } => [0, 0, 0],
            RequestState::Denied { .. } => [1, 0, 0],
            RequestState::Cancelled { .. } => [0, 1, 0],
            RequestState::Lapsed { .. } => [0, 0, 1],
        };
        assert_eq!(
            (count(&key, "request_made"), closed),
            (1, expected),
            "{}: {:?}",
            request.code.request(),
            told[&key]
        );
    }
    for id in grants(events) {
        let grant = world.read(|tx| Box::pin(async move { tx.load_grant(id).await })).await;
        let key = id.to_string();
        let kinds = ["request_approved", "grant_active", "grant_ending", "grant_ended", "grant_failed"];
        let [approved, active, ending, ended, failed] = kinds.map(|kind| count(&key, kind));
        let expected = match grant.state {
            GrantState::Applying => (0, 0, 0, 0),
            GrantState::Active { .. } => (1, 0, 0, 0),
            GrantState::Ending { .. } => (active, 1, 0, 0),
            GrantState::Ended { .. } => (active, 1, 1, 0),
            GrantState::Failed { .. } => (0, 1, 0, 1),
        };
        assert_eq!(approved, 1, "{}", grant.code.grant());
        assert!(active <= 1, "{} became active twice", grant.code.grant());
        assert_eq!((active, ending, ended, failed), expected, "{}: {:?}", grant.code.grant(), told[&key]);
    }
}

/// Having every card brought up to date changes nothing, and none stands twice with buttons.
async fn every_card_shows_what_is_so(world: &World) {
    let cards = world.read(|tx| Box::pin(async move { tx.all_cards().await })).await;
    let before = world.slack.calls().len();
    let now = world.now();
    world
        .app
        .ctx
        .store
        .write({
            let cards = cards.clone();
            move |tx| {
                Box::pin(async move {
                    for card in cards {
                        tx.enqueue(&Job::ProjectCard(card.id, card.address), now).await?;
                    }
                    Ok(())
                })
            }
        })
        .await
        .unwrap();
    world.worker().run_due().await.unwrap();
    let calls = world.slack.calls().split_off(before);
    assert!(calls.is_empty(), "a card showed what was not so: {calls:#?}");
    for card in cards {
        let Some((channel, _)) = &card.posted else { continue };
        let messages = world.slack.channel(channel.as_str()).messages();
        let copies = messages.iter().filter(|message| shows(message, &card.id.to_string())).count();
        assert!(copies == 1 || world.expects_copies, "the card of {} stands {copies} times", card.request);
    }
}

fn shows(message: &Message, card: &str) -> bool {
    let label = message.present().metadata.as_ref().map(ToString::to_string).unwrap_or_default();
    !message.is_deleted && label.contains(card)
}

/// A story that leaves something unread has not looked at what people see. The audit channel is checked above.
fn everything_was_read(world: &World) {
    let _ = world.slack.channel("audit").screen();
    let unread = world.slack.unread();
    assert!(unread.is_empty(), "nobody has read:\n{}", unread.join("\n"));
}

/// Neither the store's files nor anything we sent to Slack contains a secret.
fn no_secret_is_anywhere(world: &World) {
    let app = world.slack.app();
    let mut secrets = vec![app.signing_secret, app.token, "the-external-id-of-this-install".to_owned()];
    secrets.push(super::aws::SECRET_ACCESS_KEY.to_owned());
    secrets.extend([CLIENT_SECRET, TOKENS].map(str::to_owned));
    secrets.extend(world.shown_secrets.iter().cloned());
    let mut places = vec![("Slack", format!("{:?}", world.slack.calls()).into_bytes())];
    for suffix in ["", "-wal"] {
        let file = format!("{}{suffix}", world.store_file().display());
        places.push(("the store", std::fs::read(file).unwrap_or_default()));
    }
    for (place, bytes) in places {
        let text = String::from_utf8_lossy(&bytes);
        for secret in &secrets {
            assert!(!text.contains(secret), "a secret stands in {place}");
        }
    }
}

/// Whether a refused review is on the trail with this reason.
pub fn refused(events: &[Event], why: &ReviewRefusal) -> bool {
    use jit::domain::audit::AttemptRefusal;
    facts(events).iter().any(
        |fact| matches!(fact, Fact::AttemptRefused { refusal: AttemptRefusal::Review { why: found }, .. } if found == why),
    )
}
