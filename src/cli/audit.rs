//! `jit audit`: reads the trail beside a running bot, or without one.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::{Args, Subcommand, ValueEnum};
use jiff::{Timestamp, civil::Date, tz::TimeZone};

use super::{ConfigFile, colour, fail};
use crate::{
    ambient::{Clock, SystemClock},
    config::{self, ProcessEnvironment},
    domain::{
        audit::{Broken, Event, Fact, Verifier},
        time::parse_duration,
    },
    store::{Chain, Reader, Store, StoreError, Tx},
};

/// How many events are read at once.
const PAGE: u32 = 500;

/// Read and verify the audit trail.
#[derive(Debug, Subcommand)]
pub(super) enum Audit {
    /// Print the trail, oldest event first.
    Export(Export),
    /// Recompute the chain and name the first event that is not as it was written.
    ///
    /// Ends with 0 when the trail is sound, with 1 when it is not.
    Verify(Verify),
}

#[derive(Debug, Args)]
pub(super) struct Export {
    #[command(flatten)]
    config: ConfigFile,
    /// Leave out what is older: `2026-11-21`, `2026-11-21T12:00:00Z`, or a time ago such as `24h`.
    #[arg(long, value_parser = since)]
    since: Option<Timestamp>,
    /// How to write it.
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// One JSON object a line.
    Jsonl,
    /// A table for spreadsheets.
    Csv,
}

#[derive(Debug, Args)]
pub(super) struct Verify {
    #[command(flatten)]
    config: ConfigFile,
    /// A seal from a line in the audit channel, such as `12:3fa9c1d2`: that event must still carry this hash.
    #[arg(long, value_name = "SEQ:HASH")]
    seal: Vec<String>,
}

impl Audit {
    pub(super) async fn run(self) -> ExitCode {
        match self {
            Self::Export(export) => export.run().await,
            Self::Verify(verify) => verify.run().await,
        }
    }
}

fn since(text: &str) -> Result<Timestamp, String> {
    let date = || text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    let ago = || parse_duration(text).map(|ago| SystemClock.now() - ago);
    let moment = text.parse().ok().or_else(date).or_else(ago);
    moment.ok_or_else(|| "write a day, a moment in UTC, or a time ago such as 24h".to_owned())
}

async fn open(config: &ConfigFile) -> Result<Reader, ExitCode> {
    let url = config::store_url(&config.path, &ProcessEnvironment).map_err(|problems| {
        eprintln!("{}", problems.render(colour()));
        ExitCode::from(2)
    })?;
    Store::open_read_only(&url).await.map_err(|error| fail(&format!("there is no trail to read at `{url}`: {error}")))
}

impl Export {
    async fn run(self) -> ExitCode {
        let reader = match open(&self.config).await {
            Ok(reader) => reader,
            Err(code) => return code,
        };
        match self.write(&reader, io::stdout().lock()).await {
            Ok(()) => ExitCode::SUCCESS,
            // Whoever reads has seen enough.
            Err(Trouble::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
            Err(trouble) => fail(&format!("the trail could not be exported: {trouble}")),
        }
    }

    async fn write(&self, reader: &Reader, out: impl Write) -> Result<(), Trouble> {
        let since = self.since;
        let mut place = match since {
            Some(since) => reader.read(move |tx| Box::pin(async move { tx.place_before(since).await })).await?,
            None => 0,
        };
        let mut sheet = Sheet::new(self.format, out)?;
        loop {
            let events = reader.read(move |tx| Box::pin(async move { tx.events_after(place, PAGE).await })).await?;
            let Some(last) = events.last() else {
                return sheet.finish();
            };
            place = last.seq;
            for event in events.iter().filter(|event| since.is_none_or(|since| event.at >= since.as_microsecond())) {
                sheet.row(event)?;
            }
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Output(#[from] io::Error),
}

/// Writes events one by one.
enum Sheet<W: Write> {
    Jsonl(io::BufWriter<W>),
    Csv(Box<csv::Writer<W>>),
}

const COLUMNS: [&str; 11] =
    ["seq", "at", "actor", "kind", "code", "requester", "role", "request_id", "grant_id", "fact", "hash"];

impl<W: Write> Sheet<W> {
    fn new(format: Format, out: W) -> Result<Self, Trouble> {
        Ok(match format {
            Format::Jsonl => Self::Jsonl(io::BufWriter::new(out)),
            Format::Csv => {
                let mut writer = csv::Writer::from_writer(out);
                writer.write_record(COLUMNS).map_err(io::Error::from)?;
                Self::Csv(Box::new(writer))
            }
        })
    }

    fn row(&mut self, event: &Event) -> Result<(), Trouble> {
        let at = Timestamp::from_microsecond(event.at).map(|at| at.to_string()).unwrap_or_default();
        match self {
            Self::Jsonl(out) => {
                let fact: serde_json::Value = serde_json::from_str(&event.fact).unwrap_or_default();
                let line = serde_json::json!({
                    "seq": event.seq, "at": at, "actor": event.actor, "kind": event.kind,
                    "request_id": event.request_id, "grant_id": event.grant_id, "fact": fact,
                    "prev": event.prev, "hash": event.hash,
                });
                writeln!(out, "{line}")?;
            }
            Self::Csv(out) => {
                let fact: Option<Fact> = serde_json::from_str(&event.fact).ok();
                let subject = fact.as_ref().and_then(Fact::subject);
                let or_empty = |text: Option<&str>| text.unwrap_or_default().to_owned();
                let cells = [
                    event.seq.to_string(),
                    at,
                    event.actor.clone(),
                    event.kind.clone(),
                    or_empty(subject.map(|about| about.code.as_str())),
                    subject.map(|about| about.requester.to_string()).unwrap_or_default(),
                    or_empty(subject.map(|about| about.role.as_str())),
                    or_empty(event.request_id.as_deref()),
                    or_empty(event.grant_id.as_deref()),
                    event.fact.clone(),
                    event.hash.clone(),
                ];
                out.write_record(cells).map_err(io::Error::from)?;
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<(), Trouble> {
        match self {
            Self::Jsonl(mut out) => out.flush()?,
            Self::Csv(mut out) => out.flush()?,
        }
        Ok(())
    }
}

/// A place in the trail and the beginning of the hash that was seen there.
type Seal = (i64, String);

impl Verify {
    async fn run(self) -> ExitCode {
        let read =
            |seal: &String| seal.split_once(':').and_then(|(seq, hash)| Some((seq.parse().ok()?, hash.to_owned())));
        let seals: Option<Vec<Seal>> = self.seal.iter().map(read).collect();
        let Some(seals) = seals else {
            return fail("a seal is written SEQ:HASH, as the lines in the audit channel end: `12:3fa9c1d2`");
        };
        let reader = match open(&self.config).await {
            Ok(reader) => reader,
            Err(code) => return code,
        };
        match verify(&reader, seals).await {
            Ok(Ok(head)) => {
                println!("The trail is sound: {} events, the last one with hash {}.", head.seq, head.hash);
                ExitCode::SUCCESS
            }
            Ok(Err(broken)) => {
                eprintln!("The trail is broken: {broken}.");
                ExitCode::FAILURE
            }
            Err(error) => fail(&format!("the trail could not be read: {error}")),
        }
    }
}

/// Walks the whole trail on one view of the store, so that a running bot does not look like a forger.
async fn verify(reader: &Reader, seals: Vec<Seal>) -> Result<Result<Chain, Broken>, StoreError> {
    reader.read(|tx| Box::pin(async move { walk(tx, &seals).await })).await
}

async fn walk(tx: &mut Tx, seals: &[Seal]) -> Result<Result<Chain, Broken>, StoreError> {
    let head = tx.audit_head().await?;
    let mut verifier = Verifier::default();
    // Starts below every possible place, so that an event inserted before the first is seen too.
    let mut place = i64::MIN;
    loop {
        let events = tx.events_after(place, PAGE).await?;
        let Some(last) = events.last() else { break };
        place = last.seq;
        for event in &events {
            if let Err(broken) = verifier.check(event) {
                return Ok(Err(broken));
            }
            if seals.iter().any(|(seq, hash)| *seq == event.seq && !event.hash.starts_with(hash)) {
                return Ok(Err(Broken::OtherHead { seq: event.seq }));
            }
        }
    }
    let last = verifier.head().0;
    if let Some((seq, _)) = seals.iter().find(|(seq, _)| *seq > last) {
        return Ok(Err(Broken::Truncated { expected: last + 1, last, head: *seq }));
    }
    Ok(verifier.finish(head.seq, &head.hash).map(|()| head))
}
