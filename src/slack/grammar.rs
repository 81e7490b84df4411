//! What people type after `/jit`.

use std::time::Duration;

use crate::domain::{
    ids::{Code, RoleName},
    time::parse_duration,
};

/// A command that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// `/jit`, `/jit help`
    Help,
    /// `/jit list`
    List,
    /// `/jit status`
    Status,
    /// `/jit request prod-deploy 30m fixing OPS-42`
    Request {
        /// Which role.
        role: RoleName,
        /// For how long, if it was said.
        duration: Option<Duration>,
        /// The rest.
        reason: String,
    },
    /// `/jit cancel REQ-7K3M`
    Cancel(Code),
    /// `/jit end GRANT-7K3M`
    End(Code),
    /// `/jit extend GRANT-7K3M 30m the restore takes longer`
    Extend {
        /// Which grant.
        grant: Code,
        /// How much longer.
        more: Duration,
        /// Why, if that has changed.
        reason: String,
    },
}

/// Why a command was not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Misunderstood {
    /// There is no such command.
    Verb {
        /// What was typed.
        typed: String,
        /// What may have been meant.
        did_you_mean: Option<&'static str>,
    },
    /// `/jit request` without a role.
    NoRole,
    /// `for` was not followed by a duration.
    NoDuration {
        /// What followed.
        typed: String,
    },
    /// Looks like a duration and is none: `90`, `1.5x`, `-5m`.
    BadDuration {
        /// What was typed.
        typed: String,
    },
    /// `/jit cancel` or `/jit end` without a name, or with something that is none.
    NoCode {
        /// The command.
        verb: &'static str,
        /// What a name looks like here.
        example: &'static str,
    },
}

/// The commands, for the help text and for "did you mean".
pub const VERBS: [&str; 7] = ["request", "list", "status", "extend", "cancel", "end", "help"];

/// How each is used and what it is for, in the order of the help text.
pub const USAGES: [(&str, &str); 7] = [
    ("request ROLE 30m why you need it", "ask for a role; without a time you get its usual one"),
    ("list", "what you may ask for, how long, and who approves"),
    ("status", "your requests that wait, and what you have"),
    ("extend GRANT-7K3M 30m", "ask for more time"),
    ("cancel REQ-7K3M", "withdraw a request"),
    ("end GRANT-7K3M", "give access back before its time"),
    ("help", "this text"),
];

/// Understands the text after `/jit`, as Slack sends it: with `&`, `<` and `>` as entities.
///
/// # Errors
/// With what was not understood.
pub fn parse(text: &str) -> Result<Command, Misunderstood> {
    let text = unescape(text);
    let (verb, rest) = first_word(&text);
    match verb.to_lowercase().as_str() {
        "" | "help" => Ok(Command::Help),
        "list" | "roles" => Ok(Command::List),
        "status" => Ok(Command::Status),
        "request" => request(rest),
        "cancel" => {
            code(rest).map(Command::Cancel).ok_or(Misunderstood::NoCode { verb: "cancel", example: "REQ-7K3M" })
        }
        "end" => code(rest).map(Command::End).ok_or(Misunderstood::NoCode { verb: "end", example: "GRANT-7K3M" }),
        "extend" => extend(rest),
        unknown => Err(Misunderstood::Verb { typed: verb.to_owned(), did_you_mean: closest(unknown) }),
    }
}

fn extend(rest: &str) -> Result<Command, Misunderstood> {
    let (name, rest) = first_word(rest);
    let grant = code(name).ok_or(Misunderstood::NoCode { verb: "extend", example: "GRANT-7K3M 30m" })?;
    let (more, reason) = duration(rest)?;
    let more = more.ok_or_else(|| Misunderstood::NoDuration { typed: first_word(rest).0.to_owned() })?;
    Ok(Command::Extend { grant, more, reason: reason.trim().to_owned() })
}

fn request(rest: &str) -> Result<Command, Misunderstood> {
    let (role, rest) = first_word(rest);
    if role.is_empty() {
        return Err(Misunderstood::NoRole);
    }
    let (duration, reason) = duration(rest)?;
    Ok(Command::Request { role: RoleName(role.to_lowercase()), duration, reason: reason.trim().to_owned() })
}

/// `30m …`, `1h 30m …`, `for 30m …`, or no duration at all. A reason may begin with "for" only when what follows looks
/// nothing like a duration.
fn duration(rest: &str) -> Result<(Option<Duration>, &str), Misunderstood> {
    let (word, after) = first_word(rest);
    if word.eq_ignore_ascii_case("for") {
        let (next, _) = first_word(after);
        return match leading_duration(after) {
            Some((duration, reason)) => Ok((Some(duration), reason)),
            None if next.is_empty() || looks_like_a_duration(next) => {
                Err(Misunderstood::NoDuration { typed: next.to_owned() })
            }
            None => Ok((None, rest)),
        };
    }
    match leading_duration(rest) {
        Some((duration, reason)) => Ok((Some(duration), reason)),
        None if looks_like_a_duration(word) => Err(Misunderstood::BadDuration { typed: word.to_owned() }),
        None => Ok((None, rest)),
    }
}

/// As many words as read as one duration: `1h 30m` is one.
fn leading_duration(text: &str) -> Option<(Duration, &str)> {
    let (word, mut rest) = first_word(text);
    let mut total = parse_duration(word)?;
    loop {
        let (next, after) = first_word(rest);
        let Some(more) = parse_duration(next).filter(|more| *more < total) else {
            return Some((total, rest));
        };
        total += more;
        rest = after;
    }
}

/// A number with at most a unit behind it. `42nd` is a word, `90` and `-5m` are mistakes to ask about.
fn looks_like_a_duration(word: &str) -> bool {
    let unsigned = word.trim_start_matches(['-', '+']);
    let unit = unsigned.trim_start_matches(|letter: char| letter.is_ascii_digit() || matches!(letter, '.' | ','));
    let numeric = unit.len() < unsigned.len();
    let units = ["", "s", "m", "h", "d", "w", "sec", "min", "mins", "hr", "hrs", "hour", "hours", "minutes", "x"];
    numeric && units.contains(&unit.to_lowercase().as_str())
}

fn code(rest: &str) -> Option<Code> {
    Code::parse(first_word(rest).0)
}

fn first_word(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    text.split_once(char::is_whitespace).unwrap_or((text, ""))
}

fn closest(typed: &str) -> Option<&'static str> {
    // Words that differ this much in length cannot be close; telling so spares the comparison with a very long text.
    let reach = |verb: &str| verb.len().div_ceil(3);
    VERBS
        .into_iter()
        .filter(|verb| verb.len().abs_diff(typed.len()) <= reach(verb))
        .map(|verb| (strsim::damerau_levenshtein(typed, verb), verb))
        .filter(|(distance, verb)| *distance <= reach(verb))
        .min()
        .map(|(_, verb)| verb)
}

/// Slack sends the three letters that are special to it as entities.
fn unescape(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::unnecessary_wraps, reason = "stands in a table of results")]
    fn asked(role: &str, minutes: Option<u64>, reason: &str) -> Result<Command, Misunderstood> {
        let duration = minutes.map(|minutes| Duration::from_secs(minutes * 60));
        Ok(Command::Request { role: role.into(), duration, reason: reason.into() })
    }

    #[test]
    fn requests_are_read_the_way_people_type_them() {
        let table = [
            ("request prod-deploy 30m fixing OPS-42", asked("prod-deploy", Some(30), "fixing OPS-42")),
            ("request prod-deploy 1h30m fixing OPS-42", asked("prod-deploy", Some(90), "fixing OPS-42")),
            ("request prod-deploy 1h 30m fixing OPS-42", asked("prod-deploy", Some(90), "fixing OPS-42")),
            ("request prod-deploy for 30m fixing OPS-42", asked("prod-deploy", Some(30), "fixing OPS-42")),
            ("request prod-deploy fixing OPS-42", asked("prod-deploy", None, "fixing OPS-42")),
            ("request prod-deploy for the release", asked("prod-deploy", None, "for the release")),
            ("request prod-deploy 2nd try", asked("prod-deploy", None, "2nd try")),
            ("  REQUEST  Prod-Deploy   30m   a  b ", asked("prod-deploy", Some(30), "a  b")),
            ("request prod-deploy", asked("prod-deploy", None, "")),
            ("request r 30m a &lt;!channel&gt; &amp;amp;", asked("r", Some(30), "a <!channel> &amp;")),
            ("request", Err(Misunderstood::NoRole)),
            ("request r 90 x", Err(Misunderstood::BadDuration { typed: "90".into() })),
            ("request r -5m x", Err(Misunderstood::BadDuration { typed: "-5m".into() })),
            ("request r 0m x", Err(Misunderstood::BadDuration { typed: "0m".into() })),
            ("request r for 90", Err(Misunderstood::NoDuration { typed: "90".into() })),
            ("request r for", Err(Misunderstood::NoDuration { typed: String::new() })),
        ];
        for (typed, expected) in table {
            assert_eq!(parse(typed), expected, "{typed}");
        }
    }

    #[test]
    fn the_other_commands() {
        let code = Code::parse("7K3M").unwrap();
        let table = [
            ("", Ok(Command::Help)),
            ("help", Ok(Command::Help)),
            ("list", Ok(Command::List)),
            ("Status", Ok(Command::Status)),
            ("cancel REQ-7K3M", Ok(Command::Cancel(code.clone()))),
            ("end grant-7k3m please", Ok(Command::End(code.clone()))),
            (
                "extend GRANT-7K3M for 1h 30m still at it",
                Ok(Command::Extend {
                    grant: code.clone(),
                    more: Duration::from_mins(90),
                    reason: "still at it".into(),
                }),
            ),
            ("extend", Err(Misunderstood::NoCode { verb: "extend", example: "GRANT-7K3M 30m" })),
            ("extend 7K3M", Err(Misunderstood::NoDuration { typed: String::new() })),
            ("extend 7K3M soon", Err(Misunderstood::NoDuration { typed: "soon".into() })),
            ("extend 7K3M 90", Err(Misunderstood::BadDuration { typed: "90".into() })),
            ("cancel", Err(Misunderstood::NoCode { verb: "cancel", example: "REQ-7K3M" })),
            ("end it", Err(Misunderstood::NoCode { verb: "end", example: "GRANT-7K3M" })),
            ("reqeust x", Err(Misunderstood::Verb { typed: "reqeust".into(), did_you_mean: Some("request") })),
            ("frobnicate", Err(Misunderstood::Verb { typed: "frobnicate".into(), did_you_mean: None })),
        ];
        for (typed, expected) in table {
            assert_eq!(parse(typed), expected, "{typed}");
        }
    }
}
