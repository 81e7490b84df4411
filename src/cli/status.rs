//! `jit status` and `jit wait`

use std::{process::ExitCode, time::Duration};

use clap::Args;
use serde_json::json as value;

use super::{
    Output,
    failure::{EXIT_CODES, Ending, Failure, ended},
    json, moment,
    remote::{Remote, time},
    request::unless_interrupted,
    say,
    voice::Voice,
    waiting::{self, Until},
};
use crate::{
    api::{Grant, GrantState, Request, RequestState},
    client::Client,
};

/// Say what waits for a decision and what is granted.
///
/// With a name it says how that one request or grant stands, and ends with 0 only if it gives access now.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct Status {
    /// A request or a grant, such as REQ-7K3M or GRANT-7K3M.
    name: Option<String>,
    #[command(flatten)]
    remote: Remote,
    /// How to write it.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Wait for a request's decision, and for the access.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct Wait {
    /// The request, such as REQ-7K3M.
    request: String,
    /// Wait no longer than this; ends with 19 when it is not decided by then.
    #[arg(long, value_name = "TIME", value_parser = time)]
    timeout: Option<Duration>,
    #[command(flatten)]
    remote: Remote,
    /// How to write the result.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

impl Status {
    pub(super) async fn run(self) -> ExitCode {
        ended(self.tell().await)
    }

    async fn tell(&self) -> Result<(), Failure> {
        let connected = self.remote.connect().await?;
        let told = match &self.name {
            None => self.all(&connected.client).await,
            Some(name) if name.to_ascii_uppercase().starts_with("GRANT-") => self.grant(&connected.client, name).await,
            Some(name) => self.request(&connected.client, name).await,
        };
        connected.leave().await;
        told
    }

    async fn all(&self, client: &Client) -> Result<(), Failure> {
        let (requests, grants) = (client.requests().await?, client.grants().await?);
        let lines = requests.iter().map(waiting::waits).chain(grants.iter().map(stands));
        let lines: Vec<String> = lines.collect();
        match self.output {
            Output::Json => say(&json(&value!({ "requests": requests, "grants": grants }))),
            Output::Text if lines.is_empty() => {
                say("Nothing waits, and you have no access. `jit roles` lists what can be asked for.\n");
            }
            Output::Text => say(&format!("{}\n", lines.join("\n"))),
        }
        Ok(())
    }

    async fn grant(&self, client: &Client, name: &str) -> Result<(), Failure> {
        let grant = client.grant(name).await?;
        self.output.show(&grant, &stands(&grant));
        match (grant.state, Failure::of_grant(&grant)) {
            (_, Some(failure)) => Err(failure),
            (GrantState::Applying, None) => {
                Err(Failure::new(Ending::NoAccessYet, format!("{} is being opened", grant.name)))
            }
            (GrantState::Active | GrantState::Ending | GrantState::Ended | GrantState::Failed, None) => Ok(()),
        }
    }

    async fn request(&self, client: &Client, name: &str) -> Result<(), Failure> {
        let request = client.request(name).await?;
        self.output.show(&request, &standing(&request));
        if let Some(failure) =
            Failure::of_request(&request).or_else(|| request.grant.as_ref().and_then(Failure::of_grant))
        {
            return Err(failure);
        }
        match &request.grant {
            Some(grant) if grant.state == GrantState::Active => Ok(()),
            None if request.state == RequestState::Approved => Ok(()),
            _ => Err(Failure::new(Ending::NoAccessYet, format!("{} gives no access yet", request.name))),
        }
    }
}

impl Wait {
    pub(super) async fn run(self) -> ExitCode {
        ended(self.wait().await)
    }

    async fn wait(&self) -> Result<(), Failure> {
        let connected = self.remote.connect().await?;
        let (client, voice) = (&connected.client, Voice::new());
        let request = client.request(&self.request).await?;
        let until = self.timeout.map_or(Until::Decided, Until::Over);
        let wait = waiting::for_access(client, request.clone(), until, &voice);
        let request = unless_interrupted(&request, &voice, wait).await?;
        match (self.output, &request.grant) {
            (Output::Json, _) => say(&json(&request)),
            (Output::Text, Some(grant)) => say(&format!("{}\n", waiting::live(grant))),
            (Output::Text, None) => say(&format!("{}\n", standing(&request))),
        }
        connected.leave().await;
        Ok(())
    }
}

fn standing(request: &Request) -> String {
    let asked = waiting::asked(request);
    let decided = request.decided_by.as_deref().map(|name| format!(" by {name}")).unwrap_or_default();
    match (request.state, &request.grant) {
        (RequestState::Awaiting, _) => waiting::waits(request),
        (RequestState::Approved, Some(grant)) => format!("{asked}: approved{decided}. {}", stands(grant)),
        (RequestState::Approved, None) => format!("{asked}: approved{decided}"),
        (RequestState::Denied, _) => format!("{asked}: denied{decided}"),
        (RequestState::Cancelled, _) => format!("{asked}: withdrawn"),
        (RequestState::Lapsed, _) => format!("{asked}: lapsed"),
    }
}

/// How a grant stands, in a line.
fn stands(grant: &Grant) -> String {
    let why = grant.why.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
    let stuck =
        if grant.stuck { ". It is stuck: the cloud does not do what it should, and is being asked again" } else { "" };
    let state = match grant.state {
        GrantState::Applying => format!("is being opened{why}"),
        GrantState::Active => format!("is live until {}", moment(grant.ends_at)),
        GrantState::Ending => format!("is being closed{why}"),
        GrantState::Ended if grant.end_confirmed => format!("has ended{why}"),
        GrantState::Ended => format!("has ended, and the cloud has not confirmed all of it{why}"),
        GrantState::Failed => format!("could not be opened{why}"),
    };
    format!("{} of {} {state}{stuck}", grant.name, grant.role)
}
