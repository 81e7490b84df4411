//! Credentials of a live grant, for a program of its holder's. They pass through memory to that one answer and nowhere
//! else.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
};
use secrecy::ExposeSecret;

use super::{
    V1,
    body::Body,
    caller::Caller,
    failure::{self, Failure},
    grants::id_of,
};
use crate::{
    api::{Console, Credentials, CredentialsAsk, EndAsk, Secret},
    domain::audit::Attempt,
    http::claim::mint,
    provider::{self, Provider},
    usecase::claim::{self, Claim, Wish},
};

/// Claims credentials.
#[utoipa::path(post, path = "/v1/grants/{id}/credentials", tag = "having", operation_id = "credentials",
    request_body(content = Option<CredentialsAsk>),
    params(("id" = String, Path, description = "The grant's id, or its short name `GRANT-7K3M`.")),
    responses((status = 200, description = "Fresh credentials, kept nowhere.", body = Credentials)))]
pub(super) async fn claim(
    State(v1): State<Arc<V1>>,
    caller: Caller,
    Path(name): Path<String>,
    Body(ask): Body<CredentialsAsk>,
) -> Result<Json<Credentials>, Failure> {
    let wish = Wish { resource: ask.resource, plan: ask.plan_sha256, ..Wish::default() };
    let (claim, _, minted) = claimed(&v1, &caller, &name, wish).await?;
    Ok(Json(Credentials {
        access_key_id: minted.access_key_id,
        secret_access_key: Secret(minted.secret_access_key.expose_secret().to_owned()),
        session_token: Secret(minted.session_token.expose_secret().to_owned()),
        // Their own policy stops them at the grant's end, whatever AWS says of them.
        expires_at: minted.expires_at.min(claim.until),
        region: minted.region,
        resource: claim.access.key.resource,
    }))
}

/// Opens the console: fresh credentials, exchanged for a link that signs a browser in.
#[utoipa::path(post, path = "/v1/grants/{id}/console", tag = "having", operation_id = "console",
    request_body(content = Option<EndAsk>),
    params(("id" = String, Path, description = "The grant's id, or its short name `GRANT-7K3M`.")),
    responses((status = 200, description = "The link. Whoever has it is signed in.", body = Console)))]
pub(super) async fn console(
    State(v1): State<Arc<V1>>,
    caller: Caller,
    Path(name): Path<String>,
    Body(EndAsk {}): Body<EndAsk>,
) -> Result<Json<Console>, Failure> {
    let wish = Wish { console: true, ..Wish::default() };
    let (claim, provider, minted) = claimed(&v1, &caller, &name, wish).await?;
    match provider.console(&minted).await {
        Ok(link) => Ok(Json(Console { url: Secret(link.expose_secret().to_owned()) })),
        Err(error) => {
            tracing::warn!(grant = %claim.grant.id, %error, "the console could not be opened");
            Err(failure::cloud(&error))
        }
    }
}

/// The same steps as on the claim page: written down before, minted, on the trail after, and only then shown.
async fn claimed(
    v1: &V1,
    caller: &Caller,
    name: &str,
    wish: Wish,
) -> Result<(Claim, Arc<dyn Provider>, provider::Credentials), Failure> {
    let id = id_of(v1, caller, name, Attempt::Claim).await?;
    v1.is_here(caller).await?;
    let (env, who) = (v1.app.ctx.env(), caller.principal().clone());
    let begun =
        v1.write(move |tx| Box::pin(async move { claim::begin_by_api(tx, &env, &who, id, wish).await })).await?;
    let claim = begun.map_err(|refused| failure::claim(&refused))?;
    let (provider, minted) = match mint(&v1.app, &claim).await {
        Ok(minted) => minted,
        Err(error) => {
            tracing::warn!(grant = %claim.grant.id, %error, "credentials could not be minted");
            let (env, why) = (v1.app.ctx.env(), error.message.clone());
            v1.write(move |tx| Box::pin(async move { claim::fail(tx, &env, &claim, why).await })).await?;
            return Err(failure::cloud(&error));
        }
    };
    let (env, kept, key) = (v1.app.ctx.env(), claim.clone(), minted.access_key_id.clone());
    let handed = v1.write(move |tx| Box::pin(async move { claim::hand_over(tx, &env, &kept, key).await })).await?;
    handed.map_err(|refused| failure::claim(&refused))?;
    Ok((claim, provider, minted))
}
