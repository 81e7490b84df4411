//! Tokens of issuers: JSON Web Tokens that somebody signs whose keys are public.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jsonwebtoken::{
    DecodingKey, Validation, dangerous::insecure_decode_claims, decode, decode_header, errors::ErrorKind,
};
use serde_json::{Map, Value};

use super::{Disproof, Disproven, Keys, LEEWAY, Verified, once, only};
use crate::domain::workload::{Algorithm, Proof, TokenRule, Workload};

/// GitHub's tokens have about two kilobytes.
const MOST: usize = 16 * 1024;
/// What a token says of itself that an auditor wants to see when it is refused.
const TELLING: [&str; 12] = [
    "iss",
    "aud",
    "sub",
    "repository",
    "repository_id",
    "repository_owner_id",
    "project_path",
    "project_id",
    "ref",
    "event_name",
    "environment",
    "jti",
];
/// How much of each is shown.
const SHOWN: usize = 120;

type Claims = Map<String, Value>;

pub(super) async fn verify<'w>(
    keys: &Keys,
    token: &str,
    workloads: impl Iterator<Item = &'w Workload>,
    around: (&str, Timestamp),
) -> Result<Verified, Disproven> {
    let claimed = claimed(token);
    let rules = workloads.filter_map(|workload| match &workload.proof {
        Proof::Token(rule) => Some((workload, rule)),
        Proof::AwsCaller(_) => None,
    });
    check(keys, token, rules.collect(), around).await.map_err(|why| Disproven { why, claimed })
}

async fn check(
    keys: &Keys,
    token: &str,
    rules: Vec<(&Workload, &TokenRule)>,
    (audience, now): (&str, Timestamp),
) -> Result<Verified, Disproof> {
    let invalid = |why: &str| Disproof::Invalid(why.to_owned());
    if token.len() > MOST {
        return Err(invalid("It is longer than any token."));
    }
    let header = decode_header(token).map_err(|_| invalid("It is not a signed token."))?;
    let issuer = unverified(token).and_then(|claims| Some(claims.get("iss")?.as_str()?.to_owned()));
    let issuer = issuer.ok_or_else(|| invalid("It does not say who issued it."))?;
    let rules: Vec<_> = rules.into_iter().filter(|(_, rule)| rule.issuer == issuer).collect();
    let Some((_, first)) = rules.first() else {
        return Err(invalid("No workload of the configuration has this issuer."));
    };
    let jwks_url = first.jwks_url.clone();
    let pinned = named(header.alg);
    let allows = |rule: &TokenRule| pinned.is_some_and(|pinned| rule.algorithms.contains(&pinned));
    // What was verified with one set of keys is not taken for what another set would have to verify.
    let rules: Vec<_> = rules.into_iter().filter(|(_, rule)| allows(rule) && rule.jwks_url == jwks_url).collect();
    if rules.is_empty() {
        return Err(invalid("It is signed in a way that the configuration does not allow."));
    }
    let kid = header.kid.ok_or_else(|| invalid("It does not say with which key it is signed."))?;
    let key = keys.key(&jwks_url, &kid, now).await?;
    let key = DecodingKey::from_jwk(&key).map_err(|_| invalid("The issuer's key cannot be used."))?;
    let mut validation = Validation::new(header.alg);
    validation.algorithms = vec![header.alg];
    validation.set_issuer(&[&issuer]);
    validation.set_audience(&[audience]);
    validation.set_required_spec_claims(&["exp", "iss", "aud"]);
    // The crate asks the machine for the time; here it is a parameter.
    (validation.validate_exp, validation.validate_nbf) = (false, false);
    let claims = decode::<Claims>(token, &key, &validation).map_err(|error| why(error.kind(), audience))?.claims;
    let worthless_from = in_time(&claims, now)?;
    let fitting: Vec<&Workload> =
        rules.iter().filter(|(_, rule)| rule.check(&claims).is_ok()).map(|(workload, _)| *workload).collect();
    let workload = only(&fitting, &nobody(&rules, &claims))?;
    let Proof::Token(rule) = &workload.proof else { return Err(invalid("It is no token.")) };
    let unique = claims.get("jti").and_then(Value::as_str).filter(|jti| !jti.is_empty());
    Ok(Verified {
        workload: workload.name.clone(),
        lasts: workload.session,
        origin: rule.origin(&claims),
        // not with the signature: some signatures can be rewritten, and what they sign is still the same
        once: once(&["token", &issuer, unique.unwrap_or(token.rsplit_once('.').map_or(token, |(signed, _)| signed))]),
        worthless_from,
    })
}

fn named(algorithm: jsonwebtoken::Algorithm) -> Option<Algorithm> {
    use jsonwebtoken::Algorithm as Theirs;
    match algorithm {
        Theirs::RS256 => Some(Algorithm::Rs256),
        Theirs::PS256 => Some(Algorithm::Ps256),
        Theirs::ES256 => Some(Algorithm::Es256),
        Theirs::ES384 => Some(Algorithm::Es384),
        Theirs::EdDSA => Some(Algorithm::EdDsa),
        // Above all those with a shared secret: whoever has the public key could sign.
        _others => None,
    }
}

fn why(error: &ErrorKind, audience: &str) -> Disproof {
    match error {
        ErrorKind::InvalidAudience => {
            Disproof::Audience(format!("It was made for somebody else. Ask for one with the audience {audience}"))
        }
        ErrorKind::InvalidAlgorithm => Disproof::Invalid("It is signed in a way that the key is not for.".to_owned()),
        ErrorKind::MissingRequiredClaim(claim) => Disproof::Invalid(format!("It lacks the claim `{claim}`.")),
        _others => Disproof::Invalid("Its signature does not hold.".to_owned()),
    }
}

/// From when on it would not be accepted, if it is accepted now.
fn in_time(claims: &Claims, now: Timestamp) -> Result<Timestamp, Disproof> {
    let moment = |claim: &str| {
        let seconds = claims.get(claim)?.as_f64()?;
        #[expect(clippy::cast_possible_truncation, reason = "a moment beyond all measure is refused below")]
        Timestamp::from_second(seconds as i64).ok()
    };
    let lacks = |claim: &str| Disproof::Invalid(format!("It lacks the claim `{claim}`, or that is no moment."));
    let expires = moment("exp").ok_or_else(|| lacks("exp"))?;
    let issued = moment("iat").ok_or_else(|| lacks("iat"))?;
    let worthless_from = expires.checked_add(LEEWAY).map_err(|_| lacks("exp"))?;
    if now >= worthless_from {
        return Err(Disproof::Expired(format!("It was valid until {expires}. Get a fresh one.")));
    }
    let begins = if claims.contains_key("nbf") { moment("nbf").ok_or_else(|| lacks("nbf"))? } else { issued };
    if begins.max(issued) > now + LEEWAY {
        let detail = format!("It is valid from {} on. Is a clock wrong?", begins.max(issued));
        return Err(Disproof::Expired(detail));
    }
    Ok(worthless_from)
}

/// Which claims have kept the token from being each of the workloads that are at home where it comes from. Strangers with a
/// token of the same issuer, as all the world has of GitHub's, are told of none.
fn nobody(rules: &[(&Workload, &TokenRule)], claims: &Claims) -> String {
    let near = rules.iter().filter(|(_, rule)| rule.is_near(claims));
    let misses: Vec<String> = near
        .filter_map(|(workload, rule)| {
            rule.check(claims).err().map(|miss| format!("{} by its `{}`", workload.name, miss.claim))
        })
        .collect();
    if misses.is_empty() {
        return "The token is in order, and no workload is at home where it comes from. What it claims stands on the audit \
                trail; compare it with the `claims` of the `[[workload]]` that it is to be."
            .to_owned();
    }
    format!("The token is in order, and no workload is this one: it is not {}.", misses.join(", not "))
}

fn unverified(token: &str) -> Option<Claims> {
    insecure_decode_claims(token).ok()
}

/// What a token says of itself.
fn claimed(token: &str) -> BTreeMap<String, String> {
    let claims = if token.len() > MOST { None } else { unverified(token) };
    let shown = |value: &Value| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        text.chars().take(SHOWN).collect()
    };
    let claims = claims.unwrap_or_default();
    TELLING.iter().filter_map(|name| Some(((*name).to_owned(), shown(claims.get(*name)?)))).collect()
}
