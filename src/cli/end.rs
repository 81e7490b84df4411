//! `jit end` and `jit extend`

use std::{process::ExitCode, time::Duration};

use clap::Args;

use super::{
    Output,
    failure::{EXIT_CODES, Ending, Failure, ended},
    moment,
    remote::Remote,
    request::{show, unless_interrupted},
    voice::Voice,
    waiting::{self, Until},
};
use crate::{
    api::{DurationAsk, ExtendAsk, Grant, GrantState, ProblemCode, RequestState},
    client::Client,
};

/// How long to wait for the cloud's word that something is closed.
const CONFIRMED_WITHIN: Duration = Duration::from_secs(10);

/// Give a grant back before its time.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct End {
    /// The grant, such as GRANT-7K3M.
    grant: String,
    #[command(flatten)]
    remote: Remote,
    /// How to write the result.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Ask for more time: the same grant, ending later, decided like one long request.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct Extend {
    /// The grant, such as GRANT-7K3M.
    grant: String,
    /// How much longer, such as 30m.
    time: String,
    /// Why; the grant's own reason when nobody says.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Do not wait for the decision. Ends with 19: it is not granted yet.
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    remote: Remote,
    /// How to write the result.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// What came of giving a grant back.
pub(super) enum Ended {
    /// The cloud has confirmed that it is closed.
    Confirmed(Grant),
    /// It has not yet, and the words for it.
    Unconfirmed(Grant, String),
}

/// Gives a grant back, and waits a little for the cloud's word.
pub(super) async fn give_back(client: &Client, id: &str) -> Result<Ended, Failure> {
    let mut grant = match client.end(id).await {
        Err(trouble) if is_late(trouble.code()) => client.grant(id).await?,
        ended => ended?,
    };
    if !is_closed(&grant) && !grant.stuck {
        let still = [GrantState::Applying, GrantState::Active, GrantState::Ending];
        grant = client.grant_after(id, &still, CONFIRMED_WITHIN).await?;
    }
    if is_closed(&grant) {
        return Ok(Ended::Confirmed(grant));
    }
    let why = grant.why.as_deref().map(|why| format!(" ({why})")).unwrap_or_default();
    let words = format!(
        "{} is given back, and the cloud has not confirmed yet that it is closed{why}. jit goes on trying and raises an \
         alarm in Slack; what has an end of its own in the cloud stops at {}. `jit status {0}` says how it stands",
        grant.name,
        moment(grant.ends_at)
    );
    Ok(Ended::Unconfirmed(grant, words))
}

/// Whether the server says that what is to be ended is over, or about to be.
pub(super) fn is_late(code: Option<ProblemCode>) -> bool {
    matches!(code, Some(ProblemCode::Conflict | ProblemCode::GrantNotActive))
}

fn is_closed(grant: &Grant) -> bool {
    match grant.state {
        GrantState::Ended | GrantState::Failed => true,
        GrantState::Applying | GrantState::Active | GrantState::Ending => false,
    }
}

impl End {
    pub(super) async fn run(self) -> ExitCode {
        ended(self.end().await)
    }

    async fn end(&self) -> Result<(), Failure> {
        let connected = self.remote.connect().await?;
        let ended = give_back(&connected.client, &self.grant).await?;
        connected.leave().await;
        let (grant, words) = match ended {
            Ended::Confirmed(grant) => {
                let words = format!("{} of {} has ended", grant.name, grant.role);
                (grant, words)
            }
            Ended::Unconfirmed(grant, words) => (grant, words),
        };
        self.output.show(&grant, &words);
        Ok(())
    }
}

impl Extend {
    pub(super) async fn run(self) -> ExitCode {
        ended(self.extend().await)
    }

    async fn extend(&self) -> Result<(), Failure> {
        let connected = self.remote.connect().await?;
        let (client, voice) = (&connected.client, Voice::new());
        let ask = ExtendAsk { duration: DurationAsk::Text(self.time.clone()), reason: self.reason.clone() };
        let request = client.extend(&self.grant, &ask).await?;
        voice.says(&waiting::asked(&request));
        if self.no_wait && request.state == RequestState::Awaiting {
            show(self.output, &request, None);
            return Err(Failure::new(Ending::NoAccessYet, waiting::undecided(&request)));
        }
        let wait = waiting::for_decision(client, request.clone(), Until::Decided, &voice);
        let request = unless_interrupted(&request, &voice, wait).await?;
        let grant = client.grant(&self.grant).await?;
        show(self.output, &request, Some(&grant));
        connected.leave().await;
        Ok(())
    }
}
