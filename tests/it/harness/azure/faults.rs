//! What can go wrong between the bot and Azure.

use serde_json::{Value, json};

/// One way to go wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// An error answer; nothing was done.
    Refuse {
        /// The HTTP status.
        status: u16,
        /// Azure's error code.
        code: &'static str,
        /// Azure's words.
        message: &'static str,
    },
    /// Too many calls; to be left alone for so many seconds.
    Throttled(u32),
    /// What a gateway says when nothing stands behind it.
    Html503,
    /// Nothing was done, and the answer is an HTTP 500.
    FailBefore,
    /// The work is done, and the answer is an HTTP 500.
    FailAfter,
    /// The work is done, and the connection breaks off instead of an answer.
    DropAfter,
    /// Nothing is done, and nothing is said until Azure is healed; then the work is done after all.
    Hang,
    /// The work is done, and nothing is said until Azure is healed.
    HangAfter,
    /// The token endpoint refuses, with this number (`AADSTS…`) and these words.
    Token {
        /// The number.
        code: u32,
        /// The words after it; line ends come in JSON as they come from Entra.
        words: &'static str,
    },
    /// Nothing is done, and this is the answer, with 200.
    Answer(Value),
}

impl Fault {
    /// A permission is missing, as Azure Resource Manager says it.
    pub const FORBIDDEN: Self = Self::Refuse {
        status: 403,
        code: "AuthorizationFailed",
        message: "The client '2f0c8f3d' with object id '2f0c8f3d' does not have authorization to perform action 'Microsoft.Authorization/roleAssignmentScheduleRequests/write' over scope '/subscriptions/x' or the scope is invalid. If access was recently granted, please refresh your credentials.",
    };
    /// A permission is missing, as Graph says it.
    pub const NOT_CONSENTED: Self = Self::Refuse {
        status: 403,
        code: "PermissionScopeNotGranted",
        message: "Authorization failed due to missing permission scope RoleAssignmentSchedule.ReadWrite.Directory.",
    };
    /// The principal was made a moment ago.
    pub const SUBJECT_NOT_FOUND: Self =
        Self::Refuse { status: 400, code: "SubjectNotFound", message: "The subject is not found." };
    /// The tenant has not paid for Privileged Identity Management.
    pub const NO_LICENSE: Self = Self::Refuse {
        status: 400,
        code: "AadPremiumLicenseRequired",
        message: "The tenant needs to have Microsoft Entra ID P2 or Microsoft Entra ID Governance license.",
    };
    /// Another request for the same is under way.
    pub const PENDING: Self = Self::Refuse {
        status: 400,
        code: "PendingRoleAssignmentRequest",
        message: "There is already an existing pending Role assignment request.",
    };

    /// The token endpoint does not know the bot's secret.
    pub const WRONG_SECRET: Self = Self::Token {
        code: 7_000_215,
        words: "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '2f0c8f3d'.",
    };
    /// The bot's secret has run out.
    pub const EXPIRED_SECRET: Self = Self::Token {
        code: 7_000_222,
        words: "The provided client secret keys for app '2f0c8f3d' are expired.\r\nVisit the Azure portal to create new keys for your app.",
    };
    /// There is no such application in the tenant.
    pub const UNKNOWN_APP: Self = Self::Token {
        code: 700_016,
        words: "Application with identifier '2f0c8f3d' was not found in the directory 'Acme'.",
    };
    /// There is no such tenant.
    pub const UNKNOWN_TENANT: Self = Self::Token {
        code: 90_002,
        words: "Tenant '7c1d6a52' not found. Check to make sure you have the correct tenant ID.",
    };

    /// The body of an error answer of Azure Resource Manager or Graph.
    pub(super) fn body(code: &str, message: &str, graph: bool) -> Value {
        let mut body = json!({ "error": { "code": code, "message": message } });
        if graph {
            let request = "f0f0f0f0-1111-2222-3333-444444444444";
            body["error"]["innerError"] =
                json!({ "date": "2026-11-21T12:00:00", "request-id": request, "client-request-id": request });
        }
        body
    }
}
