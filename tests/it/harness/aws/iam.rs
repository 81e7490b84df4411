//! What an IAM policy document means, for the operators and keys we use: deny before allow, silence is no.
//!
//! It is the oracle for "dead at the end" and "this grant's sessions and no others", since moto looks at no condition and
//! at no session policy. It does not guess: what it does not know, it panics at.

use jiff::Timestamp;
use serde_json::Value;

use super::record::Session;

/// Somebody wants to do something.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// `s3:GetObject`
    pub action: &'a str,
    /// The ARN of what it is done to.
    pub resource: &'a str,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub session: &'a Session,
}

/// What a policy says to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Decision {
    /// Nothing.
    Silent,
    /// Yes.
    Allowed,
    /// No, whatever others say.
    Denied,
}

/// Asks one policy document.
pub fn decide(policy: &str, request: &Request<'_>) -> Decision {
    let policy: Value = serde_json::from_str(policy).unwrap_or_else(|_| panic!("no JSON: {policy}"));
    known_keys(&policy, &["Version", "Id", "Statement"]);
    list(&policy["Statement"]).iter().map(|statement| ask(statement, request)).max().expect("a policy has statements")
}

fn ask(statement: &Value, request: &Request<'_>) -> Decision {
    known_keys(statement, &["Sid", "Effect", "Action", "Resource", "Condition"]);
    let fits = |patterns: &Value, text: &str| list(patterns).iter().any(|pattern| is_like(string(pattern), text));
    let applies = fits(&lower(&statement["Action"]), &request.action.to_ascii_lowercase())
        && fits(&statement["Resource"], request.resource)
        && conditions(statement).all(|(operator, key, wanted)| holds(operator, key, &wanted, request));
    match (applies, string(&statement["Effect"])) {
        (false, "Allow" | "Deny") => Decision::Silent,
        (true, "Allow") => Decision::Allowed,
        (true, "Deny") => Decision::Denied,
        (_, effect) => panic!("unknown effect {effect}"),
    }
}

fn conditions(statement: &Value) -> impl Iterator<Item = (&str, &str, Vec<String>)> {
    statement.get("Condition").and_then(Value::as_object).into_iter().flatten().flat_map(|(operator, keys)| {
        let keys = keys.as_object().expect("a condition names keys");
        keys.iter().map(move |(key, wanted)| {
            (operator.as_str(), key.as_str(), list(wanted).iter().map(|value| string(value).to_owned()).collect())
        })
    })
}

/// One line of a condition: any of the wanted values will do. A key that is not there fits nothing but `Null`.
fn holds(operator: &str, key: &str, wanted: &[String], request: &Request<'_>) -> bool {
    let actual = look_up(key, request);
    let test: fn(&str, &str) -> bool = match operator {
        "StringEquals" => |actual, wanted| actual == wanted,
        "StringLike" => |actual, wanted| is_like(wanted, actual),
        "ArnLike" => is_arn_like,
        "DateLessThan" => |actual, wanted| date(actual) < date(wanted),
        "DateLessThanEquals" => |actual, wanted| date(actual) <= date(wanted),
        "DateGreaterThan" => |actual, wanted| date(actual) > date(wanted),
        "DateGreaterThanEquals" => |actual, wanted| date(actual) >= date(wanted),
        "Null" => {
            let is_null = actual.is_none().to_string();
            return wanted.contains(&is_null);
        }
        _ => panic!("the evaluator does not know the operator {operator}"),
    };
    actual.is_some_and(|actual| wanted.iter().any(|wanted| test(&actual, wanted)))
}

/// The value of a condition key; the names of keys and tags know no case.
fn look_up(key: &str, request: &Request<'_>) -> Option<String> {
    let session = request.session;
    let key = key.to_ascii_lowercase();
    if let Some(wanted) = key.strip_prefix("aws:principaltag/") {
        return session.tags.iter().find_map(|(tag, value)| tag.eq_ignore_ascii_case(wanted).then(|| value.clone()));
    }
    match key.as_str() {
        "aws:currenttime" => Some(request.at.to_string()),
        "aws:tokenissuetime" => Some(session.minted_at.to_string()),
        "aws:sourceidentity" => session.source_identity.clone(),
        "aws:userid" => Some(session.user_id.clone()),
        "aws:principalarn" => Some(session.role_arn.clone()),
        _ => panic!("the evaluator does not know the key {key}"),
    }
}

fn date(text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|_| panic!("no date: {text}"))
}

/// Each of the six parts of an ARN is compared by itself.
fn is_arn_like(actual: &str, pattern: &str) -> bool {
    let parts = |arn: &str| arn.splitn(6, ':').map(str::to_owned).collect::<Vec<_>>();
    let (actual, pattern) = (parts(actual), parts(pattern));
    actual.len() == pattern.len() && actual.iter().zip(&pattern).all(|(actual, pattern)| is_like(pattern, actual))
}

/// `*` stands for any letters, `?` for one.
fn is_like(pattern: &str, text: &str) -> bool {
    assert!(!pattern.contains("${"), "the evaluator does not know policy variables: {pattern}");
    let pattern = regex::escape(pattern).replace(r"\*", ".*").replace(r"\?", ".");
    regex::Regex::new(&format!("(?s)^{pattern}$")).unwrap().is_match(text)
}

fn known_keys(value: &Value, known: &[&str]) {
    let object = value.as_object().unwrap_or_else(|| panic!("no object: {value}"));
    for key in object.keys() {
        assert!(known.contains(&key.as_str()), "the evaluator does not know {key}");
    }
}

/// A lone value counts as a list of one.
fn list(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(values) => values.clone(),
        Value::Null => panic!("something is missing from a policy"),
        one => vec![one.clone()],
    }
}

fn lower(value: &Value) -> Value {
    serde_json::from_str(&value.to_string().to_ascii_lowercase()).unwrap()
}

fn string(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no string: {value}"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn session() -> Session {
        Session {
            access_key_id: "ASIA1".into(),
            secret: String::new(),
            token: String::new(),
            user_id: "AROA1:jit-1".into(),
            role_arn: "arn:aws:iam::123456789012:role/jit/deploy".into(),
            name: "jit-1".into(),
            source_identity: None,
            tags: BTreeMap::from([("JitGrantId".to_owned(), "g1".to_owned())]),
            policy: None,
            minted_at: "2026-11-21T11:00:00Z".parse().unwrap(),
            expires_at: "2026-11-21T12:00:00Z".parse().unwrap(),
            delivered: true,
        }
    }

    fn says(policy: &str, action: &str) -> Decision {
        let at = "2026-11-21T11:30:00Z".parse().unwrap();
        decide(policy, &Request { action, resource: "arn:aws:s3:::logs/a", at, session: &session() })
    }

    fn under(condition: &str) -> bool {
        let policy =
            format!(r#"{{"Statement":{{"Effect":"Allow","Action":"*","Resource":"*","Condition":{condition}}}}}"#);
        says(&policy, "s3:GetObject") == Decision::Allowed
    }

    #[test]
    fn deny_goes_before_allow_and_silence_is_no() {
        let policy = r#"{"Version":"2012-10-17","Statement":[
            {"Effect":"Deny","Action":"s3:Delete*","Resource":"*"},
            {"Effect":"Allow","Action":["S3:*"],"Resource":["arn:aws:s3:::logs/*","arn:aws:s3:::x"]}]}"#;
        assert_eq!(says(policy, "s3:GetObject"), Decision::Allowed);
        assert_eq!(says(policy, "s3:DeleteObject"), Decision::Denied);
        assert_eq!(says(policy, "ec2:RunInstances"), Decision::Silent);
    }

    #[test]
    fn conditions_mean_what_iam_says() {
        for (condition, expected) in [
            (r#"{"StringEquals":{"aws:PrincipalTag/JitGrantId":["g0","g1"]}}"#, true),
            (r#"{"StringEquals":{"aws:principaltag/jitgrantid":"g2"}}"#, false),
            (r#"{"StringEquals":{"aws:PrincipalTag/Team":"g1"}}"#, false),
            (r#"{"StringEquals":{"aws:SourceIdentity":"sre"}}"#, false),
            (r#"{"Null":{"aws:SourceIdentity":"true"}}"#, true),
            (r#"{"Null":{"aws:userid":"true"}}"#, false),
            (r#"{"StringLike":{"aws:userid":"AROA?:jit-*"}}"#, true),
            (r#"{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/jit/*"}}"#, true),
            (r#"{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*"}}"#, false),
            (r#"{"DateLessThan":{"aws:CurrentTime":"2026-11-21T11:30:00Z"}}"#, false),
            (r#"{"DateLessThanEquals":{"aws:CurrentTime":"2026-11-21T11:30:00Z"}}"#, true),
            (r#"{"DateGreaterThan":{"aws:CurrentTime":"2026-11-21T11:30:00Z"}}"#, false),
            (r#"{"DateGreaterThanEquals":{"aws:CurrentTime":"2026-11-21T11:30:00Z"}}"#, true),
            (r#"{"DateLessThan":{"aws:TokenIssueTime":"2026-11-21T11:00:01Z"},"Null":{"aws:userid":"true"}}"#, false),
        ] {
            assert_eq!(under(condition), expected, "{condition}");
        }
    }

    #[test]
    fn it_does_not_guess() {
        for condition in [
            r#"{"StringNotEquals":{"aws:userid":"x"}}"#,
            r#"{"StringEqualsIfExists":{"aws:userid":"x"}}"#,
            r#"{"StringEquals":{"aws:RequestedRegion":"eu-west-1"}}"#,
            r#"{"StringLike":{"aws:userid":"${aws:username}"}}"#,
        ] {
            let guess = std::panic::catch_unwind(|| under(condition));
            assert!(guess.is_err(), "{condition}");
        }
    }
}
