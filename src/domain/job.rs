//! Work that is owed: what kind, on what, when, and in which lane.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    access::AccessKey,
    catalog::ProviderName,
    ids::{CardId, ChannelId, GrantId, RequestId},
};

/// What is to be done. Its kind and key name it: there is one unfinished job for each, and asking for it again while
/// it waits or runs makes it run once more, not twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Job {
    /// Make the cloud agree with the grants on this key.
    ReconcileAccess(AccessKey),
    /// End a grant whose time is over.
    EndGrant(GrantId),
    /// End a grant when the process that uses it is not heard of any more.
    WatchHeart(GrantId),
    /// Close a request that nobody decided in time.
    LapseRequest(RequestId),
    /// Ask the clouds whether a request can be granted at all, before anybody is asked to approve it.
    ResolveRequest(RequestId, ProviderName),
    /// Tell people that access of a grant is stuck.
    RaiseAlarm(GrantId),
    /// Have what the clouds have compared with what the grants say.
    Sweep,
    /// Compare some of what one cloud has with what the grants say.
    SweepCloud(ProviderName),
    /// Make a Slack message agree with what it shows.
    ProjectCard(CardId, ChannelId),
    /// Tell the audit channel what it has not been told yet.
    PostFeed(ChannelId),
    /// Forget deliveries and links that can no longer come back.
    Prune,
}

impl Job {
    /// The kind, as the store, the logs and the metrics name it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::ReconcileAccess(_) => "reconcile_access",
            Self::EndGrant(_) => "end_grant",
            Self::WatchHeart(_) => "watch_heart",
            Self::LapseRequest(_) => "lapse_request",
            Self::ResolveRequest(..) => "resolve_request",
            Self::RaiseAlarm(_) => "raise_alarm",
            Self::Sweep => "sweep",
            Self::SweepCloud(_) => "sweep_cloud",
            Self::ProjectCard(..) => "project_card",
            Self::PostFeed(_) => "post_feed",
            Self::Prune => "prune",
        }
    }

    /// What it works on.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::ReconcileAccess(key) => key.to_string(),
            Self::EndGrant(grant) | Self::WatchHeart(grant) | Self::RaiseAlarm(grant) => grant.to_string(),
            Self::LapseRequest(request) | Self::ResolveRequest(request, _) => request.to_string(),
            Self::ProjectCard(card, _) => card.to_string(),
            Self::PostFeed(channel) => channel.to_string(),
            Self::SweepCloud(cloud) => cloud.as_str().to_owned(),
            Self::Sweep | Self::Prune => String::new(),
        }
    }

    /// Who is kept busy by it.
    #[must_use]
    pub fn lane(&self) -> Lane {
        match self {
            Self::ReconcileAccess(key) => Lane::Provider(key.provider),
            Self::ResolveRequest(_, provider) => Lane::Provider(*provider),
            Self::SweepCloud(cloud) => Lane::Sweep(*cloud),
            Self::ProjectCard(_, channel) | Self::PostFeed(channel) => Lane::Channel(channel.clone()),
            Self::EndGrant(_)
            | Self::WatchHeart(_)
            | Self::LapseRequest(_)
            | Self::RaiseAlarm(_)
            | Self::Sweep
            | Self::Prune => Lane::Store,
        }
    }
}

/// Jobs in different lanes never wait for each other: a cloud that hangs delays no other cloud and no message.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// One cloud.
    Provider(ProviderName),
    /// What is asked of one cloud that can wait, one thing after the other: it keeps nobody from giving or taking away.
    Sweep(ProviderName),
    /// One Slack channel, which takes one message at a time.
    Channel(ChannelId),
    /// The store alone.
    Store,
}

impl Lane {
    /// How many jobs of the lane may run at once.
    #[must_use]
    pub fn width(&self) -> usize {
        match self {
            // Identity Center keeps to AWS' quota by itself, and what waits for its turn there costs nothing. The store
            // takes as many as share a commit without making each other wait.
            Self::Provider(ProviderName::AwsIdentityCenter) | Self::Store => 32,
            Self::Provider(_) => 8,
            Self::Sweep(_) | Self::Channel(_) => 1,
        }
    }

    /// Whether it is one of the many that share what Slack can take.
    #[must_use]
    pub fn is_channel(&self) -> bool {
        match self {
            Self::Channel(_) => true,
            Self::Provider(_) | Self::Sweep(_) | Self::Store => false,
        }
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Provider(provider) => write!(f, "provider:{}", provider.as_str()),
            Self::Sweep(provider) => write!(f, "sweep:{}", provider.as_str()),
            Self::Channel(channel) => write!(f, "channel:{channel}"),
            Self::Store => f.write_str("store"),
        }
    }
}

/// How long to wait before the next try after `attempts` failures: 1 s, 2 s, 4 s … 5 min.
#[must_use]
pub fn backoff(attempts: u32) -> std::time::Duration {
    std::time::Duration::from_secs(1 << attempts.saturating_sub(1).min(9)).min(std::time::Duration::from_mins(5))
}

/// A job that a worker has taken on.
#[derive(Debug, Clone)]
pub struct Leased {
    /// The row.
    pub id: i64,
    /// What is to be done.
    pub job: Job,
    /// How often it has failed in a row.
    pub attempts: u32,
    /// What the row's generation was when it was taken: a later one means that it was asked for again.
    pub generation: i64,
    /// Names this lease; a worker that lost it can no longer finish the job.
    pub lease: String,
    /// When it was due.
    pub run_at: Timestamp,
}
