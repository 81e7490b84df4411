//! What goes over the wire: every call to Azure is counted as it is sent, by the name that Azure has for it, the question
//! for a token too; and none waits for an answer for ever.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use azure_core::{
    Error,
    error::ErrorKind,
    http::{AsyncRawResponse, HttpClient, Method, Request, Url},
};

use crate::provider::tally;

/// So long Azure may take for an answer. Assignments usually take it two seconds.
const PATIENCE: Duration = Duration::from_secs(8);

/// A transport that counts.
#[derive(Debug, Clone)]
pub(super) struct Counted(pub Arc<dyn HttpClient>);

#[async_trait]
impl HttpClient for Counted {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let operation = operation(request.method(), request.url());
        tally::sent(&operation);
        let answer = tokio::time::timeout(PATIENCE, self.0.execute_request(request)).await;
        let answer = answer.unwrap_or_else(|_| Err(Error::with_message(ErrorKind::Io, "no answer in time")));
        let outcome = match &answer {
            Ok(answer) if answer.status().is_success() => "ok".to_owned(),
            Ok(answer) => u16::from(answer.status()).to_string(),
            Err(_) => "unreachable".to_owned(),
        };
        metrics::counter!("jit_azure_calls_total", "operation" => operation, "outcome" => outcome).increment(1);
        answer
    }
}

/// The call's name: its method and the collection it goes to, without ids.
pub(super) fn operation(method: Method, url: &Url) -> String {
    if url.path().ends_with("/oauth2/v2.0/token") || url.path().ends_with("/identity/oauth2/token") {
        return "token".to_owned();
    }
    let named = [
        "roleAssignmentScheduleRequests",
        "roleAssignmentScheduleInstances",
        "assignmentScheduleRequests",
        "assignmentScheduleInstances",
        "roleManagementPolicyAssignments",
        "roleManagementPolicies",
        "permissions",
        "users",
    ];
    let segments: Vec<&str> = url.path_segments().map(Iterator::collect).unwrap_or_default();
    let collection = named.into_iter().find(|name| segments.contains(name)).unwrap_or("other");
    let method = match method {
        Method::Post if segments.last() == Some(&"cancel") => "Cancel",
        Method::Get => "Get",
        Method::Put => "Put",
        Method::Post => "Post",
        Method::Delete => "Delete",
        Method::Head => "Head",
        Method::Patch => "Patch",
        _ => "Other",
    };
    format!("{method} {collection}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_have_names_without_ids() {
        let arm = "https://management.azure.com/subscriptions/1/providers/Microsoft.Authorization";
        for (method, url, name) in [
            (Method::Put, format!("{arm}/roleAssignmentScheduleRequests/2"), "Put roleAssignmentScheduleRequests"),
            (
                Method::Post,
                format!("{arm}/roleAssignmentScheduleRequests/2/cancel"),
                "Cancel roleAssignmentScheduleRequests",
            ),
            (Method::Get, "https://graph.microsoft.com/v1.0/users/anna".to_owned(), "Get users"),
            (Method::Post, "https://login.microsoftonline.com/t/oauth2/v2.0/token".to_owned(), "token"),
            (Method::Get, "https://graph.microsoft.com/v1.0/me".to_owned(), "Get other"),
        ] {
            assert_eq!(operation(method, &url.parse().unwrap()), name);
        }
    }
}
