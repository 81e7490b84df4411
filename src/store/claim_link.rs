//! Links to claim credentials with. Only the hash of a link's token is kept.

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::{
    StoreError, Tx,
    row::{id, micros, moment, moment_or_none, unknown},
};
use crate::domain::{audit::Purpose, ids::AccessId, principal::Principal};

/// A link that lets its bearer claim credentials once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimLink {
    /// What it opens.
    pub access: AccessId,
    /// Who asked for it.
    pub holder: Principal,
    /// In what form the credentials are handed over.
    pub purpose: Purpose,
    /// Not usable from then on.
    pub expires_at: Timestamp,
    /// When it was used.
    pub used_at: Option<Timestamp>,
}

impl Tx {
    /// Keeps a link under the hash of its token.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn insert_claim_link(&mut self, token: &str, link: &ClaimLink) -> Result<(), StoreError> {
        sqlx::query(
            "insert into claim_link (token_hash, access_id, holder, purpose, expires_at) values ($1, $2, $3, $4, $5)",
        )
        .bind(hash(token))
        .bind(link.access.to_string())
        .bind(link.holder.to_string())
        .bind(purpose_name(link.purpose))
        .bind(micros(link.expires_at))
        .execute(&mut *self.conn)
        .await?;
        Ok(())
    }

    /// The link with this token, if there is one.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn lookup_claim_link(&mut self, token: &str) -> Result<Option<ClaimLink>, StoreError> {
        let row: Option<(String, String, String, i64, Option<i64>)> = sqlx::query_as(
            "select access_id, holder, purpose, expires_at, used_at from claim_link where token_hash = $1",
        )
        .bind(hash(token))
        .fetch_optional(&mut *self.conn)
        .await?;
        row.map(|(access, holder, purpose, expires_at, used_at)| {
            Ok(ClaimLink {
                access: id("claim_link", &access)?,
                holder: holder.into(),
                purpose: match purpose.as_str() {
                    "shell" => Purpose::Shell,
                    "console" => Purpose::Console,
                    "program" => Purpose::Program,
                    other => return Err(unknown("claim_link", other)),
                },
                expires_at: moment("claim_link", expires_at)?,
                used_at: moment_or_none("claim_link", used_at)?,
            })
        })
        .transpose()
    }

    /// Uses a link up. Answers `false` when somebody was faster or it is too old.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn spend_claim_link(&mut self, token: &str, now: Timestamp) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "update claim_link set used_at = $2 where token_hash = $1 and used_at is null and expires_at > $2",
        )
        .bind(hash(token))
        .bind(micros(now))
        .execute(&mut *self.conn)
        .await?;
        Ok(done.rows_affected() == 1)
    }
}

fn purpose_name(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Shell => "shell",
        Purpose::Console => "console",
        Purpose::Program => "program",
    }
}

/// Tokens have 256 random bits, so a plain hash is enough: there is nothing to guess.
fn hash(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}
