//! Policy documents that end by themselves: every statement that allows something gets the end of its grant as a
//! condition, so that AWS takes the access away on time even when the bot is dead.
//!
//! Statements that deny are left alone. With the same condition they would deny until the end and no more, which turns
//! them round: what they forbid would open at the very moment when it should close. They hold as long as the policy is
//! there, which is a little longer than the grant.

use std::fmt;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::time::whole_second;

/// The operator and the key by which a statement ends.
const OPERATOR: &str = "DateLessThan";
const KEY: &str = "aws:CurrentTime";

/// Why a document cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// It cannot be read at all.
    #[error("it is not JSON: {0}")]
    NotJson(String),
    /// It has nothing that a policy has.
    #[error("it has no statements: a policy looks like {{ \"Version\": \"2012-10-17\", \"Statement\": [ ... ] }}")]
    NoStatements,
    /// A statement is no table.
    #[error("statement {0} is not a table")]
    NotATable(Place),
    /// A policy on a user or a role is about that user or role.
    #[error("statement {0} names a principal: a policy on a user or a role is about that one alone")]
    NamesPrincipal(Place),
    /// A statement neither allows nor denies.
    #[error("statement {0} needs \"Effect\": \"Allow\" or \"Deny\"")]
    NoEffect(Place),
    /// The end of the grant cannot be put beside the conditions that are there.
    #[error("statement {0} has conditions that are not tables")]
    BadCondition(Place),
    /// There is an end that cannot be compared with the grant's.
    #[error("statement {0} has an end of its own that cannot be read: write it like \"2027-01-31T18:00:00Z\"")]
    BadEnd(Place),
    /// Nobody gets anything by it.
    #[error("none of its statements allows anything")]
    AllowsNothing,
}

/// Which statement of a document, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place(usize);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The document, minified, with `until` as the end of everything that it allows. A statement that ends earlier by its own
/// conditions keeps that end. The moment is cut down to the whole second: no access outlives its grant.
///
/// # Errors
/// When the document is no policy, or not one for a user or a role.
pub fn ending(document: &str, until: Timestamp) -> Result<String, Flaw> {
    let mut policy = match serde_json::from_str(document) {
        Ok(Value::Object(policy)) => policy,
        Ok(_) => return Err(Flaw::NoStatements),
        Err(error) => return Err(Flaw::NotJson(error.to_string())),
    };
    let mut statements = match policy.remove("Statement") {
        Some(Value::Array(statements)) if !statements.is_empty() => statements,
        Some(statement @ Value::Object(_)) => vec![statement],
        Some(_) | None => return Err(Flaw::NoStatements),
    };
    let mut allows = false;
    for (number, statement) in statements.iter_mut().enumerate() {
        allows |= end(statement, until, Place(number + 1))?;
    }
    if !allows {
        return Err(Flaw::AllowsNothing);
    }
    policy.insert("Statement".to_owned(), Value::Array(statements));
    policy.entry("Version").or_insert_with(|| json!("2012-10-17"));
    Ok(Value::Object(policy).to_string())
}

/// Whether two documents say the same, in whatever order and with whatever spaces.
#[must_use]
pub fn are_same(one: &str, other: &str) -> bool {
    let read = |document: &str| serde_json::from_str::<Value>(document).ok();
    read(one).is_some_and(|one| Some(one) == read(other))
}

/// How long a document is as IAM counts: white space is free.
#[must_use]
pub fn length(document: &str) -> usize {
    document.chars().filter(|letter| !letter.is_whitespace()).count()
}

/// Puts the end into one statement, if it allows something.
fn end(statement: &mut Value, until: Timestamp, place: Place) -> Result<bool, Flaw> {
    let statement = statement.as_object_mut().ok_or(Flaw::NotATable(place))?;
    if statement.contains_key("Principal") || statement.contains_key("NotPrincipal") {
        return Err(Flaw::NamesPrincipal(place));
    }
    match statement.get("Effect").and_then(Value::as_str) {
        Some("Allow") => {}
        Some("Deny") => return Ok(false),
        Some(_) | None => return Err(Flaw::NoEffect(place)),
    }
    let conditions = table_in(statement, "Condition").ok_or(Flaw::BadCondition(place))?;
    let operator = found(conditions, OPERATOR).map_or(OPERATOR.to_owned(), |(operator, _)| operator.clone());
    let dates = table_in(conditions, &operator).ok_or(Flaw::BadCondition(place))?;
    let key = found(dates, KEY).map_or(KEY.to_owned(), |(key, _)| key.clone());
    let own = match dates.get(&key) {
        Some(own) => Some(latest(own).ok_or(Flaw::BadEnd(place))?),
        None => None,
    };
    let end = own.map_or(until, |own| own.min(until));
    dates.insert(key, json!(whole_second(end).to_string()));
    Ok(true)
}

/// The table under a key, made if there is none.
fn table_in<'a>(table: &'a mut Map<String, Value>, key: &str) -> Option<&'a mut Map<String, Value>> {
    table.entry(key).or_insert_with(|| Value::Object(Map::new())).as_object_mut()
}

/// An entry by its name, in which AWS knows no case.
fn found<'a>(table: &'a Map<String, Value>, name: &str) -> Option<(&'a String, &'a Value)> {
    table.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))
}

/// Any one of several values is enough for a condition, so the latest is the one that counts.
fn latest(wanted: &Value) -> Option<Timestamp> {
    let date = |value: &Value| value.as_str()?.parse::<Timestamp>().ok();
    match wanted {
        Value::Array(values) => values.iter().map(date).collect::<Option<Vec<_>>>()?.into_iter().max(),
        one => date(one),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn noon() -> Timestamp {
        at("2026-11-21T12:00:00.75Z")
    }

    fn bounded(statement: &str) -> String {
        let policy: Value =
            serde_json::from_str(&ending(&format!(r#"{{"Statement":[{statement}]}}"#), noon()).unwrap()).unwrap();
        policy["Statement"][0]["Condition"].to_string()
    }

    #[test]
    fn what_is_allowed_ends_and_what_is_denied_stays_denied() {
        let policy = r#"{ "Id": "x", "Statement": [
            { "Effect": "Allow", "Action": "s3:*", "Resource": "*" },
            { "Effect": "Deny", "Action": "s3:Delete*", "Resource": "*" } ] }"#;
        let bounded = ending(policy, noon()).unwrap();
        insta::assert_snapshot!(bounded, @r#"{"Id":"x","Statement":[{"Action":"s3:*","Condition":{"DateLessThan":{"aws:CurrentTime":"2026-11-21T12:00:00Z"}},"Effect":"Allow","Resource":"*"},{"Action":"s3:Delete*","Effect":"Deny","Resource":"*"}],"Version":"2012-10-17"}"#);
        assert!(are_same(&bounded, &format!(" {bounded}\n")));
        assert!(!are_same(&bounded, policy) && !are_same("", ""));
    }

    #[test]
    fn the_end_joins_the_conditions_that_are_there() {
        for (condition, expected) in [
            ("{}", r#"{"DateLessThan":{"aws:CurrentTime":"2026-11-21T12:00:00Z"}}"#),
            (
                r#"{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}"#,
                r#"{"DateLessThan":{"aws:CurrentTime":"2026-11-21T12:00:00Z"},"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}"#,
            ),
            (
                r#"{"DateLessThan":{"aws:TokenIssueTime":"2026-01-01T00:00:00Z"}}"#,
                r#"{"DateLessThan":{"aws:CurrentTime":"2026-11-21T12:00:00Z","aws:TokenIssueTime":"2026-01-01T00:00:00Z"}}"#,
            ),
            (
                r#"{"DateLessThan":{"aws:CurrentTime":"2026-11-21T11:00:00+00:00"}}"#,
                r#"{"DateLessThan":{"aws:CurrentTime":"2026-11-21T11:00:00Z"}}"#,
            ),
            (
                r#"{"datelessthan":{"AWS:currenttime":["2026-11-21T11:00:00Z","2027-01-01T00:00:00Z"]}}"#,
                r#"{"datelessthan":{"AWS:currenttime":"2026-11-21T12:00:00Z"}}"#,
            ),
        ] {
            assert_eq!(bounded(&format!(r#"{{"Effect":"Allow","Condition":{condition}}}"#)), expected);
        }
    }

    #[test]
    fn what_cannot_be_used_is_told_in_words() {
        let refusals: Vec<String> = [
            "",
            "[]",
            r#"{"Statement":[]}"#,
            r#"{"Statement":["x"]}"#,
            r#"{"Statement":{"Effect":"Allow","Principal":"*"}}"#,
            r#"{"Statement":[{"Effect":"Allow"},{"Effect":"Allow","NotPrincipal":"*"}]}"#,
            r#"{"Statement":[{"Effect":"allow"}]}"#,
            r#"{"Statement":[{"Effect":"Allow","Condition":[]}]}"#,
            r#"{"Statement":[{"Effect":"Allow","Condition":{"DateLessThan":{"aws:CurrentTime":1}}}]}"#,
            r#"{"Statement":[{"Effect":"Deny"}]}"#,
        ]
        .into_iter()
        .map(|policy| ending(policy, noon()).unwrap_err().to_string())
        .collect();
        insta::assert_snapshot!(refusals.join("\n"), @r#"
        it is not JSON: EOF while parsing a value at line 1 column 0
        it has no statements: a policy looks like { "Version": "2012-10-17", "Statement": [ ... ] }
        it has no statements: a policy looks like { "Version": "2012-10-17", "Statement": [ ... ] }
        statement 1 is not a table
        statement 1 names a principal: a policy on a user or a role is about that one alone
        statement 2 names a principal: a policy on a user or a role is about that one alone
        statement 1 needs "Effect": "Allow" or "Deny"
        statement 1 has conditions that are not tables
        statement 1 has an end of its own that cannot be read: write it like "2027-01-31T18:00:00Z"
        none of its statements allows anything
        "#);
    }

    #[test]
    fn white_space_is_free() {
        assert_eq!(length("{ \"a\":\n\"b c\" }"), 10);
    }
}
