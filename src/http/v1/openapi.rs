//! The OpenAPI document: made from the handlers and the types they use, served, and committed as `docs/openapi.json`.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use utoipa::{
    OpenApi,
    openapi::{
        Components, ContactBuilder, Content, OpenApi as Document, Ref, RefOr, Response, ResponseBuilder,
        path::{Operation, PathItem},
        security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
    },
};

use super::{audit, credentials, grants, login, requests, workloads};
use crate::api::{CONTENT_TYPE, ProblemCode};

/// The document's path below `/v1`, served to everybody.
pub(super) async fn document() -> Json<Document> {
    Json(openapi())
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "jit",
        version = "1",
        description = "Time-bound access to clouds, approved by people in Slack: the API that `jit run` and pipelines use.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    paths(
        login::begin, login::look, workloads::prove, login::whoami, login::sign_out,
        requests::roles, requests::ask, requests::mine, requests::one, requests::withdraw,
        grants::mine, grants::one, grants::prolong, grants::give_back, grants::beat,
        credentials::claim, credentials::console,
        audit::trail
    ),
    components(schemas(crate::api::Problem)),
    tags(
        (name = "signing in", description = "People confirm a code in Slack, pipelines prove who they are."),
        (name = "asking", description = "Roles, and requests for them."),
        (name = "having", description = "Grants, their credentials and their end."),
        (name = "auditing", description = "The trail.")
    )
)]
struct Described;

/// The API's description.
#[must_use]
pub fn openapi() -> Document {
    let mut document = Described::openapi();
    document.info.contact = Some(ContactBuilder::new().name(Some("Whoever runs this jit")).build());
    let components = document.components.get_or_insert_with(Components::new);
    for (name, words) in [
        ("session", "A session's token, `jits_…`: from `jit login`, or from a pipeline's proof."),
        ("poll_token", "The token by which a machine asks how its login stands, `jitp_…`."),
    ] {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(words)).build();
        components.add_security_scheme(name, SecurityScheme::Http(scheme));
    }
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in operations(item) {
            if operation.security.is_none() {
                operation.security = Some(vec![SecurityRequirement::new("session", Vec::<String>::new())]);
            }
            add_problems(operation, &problems(method, path));
        }
    }
    document
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let all = [("get", &mut item.get), ("post", &mut item.post), ("delete", &mut item.delete)];
    all.into_iter().filter_map(|(method, operation)| operation.as_mut().map(|operation| (method, operation)))
}

/// What can be wrong with a call of this route, besides what can be wrong with every call.
fn problems(method: &str, path: &str) -> BTreeSet<ProblemCode> {
    use ProblemCode as P;
    let everywhere = [P::InvalidRequest, P::MethodNotAllowed, P::Internal];
    let body = [P::TooLarge, P::TooSlow];
    let session = [P::Unauthenticated, P::SessionExpired, P::RateLimited];
    let theirs = [P::NotFound, P::Forbidden];
    let asking = [
        P::UnknownRole,
        P::NotARequester,
        P::DurationTooLong,
        P::DurationTooShort,
        P::ReasonRequired,
        P::TicketRequired,
        P::NoRuleFits,
        P::TooFewApprovers,
        P::LimitReached,
        P::IdempotencyMismatch,
        P::SlackUnavailable,
    ];
    let cloud = [P::CloudRefused, P::CloudUnavailable];
    let own: Vec<&[P]> = match (method, path) {
        ("post", "/v1/logins") => vec![&body, &[P::RateLimited]],
        ("get", "/v1/logins/{id}") => vec![&[P::Unauthenticated, P::NotFound, P::RateLimited]],
        ("post", "/v1/workload-sessions") => vec![
            &body,
            &[
                P::WorkloadUnknown,
                P::TokenInvalid,
                P::TokenExpired,
                P::TokenReplayed,
                P::AudienceMismatch,
                P::IssuerUnavailable,
                P::RateLimited,
            ],
        ],
        ("get", "/v1/whoami" | "/v1/roles" | "/v1/requests" | "/v1/grants") | ("delete", "/v1/session") => {
            vec![&session]
        }
        ("post", "/v1/requests") => vec![&session, &body, &asking],
        ("get", "/v1/requests/{id}" | "/v1/grants/{id}") => vec![&session, &theirs],
        ("delete", "/v1/requests/{id}") => vec![&session, &theirs, &[P::Conflict]],
        ("post", "/v1/grants/{id}/extend") => {
            vec![&session, &body, &theirs, &asking, &[P::GrantNotActive, P::AlreadyPending]]
        }
        ("post", "/v1/grants/{id}/end") => vec![&session, &body, &theirs, &[P::GrantNotActive]],
        ("post", "/v1/grants/{id}/heartbeat") => vec![&session, &body, &theirs],
        ("post", "/v1/grants/{id}/credentials" | "/v1/grants/{id}/console") => {
            vec![&session, &body, &theirs, &cloud, &[P::GrantNotActive, P::NoCredentials, P::PlanMismatch]]
        }
        ("get", "/v1/audit") => vec![&session, &[P::Forbidden]],
        _ => Vec::new(),
    };
    own.into_iter().flatten().chain(&everywhere).copied().collect()
}

/// An answer for each status, which names the codes that come with it.
fn add_problems(operation: &mut Operation, codes: &BTreeSet<ProblemCode>) {
    let mut by_status: BTreeMap<u16, Vec<ProblemCode>> = BTreeMap::new();
    for code in codes {
        by_status.entry(code.status()).or_default().push(*code);
    }
    for (status, codes) in by_status {
        operation.responses.responses.insert(status.to_string(), RefOr::T(answer(&codes)));
    }
}

fn answer(codes: &[ProblemCode]) -> Response {
    let word = |code: &ProblemCode| {
        let name = serde_json::to_value(code).unwrap_or_default();
        format!("`{}`: {}", name.as_str().unwrap_or_default(), code.title())
    };
    let words: Vec<String> = codes.iter().map(word).collect();
    let schema = RefOr::Ref(Ref::from_schema_name("Problem"));
    ResponseBuilder::new().description(words.join("; ")).content(CONTENT_TYPE, Content::new(Some(schema))).build()
}
