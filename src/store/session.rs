//! Sessions of the API and the logins they begin with. Only the hashes of their tokens are kept.

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::{
    StoreError, Tx,
    row::{changed_one, from_json, id, json, micros, moment, moment_or_none, unknown},
};
use crate::domain::{
    ids::{Code, LoginId, SessionId, UserId},
    principal::Principal,
    session::{Login, LoginState, Session},
};

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    principal: String,
    machine: String,
    place: String,
    created_at: i64,
    expires_at: i64,
    revoked_at: Option<i64>,
    origin: Option<String>,
}

#[derive(sqlx::FromRow)]
struct LoginRow {
    id: String,
    code: String,
    machine: String,
    user_name: Option<String>,
    place: String,
    created_at: i64,
    expires_at: i64,
    state: String,
    person: Option<String>,
}

const SESSION: &str = "select id, principal, machine, place, created_at, expires_at, revoked_at, origin from session";

impl Tx {
    /// Keeps a new session under the hash of its token.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn insert_session(&mut self, token: &str, session: &Session) -> Result<(), StoreError> {
        sqlx::query(
            "insert into session (id, token_hash, principal, machine, place, created_at, expires_at, origin)
             values ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(session.id.to_string())
        .bind(hash(token))
        .bind(session.principal.to_string())
        .bind(&session.machine)
        .bind(&session.place)
        .bind(micros(session.created_at))
        .bind(micros(session.expires_at))
        .bind(session.origin.as_ref().map(|origin| json("session", origin)).transpose()?)
        .execute(&mut *self.conn)
        .await?;
        Ok(())
    }

    /// The session with this token, whether or not it can still be used.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn lookup_session(&mut self, token: &str) -> Result<Option<Session>, StoreError> {
        let row: Option<Row> = sqlx::query_as(sqlx::AssertSqlSafe(format!("{SESSION} where token_hash = $1")))
            .bind(hash(token))
            .fetch_optional(&mut *self.conn)
            .await?;
        row.map(Row::read).transpose()
    }

    /// The session with this id.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn lookup_session_by_id(&mut self, session: SessionId) -> Result<Option<Session>, StoreError> {
        let row: Option<Row> = sqlx::query_as(sqlx::AssertSqlSafe(format!("{SESSION} where id = $1")))
            .bind(session.to_string())
            .fetch_optional(&mut *self.conn)
            .await?;
        row.map(Row::read).transpose()
    }

    /// The sessions of somebody that can be used at `now`, oldest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn live_sessions_of(&mut self, who: &Principal, now: Timestamp) -> Result<Vec<Session>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
            "{SESSION} where principal = $1 and expires_at > $2 and revoked_at is null order by created_at, id"
        )))
        .bind(who.to_string())
        .bind(micros(now))
        .fetch_all(&mut *self.conn)
        .await?;
        rows.into_iter().map(Row::read).collect()
    }

    /// Ends a session. Answers `false` when it was ended before.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn revoke_session(&mut self, session: SessionId, now: Timestamp) -> Result<bool, StoreError> {
        let done = sqlx::query("update session set revoked_at = $2 where id = $1 and revoked_at is null")
            .bind(session.to_string())
            .bind(micros(now))
            .execute(&mut *self.conn)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Keeps a new login under the hash of the token by which it is asked about.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn insert_login(&mut self, poll_token: &str, login: &Login) -> Result<(), StoreError> {
        sqlx::query(
            "insert into login (id, code, poll_hash, machine, user_name, place, created_at, expires_at, state)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(login.id.to_string())
        .bind(login.code.as_str())
        .bind(hash(poll_token))
        .bind(&login.machine)
        .bind(&login.user)
        .bind(&login.place)
        .bind(micros(login.created_at))
        .bind(micros(login.expires_at))
        .bind(login.state.name())
        .execute(&mut *self.conn)
        .await?;
        Ok(())
    }

    /// The login with this id, for whoever has the token to ask about it.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn lookup_login(&mut self, login: LoginId, poll_token: &str) -> Result<Option<Login>, StoreError> {
        let row: Option<LoginRow> = sqlx::query_as("select * from login where id = $1 and poll_hash = $2")
            .bind(login.to_string())
            .bind(hash(poll_token))
            .fetch_optional(&mut *self.conn)
            .await?;
        row.map(LoginRow::read).transpose()
    }

    /// The login with this id, for a button that carries it.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn lookup_login_by_id(&mut self, login: LoginId) -> Result<Option<Login>, StoreError> {
        let row: Option<LoginRow> = sqlx::query_as("select * from login where id = $1")
            .bind(login.to_string())
            .fetch_optional(&mut *self.conn)
            .await?;
        row.map(LoginRow::read).transpose()
    }

    /// The login with this code.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn lookup_login_by_code(&mut self, code: &Code) -> Result<Option<Login>, StoreError> {
        let row: Option<LoginRow> = sqlx::query_as("select * from login where code = $1")
            .bind(code.as_str())
            .fetch_optional(&mut *self.conn)
            .await?;
        row.map(LoginRow::read).transpose()
    }

    /// Moves a login from the state it was read in to the next, and tells whoever waits for that.
    ///
    /// # Errors
    /// When it is in another state by now, or the store fails.
    pub async fn move_login(&mut self, login: &Login, to: &LoginState) -> Result<(), StoreError> {
        let done = sqlx::query("update login set state = $3, person = $4 where id = $1 and state = $2")
            .bind(login.id.to_string())
            .bind(login.state.name())
            .bind(to.name())
            .bind(to.by().map(UserId::as_str))
            .execute(&mut *self.conn)
            .await?;
        self.pending.news.push(login.id.0);
        changed_one(done.rows_affected(), "login", login.id)
    }
}

impl Row {
    fn read(self) -> Result<Session, StoreError> {
        Ok(Session {
            id: id("session", &self.id)?,
            principal: self.principal.into(),
            machine: self.machine,
            place: self.place,
            created_at: moment("session", self.created_at)?,
            expires_at: moment("session", self.expires_at)?,
            revoked_at: moment_or_none("session", self.revoked_at)?,
            origin: self.origin.as_deref().map(|origin| from_json("session", origin)).transpose()?,
        })
    }
}

impl LoginRow {
    fn read(self) -> Result<Login, StoreError> {
        let by = || UserId(self.person.clone().unwrap_or_default());
        let state = match self.state.as_str() {
            "waiting" => LoginState::Waiting,
            "asked" => LoginState::Asked { by: by() },
            "confirmed" => LoginState::Confirmed { by: by() },
            "refused" => LoginState::Refused { by: by() },
            "collected" => LoginState::Collected { by: by() },
            other => return Err(unknown("login", other)),
        };
        Ok(Login {
            id: id("login", &self.id)?,
            code: Code::parse(&self.code).ok_or_else(|| StoreError::corrupt("login", &self.code))?,
            machine: self.machine,
            user: self.user_name,
            place: self.place,
            created_at: moment("login", self.created_at)?,
            expires_at: moment("login", self.expires_at)?,
            state,
        })
    }
}

/// Tokens have 256 random bits, so a plain hash is enough: there is nothing to guess.
fn hash(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}
