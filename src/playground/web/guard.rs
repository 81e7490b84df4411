//! Who may talk to the page: browsers on this machine that asked for it by this machine's own name, and nobody's page
//! but ours. Without this, any site that is open in the same browser could press buttons here.

use std::net::SocketAddr;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

/// Everything comes from here; nothing is taken from, sent to or framed by anybody else.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Lets a request through, or not.
pub(super) async fn check(State(address): State<SocketAddr>, request: Request, next: Next) -> Response {
    let mut response = match trusted(address, request.method(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(why) => (StatusCode::FORBIDDEN, why).into_response(),
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

fn trusted(address: SocketAddr, method: &Method, headers: &HeaderMap) -> Result<(), &'static str> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text(header::HOST).unwrap_or_default();
    let ours = ["localhost", "127.0.0.1", "[::1]"].map(|name| format!("{name}:{}", address.port()));
    if !ours.iter().any(|name| name == host) {
        return Err("The playground answers to this machine's own names alone: localhost or 127.0.0.1.\n");
    }
    let origin = text(header::ORIGIN);
    let is_safe = matches!(*method, Method::GET | Method::HEAD);
    let is_own = origin.is_some_and(|origin| origin == format!("http://{host}"));
    if is_safe || is_own { Ok(()) } else { Err("Only the playground's own page may do this.\n") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_page_on_this_machine_is_trusted() {
        let address = "127.0.0.1:4804".parse().unwrap();
        for (method, host, origin, is_trusted) in [
            ("GET", "127.0.0.1:4804", None, true),
            ("GET", "localhost:4804", None, true),
            ("GET", "jit.evil.example:4804", None, false),
            ("GET", "127.0.0.1", None, false),
            ("GET", "127.0.0.1.evil.example:4804", None, false),
            ("POST", "localhost:4804", Some("http://localhost:4804"), true),
            ("POST", "localhost:4804", None, false),
            ("POST", "localhost:4804", Some("http://evil.example"), false),
            ("POST", "localhost:4804", Some("null"), false),
            ("POST", "evil.example:4804", Some("http://evil.example:4804"), false),
            ("DELETE", "localhost:4804", None, false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, origin.parse().unwrap());
            }
            let trusted = trusted(address, &method.parse().unwrap(), &headers).is_ok();
            assert_eq!(trusted, is_trusted, "{method} {host} from {origin:?}");
        }
    }
}
