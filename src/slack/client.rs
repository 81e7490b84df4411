//! The Slack Web API, as much of it as the bot needs.
//!
//! Requests are slack-morphism's; answers are read leniently, because a post that worked must not count as failed over
//! a field we never look at. Every call is bounded in time. Errors carry Slack's code and never a body or a token.

use std::{collections::BTreeSet, time::Duration};

use hyper_util::client::legacy::connect::HttpConnector;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use slack_morphism::{errors::SlackClientError, prelude::*};
use url::Url;

use super::message::Message;
use crate::domain::{
    ids::{ChannelId, UserGroupId, UserId},
    people::{Person, Standing},
};

/// How long one call may take. An outbox job has two of them within its lease.
const CALL: Duration = Duration::from_secs(8);
/// How long a call may take that somebody waits for with Slack's three seconds running.
const INTERACTIVE_CALL: Duration = Duration::from_millis(1_200);
/// How many messages are looked through for one whose posting was never confirmed.
const LOOK_BACK: u16 = 100;

type Connector = SlackClientHyperConnector<hyper_rustls::HttpsConnector<HttpConnector>>;

/// A connection to one workspace.
#[derive(Clone)]
pub struct SlackApi {
    client: SlackClient<Connector>,
    token: SlackApiToken,
}

/// Why Slack did not do what it was asked to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SlackError {
    /// Too many calls; it was not done.
    #[error("Slack asks to slow down")]
    Throttled {
        /// How long Slack wants to be left alone.
        after: Duration,
    },
    /// Nobody knows whether it was done: no answer, or an answer that makes no sense.
    #[error("Slack did not answer: {0}")]
    Unclear(String),
    /// Slack said no, and why.
    #[error("Slack refused: {0}")]
    Refused(String),
}

/// Where a message stands.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Posted {
    /// The channel; for a message to a person, the direct-message channel.
    pub channel: ChannelId,
    /// Which message of the channel.
    pub ts: String,
}

/// What a message says about itself where only apps look: it is found again by this after an answer was lost.
#[derive(Debug, Clone, Copy)]
pub struct Label<'a> {
    /// What kind of message it is.
    pub kind: &'static str,
    /// Which one.
    pub id: &'a str,
}

impl std::fmt::Debug for SlackApi {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SlackApi").finish_non_exhaustive()
    }
}

impl SlackApi {
    /// Prepares calls to `api_url`; plain http is used only where the URL says so, which `config` allows for loopback.
    ///
    /// # Errors
    /// When the machine has no root certificates.
    pub fn new(api_url: &Url, bot_token: &SecretString) -> std::io::Result<Self> {
        let builder = hyper_rustls::HttpsConnectorBuilder::new();
        let connector = if api_url.scheme() == "http" {
            let no_roots = rustls::ClientConfig::builder()
                .with_root_certificates(rustls::RootCertStore::empty())
                .with_no_client_auth();
            builder.with_tls_config(no_roots).https_or_http().enable_http1().build()
        } else {
            builder.with_native_roots()?.https_only().enable_http1().enable_http2().build()
        };
        let connector = SlackClientHyperConnector::with_connector(connector)
            .with_slack_api_url(api_url.as_str().trim_end_matches('/'));
        let token = SlackApiToken::new(bot_token.expose_secret().into());
        Ok(Self { client: SlackClient::new(connector), token })
    }

    /// Whether Slack can be reached and takes the token; answers with the team's id.
    ///
    /// # Errors
    /// When Slack does not say yes.
    pub async fn whoami(&self) -> Result<String, SlackError> {
        #[derive(Deserialize)]
        struct Answer {
            team_id: String,
        }
        let answer: Answer = self.read("auth.test", &[], CALL).await?;
        Ok(answer.team_id)
    }

    /// Posts a message.
    ///
    /// # Errors
    /// With [`SlackError::Unclear`] when it may stand there all the same: look with [`SlackApi::find`] before posting
    /// again.
    pub async fn post(&self, to: &ChannelId, message: &Message, label: Label<'_>) -> Result<Posted, SlackError> {
        let payload = [("id".to_owned(), label.id.to_owned())].into();
        let metadata = SlackMessageMetadata::new(label.kind.to_owned()).with_event_payload(payload);
        let content = message.content().with_metadata(metadata);
        let request = SlackApiChatPostMessageRequest::new(to.as_str().into(), content)
            .with_unfurl_links(false)
            .with_unfurl_media(false);
        self.write("chat.postMessage", &request).await
    }

    /// Replaces what a message shows.
    ///
    /// # Errors
    /// When Slack does not say yes.
    pub async fn update(&self, at: &Posted, message: &Message) -> Result<(), SlackError> {
        let request =
            SlackApiChatUpdateRequest::new(at.channel.as_str().into(), message.content(), at.ts.clone().into());
        let _: Posted = self.write("chat.update", &request).await?;
        Ok(())
    }

    /// Looks for a message that was posted to `to` at `since` or later and bears this label.
    ///
    /// # Errors
    /// When Slack does not let us look; `missing_scope` means that the app may not read the channel.
    pub async fn find(&self, to: &ChannelId, since: Timestamp, label: Label<'_>) -> Result<Option<Posted>, SlackError> {
        #[derive(Deserialize)]
        struct Answer {
            messages: Vec<Found>,
        }
        #[derive(Deserialize)]
        struct Found {
            ts: String,
            metadata: Option<Metadata>,
        }
        #[derive(Deserialize)]
        struct Metadata {
            event_type: String,
            #[serde(default)]
            event_payload: serde_json::Value,
        }
        let channel = self.channel_of(to).await?;
        // Slack's clock and ours may differ a little.
        let oldest = (since.as_second() - 60).to_string();
        let limit = LOOK_BACK.to_string();
        let query =
            [("channel", channel.as_str()), ("oldest", &oldest), ("limit", &limit), ("include_all_metadata", "true")];
        let answer: Answer = self.read("conversations.history", &query, CALL).await?;
        let ours = |metadata: &Metadata| metadata.event_type == label.kind && metadata.event_payload["id"] == label.id;
        let found = answer.messages.into_iter().find(|message| message.metadata.as_ref().is_some_and(ours));
        Ok(found.map(|message| Posted { channel, ts: message.ts }))
    }

    /// The channel itself, or the direct-message channel of a person.
    async fn channel_of(&self, to: &ChannelId) -> Result<ChannelId, SlackError> {
        #[derive(Deserialize)]
        struct Answer {
            channel: Opened,
        }
        #[derive(Deserialize)]
        struct Opened {
            id: ChannelId,
        }
        if !to.as_str().starts_with(['U', 'W']) {
            return Ok(to.clone());
        }
        let request = SlackApiConversationsOpenRequest::new().with_users(vec![to.as_str().into()]);
        let answer: Answer = self.write("conversations.open", &request).await?;
        Ok(answer.channel.id)
    }

    /// What Slack says about a person, at `now`.
    ///
    /// # Errors
    /// When Slack does not say.
    pub async fn person(&self, id: &UserId, now: Timestamp) -> Result<Person, SlackError> {
        #[derive(Deserialize)]
        struct Answer {
            user: User,
        }
        let answer: Answer = self.read("users.info", &[("user", id.as_str())], CALL).await?;
        Ok(answer.user.into_person(id, now))
    }

    /// Who is in a user group. Short, because somebody may be waiting.
    ///
    /// # Errors
    /// When Slack does not say.
    pub async fn user_group(&self, id: &UserGroupId) -> Result<BTreeSet<UserId>, SlackError> {
        #[derive(Deserialize)]
        struct Answer {
            users: BTreeSet<UserId>,
        }
        let answer: Answer =
            self.read("usergroups.users.list", &[("usergroup", id.as_str())], INTERACTIVE_CALL).await?;
        Ok(answer.users)
    }

    /// Answers an interaction privately, through the URL that came with it.
    ///
    /// # Errors
    /// When Slack does not say yes.
    pub async fn respond(&self, response_url: &Url, message: &Message) -> Result<(), SlackError> {
        let request = SlackApiPostWebhookMessageRequest::new(message.content()).with_replace_original(false);
        let url = SlackResponseUrl(response_url.clone());
        let answer = tokio::time::timeout(CALL, self.client.respond_to_event(&url, &request)).await;
        match answer.map_err(|_elapsed| SlackError::Unclear("no answer in time".to_owned()))? {
            // An empty body without a content type is a yes as well.
            Ok(_) | Err(SlackClientError::ProtocolError(_)) => Ok(()),
            Err(error) => Err(SlackError::from(error)),
        }
    }

    /// Shows a message to one person in a channel that the bot is a member of.
    ///
    /// # Errors
    /// When Slack does not say yes.
    pub async fn whisper(&self, channel: &ChannelId, to: &UserId, message: &Message) -> Result<(), SlackError> {
        #[derive(Deserialize)]
        struct Answer {}
        let (channel, to) = (channel.as_str().into(), to.as_str().into());
        let request = SlackApiChatPostEphemeralRequest::new(channel, to, message.content());
        let Answer {} = self.write("chat.postEphemeral", &request).await?;
        Ok(())
    }

    /// Shows somebody a home tab.
    ///
    /// # Errors
    /// When Slack does not say yes.
    pub async fn publish_home(&self, user: &UserId, view: &serde_json::Value) -> Result<(), SlackError> {
        #[derive(Deserialize)]
        struct Answer {}
        let request = serde_json::json!({ "user_id": user, "view": view });
        let Answer {} = self.write("views.publish", &request).await?;
        Ok(())
    }

    /// Opens a form for whoever has just clicked.
    ///
    /// # Errors
    /// When Slack does not say yes; more than three seconds after the click it never does.
    pub async fn open_view(&self, trigger: &str, view: &serde_json::Value) -> Result<(), SlackError> {
        #[derive(Deserialize)]
        struct Answer {}
        let request = serde_json::json!({ "trigger_id": trigger, "view": view });
        let Answer {} = self.write("views.open", &request).await?;
        Ok(())
    }

    async fn read<A>(&self, method: &str, query: &[(&str, &str)], limit: Duration) -> Result<A, SlackError>
    where
        A: for<'de> Deserialize<'de> + Send,
    {
        let session = self.client.open_session(&self.token);
        let query: Vec<(&str, Option<String>)> =
            query.iter().map(|(name, value)| (*name, Some((*value).to_owned()))).collect();
        let call = session.http_session_api.http_get(method, &query, None);
        settle(method, tokio::time::timeout(limit, call).await)
    }

    async fn write<Q, A>(&self, method: &str, request: &Q) -> Result<A, SlackError>
    where
        Q: serde::Serialize + Send + Sync,
        A: for<'de> Deserialize<'de> + Send,
    {
        let session = self.client.open_session(&self.token);
        let call = session.http_session_api.http_post(method, request, None);
        settle(method, tokio::time::timeout(CALL, call).await)
    }
}

fn settle<A>(
    method: &str,
    answer: Result<Result<A, SlackClientError>, tokio::time::error::Elapsed>,
) -> Result<A, SlackError> {
    let outcome = match answer {
        Ok(answer) => answer.map_err(SlackError::from),
        Err(_elapsed) => Err(SlackError::Unclear("no answer in time".to_owned())),
    };
    let label = match &outcome {
        Ok(_) => "ok",
        Err(SlackError::Throttled { .. }) => "throttled",
        Err(SlackError::Unclear(_)) => "unclear",
        Err(SlackError::Refused(_)) => "refused",
    };
    metrics::counter!("jit_slack_calls_total", "method" => method.to_owned(), "outcome" => label).increment(1);
    outcome
}

impl From<SlackClientError> for SlackError {
    /// Keeps what may be shown and logged: the crate's own text has the whole body in it.
    fn from(error: SlackClientError) -> Self {
        match error {
            SlackClientError::ApiError(error) => match error.code.as_str() {
                "internal_error" | "fatal_error" | "service_unavailable" | "request_timeout" => {
                    Self::Unclear(error.code)
                }
                "ratelimited" | "rate_limited" => Self::Throttled { after: Duration::from_secs(1) },
                _ => Self::Refused(error.code),
            },
            SlackClientError::RateLimitError(error) => {
                Self::Throttled { after: error.retry_after.unwrap_or(Duration::from_secs(1)) }
            }
            SlackClientError::HttpError(error) => Self::Unclear(format!("HTTP status {}", error.status_code.as_u16())),
            SlackClientError::ProtocolError(_) => Self::Unclear("an answer that is not what was expected".to_owned()),
            SlackClientError::HttpProtocolError(_)
            | SlackClientError::EndOfStream(_)
            | SlackClientError::SystemError(_)
            | SlackClientError::SocketModeProtocolError(_) => Self::Unclear("the connection failed".to_owned()),
        }
    }
}

#[derive(Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "as Slack has them")]
struct User {
    name: Option<String>,
    real_name: Option<String>,
    profile: Option<Profile>,
    #[serde(default)]
    deleted: bool,
    #[serde(default)]
    is_bot: bool,
    #[serde(default)]
    is_restricted: bool,
    #[serde(default)]
    is_ultra_restricted: bool,
    #[serde(default)]
    is_stranger: bool,
}

#[derive(Deserialize)]
struct Profile {
    email: Option<String>,
    real_name: Option<String>,
}

impl User {
    fn into_person(self, id: &UserId, now: Timestamp) -> Person {
        let standing = if self.deleted {
            Standing::Deactivated
        } else if self.is_bot {
            Standing::Bot
        } else if self.is_restricted || self.is_ultra_restricted || self.is_stranger {
            Standing::Guest
        } else {
            Standing::Member
        };
        let (email, profile_name) = self.profile.map(|profile| (profile.email, profile.real_name)).unwrap_or_default();
        let name = self.real_name.or(profile_name).or(self.name).unwrap_or_else(|| id.to_string());
        Person { id: id.clone(), name, email, standing, fetched_at: now }
    }
}
