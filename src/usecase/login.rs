//! Sign a machine in: it shows a code, its owner types the code in Slack and confirms, and the machine fetches a token.
//!
//! Whoever types the code is the one who is asked, and nobody else can answer. The token is made when it is fetched, so
//! it is never kept anywhere.

use jiff::SignedDuration;

use super::{Env, claim::Token};
use crate::{
    domain::{
        audit::{Actor, Fact},
        ids::{Code, LoginId, SessionId, UserId},
        session::{LOGIN_CODE, LOGIN_LIFETIME, Login, LoginEvent, LoginState, Session},
        text::visible,
    },
    store::{StoreError, Tx},
};

/// What a session's token begins with, so that whoever finds one knows what it is.
pub const SESSION_TOKEN: &str = "jits_";
/// What the token begins with by which a machine asks about its login.
const POLL_TOKEN: &str = "jitp_";
/// How much a machine may say of itself.
const SHOWN: usize = 64;

/// Who wants to sign in.
#[derive(Debug, Clone)]
pub struct Machine {
    /// What it calls itself.
    pub name: String,
    /// Who works there, as it says.
    pub user: Option<String>,
    /// From which address it calls, as the server sees it.
    pub place: String,
}

/// Makes a login that waits for its code to be typed, and the token by which the machine asks about it.
///
/// # Errors
/// When the store fails.
pub async fn begin(tx: &mut Tx, env: &Env, machine: Machine) -> Result<(Login, Token), StoreError> {
    let id = LoginId::new(env.now, &*env.entropy);
    // A code of its own randomness: the id stands in logs.
    let code = Code::of(LoginId::new(env.now, &*env.entropy).0, LOGIN_CODE);
    let login = Login {
        id,
        code,
        machine: said(&machine.name),
        user: machine.user.as_deref().map(said).filter(|user| !user.is_empty()),
        place: machine.place,
        created_at: env.now,
        expires_at: env.now + LOGIN_LIFETIME,
        state: LoginState::Waiting,
    };
    let token = Token::fresh(POLL_TOKEN, env);
    tx.insert_login(token.expose(), &login).await?;
    Ok((login, token))
}

/// What a machine says of itself, on one short line.
fn said(text: &str) -> String {
    let line: Vec<String> = visible(text)
        .split(|letter: char| letter.is_whitespace() || letter.is_control())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect();
    line.join(" ").chars().take(SHOWN).collect()
}

/// Why a code, or an answer to the question about it, came to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// There is no such code, or it is too old.
    Unknown,
    /// Somebody else has typed it before.
    Taken,
    /// It was answered already.
    TooLate,
}

/// Somebody typed a code: they are asked whether the machine is theirs.
///
/// # Errors
/// When the store fails.
pub async fn typed(tx: &mut Tx, env: &Env, by: &UserId, code: &Code) -> Result<Result<Login, Refused>, StoreError> {
    let Some(mut login) = tx.lookup_login_by_code(code).await?.filter(|login| env.now < login.expires_at) else {
        return Ok(Err(Refused::Unknown));
    };
    if login.state.by().is_some_and(|first| first != by) {
        return Ok(Err(Refused::Taken));
    }
    let Ok(state) = login.state.apply(LoginEvent::Typed { by: by.clone() }) else {
        return Ok(Err(Refused::TooLate));
    };
    tx.move_login(&login, &state).await?;
    login.state = state;
    Ok(Ok(login))
}

/// Whoever typed the code says that the machine is theirs.
///
/// # Errors
/// When the store fails.
pub async fn confirm(tx: &mut Tx, env: &Env, by: &UserId, id: LoginId) -> Result<Result<Login, Refused>, StoreError> {
    answer(tx, env, by, id, LoginEvent::Confirmed).await
}

/// Whoever typed the code says that the machine is not theirs.
///
/// # Errors
/// When the store fails.
pub async fn refuse(tx: &mut Tx, env: &Env, by: &UserId, id: LoginId) -> Result<Result<Login, Refused>, StoreError> {
    let refused = answer(tx, env, by, id, LoginEvent::Refused).await?;
    if let Ok(login) = &refused {
        let fact = Fact::LoginRefused { machine: login.machine.clone(), place: login.place.clone() };
        tx.record(env.now, &Actor::Person(by.clone()), &fact).await?;
    }
    Ok(refused)
}

async fn answer(
    tx: &mut Tx,
    env: &Env,
    by: &UserId,
    id: LoginId,
    event: LoginEvent,
) -> Result<Result<Login, Refused>, StoreError> {
    let Some(mut login) = tx.lookup_login_by_id(id).await? else {
        return Ok(Err(Refused::Unknown));
    };
    if login.state.by() != Some(by) {
        return Ok(Err(Refused::Taken));
    }
    let state = login.state.apply(event);
    let (Ok(state), true) = (state, env.now < login.expires_at) else {
        return Ok(Err(Refused::TooLate));
    };
    tx.move_login(&login, &state).await?;
    login.state = state;
    Ok(Ok(login))
}

/// A login as its machine finds it, and the session with its token if this is when it is fetched.
#[derive(Debug)]
pub struct Fetched {
    /// The login.
    pub login: Login,
    /// The session, once.
    pub session: Option<(Session, Token)>,
}

/// The machine asks how its login stands, and fetches the token if it was confirmed; `None` when there is no such login.
///
/// # Errors
/// When the store fails.
pub async fn fetch(
    tx: &mut Tx,
    env: &Env,
    id: LoginId,
    poll_token: &str,
    lasts: SignedDuration,
) -> Result<Option<Fetched>, StoreError> {
    let Some(login) = tx.lookup_login(id, poll_token).await? else {
        return Ok(None);
    };
    let LoginState::Confirmed { by } = &login.state else {
        return Ok(Some(Fetched { login, session: None }));
    };
    let session = Session {
        id: SessionId::new(env.now, &*env.entropy),
        principal: by.into(),
        machine: login.machine.clone(),
        place: login.place.clone(),
        created_at: env.now,
        expires_at: env.now + lasts,
        revoked_at: None,
        origin: None,
    };
    tx.move_login(&login, &login.state.apply(LoginEvent::Fetched)?).await?;
    let token = super::session::begin(tx, env, &session).await?;
    Ok(Some(Fetched { login, session: Some((session, token)) }))
}
