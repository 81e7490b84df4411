//! The only place that knows SQL.
//!
//! All writes go through one connection and are committed in groups: a handler's change, its audit event and the jobs
//! it causes are one savepoint, and the caller hears of success only after the commit that made it durable.

use std::{path::PathBuf, str::FromStr, sync::Arc, time::Duration};

use futures::future::BoxFuture;
use sqlx::{
    Sqlite, SqlitePool,
    migrate::Migrator,
    pool::PoolConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
mod access;
mod agenda;
mod audit;
mod bell;
mod call;
mod card;
mod card_copy;
mod claim_link;
mod delivery;
mod error;
mod feed;
mod grant;
mod job;
mod pending;
mod people;
mod request;
mod row;
mod session;
mod sweep;
mod writer;

pub use access::{Occupancy, OpenTarget};
pub use agenda::{Agenda, Outlook};
pub use audit::Chain;
pub use bell::{Bell, Listener};
pub use call::Call;
pub use card::{Card, CardKind};
pub use card_copy::CardCopy;
pub use claim_link::ClaimLink;
pub use error::StoreError;
pub use feed::Feed;
pub use job::Standing;

/// A unit of work on the store: reads and writes that see each other and are kept or lost together.
#[derive(Debug)]
pub struct Tx {
    conn: PoolConnection<Sqlite>,
    /// What is added when the unit ends, and what follows from the commit.
    pending: pending::Pending,
    /// What SQLite called the state of the file that another process last wrote.
    version: Option<i64>,
}

impl Tx {
    fn new(conn: PoolConnection<Sqlite>) -> Self {
        Self { conn, pending: pending::Pending::default(), version: None }
    }
}

/// The store: SQLite in one file, in WAL mode, with every commit on disk before it is answered.
#[derive(Debug, Clone)]
pub struct Store {
    writer: writer::Writer,
    readers: SqlitePool,
    agenda: Arc<Agenda>,
    bell: Arc<Bell>,
}

/// How the tables came to be as they are.
static TABLES: Migrator = sqlx::migrate!("migrations/sqlite");

/// How many reads may run beside each other.
const READERS: u32 = 4;

impl Store {
    /// Opens the store at a URL such as `sqlite:jit.db`, makes it if it is missing, and brings its tables up to date.
    ///
    /// # Errors
    /// When the file cannot be opened or the migrations fail.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        let options = options(url)?.create_if_missing(true);
        let one = SqlitePoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None);
        let pool = one.connect_with(options.clone()).await?;
        TABLES.run(&pool).await?;
        Self::start(pool, options).await
    }

    /// Opens an existing store beside a running bot, to read and to write. Its tables are taken as they are.
    ///
    /// # Errors
    /// When there is no such file, it is not a store, or its tables are those of another version.
    pub async fn open_beside(url: &str) -> Result<Self, StoreError> {
        let options = options(url)?.create_if_missing(false);
        let one = SqlitePoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None);
        let pool = one.connect_with(options.clone()).await?;
        Self::start(pool, options).await
    }

    async fn start(pool: SqlitePool, options: SqliteConnectOptions) -> Result<Self, StoreError> {
        let readers = SqlitePoolOptions::new().max_connections(READERS).connect_with(options.read_only(true)).await?;
        Reader(readers.clone()).check_version().await?;
        let (agenda, bell) = (Arc::new(Agenda::default()), Arc::new(Bell::default()));
        let tx = Tx::new(pool.acquire().await?);
        Ok(Self { writer: writer::Writer::start(tx, agenda.clone(), bell.clone()), readers, agenda, bell })
    }

    /// Opens an existing store for reading alone, beside a running bot.
    ///
    /// # Errors
    /// When there is no such file, or it is not a store.
    pub async fn open_read_only(url: &str) -> Result<Reader, StoreError> {
        let options = options(url)?.read_only(true);
        Ok(Reader(SqlitePoolOptions::new().max_connections(1).connect_with(options).await?))
    }

    /// Runs `work` as one unit and answers once it is on disk. Its error, or a panic in it, undoes all of it.
    ///
    /// # Errors
    /// When the work fails, or when it could not be made durable.
    pub async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, StoreError>> + Send + 'static,
    {
        self.writer.run(work).await
    }

    /// Runs `work` on one consistent view of the store.
    ///
    /// # Errors
    /// When the work fails.
    pub async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, StoreError>>,
    {
        // Boxed: callers that have read and now wait, thousands of them, keep no room for it.
        Box::pin(read(&self.readers, work)).await
    }

    /// The same store, for whoever only reads.
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader(self.readers.clone())
    }

    /// What is due next, for whoever does jobs. Each write sees to it that it is complete.
    #[must_use]
    pub fn agenda(&self) -> Arc<Agenda> {
        self.agenda.clone()
    }

    /// Tells of news. Each write rings it once it is on disk.
    #[must_use]
    pub fn bell(&self) -> Arc<Bell> {
        self.bell.clone()
    }

    /// Answers what was handed in, then closes the files.
    pub async fn close(&self) {
        self.writer.close().await;
        self.readers.close().await;
    }
}

/// A store that is only read.
#[derive(Debug, Clone)]
pub struct Reader(SqlitePool);

impl Reader {
    /// Makes sure that the tables are those that this version of the program knows.
    ///
    /// # Errors
    /// When they are not, or the store fails.
    pub async fn check_version(&self) -> Result<(), StoreError> {
        let newest: Option<i64> =
            sqlx::query_scalar("select max(version) from _sqlx_migrations where success").fetch_one(&self.0).await?;
        let (found, known) = (newest.unwrap_or_default(), TABLES.iter().map(|it| it.version).max().unwrap_or_default());
        if found == known { Ok(()) } else { Err(StoreError::OtherVersion { found, known }) }
    }

    /// Runs `work` on one consistent view of the store.
    ///
    /// # Errors
    /// When the work fails.
    pub async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, StoreError>>,
    {
        read(&self.0, work).await
    }
}

async fn read<T, F>(pool: &SqlitePool, work: F) -> Result<T, StoreError>
where
    F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, StoreError>>,
{
    let mut looking = Looking { tx: Tx::new(pool.acquire().await?), is_over: false };
    let tx = &mut looking.tx;
    sqlx::query("begin").execute(&mut *tx.conn).await?;
    let outcome = work(tx).await;
    debug_assert!(tx.pending.is_empty(), "a read adds nothing");
    looking.is_over = sqlx::query("rollback").execute(&mut *tx.conn).await.is_ok();
    outcome
}

/// A read under way. It may be dropped at any point, when whoever asked has gone away; its open transaction must not reach
/// the next who reads, so the connection goes with it.
struct Looking {
    tx: Tx,
    is_over: bool,
}

impl Drop for Looking {
    fn drop(&mut self) {
        if !self.is_over {
            self.tx.conn.close_on_drop();
        }
    }
}

/// `synchronous=FULL`: an answer that was given survives a power cut.
fn options(url: &str) -> Result<SqliteConnectOptions, StoreError> {
    Ok(SqliteConnectOptions::from_str(url)?
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(2))
        .foreign_keys(true))
}

/// The file behind a store's URL, if it is one.
#[must_use]
pub fn file_of(url: &str) -> Option<PathBuf> {
    let options = SqliteConnectOptions::from_str(url).ok()?;
    Some(options.get_filename().to_owned())
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn whoever_goes_away_in_the_middle_of_a_read_leaves_nothing_to_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&format!("sqlite:{}", folder.path().join("jit.db").display())).await.unwrap();
        for _ in 0..READERS {
            let (says, begun) = oneshot::channel();
            let read = store.read(move |_tx| {
                says.send(()).unwrap();
                std::future::pending::<Result<(), StoreError>>().boxed()
            });
            tokio::select! {
                _ = read => panic!("it never ends"),
                begun = begun => begun.unwrap(),
            }
        }
        for _ in 0..READERS {
            let events = store.read(|tx| async move { tx.events_after(0, 1).await }.boxed()).await.unwrap();
            assert!(events.is_empty());
        }
        store.close().await;
    }
}
