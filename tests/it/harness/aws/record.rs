//! What the bot asked AWS for, and the sessions that came of it.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;

/// One attempt at a call, as it came over the wire.
#[derive(Debug, Clone)]
pub struct Call {
    /// `AssumeRole`, `PutRolePolicy`, …; `getSigninToken` and `login` for the sign-in service.
    pub action: String,
    /// The form, `Tags.member.1.Key` and all.
    pub params: BTreeMap<String, String>,
    /// Whose access key signed it.
    pub signed_by: Option<String>,
    /// The SDK's user agent.
    pub user_agent: String,
}

impl Call {
    /// A parameter that must be there.
    pub fn param(&self, name: &str) -> &str {
        self.params.get(name).unwrap_or_else(|| panic!("{} came without {name}", self.action))
    }
}

/// A session that was minted.
#[derive(Debug, Clone)]
pub struct Session {
    /// `ASIA…`
    pub access_key_id: String,
    pub(super) secret: String,
    pub(super) token: String,
    /// `AROA…:jit-…`
    pub user_id: String,
    /// The role it is of.
    pub role_arn: String,
    /// Its name.
    pub name: String,
    /// Who is behind it.
    pub source_identity: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// What it carries with it.
    pub policy: Option<String>,
    /// When it was minted, by the test's clock.
    pub minted_at: Timestamp,
    /// When STS ends it, by the test's clock.
    pub expires_at: Timestamp,
    /// Whether the answer with its keys went out.
    pub delivered: bool,
}

/// The record of one test.
#[derive(Default)]
pub(super) struct Record(Mutex<Pages>);

#[derive(Default)]
struct Pages {
    calls: Vec<Call>,
    sessions: Vec<Session>,
}

impl Record {
    pub fn note_call(&self, call: Call) {
        self.pages().calls.push(call);
    }

    pub fn note_session(&self, session: Session) {
        self.pages().sessions.push(session);
    }

    pub fn calls(&self) -> Vec<Call> {
        self.pages().calls.clone()
    }

    pub fn sessions(&self) -> Vec<Session> {
        self.pages().sessions.clone()
    }

    pub fn session(&self, access_key_id: &str) -> Option<Session> {
        self.pages().sessions.iter().find(|session| session.access_key_id == access_key_id).cloned()
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    /// Reads the session out of a call for it and moto's answer.
    pub(super) fn of(call: &Call, answer: &str, now: Timestamp, expires_at: Timestamp, delivered: bool) -> Self {
        let tag = |end: &str| element(answer, end).unwrap_or_else(|| panic!("moto's answer has no {end}: {answer}"));
        Self {
            access_key_id: tag("AccessKeyId"),
            secret: tag("SecretAccessKey"),
            token: tag("SessionToken"),
            user_id: tag("AssumedRoleId"),
            role_arn: call.param("RoleArn").to_owned(),
            name: call.param("RoleSessionName").to_owned(),
            source_identity: call.params.get("SourceIdentity").cloned(),
            tags: tags(&call.params),
            policy: call.params.get("Policy").cloned(),
            minted_at: now,
            expires_at,
            delivered,
        }
    }
}

/// The text of the first element of this name; good enough for what moto sends.
fn element(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    Some(rest.split_once(&format!("</{name}>"))?.0.to_owned())
}

fn tags(params: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    (1..)
        .map_while(|place| {
            let part = |part| params.get(&format!("Tags.member.{place}.{part}")).cloned();
            Some((part("Key")?, part("Value")?))
        })
        .collect()
}
