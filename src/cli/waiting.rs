//! Asking, and waiting for what becomes of it, with words for whoever watches.

use std::time::Duration;

use super::{
    failure::{Ending, Failure},
    moment,
    voice::Voice,
};
use crate::{
    api::{Grant, GrantState, Request, RequestState},
    client::{Client, LONGEST_WAIT},
    domain::time::short,
};

/// How long to wait.
#[derive(Debug, Clone, Copy)]
pub(super) enum Until {
    /// As long as it takes: every request is decided or lapses.
    Decided,
    /// No longer than this.
    Over(Duration),
}

/// Waits for a request's decision, and for the access that came of it.
pub(super) async fn for_access(
    client: &Client,
    request: Request,
    until: Until,
    voice: &Voice,
) -> Result<Request, Failure> {
    let decided = for_decision(client, request, until, voice).await;
    let mut request = match decided {
        Ok(request) => request,
        Err(failure) => {
            voice.is_done();
            return Err(failure);
        }
    };
    if let Some(grant) = request.grant.take() {
        request.grant = Some(for_grant(client, grant, voice).await?);
    }
    Ok(request)
}

/// Waits for a request's decision.
pub(super) async fn for_decision(
    client: &Client,
    mut request: Request,
    until: Until,
    voice: &Voice,
) -> Result<Request, Failure> {
    let timer = client.around.timer.clone();
    let began = timer.elapsed();
    while request.state == RequestState::Awaiting {
        voice.waits(&waits(&request));
        let left = match until {
            Until::Decided => LONGEST_WAIT,
            Until::Over(time) => time.saturating_sub(timer.elapsed().saturating_sub(began)).min(LONGEST_WAIT),
        };
        if left.is_zero() {
            return Err(Failure::new(Ending::NoAccessYet, undecided(&request)));
        }
        // the API counts in whole seconds
        request = client.decision(&request.id.to_string(), left.max(Duration::from_secs(1))).await?;
    }
    voice.is_done();
    match Failure::of_request(&request) {
        Some(failure) => Err(failure),
        None => Ok(request),
    }
}

/// Waits until the cloud has opened what was approved.
pub(super) async fn for_grant(client: &Client, mut grant: Grant, voice: &Voice) -> Result<Grant, Failure> {
    while grant.state == GrantState::Applying {
        let why = grant.why.as_deref().map(|why| format!(" ({why})")).unwrap_or_default();
        voice.waits(&format!("{} of {} was approved, the cloud is opening it{why}", grant.name, grant.role));
        let news = client.grant_after(&grant.id.to_string(), &[GrantState::Applying], LONGEST_WAIT).await;
        grant = news.inspect_err(|_| voice.is_done())?;
    }
    voice.is_done();
    match grant.state {
        // It goes straight from one to the other: what was opened of it is closed again.
        GrantState::Ending => Err(Failure::not_opened(&grant)),
        GrantState::Applying | GrantState::Active | GrantState::Ended | GrantState::Failed => {
            Failure::of_grant(&grant).map_or(Ok(grant), Err)
        }
    }
}

/// Whom a request waits for, and since when.
pub(super) fn waits(request: &Request) -> String {
    let so_far = match request.approved_by.as_slice() {
        [] => String::new(),
        names => format!(", approved so far by {}", names.join(", ")),
    };
    format!(
        "{} waits for {} since {}{so_far} (it lapses {})",
        request.name,
        request.waits_for,
        moment(request.asked_at),
        moment(request.decide_by)
    )
}

pub(super) fn undecided(request: &Request) -> String {
    format!(
        "{0} is not decided yet: {1}. `jit wait {0}` goes on waiting, `jit cancel {0}` withdraws it",
        request.name,
        waits(request)
    )
}

/// What somebody has now.
pub(super) fn live(grant: &Grant) -> String {
    format!("{} of {} is live until {}", grant.name, grant.role, moment(grant.ends_at))
}

/// What was asked for.
pub(super) fn asked(request: &Request) -> String {
    let time = short(Duration::from_secs(request.duration_seconds));
    match &request.extends {
        Some(grant) => format!("{} asks for {grant} of {} to last {time} in all", request.name, request.role),
        None => format!("{} asks for {} for {time}", request.name, request.role),
    }
}

/// The live grant that somebody means: by its name, its id, or the role. Of several it is the one that lasts longest.
pub(super) async fn live_grant(client: &Client, which: &str) -> Result<Grant, Failure> {
    let is_name = which.to_ascii_uppercase().starts_with("GRANT-") || which.len() == 36 && which.contains('-');
    if is_name {
        let grant = client.grant(which).await?;
        return match grant.state {
            GrantState::Active => Ok(grant),
            GrantState::Applying => {
                Err(Failure::new(Ending::NoAccessYet, format!("{} is being opened: try again in a moment", grant.name)))
            }
            GrantState::Ending | GrantState::Ended | GrantState::Failed => {
                let why = grant.why.as_deref().unwrap_or("it has ended");
                Err(Failure::new(Ending::NoAccessYet, format!("{} of {} is over: {why}", grant.name, grant.role)))
            }
        };
    }
    let grants = client.grants().await?;
    longest(grants, which).ok_or_else(|| {
        let way_out = format!("`jit request {which}` asks for it, `jit roles` lists what can be asked for");
        Failure::new(Ending::NoAccessYet, format!("you have no live grant of {which}. {way_out}"))
    })
}

/// The grant of a role that lasts longest.
pub(super) fn longest(grants: Vec<Grant>, role: &str) -> Option<Grant> {
    let live = |grant: &Grant| grant.role == role && grant.state == GrantState::Active;
    grants.into_iter().filter(live).max_by_key(|grant| grant.ends_at)
}
