//! Who calls: the session behind a bearer token, and the address that a call comes from.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderMap, header, request::Parts},
};

use super::{V1, failure::Failure};
use crate::{
    api::ProblemCode,
    domain::{principal::Principal, session::Session},
};

/// Somebody with a session that can be used.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub session: Session,
}

impl Caller {
    /// For whom the call is made.
    pub(super) fn principal(&self) -> &Principal {
        &self.session.principal
    }

    /// Which run of a pipeline calls, as its proof said.
    pub(super) fn run(&self) -> Option<&str> {
        self.session.origin.as_ref()?.run_id.as_deref()
    }
}

impl FromRequestParts<Arc<V1>> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, v1: &Arc<V1>) -> Result<Self, Failure> {
        let refused = |code, detail: &str| Failure::new(code, detail);
        let place = Place::from_request_parts(parts, v1).await?;
        let Some(token) = bearer(&parts.headers) else {
            return Err(refused(
                ProblemCode::Unauthenticated,
                "Send `Authorization: Bearer` with a session's token: `jit login` gets one.",
            ));
        };
        let token = token.to_owned();
        let found = v1.app.ctx.store.read(move |tx| Box::pin(async move { tx.lookup_session(&token).await }));
        let found = found.await.map_err(|error| Failure::store(&v1.app, &error))?;
        let Some(session) = found else {
            // Whoever guesses gets slower; nobody guesses 256 bits.
            v1.admit(place)?;
            return Err(refused(ProblemCode::Unauthenticated, "This is no token of ours. `jit login` gets one."));
        };
        if !session.is_live(v1.app.ctx.clock.now()) {
            return Err(refused(
                ProblemCode::SessionExpired,
                "The session is over, or was revoked. `jit login` begins a new one.",
            ));
        }
        if let Principal::Workload(name) = &session.principal
            && !v1.app.ctx.env().catalog.workloads.contains_key(name)
        {
            return Err(refused(
                ProblemCode::SessionExpired,
                "The configuration does not know this workload any more.",
            ));
        }
        Ok(Self { session })
    }
}

/// The token of an `Authorization: Bearer` header.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty()).then_some(token.trim())
}

/// The address that a call comes from, as far as it is known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place(pub Option<IpAddr>);

impl Place {
    /// For people.
    pub(super) fn shown(self) -> String {
        self.0.map_or_else(|| "an unknown address".to_owned(), |address| address.to_string())
    }
}

impl FromRequestParts<Arc<V1>> for Place {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, v1: &Arc<V1>) -> Result<Self, Failure> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
        let told = v1.app.config.load().api.behind_proxy.then(|| forwarded_for(&parts.headers)).flatten();
        Ok(Self(told.or(peer).map(|address| address.to_canonical())))
    }
}

/// The last entry is what our own proxy has written; whatever stands before it may be made up.
fn forwarded_for(headers: &HeaderMap) -> Option<IpAddr> {
    let last = headers.get_all("x-forwarded-for").iter().next_back()?.to_str().ok()?;
    last.rsplit(',').next()?.trim().parse().ok()
}
