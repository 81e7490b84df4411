//! What seldom changes and is remembered: which Identity Center there is, who people are in it, and how long sessions last.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use aws_sdk_identitystore::types::{AlternateIdentifier, UniqueAttribute};
use aws_smithy_types::Document;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::OnceCell;

use super::{
    call::{Halt, Operation, call},
    error::refused,
    quota::Quota,
};
use crate::provider::Holder;

/// For how long it is remembered who somebody is.
const PEOPLE_STAY: SignedDuration = SignedDuration::from_mins(10);
/// For how long a permission set's session duration is remembered.
const SESSIONS_STAY: SignedDuration = SignedDuration::from_hours(1);
/// What AWS takes when a permission set says nothing. Source: IAM Identity Center API Reference, `PermissionSet`.
const USUAL_SESSION: Duration = Duration::from_hours(1);

/// One Identity Center.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// `arn:aws:sso:::instance/ssoins-…`
    pub arn: String,
    /// `d-…`: where its people are.
    pub store: String,
}

/// The memory, and the means to ask.
#[derive(Debug)]
pub(super) struct Facts {
    sso: aws_sdk_ssoadmin::Client,
    people: aws_sdk_identitystore::Client,
    region: String,
    instance: OnceCell<Instance>,
    users: Memory<(String, &'static str, String), String>,
    sessions: Memory<String, Duration>,
}

impl Facts {
    pub fn new(
        sso: aws_sdk_ssoadmin::Client,
        people: aws_sdk_identitystore::Client,
        region: String,
        instance: Option<Instance>,
    ) -> Self {
        let instance = OnceCell::new_with(instance);
        Self { sso, people, region, instance, users: Memory::default(), sessions: Memory::default() }
    }

    /// The one that the configuration names, or else the only one there is.
    pub async fn instance(&self, quota: &Quota) -> Result<&Instance, Halt> {
        self.instance.get_or_try_init(|| self.find_instance(quota)).await
    }

    async fn find_instance(&self, quota: &Quota) -> Result<Instance, Halt> {
        let found = call(quota, Operation::ListInstances, "this account", self.sso.list_instances().send()).await?;
        let read = |it: &aws_sdk_ssoadmin::types::InstanceMetadata| {
            Some(Instance { arn: it.instance_arn()?.to_owned(), store: it.identity_store_id()?.to_owned() })
        };
        match found.instances().iter().filter_map(read).collect::<Vec<_>>().as_slice() {
            [only] => Ok(only.clone()),
            [] => Err(refused(format!(
                "the bot sees no IAM Identity Center in {}: set aws.region to its home region, and run the bot in the \
                 organization's management account or in the one it is delegated to",
                self.region
            ))
            .into()),
            several => Err(refused(format!(
                "the bot sees {} instances of IAM Identity Center: say which one in aws.identity_center ({})",
                several.len(),
                several.iter().map(|it| it.arn.as_str()).collect::<Vec<_>>().join(", ")
            ))
            .into()),
        }
    }

    /// The holder's id in the identity store.
    ///
    /// A user name from the configuration counts alone. An e-mail address is looked for among the e-mail addresses first,
    /// which the store keeps unique, and then among the user names, where many companies keep it.
    pub async fn user(&self, quota: &Quota, store: &str, holder: &Holder, now: Timestamp) -> Result<String, Halt> {
        let attempts: Vec<(&'static str, &str)> = match (&holder.aws_identity_center, &holder.email) {
            (Some(name), _) => vec![("userName", name)],
            (None, Some(email)) => vec![("emails.value", email), ("userName", email)],
            (None, None) => vec![],
        };
        for (attribute, value) in &attempts {
            let key = (store.to_owned(), *attribute, (*value).to_owned());
            if let Some(id) = self.users.recall(&key, now, PEOPLE_STAY) {
                return Ok(id);
            }
            match self.find_user(quota, store, attribute, value).await {
                Ok(id) => {
                    self.users.remember(key, id.clone(), now);
                    return Ok(id);
                }
                Err(halt) if halt.is_not_found() => {}
                Err(halt) => return Err(halt),
            }
        }
        Err(refused(nobody(holder)).into())
    }

    async fn find_user(&self, quota: &Quota, store: &str, attribute: &str, value: &str) -> Result<String, Halt> {
        let unique = UniqueAttribute::builder()
            .attribute_path(attribute)
            .attribute_value(Document::String(value.to_owned()))
            .build()
            .map_err(|error| refused(error.to_string()))?;
        let request = self
            .people
            .get_user_id()
            .identity_store_id(store)
            .alternate_identifier(AlternateIdentifier::UniqueAttribute(unique));
        let about = match attribute {
            "userName" => format!("user {value} in Identity Center"),
            _ => format!("user with the e-mail address {value} in Identity Center"),
        };
        let found = call(quota, Operation::GetUserId, &about, request.send()).await?;
        Ok(found.user_id().to_owned())
    }

    /// How long sessions of the permission set last.
    pub async fn session(
        &self,
        quota: &Quota,
        instance_arn: &str,
        permission_set_arn: &str,
        now: Timestamp,
    ) -> Result<Duration, Halt> {
        let key = permission_set_arn.to_owned();
        if let Some(session) = self.sessions.recall(&key, now, SESSIONS_STAY) {
            return Ok(session);
        }
        let request = self.sso.describe_permission_set().instance_arn(instance_arn).permission_set_arn(&key);
        let about = format!("permission set {}", short(permission_set_arn));
        let found = call(quota, Operation::DescribePermissionSet, &about, request.send()).await?;
        let said = found.permission_set().and_then(|it| it.session_duration()).and_then(duration);
        let session = said.unwrap_or(USUAL_SESSION);
        self.sessions.remember(key, session, now);
        Ok(session)
    }
}

/// The last part of a permission set's ARN: `ps-…`.
pub(super) fn short(permission_set_arn: &str) -> &str {
    permission_set_arn.rsplit('/').next().unwrap_or(permission_set_arn)
}

fn nobody(holder: &Holder) -> String {
    match (&holder.aws_identity_center, &holder.email) {
        _ if holder.who.person().is_none() => {
            "a pipeline has no user in Identity Center: give it a role with an aws-sts \
             target, whose credentials it can claim"
                .to_owned()
        }
        (Some(name), _) => format!(
            "there is no user {name} in Identity Center: mend person.aws_identity_center, or have the user made there"
        ),
        (None, Some(email)) => format!(
            "nobody in Identity Center has the e-mail address or user name {email}: have the user made there, or set \
             person.aws_identity_center to their user name"
        ),
        (None, None) => format!(
            "Slack does not tell the e-mail address of {}, so they cannot be found in Identity Center: allow the app \
             users:read.email, or set person.aws_identity_center to their user name",
            holder.who
        ),
    }
}

/// `PT1H`, as AWS writes it.
fn duration(text: &str) -> Option<Duration> {
    let read: SignedDuration = text.parse().ok()?;
    Duration::try_from(read).ok()
}

/// Remembers answers for a while.
#[derive(Debug)]
struct Memory<K, V>(Mutex<HashMap<K, (V, Timestamp)>>);

impl<K, V> Default for Memory<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, V: Clone> Memory<K, V> {
    fn recall(&self, key: &K, now: Timestamp, stay: SignedDuration) -> Option<V> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(key).filter(|(_, since)| now.duration_since(*since) < stay).map(|(value, _)| value.clone())
    }

    fn remember(&self, key: K, value: V, now: Timestamp) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, (value, now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aws_writes_durations_as_iso_8601() {
        for (text, expected) in
            [("PT1H", Some(3_600)), ("PT8H30M", Some(30_600)), ("PT12H", Some(43_200)), ("1h!", None)]
        {
            assert_eq!(duration(text), expected.map(Duration::from_secs), "{text}");
        }
    }
}
