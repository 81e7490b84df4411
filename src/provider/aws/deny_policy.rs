//! The deny policy: an inline policy on the role that takes everything away from the sessions of one grant, and from
//! nobody else. It is written when a grant ends early and removed when those sessions would be dead anyway.
//!
//! One policy per grant: writing it is an upsert and removing it twice does no harm, so neither needs to look first.

use aws_sdk_iam::Client;
use serde_json::json;

use super::{
    arn::RoleArn,
    attempt, call,
    error::{Operation, explain},
    identity::{GRANT_TAG, deny_policy_name},
};
use crate::{domain::ids::GrantId, provider::ProviderError};

/// Denies the grant's sessions everything, at once and until [`remove`].
pub(super) async fn put(iam: &Client, role: &RoleArn, grant: GrantId) -> Result<(), ProviderError> {
    let request = iam
        .put_role_policy()
        .role_name(role.name())
        .policy_name(deny_policy_name(grant))
        .policy_document(document(grant));
    call(Operation::PutRolePolicy, role, request.send()).await.map(drop)
}

/// Takes the policy away; that it is not there, or that the role is gone, is success.
pub(super) async fn remove(iam: &Client, role: &RoleArn, grant: GrantId) -> Result<(), ProviderError> {
    let request = iam.delete_role_policy().role_name(role.name()).policy_name(deny_policy_name(grant));
    match attempt(Operation::DeleteRolePolicy.name(), request.send()).await {
        Ok(_) => Ok(()),
        Err(fault) if fault.is("NoSuchEntity") => Ok(()),
        Err(fault) => Err(explain(Operation::DeleteRolePolicy, role, &fault)),
    }
}

/// The policy: the tag is on every session of the grant, and stays on through further roles.
fn document(grant: GrantId) -> String {
    let tag = format!("aws:PrincipalTag/{GRANT_TAG}");
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "JitRevoked",
            "Effect": "Deny",
            "Action": "*",
            "Resource": "*",
            "Condition": { "StringEquals": { tag: grant.to_string() } },
        }],
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn the_document_names_the_grant_and_leaves_room_for_others() {
        let text = document(GrantId(Uuid::from_u128(0x0193_4f2b_7c1a_7cde_8f01_2345_6789_abcd)));
        insta::assert_snapshot!(text, @r#"{"Statement":[{"Action":"*","Condition":{"StringEquals":{"aws:PrincipalTag/JitGrantId":"01934f2b-7c1a-7cde-8f01-23456789abcd"}},"Effect":"Deny","Resource":"*","Sid":"JitRevoked"}],"Version":"2012-10-17"}"#);
        // the inline policies of one role may have 10,240 characters together
        assert!(10_240 / text.len() >= 45, "{}", text.len());
    }
}
