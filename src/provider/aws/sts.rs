//! Sessions: one `AssumeRole` each, with the grant's name on it and its end inside.
//!
//! A trial and a claim send the very same call, so that what is found out at approval holds when credentials are fetched.

use std::collections::BTreeMap;

use aws_sdk_sts::{
    Client,
    operation::{RequestId, assume_role::AssumeRoleOutput},
    types::Tag,
};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::{
    arn::RoleArn,
    call,
    error::Operation,
    identity::{GRANT_TAG, session_name, source_identity},
    session_policy::session_policy,
};
use crate::{
    domain::{access, catalog::AwsSts as Target, time::whole_second},
    provider::{Credentials, ErrorKind, ProviderError, Receipt, Secrets, Work},
};

/// The shortest session STS gives, in seconds. Source: STS API Reference, `AssumeRole`.
const SHORTEST_SESSION: i32 = 900;
/// The longest session we ask for, in seconds: the most that one role gets on another ("role chaining"), which is what a
/// bot on ECS, EKS, EC2 or Lambda does, and what every role's `MaxSessionDuration` allows.
#[expect(clippy::cast_possible_truncation, reason = "an hour has 3,600 seconds")]
const LONGEST_SESSION: i32 = access::LONGEST_SESSION.as_secs() as i32;
/// From how many percent of its largest size on a session token is worth a word in the log.
const CROWDED: i32 = 80;

/// A session that was minted.
pub(super) struct Minted {
    /// What opens it.
    pub credentials: Credentials,
    /// What CloudTrail knows it by.
    pub receipt: Receipt,
}

/// Everything that goes into the call.
pub(super) struct Order {
    role: RoleArn,
    session_name: String,
    source_identity: String,
    grant: String,
    external_id: Option<SecretString>,
    policy: String,
    seconds: i32,
}

impl Order {
    /// Puts the call together.
    ///
    /// # Errors
    /// When the grant is over, or its target cannot be used as it is configured.
    pub fn of(work: &Work, target: &Target, until: Timestamp, secrets: &dyn Secrets) -> Result<Self, ProviderError> {
        if work.now >= whole_second(until) {
            return Err(refused("the grant is over: there are no more credentials for it"));
        }
        let external_id = target.external_id.as_ref().map(|place| secrets.read(place)).transpose();
        Ok(Self {
            role: parse_role(target)?,
            session_name: session_name(work.grant),
            source_identity: source_identity(&work.holder),
            grant: work.grant.to_string(),
            external_id: external_id.map_err(refused)?,
            policy: session_policy(target.session_policy.as_deref(), until).map_err(refused)?,
            seconds: seconds(work.now, until),
        })
    }

    /// Sends it.
    pub async fn send(&self, sts: &Client, region: &str) -> Result<Minted, ProviderError> {
        let tag =
            Tag::builder().key(GRANT_TAG).value(&self.grant).build().map_err(|error| refused(error.to_string()))?;
        let request = sts
            .assume_role()
            .role_arn(self.role.to_string())
            .role_session_name(&self.session_name)
            .source_identity(&self.source_identity)
            .tags(tag)
            .transitive_tag_keys(GRANT_TAG)
            .set_external_id(self.external_id.as_ref().map(|id| id.expose_secret().to_owned()))
            .policy(&self.policy)
            .duration_seconds(self.seconds);
        let output = Box::pin(call(Operation::AssumeRole, &self.role, request.send())).await?;
        warn_if_crowded(&output, &self.role);
        self.read(&output, region)
    }

    fn read(&self, output: &AssumeRoleOutput, region: &str) -> Result<Minted, ProviderError> {
        let Some(session) = output.credentials() else {
            let message = format!("AWS opened a session of {} and sent no credentials", self.role);
            return Err(ProviderError { kind: ErrorKind::Unavailable, message });
        };
        let expires_at = Timestamp::from_second(session.expiration().secs())
            .map_err(|error| refused(format!("AWS names an impossible expiry: {error}")))?;
        let user = output.assumed_role_user();
        let noted = [
            ("assumed_role_id", user.map(aws_sdk_sts::types::AssumedRoleUser::assumed_role_id)),
            ("assumed_role_arn", user.map(aws_sdk_sts::types::AssumedRoleUser::arn)),
            ("aws_request_id", output.request_id()),
        ];
        let noted = noted.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?.to_owned())));
        Ok(Minted {
            credentials: Credentials {
                access_key_id: session.access_key_id().to_owned(),
                secret_access_key: session.secret_access_key().to_owned().into(),
                session_token: session.session_token().to_owned().into(),
                expires_at,
                region: region.to_owned(),
                partition: self.role.partition.clone(),
            },
            receipt: Receipt(noted.collect::<BTreeMap<_, _>>()),
        })
    }
}

/// The role's ARN, checked.
pub(super) fn parse_role(target: &Target) -> Result<RoleArn, ProviderError> {
    RoleArn::parse(&target.role_arn).ok_or_else(|| {
        refused(format!("{} is not the ARN of an IAM role: mend the target's role_arn", target.role_arn))
    })
}

/// An error that no repetition mends.
pub(super) fn refused(message: impl Into<String>) -> ProviderError {
    ProviderError { kind: ErrorKind::Refused, message: message.into() }
}

/// How long a session to ask for: what is left of the grant, within what STS gives.
fn seconds(now: Timestamp, until: Timestamp) -> i32 {
    let left = until.duration_since(now);
    let whole = left.as_secs() + i64::from(left.subsec_nanos() > 0);
    i32::try_from(whole).unwrap_or(if whole < 0 { 0 } else { i32::MAX }).clamp(SHORTEST_SESSION, LONGEST_SESSION)
}

fn warn_if_crowded(output: &AssumeRoleOutput, role: &RoleArn) {
    if let Some(percent) = output.session_token_utilization().filter(|percent| *percent > CROWDED) {
        tracing::warn!(%role, percent, "the session token is nearly full: the target's session_policy should not grow");
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn sessions_are_as_long_as_the_grant_within_sts_limits() {
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        for (left, expected) in [
            (SignedDuration::from_secs(1), 900),
            (SignedDuration::from_secs(900), 900),
            (SignedDuration::from_mins(30), 1_800),
            (SignedDuration::from_millis(1_800_500), 1_801),
            (SignedDuration::from_hours(1), 3_600),
            (SignedDuration::from_hours(8), 3_600),
            (SignedDuration::from_hours(24 * 365 * 100), 3_600),
            (SignedDuration::from_secs(-5), 900),
        ] {
            assert_eq!(seconds(now, now + left), expected, "{left:?}");
        }
    }
}
