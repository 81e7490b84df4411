//! By which names AWS, CloudTrail and the deny policy know a grant and its holder.

use crate::{domain::ids::GrantId, provider::Holder};

/// The session tag that tells the sessions of one grant from all others. It is transitive: it stays on when a session
/// goes on to assume further roles.
pub(super) const GRANT_TAG: &str = "JitGrantId";

/// The longest role session name and source identity, in characters. Source: STS API Reference.
const LONGEST_NAME: usize = 64;
/// The shortest ones.
const SHORTEST_NAME: usize = 2;

/// What the session is called in ARNs and CloudTrail: `jit-` and the grant's id.
pub(super) fn session_name(grant: GrantId) -> String {
    format!("jit-{}", grant.0.simple())
}

/// What the role's inline policy is called that denies this grant's sessions everything.
pub(super) fn deny_policy_name(grant: GrantId) -> String {
    format!("JitRevoked-{grant}")
}

/// Who CloudTrail says is behind the session, also after it went on to further roles: the e-mail address, or the Slack
/// user or the pipeline when there is none, in the letters that STS takes.
pub(super) fn source_identity(holder: &Holder) -> String {
    holder
        .email
        .iter()
        .cloned()
        .chain([holder.who.to_string()])
        .map(|name| fit(&name))
        .find(|name| name.len() >= SHORTEST_NAME)
        .unwrap_or_else(|| "jit-unknown".to_owned())
}

/// Keeps `[\w+=,.@-]`, which also leaves nothing that begins with the reserved `aws:`.
fn fit(name: &str) -> String {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || "_+=,.@-".contains(letter);
    name.trim().chars().take(LONGEST_NAME).map(|letter| if fits(letter) { letter } else { '-' }).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn holder(email: Option<&str>) -> Holder {
        Holder { email: email.map(str::to_owned), ..Holder::unknown("U0AAAA1".into()) }
    }

    #[test]
    fn the_holder_is_named_in_letters_that_sts_takes() {
        for (email, expected) in [
            (Some("sre.one+prod@example.com"), "sre.one+prod@example.com"),
            (Some("jürgen o'neil@example.com"), "j-rgen-o-neil@example.com"),
            (Some("aws:root@example.com"), "aws-root@example.com"),
            (Some(" "), "U0AAAA1"),
            (None, "U0AAAA1"),
        ] {
            assert_eq!(source_identity(&holder(email)), expected);
        }
        let long = format!("{}@example.com", "a".repeat(80));
        assert_eq!(source_identity(&holder(Some(&long))), "a".repeat(64));
    }

    #[test]
    fn names_keep_within_their_limits() {
        let grant = GrantId(Uuid::from_u128(0x0193_4f2b_7c1a_7cde_8f01_2345_6789_abcd));
        assert_eq!(session_name(grant), "jit-01934f2b7c1a7cde8f0123456789abcd");
        assert!(session_name(grant).len() <= 64);
        assert_eq!(deny_policy_name(grant), "JitRevoked-01934f2b-7c1a-7cde-8f01-23456789abcd");
        assert!(deny_policy_name(grant).len() <= 128);
    }

    proptest! {
        #[test]
        fn whatever_slack_says_is_made_to_fit(email in any::<Option<String>>(), user in any::<String>()) {
            let name = source_identity(&Holder { email, ..Holder::unknown(user.as_str().into()) });
            prop_assert!((2..=64).contains(&name.len()));
            prop_assert!(name.bytes().all(|letter| letter.is_ascii_alphanumeric() || b"_+=,.@-".contains(&letter)));
        }
    }
}
