//! The pages that a browser shows, and every word on them.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use secrecy::ExposeSecret;

use super::claim::No;
use crate::{
    provider::Credentials,
    usecase::claim::{Claim, Refused, Token},
};

const STYLE: &str = "
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 44rem; margin: 3rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.05rem; margin: 1.6rem 0 .3rem; }
pre { overflow-x: auto; padding: .8rem; border: 1px solid #8886; border-radius: .4rem; font-size: .85rem; user-select: all; }
button { font: inherit; font-weight: 600; padding: .6rem 1.1rem; border: 0; border-radius: .4rem; background: #1d4ed8; color: #fff; cursor: pointer; }
button:focus-visible { outline: 3px solid #f59e0b; outline-offset: 2px; }
";

fn page(title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex";
                title { (title) " · jit" }
                style { (PreEscaped(STYLE)) }
            }
            body { main { h1 { (title) } (body) } }
        }
    }
}

/// Before the click. Says nothing about the link, so that nothing can be learnt from a preview.
pub fn invitation(token: &str) -> Markup {
    page(
        "Your credentials",
        &html! {
            p { "The link works once. Credentials are made for you the moment you click, and shown on the next page alone." }
            form method="post" action={ "./" (token) } { button type="submit" { "Show my credentials" } }
        },
    )
}

/// What the page after the click shows.
pub struct Shown<'a> {
    /// Whose they are.
    pub claim: &'a Claim,
    /// The credentials themselves.
    pub credentials: &'a Credentials,
    /// Goes into the button that opens the console.
    pub console: &'a Token,
}

/// After the click.
pub fn credentials(shown: &Shown<'_>) -> Markup {
    let Shown { claim, credentials, console } = shown;
    let (id, secret, token) = (
        credentials.access_key_id.as_str(),
        credentials.secret_access_key.expose_secret(),
        credentials.session_token.expose_secret(),
    );
    let region = credentials.region.as_str();
    let profile = claim.grant.role.as_str();
    let until = claim.until.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    let works_until = claim.until.min(credentials.expires_at).strftime("%H:%M:%S UTC").to_string();
    let shell = format!(
        "export AWS_ACCESS_KEY_ID='{id}'\nexport AWS_SECRET_ACCESS_KEY='{secret}'\nexport AWS_SESSION_TOKEN='{token}'\nexport AWS_REGION='{region}'\nexport AWS_DEFAULT_REGION='{region}'\n"
    );
    let file = format!(
        "[{profile}]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\naws_session_token = {token}\nregion = {region}\n"
    );
    let powershell = format!(
        "$Env:AWS_ACCESS_KEY_ID = '{id}'\n$Env:AWS_SECRET_ACCESS_KEY = '{secret}'\n$Env:AWS_SESSION_TOKEN = '{token}'\n$Env:AWS_REGION = '{region}'\n$Env:AWS_DEFAULT_REGION = '{region}'\n"
    );
    page(
        &format!("{} until {until}", claim.grant.role),
        &html! {
            p {
                (claim.grant.code.grant()) ", " code { (claim.access.key.resource) } ". "
                "These credentials stop working at " strong { (works_until) } "; "
                "while the grant lives you can get fresh ones in Slack. Keep them to yourself, and close this page when you have copied them."
            }
            form method="post" action={ "../console/" (console.expose()) } target="_blank" {
                button type="submit" { "Open the AWS console" }
            }
            h2 { "Shell" } pre { (shell) }
            h2 { "Profile, for ~/.aws/credentials" } pre { (file) }
            h2 { "PowerShell" } pre { (powershell) }
        },
    )
}

/// There are none.
pub(super) fn refused(no: &No) -> Markup {
    let (title, text) = match no {
        No::Refused(Refused::Unknown | Refused::LinkSpent) => (
            "This link does not work any more",
            "It was used already, or is too old. Click “Get credentials” in Slack for a fresh one. If you did not use it yourself, tell your security team.".to_owned(),
        ),
        No::Refused(Refused::Over(grant) | Refused::NotYet(grant)) => (
            "This access is not live",
            format!("{} is over, or not live yet. Ask again in Slack if you still need it.", grant.code.grant()),
        ),
        No::Refused(Refused::NotTheirs(grant)) => (
            "This access is somebody else’s",
            format!("Only the holder of {} can claim its credentials.", grant.code.grant()),
        ),
        No::Refused(Refused::NothingToClaim(grant)) => (
            "There is nothing to claim",
            format!("{} has no credentials: the access is simply there.", grant.code.grant()),
        ),
        No::Refused(Refused::PlanMismatch(grant)) => (
            "This access is for one plan alone",
            format!("`jit run` claims the credentials of {} and checks that it runs that plan.", grant.code.grant()),
        ),
        No::Refused(Refused::Several(resources)) => ("There are several things to claim", resources.join(", ")),
        No::Cloud(error) => (
            "AWS did not hand out credentials",
            format!("{}. Click “Get credentials” in Slack to try again.", error.message.trim_end_matches('.')),
        ),
    };
    page(title, &html! { p { (text) } })
}

/// The store failed.
pub fn not_saved(reference: &str) -> Markup {
    page(
        "That did not work",
        &html! {
            p {
                "Nothing was handed out. Click “Get credentials” in Slack to try again; if it goes on, show an operator the reference "
                code { (reference) } "."
            }
        },
    )
}
