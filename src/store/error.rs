//! What can go wrong with the store itself.

/// The store could not do what it was asked to. Nothing of the unit of work was kept.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database said no: a full disk, a lost file, a broken statement.
    #[error("the store failed: {0}")]
    Database(#[from] sqlx::Error),
    /// The tables could not be brought up to date.
    #[error("the store's tables could not be brought up to date: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// The tables are those of another version of the program.
    #[error(
        "its tables are of version {found}, and this jit knows version {known}: use the jit that serves from it. \
         `jit serve` brings an older store up to date when it starts"
    )]
    OtherVersion {
        /// The version of the tables.
        found: i64,
        /// The version that this program knows.
        known: i64,
    },
    /// A row holds what this version cannot read.
    #[error("{table} holds what cannot be read: {what}")]
    Corrupt {
        /// Which table.
        table: &'static str,
        /// What it holds.
        what: String,
    },
    /// A row that must be there is not.
    #[error("no {what} {key}")]
    Missing {
        /// What was looked for.
        what: &'static str,
        /// Under which key.
        key: String,
    },
    /// A guarded update met another state than the one it was meant for.
    #[error("{what} {key} was changed by somebody else")]
    Changed {
        /// What was to be changed.
        what: &'static str,
        /// Under which key.
        key: String,
    },
    /// Something happened to a thing that cannot happen in its state.
    #[error(transparent)]
    IllegalTransition(#[from] crate::domain::request::IllegalTransition),
    /// Another unit of work in the same commit broke the transaction.
    #[error("the commit this was part of failed: {0}")]
    CommitFailed(String),
    /// The bot is shutting down.
    #[error("the store is closed")]
    Closed,
    /// The work panicked.
    #[error("a unit of work panicked")]
    Panicked,
}

impl StoreError {
    /// A row that cannot be read.
    pub(super) fn corrupt(table: &'static str, what: impl std::fmt::Display) -> Self {
        Self::Corrupt { table, what: what.to_string() }
    }
}
