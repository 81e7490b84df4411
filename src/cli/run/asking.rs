//! From nothing to a live grant; and back, when somebody ends the waiting.

use std::time::Duration;

use super::{
    super::{
        end::is_late,
        failure::{Ending, Failure},
        moment,
        voice::Voice,
        waiting::{self, Until},
    },
    Errand, Run,
};
use crate::{
    api::{DurationAsk, Grant, GrantState, Request, RequestAsk},
    client::Client,
    runner::child::{Caught, Signals},
};

/// How long the withdrawal of a request is tried.
const PATIENCE: Duration = Duration::from_secs(5);
/// A grant with less left than this is not begun with.
const SHORTEST: Duration = Duration::from_mins(1);

impl Run {
    /// A live grant of the role: one that is there, or one that is asked for now.
    pub(super) async fn obtain(
        &self,
        client: &Client,
        errand: &Errand,
        signals: &mut Signals,
        voice: &Voice,
    ) -> Result<Grant, Failure> {
        let live = tokio::select! {
            live = self.live(client, errand) => live?,
            caught = signals.next_end() => return Err(Failure::signal(caught.code(), "nothing was asked for")),
        };
        if let Some(grant) = live {
            voice.says(&format!("{} of {} lives already, until {}", grant.name, grant.role, moment(grant.ends_at)));
            return Ok(grant);
        }
        let (ask, key) = (self.ask(errand), client.fresh_key());
        let request = tokio::select! {
            request = client.ask(&ask, &key) => request?,
            caught = signals.next_end() => {
                // The server may have heard it: the same key gives that request, and no second one.
                return Err(match client.clone().patient_for(PATIENCE).ask(&ask, &key).await {
                    Ok(request) => withdraw(client, &request, caught).await,
                    Err(_) => Failure::signal(caught.code(), "the server did not answer; nothing was run"),
                });
            }
        };
        voice.says(&waiting::asked(&request));
        let granted = tokio::select! {
            granted = waiting::for_access(client, request.clone(), Until::Decided, voice) => granted,
            caught = signals.next_end() => {
                voice.is_done();
                return Err(withdraw(client, &request, caught).await);
            }
        };
        let granted = granted.map_err(|failure| lost(failure, &request, self.keep))?;
        let missing =
            || Failure::new(Ending::Usage, format!("{} was approved, and the server names no grant", request.name));
        granted.grant.ok_or_else(missing)
    }

    /// A live grant of the role that lasts long enough, is for this very plan, and that nobody else runs something on.
    async fn live(&self, client: &Client, errand: &Errand) -> Result<Option<Grant>, Failure> {
        let (now, wanted) = (client.around.clock.now(), self.time.unwrap_or(SHORTEST));
        let digest = errand.plan.as_ref().map(|(_, plan)| plan.sha256.as_str());
        let fits = |grant: &Grant| {
            Duration::try_from(now.duration_until(grant.ends_at)).is_ok_and(|left| left >= wanted)
                && grant.plan.as_ref().map(|plan| plan.sha256.as_str()) == digest
                && grant.next_heartbeat_by.is_none()
        };
        let grants = client.grants().await?.into_iter().filter(fits).collect();
        Ok(waiting::longest(grants, &self.role))
    }

    fn ask(&self, errand: &Errand) -> RequestAsk {
        RequestAsk {
            role: self.role.clone(),
            duration: self.time.map(|time| DurationAsk::Seconds(time.as_secs())),
            reason: self.reason.clone(),
            plan: errand.plan.as_ref().map(|(_, plan)| plan.clone()),
            heartbeats: !self.keep,
        }
    }
}

/// A request that we lost sight of stands.
fn lost(failure: Failure, request: &Request, keep: bool) -> Failure {
    if failure.is(Ending::Unreachable) {
        let name = &request.name;
        let then = if keep {
            "the grant lasts for all of its time"
        } else {
            "the grant ends within two minutes of its beginning, because nothing runs on it"
        };
        failure.and(&format!("{name} stands as it is: `jit cancel {name}` withdraws it. If it is approved, {then}."))
    } else {
        failure
    }
}

/// Nobody waits for it any more, so nobody should decide it; what was granted meanwhile is given back.
async fn withdraw(client: &Client, request: &Request, caught: Caught) -> Failure {
    let client = client.clone().patient_for(PATIENCE);
    let (name, id) = (&request.name, request.id.to_string());
    let words = match client.cancel(&id).await {
        Ok(withdrawn) => match withdrawn.grant {
            Some(grant) => give_up(&client, grant).await,
            None => format!("{name} is withdrawn, and nothing was run"),
        },
        Err(trouble) if is_late(trouble.code()) => match client.request(&id).await.map(|request| request.grant) {
            Ok(Some(grant)) => give_up(&client, grant).await,
            Ok(None) => format!("{name} was decided meanwhile, and nothing was run"),
            Err(trouble) => format!("nothing was run, and {name} is not known to be withdrawn: {trouble}"),
        },
        Err(trouble) => {
            format!("nothing was run, and {name} is not withdrawn: {trouble}. `jit cancel {name}` does that")
        }
    };
    Failure::signal(caught.code(), words)
}

async fn give_up(client: &Client, grant: Grant) -> String {
    let name = grant.name;
    match grant.state {
        GrantState::Ended | GrantState::Failed => format!("nothing was run; {name} is over"),
        GrantState::Applying | GrantState::Active | GrantState::Ending => match client.end(&grant.id.to_string()).await
        {
            Ok(_) => format!("nothing was run; {name} was approved meanwhile, and is given back"),
            Err(trouble) => {
                format!("nothing was run; {name} was approved meanwhile, and could not be given back: {trouble}")
            }
        },
    }
}
