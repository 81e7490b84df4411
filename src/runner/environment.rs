//! What the command gets of our environment, and what not.
//!
//! A key or a profile that was there before would win over what was approved, or live on beside it. So of all variables
//! `AWS_*` only those pass that say nothing about who one is, and the files with profiles are out of the way.

use std::ffi::{OsStr, OsString};

/// Variables of the AWS tools that say where and how, and not who.
const HARMLESS: [&str; 14] = [
    "AWS_CA_BUNDLE",
    "AWS_DEFAULTS_MODE",
    "AWS_DEFAULT_OUTPUT",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_MAX_ATTEMPTS",
    "AWS_PAGER",
    "AWS_REGION",
    "AWS_RETRY_MODE",
    "AWS_SDK_UA_APP_ID",
    "AWS_STS_REGIONAL_ENDPOINTS",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_USE_FIPS_ENDPOINT",
];
/// Beginnings of such variables.
const HARMLESS_BEGINNINGS: [&str; 2] = ["AWS_ENDPOINT_URL", "AWS_CLI_"];
/// Where profiles stand, and what may be left of them on request.
const PROFILES: [&str; 2] = ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"];
/// What is ours, and would let the command ask for access in our place. A job's own right to ask GitHub for tokens stays:
/// providers of Terraform and signers need it.
const OURS: [&str; 2] = ["JIT_ID_TOKEN", "JIT_TOKEN_STORE"];

/// Whether the files with AWS profiles stay in sight of the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profiles {
    /// Out of sight, so that a `[default]` with keys of its own cannot win.
    Hidden,
    /// In sight: what they say about regions and endpoints is needed.
    Kept,
}

/// Those of the variables that the command must not see.
pub fn removed(names: impl Iterator<Item = OsString>, profiles: Profiles) -> Vec<OsString> {
    names.filter(|name| is_removed(name, profiles)).collect()
}

fn is_removed(name: &OsStr, profiles: Profiles) -> bool {
    let Some(name) = name.to_str() else { return false };
    let kept = HARMLESS.contains(&name)
        || HARMLESS_BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
        || profiles == Profiles::Kept && PROFILES.contains(&name);
    OURS.contains(&name) || name.starts_with("AWS_") && !kept
}

/// What the command gets besides, whatever way the credentials take.
#[must_use]
pub fn added(profiles: Profiles) -> Vec<(String, String)> {
    let hidden = PROFILES.map(|name| (name.to_owned(), "/dev/null".to_owned()));
    let mut added = match profiles {
        Profiles::Hidden => hidden.to_vec(),
        Profiles::Kept => Vec::new(),
    };
    // The machine's own role is a standing credential too.
    added.push(("AWS_EC2_METADATA_DISABLED".to_owned(), "true".to_owned()));
    added
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_one_was_before_does_not_count() {
        let who = [
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
            "AWS_SECURITY_TOKEN",
            "AWS_CREDENTIAL_FILE",
            "AWS_CREDENTIAL_EXPIRATION",
            "AWS_PROFILE",
            "AWS_DEFAULT_PROFILE",
            "AWS_SDK_LOAD_CONFIG",
            "AWS_ROLE_ARN",
            "AWS_ROLE_SESSION_NAME",
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
            "AWS_CONFIG_FILE",
            "AWS_SHARED_CREDENTIALS_FILE",
            "AWS_VAULT",
            "JIT_ID_TOKEN",
        ];
        let how = [
            "AWS_REGION",
            "AWS_ENDPOINT_URL",
            "AWS_ENDPOINT_URL_S3",
            "AWS_CLI_AUTO_PROMPT",
            "PATH",
            "HOME",
            "JIT_SERVER",
        ];
        let names = who.into_iter().chain(how).map(OsString::from);
        assert_eq!(removed(names, Profiles::Hidden), who.map(OsString::from));
    }

    #[test]
    fn profiles_stay_on_request_alone() {
        let names = || ["AWS_CONFIG_FILE", "AWS_PROFILE"].into_iter().map(OsString::from);
        assert_eq!(removed(names(), Profiles::Kept), [OsString::from("AWS_PROFILE")]);
        assert_eq!(added(Profiles::Kept).len(), 1);
        assert!(added(Profiles::Hidden).contains(&("AWS_SHARED_CREDENTIALS_FILE".into(), "/dev/null".into())));
    }
}
