//! Brings what somebody did to the bot: signed, over HTTP, with Slack's patience.

use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

use super::Workspace;

/// How long Slack waits for an acknowledgement.
const PATIENCE: Duration = Duration::from_secs(3);

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

/// Something that Slack tells the bot, before it is sent.
#[derive(Debug, Clone)]
pub(super) struct Parcel {
    /// What it is about, which decides what the answer does.
    pub(super) about: About,
    /// The id of the user who did it.
    pub(super) by: String,
    pub(super) body: String,
    pub(super) confirmation: Option<String>,
}

/// What a parcel is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum About {
    /// A slash command in this channel.
    Command { channel: String },
    /// A click or a shortcut, whose answer says nothing.
    Interaction,
    /// The submission of this modal.
    Submission { view: String },
    /// An event.
    Event,
}

impl About {
    fn content_type(&self) -> &'static str {
        match self {
            Self::Command { .. } | Self::Interaction | Self::Submission { .. } => FORM,
            Self::Event => JSON,
        }
    }
}

/// What the bot said to a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// An HTTP response.
    Response {
        /// Its status.
        status: u16,
        /// Its body.
        body: String,
    },
    /// Nothing within three seconds.
    TimedOut,
    /// Nothing, because the bot cannot be reached or closed the connection.
    Unreachable,
}

/// Something that Slack told the bot, and what came back.
#[derive(Debug, Clone)]
pub struct Delivery {
    pub(super) parcel: Parcel,
    timestamp: String,
    signature: String,
    /// What the bot said.
    pub answer: Answer,
    /// How long it took.
    pub elapsed: Duration,
    /// What Slack found wrong with the answer, if anything.
    pub problem: Option<String>,
}

impl Delivery {
    /// The HTTP status, if there was an answer.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match &self.answer {
            Answer::Response { status, .. } => Some(*status),
            Answer::TimedOut | Answer::Unreachable => None,
        }
    }

    /// The answer's JSON, if it is JSON.
    #[must_use]
    pub fn json(&self) -> Option<Value> {
        match &self.answer {
            Answer::Response { body, .. } => serde_json::from_str(body).ok(),
            Answer::TimedOut | Answer::Unreachable => None,
        }
    }

    /// The body that was sent.
    #[must_use]
    pub fn body(&self) -> &str {
        &self.parcel.body
    }

    /// What the confirmation dialog said that was accepted on the way.
    #[must_use]
    pub fn confirmation(&self) -> Option<&str> {
        self.parcel.confirmation.as_deref()
    }
}

/// How a delivery is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resend {
    /// The same body, signed anew: what Slack does when an answer was lost.
    SignedAnew,
    /// The same bytes, signature and all: what somebody does who recorded it.
    Verbatim,
}

/// The `X-Slack-Signature` of a body sent at `timestamp`.
///
/// # Panics
/// Never: HMAC takes keys of every length.
#[must_use]
pub fn sign(signing_secret: &str, timestamp: &str, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(signing_secret.as_bytes()).expect("HMAC takes keys of every length");
    mac.update(format!("v0:{timestamp}:{body}").as_bytes());
    format!("v0={}", hex::encode(mac.finalize().into_bytes()))
}

impl Workspace {
    /// Sends something to the bot and lets the answer take effect.
    pub(super) async fn deliver(&self, parcel: Parcel) -> Delivery {
        let (timestamp, signature) = self.signature(&parcel);
        self.send(parcel, timestamp, signature, false).await
    }

    /// Sends the same thing again, and lets the answer take effect again.
    pub async fn redeliver(&self, delivery: &Delivery, how: Resend) -> Delivery {
        let parcel = delivery.parcel.clone();
        match how {
            Resend::SignedAnew => {
                let (timestamp, signature) = self.signature(&parcel);
                self.send(parcel, timestamp, signature, true).await
            }
            Resend::Verbatim => self.send(parcel, delivery.timestamp.clone(), delivery.signature.clone(), false).await,
        }
    }

    fn signature(&self, parcel: &Parcel) -> (String, String) {
        let timestamp = self.now().as_second().to_string();
        let signature = sign(&self.app().signing_secret, &timestamp, &parcel.body);
        (timestamp, signature)
    }

    async fn send(&self, parcel: Parcel, timestamp: String, signature: String, is_retry: bool) -> Delivery {
        let url = self.state().bot_url.clone().expect("`connect_bot` says where the bot is before anybody acts");
        let request = self.0.http.post(url).body(parcel.body.clone());
        let request = request.header("content-type", parcel.about.content_type());
        let request = request.header("x-slack-request-timestamp", &timestamp).header("x-slack-signature", &signature);
        // Slack says so when it tries an event again, and only then.
        let request = if is_retry && parcel.about == About::Event {
            request.header("x-slack-retry-num", "1").header("x-slack-retry-reason", "http_timeout")
        } else {
            request
        };
        let begin = Instant::now();
        let answer = tokio::time::timeout(PATIENCE, answer_of(request)).await.unwrap_or(Answer::TimedOut);
        let elapsed = begin.elapsed();
        let problem = self.land(&parcel, &answer);
        Delivery { parcel, timestamp, signature, answer, elapsed, problem }
    }
}

async fn answer_of(request: reqwest::RequestBuilder) -> Answer {
    let Ok(response) = request.send().await else { return Answer::Unreachable };
    let status = response.status().as_u16();
    response.text().await.map_or(Answer::Unreachable, |body| Answer::Response { status, body })
}

/// A client for a bot next door: no proxy, no kept connection that a killed bot would leave behind.
pub(super) fn client() -> reqwest::Client {
    let builder = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0);
    // No certificates: the bot is reached on loopback, and loading the system's would take longer than most tests.
    builder.tls_certs_only([]).build().expect("a client without options that can fail")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_as_slack_documents_it() {
        let body = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V\
                    &channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=\
                    &response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F\
                    96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
        let signature = sign("8f742231b10e8888abcd99yyyzzz85a5", "1531420618", body);
        assert_eq!(signature, "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503");
    }
}
