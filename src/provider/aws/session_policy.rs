//! The session policy: what every session of a grant carries with it. It scopes the session down to what the target
//! says, and ends it at the grant's end by the cloud's own clock, whatever STS' shortest session is and whether or not
//! the bot still runs.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::domain::time::whole_second;

/// How long a policy that goes with `AssumeRole` may be, in characters of plain text. Source: STS API Reference.
pub(super) const LONGEST: usize = 2_048;

/// The policy for sessions that must be dead from `until` on.
///
/// `scope` is the target's own policy document; without it sessions may do whatever the role may. The end is an explicit
/// deny, since that beats even resource policies which name the session. The moment is cut down to the whole second,
/// never up, so that no session outlives its grant.
///
/// # Errors
/// With words for an operator when the document cannot be used.
pub(super) fn session_policy(scope: Option<&str>, until: Timestamp) -> Result<String, String> {
    let mut policy = match scope {
        Some(scope) => parse(scope)?,
        None => everything(),
    };
    let statements = match policy.remove("Statement") {
        Some(Value::Array(statements)) if !statements.is_empty() => statements,
        Some(statement @ Value::Object(_)) => vec![statement],
        Some(_) | None => return Err("the target's session_policy has no Statement".to_owned()),
    };
    let statements: Vec<_> = statements.into_iter().chain([deny_from(until)]).collect();
    policy.insert("Statement".to_owned(), Value::Array(statements));
    policy.entry("Version").or_insert_with(|| json!("2012-10-17"));

    let text = Value::Object(policy).to_string();
    let length = text.chars().count();
    if length > LONGEST {
        return Err(format!(
            "the session policy is {length} characters long with the end of the grant in it, and AWS takes {LONGEST}: \
             shorten the target's session_policy by {}",
            length - LONGEST
        ));
    }
    Ok(text)
}

fn parse(scope: &str) -> Result<Map<String, Value>, String> {
    match serde_json::from_str(scope) {
        Ok(Value::Object(policy)) => Ok(policy),
        Ok(_) => Err("the target's session_policy is not a policy document".to_owned()),
        Err(error) => Err(format!("the target's session_policy is not JSON: {error}")),
    }
}

fn everything() -> Map<String, Value> {
    Map::from_iter([("Statement".to_owned(), json!([{ "Effect": "Allow", "Action": "*", "Resource": "*" }]))])
}

fn deny_from(until: Timestamp) -> Value {
    json!({
        "Effect": "Deny",
        "Action": "*",
        "Resource": "*",
        "Condition": { "DateGreaterThanEquals": { "aws:CurrentTime": whole_second(until).to_string() } },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_session_may_do_what_the_role_may_until_the_end() {
        let policy = session_policy(None, at("2026-11-21T12:00:00Z")).unwrap();
        insta::assert_snapshot!(policy, @r#"{"Statement":[{"Action":"*","Effect":"Allow","Resource":"*"},{"Action":"*","Condition":{"DateGreaterThanEquals":{"aws:CurrentTime":"2026-11-21T12:00:00Z"}},"Effect":"Deny","Resource":"*"}],"Version":"2012-10-17"}"#);
    }

    #[test]
    fn the_targets_own_policy_comes_first_and_keeps_its_version() {
        for statement in [
            r#"{"Effect":"Allow","Action":"s3:*","Resource":"*"}"#,
            r#"[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]"#,
        ] {
            let scope = format!(r#"{{"Version":"2008-10-17","Id":"x","Statement":{statement}}}"#);
            let policy: Value =
                serde_json::from_str(&session_policy(Some(&scope), at("2026-11-21T12:00:00Z")).unwrap()).unwrap();
            assert_eq!(policy["Version"], "2008-10-17");
            assert_eq!(policy["Statement"][0]["Action"], "s3:*");
            assert_eq!(policy["Statement"][1]["Effect"], "Deny");
            assert_eq!(policy["Statement"].as_array().unwrap().len(), 2);
        }
    }

    #[test]
    fn what_cannot_be_used_is_refused_in_words() {
        let long = format!(r#"{{"Statement":[{{"Effect":"Allow","Action":"{}","Resource":"*"}}]}}"#, "a".repeat(2_000));
        let refusals: Vec<_> = ["", "[]", "{}", r#"{"Statement":[]}"#, &long]
            .into_iter()
            .map(|scope| session_policy(Some(scope), at("2026-11-21T12:00:00Z")).unwrap_err())
            .collect();
        insta::assert_debug_snapshot!(refusals);
    }
}
