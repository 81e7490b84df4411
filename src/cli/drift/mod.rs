//! `jit drift`: whether the clouds have what the grants say, beside a running bot or without one.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    process::ExitCode,
    time::Duration,
};

use clap::Args;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{ConfigFile, Names, Output, colour, fail, names, say, wiring};
use crate::{
    app,
    config::{self, Config, ProcessEnvironment},
    domain::{audit::Actor, time::parse_duration},
    job::{
        JobError,
        drift::{self, Followed, Plan},
    },
    store::{Reader, Store, StoreError},
};

mod json;
mod text;

/// Compare what the clouds have with what the grants say.
///
/// Prints what exists without a live grant and was made by jit, what is missing though granted, and what somebody else has
/// given on the same accounts, groups, users and roles; and how many calls it took to find out. What somebody else has
/// given is never touched. Nothing is changed without --apply.
///
/// May run beside a bot that serves from the same store, or without one. It takes on nothing that the bot has begun: with
/// --apply, the two share by leases what has to be done, and whatever is not done when this command ends is left to the
/// bot, or to its next start. It needs the same configuration, secrets and AWS credentials as the bot.
///
/// Ends with 0 when all is in order or mended, with 1 when there are differences or something could not be mended, and
/// with 2 when a cloud could not be asked about everything. Access that somebody else has given is no difference.
#[derive(Debug, Args)]
pub(super) struct Drift {
    #[command(flatten)]
    config: ConfigFile,
    /// Remove what is there without a live grant, and give again what is missing.
    #[arg(long)]
    apply: bool,
    /// How long to wait until the clouds have confirmed what --apply does.
    #[arg(long, value_name = "TIME", default_value = "2m", requires = "apply", value_parser = wait)]
    wait: Duration,
    /// How to write it.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// All there is to say.
struct Report {
    plan: Plan,
    /// What became of the differences, once they were to be mended.
    mended: Option<Vec<Followed>>,
    /// Who the holders are.
    names: Names,
}

/// What stood in the way of a report.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Start(#[from] app::StartError),
    #[error("the store failed: {0}")]
    Store(#[from] StoreError),
    #[error("{0}")]
    Job(#[from] JobError),
    #[error("there is no store to compare with at `{url}`: {error}")]
    NoStore { url: String, error: StoreError },
}

fn wait(text: &str) -> Result<Duration, &'static str> {
    parse_duration(text).ok_or("write a whole number with its unit, such as 30s")
}

impl Drift {
    pub(super) async fn run(self) -> ExitCode {
        let config = match config::load(&self.config.path, &ProcessEnvironment) {
            Ok(config) => config,
            Err(problems) => {
                eprintln!("{}", problems.render(colour()));
                return ExitCode::from(2);
            }
        };
        let report = if self.apply { mend(&config, self.wait).await } else { look(&config).await };
        match report {
            Ok(report) => {
                say(&match self.output {
                    Output::Text => text::text(&report),
                    Output::Json => format!("{:#}\n", json::json(&report)),
                });
                report.code()
            }
            Err(trouble) => fail(&trouble.to_string()),
        }
    }
}

/// Only looks, and opens the store for reading alone.
async fn look(config: &Config) -> Result<Report, Trouble> {
    let wiring = wiring();
    let url = config.store_url.clone();
    let no_store = |error| Trouble::NoStore { url: url.clone(), error };
    let store = Store::open_read_only(&url).await.map_err(no_store)?;
    store.check_version().await.map_err(no_store)?;
    let tools = Box::pin(app::tools(config, &wiring)).await?;
    let plan = Box::pin(drift::plan(&store, &tools, || wiring.clock.now())).await?;
    Report::of(plan, None, &store).await
}

async fn mend(config: &Config, patience: Duration) -> Result<Report, Trouble> {
    let ctx = Box::pin(app::beside(config, &wiring())).await?;
    let store = ctx.store.reader();
    let tools = ctx.tools.load_full();
    let plan = Box::pin(drift::plan(&store, &tools, || ctx.clock.now())).await?;
    let begun = drift::apply(&ctx, plan.clone(), Actor::Operator).await?;
    let mended = Box::pin(drift::follow(&ctx, &begun, patience)).await?;
    let report = Report::of(plan, Some(mended), &store).await;
    ctx.store.close().await;
    nudge(config.server.listen).await;
    report
}

/// Has a bot that runs here look into its store again: there is something to tell in Slack, and perhaps to go on with.
/// Without one there is nobody to hear it.
async fn nudge(listen: SocketAddr) {
    let here = if listen.is_ipv6() { IpAddr::from(Ipv6Addr::LOCALHOST) } else { IpAddr::from(Ipv4Addr::LOCALHOST) };
    let ip = if listen.ip().is_unspecified() { here } else { listen.ip() };
    let ask = async {
        let mut bot = TcpStream::connect((ip, listen.port())).await?;
        bot.write_all(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await?;
        bot.read(&mut [0; 64]).await
    };
    let _whether_or_not_anybody_hears = tokio::time::timeout(Duration::from_secs(5), ask).await;
}

impl Report {
    async fn of(plan: Plan, mended: Option<Vec<Followed>>, store: &Reader) -> Result<Self, Trouble> {
        let holders = plan.lingering.iter().chain(&plan.missing).map(|held| held.grant.holder.clone()).collect();
        let names = store.read(|tx| Box::pin(async move { names(tx, holders).await })).await?;
        Ok(Self { plan, mended, names })
    }

    /// Whether nothing is left to be done, as far as is known.
    fn is_in_order(&self) -> bool {
        match &self.mended {
            None => self.plan.differences() == 0,
            Some(mended) => mended.iter().all(|it| it.fate.is_final()),
        }
    }

    fn code(&self) -> ExitCode {
        match (self.plan.unanswered.is_empty(), self.is_in_order()) {
            (false, _) => ExitCode::from(2),
            (true, false) => ExitCode::FAILURE,
            (true, true) => ExitCode::SUCCESS,
        }
    }
}
