//! Whether a request really comes from Slack.
//!
//! slack-morphism has a verifier, but it reads the machine's clock; deadlines are tested with a clock of our own, so
//! the few lines are written here on the same `hmac` crate, whose comparison takes the same time wherever it fails.

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

use super::is_fresh;

/// Why a request is not taken for Slack's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsigned {
    /// A header is missing or makes no sense.
    #[error("the request is not signed")]
    Missing,
    /// It is more than five minutes old, or from the future.
    #[error("the request's timestamp is out of the window of five minutes")]
    Stale,
    /// The signature is not that of this body under this secret.
    #[error("the request's signature does not fit")]
    Wrong,
}

/// Looks at the timestamp alone, before the body is read.
///
/// # Errors
/// When it is missing or out of the window.
pub fn verify_age(timestamp: Option<&str>, now: Timestamp) -> Result<(), Unsigned> {
    let seconds = timestamp.and_then(|text| text.parse().ok()).ok_or(Unsigned::Missing)?;
    if is_fresh(seconds, now) { Ok(()) } else { Err(Unsigned::Stale) }
}

/// Looks at the signature: `v0=` and the HMAC-SHA256 of `v0:{timestamp}:{body}` in lower-case hex.
///
/// # Errors
/// When it does not fit.
pub fn verify(secret: &SecretString, timestamp: &str, signature: Option<&str>, body: &[u8]) -> Result<(), Unsigned> {
    let signature = signature.ok_or(Unsigned::Missing)?;
    let claimed = signature.strip_prefix("v0=").and_then(|digits| hex::decode(digits).ok()).ok_or(Unsigned::Wrong)?;
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()).map_err(|_length| Unsigned::Wrong)?;
    mac.update(b"v0:");
    mac.update(timestamp.as_bytes());
    mac.update(b":");
    mac.update(body);
    mac.verify_slice(&claimed).map_err(|_mismatch| Unsigned::Wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of Slack's own documentation.
    const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
    const TIMESTAMP: &str = "1531420618";
    const BODY: &str = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    const SIGNATURE: &str = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";

    #[test]
    fn slacks_documented_example_is_taken_and_nothing_else() {
        let secret = SecretString::from(SECRET);
        assert_eq!(verify(&secret, TIMESTAMP, Some(SIGNATURE), BODY.as_bytes()), Ok(()));
        assert_eq!(verify(&secret, TIMESTAMP, Some(SIGNATURE), b"token="), Err(Unsigned::Wrong));
        assert_eq!(verify(&secret, "1531420619", Some(SIGNATURE), BODY.as_bytes()), Err(Unsigned::Wrong));
        assert_eq!(verify(&SecretString::from("x"), TIMESTAMP, Some(SIGNATURE), BODY.as_bytes()), Err(Unsigned::Wrong));
        assert_eq!(verify(&secret, TIMESTAMP, None, BODY.as_bytes()), Err(Unsigned::Missing));
    }

    #[test]
    fn a_request_is_young_for_five_minutes_and_never_from_the_future() {
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let at = |offset: i64| verify_age(Some(&(now.as_second() + offset).to_string()), now);
        for (offset, expected) in
            [(-300, Ok(())), (300, Ok(())), (-301, Err(Unsigned::Stale)), (301, Err(Unsigned::Stale))]
        {
            assert_eq!(at(offset), expected, "{offset}");
        }
        assert_eq!(verify_age(Some("soon"), now), Err(Unsigned::Missing));
        assert_eq!(verify_age(None, now), Err(Unsigned::Missing));
    }
}
