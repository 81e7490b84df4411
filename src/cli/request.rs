//! `jit request` and `jit cancel`

use std::process::ExitCode;

use clap::Args;

use super::{
    Output,
    failure::{EXIT_CODES, Ending, Failure, ended},
    json,
    remote::Remote,
    say,
    voice::Voice,
    waiting::{self, Until},
};
use crate::{
    api::{DurationAsk, Grant, Request as Asked, RequestAsk},
    runner::child::Signals,
};

/// Ask for a role, and wait until it is granted.
///
/// Ctrl-C ends the waiting and leaves the request standing; `jit wait` goes on, `jit cancel` withdraws it.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct Request {
    /// What to ask for; `jit roles` lists what there is.
    role: String,
    /// For how long; the role's usual time when nobody says.
    #[arg(long = "for", value_name = "TIME")]
    time: Option<String>,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Do not wait for the decision. Ends with 19: there is no access yet.
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    remote: Remote,
    /// How to write the result.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Withdraw a request that awaits its decision.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct Cancel {
    /// The request, such as REQ-7K3M.
    request: String,
    #[command(flatten)]
    remote: Remote,
    /// How to write the result.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

impl Request {
    pub(super) async fn run(self) -> ExitCode {
        ended(self.ask().await)
    }

    async fn ask(&self) -> Result<(), Failure> {
        let connected = self.remote.connect().await?;
        let client = &connected.client;
        let ask = RequestAsk {
            role: self.role.clone(),
            duration: self.time.clone().map(DurationAsk::Text),
            reason: self.reason.clone(),
            plan: None,
            heartbeats: false,
        };
        let asked = client.ask(&ask, &client.fresh_key()).await?;
        let voice = Voice::new();
        voice.says(&waiting::asked(&asked));
        if self.no_wait {
            show(self.output, &asked, asked.grant.as_ref());
            return if asked.grant.is_some() {
                Ok(())
            } else {
                Err(Failure::new(Ending::NoAccessYet, waiting::undecided(&asked)))
            };
        }
        let decided =
            unless_interrupted(&asked, &voice, waiting::for_access(client, asked.clone(), Until::Decided, &voice));
        let decided = decided.await?;
        show(self.output, &decided, decided.grant.as_ref());
        connected.leave().await;
        Ok(())
    }
}

/// Shows a request, and the grant that is meant by it.
pub(super) fn show(output: Output, request: &Asked, grant: Option<&Grant>) {
    match (output, grant) {
        (Output::Json, _) => say(&json(request)),
        (Output::Text, Some(grant)) => say(&format!("{}\n", waiting::live(grant))),
        (Output::Text, None) => {}
    }
}

/// Waits, and says how to go on when somebody ends the waiting.
pub(super) async fn unless_interrupted<T>(
    request: &Asked,
    voice: &Voice,
    wait: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let mut signals = Signals::catch().map_err(|error| Failure::new(Ending::Usage, format!("no signals: {error}")))?;
    tokio::select! {
        done = wait => done,
        caught = signals.next_end() => {
            voice.is_done();
            let name = &request.name;
            let words = format!("{name} stands as it is: `jit wait {name}` goes on waiting, `jit cancel {name}` withdraws it");
            Err(Failure::signal(caught.code(), words))
        }
    }
}

impl Cancel {
    pub(super) async fn run(self) -> ExitCode {
        ended(self.cancel().await)
    }

    async fn cancel(&self) -> Result<(), Failure> {
        let connected = self.remote.connect().await?;
        let request = connected.client.cancel(&self.request).await?;
        self.output.show(&request, &format!("{} is withdrawn", request.name));
        connected.leave().await;
        Ok(())
    }
}
