//! Entra's token endpoint: who signs in with the right secret, or with a word of somebody whom the app trusts, gets a token
//! for one part of Azure.

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};

use super::{
    Desk,
    directory::{CLIENT_ID, CLIENT_SECRET, TENANT},
    serve::{Answer, Asked, Part},
};

/// Whose word the app registration takes in place of a secret.
#[derive(Debug, Clone)]
pub enum Trust {
    /// This text, which somebody else has signed.
    Text(String),
    /// Whatever the holder of this key signs: its public half in PEM, and the certificate's SHA-256 thumbprint.
    Key { pem: String, thumbprint: String },
}

impl Trust {
    /// What is wrong with an assertion.
    fn judge(&self, assertion: &str, audience: &str) -> Result<(), String> {
        let (pem, thumbprint) = match self {
            Self::Text(text) if text == assertion => return Ok(()),
            Self::Text(_) => return Err("the assertion is not the one that is trusted".to_owned()),
            Self::Key { pem, thumbprint } => (pem, thumbprint),
        };
        let header = jsonwebtoken::decode_header(assertion).map_err(|error| error.to_string())?;
        if header.x5t_s256.as_ref() != Some(thumbprint) {
            return Err(format!("no certificate of the app has the thumbprint {:?}", header.x5t_s256));
        }
        let mut wanted = Validation::new(Algorithm::PS256);
        wanted.algorithms = vec![Algorithm::PS256, Algorithm::RS256];
        wanted.set_audience(&[audience]);
        wanted.set_issuer(&[CLIENT_ID]);
        wanted.sub = Some(CLIENT_ID.to_owned());
        wanted.set_required_spec_claims(&["aud", "exp", "iss", "sub", "nbf"]);
        wanted.validate_nbf = true;
        let key = DecodingKey::from_rsa_pem(pem.as_bytes()).unwrap();
        let claims = jsonwebtoken::decode::<Value>(assertion, &key, &wanted).map_err(|error| error.to_string())?;
        if claims.claims["jti"].is_string() { Ok(()) } else { Err("the assertion has no jti".to_owned()) }
    }
}

pub fn answer(desk: &mut Desk, asked: &Asked) -> Answer {
    let said = |name: &str| asked.body[name].as_str().unwrap_or_default();
    let tenant = asked.path.split('/').nth(1).unwrap_or_default();
    if tenant != TENANT {
        return refused(90_002, "Tenant not found. Check to make sure you have the correct tenant ID.");
    }
    if said("client_id") != CLIENT_ID {
        return refused(700_016, "Application was not found in the directory 'Acme'.");
    }
    let assertion = said("client_assertion");
    if assertion.is_empty() && said("client_secret") != CLIENT_SECRET {
        return refused(7_000_215, "Invalid client secret provided.");
    }
    if !assertion.is_empty() {
        if said("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
            return refused(900_144, "The request body must contain the parameter 'client_assertion_type'.");
        }
        let audience = format!("{}{}", asked.base, asked.path);
        let trust = desk.trusts.as_ref().ok_or_else(|| "the app trusts nobody".to_owned());
        if let Err(why) = trust.and_then(|trust| trust.judge(assertion, &audience)) {
            return refused(
                700_027,
                &format!("The certificate with identifier used to sign the client assertion: {why}"),
            );
        }
    }
    let parts = [Part::Arm, Part::Graph];
    let meant = parts.iter().find(|part| said("scope") == format!("https://{}/.default", part.host()));
    let Some(part) = meant else {
        return refused(500_011, "The resource principal was not found in the tenant.");
    };
    let token = desk.issue(*part);
    (200, json!({ "token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": token }))
}

pub fn refused(code: u32, words: &str) -> Answer {
    let words = format!(
        "AADSTS{code}: {words}\r\nTrace ID: f0f0f0f0-1111-2222-3333-444444444444\r\nTimestamp: 2026-11-21 12:00:00Z"
    );
    let error = if code >= 7_000_000 { "invalid_client" } else { "unauthorized_client" };
    let status = if error == "invalid_client" { 401 } else { 400 };
    (status, json!({ "error": error, "error_description": words, "error_codes": [code] }))
}
