//! The page on which the holder of a grant claims its credentials.
//!
//! Looking at the page changes nothing, so that link previews and mail scanners cannot use the link up; only the click
//! on its button does. Credentials pass through memory to that one answer and nowhere else.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use maud::Markup;
use secrecy::ExposeSecret;

use super::{
    page::{self, Shown},
    slack::reference,
};
use crate::{
    app::App,
    domain::audit::Purpose,
    provider::{Cause, Credentials, Holder, Provider, ProviderError, Receipt, Work},
    store::StoreError,
    usecase::claim::{self, Claim, Refused, Token},
};

/// The page with the button. It is the same for every link, good or bad: only the click tells.
pub async fn show(Path(token): Path<String>) -> Response {
    sealed(StatusCode::OK, page::invitation(&token))
}

/// The click: uses the link up and shows credentials that were minted for it.
pub async fn claim(State(app): State<Arc<App>>, Path(token): Path<String>) -> Response {
    match redeem(&app, token, Purpose::Shell).await {
        Ok(Ok(minted)) => {
            let Minted { claim, credentials, console, .. } = minted;
            sealed(
                StatusCode::OK,
                page::credentials(&Shown { claim: &claim, credentials: &credentials, console: &console }),
            )
        }
        Ok(Err(no)) => sealed(StatusCode::GONE, page::refused(&no)),
        Err(error) => failed(&app, &error),
    }
}

/// The click on "Open the AWS console": fresh credentials, exchanged for a sign-in link, to which the browser is sent.
pub async fn console(State(app): State<Arc<App>>, Path(token): Path<String>) -> Response {
    let minted = match redeem(&app, token, Purpose::Console).await {
        Ok(Ok(minted)) => minted,
        Ok(Err(no)) => return sealed(StatusCode::GONE, page::refused(&no)),
        Err(error) => return failed(&app, &error),
    };
    match minted.provider.console(&minted.credentials).await {
        Ok(link) => guarded(Redirect::to(link.expose_secret()).into_response()),
        Err(error) => {
            tracing::warn!(grant = %minted.claim.grant.id, %error, "the console could not be opened");
            sealed(StatusCode::OK, page::refused(&No::Cloud(error)))
        }
    }
}

/// Credentials that the trail knows of.
struct Minted {
    claim: Claim,
    credentials: Credentials,
    console: Token,
    provider: Arc<dyn Provider>,
}

/// Why there are none.
#[expect(clippy::large_enum_variant, reason = "one at a time, and gone when the page is written")]
pub(super) enum No {
    /// The link or the grant says no.
    Refused(Refused),
    /// The cloud says no.
    Cloud(ProviderError),
}

async fn redeem(app: &App, token: String, purpose: Purpose) -> Result<Result<Minted, No>, StoreError> {
    let env = app.ctx.env();
    let begun =
        app.ctx.store.write(move |tx| Box::pin(async move { claim::begin(tx, &env, &token, purpose).await })).await?;
    let claim = match begun {
        Ok(claim) => claim,
        Err(refused) => return Ok(Err(No::Refused(refused))),
    };
    let (provider, credentials) = match mint(app, &claim).await {
        Ok(minted) => minted,
        Err(error) => {
            tracing::warn!(grant = %claim.grant.id, %error, "credentials could not be minted");
            let (env, why) = (app.ctx.env(), error.message.clone());
            app.ctx.store.write(move |tx| Box::pin(async move { claim::fail(tx, &env, &claim, why).await })).await?;
            return Ok(Err(No::Cloud(error)));
        }
    };
    let (env, kept, key) = (app.ctx.env(), claim.clone(), credentials.access_key_id.clone());
    let finished =
        app.ctx.store.write(move |tx| Box::pin(async move { claim::finish(tx, &env, &kept, key).await })).await?;
    Ok(match finished {
        Ok(console) => Ok(Minted { claim, credentials, console, provider }),
        Err(refused) => Err(No::Refused(refused)),
    })
}

/// Has the cloud mint credentials for a claim that was written down.
pub(super) async fn mint(app: &App, claim: &Claim) -> Result<(Arc<dyn Provider>, Credentials), ProviderError> {
    let key = &claim.access.key;
    let provider = app.ctx.tools.load().providers.get(&key.provider).cloned();
    let provider = provider.ok_or_else(|| ProviderError {
        kind: crate::provider::ErrorKind::Unavailable,
        message: format!("the configuration no longer says how to reach {}", key.provider.as_str()),
    })?;
    let work = Work {
        key: key.clone(),
        target: claim.access.target.clone(),
        grant: claim.grant.id,
        holder: Holder {
            email: claim.person.as_ref().and_then(|person| person.email.clone()),
            ..Holder::unknown(claim.grant.holder.clone())
        },
        receipt: Receipt(claim.access.receipt.clone()),
        siblings: Vec::new(),
        past: Vec::new(),
        cause: Cause::default(),
        now: app.ctx.clock.now(),
    };
    let credentials = provider.claim(&work, claim.until).await?;
    Ok((provider, credentials))
}

fn failed(app: &App, error: &StoreError) -> Response {
    let reference = reference(app);
    tracing::error!(%error, reference, "a claim could not be carried out");
    sealed(StatusCode::INTERNAL_SERVER_ERROR, page::not_saved(&reference))
}

fn sealed(status: StatusCode, page: Markup) -> Response {
    guarded((status, page).into_response())
}

/// Nothing of these pages is kept, framed, indexed, or told to the next site.
fn guarded(mut response: Response) -> Response {
    let headers = response.headers_mut();
    let policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'";
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("x-robots-tag"), "noindex, nofollow"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
