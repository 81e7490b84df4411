//! `jit run`: asks, waits, runs a command with what was granted, and gives it back, whatever happens.

use std::{
    ffi::{OsStr, OsString},
    io,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use clap::Args;

use super::{
    end::{Ended, give_back},
    failure::{EXIT_CODES, Ending, Failure},
    moment,
    remote::{Remote, time},
    voice::Voice,
    waiting,
};
use crate::{
    ambient::SystemEntropy,
    api::{self, Gives, Grant},
    client::Client,
    runner::{
        child::{Caught, Child, Signals},
        plan::{Plan, PlanTrouble},
        schedule::Schedule,
        supervise::{Fate, Supervised},
        watch::{Heartbeats, Watch},
    },
};

mod access;
mod asking;
mod ready;
mod words;

/// Run a command with access that ends with it.
///
/// Asks for the role and waits until it is granted, or uses a live grant of it that lasts long enough and that nothing else
/// runs on. The command gets credentials through a container credentials endpoint on this machine, which the SDKs of AWS,
/// and so Terraform, Pulumi and the AWS CLI, ask again before they run out; nothing of it is on disk. Its standard input,
/// output and error are its own, signals are passed on, and its exit code is ours.
///
/// The grant is given back when the command ends, however it ends. Should jit itself be killed, the server hears no more
/// heartbeats and ends the grant within two minutes. When the grant is revoked, or its time is over, the command gets
/// SIGTERM and after --grace SIGKILL.
///
/// Variables AWS_* that say who one was before are removed for the command, and ~/.aws is out of its sight.
///
/// With --plan, people see what the plan adds, changes and destroys, and the command is given a private copy of exactly that
/// plan; anything else is not run.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct Run {
    /// What to ask for; `jit roles` lists what there is.
    #[arg(long)]
    role: String,
    /// For how long; the role's usual time when nobody says.
    #[arg(long = "for", value_name = "TIME", value_parser = time)]
    time: Option<Duration>,
    /// Why.
    #[arg(long, env = "JIT_REASON", value_name = "TEXT")]
    reason: Option<String>,
    /// A Terraform plan that the command names too: it is approved, and it alone is run.
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// What reads the plan (`PROGRAM show -json`); the command's own program when that is terraform or tofu.
    #[arg(long, env = "JIT_TERRAFORM", value_name = "PROGRAM")]
    terraform: Option<OsString>,
    /// When the end comes near, ask for more time, up to so much in all.
    #[arg(long, value_name = "TIME", value_parser = time)]
    extend_up_to: Option<Duration>,
    /// Hand credentials over as environment variables. They are not renewed, so they last an hour at most.
    #[arg(long)]
    env: bool,
    /// Of which of the role's resources, where it opens several.
    #[arg(long, value_name = "ARN")]
    resource: Option<String>,
    /// Leave the command's sight of ~/.aws, or `AWS_CONFIG_FILE` and `AWS_SHARED_CREDENTIALS_FILE`, as it is.
    #[arg(long)]
    keep_profiles: bool,
    /// A command that succeeds once the access can be used. It is tried every 10 seconds for up to 10 minutes: access in
    /// Azure takes that long to be seen everywhere.
    #[arg(long, value_name = "CMD")]
    ready_cmd: Option<String>,
    /// How long the command has to end once the grant is over.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = time)]
    grace: Duration,
    /// Leave the grant to its own end, and do without heartbeats.
    #[arg(long)]
    keep: bool,
    #[command(flatten)]
    remote: Remote,
    /// What to run.
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

/// What is run.
struct Errand {
    command: Vec<OsString>,
    /// The plan that is approved with it, and what it would do.
    plan: Option<(Plan, api::Plan)>,
}

impl Run {
    pub(super) async fn run(self) -> ExitCode {
        let voice = Voice::new();
        let ended = self.story(&voice).await;
        voice.is_done();
        match ended {
            Ok(code) => ExitCode::from(code),
            Err(failure) => failure.report(),
        }
    }

    async fn story(&self, voice: &Voice) -> Result<u8, Failure> {
        let mut signals =
            Signals::catch().map_err(|error| Failure::new(Ending::Usage, format!("no signals: {error}")))?;
        let begin = async { Ok::<_, Failure>((self.errand().await?, self.remote.connect().await?)) };
        let (errand, connected) = tokio::select! {
            begun = begin => begun?,
            caught = signals.next_end() => return Err(Failure::signal(caught.code(), "nothing was asked for")),
        };
        let ended = self.with_grant(&connected.client, &errand, &mut signals, voice).await;
        connected.leave().await;
        ended
    }

    /// Gets a grant, uses it, and gives it back: from the moment it is ours there is no other way out.
    async fn with_grant(
        &self,
        client: &Client,
        errand: &Errand,
        signals: &mut Signals,
        voice: &Voice,
    ) -> Result<u8, Failure> {
        let grant = self.obtain(client, errand, signals, voice).await?;
        let ended = self.use_it(client, &grant, errand, signals, voice).await;
        self.leave(client, &grant, signals, voice).await;
        ended
    }

    async fn errand(&self) -> Result<Errand, Failure> {
        let Some(path) = &self.plan else {
            return Ok(Errand { command: self.command.clone(), plan: None });
        };
        let plan = Plan::take(path, &SystemEntropy).map_err(of_plan)?;
        let command = plan.put_into(&self.command).map_err(of_plan)?;
        let shown = plan.shown(self.reader()).await.map_err(of_plan)?;
        Ok(Errand { command, plan: Some((plan, shown)) })
    }

    /// What reads the plan.
    fn reader(&self) -> &OsStr {
        let own = self.command.first().filter(|program| {
            let name = Path::new(program).file_name().and_then(OsStr::to_str).unwrap_or_default();
            name.starts_with("terraform") || name.starts_with("tofu")
        });
        self.terraform.as_deref().or(own.map(OsString::as_os_str)).unwrap_or(OsStr::new("terraform"))
    }

    /// Runs the command on the grant.
    async fn use_it(
        &self,
        client: &Client,
        grant: &Grant,
        errand: &Errand,
        signals: &mut Signals,
        voice: &Voice,
    ) -> Result<u8, Failure> {
        let heartbeats = if self.keep { Heartbeats::No } else { Heartbeats::Yes };
        let mut watch = Watch::begin(client, grant, heartbeats);
        let access = tokio::select! {
            access = self.open(client, grant, errand) => access?,
            caught = signals.next_end() => return Err(Failure::signal(caught.code(), "the command was not started")),
        };
        if let Some(check) = &self.ready_cmd {
            ready::wait(check, &access, grant, signals, &mut watch, voice).await?;
        }
        voice.says(&waiting::live(grant));
        if let Some((plan, _)) = &errand.plan {
            plan.check().map_err(of_plan)?;
        }
        let child = Child::start(&errand.command, &access.removed, access.added.clone());
        let child = child.map_err(|error| no_start(&errand.command, &error))?;
        let fate = Supervised {
            child,
            grant: grant.clone(),
            vault: access.vault.clone(),
            schedule: Schedule::of(grant.starts_at, grant.ends_at, self.extension(grant)),
            grace: self.grace,
            client: client.clone(),
        };
        let fate = fate.finish(signals, &mut watch, &|notice| voice.says(&words::of(&notice))).await;
        match fate.map_err(|error| Failure::new(Ending::Usage, format!("the command is lost: {error}")))? {
            Fate::Exited(code) => Ok(code),
            Fate::CutOff => Err(Failure::new(
                Ending::CutOff,
                format!("{} of {} was over before the command had ended", grant.name, grant.role),
            )),
        }
    }

    /// How much more to ask for at once, and up to what in all.
    fn extension(&self, grant: &Grant) -> Option<(Duration, Duration)> {
        let whole = Duration::try_from(grant.starts_at.duration_until(grant.ends_at)).ok()?;
        self.extend_up_to.map(|up_to| (self.time.unwrap_or(whole), up_to))
    }

    /// Gives the grant back. Whatever goes wrong with that is said, and changes nothing about how the command ended.
    async fn leave(&self, client: &Client, grant: &Grant, signals: &mut Signals, voice: &Voice) {
        if self.keep {
            return voice.says(&format!("{} is left as it is: it ends {}", grant.name, moment(grant.ends_at)));
        }
        let id = grant.id.to_string();
        let impatient = async {
            // one may be left of those that ended the command, and a terminal that goes says so more than once
            signals.next_end().await;
            voice.says("giving the grant back; Ctrl-C once more leaves without waiting for that");
            loop {
                match signals.next_end().await {
                    Caught::Hangup => {}
                    caught => return caught,
                }
            }
        };
        let ended = tokio::select! {
            biased;
            ended = give_back(client, &id) => ended,
            caught = impatient => Err(Failure::signal(caught.code(), "you did not wait for it")),
        };
        match ended {
            Ok(Ended::Confirmed(ended)) => voice.says(&format!("{} of {} has ended", ended.name, ended.role)),
            Ok(Ended::Unconfirmed(_, words)) => voice.says(&words),
            Err(failure) => voice.says(&format!(
                "{} could not be given back: {}. No heartbeats come any more, so the server ends it within two minutes; \
                 credentials stop working at {} in any case",
                grant.name,
                failure.words(),
                moment(grant.ends_at)
            )),
        }
    }

    /// Whether a role opens something that credentials are claimed for.
    fn gives_credentials(grant: &Grant) -> bool {
        grant.gives.contains(&Gives::Credentials)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "this is what `map_err` hands over")]
fn of_plan(trouble: PlanTrouble) -> Failure {
    let ending = match &trouble {
        PlanTrouble::Changed { .. } => Ending::OtherPlan,
        PlanTrouble::File { .. }
        | PlanTrouble::Unreadable { .. }
        | PlanTrouble::Errored(_)
        | PlanTrouble::NotNamed(_) => Ending::Usage,
    };
    Failure::new(ending, trouble.to_string())
}

/// In the way of shells.
fn no_start(command: &[OsString], error: &io::Error) -> Failure {
    let code = if error.kind() == io::ErrorKind::NotFound { 127 } else { 126 };
    let program = command.first().map(|program| program.to_string_lossy().into_owned()).unwrap_or_default();
    Failure::signal(code, format!("`{program}` cannot be run: {error}"))
}
