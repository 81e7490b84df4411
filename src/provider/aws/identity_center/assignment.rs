//! One assignment - a permission set on an account for a user - and the calls that look at it and change it.
//!
//! AWS makes and unmakes assignments in its own time: a call answers with a request, whose state has to be asked for.
//! Writes are sent once and never repeated by the SDK; whoever wants to send one again looks first.

use aws_sdk_ssoadmin::{
    Client,
    types::{
        AccountAssignment, AccountAssignmentOperationStatus as Operated, ListAccountAssignmentsFilter,
        OperationStatusFilter, PrincipalType, ProvisionTargetType, StatusValues, TargetType,
    },
};

use super::{
    call::{Halt, Operation, call},
    error::refused,
    facts::{Instance, short},
    notes::{Notes, Request},
    quota::Quota,
};
use crate::{domain::catalog::AwsIdentityCenter as Target, provider::ProviderError};

/// What stands before the id of a group.
pub(super) const GROUP: &str = "group ";

/// What AWS knows an assignment by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Assignment {
    pub instance_arn: String,
    pub account: String,
    pub permission_set_arn: String,
    pub user_id: String,
}

/// What a list shows of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// It is there.
    Assigned,
    /// The user has the same through a group.
    ThroughGroup,
    /// It is not there.
    Absent,
}

/// How far a request is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Status {
    /// AWS is at it.
    Running,
    /// Done.
    Succeeded,
    /// Not done, and why in AWS' words.
    Failed(String),
    /// AWS does not know the request: it forgets old ones.
    Forgotten,
}

/// The clients: one that repeats what went wrong on the way, and one that does not.
#[derive(Debug)]
pub(super) struct Wire {
    pub reading: Client,
    pub writing: Client,
}

impl Assignment {
    /// The one that a target and a receipt mean.
    pub fn of(target: &Target, notes: &Notes) -> Result<Self, ProviderError> {
        let (Some(user_id), Some(Instance { arn, .. })) = (&notes.user_id, &notes.instance) else {
            return Err(refused("it was never found out who the holder is in Identity Center: report this"));
        };
        Ok(Self {
            instance_arn: arn.clone(),
            account: target.account.clone(),
            permission_set_arn: target.permission_set_arn.clone(),
            user_id: user_id.clone(),
        })
    }

    /// In words.
    pub fn words(&self) -> String {
        format!("permission set {} in account {}", short(&self.permission_set_arn), self.account)
    }

    /// Whether a request of AWS' is about it.
    fn is_of(&self, request: &Operated) -> bool {
        request.target_id() == Some(&self.account)
            && request.permission_set_arn() == Some(&self.permission_set_arn)
            && request.principal_id() == Some(&self.user_id)
    }

    /// Its name among the writers to its account.
    pub fn writer(&self) -> String {
        format!("{} {}", self.user_id, self.permission_set_arn)
    }
}

impl Wire {
    /// Whether it is there. The user's own list for the account is short however many people there are.
    pub async fn look(&self, quota: &Quota, it: &Assignment) -> Result<Seen, Halt> {
        let filter = ListAccountAssignmentsFilter::builder().account_id(&it.account).build();
        let mut seen = Seen::Absent;
        let mut next = None;
        loop {
            let request = self
                .reading
                .list_account_assignments_for_principal()
                .instance_arn(&it.instance_arn)
                .principal_type(PrincipalType::User)
                .principal_id(&it.user_id)
                .filter(filter.clone())
                .max_results(100)
                .set_next_token(next);
            let page = call(quota, Operation::ListAssignmentsOfUser, &it.words(), request.send()).await?;
            for one in page.account_assignments() {
                let fits =
                    one.account_id() == Some(&it.account) && one.permission_set_arn() == Some(&it.permission_set_arn);
                match one.principal_type() {
                    Some(PrincipalType::User) if fits && one.principal_id() == Some(&it.user_id) => {
                        return Ok(Seen::Assigned);
                    }
                    Some(PrincipalType::Group) if fits => seen = Seen::ThroughGroup,
                    _ => {}
                }
            }
            next = page.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
            if next.is_none() {
                return Ok(seen);
            }
        }
    }

    /// Which users and groups have a target's permission set, by whomever. A group's name begins with [`GROUP`]: it is none
    /// of our holders.
    pub async fn assigned(&self, quota: &Quota, instance_arn: &str, target: &Target) -> Result<Vec<String>, Halt> {
        let about = format!("permission set {} in account {}", short(&target.permission_set_arn), target.account);
        let (mut assigned, mut next) = (Vec::new(), None);
        loop {
            let request = self
                .reading
                .list_account_assignments()
                .instance_arn(instance_arn)
                .account_id(&target.account)
                .permission_set_arn(&target.permission_set_arn)
                .max_results(100)
                .set_next_token(next);
            let page = call(quota, Operation::ListAssignments, &about, request.send()).await?;
            assigned.extend(page.account_assignments().iter().filter_map(principal));
            next = page.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
            if next.is_none() {
                return Ok(assigned);
            }
        }
    }

    /// Asks for it; gives the request's id and how far it is.
    pub async fn create(&self, quota: &Quota, it: &Assignment) -> Result<(String, Status), Halt> {
        let request = self
            .writing
            .create_account_assignment()
            .instance_arn(&it.instance_arn)
            .target_type(TargetType::AwsAccount)
            .target_id(&it.account)
            .permission_set_arn(&it.permission_set_arn)
            .principal_type(PrincipalType::User)
            .principal_id(&it.user_id);
        let answer = call(quota, Operation::CreateAssignment, &it.words(), request.send()).await?;
        Ok(read(answer.account_assignment_creation_status()))
    }

    /// Asks for it to be taken away.
    pub async fn delete(&self, quota: &Quota, it: &Assignment) -> Result<(String, Status), Halt> {
        let request = self
            .writing
            .delete_account_assignment()
            .instance_arn(&it.instance_arn)
            .target_type(TargetType::AwsAccount)
            .target_id(&it.account)
            .permission_set_arn(&it.permission_set_arn)
            .principal_type(PrincipalType::User)
            .principal_id(&it.user_id);
        let answer = call(quota, Operation::DeleteAssignment, &it.words(), request.send()).await?;
        Ok(read(answer.account_assignment_deletion_status()))
    }

    /// Brings the permission set, as it is now, to the account.
    pub async fn provision(&self, quota: &Quota, it: &Assignment) -> Result<(String, Status), Halt> {
        let request = self
            .writing
            .provision_permission_set()
            .instance_arn(&it.instance_arn)
            .permission_set_arn(&it.permission_set_arn)
            .target_type(ProvisionTargetType::AwsAccount)
            .target_id(&it.account);
        let answer = call(quota, Operation::Provision, &it.words(), request.send()).await?;
        let status = answer.permission_set_provisioning_status();
        let id = status.and_then(|it| it.request_id()).unwrap_or_default().to_owned();
        Ok((id, status_of(status.and_then(|it| it.status()), status.and_then(|it| it.failure_reason()))))
    }

    /// How far a request is.
    pub async fn poll(&self, quota: &Quota, it: &Assignment, request: &Request) -> Result<Status, Halt> {
        let asked = match request {
            Request::Create(id) => self.creation(quota, it, id).await.map(|(_, status)| status),
            Request::Delete(id) => self.deletion(quota, it, id).await.map(|(_, status)| status),
            Request::Provision(id) => {
                let request = self
                    .reading
                    .describe_permission_set_provisioning_status()
                    .instance_arn(&it.instance_arn)
                    .provision_permission_set_request_id(id);
                let answer = call(quota, Operation::ProvisioningStatus, &it.words(), request.send()).await;
                answer.map(|answer| {
                    let status = answer.permission_set_provisioning_status();
                    status_of(status.and_then(|it| it.status()), status.and_then(|it| it.failure_reason()))
                })
            }
        };
        match asked {
            Err(halt) if halt.is_not_found() => Ok(Status::Forgotten),
            asked => asked,
        }
    }

    /// Finds a creation under way whose answer never reached us. AWS' list does not say what each is about, but there are
    /// ten at most.
    pub async fn find_creation(&self, quota: &Quota, it: &Assignment) -> Result<Option<String>, Halt> {
        let filter = OperationStatusFilter::builder().status(StatusValues::InProgress).build();
        let request = self
            .reading
            .list_account_assignment_creation_status()
            .instance_arn(&it.instance_arn)
            .max_results(100)
            .filter(filter);
        let page = call(quota, Operation::ListCreations, &it.words(), request.send()).await?;
        for id in page.account_assignments_creation_status().iter().filter_map(|one| one.request_id()) {
            match self.creation(quota, it, id).await {
                Ok((true, Status::Running)) => return Ok(Some(id.to_owned())),
                Ok(_) => {}
                Err(halt) if halt.is_not_found() => {}
                Err(halt) => return Err(halt),
            }
        }
        Ok(None)
    }

    /// The same for taking it away.
    pub async fn find_deletion(&self, quota: &Quota, it: &Assignment) -> Result<Option<String>, Halt> {
        let filter = OperationStatusFilter::builder().status(StatusValues::InProgress).build();
        let request = self
            .reading
            .list_account_assignment_deletion_status()
            .instance_arn(&it.instance_arn)
            .max_results(100)
            .filter(filter);
        let page = call(quota, Operation::ListDeletions, &it.words(), request.send()).await?;
        for id in page.account_assignments_deletion_status().iter().filter_map(|one| one.request_id()) {
            match self.deletion(quota, it, id).await {
                Ok((true, Status::Running)) => return Ok(Some(id.to_owned())),
                Ok(_) => {}
                Err(halt) if halt.is_not_found() => {}
                Err(halt) => return Err(halt),
            }
        }
        Ok(None)
    }

    /// How far a deletion is, and whether it is of this assignment.
    async fn deletion(&self, quota: &Quota, it: &Assignment, id: &str) -> Result<(bool, Status), Halt> {
        let request = self
            .reading
            .describe_account_assignment_deletion_status()
            .instance_arn(&it.instance_arn)
            .account_assignment_deletion_request_id(id);
        let answer = call(quota, Operation::DeletionStatus, &it.words(), request.send()).await?;
        let status = answer.account_assignment_deletion_status();
        Ok((status.is_some_and(|status| it.is_of(status)), read(status).1))
    }

    /// How far a creation is, and whether it is of this assignment.
    async fn creation(&self, quota: &Quota, it: &Assignment, id: &str) -> Result<(bool, Status), Halt> {
        let request = self
            .reading
            .describe_account_assignment_creation_status()
            .instance_arn(&it.instance_arn)
            .account_assignment_creation_request_id(id);
        let answer = call(quota, Operation::CreationStatus, &it.words(), request.send()).await?;
        let status = answer.account_assignment_creation_status();
        Ok((status.is_some_and(|status| it.is_of(status)), read(status).1))
    }
}

fn principal(it: &AccountAssignment) -> Option<String> {
    let id = it.principal_id()?;
    let is_group = it.principal_type() == Some(&PrincipalType::Group);
    Some(if is_group { format!("{GROUP}{id}") } else { id.to_owned() })
}

fn read(operated: Option<&Operated>) -> (String, Status) {
    let id = operated.and_then(Operated::request_id).unwrap_or_default().to_owned();
    (id, status_of(operated.and_then(Operated::status), operated.and_then(Operated::failure_reason)))
}

/// A status that we do not know is not final.
fn status_of(status: Option<&StatusValues>, reason: Option<&str>) -> Status {
    match status {
        Some(StatusValues::Succeeded) => Status::Succeeded,
        Some(StatusValues::Failed) => Status::Failed(reason.unwrap_or("no reason given").to_owned()),
        _ => Status::Running,
    }
}
