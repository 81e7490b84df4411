//! What can go wrong between the bot and AWS.

/// One way to go wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// An error answer; nothing was done.
    Refuse {
        /// The HTTP status.
        status: u16,
        /// AWS' error code.
        code: &'static str,
        /// AWS' words.
        message: &'static str,
    },
    /// What a load balancer says when nothing stands behind it.
    Html503,
    /// The work is done, and the answer is an HTTP 500.
    FailAfter,
    /// The work is done, and the connection breaks off instead of an answer.
    DropAfter,
    /// Nothing is done, and nothing is said until the cloud is healed; then the work is done after all.
    Hang,
    /// The work is done, and nothing is said until the cloud is healed.
    HangAfter,
    /// The call reaches the cloud twice, as behind a proxy that repeats what it has heard nothing of; the second answer is
    /// the one that arrives.
    Twice,
    /// Nothing is done, and this is the answer.
    Answer(String),
}

impl Fault {
    /// Too many calls.
    pub const THROTTLING: Self = Self::Refuse { status: 400, code: "Throttling", message: "Rate exceeded" };
    /// A permission is missing.
    pub const ACCESS_DENIED: Self = Self::Refuse {
        status: 403,
        code: "AccessDenied",
        message: "User: arn:aws:iam::123456789012:user/jit-bot is not authorized to perform: sts:TagSession on resource: x",
    };
    /// The role's inline policies are full.
    pub const LIMIT_EXCEEDED: Self =
        Self::Refuse { status: 409, code: "LimitExceeded", message: "Maximum policy size of 10240 bytes exceeded" };
    /// The bot's own key was deleted.
    pub const INVALID_KEY: Self =
        Self::Refuse { status: 403, code: "InvalidClientTokenId", message: "The security token is invalid." };
    /// A permission is missing, as newer services say it.
    pub const NOT_ALLOWED: Self = Self::Refuse { status: 400, code: "AccessDeniedException", message: "" };
    /// Somebody else is changing the same.
    pub const CONFLICT: Self =
        Self::Refuse { status: 400, code: "ConflictException", message: "previous successful write" };
    /// Too many calls, as newer services say it.
    pub const TOO_MANY: Self = Self::Refuse { status: 400, code: "ThrottlingException", message: "Rate exceeded" };
    /// The session policy is none.
    pub const MALFORMED_POLICY: Self =
        Self::Refuse { status: 400, code: "MalformedPolicyDocument", message: "Syntax errors in policy." };
}
