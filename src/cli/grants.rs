//! `jit grants`: what is granted now, and what does not move. Looks into the store alone.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    process::ExitCode,
};

use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{ConfigFile, Names, Output, colour, fail, moment, names, say, who};
use crate::{
    config::{self, ProcessEnvironment},
    domain::{
        access::{Access, AccessState},
        grant::{Grant, GrantState},
        job::Job,
        principal::Principal,
    },
    provider::Receipt,
    store::{Store, StoreError, Tx},
    usecase::stuck::is_stuck,
};

/// List the grants that are not over, and what of them does not move.
///
/// Looks into the store alone, so it may run beside the bot or without it, and needs no secrets. A grant is over when all
/// that it opened is closed, and all that was left behind is cleared away.
///
/// Ends with 0, with 1 when --stuck finds something, and with 2 when the store cannot be read.
#[derive(Debug, Args)]
pub(super) struct Grants {
    #[command(flatten)]
    config: ConfigFile,
    /// Only those whose access does not come or go as it should.
    #[arg(long)]
    stuck: bool,
    /// How to write it.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// A grant with its accesses.
struct Entry {
    grant: Grant,
    accesses: Vec<Line>,
}

/// An access, and how its job stands.
struct Line {
    access: Access,
    failures: u32,
    next: Option<Timestamp>,
}

type Found = (Vec<Entry>, Names);

impl Grants {
    pub(super) async fn run(self) -> ExitCode {
        let url = match config::store_url(&self.config.path, &ProcessEnvironment) {
            Ok(url) => url,
            Err(problems) => {
                eprintln!("{}", problems.render(colour()));
                return ExitCode::from(2);
            }
        };
        let (entries, names) = match self.find(&url).await {
            Ok(found) => found,
            Err(error) => return fail(&format!("there are no grants to read at `{url}`: {error}")),
        };
        say(&match self.output {
            Output::Text => self.text(&entries, &names),
            Output::Json => format!("{:#}\n", Value::Array(entries.iter().map(|it| it.json(&names)).collect())),
        });
        if self.stuck && !entries.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }

    async fn find(&self, url: &str) -> Result<Found, StoreError> {
        let store = Store::open_read_only(url).await?;
        store.check_version().await?;
        let stuck = self.stuck;
        store
            .read(|tx| {
                Box::pin(async move {
                    let mut entries = entries(tx).await?;
                    entries.retain(|entry| !stuck || entry.accesses.iter().any(|line| is_stuck(&line.access)));
                    let holders: BTreeSet<Principal> = entries.iter().map(|entry| entry.grant.holder.clone()).collect();
                    Ok((entries, names(tx, holders).await?))
                })
            })
            .await
    }

    fn text(&self, entries: &[Entry], names: &Names) -> String {
        if entries.is_empty() {
            return if self.stuck { "Nothing is stuck.\n" } else { "Nobody has a grant.\n" }.to_owned();
        }
        entries.iter().map(|entry| format!("{}\n", entry.text(names))).collect::<Vec<_>>().join("\n")
    }
}

async fn entries(tx: &mut Tx) -> Result<Vec<Entry>, StoreError> {
    let grants = tx.unfinished_grants().await?;
    let ids = grants.iter().map(|grant| grant.id).collect();
    let mut accesses: BTreeMap<_, Vec<Line>> = BTreeMap::new();
    for access in tx.accesses_of_all(&ids).await? {
        let line = line(tx, access).await?;
        accesses.entry(line.access.grant).or_default().push(line);
    }
    let entry = |grant: Grant| Entry { accesses: accesses.remove(&grant.id).unwrap_or_default(), grant };
    Ok(grants.into_iter().map(entry).collect())
}

async fn line(tx: &mut Tx, access: Access) -> Result<Line, StoreError> {
    // an access that is where it should be has no job, or one of its grant's next step
    let job = match access.note {
        Some(_) => tx.lookup_job(&Job::ReconcileAccess(access.key.clone())).await?,
        None => None,
    };
    let noted = Receipt(access.receipt.clone()).failures();
    let failures = job.map_or(noted, |job| job.attempts.max(noted));
    Ok(Line { access, failures, next: job.map(|job| job.run_at) })
}

impl Entry {
    fn text(&self, names: &Names) -> String {
        let grant = &self.grant;
        let mut text =
            format!("{}  {} of {}, {}", grant.code.grant(), grant.role, who(&grant.holder, names), stands(grant));
        for line in &self.accesses {
            let access = &line.access;
            let _ = write!(text, "\n  {}: {}: {}", access.key.provider.as_str(), access.key.resource, line.state());
            if let Some(since) = access.stuck_since {
                let _ = write!(text, "\n    STUCK since {}", moment(since));
            }
            if let Some(said) = &access.note {
                let _ = write!(text, "\n    {said}");
                let _ = write!(text, "{}", line.tries().map(|tries| format!("\n    {tries}")).unwrap_or_default());
            }
            if is_stuck(access) {
                let _ = write!(text, "\n    Way out: {}", line.way_out(grant));
            }
        }
        text
    }

    fn json(&self, names: &Names) -> Value {
        let grant = &self.grant;
        json!({
            "grant": grant.code.grant(),
            "grant_id": grant.id,
            "role": grant.role,
            "holder": grant.holder,
            "holder_name": names.get(&grant.holder),
            "state": grant.state.name(),
            "starts_at": grant.starts_at,
            "ends_at": grant.ends_at,
            "targets": self.accesses.iter().map(|line| line.json(grant)).collect::<Vec<_>>(),
        })
    }
}

fn stands(grant: &Grant) -> String {
    let end = moment(grant.ends_at);
    match &grant.state {
        GrantState::Applying => format!("being opened, ends {end}"),
        GrantState::Active { .. } => format!("live, ends {end}"),
        GrantState::Ending { since, .. } => format!("ending since {}, was to end {end}", moment(*since)),
        GrantState::Ended { at, .. } => format!("ended {}", moment(*at)),
        GrantState::Failed { at, .. } => format!("failed {}", moment(*at)),
    }
}

impl Line {
    fn state(&self) -> &'static str {
        match self.access.state {
            AccessState::Wanted => "to be opened",
            AccessState::Applying => "being opened",
            AccessState::Live => "live",
            AccessState::Removing => "being closed",
            AccessState::Gone if self.access.tidy_at.is_some() => "closed, and to be tidied up after",
            AccessState::Gone => "closed",
        }
    }

    /// How often it was tried, and when it is tried next.
    fn tries(&self) -> Option<String> {
        let next = self.next.map(|at| format!("tried next {}", moment(at)));
        match (self.failures, next) {
            (0, next) => next,
            (many, next) => {
                let times = if many == 1 { "once".to_owned() } else { format!("{many} times in a row") };
                Some(format!("failed {times}{}", next.map(|next| format!(", {next}")).unwrap_or_default()))
            }
        }
    }

    fn way_out(&self, grant: &Grant) -> String {
        let retry = "jit goes on trying by itself, and tries at once after \"Retry now\" on the alarm in Slack.";
        match self.access.state {
            AccessState::Removing | AccessState::Gone => format!(
                "mend what is named above, or remove it by hand in the cloud and press \"I removed it by hand\" on the \
                 alarm in Slack: jit then looks whether it is gone. {retry}"
            ),
            AccessState::Wanted | AccessState::Applying | AccessState::Live => {
                format!("mend what is named above. {retry} The grant ends {} in any case.", moment(grant.ends_at))
            }
        }
    }

    fn json(&self, grant: &Grant) -> Value {
        let access = &self.access;
        json!({
            "cloud": access.key.provider.as_str(),
            "resource": access.key.resource,
            "state": access.state.name(),
            "stuck_since": access.stuck_since,
            "last_words": access.note,
            "failures": self.failures,
            "next_try": self.next,
            "way_out": is_stuck(access).then(|| self.way_out(grant)),
        })
    }
}
