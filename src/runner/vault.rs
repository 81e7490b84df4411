//! The credentials of one grant, in memory alone: claimed when they are needed, renewed when they run out, and shut away
//! the moment the grant is over.
//!
//! They are handed out on a short leash: what is advertised as their end is minutes away, so that whoever uses them comes
//! back, and learns soon that the grant is over.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};

use crate::{
    api::{Credentials, CredentialsAsk, ProblemCode},
    client::{Client, Trouble},
};

/// What is advertised as their end at most. The SDK of Go, and so Terraform, comes back five minutes before that.
const LEASH: SignedDuration = SignedDuration::from_mins(7);
/// Before they have less left than this, new ones are claimed, if the grant lasts longer.
const MARGIN: SignedDuration = SignedDuration::from_mins(5);
/// Whoever asks for credentials does not wait much longer than this.
const PATIENCE: Duration = Duration::from_secs(5);

/// The vault.
#[derive(Debug)]
pub struct Vault {
    client: Client,
    /// The same, for whoever asks and cannot wait.
    quick: Client,
    grant: String,
    ask: CredentialsAsk,
    held: tokio::sync::Mutex<Option<Credentials>>,
    standing: Mutex<Standing>,
}

#[derive(Debug)]
struct Standing {
    ends_at: Timestamp,
    /// Why there is nothing any more.
    closed: Option<String>,
}

/// What somebody gets who asks for credentials.
#[derive(Debug)]
pub enum Answer {
    /// These, as good until then as far as they are told.
    Credentials(Box<Credentials>, Timestamp),
    /// Nothing any more, and why.
    Closed(String),
    /// Nothing now.
    NotNow(String),
}

impl Vault {
    /// The vault of a grant.
    #[must_use]
    pub fn of(client: Client, grant: String, ends_at: Timestamp, ask: CredentialsAsk) -> Self {
        let quick = client.clone().patient_for(PATIENCE);
        let standing = Mutex::new(Standing { ends_at, closed: None });
        Self { client, quick, grant, ask, held: tokio::sync::Mutex::default(), standing }
    }

    /// Claims credentials, so that whatever stands in the way is known.
    ///
    /// # Errors
    /// When there are none.
    pub async fn fill(&self) -> Result<Credentials, Trouble> {
        let fresh = self.client.credentials(&self.grant, &self.ask).await?;
        *self.held.lock().await = Some(fresh.clone());
        Ok(fresh)
    }

    /// From now on there is nothing, because of `why`.
    pub fn close(&self, why: &str) {
        let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        standing.closed.get_or_insert_with(|| why.to_owned());
    }

    /// The grant ends then.
    pub fn ends_at(&self, at: Timestamp) {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner).ends_at = at;
    }

    /// What there is for somebody who asks.
    pub async fn open(&self) -> Answer {
        let mut held = self.held.lock().await;
        let now = self.client.around.clock.now();
        let ends_at = {
            let standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(why) = &standing.closed {
                return Answer::Closed(why.clone());
            }
            standing.ends_at
        };
        let failed = match held.as_ref() {
            Some(credentials) if !wants_new(credentials.expires_at, ends_at, now) => None,
            _ => match self.quick.credentials(&self.grant, &self.ask).await {
                Ok(fresh) => {
                    *held = Some(fresh);
                    None
                }
                Err(trouble) => Some(trouble),
            },
        };
        if let Some(trouble) = &failed
            && is_final(trouble)
        {
            self.close(&trouble.to_string());
            return Answer::Closed(trouble.to_string());
        }
        match (held.as_ref(), failed) {
            // Better the old ones than none, as long as they work.
            (Some(credentials), _) if credentials.expires_at > now => {
                Answer::Credentials(Box::new(credentials.clone()), advertised(credentials.expires_at, now))
            }
            (_, Some(trouble)) => Answer::NotNow(trouble.to_string()),
            (_, None) => Answer::NotNow(format!("the credentials of {} have run out", self.grant)),
        }
    }
}

/// Whether it is time to claim again. New ones that end as early as these would be no gain.
fn wants_new(expires_at: Timestamp, ends_at: Timestamp, now: Timestamp) -> bool {
    now.duration_until(expires_at) < MARGIN && expires_at + SignedDuration::from_secs(1) < ends_at
}

fn advertised(expires_at: Timestamp, now: Timestamp) -> Timestamp {
    expires_at.min(now + LEASH)
}

/// Whether asking again is of no use.
fn is_final(trouble: &Trouble) -> bool {
    matches!(
        trouble.code(),
        Some(
            ProblemCode::GrantNotActive
                | ProblemCode::PlanMismatch
                | ProblemCode::NoCredentials
                | ProblemCode::Forbidden
                | ProblemCode::NotFound
        )
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(clock: &str) -> Timestamp {
        format!("2026-11-21T{clock}Z").parse().unwrap()
    }

    #[test]
    fn they_are_renewed_in_time_and_only_if_it_helps() {
        let (two, one) = (at("14:00:00"), at("13:00:00"));
        assert!(!wants_new(one, two, at("12:54:59")));
        assert!(wants_new(one, two, at("12:55:01")));
        assert!(!wants_new(two, two, at("13:59:00")), "the grant is over then");
        assert!(wants_new(one, two, at("13:30:00")), "they are over, the grant is not: it was extended");
    }

    #[test]
    fn the_leash_is_short_and_never_longer_than_the_truth() {
        assert_eq!(advertised(at("13:00:00"), at("12:00:00")), at("12:07:00"));
        assert_eq!(advertised(at("13:00:00"), at("12:58:00")), at("13:00:00"));
    }
}
