//! The inline policy of one grant on a user or a role.
//!
//! It carries the grant's id in its name and the grant's end in its conditions. Writing it is an upsert, so a later end
//! is written in the same way as the first one, and removing what is not there is success.

use aws_sdk_iam::Client;
use jiff::Timestamp;

use super::{
    super::sts::refused,
    error::{Operation, call, call_if_there, unmodifiable},
};
use crate::{
    domain::{
        catalog::{AwsIamPolicy, IamPrincipal},
        iam_policy,
        ids::GrantId,
        time::whole_second,
    },
    provider::{Observed, ProviderError, Receipt, Work},
};

/// Under which key a receipt names the policy.
const POLICY: &str = "policy";
/// Under which key it says until when the policy opens anything.
const UNTIL: &str = "until";
/// What the names of our policies begin with.
const PREFIX: &str = "jit-";
/// Where the roles are that AWS alone may change: those of its services, and those of Identity Center.
const RESERVED: [&str; 2] = ["/aws-service-role/", "/aws-reserved/"];

/// What a grant's policy is called.
fn name_of(grant: GrantId) -> String {
    format!("{PREFIX}{grant}")
}

/// The grant that a policy is of, if it is one of ours.
pub(super) fn grant_of(name: &str) -> Option<GrantId> {
    name.strip_prefix(PREFIX)?.parse().ok().filter(|grant| name_of(*grant) == name)
}

pub(super) async fn resolve(iam: &Client, target: &AwsIamPolicy, work: &Work) -> Result<Receipt, ProviderError> {
    let subject = target.on.to_string();
    match &target.on {
        IamPrincipal::User(user) => {
            call(Operation::GetUser, &subject, iam.get_user().user_name(user).send()).await?;
        }
        IamPrincipal::Role(role) => {
            let answer = call(Operation::GetRole, &subject, iam.get_role().role_name(role).send()).await?;
            let path = answer.role().map(aws_sdk_iam::types::Role::path).unwrap_or_default();
            if RESERVED.iter().any(|reserved| path.starts_with(reserved)) {
                return Err(refused(unmodifiable(&subject)));
            }
        }
    }
    Ok(work.receipt.clone())
}

/// What does not say what was written last is as good as none: somebody has changed it, or an earlier write came late. It
/// is to be written again.
pub(super) async fn observe(iam: &Client, target: &AwsIamPolicy, work: &Work) -> Result<Observed, ProviderError> {
    let Some(found) = read(iam, target, work.grant).await? else { return Ok(Observed::Absent) };
    let noted = work.receipt.0.get(UNTIL).and_then(|until| until.parse().ok());
    let written = noted.and_then(|until| iam_policy::ending(&target.policy, until).ok());
    let is_changed = written.is_some_and(|written| !iam_policy::are_same(&written, &found));
    Ok(if is_changed { Observed::Absent } else { Observed::Present })
}

/// The policy as AWS has it.
async fn read(iam: &Client, target: &AwsIamPolicy, grant: GrantId) -> Result<Option<String>, ProviderError> {
    let (subject, name) = (target.on.to_string(), name_of(grant));
    let document = match &target.on {
        IamPrincipal::User(user) => {
            let request = iam.get_user_policy().user_name(user).policy_name(name);
            let answer = call_if_there(Operation::GetUserPolicy, &subject, request.send()).await?;
            answer.map(|answer| decoded(answer.policy_document()))
        }
        IamPrincipal::Role(role) => {
            let request = iam.get_role_policy().role_name(role).policy_name(name);
            let answer = call_if_there(Operation::GetRolePolicy, &subject, request.send()).await?;
            answer.map(|answer| decoded(answer.policy_document()))
        }
    };
    Ok(document)
}

pub(super) async fn put(
    iam: &Client,
    target: &AwsIamPolicy,
    work: &Work,
    until: Timestamp,
) -> Result<Receipt, ProviderError> {
    let (subject, name) = (target.on.to_string(), name_of(work.grant));
    let document = iam_policy::ending(&target.policy, until)
        .map_err(|flaw| refused(format!("the policy for {subject} cannot be used: {flaw}")))?;
    match &target.on {
        IamPrincipal::User(user) => {
            let request = iam.put_user_policy().user_name(user).policy_name(&name).policy_document(document);
            call(Operation::PutUserPolicy, &subject, request.send()).await?;
        }
        IamPrincipal::Role(role) => {
            let request = iam.put_role_policy().role_name(role).policy_name(&name).policy_document(document);
            call(Operation::PutRolePolicy, &subject, request.send()).await?;
        }
    }
    let mut receipt = work.receipt.clone();
    receipt.0.insert(POLICY.to_owned(), name);
    receipt.0.insert(UNTIL.to_owned(), whole_second(until).to_string());
    Ok(receipt)
}

/// That the policy is not there, or that the user or role is gone, is success, also where the bot may look and not remove:
/// somebody may have done it by hand.
pub(super) async fn remove(iam: &Client, target: &AwsIamPolicy, work: &Work) -> Result<Receipt, ProviderError> {
    if let Err(error) = delete(iam, target, work.grant).await
        && !(error.kind.is_final() && read(iam, target, work.grant).await == Ok(None))
    {
        return Err(error);
    }
    Ok(work.receipt.clone())
}

async fn delete(iam: &Client, target: &AwsIamPolicy, grant: GrantId) -> Result<(), ProviderError> {
    let (subject, name) = (target.on.to_string(), name_of(grant));
    match &target.on {
        IamPrincipal::User(user) => {
            let request = iam.delete_user_policy().user_name(user).policy_name(name);
            call_if_there(Operation::DeleteUserPolicy, &subject, request.send()).await.map(drop)
        }
        IamPrincipal::Role(role) => {
            let request = iam.delete_role_policy().role_name(role).policy_name(name);
            call_if_there(Operation::DeleteRolePolicy, &subject, request.send()).await.map(drop)
        }
    }
}

/// IAM gives documents in percent encoding.
fn decoded(text: &str) -> String {
    let form = format!("document={}", text.replace('+', "%2B"));
    url::form_urlencoded::parse(form.as_bytes()).next().map(|(_, document)| document.into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_policy_is_known_by_its_name() {
        let grant = GrantId(Uuid::from_u128(0x0193_4f2b_7c1a_7cde_8f01_2345_6789_abcd));
        let name = name_of(grant);
        assert_eq!(name, "jit-01934f2b-7c1a-7cde-8f01-23456789abcd");
        assert_eq!(grant_of(&name), Some(grant));
        for other in ["jit-", "jit-admin", "jit-01934f2b7c1a7cde8f0123456789abcd", "JitRevoked-x", &name.to_uppercase()]
        {
            assert_eq!(grant_of(other), None, "{other}");
        }
    }

    #[test]
    fn documents_are_decoded() {
        assert_eq!(decoded("%7B%22a%22%3A%20%22b+c%2Bd%25%26%3D%22%7D"), r#"{"a": "b+c+d%&="}"#);
    }
}
