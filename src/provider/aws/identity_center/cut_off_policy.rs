//! The statement that cuts off somebody's running sessions, in the inline policy of a permission set. Pure: documents in,
//! documents out. What others have written into the policy stays as it is.

use jiff::{Timestamp, ToSpan};
use serde_json::{Map, Value, json};

use super::{assignment::Assignment, error::LONGEST_POLICY};
use crate::domain::time::whole_second;

/// Why there is no such policy.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoPolicy {
    /// It would be longer than AWS takes.
    TooLong,
    /// What is there is no policy document.
    Unreadable,
}

/// The policy with a statement for this holder and account: sessions that began before `at` may do nothing. It replaces
/// an older one.
pub(super) fn with(policy: &str, it: &Assignment, at: Timestamp) -> Result<String, NoPolicy> {
    let (mut document, mut statements) = read(policy)?;
    let sid = sid(it);
    statements.retain(|statement| statement["Sid"] != sid.as_str());
    // sessions that began within this very second are meant too
    let before = whole_second(at) + 1.second();
    statements.push(json!({
        "Sid": sid,
        "Effect": "Deny",
        "Action": "*",
        "Resource": "*",
        "Condition": {
            "StringEquals": { "identitystore:userId": it.user_id, "aws:PrincipalAccount": it.account },
            "DateLessThan": { "aws:TokenIssueTime": before.to_string() },
        },
    }));
    document.entry("Version").or_insert_with(|| json!("2012-10-17"));
    document.insert("Statement".to_owned(), Value::Array(statements));
    let text = Value::Object(document).to_string();
    let length = text.chars().filter(|letter| !letter.is_whitespace()).count();
    if length > LONGEST_POLICY { Err(NoPolicy::TooLong) } else { Ok(text) }
}

/// The policy without that statement; `None` when it has none. An empty text stands for no policy at all.
pub(super) fn without(policy: &str, it: &Assignment) -> Result<Option<String>, NoPolicy> {
    let (mut document, mut statements) = read(policy)?;
    let (sid, before) = (sid(it), statements.len());
    statements.retain(|statement| statement["Sid"] != sid.as_str());
    if statements.len() == before {
        return Ok(None);
    }
    if statements.is_empty() {
        return Ok(Some(String::new()));
    }
    document.insert("Statement".to_owned(), Value::Array(statements));
    Ok(Some(Value::Object(document).to_string()))
}

/// Takes a document apart; a lone statement counts as a list of one.
fn read(policy: &str) -> Result<(Map<String, Value>, Vec<Value>), NoPolicy> {
    if policy.trim().is_empty() {
        return Ok(Default::default());
    }
    let Ok(Value::Object(mut document)) = serde_json::from_str(policy) else { return Err(NoPolicy::Unreadable) };
    let statements = match document.remove("Statement") {
        Some(Value::Array(statements)) => statements,
        Some(statement @ Value::Object(_)) => vec![statement],
        Some(_) => return Err(NoPolicy::Unreadable),
        None => vec![],
    };
    Ok((document, statements))
}

/// The statement's name: letters and digits alone, one for each holder and account.
fn sid(it: &Assignment) -> String {
    let user: String = it.user_id.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("JitCutOff{}{user}", it.account)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn it(user: &str) -> Assignment {
        Assignment {
            instance_arn: "arn:aws:sso:::instance/ssoins-1".into(),
            account: "111122223333".into(),
            permission_set_arn: "arn:aws:sso:::permissionSet/ssoins-1/ps-1".into(),
            user_id: user.into(),
        }
    }

    fn at(clock: &str) -> Timestamp {
        format!("2026-11-21T{clock}Z").parse().unwrap()
    }

    #[test]
    fn the_rest_of_the_policy_stays() {
        let theirs = r#"{"Statement":[{"Action":"s3:*","Effect":"Allow","Resource":"*"}],"Version":"2012-10-17"}"#;
        let one = with(theirs, &it("u-1"), at("12:00:00.3")).unwrap();
        insta::assert_snapshot!(one, @r#"{"Statement":[{"Action":"s3:*","Effect":"Allow","Resource":"*"},{"Action":"*","Condition":{"DateLessThan":{"aws:TokenIssueTime":"2026-11-21T12:00:01Z"},"StringEquals":{"aws:PrincipalAccount":"111122223333","identitystore:userId":"u-1"}},"Effect":"Deny","Resource":"*","Sid":"JitCutOff111122223333u1"}],"Version":"2012-10-17"}"#);
        let both = with(&one, &it("u-2"), at("12:00:05")).unwrap();
        let renewed = with(&both, &it("u-1"), at("13:00:00")).unwrap();
        assert_eq!(renewed.matches("JitCutOff").count(), 2);
        assert!(!renewed.contains("12:00:01"), "{renewed}");
        let second = without(&renewed, &it("u-1")).unwrap().unwrap();
        assert_eq!(second, with(theirs, &it("u-2"), at("12:00:05")).unwrap());
        assert_eq!(without(&second, &it("u-2")).unwrap().as_deref(), Some(theirs));
        assert_eq!(without(theirs, &it("u-2")), Ok(None));
    }

    #[test]
    fn a_policy_that_was_ours_alone_goes_as_a_whole() {
        let ours = with("", &it("u-1"), at("12:00:00")).unwrap();
        assert_eq!(without(&ours, &it("u-1")), Ok(Some(String::new())));
        assert_eq!(without("", &it("u-1")), Ok(None));
        let lone = r#"{"Statement":{"Action":"s3:*","Effect":"Allow","Resource":"*"}}"#;
        assert!(with(lone, &it("u-1"), at("12:00:00")).unwrap().contains("s3:*"));
    }

    #[test]
    fn a_full_policy_takes_no_more() {
        let mut policy = String::new();
        let mut count = 0;
        let full = loop {
            match with(&policy, &it(&format!("906744b5f2-8f0a7f6b-0000-0000-0000-{count:012}")), at("12:00:00")) {
                Ok(next) => (policy, count) = (next, count + 1),
                Err(why) => break why,
            }
        };
        assert_eq!(full, NoPolicy::TooLong);
        assert!(count >= 28, "{count}");
        assert_eq!(with("[]", &it("u-1"), at("12:00:00")), Err(NoPolicy::Unreadable));
    }
}
