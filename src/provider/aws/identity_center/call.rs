//! A call to Identity Center, its identity store or Organizations: paced, counted, and its failure explained.

use std::{error::Error, time::Duration};

use aws_sdk_ssoadmin::error::ProvideErrorMetadata;
use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};

use super::{error::explain, quota::Quota};
use crate::provider::{ErrorKind, ProviderError, aws::fault::Fault};

/// The calls we make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    ListInstances,
    DescribePermissionSet,
    GetUserId,
    ListAssignmentsOfUser,
    ListAssignments,
    CreateAssignment,
    DeleteAssignment,
    CreationStatus,
    DeletionStatus,
    ListCreations,
    ListDeletions,
    GetInlinePolicy,
    PutInlinePolicy,
    DeleteInlinePolicy,
    Provision,
    ProvisioningStatus,
    ListAccounts,
    ListUnits,
}

impl Operation {
    /// As AWS and the metrics write it.
    pub fn name(self) -> &'static str {
        self.permission().split_once(':').map_or("", |(_, name)| name)
    }

    /// The permission it needs.
    pub fn permission(self) -> &'static str {
        match self {
            Self::ListInstances => "sso:ListInstances",
            Self::DescribePermissionSet => "sso:DescribePermissionSet",
            Self::GetUserId => "identitystore:GetUserId",
            Self::ListAssignmentsOfUser => "sso:ListAccountAssignmentsForPrincipal",
            Self::ListAssignments => "sso:ListAccountAssignments",
            Self::CreateAssignment => "sso:CreateAccountAssignment",
            Self::DeleteAssignment => "sso:DeleteAccountAssignment",
            Self::CreationStatus => "sso:DescribeAccountAssignmentCreationStatus",
            Self::DeletionStatus => "sso:DescribeAccountAssignmentDeletionStatus",
            Self::ListCreations => "sso:ListAccountAssignmentCreationStatus",
            Self::ListDeletions => "sso:ListAccountAssignmentDeletionStatus",
            Self::GetInlinePolicy => "sso:GetInlinePolicyForPermissionSet",
            Self::PutInlinePolicy => "sso:PutInlinePolicyToPermissionSet",
            Self::DeleteInlinePolicy => "sso:DeleteInlinePolicyFromPermissionSet",
            Self::Provision => "sso:ProvisionPermissionSet",
            Self::ProvisioningStatus => "sso:DescribePermissionSetProvisioningStatus",
            Self::ListAccounts => "organizations:ListAccountsForParent",
            Self::ListUnits => "organizations:ListOrganizationalUnitsForParent",
        }
    }

    /// What it means that no usable answer came: a write may have been done.
    pub fn silence(self) -> ErrorKind {
        match self {
            Self::CreateAssignment
            | Self::DeleteAssignment
            | Self::PutInlinePolicy
            | Self::DeleteInlinePolicy
            | Self::Provision => ErrorKind::Ambiguous,
            Self::ListInstances
            | Self::DescribePermissionSet
            | Self::GetUserId
            | Self::ListAssignmentsOfUser
            | Self::ListAssignments
            | Self::CreationStatus
            | Self::DeletionStatus
            | Self::ListCreations
            | Self::ListDeletions
            | Self::GetInlinePolicy
            | Self::ProvisioningStatus
            | Self::ListAccounts
            | Self::ListUnits => ErrorKind::Unavailable,
        }
    }
}

/// Why a step was not taken.
#[derive(Debug)]
pub(super) enum Halt {
    /// The bot's own quota is used up for so long.
    Pace(Duration),
    /// AWS did not do it.
    Failed(ProviderError),
}

impl Halt {
    /// Whether AWS says that what the call is about does not exist.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Failed(ProviderError { kind: ErrorKind::NotFound, .. }))
    }
}

impl From<ProviderError> for Halt {
    fn from(error: ProviderError) -> Self {
        Self::Failed(error)
    }
}

/// For those who cannot come back later by themselves.
impl From<Halt> for ProviderError {
    fn from(halt: Halt) -> Self {
        match halt {
            Halt::Failed(error) => error,
            Halt::Pace(wait) => Self { kind: ErrorKind::Throttled { after: Some(wait) }, message: OWN_PACE.to_owned() },
        }
    }
}

/// Why nothing is asked of AWS just now.
pub(super) const OWN_PACE: &str = "waiting for its turn: AWS takes only so many calls a second to Identity Center";

/// Makes a call when there is room for it. `about` names what it is about, in words.
pub(super) async fn call<O, E>(
    quota: &Quota,
    operation: Operation,
    about: &str,
    request: impl Future<Output = Result<O, SdkError<E, HttpResponse>>>,
) -> Result<O, Halt>
where
    E: Error + ProvideErrorMetadata + 'static,
{
    quota.call().await.map_err(Halt::Pace)?;
    match request.await {
        Ok(output) => {
            count(operation, "ok");
            Ok(output)
        }
        Err(error) => {
            let fault = Fault::of(&error);
            count(operation, fault.outcome());
            Err(explain(operation, about, &fault).into())
        }
    }
}

/// Counts a call, with all its attempts as one.
pub(super) fn count(operation: Operation, outcome: impl Into<metrics::SharedString>) {
    metrics::counter!("jit_aws_calls_total", "operation" => operation.name(), "outcome" => outcome.into()).increment(1);
}
